"""Words that are written joined, hyphened or apart.

As tshirt, T-Shirt and t shirt, or Kaffeetasse and Tasse für Kaffee.
What belongs together is learnt from how the catalogue itself writes, never from a list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise

from adore.attributes.language import Language
from adore.text import Token, tokenize
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
        words with a hyphen; pairs of words that are also written as one, or that seldom stand
        apart; and, in a language that writes compounds as one word, compounds whose parts are
        words of the catalogue.
    """
    beside, hyphened = _neighbours(items, language)

    found: Parts = {}
    for pair, titles in sorted(beside.items()):
        first, second = pair
        whole = first + second
        as_one = frequency.get(whole, 0) >= _SEEN

        # Measured by the rarer word: the other may be common on its own.
        rarer = min(frequency.get(first, 0), frequency.get(second, 0))
        usual = titles >= _SEEN and titles >= _TOGETHER * rarer

        if pair in hyphened or as_one or usual:
            found.setdefault(whole, pair)

    if language.links:
        found |= _compounds(frequency, types, language)
    return found


def _neighbours(
    items: Iterable[Item], language: Language
) -> tuple[Counter[tuple[str, str]], set[tuple[str, str]]]:
    """Pairs of stems that stand side by side, to how many items have them; those with a hyphen."""
    beside = Counter[tuple[str, str]]()
    hyphened = set[tuple[str, str]]()
    for item in items:
        seen = set[tuple[str, str]]()
        for text in (item.title, item.category):
            for one, other in pairwise(tokenize(text, language)):
                gap = text[one.end : other.start]
                if gap not in ("-", " ") or not _may_join(one, other, language):
                    continue
                seen.add((one.stem, other.stem))
                if gap == "-":
                    hyphened.add((one.stem, other.stem))
        beside.update(seen)
    return beside, hyphened


def _may_join(one: Token, other: Token, language: Language) -> bool:
    """Two words of letters that mean nothing of their own (a colour, *for*) may be one word."""
    stems = (one.stem, other.stem)
    letters = one.stem.isalpha() and other.stem.isalpha()
    if not letters or len(one.stem + other.stem) < _SHORTEST:
        return False

    says = language.stop | language.breaks
    if not says.isdisjoint(stems):
        return False
    return not any(stem in language.colours for stem in stems)


def _compounds(
    frequency: Mapping[str, int], types: Collection[str], language: Language
) -> Parts:
    """Words that two other words of the catalogue make, with or without a letter between."""
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
    for i, (before, token) in enumerate(pairwise(toks), start=1):
        stem = before.stem + token.stem
        if stem not in known:
            continue
        gap = text[before.end : token.start]
        if gap in ("-", " ", ""):
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
