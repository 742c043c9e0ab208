"""How often hourly looks for a week, at an experiment without any effect,
act all the same; prints a table.

Simulated: 30 users an arm an hour; a user's count is negative binomial (users differ),
of purchases and of returns a tenth of that; looks begin at 100 users an arm.
Usage: python bench/bench_peeking.py [experiments]
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from adore.experiment.analyse import RULES
from adore.experiment.sequential import confidence_sequence

__all__ = ["looks", "main"]

ALPHA, HOURS, ARRIVE = 0.05, 168, 30


def looks(
    mean: float, lift: float = 0.0, *, experiments: int = 300, seed: int = 0
) -> tuple[Any, Any, Any]:
    """Challenger less control, its standard error (each experiments x looks),
    and the users of each look.
    """
    rng, n = np.random.default_rng(seed), ARRIVE * np.arange(1, HOURS + 1)
    sums = []
    for m in (mean, mean + lift):
        x = rng.negative_binomial(0.5, 0.5 / (0.5 + m), (experiments, HOURS, ARRIVE))
        sums.append((x.sum(2).cumsum(1) / n, (x**2).sum(2).cumsum(1) / n))
    error = np.sqrt(sum(((q - s**2) / (n - 1) for s, q in sums), np.zeros(HOURS)))
    kept = n >= 100
    return (sums[1][0] - sums[0][0])[:, kept], error[:, kept], 2 * n[kept]


def _week(mean: float, experiments: int, *, sequential: bool) -> tuple[float, float]:
    """Shares of experiments that are promoted, and rolled back, whichever comes first."""
    found = []
    for seed, m in enumerate((mean, mean / 10)):
        effect, error, users = looks(m, experiments=experiments, seed=seed)
        low, high, _ = confidence_sequence(effect, error, users, alpha=ALPHA / RULES)
        found.append(
            (low, high)
            if sequential
            else (effect - 1.96 * error, effect + 1.96 * error)
        )
    (low, high), (guard, _) = found
    up, down = low > 0, (high < 0) | (guard > 0)
    first = [np.where(x.any(1), x.argmax(1), HOURS) for x in (up, down)]
    return float((first[0] < first[1]).mean()), float(
        (first[1] <= np.minimum(first[0], HOURS - 1)).mean()
    )


def main() -> None:
    """Print the table."""
    experiments = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print(
        f"{experiments} experiments without effect each, {HOURS} looks, alpha {ALPHA}"
    )
    print(
        "| purchases per user | intervals | wrongly promoted | wrongly rolled back |\n"
        "|---:|---|---:|---:|"
    )
    for mean in (0.3, 0.03, 0.005):
        for sequential, name in (
            (False, "Welch's, repeated"),
            (True, "confidence sequences"),
        ):
            up, down = _week(mean, experiments, sequential=sequential)
            print(f"| {mean} | {name} | {up:.1%} | {down:.1%} |")


if __name__ == "__main__":
    main()
