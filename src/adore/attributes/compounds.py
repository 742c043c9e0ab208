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

_StemPair = tuple[str, str]
Parts = dict[str, _StemPair]
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
    parts_of: Parts = {}
    for stem_pair, titles in sorted(neighbours.titles.items()):
        first, second = stem_pair
        whole = first + second
        is_also_joined = frequency.get(whole, 0) >= _LEAST_TITLES

        # Measured by the rarer word: the other may be common on its own.
        first_titles = frequency.get(first, 0)
        second_titles = frequency.get(second, 0)
        titles_of_rarer = min(first_titles, second_titles)
        least_titles = max(_LEAST_TITLES, _LEAST_TOGETHER * titles_of_rarer)
        is_usual = titles >= least_titles

        if stem_pair in neighbours.hyphened or is_also_joined or is_usual:
            parts_of.setdefault(whole, stem_pair)

    if language.links:
        compounds = _compounds(frequency, types, language)
        parts_of.update(compounds)
    return parts_of


class _Neighbours(NamedTuple):
    """Pairs of stems that stand side by side.

    Attributes:
        titles: pair to the number of items that have it.
        hyphened: pairs that are written with a hyphen somewhere.
    """

    titles: Counter[_StemPair]
    hyphened: set[_StemPair]


def _neighbours(items: Iterable[Item], language: Language) -> _Neighbours:
    titles = Counter[_StemPair]()
    hyphened = set[_StemPair]()
    for item in items:
        # A pair counts once an item, however often the item repeats it.
        pairs_of_item = set[_StemPair]()
        for text in (item.title, item.category):
            tokens = tokenize(text, language)
            for first, second in pairwise(tokens):
                between = text[first.end : second.start]
                if between not in ("-", " "):
                    continue
                if not _may_join(first, second, language):
                    continue

                stem_pair = (first.stem, second.stem)
                pairs_of_item.add(stem_pair)
                if between == "-":
                    hyphened.add(stem_pair)
        titles.update(pairs_of_item)
    return _Neighbours(titles, hyphened)


def _may_join(first: Token, second: Token, language: Language) -> bool:
    """Two words of letters that mean nothing of their own (a colour, *for*) may be one word."""
    stems = (first.stem, second.stem)
    whole = first.stem + second.stem
    if not whole.isalpha() or len(whole) < _LEAST_PART:
        return False

    meaningful_words = (
        language.stop,
        language.breaks,
        language.colours.keys(),
    )
    return all(words.isdisjoint(stems) for words in meaningful_words)


def _compounds(
    frequency: Mapping[str, int],
    types: Collection[str],
    language: Language,
) -> Parts:
    """Words that two other words of the catalogue make, with or without a letter between."""
    known_parts = _known_parts(frequency, types, language)

    def titles_of_rarer(parts: _StemPair) -> int:
        # A product word that no title has counts as one of the fewest titles.
        first, second = parts
        first_titles = frequency.get(first, _LEAST_TITLES)
        second_titles = frequency.get(second, _LEAST_TITLES)
        return min(first_titles, second_titles)

    compounds: Parts = {}
    for word in sorted(frequency):
        candidates: list[_StemPair] = []
        last_cut = len(word) - _LEAST_PART
        for position in range(_LEAST_PART, last_cut + 1):
            parts = _cut(word, position, known_parts, language)
            if parts:
                candidates.append(parts)
        if candidates:
            compounds[word] = max(candidates, key=titles_of_rarer)
    return compounds


def _known_parts(
    frequency: Mapping[str, int],
    types: Collection[str],
    language: Language,
) -> set[str]:
    """Words of the catalogue that may be a part of a compound."""
    words = set(types)
    for stem, titles in frequency.items():
        if titles >= _LEAST_TITLES:
            words.add(stem)
    words -= language.stop
    words -= language.breaks
    return {word for word in words if len(word) >= _LEAST_PART}


def _cut(
    word: str,
    position: int,
    known_parts: Collection[str],
    language: Language,
) -> _StemPair | None:
    """The two parts of a word if it is cut at a place and both are known."""
    last_part = word[position:]
    if last_part not in known_parts:
        return None

    front = word[:position]
    for link in ("", *language.links):
        if not front.endswith(link):
            continue
        first_part = front.removesuffix(link)
        if first_part in known_parts:
            return first_part, last_part
        if not first_part:
            continue

        # The part may be written as a plural.
        first_stem = language.stems[first_part]
        if first_stem in known_parts:
            return first_stem, last_part
    return None


def joined_stems(
    text: str,
    tokens: list[Token],
    known: Collection[str],
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
    for position, neighbours in enumerate(pairwise(tokens), start=1):
        first, second = neighbours
        joined_stem = first.stem + second.stem
        if joined_stem not in known:
            continue
        between = text[first.end : second.start]
        if between in ("-", " ", ""):
            joined[position] = joined_stem
    return joined


def join_tokens(
    text: str,
    tokens: list[Token],
    known: Collection[str],
    never: Collection[str],
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
        previous = tokens[position - 1]
        is_free = words[-1] == previous
        may_join = previous.stem not in never and token.stem not in never
        if is_free and may_join:
            joined_stem = joined[position]
            words[-1] = Token(joined_stem, previous.start, token.end)
        else:
            words.append(token)
    return words
