"""The text of a query and of an item as the student reads it: typed fields, most telling first."""

from __future__ import annotations

import unicodedata

from adore.types import Item

__all__ = ["full_text", "query_text", "title_text", "typed_text"]

_SKIP = frozenset(
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
    # Half a surrogate pair becomes "?".
    whole = text[: 4 * limit].encode("utf-8", "replace").decode("utf-8")
    return " ".join(unicodedata.normalize("NFKC", whole).split())[:limit]


def query_text(query: str) -> str:
    """The query, NFKC, whitespace collapsed, at most 300 characters."""
    return _clean(query, 300)


def title_text(item: Item) -> str:
    """The title alone, at most 300 characters."""
    return _clean(item.title, 300)


def _leaf(category: str) -> str:
    return " > ".join(part.strip() for part in category.split(">")[-2:])


def _said(value: object) -> str:
    """A field's value as text; lists joined; what is false, fractional or nested says nothing."""
    if isinstance(value, list | tuple):
        return ", ".join(
            "" if isinstance(v, list | tuple) else _said(v) for v in value if v
        )
    return str(value) if value and isinstance(value, str | int) else ""


def typed_text(item: Item) -> str:
    """Title, brand, category leaf, the shop's own attributes, bullet points; 600 characters.

    Attributes with digits (numbers and codes) come last.

    Example:
        >>> mug = Item("1", "Steel mug", "Acme", "Home > Mugs", attributes={"colour": "red"})
        >>> typed_text(mug)
        'Steel mug | brand: Acme | category: Home > Mugs | colour: red'
    """
    own = [
        (name, _said(value))
        for name, value in sorted(item.attributes.items())
        if name not in _SKIP
    ]
    own.sort(key=lambda field: any(c.isdigit() for c in field[1]))
    fields = [("brand", item.brand), ("category", _leaf(item.category)), *own]
    typed = [
        f"{_clean(name, 40)}: {_clean(value, 80)}" for name, value in fields if value
    ]
    return " | ".join(
        [title_text(item), *typed, _clean(" ".join(item.bullet_points), 300)]
    ).rstrip(" |")[:600]


def full_text(item: Item) -> str:
    """Every word that BM25 may match, cut.

    That is title, brand, category, bullet points, else the description.
    """
    body = " ".join(item.bullet_points) or item.description
    return f"{title_text(item)} {item.brand[:100]} {item.category[:200]} {_clean(body, 2000)}"
