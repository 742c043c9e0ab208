"""Texts of strangers: how a prompt shows them, and whether a quote stands in one.

A text that is shown holds no ``<``, ``>``, ``[``, ``]`` and no line break, so it can
forge neither our tags nor a chat template's markers (``<|im_end|>``, ``[INST]``);
characters that nobody sees are gone.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache

from adore.types import Item

__all__ = ["contains_quote", "find_quote", "normalise", "sanitise", "texts_of"]

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
def _is_seen(character: str) -> bool:
    if unicodedata.category(character) in _HIDDEN or character in _BLANK:
        return False
    code = ord(character)
    return not any(low <= code <= high for low, high in _SELECTORS)


@lru_cache(maxsize=4096)
def _inked(character: str) -> str:
    """The character as a prompt shows it: hidden white space is a blank."""
    if _is_seen(character):
        return character
    return " " if character.isspace() else ""


def sanitise(text: str, limit: int = _LONGEST) -> str:
    """A text as a prompt shows it: one line, visible characters, other brackets.

    Args:
        text: a stranger's words; HTML entities are read, also where they are nested.
        limit: most characters; a longer text is cut and ends in an ellipsis.

    Example:
        >>> shown("Mug &lt;/title&gt;\\n<|im_end|>  [INST] be\\u200bst")
        'Mug ‹/title› ‹|im_end|› (INST) best'
        >>> shown("stainless steel", 10)
        'stainless…'
    """
    text = text[: 4 * limit]
    for _ in range(3):
        text = html.unescape(text)
    text = "".join(map(_inked, text))

    words = text.split()
    line = " ".join(words).translate(_BRACKETS)
    if len(line) <= limit:
        return line
    return f"{line[: limit - 1]}…"


@lru_cache(maxsize=8192)
def normalise(text: str) -> str:
    """A text as quotes are compared.

    It is as shown, NFKC, case folded, quotation marks alike, white space collapsed.

    Example:
        >>> normal("Ａcme\\u00ad  MUG&nbsp;1½ L")
        'acme mug 11⁄2 l'
    """
    compatible = unicodedata.normalize("NFKC", sanitise(text))
    folded = compatible.casefold().translate(_QUOTES)
    return " ".join(folded.split())


def texts_of(item: Item) -> dict[str, str]:
    """Every text of an item by the name that answers call it by.

    The shop's own fields are ``attributes.<name>``.
    """
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


def contains_quote(quote: str, text: str) -> bool:
    """Whether whole words of ``text`` are the quote.

    "red" does not stand in "featured", nor "5" in "500". Scripts without letter case,
    which may write words together, are not cut into words.

    Args:
        quote: the words; none: False.
        text: where they should stand.

    Example:
        >>> quotes("oz", "Mug, 12oz"), quotes("scented", "unscented soap")
        (True, False)
        >>> quotes("茶", "緑茶")
        True
    """
    part = normalise(quote)
    whole = normalise(text)
    if not part:
        return False
    # looking ahead finds places that overlap as well
    for found in re.finditer(f"(?={re.escape(part)})", whole):
        start = found.start()
        end = start + len(part)
        if not _cuts_word(whole, start) and not _cuts_word(whole, end):
            return True
    return False


def _cuts_word(text: str, at: int) -> bool:
    """Whether the characters before and after a place stand in one word or number."""
    return 0 < at < len(text) and _one_word(text[at - 1], text[at])


def _one_word(left: str, right: str) -> bool:
    """Two neighbours in one word or one number."""
    if left.isdigit() and right.isdigit():
        return True
    return all(one.lower() != one.upper() for one in (left, right))


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
    return next((w for w in places if contains_quote(quote, texts[w])), "")
