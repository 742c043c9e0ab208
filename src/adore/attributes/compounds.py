"""Words that are written joined, hyphened or apart.

As tshirt, T-Shirt and t shirt, or Kaffeetasse and Tasse für Kaffee.
What belongs together is learned from how the catalogue itself writes, never from a list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise
from typing import NamedTuple

from adore.attributes.language import Language
from adore.text import Token, tokenize
from adore.types import Item

__all__ = ["Parts", "join_tokens", "joined_stems", "mine_parts"]

Parts = dict[str, tuple[str, str]]
"""The stem of a word written as one to the stems of its two parts."""

_LEAST_TITLES = 2
"""Titles that must have a word, or two words beside each other."""
_LEAST_TOGETHER = 0.5
"""Share of the rarer word's titles in which it stands beside the other."""
_LEAST_PART = 4
"""Letters of each part of a word that is taken apart."""


def mine_parts(
    items: Iterable[Item],
    frequency: Mapping[str, int],
    types: Collection[str],
    language: Language,
) -> Parts:
    """Find words that a catalogue writes in two ways, or whose parts it uses on their own.

    Args:
        items: the catalogue.
        frequency: stem to the number of titles that have it.
        types: the catalogue's product words, whatever its titles say.
        language: of the catalogue.

    Returns:
        words with a hyphen; pairs of words that are also written as one, or that seldom stand
        apart; and, in a language that writes compounds as one word, compounds whose parts are
        words of the catalogue.
    """
    neighbours = _neighbours(items, language)
    parts: Parts = {}
    for pair, titles in sorted(neighbours.titles.items()):
        first, second = pair
        whole = first + second
        is_also_joined = frequency.get(whole, 0) >= _LEAST_TITLES

        # Measured by the rarer word: the other may be common on its own.
        rarer = min(frequency.get(first, 0), frequency.get(second, 0))
        is_usual = titles >= _LEAST_TITLES and titles >= _LEAST_TOGETHER * rarer

        if pair in neighbours.hyphened or is_also_joined or is_usual:
            parts.setdefault(whole, pair)

    if language.links:
        parts.update(_compounds(frequency, types, language))
    return parts


class _Neighbours(NamedTuple):
    """Pairs of stems that stand side by side.

    Attributes:
        titles: pair to the number of items that have it.
        hyphened: pairs that are written with a hyphen somewhere.
    """

    titles: Counter[tuple[str, str]]
    hyphened: set[tuple[str, str]]


def _neighbours(items: Iterable[Item], language: Language) -> _Neighbours:
    titles = Counter[tuple[str, str]]()
    hyphened = set[tuple[str, str]]()
    for item in items:
        of_item = set[tuple[str, str]]()
        for text in (item.title, item.category):
            for first, second in pairwise(tokenize(text, language)):
                gap = text[first.end : second.start]
                if gap not in ("-", " ") or not _may_join(first, second, language):
                    continue
                pair = (first.stem, second.stem)
                of_item.add(pair)
                if gap == "-":
                    hyphened.add(pair)
        titles.update(of_item)
    return _Neighbours(titles, hyphened)


def _may_join(first: Token, second: Token, language: Language) -> bool:
    """Two words of letters that mean nothing of their own (a colour, *for*) may be one word."""
    stems = (first.stem, second.stem)
    whole = first.stem + second.stem
    if not whole.isalpha() or len(whole) < _LEAST_PART:
        return False
    for meaningful in (language.stop, language.breaks, language.colours.keys()):
        if not meaningful.isdisjoint(stems):
            return False
    return True


def _compounds(
    frequency: Mapping[str, int], types: Collection[str], language: Language
) -> Parts:
    """Words that two other words of the catalogue make, with or without a letter between."""
    known = set(types)
    for stem, titles in frequency.items():
        if titles >= _LEAST_TITLES:
            known.add(stem)
    function_words = language.stop | language.breaks
    known = {stem for stem in known - function_words if len(stem) >= _LEAST_PART}

    def titles_of_rarer(parts: tuple[str, str]) -> int:
        first, second = parts
        return min(
            frequency.get(first, _LEAST_TITLES), frequency.get(second, _LEAST_TITLES)
        )

    compounds: Parts = {}
    for word in sorted(frequency):
        candidates: list[tuple[str, str]] = []
        for position in range(_LEAST_PART, len(word) - _LEAST_PART + 1):
            parts = _cut(word, position, known, language)
            if parts:
                candidates.append(parts)
        if candidates:
            compounds[word] = max(candidates, key=titles_of_rarer)
    return compounds


def _cut(
    word: str, position: int, known: Collection[str], language: Language
) -> tuple[str, str] | None:
    """The two parts of a word if it is cut at a place and both are known."""
    front, back = word[:position], word[position:]
    if back not in known:
        return None
    for link in ("", *language.links):
        if not front.endswith(link):
            continue
        written = front.removesuffix(link)
        if written in known:
            return written, back
        stem = language.stems[written] if written else ""
        if stem in known:
            return stem, back
    return None


def joined_stems(
    text: str, tokens: list[Token], known: Collection[str]
) -> dict[int, str]:
    """Find neighbours that are also written as one word.

    Args:
        text: that has the words.
        tokens: its words.
        known: stems that are written as one somewhere.

    Returns:
        index of the second word to the stem of both as one.
    """
    joined: dict[int, str] = {}
    for position, (before, token) in enumerate(pairwise(tokens), start=1):
        stem = before.stem + token.stem
        if stem not in known:
            continue
        gap = text[before.end : token.start]
        if gap in ("-", " ", ""):
            joined[position] = stem
    return joined


def join_tokens(
    text: str, tokens: list[Token], known: Collection[str], never: Collection[str]
) -> list[Token]:
    """Join neighbours that are written as one word elsewhere.

    Args:
        text: that has the words.
        tokens: its words.
        known: stems that are written as one.
        never: stems that are no part of one.

    Returns:
        the words of the text.

    Example:
        >>> words = [Token("red", 0, 3), Token("t", 4, 5), Token("shirt", 6, 11)]
        >>> join_tokens("red t shirt", words, {"tshirt"}, set())
        [Token(stem='red', start=0, end=3), Token(stem='tshirt', start=4, end=11)]
    """
    joined = joined_stems(text, tokens, known)
    words: list[Token] = []
    for position, token in enumerate(tokens):
        if position not in joined:
            words.append(token)
            continue

        # A word that is joined to the one before it joins no further one.
        before = tokens[position - 1]
        is_allowed = before.stem not in never and token.stem not in never
        if is_allowed and words[-1] == before:
            words[-1] = Token(joined[position], before.start, token.end)
        else:
            words.append(token)
    return words
