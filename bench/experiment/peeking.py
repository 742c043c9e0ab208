"""How often hourly looks for a week act at an experiment without any effect.

Simulated: 30 users an arm an hour. A user's purchases are negative binomial (users differ);
returns are a tenth of them. Looks begin at 100 users an arm.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from adore.experiment.metrics import rule_count
from adore.experiment.sequential import confidence_sequence

__all__ = ["looks", "measure", "render"]

ALPHA = 0.05
HOURS = 168
USERS_PER_HOUR = 30
"""Of each arm."""
MIN_USERS = 100
EXPERIMENTS = 1000
PURCHASE_RATES = (0.3, 0.03, 0.005)


def looks(
    mean: float, lift: float = 0.0, *, experiments: int = 300, seed: int = 0
) -> tuple[Any, Any, Any]:
    """Simulate experiments as an analyst sees them at each hourly look.

    Args:
        mean: purchases per user of the control.
        lift: of the challenger.
        experiments: how many.
        seed: seeds the draws.

    Returns:
        Challenger less control and its standard error, both of shape [experiments, looks],
        and the users of each look, of shape [looks].
    """
    rng = np.random.default_rng(seed)
    users = USERS_PER_HOUR * np.arange(1, HOURS + 1)
    means = []
    variances = np.zeros(HOURS)
    for arm_mean in (mean, mean + lift):
        shape = (experiments, HOURS, USERS_PER_HOUR)
        counts = rng.negative_binomial(0.5, 0.5 / (0.5 + arm_mean), shape)
        running_mean = counts.sum(2).cumsum(1) / users
        running_square = (counts**2).sum(2).cumsum(1) / users
        means.append(running_mean)
        variances = variances + (running_square - running_mean**2) / (users - 1)
    is_look = users >= MIN_USERS
    effect = means[1] - means[0]
    return effect[:, is_look], np.sqrt(variances)[:, is_look], 2 * users[is_look]


def _week(mean: float, seed: int, *, sequential: bool) -> tuple[float, float]:
    """Shares of experiments that are promoted, and rolled back, whichever comes first."""
    intervals = []
    for offset, rate in enumerate((mean, mean / 10)):
        effect, error, users = looks(rate, experiments=EXPERIMENTS, seed=seed + offset)
        if sequential:
            low, high, _ = confidence_sequence(
                effect, error, users, alpha=ALPHA / rule_count()
            )
        else:
            low = effect - 1.96 * error
            high = effect + 1.96 * error
        intervals.append((low, high))
    (low, high), (guardrail_low, _) = intervals

    promoted_at = _first_look(low > 0)
    rolled_back_at = _first_look((high < 0) | (guardrail_low > 0))
    was_promoted = promoted_at < rolled_back_at
    was_rolled_back = ~was_promoted & (rolled_back_at < HOURS)
    return float(was_promoted.mean()), float(was_rolled_back.mean())


def _first_look(is_true: Any) -> Any:
    """Index of the first look at which it is true, HOURS if never. Shape [experiments]."""
    return np.where(is_true.any(1), is_true.argmax(1), HOURS)


def measure(seed: int) -> dict[str, Any]:
    """Shares of wrong actions for three purchase rates, with and without sequential intervals."""
    rows = []
    for mean in PURCHASE_RATES:
        for sequential in (False, True):
            promoted, rolled_back = _week(mean, seed, sequential=sequential)
            rows.append(
                {
                    "mean": mean,
                    "sequential": sequential,
                    "promoted": promoted,
                    "rolled_back": rolled_back,
                }
            )
    return {"experiments": EXPERIMENTS, "looks": HOURS, "alpha": ALPHA, "rows": rows}


def render(result: dict[str, Any]) -> str:
    """The table."""
    lines = [
        "### Looking again and again",
        f"{result['experiments']:,} **simulated** experiments without effect, "
        f"{result['looks']} looks each, alpha {result['alpha']}.",
        "",
        "| purchases per user | intervals | wrongly promoted | wrongly rolled back |",
        "|---:|---|---:|---:|",
    ]
    for row in result["rows"]:
        name = "Welch's, repeated"
        if row["sequential"]:
            name = "confidence sequences"
        lines.append(
            f"| {row['mean']} | {name} | {row['promoted']:.1%} | {row['rolled_back']:.1%} |"
        )
    return "\n".join(lines)
