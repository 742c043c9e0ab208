"""Parts that items come with or without, mined from titles: handles, straws, lids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from adore.attributes.language import Language
from adore.attributes.lexicon import Lexicon
from adore.attributes.units import UNITS
from adore.text import Token, tokenize

__all__ = ["count_parts"]

_LONGEST_PHRASE = 3
"""Words of a phrase that names a part."""
_LEAST_TITLES = 2
_LEAST_SHARE = 0.1
"""A part is named after "with" in so many titles, and in this share of those that have it."""


def count_parts(
    titles: Iterable[str], lexicon: Lexicon, language: Language
) -> dict[str, int]:
    """Count in how many titles a part is named ("with wide handle" names the handle).

    Args:
        titles: of the catalogue's items.
        lexicon: has the devices and colours, and in how many titles each word is.
        language: has the words that come before and after a part.

    Returns:
        Stem to number of titles, in order of the stems.
    """
    counts = Counter[str]()
    for title in titles:
        stems = set(_part_stems(title, language))
        counts.update(stems)

    # "with blue" names a colour, "with kids" people
    others = _other_stems(lexicon, language)
    parts: dict[str, int] = {}
    for stem, count in sorted(counts.items()):
        if count < _LEAST_TITLES or stem in others:
            continue
        if len(stem) <= 2 or not stem.isalpha():
            continue

        # a word that is mostly used elsewhere is no part: any title may have "size"
        in_titles = lexicon.frequency.get(stem, count)
        if count >= _LEAST_SHARE * in_titles:
            parts[stem] = count
    return parts


def _other_stems(lexicon: Lexicon, language: Language) -> set[str]:
    """Stems that name something else than a part."""
    device_stems = set[str]()
    for device in lexicon.devices:
        device_stems.update(device.split())

    return {
        *device_stems,
        *lexicon.colours,
        *UNITS,
        *language.colours,
        *language.audiences,
        *language.materials,
        *language.stop,
        *language.ends_part,
    }


def _part_stems(title: str, language: Language) -> list[str]:
    """The last word of each short phrase after "with" or "without"."""
    tokens = tokenize(title, language)
    stems: list[str] = []
    for start, token in enumerate(tokens):
        if token.stem not in language.adds_part:
            continue
        if start > 0:
            before = tokens[start - 1]
            if before.stem in language.goes_with:
                continue

        first = start + 1
        last = min(first + _LONGEST_PHRASE, len(tokens))
        for position in range(first, last):
            if _ends_phrase(title, tokens, position, language):
                stem = tokens[position].stem
                stems.append(stem)
                break
    return stems


def _ends_phrase(
    title: str, tokens: Sequence[Token], position: int, language: Language
) -> bool:
    """Whether a short phrase ends with the word at a position."""
    if position + 1 == len(tokens):
        return True

    last = tokens[position]
    following = tokens[position + 1]
    between = title[last.end : following.start]
    if between not in (" ", "-"):
        return True
    stem = following.stem
    return stem in language.ends_part or stem.isdigit()
