"""Texts of strangers: how a prompt shows them, and whether one contains a quote.

A sanitised text has no ``<``, ``>``, ``[``, ``]`` and no line break, so it can
forge neither our tags nor a chat template's markers (``<|im_end|>``, ``[INST]``);
invisible characters are gone.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache

from adore.types import Item

__all__ = ["contains_quote", "find_quote", "normalise", "sanitise", "texts_of"]

_HIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn"}
_BLANK_LETTERS = set("\u115f\u1160\u3164\uffa0\u2800\u034f\u180b\u180c\u180d\u180f")
"""Letters and marks without ink."""
_VARIATION_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
_BRACKETS = str.maketrans(
    dict.fromkeys("<\uff1c\ufe64", "\u2039")
    | dict.fromkeys(">\uff1e\ufe65", "\u203a")
    | dict.fromkeys("[\uff3b", "(")
    | dict.fromkeys("]\uff3d", ")")
)
_QUOTES = str.maketrans(
    dict.fromkeys("\u201c\u201d\u201e", '"') | dict.fromkeys("\u2018\u2019", "'")
)
_MAX_LENGTH = 20_000


@lru_cache(maxsize=4096)
def _is_visible(character: str) -> bool:
    if unicodedata.category(character) in _HIDDEN_CATEGORIES:
        return False
    if character in _BLANK_LETTERS:
        return False
    code_point = ord(character)
    return not any(code_point in selectors for selectors in _VARIATION_SELECTORS)


@lru_cache(maxsize=4096)
def _visible(character: str) -> str:
    """The character as a prompt shows it: hidden white space is a blank."""
    if _is_visible(character):
        return character
    return " " if character.isspace() else ""


def sanitise(text: str, limit: int = _MAX_LENGTH) -> str:
    """Make a text safe for a prompt: one line, visible characters, other brackets.

    Args:
        text: a stranger's words; HTML entities are read, also where they are nested.
        limit: most characters; a longer text is cut and ends in an ellipsis.

    Returns:
        One line.

    Example:
        >>> sanitise("Mug &lt;/title&gt;\\n<|im_end|>  [INST] be\\u200bst")
        'Mug ‹/title› ‹|im_end|› (INST) best'
        >>> sanitise("stainless steel", 10)
        'stainless…'
    """
    # bounds the work for a text far longer than the limit
    text = text[: 4 * limit]
    for _ in range(3):
        text = html.unescape(text)
    text = "".join(map(_visible, text))

    words = text.split()
    line = " ".join(words).translate(_BRACKETS)
    if len(line) <= limit:
        return line
    return f"{line[: limit - 1]}…"


@lru_cache(maxsize=8192)
def normalise(text: str) -> str:
    """Normalise a text for the comparison of quotes.

    It is sanitised, NFKC, case folded, quotation marks alike, white space collapsed.

    Returns:
        One line in lower case.

    Example:
        >>> normalise("Ａcme\\u00ad  MUG&nbsp;1½ L")
        'acme mug 11⁄2 l'
    """
    # full-width letters, ligatures and fractions become plain ones
    compatible = unicodedata.normalize("NFKC", sanitise(text))
    folded = compatible.casefold().translate(_QUOTES)
    return " ".join(folded.split())


def texts_of(item: Item) -> dict[str, str]:
    """Every text of an item, by the name that answers use for it.

    Returns:
        Name to text; the shop's own fields are ``attributes.<name>``.
    """
    texts = {
        "title": item.title,
        "brand": item.brand,
        "category": item.category,
        "bullet_points": "\n".join(item.bullet_points),
        "description": item.description,
    }
    for name, value in item.attributes.items():
        texts[f"attributes.{name}"] = str(value)
    return texts


def contains_quote(quote: str, text: str) -> bool:
    """Tell whether the quote stands in ``text`` as whole words.

    "red" does not stand in "featured", nor "5" in "500". Scripts without letter case,
    which may write words together, are not cut into words.

    Args:
        quote: the words; none: False.
        text: where they should stand.

    Returns:
        True if they stand there as whole words.

    Example:
        >>> contains_quote("oz", "Mug, 12oz"), contains_quote("scented", "unscented soap")
        (True, False)
        >>> contains_quote("茶", "緑茶")
        True
    """
    needle = normalise(quote)
    haystack = normalise(text)
    if not needle:
        return False
    # looking ahead finds places that overlap as well
    for place in re.finditer(f"(?={re.escape(needle)})", haystack):
        start = place.start()
        end = start + len(needle)
        if not _cuts_word(haystack, start) and not _cuts_word(haystack, end):
            return True
    return False


def _cuts_word(text: str, position: int) -> bool:
    """Whether the characters before and after a position stand in one word or number."""
    if not 0 < position < len(text):
        return False
    return _in_one_word(text[position - 1], text[position])


def _in_one_word(left: str, right: str) -> bool:
    """Whether two neighbours belong to one word or one number."""
    if left.isdigit() and right.isdigit():
        return True
    return _has_case(left) and _has_case(right)


def _has_case(character: str) -> bool:
    return character.lower() != character.upper()


def find_quote(quote: str, where: str, item: Item) -> str:
    """Find the text that contains the quote.

    Args:
        quote: whole words of it.
        where: the text that should contain it; ``attributes`` means any of the shop's
            own fields.
        item: whose texts are searched.

    Returns:
        The text's name, or ``""``.
    """
    for name, text in texts_of(item).items():
        is_own_field = where == "attributes" and name.startswith("attributes.")
        if (name == where or is_own_field) and contains_quote(quote, text):
            return name
    return ""
