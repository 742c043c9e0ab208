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
    absence_words = language.absence
    for phrase_match in absence_words.phrases.finditer(text):
        marker = _tokens_of(tokens, phrase_match.start(), phrase_match.end())
        if marker.begin < len(tokens):
            yield from _following(text, tokens, marker, language)

    for position, token in enumerate(tokens):
        # Most words are passed over by their stem alone.
        if token.stem not in absence_words.stems:
            continue
        if _denies(text, tokens, position, language):
            marker = _Marker(position, position + 1)
            yield from _following(text, tokens, marker, language)

    lower_text = text.lower()
    if any(hint in lower_text for hint in absence_words.hints):
        yield from _in_one_word(text, tokens, language)


def _tokens_of(tokens: list[Token], start: int, end: int) -> _Marker:
    """The tokens that a marker covers.

    One that reaches beyond it (*pas d'anse*) is what is absent.

    Returns:
        The marker.
    """
    first_token = _first_beyond(tokens, start)
    begin_token = _first_beyond(tokens, end)
    return _Marker(min(first_token, begin_token), begin_token)


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
    absence_words = language.absence
    free_matches = absence_words.free.finditer(text)
    less_matches = absence_words.less.finditer(text)
    for match in (*free_matches, *less_matches):
        absent_part = match.group(1)
        stem = language.stems[absent_part]
        is_function_word = stem in language.stop or stem in absence_words.ends
        if is_function_word or absent_part.lower() in absence_words.free_but:
            continue

        positions: list[int] = []
        for position, token in enumerate(tokens):
            if token.start < match.end() and token.end > match.start():
                positions.append(position)
        if positions:
            start, end = match.span(1)
            yield Absence(stem, start, end, positions[0], positions[-1] + 1)


def _denies(text: str, tokens: list[Token], position: int, language: Language) -> bool:
    """``no 7 serum``, ``no. 2``, ``no more`` and ``not only`` deny nothing; *San* is not *sans*."""
    absence_words = language.absence
    if position + 1 == len(tokens):
        return False
    token = tokens[position]
    following = tokens[position + 1].stem
    written_marker = text[token.start : token.end].lower()
    if written_marker not in absence_words.words or following in absence_words.no_noun:
        return False
    if written_marker not in absence_words.numbered:
        return True

    is_number = following[0].isdigit() or text[token.end] == "."
    return not is_number


def _following(
    text: str, tokens: list[Token], marker: _Marker, language: Language
) -> Iterator[Absence]:
    """The words after the marker, as many as the language takes, and again after ``or``."""
    absence_words = language.absence
    first = _skip_stop_words(tokens, marker.begin, language)
    stop = first
    last_stop = min(len(tokens), first + absence_words.reach)
    while stop < last_stop and tokens[stop].stem not in absence_words.ends:
        if stop > first and _is_parted(text, tokens, stop):
            break
        stop += 1
    if stop == first:
        return

    absent_tokens = tokens[first:stop]
    absent_stems = [token.stem for token in absent_tokens]
    start = absent_tokens[0].start
    end = absent_tokens[-1].end
    yield Absence(" ".join(absent_stems), start, end, marker.first, stop)

    # In *no lid or cap* the marker counts for both.
    if stop == len(tokens) or _is_parted(text, tokens, stop):
        return
    if tokens[stop].stem in absence_words.also:
        next_marker = _Marker(stop, stop + 1)
        yield from _following(text, tokens, next_marker, language)


def _skip_stop_words(tokens: list[Token], position: int, language: Language) -> int:
    """The first word that may name what is absent (*without the lid*)."""
    ends = language.absence.ends
    while position < len(tokens):
        stem = tokens[position].stem
        if stem not in language.stop or stem in ends:
            break
        position += 1
    return position


def _is_parted(text: str, tokens: list[Token], position: int) -> bool:
    """Whether a comma or full stop stands between a word and the one before."""
    previous_end = tokens[position - 1].end
    between = text[previous_end : tokens[position].start]
    return not _PUNCTUATION.isdisjoint(between)
