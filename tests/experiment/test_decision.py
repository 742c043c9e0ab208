"""Decisions by results: promote, hold, roll back, each with its reason."""

from __future__ import annotations

from typing import Any

import polars as pl

from adore.experiment.analysis import analyse
from adore.experiment.decision import Action, decide
from adore.experiment.design import Design


def test_no_effect_holds_and_harm_rolls_back(design: Design, logs: Any) -> None:
    assert decide(analyse(design, *logs(0.0))).action is Action.HOLD
    assert decide(analyse(design, *logs(-0.6))).action is Action.ROLL_BACK


def test_a_rise_promotes_and_names_its_method(design: Design, logs: Any) -> None:
    decision = decide(analyse(design, *logs(0.5)))
    assert decision.action is Action.PROMOTE and "one look only" in decision.method
    assert decision.to_json() == {
        "action": "promote",
        "reason": decision.reason,
        "method": decision.method,
    }


def test_a_guardrail_that_rises_rolls_a_better_challenger_back(
    design: Design, logs: Any, event: Any
) -> None:
    exposures, events = logs(0.5)
    returned = exposures.filter(pl.col("variant") == "challenger")["client_id"][::2]
    returns = pl.DataFrame(
        [event(f"r{n}", client, 10_000, "return") for n, client in enumerate(returned)]
    )
    decision = decide(analyse(design, exposures, pl.concat([events, returns])))
    assert decision.action is Action.ROLL_BACK
    assert decision.reason.startswith("returns_per_user got worse: 0.000 to 0.5")


def test_a_metric_that_is_no_guardrail_decides_nothing(
    design: Design, logs: Any, event: Any
) -> None:
    exposures, events = logs(0.5)
    clicked = exposures.filter(pl.col("variant") == "control")["client_id"][::2]
    clicks = pl.DataFrame(
        [event(f"c{n}", client, 10_000, "click") for n, client in enumerate(clicked)]
    )
    result = analyse(design, exposures, pl.concat([events, clicks]))
    assert result.metrics["clicks_per_user"].high < 0
    assert decide(result).action is Action.PROMOTE


def test_that_nothing_came_is_reported_only_if_nothing_came(
    design: Design, logs: Any
) -> None:
    exposures, events = logs(0.5)
    nothing = decide(analyse(design, exposures, events.head(0)))
    assert "never happened" in nothing.reason

    others = events.with_columns(client_id=pl.lit("someone-else"))
    reason = decide(analyse(design, exposures, others)).reason
    assert "never happened" not in reason
    assert f"{others.height} of users who were never exposed" in reason
