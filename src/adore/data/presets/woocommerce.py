"""WooCommerce's product CSV: variations name their parent and inherit what they leave empty."""

from __future__ import annotations

import re
from typing import Any

from adore.data.columns import spelt
from adore.data.presets.base import Preset, Row, Shaped, plain_text, rename
from adore.data.rows import Rows

__all__ = ["WOOCOMMERCE"]

_FIELDS: dict[str, str | tuple[str, ...]] = {
    "id": "ID",
    "kind": "Type",
    "sku": "SKU",
    "title": "Name",
    "short": "Short description",
    "description": "Description",
    "price": "Regular price",
    "sale_price": "Sale price",
    "category": "Categories",
    "tags": "Tags",
    "brand": ("Brands", "Brand"),
    "gtin": "GTIN, UPC, EAN, or ISBN",
    "parent": "Parent",
}
_KEPT = ("weight", "length", "width", "height")
"""Further columns that describe an item, by what they begin with (spelt)."""
_ATTRIBUTE = re.compile(r"attribute(\d+)(name|values?)")
_INHERITED = ("title", "short", "description", "category", "tags", "brand")


def _is_woocommerce(columns: frozenset[str]) -> bool:
    marks = {
        "attribute1name",
        "attribute1values",
        "parent",
        "visibilityincatalog",
        "regularprice",
        "taxstatus",
    }
    return {"type", "sku", "name"} <= columns and len(marks & columns) >= 2


def _values(text: str) -> list[str]:
    """The parts of a comma-separated cell; an escaped comma is none."""
    return [
        part.replace("\\,", ",").strip()
        for part in re.split(r"(?<!\\),", text)
        if part.strip()
    ]


def _attributes(row: Row) -> dict[str, Any]:
    """``Attribute 1 name`` and ``Attribute 1 value(s)`` as one field."""
    parts: dict[str, dict[str, str]] = {}
    for column, value in row.items():
        if (match := _ATTRIBUTE.fullmatch(spelt(column))) and value:
            parts.setdefault(match[1], {})[
                "name" if match[2] == "name" else "value"
            ] = str(value)
    attributes: dict[str, Any] = {}
    for part in parts.values():
        if "name" in part and "value" in part:
            values = _values(part["value"])
            attributes[part["name"]] = values[0] if len(values) == 1 else values
    return attributes


def _parent(row: Row, by_key: dict[str, Row]) -> Row:
    return by_key.get(str(row.get("parent") or "").strip(), {})


def _item(row: Row, parent: Row, id_column: str) -> Row:
    whole = {**row, **{name: row.get(name) or parent.get(name) for name in _INHERITED}}
    attributes = (
        {**_attributes(parent), **_attributes(row)} if parent else _attributes(row)
    )
    categories = _values(str(whole.get("category") or ""))
    description = "\n".join(
        filter(
            None, (plain_text(whole.get("short")), plain_text(whole.get("description")))
        )
    )
    item: Row = {
        name: value
        for name, value in row.items()
        if name.startswith("=") or spelt(name).startswith(_KEPT)
    }
    item |= {name: row.get(name) for name in ("price", "sale_price", "gtin")}
    item |= {"brand": whole.get("brand"), "description": description, **attributes}
    item |= {
        "category": categories[0] if categories else "",
        "more_categories": categories[1:],
    }
    item["tags"] = _values(str(whole.get("tags") or ""))
    item = {name: value for name, value in item.items() if value}
    return {
        **item,
        "item_id": row.get(id_column),
        "title": plain_text(whole.get("title")),
    }


def _shape(rows: Rows) -> Shaped:
    columns = rows.columns()
    names = rename(columns, _FIELDS)
    good = [
        (line, {names.get(c, c): v for c, v in row.items()}) for line, row in rows.good
    ]
    id_column = (
        "sku"
        if good and all(str(row.get("sku") or "").strip() for _, row in good)
        else "id"
    )
    by_key: dict[str, Row] = {}
    for _, row in good:
        by_key |= {
            f"id:{row.get('id')}": row,
            str(row.get("sku") or f"id:{row.get('id')}"): row,
        }
    rows.good = [
        (line, _item(row, _parent(row, by_key), id_column)) for line, row in good
    ]
    became: dict[str, str] = {}
    dropped: list[str] = []
    for column in columns:
        ours = names.get(column, "")
        if ours in ("sku", "id") and ours == id_column:
            became[column] = "item_id"
        elif ours and ours not in ("sku", "id", "kind", "parent"):
            became[column] = "description" if ours == "short" else ours
        elif _ATTRIBUTE.fullmatch(spelt(column)) or spelt(column).startswith(_KEPT):
            became[column] = "attribute"
        else:
            dropped.append(column)
    used = "SKU" if id_column == "sku" else "ID (some rows have no SKU)"
    return Shaped(
        rows,
        became,
        dropped,
        [f"variations inherit from their parent; the id of an item is its {used}"],
    )


WOOCOMMERCE = Preset(
    "woocommerce", "WooCommerce product CSV", "items", _is_woocommerce, _shape
)
