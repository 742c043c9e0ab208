"""Words of dirty shop text, each with the exact place where it was found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

__all__ = [
    "MAX_TEXT",
    "HasStems",
    "TextValue",
    "Token",
    "any_of",
    "is_trustworthy",
    "longest_first",
    "phrases_up_to",
    "tokenize",
    "visible",
    "word_stems",
]

MAX_TEXT = 4_000
"""Characters read of one text; sellers' texts repeat themselves after that."""

_INVISIBLE = re.compile(
    "[\u00ad\u200b-\u200d\u202d\u202e\u2060\ufeff\U000e0000-\U000e007f]"
)
_HIDDEN = re.compile(
    # overridden direction: shown in another order than it is written
    r"[\u202d\u202e][^\u202c]*\u202c?"
    r"|\S{0,80}(?:[A-Za-z0-9][\u00ad\u200b-\u200d\u2060\ufeff]+[A-Za-z0-9]"
    r"|[\U000e0000-\U000e007f])\S*"
)
"""Hidden words: cut by zero-width characters, in tag characters, or written backwards."""

_TO_JUDGE = re.compile(
    r"exact(?:ly)? (?:match|the product)|any (?:query|search)|every search|all searches|"
    r"to the judge|grade [esci]\b|= ?\w+ match|\{ ?[\"']|state[\"']?:|previous instructions|"
    r"ignore the|product_type|\bstate (?:match|conflict)\b|\battribute \w+ asked\b"
)
_LABEL = re.compile(
    r"\b(?:brand|colou?r|size|type|material|audience|model|pack|category) ?(?:[:=]|[-–—|] )"
)

_WORD = re.compile(r"\d+(?:[.,/]\d+)*(?![^\W_])|[^\W_]+(?:['’][^\W\d_]+)?")


class HasStems(Protocol):
    """Whatever stems words: a language, :class:`adore.attributes.language.Language`."""

    @property
    def stems(self) -> Mapping[str, str]:
        """A word as it is written, to its stem."""


class Token(NamedTuple):
    """A word: its stem and its span ``text[start:end]`` in the original text."""

    stem: str
    start: int
    end: int


class TextValue(NamedTuple):
    """A value, and the span ``text[start:end]`` that it was read from."""

    value: str
    start: int
    end: int


def visible(text: str) -> str:
    """Return the first :data:`MAX_TEXT` characters with hidden words blanked.

    Every visible character keeps its position.

    Returns:
        A text of the same length, unless it was cut.

    Example:
        >>> visible("Acme N\\u200bike cup")
        'Acme       cup'
    """
    text = text[:MAX_TEXT]
    if text.isascii() or not _INVISIBLE.search(text):
        return text
    return _HIDDEN.sub(_blank, text)


def _blank(match: re.Match[str]) -> str:
    """As many spaces as the match has characters."""
    return " " * len(match.group())


def is_trustworthy(text: str) -> bool:
    """Whether a seller's free text neither hides words nor addresses the judge.

    Claims, orders, fields and JSON address the judge.

    Returns:
        False for text that should not be read.

    Example:
        >>> is_trustworthy("Holds 500 ml"), is_trustworthy("brand: Nike | size: XL EXACT MATCH")
        (True, False)
    """
    if visible(text) != text:
        return False
    lower_text = text.lower()
    if _TO_JUDGE.search(lower_text):
        return False

    # Two labels may be an honest list of fields.
    return len(_LABEL.findall(lower_text)) <= 2


def tokenize(text: str, language: HasStems) -> list[Token]:
    """Split a text into words.

    Emoji, HTML marks, punctuation and hidden words (:func:`visible`) are not words.

    Args:
        text: as the shop has it.
        language: stems the words.

    Returns:
        the words from left to right.
    """
    stem_of = language.stems
    return [
        Token(stem_of[word_match.group()], word_match.start(), word_match.end())
        for word_match in _WORD.finditer(visible(text))
    ]


def phrases_up_to(longest: int, stems: list[str]) -> set[str]:
    """Collect every phrase of a text.

    Args:
        longest: most words of a phrase.
        stems: of the text's words, in order.

    Returns:
        Stems joined by one space.

    Example:
        >>> sorted(phrases_up_to(2, ["red", "water", "bottle"]))
        ['bottle', 'red', 'red water', 'water', 'water bottle']
    """
    phrases = set[str]()
    for start in range(len(stems)):
        stem_window = stems[start : start + longest]
        for phrase_length in range(1, len(stem_window) + 1):
            phrase = " ".join(stem_window[:phrase_length])
            phrases.add(phrase)
    return phrases


def word_stems(text: str, language: HasStems) -> list[str]:
    """Return the stems of a text's words, from left to right.

    Args:
        text: as the shop has it.
        language: stems the words.

    Returns:
        One stem a word.

    Example:
        >>> from adore.attributes.language_packs import load_language
        >>> word_stems("🔥NEW Water-Bottles &amp; cups", load_language("en"))
        ['new', 'water', 'bottle', 'amp', 'cup']
        >>> word_stems("une tasse à café, l'anse", load_language("fr"))
        ['une', 'tass', 'a', 'caf', 'anse']
    """
    return [token.stem for token in tokenize(text, language)]


def longest_first(words: Iterable[str]) -> list[str]:
    """Sort words for a pattern, which takes the first alternative that matches.

    Args:
        words: in any order.

    Returns:
        The longest first; those of one length in the order of the alphabet.
    """
    alphabetical = sorted(words)
    return sorted(alphabetical, key=len, reverse=True)


def any_of(words: Iterable[str]) -> str:
    """Write an alternation for a pattern, the longest word first.

    Args:
        words: as they are written.

    Returns:
        The alternation, without a group around it.

    Example:
        >>> any_of(["m", "mm", "ml"])
        'ml|mm|m'
    """
    return "|".join(map(re.escape, longest_first(words)))
