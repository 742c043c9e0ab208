"""Checks that a synthetic pair must pass, for training and for the adversarial set alike."""

from __future__ import annotations

from collections.abc import Iterable

from adore.attributes.held_out import HeldOut
from adore.attributes.language import Language
from adore.synthesis.fluency import Fluency
from adore.types import Grade

__all__ = ["QueryChecks", "agrees", "on_same_side"]


def on_same_side(grade: int, other: int) -> bool:
    """Whether both grades are exact, or neither is.

    Args:
        grade: 0 to 3.
        other: 0 to 3.

    Returns:
        True if neither grade contradicts that the pair is, or is not, exact.
    """
    return (grade == Grade.EXACT) == (other == Grade.EXACT)


def agrees(answered: int, intended: int, tolerance: int) -> bool:
    """Whether both grades are exact, or both are not and lie within ``tolerance``.

    Args:
        answered: the judge's grade, 0 to 3.
        intended: the grade that the edit means to make, 0 to 3.
        tolerance: largest distance between the two.

    Returns:
        True if the judge confirms the intention.

    Example:
        >>> agrees(3, 3, 1), agrees(3, 2, 1), agrees(1, 2, 1), agrees(0, 2, 1)
        (True, False, True, False)
    """
    if not on_same_side(answered, intended):
        return False
    distance = abs(answered - intended)
    return distance <= tolerance


class QueryChecks:
    """Whether an edited query repeats a held-out one, and whether it reads like a query.

    Args:
        texts: titles and category paths of the catalogue.
        real_queries: texts of all real queries.
        held_out: texts of the queries that must not be repeated.
        language: stems their words.
        near: Jaccard index of word stems from which two queries are the same.
        fluency: share of the real queries that score lower than the threshold.
    """

    def __init__(
        self,
        texts: Iterable[str],
        real_queries: Iterable[str],
        held_out: Iterable[str],
        language: Language,
        *,
        near: float,
        fluency: float,
    ) -> None:
        # both index all texts, so they are built once for all edited queries
        self._held_out = HeldOut(held_out, near, language)
        self._fluency = Fluency(texts, real_queries, fluency, language)

    def repeated_query(self, query: str) -> str:
        """The held-out query that ``query`` is, or nearly is; empty if there is none."""
        return self._held_out.near(query)

    def disfluency(self, query: str, source: str) -> str:
        """Why an edited query reads like no query; empty if it reads like one.

        Args:
            query: the edited query.
            source: the query that it was made of. It counts as fluent.

        Returns:
            Its score and the threshold, for people.
        """
        if query == source:
            return ""
        if not self._fluency.is_disfluent(query, source):
            return ""

        score = self._fluency.score(query)
        threshold = self._fluency.threshold
        return f"{score:.2f} is below {threshold:.2f}"
