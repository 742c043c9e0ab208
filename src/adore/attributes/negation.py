"""What a text says is not there.

``without straw``, ``no lid or cap``, ``sugar free``, ``strapless``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from adore.attributes.language import Language
from adore.text import Token

__all__ = ["Absence", "find_absences"]


class Absence(NamedTuple):
    """Stems that are said to be absent, where they stand, and the tokens that say so.

    ``start`` and ``end`` are places in the text, ``first`` and ``stop`` those of tokens.
    """

    value: str
    start: int
    end: int
    first: int
    stop: int


class _Marker(NamedTuple):
    """The tokens ``[first, begin)`` say that what follows is absent."""

    first: int
    begin: int


def find_absences(
    text: str, toks: list[Token], language: Language
) -> Iterator[Absence]:
    """Everything that a text says it lacks or does not want.

    Args:
        text: without hidden words (:func:`adore.text.visible`).
        toks: its words.
        language: of the text.

    Example:
        >>> from adore.attributes.language_packs import load_language
        >>> from adore.text import tokenize
        >>> english, german = load_language("en"), load_language("de")
        >>> text = "sugar-free, no fat or salt, w/o milk"
        >>> [a.value for a in find_absences(text, tokenize(text, english), english)]
        ['milk', 'fat', 'salt', 'sugar']
        >>> text = "Tasse ohne Henkel, zuckerfrei"
        >>> [a.value for a in find_absences(text, tokenize(text, german), german)]
        ['henkel', 'zuck']
    """
    words = language.absence
    for match in words.phrases.finditer(text):
        marker = _tokens_of(toks, match.start(), match.end())
        if marker.begin < len(toks):
            yield from _after(text, toks, marker, language)

    for i, token in enumerate(toks):
        if token.stem in words.stems and _denies(text, toks, i, language):
            marker = _Marker(i, i + 1)
            yield from _after(text, toks, marker, language)

    lower = text.lower()
    if any(hint in lower for hint in words.hints):
        yield from _in_one_word(text, toks, language)


def _tokens_of(toks: list[Token], start: int, end: int) -> _Marker:
    """The tokens that a marker covers.

    One that reaches beyond it (*pas d'anse*) is what is absent.
    """
    first = _first_beyond(toks, start)
    begin = _first_beyond(toks, end)
    return _Marker(min(first, begin), begin)


def _first_beyond(toks: list[Token], place: int) -> int:
    """The first token that ends after a place in the text, or how many there are."""
    for i, token in enumerate(toks):
        if token.end > place:
            return i
    return len(toks)


def _in_one_word(text: str, toks: list[Token], language: Language) -> Iterator[Absence]:
    words = language.absence
    for match in (*words.free.finditer(text), *words.less.finditer(text)):
        part = match.group(1)
        stem = language.stems[part]
        inside = [
            i
            for i, token in enumerate(toks)
            if token.start < match.end() and token.end > match.start()
        ]
        names_a_part = (
            part.lower() not in words.free_but
            and stem not in language.stop
            and stem not in words.ends
        )
        if inside and names_a_part:
            yield Absence(stem, *match.span(1), inside[0], inside[-1] + 1)


def _denies(text: str, toks: list[Token], i: int, language: Language) -> bool:
    """``no 7 serum``, ``no. 2``, ``no more`` and ``not only`` deny nothing; *San* is not *sans*."""
    words, token = language.absence, toks[i]
    said = text[token.start : token.end].lower()
    if (
        said not in words.words
        or i + 1 == len(toks)
        or toks[i + 1].stem in words.no_noun
    ):
        return False
    numbers = toks[i + 1].stem[0].isdigit() or text[token.end] == "."
    return not (said in words.numbered and numbers)


def _after(
    text: str, toks: list[Token], marker: _Marker, language: Language
) -> Iterator[Absence]:
    """The words after the marker, as many as the language takes, and again after ``or``."""
    words = language.absence
    begin = marker.begin
    while (
        begin < len(toks)
        and toks[begin].stem in language.stop
        and toks[begin].stem not in words.ends
    ):
        begin += 1
    end = begin
    last = min(len(toks), begin + words.reach)
    while (
        end < last
        and toks[end].stem not in words.ends
        and _together(text, toks, end, begin)
    ):
        end += 1
    if end == begin:
        return
    value = " ".join(token.stem for token in toks[begin:end])
    yield Absence(value, toks[begin].start, toks[end - 1].end, marker.first, end)
    if (
        end < len(toks)
        and toks[end].stem in words.also
        and _together(text, toks, end, begin)
    ):
        yield from _after(text, toks, _Marker(end, end + 1), language)


def _together(text: str, toks: list[Token], i: int, begin: int) -> bool:
    """No comma or full stop between this word and the one before."""
    if i == begin:
        return True
    gap = text[toks[i - 1].end : toks[i].start]
    return not set(gap) & set(",.;|()[]")
