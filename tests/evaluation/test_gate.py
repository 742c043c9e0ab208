from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from adore.evaluation.evaluate import HARD, SIDE
from adore.evaluation.gate import Config, best_baseline, decide, run

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


def test_the_best_baseline_is_chosen_on_dev_never_on_test() -> None:
    assert best_baseline(BOTH, Config()) == "hybrid"
    assert best_baseline(BOTH.filter(pl.col("split") == "test"), Config()) == "hybrid"
    assert (
        best_baseline(BOTH.filter(pl.col("split") == "test"), Config(fallback="none"))
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


def of_systems(name: str = "all", **values: list[float]) -> pl.DataFrame:
    rows = [
        {"system": s, "split": "test", "slice": name, "query_id": f"q{i}", "value": v}
        for s, many in values.items()
        for i, v in enumerate(many)
    ]
    return pl.DataFrame(rows)


THREE = pl.concat([BOTH, measures({"champion": 0.95}, {"champion": 0.7})])


@pytest.mark.parametrize(
    ("champion", "hybrid", "refused_by"),
    [
        (0.7, 0.5, []),
        (0.9, 0.5, ["champion"]),
        (0.7, 0.9, ["hybrid"]),
        (0.95, 0.92, ["champion", "hybrid"]),
    ],
)
def test_a_challenger_must_beat_champion_and_best_baseline(
    champion: float, hybrid: float, refused_by: list[str]
) -> None:
    many = of_systems(
        student=[0.85, 0.75] * 4, champion=[champion] * 8, hybrid=[hybrid] * 8
    )
    found = decide(THREE, many, Config(draws=300))
    assert (found.champion, found.baseline) == ("champion", "hybrid")
    assert found.difference is not None
    assert found.difference.difference == pytest.approx(0.8 - champion)
    assert found.passed is (not refused_by)
    named = [o for o in ("champion", "hybrid") if f"against {o}" in str(found.reasons)]
    assert named == (refused_by or ["champion", "hybrid"])


def test_who_answers_like_the_champion_is_no_better() -> None:
    alike = [0.9, 0.3, 0.7, 0.8]
    many = of_systems(student=alike, champion=alike, hybrid=[0.2] * 4)
    found = decide(THREE, many, Config(draws=300))
    assert not found.passed and len(found.reasons) == 1
    assert found.reasons[0] == (
        "nDCG@10 difference fails: +0.000 against champion, must be above +0.000: "
        "the student is no better"
    )


def test_slices_are_guarded_against_the_champion() -> None:
    whole = of_systems(student=[0.9] * 20, champion=[0.6] * 20, hybrid=[0.5] * 20)
    worse = of_systems(
        "asks negation", student=[0.5] * 6, champion=[0.7] * 6, hybrid=[0.2] * 6
    )
    found = decide(THREE, pl.concat([whole, worse]), Config(draws=300))
    assert not found.passed
    assert "slice: asks negation fails: -0.200 against champion" in found.reasons[0]


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
        found["passed"] is True
        and found["champion"] == found["baseline"] == "hybrid"
        and found["low"] > 0
    )


def test_the_same_twice(full_run: Path, tmp_path: Path) -> None:
    assert run(Config(draws=300), full_run / "evaluate", output=tmp_path)["passed"] == 1
    assert (tmp_path / "gate.json").read_bytes() == (
        full_run / "gate" / "gate.json"
    ).read_bytes()
