from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from adore.evaluation.evaluate import HARD, SIDE
from adore.evaluation.gate import Config, champion_of, decide, run

ROW = {"measure": "nDCG@10", "slice": "all", "low": 0.0, "high": 1.0, "n": 8}


def measures(dev: dict[str, float], test: dict[str, float]) -> pl.DataFrame:
    splits = {"dev": dev, "test": test}
    rows = [
        {"system": s, "value": v, "split": k, **ROW}
        for k, part in splits.items()
        for s, v in part.items()
    ]
    return pl.DataFrame(rows)


def per_query(
    student: list[float], champion: list[float], name: str = "all"
) -> pl.DataFrame:
    rows = [
        {"system": s, "split": "test", "slice": name, "query_id": f"q{i}", "value": v}
        for s, many in (("student", student), ("hybrid", champion))
        for i, v in enumerate(many)
    ]
    return pl.DataFrame(rows)


BOTH = measures(
    {"student": 0.9, "hybrid": 0.6, "bm25": 0.5},
    {"student": 0.9, "hybrid": 0.5, "bm25": 0.8},
)


def test_the_champion_is_chosen_on_dev_never_on_test() -> None:
    assert champion_of(BOTH, Config()) == "hybrid"
    assert champion_of(BOTH.filter(pl.col("split") == "test"), Config()) == "hybrid"
    assert (
        champion_of(BOTH.filter(pl.col("split") == "test"), Config(fallback="none"))
        == "bm25"
    )


@pytest.mark.parametrize(
    ("student", "champion", "passed"),
    [
        ([0.9] * 8, [0.5] * 8, True),
        ([0.5] * 8, [0.5] * 8, False),
        ([0.5] * 8, [0.9] * 8, False),
        ([1.0, 0.0] * 4, [0.0, 0.9] * 4, False),
    ],
)
def test_the_rule(student: list[float], champion: list[float], passed: bool) -> None:
    found = decide(BOTH, per_query(student, champion), Config(draws=300))
    assert found.passed is passed and found.champion == "hybrid" and found.reasons
    assert all(
        {"name", "value", "threshold", "passed"} <= set(check.to_json())
        for check in found.checks
    )


def test_a_fallen_slice_stops_a_student_that_is_better_on_the_whole() -> None:
    whole = per_query([0.9] * 20, [0.5] * 20)
    worse = per_query([0.3] * 6, [0.5] * 6, "asks negation")
    found = decide(BOTH, pl.concat([whole, worse]), Config(draws=300))
    assert not found.passed and "slice: asks negation fails" in found.reasons[0]
    assert decide(BOTH, pl.concat([whole, worse[:4]]), Config(draws=300)).passed, (
        "four rows: too few to guard"
    )


@pytest.mark.parametrize(
    ("value", "n", "passed"), [(0.7, 40, False), (0.9, 40, True), (0.1, 29, True)]
)
def test_a_student_that_hard_cases_fool_is_stopped(
    value: float, n: int, passed: bool
) -> None:
    row = {
        **ROW,
        "system": "student",
        "split": "test",
        "slice": HARD,
        "measure": SIDE,
        "value": value,
        "n": n,
    }
    found = decide(
        pl.concat([BOTH, pl.DataFrame([row]).select(BOTH.columns)]),
        per_query([0.9] * 8, [0.5] * 8),
        Config(),
    )
    assert (
        found.passed is passed
        and ("right side of exact fails" in found.reasons[0]) is not passed
    )


def test_too_little_to_compare_is_said(tmp_path: Path) -> None:
    assert "fewer than 2" in decide(BOTH, per_query([0.9], [0.5]), Config()).reasons[0]


def test_the_stage_writes_its_verdict(full_run: Path) -> None:
    found = json.loads((full_run / "gate" / "gate.json").read_text("utf-8"))
    assert (
        found["passed"] is True and found["champion"] == "hybrid" and found["low"] > 0
    )


def test_the_same_twice(full_run: Path, tmp_path: Path) -> None:
    assert run(Config(draws=300), full_run / "evaluate", output=tmp_path)["passed"] == 1
    assert (tmp_path / "gate.json").read_bytes() == (
        full_run / "gate" / "gate.json"
    ).read_bytes()
