"""Sizes by name: beds, letters, fits, ages, and numbers whose scale only the trade knows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from adore.attributes.language_packs import listed_in_all_packs
from adore.text import TextValue

__all__ = [
    "NAMED_SIZES",
    "Spans",
    "find_named_sizes",
    "find_numbered_sizes",
    "is_within",
]

Spans = list[tuple[int, int]]
"""Starts and ends in a text, the end not included."""

_BEDS = "twin xl|twin|full|queen|california king|king"
_ABOUT_BEDS = re.compile(
    r"\b(?:bed|bedding|mattress|sheets?|comforter|duvet|pillows?|quilt|blanket|headboard|"
    r"coverlet|topper|futon|sofa)\b",
    re.IGNORECASE,
)
_NOT_OF_OTHERS = (
    r"(?![ -](?:dogs?|cats?|breeds?|animals?|capacity|print|roast|firm|business|spaces?|"
    r"hands|parts|rooms?)\b)"
)
NAMED_SIZES = ("bed", "letter", "fit", "number", "age")
"""Kinds of sizes by name, and by number whose scale only the trade knows (shoes, toddlers)."""


@lru_cache(maxsize=1)
def _patterns() -> dict[str, re.Pattern[str]]:
    """The pattern of each kind, in the order in which they are read."""
    size_words = listed_in_all_packs("size_words")
    any_word = "|".join(size_words)

    # Before a small letter that is a size, with that letter. Python's look-behind has one width,
    # so every word has its own.
    look_behinds: list[str] = []
    for word in size_words:
        look_behinds.append(rf"(?<=\b{word} .)")
        look_behinds.append(rf"(?<=\b{word}: .)")
    after_word = "|".join(look_behinds)
    letter_size = (
        r"(?<![\w'’-])([2-9][ -]?x[ -]?l(?:arge)?|(?:x{1,4}|extra)[ -]?(?:large|small)|"
        rf"x{{1,4}}[sl]|(?:small|medium|large){_NOT_OF_OTHERS}|"
        r"(?-i:[SML]|[2-6]X(?=\s*(?:$|[,)/])))|"
        rf"[sml](?![\w'’-])(?:{after_word}))(?![\w'’-])"
    )
    numbered_size = (
        rf"(?<![\w.])(?:(?:{any_word}|gr\.):? "
        r"(\d{1,2}(?:[.,]5|\.\d)?)(?!,?\d)|(\d{1,2}(?:\.5)?) (?:[BD]\(M\) |[MW] |Wide )?US|"
        r"([2-6]T)|(?-i:X{0,2}[SL]|M) \((\d{1,2})\))(?![\w/])"
    )
    pattern_texts = {
        "bed": rf"(?<![\w'’-])({_BEDS})(?![\w'’])",
        "letter": letter_size,
        "fit": r"(?<![\w'’-])(plus[ -]sized?|petite)(?![\w'’-])",
        "number": numbered_size,
        "age": r"(?<![\w.])(\d{1,2}-\d{1,2}) ?(?:months?|mos?|m)\b",
    }
    patterns: dict[str, re.Pattern[str]] = {}
    for size_kind, pattern_text in pattern_texts.items():
        patterns[size_kind] = re.compile(pattern_text, re.IGNORECASE)
    return patterns


def is_within(place: int, spans: Spans) -> bool:
    """Whether a place lies in one of the spans.

    Args:
        place: index of a character.
        spans: starts and ends, the end not included.

    Returns:
        False if there are no spans.
    """
    return any(start <= place < end for start, end in spans)


def find_numbered_sizes(text: str) -> list[re.Match[str]]:
    """Find sizes by number; group 4 is that of a letter with a number (``M (8)``)."""
    return list(_patterns()["number"].finditer(text))


def find_named_sizes(
    text: str, taken: Spans, numbered: list[re.Match[str]]
) -> Iterator[TextValue]:
    """Yield sizes by name, as ``kind:name``.

    Args:
        text: that may name some.
        taken: spans that are read already: the L of 0.5 L.
        numbered: from :func:`find_numbered_sizes`.

    Yields:
        The sizes, kind by kind.
    """
    for size_kind, pattern in _patterns().items():
        matches = numbered
        if size_kind != "number":
            matches = list(pattern.finditer(text))

        # Full and king mean much else where no bed is meant.
        if size_kind == "bed" and matches and not _ABOUT_BEDS.search(text):
            continue
        may_overlap = size_kind in ("number", "age")
        for match in matches:
            if may_overlap or not is_within(match.start(), taken):
                size = f"{size_kind}:{_name(size_kind, match)}"
                yield TextValue(size, match.start(), match.end())


def _name(kind: str, match: re.Match[str]) -> str:
    """One word for the many ways to write a named size."""
    if kind in ("number", "age"):
        # Each alternative of the pattern has a group of its own.
        size_number = str(next(filter(None, match.groups())))
        return size_number.lower().replace(",", ".")

    size_name = match.group().casefold()
    if kind == "letter":
        return _letter(size_name)
    if size_name.startswith("plus"):
        return "plus"
    return size_name


def _letter(name: str) -> str:
    """``xl`` of ``X-Large``, ``4xl`` of ``4X large``."""
    extra_count = name.count("x")
    if name[0].isdecimal():
        extra_count = int(name[0])

    # Up to xxxl all letters are written.
    extra_letters = "x" * extra_count
    if extra_count > 3:
        extra_letters = f"{extra_count}x"
    if name.endswith(("s", "small")):
        return f"{extra_letters}s"
    if name.startswith("m"):
        return f"{extra_letters}m"
    return f"{extra_letters}l"
