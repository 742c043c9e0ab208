"""Words of dirty shop text, each with the exact place it stood at."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

__all__ = ["MAX_TEXT", "STOP", "Token", "believable", "stem", "tokens", "visible", "words"]

MAX_TEXT = 4_000
"""Characters read of one text; sellers' texts repeat themselves after that."""

_INVISIBLE = re.compile("[\u00ad\u200b-\u200d\u202d\u202e\u2060\ufeff\U000e0000-\U000e007f]")
_HIDDEN = re.compile(
    r"[\u202d\u202e][^\u202c]*\u202c?"  # overridden direction: shown in another order than it is written
    r"|\S{0,80}(?:[A-Za-z0-9][\u00ad\u200b-\u200d\u2060\ufeff]+[A-Za-z0-9]|[\U000e0000-\U000e007f])\S*"
)
"""Words that hide: cut by zero-width characters, spelled in tag characters, or written backwards."""

_TO_JUDGE = re.compile(
    r"exact(?:ly)? (?:match|the product)|any (?:query|search)|every search|all searches|to the judge|grade [esci]\b|"
    r"= ?\w+ match|\{ ?[\"']|state[\"']?:|previous instructions|ignore the|product_type|\bstate (?:match|conflict)\b|"
    r"\battribute \w+ asked\b"
)
_LABEL = re.compile(r"\b(?:brand|colou?r|size|type|material|audience|model|pack|category) ?(?:[:=]|[-–—|] )")

_WORD = re.compile(r"\d+(?:[.,/]\d+)*(?![^\W_])|[^\W_]+(?:['’][^\W\d_]+)?")
_IRREGULAR = {"women": "woman", "men": "man", "children": "child", "feet": "foot", "mice": "mouse", "shelves": "shelf"}
STOP = frozenset(
    [
        "a",
        "an",
        "the",
        "and",
        "or",
        "of",
        "in",
        "on",
        "at",
        "to",
        "from",
        "by",
        "with",
        "w",
        "for",
        "is",
        "are",
        "be",
        "it",
        "its",
        "this",
        "that",
        "i",
        "my",
        "me",
        "your",
        "our",
        "you",
        "amp",
        "quot",
        "nbsp",
        "set",
        "new",
        "best",
        "good",
        "top",
        "buy",
        "cheap",
        "need",
        "find",
        "want",
        "looking",
        "please",
        "s",
    ]
)


class Token(NamedTuple):
    """A word: its stem and its span ``text[start:end]`` in the original."""

    stem: str
    start: int
    end: int


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """Lower-case NFKC form without possessive and plural.

    Example:
        >>> [stem(w) for w in ("Glasses", "batteries", "Women's", "dress", "socks")]
        ['glass', 'battery', 'woman', 'dress', 'sock']
    """
    w = unicodedata.normalize("NFKC", word).lower().replace("’", "'").split("'")[0]
    w = "".join(c for c in w if not c.isspace() and c != "=") or "_"  # NFKC may bring spaces in
    if w in _IRREGULAR:
        return _IRREGULAR[w]
    if w in {"mens", "womens"}:
        return w[:-3] + "an"
    if len(w) > 4 and w.endswith("ies"):
        return w[:-3] + "y"
    if len(w) > 4 and w.endswith(("sses", "xes", "ches", "shes")):
        return w[:-2]
    if len(w) > 3 and w.endswith("s") and not w.endswith(("ss", "us", "is")):
        return w[:-1]
    return w


def visible(text: str) -> str:
    """The first :data:`MAX_TEXT` characters with hidden words blanked, so that every place stays where it was.

    Example:
        >>> visible("Acme N\\u200bike cup")
        'Acme       cup'
    """
    text = text[:MAX_TEXT]
    return text if text.isascii() or not _INVISIBLE.search(text) else _HIDDEN.sub(lambda m: " " * len(m.group()), text)


def believable(text: str) -> str:
    """A seller's free text, or nothing where it hides words or speaks to the judge: claims, orders, fields, JSON.

    Example:
        >>> believable("Holds 500 ml"), believable("brand: Nike | size: XL EXACT MATCH")
        ('Holds 500 ml', '')
    """
    low = text.lower()
    honest = visible(text) == text and not _TO_JUDGE.search(low) and len(_LABEL.findall(low)) <= 2
    return text if honest else ""


def tokens(text: str) -> list[Token]:
    """Split text into words; emoji, HTML marks, punctuation and hidden words (:func:`visible`) are no words."""
    return [Token(stem(m.group()), m.start(), m.end()) for m in _WORD.finditer(visible(text))]


def words(text: str) -> list[str]:
    """The stems of a text, in order.

    Example:
        >>> words("🔥NEW Water-Bottles &amp; cups")
        ['new', 'water', 'bottle', 'amp', 'cup']
    """
    return [t.stem for t in tokens(text)]
