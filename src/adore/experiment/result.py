"""What an experiment shows: the effect on each metric, or the reason for a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from adore.experiment.design import Design

__all__ = ["ExperimentResult", "MetricEffect"]


@dataclass(frozen=True, slots=True)
class MetricEffect:
    """The challenger against the control in one metric.

    Attributes:
        control: mean per user of the control.
        treatment: mean per user of the challenger.
        effect: ``treatment`` less ``control``.
        low: lower end of the effect's interval.
        high: upper end of the effect's interval.
        relative: the effect as a share of ``control``; None where that is 0.
        p: p-value of no effect, as valid at this look as the interval.
        guardrail: whether a significant change for the worse stops the release.
    """

    control: float
    treatment: float
    effect: float
    low: float
    high: float
    relative: float | None
    p: float
    guardrail: bool

    def describe(self) -> str:
        """Both means and the effect with its interval, for people."""
        interval = f"[{self.low:+.3f}, {self.high:+.3f}]"
        return (
            f"{self.control:.3f} to {self.treatment:.3f}, "
            f"effect {self.effect:+.3f} {interval}"
        )


@dataclass(frozen=True, slots=True)
class ExperimentResult:
    """The result of one look at an experiment.

    Attributes:
        design: what was decided before the experiment began.
        method: how the intervals were computed, and at what level.
        users: how many are compared, per variant.
        exposures: rows of the log of exposures.
        early_events: events before their user's first exposure; they do not count.
        left_out: rows that do not count, by log and reason.
        refusal: why nothing may be compared; empty where ``metrics`` may be read.
        failing: why the challenger does not answer for its users; empty if it does.
        metrics: effect on each metric that happened, by its name.
        mismatch: share of requests that another variant or model answered, per assigned
            variant; empty where the log is unusable.
        sample_ratio_p: p-value of the planned shares of users; None where it was not
            tested.
    """

    design: Design
    method: str
    users: Mapping[str, int]
    exposures: int
    early_events: int
    left_out: Mapping[str, Mapping[str, int]]
    refusal: str = ""
    failing: str = ""
    metrics: Mapping[str, MetricEffect] = field(default_factory=dict)
    mismatch: Mapping[str, float] = field(default_factory=dict)
    sample_ratio_p: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The result as ``result.json`` has it; what was not computed is absent."""
        fields: dict[str, Any] = asdict(self)

        # Pages read an absent field as "not tested", and 0 as a measured 0.
        if not self.mismatch:
            del fields["mismatch"]
        if self.sample_ratio_p is None:
            del fields["sample_ratio_p"]
        return fields
