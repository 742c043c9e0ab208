"""The teacher's gate: promoted only if false negatives fall and false positives do not rise."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from adore.types import Grade

__all__ = ["Rates", "decide", "rates"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rates:
    """Agreement with human grades. ``fnr``: human E called less; ``fpr``: human less called E."""

    macro_f1: float
    fnr: float
    fpr: float
    n: int


def rates(human: Ints, given: Ints) -> Rates:
    """Compute :class:`Rates` of two equally long arrays of grade values."""
    f1 = []
    for g in Grade:
        hit = float(((human == g) & (given == g)).sum())
        total = float((human == g).sum() + (given == g).sum())
        if (human == g).any():
            f1.append(2 * hit / total if total else 0.0)
    exact, called = human == Grade.EXACT, given == Grade.EXACT
    fnr = float((exact & ~called).sum() / max(1, exact.sum()))
    fpr = float((~exact & called).sum() / max(1, (~exact).sum()))
    return Rates(float(np.mean(f1)) if f1 else 0.0, fnr, fpr, len(human))


def _draws(human: Ints, given: tuple[Ints, Ints], groups: Ints, seed: int) -> npt.NDArray[np.float64]:
    """Bootstrap differences (new minus old) of FNR and FPR, resampled by query. Shape [500, 2]."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    out = []
    for _ in range(500):
        rows = np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])
        old, new = (rates(human[rows], g[rows]) for g in given)
        out.append((new.fnr - old.fnr, new.fpr - old.fpr))
    return np.array(out)


def decide(human: Ints, old: Ints, new: Ints, groups: Ints, *, seed: int) -> dict[str, Any]:
    """Compare two teachers on the same held-out judgements.

    Args:
        human, old, new: grade values, one a pair. Shape [n].
        groups: the query of each pair, as an integer. Shape [n].

    Returns:
        ``promoted``, ``reasons`` and both teachers' rates with 90 % intervals of the differences.
    """
    if len(np.unique(groups)) < 3:
        return {
            "promoted": False,
            "reasons": ["fewer than 3 held-out queries: the previous teacher stays"],
            "intervals": {},
        }
    before, after = rates(human, old), rates(human, new)
    low, high = np.quantile(_draws(human, (old, new), groups, seed), [0.05, 0.95], axis=0)
    reasons = []
    if not high[0] < 0:
        reasons.append(f"false negatives did not surely fall: {before.fnr:.3f} to {after.fnr:.3f}")
    if after.fpr > before.fpr and not low[1] <= 0:
        reasons.append(f"false positives rose: {before.fpr:.3f} to {after.fpr:.3f}")
    if after.fpr > before.fpr + 0.02:
        reasons.append(f"false positives rose by more than 2 points: {before.fpr:.3f} to {after.fpr:.3f}")
    if after.macro_f1 < before.macro_f1:
        reasons.append(f"macro-F1 fell: {before.macro_f1:.3f} to {after.macro_f1:.3f}")
    return {
        "promoted": not reasons,
        "reasons": reasons or ["false negatives fell and false positives did not rise"],
        "old": asdict(before),
        "new": asdict(after),
        "intervals": {"fnr": [low[0], high[0]], "fpr": [low[1], high[1]]},
    }
