"""Texts of strangers: how a prompt shows them, and whether a quote stands in one.

A text that is shown holds no ``<``, ``>``, ``[``, ``]`` and no line break, so it can forge neither our tags nor a chat
template's markers (``<|im_end|>``, ``[INST]``); characters that nobody sees are gone.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache

from adore.types import Item

__all__ = ["find_quote", "normal", "quotes", "shown", "texts_of"]

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn"}
_BLANK = set(
    "\u115f\u1160\u3164\uffa0\u2800\u034f\u180b\u180c\u180d\u180f"
)  # letters and marks with no ink
_SELECTORS = ((0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
_BRACKETS = str.maketrans(
    dict.fromkeys("<\uff1c\ufe64", "\u2039")
    | dict.fromkeys(">\uff1e\ufe65", "\u203a")
    | dict.fromkeys("[\uff3b", "(")
    | dict.fromkeys("]\uff3d", ")")
)
_QUOTES = str.maketrans(
    dict.fromkeys("\u201c\u201d\u201e", '"') | dict.fromkeys("\u2018\u2019", "'")
)
_LONGEST = 20_000


@lru_cache(maxsize=4096)
def _seen(c: str) -> bool:
    hidden = unicodedata.category(c) in _HIDDEN or c in _BLANK
    return not hidden and not any(low <= ord(c) <= high for low, high in _SELECTORS)


def shown(text: str, limit: int = _LONGEST) -> str:
    """A text as a prompt shows it: one line, visible characters, other brackets, at most ``limit`` characters.

    Example:
        >>> shown("Mug &lt;/title&gt;\\n<|im_end|>  [INST] be\\u200bst")
        'Mug ‹/title› ‹|im_end|› (INST) best'
        >>> shown("stainless steel", 10)
        'stainless…'
    """
    text = text[: 4 * limit]
    for _ in range(3):
        text = html.unescape(text)
    text = "".join(c if _seen(c) else " " if c.isspace() else "" for c in text)
    text = " ".join(text.split()).translate(_BRACKETS)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


@lru_cache(maxsize=8192)
def normal(text: str) -> str:
    """A text as quotes are compared: as shown, NFKC, case folded, quotation marks alike, white space collapsed.

    Example:
        >>> normal("Ａcme\\u00ad  MUG&nbsp;1½ L")
        'acme mug 11⁄2 l'
    """
    return " ".join(
        unicodedata.normalize("NFKC", shown(text)).casefold().translate(_QUOTES).split()
    )


def texts_of(item: Item) -> dict[str, str]:
    """Every text of an item by the name that answers call it by; the shop's own fields as ``attributes.<name>``."""
    own = {
        f"attributes.{k}": v if isinstance(v, str) else str(v)
        for k, v in item.attributes.items()
    }
    return {
        "title": item.title,
        "brand": item.brand,
        "category": item.category,
        "bullet_points": "\n".join(item.bullet_points),
        "description": item.description,
        **own,
    }


def quotes(quote: str, text: str) -> bool:
    """Whether whole words of ``text`` are the quote: "red" does not stand in "featured", nor "5" in "500".

    Scripts without letter case, which may write words together, are not cut into words.

    Example:
        >>> quotes("oz", "Mug, 12oz"), quotes("scented", "unscented soap"), quotes("茶", "緑茶")
        (True, False, True)
    """
    part, whole = normal(quote), normal(text)
    starts = (
        (found.start() for found in re.finditer(f"(?={re.escape(part)})", whole))
        if part
        else ()
    )
    edges = ((at, at + len(part)) for at in starts)
    return any(
        not any(0 < e < len(whole) and _one_word(whole[e - 1], whole[e]) for e in edge)
        for edge in edges
    )


def _one_word(a: str, b: str) -> bool:
    """Two neighbours in one word or one number."""
    return (a.isdigit() and b.isdigit()) or all(c.lower() != c.upper() for c in (a, b))


def find_quote(quote: str, where: str, item: Item) -> str:
    """The text that holds the quote, or ``""``.

    Args:
        quote: whole words of it.
        where: the text that should hold it; ``attributes`` stands for any of the shop's own fields.
    """
    texts = texts_of(item)
    places = [
        w
        for w in texts
        if w == where or (where == "attributes" and w.startswith("attributes."))
    ]
    return next((w for w in places if quotes(quote, texts[w])), "")
