"""What is decided before an experiment begins: its variants, its shares and its error rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["CHALLENGER", "CONTROL", "FOREVER", "Design", "design_of"]

CONTROL = "control"
CHALLENGER = "challenger"
FOREVER = 2**61
"""Milliseconds."""


@dataclass(frozen=True, slots=True)
class Design:
    """What was decided before the experiment began."""

    name: str
    salt: str
    weights: Mapping[str, float]
    versions: Mapping[str, str] = field(default_factory=dict)
    """Model version per variant; a variant without one is not checked."""
    alpha: float = 0.05
    min_users: int = 100
    """Smallest number of users per variant."""
    max_mismatch: float = 0.02
    """Largest share of requests that another variant or model answered than the assigned one.

    It also bounds the share of exposures that were lost, were logged twice, or name a
    variant that the salt does not assign."""
    sequential: bool = False
    """Whether the result is read repeatedly, and the experiment may stop at any look."""
    window_hours: float = 24.0
    """With ``sequential``: how long a user's events count after the first exposure.

    Only users whose window has passed are compared."""

    def window(self) -> int:
        """How long a user's events count, in milliseconds."""
        if not self.sequential:
            return FOREVER
        return int(self.window_hours * 3_600_000)


def design_of(plan: Mapping[str, Any], *, sequential: bool = False) -> Design:
    """Read the design from a release's plan.

    Args:
        plan: an ``experiment.json``: name, salt, weights and variants. Its ``design``, if
            any, has further fields of :class:`Design`.
        sequential: whether the result is read repeatedly.

    Returns:
        The design, with the model version of each variant.
    """
    versions = {}
    for name, variant in plan["variants"].items():
        versions[name] = variant["version"]

    return Design(
        name=plan["name"],
        salt=plan["salt"],
        weights=plan["weights"],
        versions=versions,
        sequential=sequential,
        **plan.get("design", {}),
    )
