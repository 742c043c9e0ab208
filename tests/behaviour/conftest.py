"""One small shop with known truth, its simulated shoppers, and a judge that errs both ways."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from adore.artifacts import write_table
from adore.data.shoppers import Shoppers, noisy_ranking
from adore.types import Evidence, Grade

QUERIES, ITEMS, USERS, VISITS = 32, 20, 240, 12
SHOPPERS = Shoppers(seed=1, users=USERS, bots=0.05)


@dataclass(frozen=True)
class Shop:
    """A shop: true grades by query,
    the judge's ``pairs`` and the honest log (with the population's bots).
    """

    folder: Path
    lists: dict[str, dict[str, int]]
    pairs: pl.DataFrame
    events: pl.DataFrame
    pushed: frozenset[str]
    shoppers: Shoppers = SHOPPERS

    @property
    def bots(self) -> set[str]:
        return {SHOPPERS.client(u) for u in range(USERS) if SHOPPERS.is_bot(u)}

    def stage(self) -> dict[str, object]:
        """The stage's inputs."""
        names = ("prepared", "evidence")
        return {
            **{n: self.folder / n for n in names},
            "judged": [self.folder / "judged"],
        }


def _judged(grade: int, rng: random.Random) -> int:
    """A judge that is wrong on every seventh pair, in either direction."""
    return (2 if grade == 3 else 3) if rng.random() < 1 / 7 else grade


def _evidence(grade: int) -> str:
    state = "match" if grade == 3 else "conflict"
    return Evidence.many_to_json(
        [Evidence("brand", "a", "a", "b", "b", "brand", state)]
    )  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder, rng = tmp_path_factory.mktemp("shop"), random.Random(0)
    lists = {
        f"q{q:02}": {
            f"i{q:02}-{i:02}": (3, 3, 2, 2, 1, 0, 0, 0, 0, 3)[i % 10]
            for i in range(ITEMS)
        }
        for q in range(QUERIES)
    }
    brands = {
        item: f"b{rng.randrange(8)}" for grades in lists.values() for item in grades
    }
    keys = [
        {"query_id": q, "item_id": i} for q, grades in lists.items() for i in grades
    ]
    judged = [
        {**k, "grade": _judged(lists[k["query_id"]][k["item_id"]], rng)} for k in keys
    ]
    rows = []
    for user in range(USERS):
        for visit in range(VISITS):
            query = rng.choice(sorted(lists))
            rows += SHOPPERS.visit(
                user, query, noisy_ranking(lists[query], rng), lists[query], visit=visit
            )
    for name in ("prepared", "evidence", "judged"):
        (folder / name).mkdir()
    empty = {
        "title": "x",
        "category": "",
        "description": "",
        "bullet_points": [],
        "attributes": "{}",
    }
    splits = [
        {"query_id": q, "query": q, "split": ("train", "train", "dev", "test")[n % 4]}
        for n, q in enumerate(lists)
    ]
    write_table(splits, folder / "prepared", "queries")
    write_table(
        [{"item_id": i, "brand": b, **empty} for i, b in brands.items()],
        folder / "prepared",
        "items",
    )
    write_table([], folder / "prepared", "judgements")
    write_table(
        [{**k, "grade": lists[k["query_id"]][k["item_id"]]} for k in keys],
        folder / "prepared",
        "truth",
    )
    events = write_table(rows, folder / "prepared", "events")
    write_table(
        [{**r, "evidence": _evidence(r["grade"])} for r in judged],
        folder / "evidence",
        "pairs",
    )
    full = {
        "probabilities": [0.0] * 4,
        "rationale": "",
        "judge": "rules",
        "rulebook": "r",
    }
    write_table(
        [{**r, **full} for r in judged], folder / "judged", "teacher_judgements"
    )
    pairs = pl.DataFrame([{**r, "brand": brands[r["item_id"]]} for r in judged])
    assert {Grade.EXACT, Grade.SUBSTITUTE} <= set(pairs["grade"])
    return Shop(
        folder,
        lists,
        pairs,
        events,
        frozenset(i for i, b in brands.items() if b == "b0"),
    )
