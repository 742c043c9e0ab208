"""Assignment, analysis, refusals, decisions."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from bench.experiment.peeking import looks

from adore.errors import ConfigError
from adore.experiment.analyse import RULES, Design, analyse, design_of
from adore.experiment.assignment import assign, point
from adore.experiment.decision import decide
from adore.experiment.sequential import confidence_sequence

HALF = {"control": 0.5, "challenger": 0.5}


def test_assignment_is_pinned_sticky_and_even() -> None:
    users = [f"u{n}" for n in range(20_000)]
    got = Counter(assign(u, "s", HALF) for u in users)
    assert abs(got["control"] - 10_000) < 300  # four standard deviations
    assert [assign(u, "s", HALF) for u in users[:50]] == [
        assign(u, "s", HALF) for u in users[:50]
    ]
    few = {
        u
        for u in users
        if assign(u, "s", {"control": 0.9, "challenger": 0.1}) == "challenger"
    }
    assert all(assign(u, "s", HALF) == "challenger" for u in few), (
        "a growing share keeps its users"
    )
    assert point("c", "ab") != point("bc", "a")
    assert point("user-1", "salt") == pytest.approx(0.24727313424353972, abs=1e-15)
    assert 0 <= point("\ud800", "s") < 1


def test_weights_must_sum_to_one() -> None:
    with pytest.raises(ConfigError, match="sum 1"):
        assign("u", "s", {"control": 0.5, "challenger": 0.6})


HOUR = 3_600_000
DESIGN = Design("x", "s", HALF, versions={"control": "c1", "challenger": "s1"})


def logs(lift: float, users: int = 400) -> tuple[pl.DataFrame, pl.DataFrame]:
    """User n comes at n ms; what they buy, they buy in the hours after."""
    rng = np.random.default_rng(0)
    exposures, events = [], []
    for n in range(users):
        user, variant = f"u{n}", assign(f"u{n}", "s", HALF)
        about = {
            "variant": variant,
            "served": variant,
            "model_version": DESIGN.versions[variant],
        }
        exposures.append(
            {"exposure_id": f"e{n}", "client_id": user, "timestamp": n, **about}
        )
        for k in range(rng.poisson(1 + lift * (variant == "challenger"))):
            events.append(event(f"{n}-{k}", user, n + k * HOUR))
    return pl.DataFrame(exposures), pl.DataFrame(events)


def event(event_id: str, user: str, timestamp: int) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "client_id": user,
        "action_name": "purchase",
        "timestamp": timestamp,
    }


def test_welch_agrees_with_scipy() -> None:
    from scipy.stats import ttest_ind

    exposures, events = logs(0.5)
    result = analyse(DESIGN, exposures, events)
    counts = exposures.join(
        events.group_by("client_id").len(), on="client_id", how="left"
    ).fill_null(0)
    a, b = (
        counts.filter(pl.col("variant") == v)["len"].to_numpy()
        for v in ("control", "challenger")
    )
    assert result["metrics"]["purchases_per_user"]["p"] == pytest.approx(
        ttest_ind(b, a, equal_var=False).pvalue
    )
    decision = decide(result)
    assert decision["action"] == "promote" and "one look only" in decision["method"]


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
def test_refusals(change: Any, reason: str) -> None:
    exposures, events = logs(0.5)
    result = analyse(DESIGN, change(exposures), events)
    assert reason in result["refusal"] and not result["metrics"]
    assert decide(result)["action"] == "hold"


def test_a_few_odd_exposures_are_left_out_and_named() -> None:
    exposures, events = logs(0.5)
    stray = exposures.head(2).with_columns(
        exposure_id=pl.lit("x") + pl.col("exposure_id"),
        variant=pl.col("variant").replace(
            {"control": "challenger", "challenger": "control"}
        ),
    )
    plain = analyse(DESIGN, exposures, events)
    found = analyse(DESIGN, pl.concat([exposures, exposures.head(3), stray]), events)
    assert (
        not found["refusal"]
        and found["metrics"] == plain["metrics"]
        and found["users"] == plain["users"]
    )
    assert found["left_out"]["exposures"] == {
        "the same exposure again": 3,
        "of a variant that the salt does not give this user": 2,
    }
    many = pl.concat(
        [
            exposures,
            *(stray.with_columns(exposure_id=pl.lit(f"y{n}")) for n in range(5)),
        ]
    )
    assert "two variants" in analyse(DESIGN, many, events)["refusal"]


def test_that_nothing_came_is_said_only_if_nothing_came() -> None:
    exposures, events = logs(0.5)
    assert (
        "never happened" in decide(analyse(DESIGN, exposures, events.head(0)))["reason"]
    )
    others = events.with_columns(client_id=pl.lit("someone-else"))
    reason = decide(analyse(DESIGN, exposures, others))["reason"]
    assert (
        "never happened" not in reason
        and f"{others.height} of users who were never exposed" in reason
    )


def test_lost_exposures_refuse_when_they_are_many() -> None:
    assert not analyse(DESIGN, *logs(0.0), lost=8)["refusal"]
    assert (
        "9 of 409 lines cannot be read"
        in analyse(DESIGN, *logs(0.0), lost=9)["refusal"]
    )


def answering(variant: str, **by: str) -> dict[str, Any]:
    """One variant's answers, replaced."""
    exposures, events = logs(0.0)
    mine = pl.col("variant") == variant
    changed = exposures.with_columns(
        **{k: pl.when(mine).then(pl.lit(v)).otherwise(pl.col(k)) for k, v in by.items()}
    )
    return analyse(DESIGN, changed, events)


