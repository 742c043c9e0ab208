"""The text of a query and of an item as the student reads it: typed fields, most telling first."""

from __future__ import annotations

import unicodedata

from adore.types import Item

__all__ = ["full_text", "query_text", "title_text", "typed_text"]

_IRRELEVANT = frozenset(
    {
        "rating",
        "rating_count",
        "price",
        "price_usd",
        "sale_price",
        "compare_at_price",
        "url",
        "image",
    }
)
"""Fields that say nothing of relevance."""


def _clean(text: str, limit: int) -> str:
    """NFKC with whitespace collapsed, at most so many characters."""
    beginning = text[: 4 * limit]

    # Half a surrogate pair becomes "?".
    encoded = beginning.encode("utf-8", "replace")
    decoded = encoded.decode("utf-8")

    normalised = unicodedata.normalize("NFKC", decoded)
    collapsed = " ".join(normalised.split())
    return collapsed[:limit]


def query_text(query: str) -> str:
    """The query, NFKC, whitespace collapsed, at most 300 characters."""
    return _clean(query, 300)


def title_text(item: Item) -> str:
    """The title alone, at most 300 characters."""
    return _clean(item.title, 300)


def _leaf(category: str) -> str:
    """The last two levels of a category path."""
    levels = category.split(">")[-2:]
    return " > ".join(level.strip() for level in levels)


def _value_text(value: object) -> str:
    """A field's value as text; lists are joined; false, fractional and nested values are empty."""
    if isinstance(value, list | tuple):
        parts = []
        for part in value:
            if not part:
                continue
            is_nested = isinstance(part, list | tuple)
            parts.append("" if is_nested else _value_text(part))
        return ", ".join(parts)
    if value and isinstance(value, str | int):
        return str(value)
    return ""


def _has_digit(field: tuple[str, str]) -> bool:
    _, value = field
    return any(character.isdigit() for character in value)


def typed_text(item: Item) -> str:
    """Title, brand, category leaf, the shop's attributes, bullet points; 600 characters.

    Attributes with digits (numbers and codes) come last.

    Args:
        item: the item.

    Returns:
        Fields joined by ``|``, each with its name.

    Example:
        >>> mug = Item("1", "Steel mug", "Acme", "Home > Mugs", attributes={"colour": "red"})
        >>> typed_text(mug)
        'Steel mug | brand: Acme | category: Home > Mugs | colour: red'
    """
    attributes = []
    for name, value in sorted(item.attributes.items()):
        if name not in _IRRELEVANT:
            attributes.append((name, _value_text(value)))
    attributes.sort(key=_has_digit)

    parts = [title_text(item)]
    named_fields = [
        ("brand", item.brand),
        ("category", _leaf(item.category)),
        *attributes,
    ]
    for name, value in named_fields:
        if value:
            parts.append(f"{_clean(name, 40)}: {_clean(value, 80)}")
    parts.append(_clean(" ".join(item.bullet_points), 300))
    return " | ".join(parts).rstrip(" |")[:600]


def full_text(item: Item) -> str:
    """Every word that BM25 may match, cut.

    Args:
        item: the item.

    Returns:
        Title, brand, category, and the bullet points or, without any, the description.
    """
    body = " ".join(item.bullet_points) or item.description
    parts = (
        title_text(item),
        item.brand[:100],
        item.category[:200],
        _clean(body, 2000),
    )
    return " ".join(parts)
