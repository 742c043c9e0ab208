"""Words of dirty shop text, each with the exact place it stood at."""

from __future__ import annotations

import re
from typing import NamedTuple

from adore.attributes.language import Language

__all__ = ["MAX_TEXT", "Token", "believable", "tokens", "visible", "words"]

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
"""Words that hide.

Cut by zero-width characters, spelled in tag characters, or written backwards.
"""

_TO_JUDGE = re.compile(
    r"exact(?:ly)? (?:match|the product)|any (?:query|search)|every search|all searches|"
    r"to the judge|grade [esci]\b|= ?\w+ match|\{ ?[\"']|state[\"']?:|previous instructions|"
    r"ignore the|product_type|\bstate (?:match|conflict)\b|\battribute \w+ asked\b"
)
_LABEL = re.compile(
    r"\b(?:brand|colou?r|size|type|material|audience|model|pack|category) ?(?:[:=]|[-–—|] )"
)

_WORD = re.compile(r"\d+(?:[.,/]\d+)*(?![^\W_])|[^\W_]+(?:['’][^\W\d_]+)?")


class Token(NamedTuple):
    """A word: its stem and its span ``text[start:end]`` in the original."""

    stem: str
    start: int
    end: int


def visible(text: str) -> str:
    """The first :data:`MAX_TEXT` characters with hidden words blanked.

    Every place stays where it was.

    Example:
        >>> visible("Acme N\\u200bike cup")
        'Acme       cup'
    """
    text = text[:MAX_TEXT]
    return (
        text
        if text.isascii() or not _INVISIBLE.search(text)
        else _HIDDEN.sub(lambda m: " " * len(m.group()), text)
    )


def believable(text: str) -> str:
    """A seller's free text, or nothing where it hides words or speaks to the judge.

    Claims, orders, fields and JSON speak to the judge.

    Example:
        >>> believable("Holds 500 ml"), believable("brand: Nike | size: XL EXACT MATCH")
        ('Holds 500 ml', '')
    """
    low = text.lower()
    honest = (
        visible(text) == text
        and not _TO_JUDGE.search(low)
        and len(_LABEL.findall(low)) <= 2
    )
    return text if honest else ""


def tokens(text: str, language: Language) -> list[Token]:
    """Split text into words.

    Emoji, HTML marks, punctuation and hidden words (:func:`visible`) are no words.

    Args:
        text: as the shop has it.
        language: whose stems the words get.
    """
    stems = language.stems
    return [
        Token(stems[m.group()], m.start(), m.end())
        for m in _WORD.finditer(visible(text))
    ]


def words(text: str, language: Language) -> list[str]:
    """The stems of a text, in order.

    Args:
        text: as the shop has it.
        language: whose stems they are.

    Example:
        >>> from adore.attributes.language_packs import load_language
        >>> words("🔥NEW Water-Bottles &amp; cups", load_language("en"))
        ['new', 'water', 'bottle', 'amp', 'cup']
        >>> words("une tasse à café, l'anse", load_language("fr"))
        ['une', 'tass', 'a', 'caf', 'anse']
    """
    return [t.stem for t in tokens(text, language)]
