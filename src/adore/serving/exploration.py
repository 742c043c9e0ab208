"""Exploration: a share of lists is shown with neighbours swapped at random, and logged so.

Both orders of a pair are equally likely, whatever the ranker thinks of its items. So the
clicks at its two positions differ by position alone, and the log says how much a position
counts (:mod:`adore.behaviour.position`).

Source: FairPairs, Radlinski and Joachims, AAAI 2006 (arXiv cs/0605037).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["PROPENSITY", "ShownList", "explore"]

PROPENSITY = 0.5
"""Probability of each of the two orders of a pair."""
Listed = TypeVar("Listed")


@dataclass(frozen=True, slots=True)
class ShownList(Generic[Listed]):
    """A list in the order in which it is shown."""

    items: list[Listed]
    first_pair: int = 0
    """Position at which the first pair begins, 1 or 2; 0 where nothing is random."""

    @property
    def explored(self) -> bool:
        """Whether the order of its pairs is random."""
        return self.first_pair > 0


def explore(
    ranked: Sequence[Listed], *, share: float, search: str
) -> ShownList[Listed]:
    """Swap some neighbours of a share of the lists.

    An explored list is cut into pairs of neighbours, from position 1 or 2 with equal
    probability, and each pair is swapped with probability :data:`PROPENSITY`. So an item
    moves by one position at most. What stands outside the pairs stays.

    Args:
        ranked: best first.
        share: of the lists that are explored, 0 to 1. Lists of one item never are.
        search: who searched what in which session, the only source of the draws: whoever
            comes back to a list finds it in the same order.

    Returns:
        The list as it is shown.

    Examples:
        >>> explore("abcde", share=0.0, search="7").items
        ['a', 'b', 'c', 'd', 'e']
        >>> shown = explore("abcde", share=1.0, search="7")
        >>> shown.first_pair, "".join(shown.items)
        (1, 'bacde')
    """
    items = list(ranked)
    # Seeding takes time in every request: not where no list is explored.
    if len(items) < 2 or share <= 0:
        return ShownList(items)
    draws = random.Random(search)
    if draws.random() >= share:
        return ShownList(items)

    first_pair = draws.choice((1, 2))
    last = len(items) - 1
    for upper in range(first_pair - 1, last, 2):
        if draws.random() < PROPENSITY:
            lower = upper + 1
            items[upper], items[lower] = items[lower], items[upper]
    return ShownList(items, first_pair)
