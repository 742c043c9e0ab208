"""What a text says is not there.

``without straw``, ``no lid or cap``, ``sugar free``, ``strapless``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from adore.attributes.language import Language
from adore.text import Token

__all__ = ["Absence", "find_absences"]


_PUNCTUATION = frozenset(",.;|()[]")


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
    text: str, tokens: list[Token], language: Language
) -> Iterator[Absence]:
    """Yield everything that a text says it lacks or does not want.

    Args:
        text: without hidden words (:func:`adore.text.visible`).
        tokens: its words.
        language: of the text.

    Yields:
        What is absent: after phrases, after words, inside words.

    Example:
        >>> from adore.attributes.language_packs import load_language
        >>> from adore.text import tokenize
        >>> english, german = load_language("en"), load_language("de")
        >>> text = "sugar-free, no fat or salt, w/o milk"
        >>> words = tokenize(text, english)
        >>> [absence.value for absence in find_absences(text, words, english)]
        ['milk', 'fat', 'salt', 'sugar']
        >>> text = "Tasse ohne Henkel, zuckerfrei"
        >>> words = tokenize(text, german)
        >>> [absence.value for absence in find_absences(text, words, german)]
        ['henkel', 'zuck']
    """
    words = language.absence
    for match in words.phrases.finditer(text):
        marker = _tokens_of(tokens, match.start(), match.end())
        if marker.begin < len(tokens):
            yield from _following(text, tokens, marker, language)

    for position, token in enumerate(tokens):
        if token.stem in words.stems and _denies(text, tokens, position, language):
            marker = _Marker(position, position + 1)
            yield from _following(text, tokens, marker, language)

    lower = text.lower()
    if any(hint in lower for hint in words.hints):
        yield from _in_one_word(text, tokens, language)


def _tokens_of(tokens: list[Token], start: int, end: int) -> _Marker:
    """The tokens that a marker covers.

    One that reaches beyond it (*pas d'anse*) is what is absent.

    Returns:
        The marker.
    """
    first = _first_beyond(tokens, start)
    begin = _first_beyond(tokens, end)
    return _Marker(min(first, begin), begin)


def _first_beyond(tokens: list[Token], character: int) -> int:
    """The first token that ends after a character, or how many there are."""
    for position, token in enumerate(tokens):
        if token.end > character:
            return position
    return len(tokens)


def _in_one_word(
    text: str, tokens: list[Token], language: Language
) -> Iterator[Absence]:
    """*sugar-free*, *strapless*."""
    words = language.absence
    for match in (*words.free.finditer(text), *words.less.finditer(text)):
        part = match.group(1)
        stem = language.stems[part]
        is_function_word = stem in language.stop or stem in words.ends
        if is_function_word or part.lower() in words.free_but:
            continue

        inside = [
            position
            for position, token in enumerate(tokens)
            if token.start < match.end() and token.end > match.start()
        ]
        if inside:
            start, end = match.span(1)
            yield Absence(stem, start, end, inside[0], inside[-1] + 1)


def _denies(text: str, tokens: list[Token], position: int, language: Language) -> bool:
    """``no 7 serum``, ``no. 2``, ``no more`` and ``not only`` deny nothing; *San* is not *sans*."""
    words = language.absence
    if position + 1 == len(tokens):
        return False
    token = tokens[position]
    following = tokens[position + 1].stem
    written = text[token.start : token.end].lower()
    if written not in words.words or following in words.no_noun:
        return False
    if written not in words.numbered:
        return True

    is_number = following[0].isdigit() or text[token.end] == "."
    return not is_number


def _following(
    text: str, tokens: list[Token], marker: _Marker, language: Language
) -> Iterator[Absence]:
    """The words after the marker, as many as the language takes, and again after ``or``."""
    words = language.absence
    begin = _skip_stop_words(tokens, marker.begin, language)
    end = begin
    last = min(len(tokens), begin + words.reach)
    while end < last and tokens[end].stem not in words.ends:
        if end > begin and _is_parted(text, tokens, end):
            break
        end += 1
    if end == begin:
        return

    stems = [token.stem for token in tokens[begin:end]]
    start_of_first = tokens[begin].start
    end_of_last = tokens[end - 1].end
    yield Absence(" ".join(stems), start_of_first, end_of_last, marker.first, end)

    if end == len(tokens) or _is_parted(text, tokens, end):
        return
    if tokens[end].stem in words.also:
        yield from _following(text, tokens, _Marker(end, end + 1), language)


def _skip_stop_words(tokens: list[Token], begin: int, language: Language) -> int:
    """The first word that may name what is absent (*without the lid*)."""
    ends = language.absence.ends
    while begin < len(tokens):
        stem = tokens[begin].stem
        if stem not in language.stop or stem in ends:
            break
        begin += 1
    return begin


def _is_parted(text: str, tokens: list[Token], position: int) -> bool:
    """Whether a comma or full stop stands between a word and the one before."""
    gap = text[tokens[position - 1].end : tokens[position].start]
    return not _PUNCTUATION.isdisjoint(gap)
