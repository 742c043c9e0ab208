"""Pairs of neighbours that the router showed in random order, and the events at them.

The router cuts an explored list into pairs (:mod:`adore.serving.exploration`). A pair is
named by its upper position.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable

__all__ = ["ShownPairs", "pair_positions"]


def pair_positions(first_pair: object, length: int) -> dict[int, int]:
    """Find the pair of each position of an exposure.

    Args:
        first_pair: position at which the first pair begins, as logged; anything but 1 and
            2 means that nothing was random.
        length: items of the list.

    Returns:
        Upper position of the pair, by position; positions outside the pairs are absent.

    Example:
        >>> pair_positions(2, 4)
        {2: 2, 3: 2}
    """
    if str(first_pair) not in ("1", "2"):
        return {}
    upper_of = {}
    for upper in range(int(str(first_pair)), length, 2):
        upper_of[upper] = upper
        upper_of[upper + 1] = upper
    return upper_of


class ShownPairs:
    """What was shown when, and in which pair.

    Args:
        patience_ms: how long after an event its exposure may be, as clocks differ.
    """

    def __init__(self, patience_ms: int) -> None:
        self._patience_ms = patience_ms
        self._shown: dict[Hashable, list[tuple[int, int]]] = defaultdict(list)

    def add(self, place: Hashable, timestamp: int, pair_position: int | None) -> None:
        """Learn of one impression.

        Args:
            place: what was shown to whom at which position.
            timestamp: of the impression, in ms.
            pair_position: of its pair; None: in no random pair.
        """
        shown_at = timestamp, pair_position or 0
        self._shown[place].append(shown_at)

    def pair_of(self, place: Hashable, timestamp: int) -> int | None:
        """Find the pair that an event at this place belongs to.

        Args:
            place: as in :meth:`add`.
            timestamp: of the event, in ms.

        Returns:
            The pair of the last impression before it, else of the first one soon after;
            None where there is none, or it was in no random pair.
        """
        shown = self._shown.get(place, [])
        earlier = [shown_at for shown_at in shown if shown_at[0] <= timestamp]
        if earlier:
            return max(earlier)[1] or None

        latest = timestamp + self._patience_ms
        soon = [shown_at for shown_at in shown if shown_at[0] < latest]
        if soon:
            return min(soon)[1] or None
        return None