@pytest.mark.parametrize(
    "by", [{"served": "control", "model_version": "c1"}, {"model_version": "s0"}]
)
def test_a_challenger_that_does_not_answer_is_rolled_back(by: dict[str, str]) -> None:
    result = answering("challenger", **by)
    assert result["mismatch"] == {"challenger": 1.0, "control": 0.0}
    assert (
        decide(result)["action"] == "roll back"
        and "challenger" in decide(result)["reason"]
    )


def test_a_control_of_another_model_holds() -> None:
    decision = decide(answering("control", model_version="c0"))
    assert (
        decision["action"] == "hold"
        and "served is not assigned in 4" in decision["reason"]
    )


def test_what_was_done_before_or_twice_does_not_count() -> None:
    exposures, events = logs(0.0)
    early = pl.DataFrame([event(f"early-{n}", f"u{n}", n - 1) for n in range(400)])
    plain = analyse(DESIGN, exposures, events)
    found = analyse(DESIGN, exposures, pl.concat([events, events, early]))
    (a,), (b,) = plain["metrics"].values(), found["metrics"].values()
    assert a == pytest.approx(b) and (plain["early_events"], found["early_events"]) == (
        0,
        400,
    )


def test_a_sequential_look_counts_who_was_watched_long_enough() -> None:
    design = design_of(
        {
            "name": "x",
            "salt": "s",
            "weights": HALF,
            "variants": {"control": {"version": "c1"}, "challenger": {"version": "s1"}},
            "design": {"alpha": 0.1, "min_users": 40, "window_hours": 1.0},
        },
        sequential=True,
    )
    exposures, events = logs(0.0)
    result = analyse(design, exposures, events, until=HOUR + 99)
    assert sum(result["users"].values()) == 100 and "96.67%" in result["method"]
    first = events.filter(
        pl.col("event_id").str.ends_with("-0") & (pl.col("timestamp") < 100)
    )
    counts = result["metrics"]["purchases_per_user"]
    bought = (
        counts["control"] * result["users"]["control"]
        + counts["treatment"] * result["users"]["challenger"]
    )
    assert bought == pytest.approx(first.height), (
        "the second purchase came an hour later"
    )


def test_sample_ratio_mismatch_refuses() -> None:
    exposures, events = logs(0.0, 2000)
    lost = exposures.filter(
        (pl.col("variant") == "control") | (pl.int_range(pl.len()) % 3 > 0)
    )
    assert "sample-ratio mismatch" in analyse(DESIGN, lost, events)["refusal"]
    often = replace(DESIGN, sequential=True, window_hours=1.0)
    assert (
        "sample-ratio mismatch"
        in analyse(often, lost, events, until=2 * HOUR)["refusal"]
    )
    assert not analyse(often, exposures, events, until=2 * HOUR)["refusal"]


def test_no_effect_holds_and_harm_rolls_back() -> None:
    assert decide(analyse(DESIGN, *logs(0.0)))["action"] == "hold"
    assert decide(analyse(DESIGN, *logs(-0.6)))["action"] == "roll back"


def acts(
    mean: float, lift: float = 0.0, *, alpha: float = 0.05 / RULES
) -> tuple[float, float]:
    """Share of 300 experiments that some hourly look of a week promotes,
    and that one rolls back.
    """
    low, high, _ = confidence_sequence(*looks(mean, lift), alpha=alpha)
    return float((low > 0).any(1).mean()), float((high < 0).any(1).mean())


@pytest.mark.parametrize("mean", [0.3, 0.02])
def test_hourly_looks_for_a_week_err_no_more_than_they_may(mean: float) -> None:
    effect, error, _ = looks(mean)
    assert (np.abs(effect) > 1.96 * error).any(1).mean() > 0.2, (
        "looking again and again at Welch's does"
    )
    assert sum(acts(mean, alpha=0.05)) < 0.05
    assert sum(acts(mean)) + acts(mean / 10)[0] < 0.05, (
        "with a guardrail that seldom happens"
    )


def test_hourly_looks_find_what_is_there() -> None:
    assert acts(0.3, 0.09)[0] > 0.95 and acts(0.3, -0.09)[1] > 0.95


def test_the_interval_and_its_p_agree() -> None:
    low, high, p = confidence_sequence(
        np.array([0.2, 0.2, 0.0]), np.array([0.05, 0.08, 0.0]), 1000, alpha=0.05
    )
    assert (
        ((low > 0) | (high < 0)).tolist() == (p < 0.05).tolist() == [True, False, False]
    )
    _, _, edge = confidence_sequence((high - low)[0] / 2, 0.05, 1000, alpha=0.05)
    assert edge == pytest.approx(0.05)
