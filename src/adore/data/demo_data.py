"""Stage ``demo-data``: a simulated shop with known truth, as a user would bring it.

The shop is of one of two worlds.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field

from adore.config import StageConfig
from adore.data import demo_lab
from adore.data.demo_shop import Intent, Spec, make_intents, make_specs, true_grade
from adore.data.demo_text import item_row, query_text
from adore.data.shoppers import Shoppers, noisy_ranking
from adore.types import Grade

__all__ = ["Config", "run"]


class Config(StageConfig):
    """Which world, how large the shop is and how well it is judged."""

    world: Literal["shop", "lab"] = "shop"
    """``shop``: consumer goods.

    ``lab``: laboratory supplies, one-word queries, fields of its own."""
    items: int = Field(1500, ge=24, le=100_000)
    """Items of the catalogue."""
    queries: int = Field(240, ge=4, le=2_000)
    """Queries, judged or not."""
    judged: int = Field(110, ge=0)
    """Queries with human judgements."""
    candidates: int = Field(24, ge=4)
    """Items of each query's list that may be judged."""
    label_noise: float = Field(0.05, ge=0, le=1)
    """Share of human labels that are one grade off."""
    users: int = Field(600, ge=0)
    """Simulated shoppers."""
    visits: int = Field(8, ge=0)
    """Visits of each shopper."""
    bots: float = Field(0.03, ge=0, le=1)
    """Share of shoppers that are bots."""


@dataclass(frozen=True, slots=True)
class _World:
    """How one world makes items and intents, grades them, and writes them down.

    Attributes:
        near: whether an irrelevant item looks like what is meant.
        label: a grade as this world's judges write it.
    """

    items: Callable[[random.Random, int], list[Any]]
    intents: Callable[[random.Random, int], list[Any]]
    grade: Callable[[Any, Any], Grade]
    near: Callable[[Any, Any], bool]
    row: Callable[[Any, random.Random], dict[str, Any]]
    text: Callable[[Any, random.Random], str]
    label: Callable[[Grade], object]


def _shop_near(intent: Intent, spec: Spec) -> bool:
    return spec.category == intent.category or spec.brand == intent.brand


_WORLDS = {
    "shop": _World(
        make_specs,
        make_intents,
        true_grade,
        _shop_near,
        item_row,
        query_text,
        lambda g: g.letter,
    ),
    "lab": _World(
        demo_lab.make_products,
        demo_lab.make_intents,
        demo_lab.grade,
        demo_lab.shares,
        demo_lab.row,
        demo_lab.text,
        int,
    ),
}


def _lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    text = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows).encode()
    path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)


def _candidates(
    intent: Any, items: list[Any], rng: random.Random, world: _World, count: int
) -> dict[Any, int]:
    """A list as retrieval would give it, with true grades."""
    # It holds exact items, near misses, accessories, and strangers that share a word.
    order = rng.sample(items, len(items))
    by_grade: dict[Grade, list[Any]] = {grade: [] for grade in Grade}
    for item in order:
        by_grade[world.grade(intent, item)].append(item)

    irrelevant = by_grade[Grade.IRRELEVANT]
    near = [item for item in irrelevant if world.near(intent, item)]

    third = count // 3
    eighth = count // 8
    chosen = [
        *by_grade[Grade.EXACT][:third],
        *by_grade[Grade.SUBSTITUTE][:third],
        *by_grade[Grade.COMPLEMENT][:eighth],
        *near[:eighth],
    ]

    # The rest of the list is whatever else the shop sells.
    have = {item.item_id for item in chosen}
    strangers = [item for item in irrelevant if item.item_id not in have]
    chosen += strangers[: count - len(chosen)]

    chosen.sort(key=lambda item: item.item_id)
    return {item.item_id: int(world.grade(intent, item)) for item in chosen}


def _noisy(grade: int, rng: random.Random, noise: float) -> int:
    if rng.random() >= noise:
        return grade
    step = rng.choice((-1, 1))
    return grade + step if 0 <= grade + step <= 3 else grade - step


def _ubi(row: dict[str, Any], queries: dict[str, str]) -> dict[str, Any]:
    """One event in OpenSearch's UBI schema."""
    place = {
        "object": {"object_id": row["object_id"]},
        "position": {"ordinal": row["position"]},
    }
    top = {k: v for k, v in row.items() if k not in ("object_id", "position")}
    return {
        "application": "demo-shop",
        **top,
        "user_query": queries[row["query_id"]],
        "event_attributes": place,
    }


def _events(
    config: Config, lists: dict[str, dict[str, int]], queries: dict[str, str]
) -> list[dict[str, Any]]:
    """Simulated shoppers over the shop's old ranking."""
    # The ranking is the truth under much noise, other noise at every visit.
    shoppers = Shoppers(seed=config.seed, users=config.users, bots=config.bots)
    rng = random.Random(config.seed + 1)
    names = sorted(lists)
    rows: dict[str, dict[str, Any]] = {}
    for user in range(config.users):
        for visit in range(config.visits):
            query = rng.choice(names)
            grades = lists[query]
            ranking = noisy_ranking(grades, rng)
            for row in shoppers.visit(user, query, ranking, grades, visit=visit):
                rows[row["event_id"]] = row

    events = []
    for row in sorted(rows.values(), key=_when):
        events.append(_ubi(row, queries))
    return events


def _when(row: dict[str, Any]) -> tuple[int, str]:
    return row["timestamp"], row["event_id"]


def run(config: Config, output: Path) -> dict[str, float]:
    """Write ``items``, ``queries``, ``judgements``, ``events``, ``truth`` and ``dataset.yaml``.

    Args:
        config: which world, how large, how well judged; its seed decides every draw.
        output: the folder to write to.

    Returns:
        Numbers of items, queries, judgements and events.
    """
    # One generator draws for all of it, so the order of the steps decides what comes out.
    world = _WORLDS[config.world]
    rng = random.Random(config.seed)
    items = world.items(rng, config.items)
    intents = world.intents(rng, config.queries)
    queries = {intent.query_id: world.text(intent, rng) for intent in intents}

    lists: dict[str, dict[str, int]] = {}
    for intent in intents:
        candidates = _candidates(intent, items, rng, world, config.candidates)
        lists[intent.query_id] = candidates

    judged = rng.sample(sorted(queries), min(config.judged, len(queries)))
    labels = []
    for query_id in sorted(judged):
        for item_id, grade in lists[query_id].items():
            noisy = Grade(_noisy(grade, rng, config.label_noise))
            label = world.label(noisy)
            labels.append({"query_id": query_id, "item_id": item_id, "label": label})

    truth = []
    for query_id, grades in lists.items():
        for item_id, grade in grades.items():
            truth.append({"query_id": query_id, "item_id": item_id, "grade": grade})

    events = _events(config, lists, queries)
    texts = [
        {"query_id": query_id, "query": text} for query_id, text in queries.items()
    ]
    _lines(output / "items.jsonl.gz", (world.row(item, rng) for item in items))
    _lines(output / "queries.jsonl", texts)
    _lines(output / "judgements.jsonl", labels)
    _lines(output / "truth.jsonl.gz", truth)
    _lines(output / "events.jsonl.gz", events)
    about = {
        "name": f"demo {config.world}",
        "language": "en",
        "rulebook": "general",
        "simulated": True,
    }
    (output / "dataset.yaml").write_text(yaml.safe_dump(about), "utf-8")
    return {
        "items": len(items),
        "queries": len(queries),
        "judgements": len(labels),
        "events": len(events),
    }
