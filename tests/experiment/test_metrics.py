"""The registry of online metrics: one record adds a metric to analysis and decision."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from adore.errors import ConfigError
from adore.experiment.analysis import analyse
from adore.experiment.decision import Action, decide
from adore.experiment.design import Design
from adore.experiment.metrics import METRICS, Metric, register_metric, rule_count

GUARDRAIL = Metric("accidents_per_user", "click", better="lower", guardrail=True)


@pytest.fixture
def guardrail() -> Iterator[Metric]:
    yield register_metric(GUARDRAIL)
    METRICS.remove(GUARDRAIL.name)


def test_a_new_guardrail_is_analysed_and_decides(
    design: Design, logs: Any, event: Any, guardrail: Metric
) -> None:
    exposures, events = logs(0.5)
    harmed = exposures.filter(pl.col("variant") == "challenger")["client_id"][::2]
    accidents = pl.DataFrame(
        [event(f"c{n}", client, 10_000, "click") for n, client in enumerate(harmed)]
    )
    result = analyse(design, exposures, pl.concat([events, accidents]))
    assert result.metrics[guardrail.name].effect == pytest.approx(0.5, abs=0.01)
    decision = decide(result)
    assert decision.action is Action.ROLL_BACK and guardrail.name in decision.reason


def test_each_guardrail_takes_its_share_of_alpha(
    design: Design, logs: Any, request: pytest.FixtureRequest
) -> None:
    often = replace(design, sequential=True, window_hours=1.0)
    until = 10**9
    before = analyse(often, *logs(0.5), until=until)
    rules = rule_count()
    request.getfixturevalue("guardrail")
    after = analyse(often, *logs(0.5), until=until)

    assert rule_count() == rules + 1
    assert f"all {rules + 1} rules" in after.method
    narrow = before.metrics["purchases_per_user"]
    wide = after.metrics["purchases_per_user"]
    assert wide.low < narrow.low < narrow.high < wide.high


@pytest.mark.parametrize(
    ("metric", "problem"),
    [
        (Metric("dances_per_user", "dance"), "one of: impression, click"),
        (Metric("clicks per user", "click"), "letters, digits and _"),
        (Metric("clicks_per_user", "purchase"), "a new name"),
    ],
)
def test_a_metric_that_cannot_be_counted_is_refused(
    metric: Metric, problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        register_metric(metric)
    with pytest.raises(ConfigError, match="one of: purchases_per_user"):
        METRICS["dances_per_user"]
