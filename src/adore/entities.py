"""Decodes HTML's character references in shops' texts when they are read."""

from __future__ import annotations

import html
import html.entities
import re
from typing import Any

__all__ = ["decoded", "decoded_values"]

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_MAX_ROUNDS = 3
"""How many times a text may have been escaped."""
_SPACES = str.maketrans({"\xa0": " ", "\u202f": " ", "\u2009": " ", "\xad": None})
"""Non-breaking spaces become spaces; soft hyphens vanish, as in *Kaffee&shy;tasse*."""


def _character(match: re.Match[str]) -> str:
    """Return a reference's character; a name that HTML does not know stays as it is."""
    written = match.group()
    is_number = written.startswith("&#")
    if not is_number and written[1:] not in html.entities.html5:
        return written

    character = html.unescape(written)
    return character.translate(_SPACES)


def decoded(text: str) -> str:
    """Decode HTML's character references in a text, also if it was escaped twice.

    Only references that end in a semicolon are decoded: ``a=1&copy=2`` is part of an address.

    Returns:
        The text, decoded.

    Example:
        >>> decoded("Caf&eacute; &amp; Bar 8&quot;"), decoded("1000&amp;nbsp;ml")
        ('Café & Bar 8"', '1000 ml')
        >>> decoded("R&D ?a=1&copy=2")
        'R&D ?a=1&copy=2'
    """
    # Each round undoes one escaping.
    for _ in range(_MAX_ROUNDS):
        if "&" not in text or not _ENTITY.search(text):
            return text
        text = _ENTITY.sub(_character, text)
    return text


def decoded_values(value: Any) -> Any:
    """:func:`decoded` for every text and name inside lists and mappings; other values as they are.

    Returns:
        A value of the same shape.

    Example:
        >>> decoded_values({"Gr&ouml;&szlig;e": ["8&quot;", 3]})
        {'Größe': ['8"', 3]}
    """
    if isinstance(value, str):
        return decoded(value)
    if isinstance(value, dict):
        decoded_dict = {}
        for field_name, inner_value in value.items():
            decoded_dict[decoded_values(field_name)] = decoded_values(inner_value)
        return decoded_dict
    if isinstance(value, list | tuple):
        return [decoded_values(inner_value) for inner_value in value]
    return value
