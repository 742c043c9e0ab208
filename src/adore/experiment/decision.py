"""Promote, hold or roll back: the rule was written before the numbers."""

from __future__ import annotations

from typing import Any

from adore.experiment.analyse import METRICS

__all__ = ["PRIMARY", "decide"]

PRIMARY = "purchases_per_user"


def decide(result: dict[str, Any]) -> dict[str, Any]:
    """Turn an analysis into ``{"action", "reason", "method"}``.

    Promote if the primary metric's interval lies above 0 and no guardrail is significantly
    worse; roll back if the primary metric or a guardrail is significantly worse, or the
    challenger does not answer for its users; else hold.
    """
    return {**_decide(result), "method": result["method"]}


def _decide(result: dict[str, Any]) -> dict[str, Any]:
    if result["failing"]:
        return {"action": "roll back", "reason": result["failing"]}
    if result["refusal"]:
        return {"action": "hold", "reason": f"refused: {result['refusal']}"}
    if PRIMARY not in result["metrics"]:
        return {"action": "hold", "reason": _nothing(result)}

    for metric in METRICS:
        one = result["metrics"].get(metric.name)
        if one is None:
            continue
        worse = one["high"] < 0 if metric.good > 0 else one["low"] > 0
        if worse and (metric.guardrail or metric.name == PRIMARY):
            return {
                "action": "roll back",
                "reason": f"{metric.name} got worse: {_text(one)}",
            }

    primary = result["metrics"][PRIMARY]
    if primary["low"] > 0:
        return {
            "action": "promote",
            "reason": f"{PRIMARY} rose and no guardrail got worse: {_text(primary)}",
        }
    return {
        "action": "hold",
        "reason": f"{PRIMARY} did not significantly change: {_text(primary)}",
    }


def _nothing(result: dict[str, Any]) -> str:
    """Why the primary metric cannot be compared.

    That nothing came is only said if nothing came.
    """
    left_out = result.get("left_out", {}).get("events", {})
    if not left_out:
        return f"{PRIMARY} never happened, so it cannot be compared"

    most_first = sorted(left_out.items(), key=lambda pair: -pair[1])
    counts = ", ".join(f"{count:,} {reason}" for reason, count in most_first)
    fix = (
        "send the events of the users who are ranked for, "
        "and name the shop's actions in dataset.yaml"
    )
    return (
        f"{PRIMARY} was read for no exposed user, but {sum(left_out.values()):,} events "
        f"were left out: {counts}; {fix}"
    )


def _text(one: dict[str, float]) -> str:
    interval = f"[{one['low']:+.3f}, {one['high']:+.3f}]"
    return (
        f"{one['control']:.3f} to {one['treatment']:.3f}, "
        f"effect {one['effect']:+.3f} {interval}"
    )
