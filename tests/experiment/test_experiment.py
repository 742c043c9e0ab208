"""Assignment, analysis, refusals, decisions."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import polars as pl
import pytest

from adore.errors import ConfigError
from adore.experiment.analyse import Design, analyse
from adore.experiment.assignment import assign, point
from adore.experiment.decision import decide

HALF = {"control": 0.5, "challenger": 0.5}


def test_assignment_is_pinned_sticky_and_even() -> None:
    users = [f"u{n}" for n in range(20_000)]
    got = Counter(assign(u, "s", HALF) for u in users)
    assert abs(got["control"] - 10_000) < 300  # four standard deviations
    assert [assign(u, "s", HALF) for u in users[:50]] == [assign(u, "s", HALF) for u in users[:50]]
    few = {u for u in users if assign(u, "s", {"control": 0.9, "challenger": 0.1}) == "challenger"}
    assert all(assign(u, "s", HALF) == "challenger" for u in few), "a growing share keeps its users"
    assert point("c", "ab") != point("bc", "a")
    assert point("user-1", "salt") == pytest.approx(0.24727313424353972, abs=1e-15)
    assert 0 <= point("\ud800", "s") < 1


def test_weights_must_sum_to_one() -> None:
    with pytest.raises(ConfigError, match="sum 1"):
        assign("u", "s", {"control": 0.5, "challenger": 0.6})


def logs(lift: float, users: int = 400) -> tuple[pl.DataFrame, pl.DataFrame]:
    rng = np.random.default_rng(0)
    exposures, events = [], []
    for n in range(users):
        variant = assign(f"u{n}", "s", HALF)
        exposures.append({"exposure_id": f"e{n}", "client_id": f"u{n}", "variant": variant, "served": variant})
        for k in range(rng.poisson(1 + lift * (variant == "challenger"))):
            events.append({"event_id": f"{n}-{k}", "client_id": f"u{n}", "action_name": "purchase"})
    return pl.DataFrame(exposures), pl.DataFrame(events)


def test_welch_agrees_with_scipy() -> None:
    from scipy.stats import ttest_ind

    exposures, events = logs(0.5)
    result = analyse(Design("x", "s", HALF), exposures, events)
    counts = exposures.join(events.group_by("client_id").len(), on="client_id", how="left").fill_null(0)
    a, b = (counts.filter(pl.col("variant") == v)["len"].to_numpy() for v in ("control", "challenger"))
    assert result["metrics"]["purchases_per_user"]["p"] == pytest.approx(ttest_ind(b, a, equal_var=False).pvalue)
    assert decide(result)["action"] == "promote"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda x: x.head(0), "no exposures"),
        (lambda x: pl.concat([x, x.head(1)]), "occur twice"),
        (lambda x: x.head(50), "too few users"),
        (lambda x: x.with_columns(served=pl.lit("control")), "served is not assigned"),
        (
            lambda x: x.with_columns(variant=pl.col("variant").reverse(), served=pl.col("variant").reverse()),
            "mixed salts",
        ),
    ],
)
def test_refusals(change: Any, reason: str) -> None:
    exposures, events = logs(0.5)
    result = analyse(Design("x", "s", HALF), change(exposures), events)
    assert reason in result["refusal"] and not result["metrics"]
    assert decide(result)["action"] == "hold"


def test_sample_ratio_mismatch_refuses() -> None:
    exposures, events = logs(0.0, 2000)
    lost = exposures.filter((pl.col("variant") == "control") | (pl.int_range(pl.len()) % 3 > 0))
    assert "sample-ratio mismatch" in analyse(Design("x", "s", HALF), lost, events)["refusal"]


def test_no_effect_holds_and_harm_rolls_back() -> None:
    assert decide(analyse(Design("x", "s", HALF), *logs(0.0)))["action"] == "hold"
    assert decide(analyse(Design("x", "s", HALF), *logs(-0.6)))["action"] == "roll back"
