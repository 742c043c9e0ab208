"""Online metrics: what is counted per user, and which of them may stop a release.

A metric is a record in :data:`METRICS`. The analysis, the review's queries and the
decision read the registry, so that a new metric needs no other change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from adore.data.actions import ACTIONS
from adore.errors import check
from adore.registry import Registry

__all__ = ["METRICS", "PRIMARY", "Metric", "register_metric", "rule_count"]

Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class Metric:
    """The number of a user's events of one action, within the design's window.

    Attributes:
        name: its column in the table of users, and its key in a result's ``metrics``.
        action: the action that is counted, one of :data:`adore.data.actions.ACTIONS`.
        better: which way is good.
        guardrail: whether a significant change for the worse rolls the challenger back.
            Each guardrail takes its share of the design's ``alpha``: see
            :func:`rule_count`.

    Example:
        >>> Metric("returns_per_user", "return", better="lower").is_worse(0.1, 0.3)
        True
    """

    name: str
    action: str
    better: Better = "higher"
    guardrail: bool = False

    def sql(self, window: int) -> str:
        """Aggregate one user's events to the metric's column.

        Args:
            window: how long events count after the first exposure, in ms.

        Returns:
            A DuckDB expression over the user ``s`` (its first exposure is ``s.first``)
            and its events ``e``. An event id that occurs twice counts once.
        """
        return (
            f"count(DISTINCT e.event_id) FILTER (WHERE e.action_name = '{self.action}' "
            f"AND e.timestamp >= s.first "
            f"AND e.timestamp < s.first + {window}) AS {self.name}"
        )

    def is_worse(self, low: float, high: float) -> bool:
        """Whether an effect is significantly bad.

        Args:
            low: lower end of the effect's interval, challenger less control.
            high: its upper end.

        Returns:
            True if the whole interval lies on the bad side of 0.
        """
        if self.better == "higher":
            return high < 0
        return low > 0


METRICS: Registry[Metric] = Registry("metric")
"""Every metric that an experiment compares, by name."""
PRIMARY = "purchases_per_user"
"""The metric whose significant rise promotes the challenger."""


def register_metric(metric: Metric) -> Metric:
    """Add a metric to every analysis from now on.

    Args:
        metric: its definition.

    Returns:
        The metric.

    Raises:
        ConfigError: the name is no identifier or belongs to another metric, or the action
            is unknown.
    """
    check(
        metric.name.isidentifier(),
        "metric.name",
        metric.name,
        must="letters, digits and _",
        fix="choose a name like purchases_per_user",
    )
    check(
        metric.action in ACTIONS,
        f"metric {metric.name}: action",
        metric.action,
        must=f"one of: {', '.join(ACTIONS)}",
        fix="map the shop's name to one of them in dataset.yaml",
    )
    return METRICS.add(metric.name, metric)


def rule_count() -> int:
    """How many rules can move a release.

    The rules are the primary metric, each guardrail, and a challenger that does not
    answer. They share the design's ``alpha`` (Bonferroni), so that a new guardrail widens
    the interval of every metric in a sequential design.

    Returns:
        2 and one for each guardrail.
    """
    guardrails = [metric for metric in METRICS.values() if metric.guardrail]
    return 2 + len(guardrails)


# In the order in which results and pages list them.
register_metric(Metric(PRIMARY, "purchase"))
register_metric(Metric("clicks_per_user", "click"))
register_metric(Metric("carts_per_user", "add_to_cart"))
register_metric(Metric("returns_per_user", "return", better="lower", guardrail=True))
