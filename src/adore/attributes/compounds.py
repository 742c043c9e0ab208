"""Words that are written joined, hyphened or apart: tshirt, T-Shirt and t shirt; Kaffeetasse and Tasse für Kaffee.

What belongs together is learnt from how the catalogue itself writes, never from a list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise

from adore.attributes.language import Language
from adore.attributes.text import Token, tokens
from adore.types import Item

__all__ = ["Parts", "join_tokens", "joined_stems", "mine_parts"]

Parts = dict[str, tuple[str, str]]
"""The stem of a word written as one to the stems of its two parts."""

_SEEN = 2
"""Titles that must have a word, or two words beside each other."""
_TOGETHER = 0.5
"""Share of the rarer word's titles in which it stands beside the other."""
_SHORTEST = 4
"""Letters of each part of a word that is taken apart."""


def mine_parts(
    items: Iterable[Item],
    frequency: Mapping[str, int],
    types: Collection[str],
    language: Language,
) -> Parts:
    """Words that a catalogue writes in two ways, or whose parts it uses on their own.

    Args:
        items: the catalogue.
        frequency: stem to the number of titles that have it.
        types: the catalogue's product words, whatever its titles say.
        language: of the catalogue.

    Returns:
        words with a hyphen; pairs of words that are also written as one, or that seldom stand apart; and, in a
        language that writes compounds as one word, compounds whose parts are words of the catalogue.
    """
    hyphened: set[tuple[str, str]] = set()
    beside = Counter[tuple[str, str]]()
    for item in items:
        seen: set[tuple[str, str]] = set()
        for text in (item.title, item.category):
            toks = tokens(text, language)
            for one, other in pairwise(toks):
                gap = text[one.end : other.start]
                if gap in ("-", " ") and _may_join(one, other, language):
                    seen.add((one.stem, other.stem))
                    hyphened |= {(one.stem, other.stem)} if gap == "-" else set()
        beside.update(seen)
    found: Parts = {}
    for pair, titles in sorted(beside.items()):
        first, second = pair
        rarer = min(frequency.get(first, 0), frequency.get(second, 0))
        usual = titles >= _SEEN and titles >= _TOGETHER * rarer
        if pair in hyphened or frequency.get(first + second, 0) >= _SEEN or usual:
            found.setdefault(first + second, pair)
    if language.links:
        found |= _compounds(frequency, types, language)
    return found


def _may_join(one: Token, other: Token, language: Language) -> bool:
    """Two words of letters that mean nothing of their own (a colour, *for*) may be one word."""
    stems = (one.stem, other.stem)
    letters = all(stem.isalpha() for stem in stems) and len("".join(stems)) >= _SHORTEST
    says = language.stop | language.breaks
    return letters and not any(
        stem in says or stem in language.colours for stem in stems
    )


def _compounds(
    frequency: Mapping[str, int], types: Collection[str], language: Language
) -> Parts:
    """Words of a catalogue that two of its other words make, with or without a letter between."""
    usual = {stem for stem, titles in frequency.items() if titles >= _SEEN}
    known = {stem for stem in usual.union(types) if len(stem) >= _SHORTEST}
    known -= language.stop | language.breaks
    found: Parts = {}
    for word in sorted(frequency):
        cuts = [
            _cut(word, at, known, language)
            for at in range(_SHORTEST, len(word) - _SHORTEST + 1)
        ]
        good = [cut for cut in cuts if cut]
        if good:
            found[word] = max(
                good,
                key=lambda parts: min(frequency.get(part, _SEEN) for part in parts),
            )
    return found


def _cut(
    word: str, at: int, known: Collection[str], language: Language
) -> tuple[str, str] | None:
    """The two parts of a word if it is cut at a place and both are known."""
    front, back = word[:at], word[at:]
    if back not in known:
        return None
    for link in ("", *language.links):
        stem = front.removesuffix(link) if front.endswith(link) else ""
        for part in (stem, language.stems[stem] if stem else ""):
            if part in known:
                return part, back
    return None


def joined_stems(
    text: str, toks: list[Token], known: Collection[str]
) -> dict[int, str]:
    """Place of the second of two words that are also written as one, to the stem of that one.

    Args:
        text: where the words stand.
        toks: its words.
        known: stems that are written as one somewhere.
    """
    found: dict[int, str] = {}
    for i in range(1, len(toks)):
        stem = toks[i - 1].stem + toks[i].stem
        if stem in known and text[toks[i - 1].end : toks[i].start] in ("-", " ", ""):
            found[i] = stem
    return found


def join_tokens(
    text: str, toks: list[Token], known: Collection[str], never: Collection[str]
) -> list[Token]:
    """The words of a text, with those that are elsewhere written as one taken as one.

    Args:
        text: where the words stand.
        toks: its words.
        known: stems that are written as one.
        never: stems that are no part of one.

    Example:
        >>> toks = [Token("red", 0, 3), Token("t", 4, 5), Token("shirt", 6, 11)]
        >>> join_tokens("red t shirt", toks, {"tshirt"}, set())
        [Token(stem='red', start=0, end=3), Token(stem='tshirt', start=4, end=11)]
    """
    pairs = joined_stems(text, toks, known)
    kept: list[Token] = []
    for i, token in enumerate(toks):
        before = toks[i - 1] if i else None
        said = (
            before is not None and before.stem not in never and token.stem not in never
        )
        if i in pairs and before and said and kept[-1] == before:
            kept[-1] = Token(pairs[i], before.start, token.end)
        else:
            kept.append(token)
    return kept
