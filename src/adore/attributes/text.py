"""Words of dirty shop text, each with the exact place it stood at."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["MAX_TEXT", "STOP", "Token", "stem", "tokens", "visible", "words"]

MAX_TEXT = 4_000
"""Characters read of one text; sellers' texts repeat themselves after that."""

_INVISIBLE = re.compile("[\u00ad\u200b-\u200d\u202d\u202e\u2060\ufeff\U000e0000-\U000e007f]")
_HIDDEN = re.compile(
    r"[\u202d\u202e][^\u202c]*\u202c?"  # overridden direction: shown in another order than it is written
    r"|\S{0,80}(?:[A-Za-z0-9][\u00ad\u200b-\u200d\u2060\ufeff]+[A-Za-z0-9]|[\U000e0000-\U000e007f])\S*"
)
"""Words that hide: cut by zero-width characters, spelled in tag characters, or written backwards."""

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


@dataclass(frozen=True, slots=True)
class Token:
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
