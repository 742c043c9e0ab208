"""Promote, hold or roll back, by rules that were written before the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from adore.experiment.metrics import METRICS, PRIMARY
from adore.experiment.result import ExperimentResult

__all__ = ["Action", "Decision", "decide"]


class Action(StrEnum):
    """What to do with a release."""

    PROMOTE = "promote"
    HOLD = "hold"
    ROLL_BACK = "roll back"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with the challenger.

    Attributes:
        action: what to do.
        reason: why, for people.
        method: how the intervals behind it were computed.
    """

    action: Action
    reason: str
    method: str

    def to_json(self) -> dict[str, str]:
        """The decision as ``decision.json`` has it."""
        return {
            "action": self.action.value,
            "reason": self.reason,
            "method": self.method,
        }


def decide(result: ExperimentResult) -> Decision:
    """Turn a result into a decision.

    Promote if the primary metric's interval lies above 0 and no guardrail is
    significantly worse. Roll back if the primary metric or a guardrail is significantly
    worse, or the challenger does not answer for its users. Hold otherwise.

    Args:
        result: of :func:`adore.experiment.analysis.analyse`.

    Returns:
        The action with its reason.
    """
    action, reason = _rule(result)
    return Decision(action, reason, result.method)


def _rule(result: ExperimentResult) -> tuple[Action, str]:
    """The first rule that applies, and why."""
    # A challenger that does not answer is rolled back even if nothing may be compared.
    if result.failing:
        return Action.ROLL_BACK, result.failing
    if result.refusal:
        return Action.HOLD, f"refused: {result.refusal}"
    if PRIMARY not in result.metrics:
        return Action.HOLD, _why_no_primary(result.left_out.get("events", {}))

    for metric in METRICS.values():
        effect = result.metrics.get(metric.name)
        decides = metric.guardrail or metric.name == PRIMARY
        if effect is None or not decides:
            continue
        if metric.is_worse(effect.low, effect.high):
            return Action.ROLL_BACK, f"{metric.name} got worse: {effect.describe()}"

    primary = result.metrics[PRIMARY]
    figures = primary.describe()
    if primary.low > 0:
        return (
            Action.PROMOTE,
            f"{PRIMARY} rose and no guardrail got worse: {figures}",
        )
    return Action.HOLD, f"{PRIMARY} did not significantly change: {figures}"


def _why_no_primary(left_out: Mapping[str, int]) -> str:
    """Why the primary metric cannot be compared: no event, or none of an exposed user."""
    if not left_out:
        return f"{PRIMARY} never happened, so it cannot be compared"

    most_frequent_first = sorted(left_out.items(), key=lambda pair: -pair[1])
    counts = ", ".join(f"{count:,} {reason}" for reason, count in most_frequent_first)
    fix = (
        "send the events of the users who are ranked for, "
        "and name the shop's actions in dataset.yaml"
    )
    return (
        f"{PRIMARY} was read for no exposed user, but {sum(left_out.values()):,} events "
        f"were left out: {counts}; {fix}"
    )
