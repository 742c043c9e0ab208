"""Trust, position bias and feedback, against the simulated shoppers' known truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from adore.artifacts import read_table, write_table
from adore.behaviour.feedback import Config, run
from adore.behaviour.position import propensities
from adore.behaviour.trust import untrusted
from adore.data.shoppers import Shoppers
from adore.types import Evidence

SHOPPERS = Shoppers(seed=1, users=400, bots=0.05)
GRADES = {f"i{n}": (3, 3, 2, 1, 0, 3, 2, 0)[n] for n in range(8)}


@pytest.fixture(scope="module")
def events() -> pl.DataFrame:
    rng, rows = np.random.default_rng(0), []
    for user in range(400):
        for visit in range(8):
            ranking = [str(i) for i in rng.permutation(sorted(GRADES))]
            rows += SHOPPERS.visit(user, f"q{visit % 4}", ranking, GRADES, visit=visit)
    return pl.DataFrame(rows)


def test_bots_are_filtered_and_people_are_not(events: pl.DataFrame) -> None:
    found = set(untrusted(events)["client_id"])
    bots = {SHOPPERS.client(u) for u in range(400) if SHOPPERS.is_bot(u)}
    assert bots <= found and len(found - bots) <= 4


def test_propensities_recover_the_known_bias(events: pl.DataFrame) -> None:
    people = events.join(untrusted(events), on="client_id", how="anti")
    p = propensities(people)
    assert p == pytest.approx([SHOPPERS.propensity(k) for k in range(1, 9)], abs=0.08)
    assert propensities(events.head(0)).tolist() == [1.0]


def test_feedback_is_two_sided_and_names_its_events(events: pl.DataFrame, tmp_path: Path) -> None:
    evidence = Evidence.many_to_json([Evidence("brand", "a", "a", "b", "b", "brand", "conflict")])
    keys = [{"query_id": f"q{q}", "item_id": i} for q in range(4) for i in GRADES]
    strict = [{**k, "grade": 2 if GRADES[k["item_id"]] == 3 else 3, "probabilities": [0.0] * 4, "rationale": "", "judge": "rules", "rulebook": "r"} for k in keys]  # fmt: skip # noqa: E501
    for name in ("prepared", "evidence", "answers", "out"):
        (tmp_path / name).mkdir()
    write_table([{"query_id": f"q{q}", "query": "x", "split": "train" if q else "test"} for q in range(4)], tmp_path / "prepared", "queries")  # fmt: skip # noqa: E501
    write_table(events, tmp_path / "prepared", "events")
    write_table([{**k, "evidence": evidence} for k in keys], tmp_path / "evidence", "pairs")
    write_table(strict, tmp_path / "answers", "answers")
    where = {"prepared": tmp_path / "prepared", "evidence": tmp_path / "evidence", "answers": [tmp_path / "answers"]}
    metrics = run(Config(), **where, output=tmp_path / "out")
    rows = read_table(tmp_path / "out", "feedback")
    assert metrics["desirable"] > 0 and metrics["undesirable"] > 0 and metrics["filtered_clients"] >= 20
    assert "q0" not in set(rows["query_id"]), "only train queries teach"
    assert {"bought, judged strictly"} <= set(rows["kind"])
    known = set(events["event_id"])
    assert all(ids and set(ids) <= known for ids in rows["event_ids"].to_list())
