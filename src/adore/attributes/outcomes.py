"""How an item answers one value of a query, and where its words mention something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from adore.types import Reading, Relation, State, Value

__all__ = ["BODY", "UNKNOWN", "Outcome", "find_mentions", "first_mention", "mentioned"]

BODY = ("bullet_points", "description")
"""Places below the title: a word there may be of a part, or of another thing."""

_PLACES = ("title", "category", "attributes", *BODY)


class Outcome(NamedTuple):
    """How an item answers one value of a query.

    Attributes:
        state: match, conflict or unknown.
        value: what the item says; empty where it says nothing.
        relation: what the value is of.
    """

    state: State
    value: Value
    relation: Relation = "value"


UNKNOWN = Outcome("unknown", Value("", "", ""))
"""The item says nothing of it."""


def find_mentions(stems: Sequence[str], item: Reading) -> Iterator[Value]:
    """Yield every place of an item that has all the stems.

    Args:
        stems: of a word or phrase, at least one.
        item: its reading.

    Yields:
        The stems as one value; the last word is quoted.
    """
    for place in _PLACES:
        words = item.words_of(place)
        if all(stem in words for stem in stems):
            last_stem = stems[-1]
            phrase = " ".join(stems)
            yield Value(phrase, words[last_stem], place)


def first_mention(stems: Sequence[str], item: Reading) -> Value | None:
    """Find the first place of an item that has all the stems.

    Args:
        stems: of a word or phrase, at least one.
        item: its reading.

    Returns:
        The first of :func:`find_mentions`, or None.
    """
    mentions = find_mentions(stems, item)
    return next(mentions, None)


def mentioned(stems: Sequence[str], item: Reading) -> Outcome:
    """Look for words that prove what the query asks.

    Args:
        stems: of a word or phrase, at least one.
        item: its reading.

    Returns:
        A match if the item mentions the stems; silence is unknown.
    """
    mention = first_mention(stems, item)
    if mention is None:
        return UNKNOWN
    return Outcome("match", mention)
