"""Sizes by name: beds, letters, fits, ages, and numbers whose scale only the trade knows."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["NAMED", "SIZE_WORDS", "find_named", "within"]

_BEDS = "twin xl|twin|full|queen|california king|king"
_BED_TALK = re.compile(
    r"\b(?:bed|bedding|mattress|sheets?|comforter|duvet|pillows?|quilt|blanket|headboard|"
    r"coverlet|topper|futon|sofa)\b",
    re.IGNORECASE,
)
_OF_OTHERS = (
    r"(?![ -](?:dogs?|cats?|breeds?|animals?|capacity|print|roast|firm|business|spaces?|"
    r"hands|parts|rooms?)\b)"
)
SIZE_WORDS = ("size", "größe", "grösse", "groesse", "taille", "talla")
"""Words before a size; they ask for nothing by themselves."""
_AFTER_SIZE = "|".join(
    rf"(?<=\b{word}{colon} .)" for word in SIZE_WORDS for colon in ("", ":")
)
"""Before a small letter that is a size, with that letter."""
NAMED = {
    "bed": re.compile(rf"(?<![\w'’-])({_BEDS})(?![\w'’])", re.IGNORECASE),
    "letter": re.compile(
        r"(?<![\w'’-])([2-9][ -]?x[ -]?l(?:arge)?|(?:x{1,4}|extra)[ -]?(?:large|small)|"
        rf"x{{1,4}}[sl]|(?:small|medium|large){_OF_OTHERS}|"
        r"(?-i:[SML]|[2-6]X(?=\s*(?:$|[,)/])))|"
        rf"[sml](?![\w'’-])(?:{_AFTER_SIZE}))(?![\w'’-])",
        re.IGNORECASE,
    ),
    "fit": re.compile(r"(?<![\w'’-])(plus[ -]sized?|petite)(?![\w'’-])", re.IGNORECASE),
    "number": re.compile(
        rf"(?<![\w.])(?:(?:{'|'.join(SIZE_WORDS)}|gr\.):? "
        r"(\d{1,2}(?:[.,]5|\.\d)?)(?!,?\d)|(\d{1,2}(?:\.5)?) (?:[BD]\(M\) |[MW] |Wide )?US|"
        r"([2-6]T)|(?-i:X{0,2}[SL]|M) \((\d{1,2})\))(?![\w/])",
        re.IGNORECASE,
    ),
    "age": re.compile(
        r"(?<![\w.])(\d{1,2}-\d{1,2}) ?(?:months?|mos?|m)\b", re.IGNORECASE
    ),
}
"""Sizes by name.

And sizes by number whose scale only the trade knows (shoes, toddlers, dresses).
"""


def within(place: int, spans: list[tuple[int, int]]) -> bool:
    """Whether a place lies in one of the spans.

    Args:
        place: index of a character.
        spans: starts and ends, the end not included.
    """
    return any(a <= place < b for a, b in spans)


def find_named(
    text: str, taken: list[tuple[int, int]], numbered: list[re.Match[str]]
) -> Iterator[tuple[str, int, int]]:
    """Sizes by name as (``kind:name``, start, end).

    Args:
        text: where they are sought.
        taken: spans that are read already: the L of 0.5 L.
        numbered: matches of ``NAMED["number"]``.
    """
    for kind, pattern in NAMED.items():
        matches = numbered if kind == "number" else list(pattern.finditer(text))
        if kind == "bed" and matches and not _BED_TALK.search(text):
            continue
        alone = kind in ("number", "age")
        for match in matches:
            if alone or not within(match.start(), taken):
                value = f"{kind}:{_name(kind, match)}"
                yield value, match.start(), match.end()


def _name(kind: str, m: re.Match[str]) -> str:
    """One word for the many ways to write a named size."""
    if kind in ("number", "age"):
        return str(next(g for g in m.groups() if g)).lower().replace(",", ".")
    name = m.group().casefold()
    if kind == "letter":
        return _letter(name)
    return name[:4] if name.startswith("plus") else name


def _letter(name: str) -> str:
    """``xl`` of ``X-Large``, ``4xl`` of ``4X large``."""
    count = int(name[0]) if name[0].isdecimal() else name.count("x")
    extra = f"{count}x" if count > 3 else "x" * count
    if name.endswith(("s", "small")):
        return f"{extra}s"
    if name.startswith("m"):
        return f"{extra}m"
    return f"{extra}l"
