"""What a text says is not there: ``without straw``, ``no lid or cap``, ``sugar free``, ``strapless``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from adore.attributes.text import STOP, Token, stem

__all__ = ["NEGATIONS", "Absence", "find_absences"]

NEGATIONS = frozenset(["without", "withou", "witout", "no", "non", "not", "minus", "except", "sin", "sans", "lacking"])
_ENDS = frozenset(
    "for with without no non not minus except sin sans lacking in and or nor but of from to on w by that which should "
    "is are was has have please pick choose because so under this".split()
)
_AND_ALSO = frozenset(["or", "nor"])
_NO_NOUN = frozenset("more matter longer doubt problem need show wonder one other only just sure than".split())
_FREE = re.compile(r"(?<![\w-])([^\W\d_]{3,30})(?:-free\b|[ ]free\b(?![ -]?(?:\w*ship|gift|trial|deliver|return|stand|"
                   r"size|people|sample|app|download|shipping|bonus|of|from|with)))", re.IGNORECASE)  # fmt: skip
_FREE_OF = re.compile(r"\bfree (?:of|from) (?=\w)", re.IGNORECASE)
_FREELY = frozenset(
    "hand hands risk care hassle tax duty stress toll worry wire cord tangle wrinkle rust trouble maintenance "
    "tear tears error pain rent carefree one get buy are is the and for with set royalty".split()
)
_LESS = re.compile(
    r"\b(sleeve|strap|back|collar|lace|handle|rim|frame|bag|lid|seed|bone|skin|odou?r|scent|flame|tank|brush|hood|heel|"
    r"toe|finger|stem|arm|wheel|button|pocket|sugar|caffeine|tube)less\b",
    re.IGNORECASE,
)


class Absence(NamedTuple):
    """Stems that are said to be absent, where they stand, and the tokens that say so (first, end)."""

    value: str
    start: int
    end: int
    first: int
    stop: int


def find_absences(text: str, toks: list[Token]) -> Iterator[Absence]:
    """Everything that ``text`` (of which ``toks`` are the words) says it lacks or does not want.

    Example:
        >>> from adore.attributes.text import tokens
        >>> text = "sugar-free, no fat or salt"
        >>> [a.value for a in find_absences(text, tokens(text))]
        ['fat', 'salt', 'sugar']
    """
    for i, token in enumerate(toks):
        if token.stem in NEGATIONS and _denies(text, toks, i):
            yield from _after(text, toks, i)
    if "ree" in text or "ess" in text or "REE" in text or "ESS" in text:
        for m in (*_FREE.finditer(text), *_LESS.finditer(text)):
            part = m.group(1)
            inside = [i for i, t in enumerate(toks) if t.start < m.end() and t.end > m.start()]
            if inside and part.lower() not in _FREELY and stem(part) not in STOP | _ENDS:
                yield Absence(stem(part), *m.span(1), inside[0], inside[-1] + 1)
        for m in _FREE_OF.finditer(text):
            yield from _after(text, toks, next((i for i, t in enumerate(toks) if t.start >= m.end()), 1) - 1)


def _denies(text: str, toks: list[Token], i: int) -> bool:
    """``no 7 serum``, ``no. 2``, ``no more`` and ``not only`` deny nothing."""
    if i + 1 == len(toks) or toks[i + 1].stem in _NO_NOUN:
        return False
    return not (toks[i].stem == "no" and (toks[i + 1].stem[0].isdigit() or text[toks[i].end] == "."))


def _after(text: str, toks: list[Token], i: int) -> Iterator[Absence]:
    """Up to three words after the marker, and again after ``or``."""
    begin = i + 1
    while begin < len(toks) and toks[begin].stem in STOP - _ENDS:
        begin += 1
    end = begin
    while end < min(len(toks), begin + 3) and toks[end].stem not in _ENDS and _together(text, toks, end, begin):
        end += 1
    if end > begin:
        yield Absence(" ".join(t.stem for t in toks[begin:end]), toks[begin].start, toks[end - 1].end, i, end)
        if end < len(toks) and toks[end].stem in _AND_ALSO and _together(text, toks, end, begin):
            yield from _after(text, toks, end)


def _together(text: str, toks: list[Token], i: int, begin: int) -> bool:
    """No comma or full stop between this word and the one before."""
    return i == begin or not set(text[toks[i - 1].end : toks[i].start]) & set(",.;|()[]")
