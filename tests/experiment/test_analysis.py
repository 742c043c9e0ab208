"""Analysis: effects that agree with scipy, refusals, and what does not count."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import polars as pl
import pytest

from adore.experiment.analysis import analyse
from adore.experiment.decision import decide
from adore.experiment.design import Design, design_of
from adore.experiment.metrics import rule_count
from adore.experiment.result import ExperimentResult

HOUR = 3_600_000


def test_welch_agrees_with_scipy(design: Design, logs: Any) -> None:
    from scipy.stats import ttest_ind

    exposures, events = logs(0.5)
    result = analyse(design, exposures, events)
    counts = exposures.join(
        events.group_by("client_id").len(), on="client_id", how="left"
    ).fill_null(0)
    a, b = (
        counts.filter(pl.col("variant") == v)["len"].to_numpy()
        for v in ("control", "challenger")
    )
    assert result.metrics["purchases_per_user"].p == pytest.approx(
        ttest_ind(b, a, equal_var=False).pvalue
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda x: x.head(0), "no exposures"),
        (lambda x: pl.concat([x, x.head(20)]), "occur twice, 20 of 420 rows"),
        (lambda x: x.head(50), "too few users"),
        (lambda x: x.with_columns(served=pl.lit("none")), "served is not assigned"),
        (
            lambda x: x.with_columns(
                variant=pl.col("variant").reverse(), served=pl.col("variant").reverse()
            ),
            "mixed salts",
        ),
    ],
)
def test_refusals(design: Design, logs: Any, change: Any, reason: str) -> None:
    exposures, events = logs(0.5)
    result = analyse(design, change(exposures), events)
    assert reason in result.refusal and not result.metrics
    assert decide(result).action == "hold"


def test_a_few_odd_exposures_are_left_out_and_named(design: Design, logs: Any) -> None:
    exposures, events = logs(0.5)
    stray = exposures.head(2).with_columns(
        exposure_id=pl.lit("x") + pl.col("exposure_id"),
        variant=pl.col("variant").replace(
            {"control": "challenger", "challenger": "control"}
        ),
    )
    plain = analyse(design, exposures, events)
    found = analyse(design, pl.concat([exposures, exposures.head(3), stray]), events)
    assert (
        not found.refusal
        and found.metrics == plain.metrics
        and found.users == plain.users
    )
    assert found.left_out["exposures"] == {
        "the same exposure again": 3,
        "of a variant that the salt does not give this user": 2,
    }
    many = pl.concat(
        [
            exposures,
            *(stray.with_columns(exposure_id=pl.lit(f"y{n}")) for n in range(5)),
        ]
    )
    assert "two variants" in analyse(design, many, events).refusal


def test_lost_exposures_refuse_when_they_are_many(design: Design, logs: Any) -> None:
    assert not analyse(design, *logs(0.0), lost=8).refusal
    assert (
        "9 of 409 lines cannot be read" in analyse(design, *logs(0.0), lost=9).refusal
    )


@pytest.fixture
def answering(design: Design, logs: Any) -> Callable[..., ExperimentResult]:
    """Analyse a log in which one variant's answers are replaced."""

    def analyse_replaced(variant: str, **replaced: str) -> ExperimentResult:
        exposures, events = logs(0.0)
        is_mine = pl.col("variant") == variant
        changed = exposures
        for column, value in replaced.items():
            new = pl.when(is_mine).then(pl.lit(value)).otherwise(pl.col(column))
            changed = changed.with_columns(new.alias(column))
        return analyse(design, changed, events)

    return analyse_replaced


@pytest.mark.parametrize(
    "by", [{"served": "control", "model_version": "c1"}, {"model_version": "s0"}]
)
def test_a_challenger_that_does_not_answer_is_rolled_back(
    answering: Any, by: dict[str, str]
) -> None:
    result = answering("challenger", **by)
    assert result.mismatch == {"challenger": 1.0, "control": 0.0}
    assert (
        decide(result).action == "roll back" and "challenger" in decide(result).reason
    )


def test_a_control_of_another_model_holds(answering: Any) -> None:
    decision = decide(answering("control", model_version="c0"))
    assert (
        decision.action == "hold" and "served is not assigned in 4" in decision.reason
    )


def test_what_was_done_before_or_twice_does_not_count(
    design: Design, logs: Any, event: Any
) -> None:
    exposures, events = logs(0.0)
    early = pl.DataFrame([event(f"early-{n}", f"u{n}", n - 1) for n in range(400)])
    plain = analyse(design, exposures, events)
    found = analyse(design, exposures, pl.concat([events, events, early]))
    (a,), (b,) = plain.metrics.values(), found.metrics.values()
    assert asdict(a) == pytest.approx(asdict(b)) and (
        plain.early_events,
        found.early_events,
    ) == (
        0,
        400,
    )


def test_a_sequential_look_counts_who_was_watched_long_enough(
    design: Design, logs: Any
) -> None:
    often = design_of(
        {
            "name": "x",
            "salt": "s",
            "weights": design.weights,
            "variants": {"control": {"version": "c1"}, "challenger": {"version": "s1"}},
            "design": {"alpha": 0.1, "min_users": 40, "window_hours": 1.0},
        },
        sequential=True,
    )
    exposures, events = logs(0.0)
    result = analyse(often, exposures, events, until=HOUR + 99)
    level = f"{1 - 0.1 / rule_count():.2%}"
    assert sum(result.users.values()) == 100 and level in result.method
    first = events.filter(
        pl.col("event_id").str.ends_with("-0") & (pl.col("timestamp") < 100)
    )
    counts = result.metrics["purchases_per_user"]
    bought = (
        counts.control * result.users["control"]
        + counts.treatment * result.users["challenger"]
    )
    assert bought == pytest.approx(first.height), (
        "the second purchase came an hour later"
    )


def test_sample_ratio_mismatch_refuses(design: Design, logs: Any) -> None:
    exposures, events = logs(0.0, 2000)
    lost = exposures.filter(
        (pl.col("variant") == "control") | (pl.int_range(pl.len()) % 3 > 0)
    )
    assert "sample-ratio mismatch" in analyse(design, lost, events).refusal
    often = replace(design, sequential=True, window_hours=1.0)
    assert (
        "sample-ratio mismatch" in analyse(often, lost, events, until=2 * HOUR).refusal
    )
    assert not analyse(often, exposures, events, until=2 * HOUR).refusal


def test_a_result_as_json_has_only_what_was_computed(design: Design, logs: Any) -> None:
    exposures, events = logs(0.0)
    whole = json.loads(json.dumps(analyse(design, exposures, events).to_json()))
    common = {
        "design",
        "method",
        "users",
        "exposures",
        "early_events",
        "left_out",
        "refusal",
        "failing",
        "metrics",
    }
    assert set(whole) == common | {"mismatch", "sample_ratio_p"}
    assert whole["design"]["weights"] == design.weights
    assert set(whole["metrics"]["purchases_per_user"]) == {
        "control",
        "treatment",
        "effect",
        "low",
        "high",
        "relative",
        "p",
        "guardrail",
    }
    broken = analyse(design, exposures.head(0), events).to_json()
    assert set(broken) == common
