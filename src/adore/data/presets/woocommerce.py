"""WooCommerce's product CSV: variations name their parent and inherit what they leave empty."""

from __future__ import annotations

import re

from adore.data.columns import normalise_name
from adore.data.presets.base import (
    ConvertedRows,
    Preset,
    map_values,
    match_columns,
    plain_text,
)
from adore.data.rows import Row, Rows

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
"""Further columns that describe an item, by what they begin with (normalised)."""
_ATTRIBUTE = re.compile(r"attribute(?P<number>\d+)(?P<part>name|values?)")
_NOT_SHOWN = ("sku", "id", "kind", "parent")
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


def _split(text: object) -> list[str]:
    """The parts of a comma-separated cell; an escaped comma separates nothing."""
    parts = []
    for part in re.split(r"(?<!\\),", str(text or "")):
        unescaped = part.replace("\\,", ",").strip()
        if unescaped:
            parts.append(unescaped)
    return parts


def _attributes(source_row: Row) -> Row:
    """``Attribute 1 name`` and ``Attribute 1 value(s)`` as one field."""
    column_names: dict[str, str] = {}
    values: dict[str, str] = {}
    for column, value in source_row.items():
        match = _ATTRIBUTE.fullmatch(normalise_name(column))
        if not match or not value:
            continue
        parts = column_names if match["part"] == "name" else values
        parts[match["number"]] = str(value)

    attributes: Row = {}
    for number, field_name in column_names.items():
        if number in values:
            parsed = _split(values[number])
            attributes[field_name] = parsed[0] if len(parsed) == 1 else parsed
    return attributes


def _description(fields: Row) -> str:
    short = plain_text(fields.get("short"))
    description = plain_text(fields.get("description"))
    texts = filter(None, (short, description))
    return "\n".join(texts)


def _item(source_row: Row, parent: Row, id_column: str) -> Row:
    """One product or variation, with what it inherits."""
    fields: Row = {}
    for field_name in _INHERITED:
        fields[field_name] = source_row.get(field_name) or parent.get(field_name)
    categories = _split(fields["category"])

    converted_item: Row = {}
    for field_name, value in source_row.items():
        if field_name.startswith("=") or normalise_name(field_name).startswith(_KEPT):
            converted_item[field_name] = value
    for field_name in ("price", "sale_price", "gtin"):
        converted_item[field_name] = source_row.get(field_name)
    converted_item["brand"] = fields["brand"]
    converted_item["description"] = _description(fields)
    # The variation's own attributes replace those of its parent.
    converted_item |= _attributes(parent)
    converted_item |= _attributes(source_row)
    converted_item["category"] = categories[0] if categories else ""
    converted_item["more_categories"] = categories[1:]
    converted_item["tags"] = _split(fields["tags"])

    converted_item = {
        field_name: value for field_name, value in converted_item.items() if value
    }
    converted_item["item_id"] = source_row.get(id_column)
    converted_item["title"] = plain_text(fields["title"])
    return converted_item


def _sku(source_row: Row) -> str:
    return str(source_row.get("sku") or "").strip()


def _by_key(products: list[Row]) -> dict[str, Row]:
    """Products by the two keys by which a variation may name its parent."""
    # The export names a parent by its SKU, or as id:NUMBER where it has none.
    by_key: dict[str, Row] = {}
    for source_row in products:
        id_key = f"id:{source_row.get('id')}"
        by_key[id_key] = source_row
        by_key[str(source_row.get("sku") or id_key)] = source_row
    return by_key


def _convert(file_rows: Rows) -> ConvertedRows:
    columns = file_rows.columns()
    matched = match_columns(columns, _FIELDS)
    column_names = {column: matched.get(column, column) for column in columns}
    lines = []
    products = []
    for line_number, source_row in file_rows.good:
        lines.append(line_number)
        products.append(map_values(source_row, column_names))

    # One kind of id for all: an SKU may equal the ID of another product.
    all_have_sku = bool(products) and all(map(_sku, products))
    id_column = "sku" if all_have_sku else "id"
    by_key = _by_key(products)
    items = []
    for line_number, source_row in zip(lines, products, strict=True):
        parent = by_key.get(str(source_row.get("parent") or "").strip(), {})
        items.append((line_number, _item(source_row, parent, id_column)))
    file_rows.good = items

    became: dict[str, str] = {}
    dropped: list[str] = []
    for column in columns:
        ours = matched.get(column, "")
        if ours == id_column:
            became[column] = "item_id"
        elif ours and ours not in _NOT_SHOWN:
            became[column] = "description" if ours == "short" else ours
        elif _is_attribute(column):
            became[column] = "attribute"
        else:
            dropped.append(column)

    id_name = "SKU" if all_have_sku else "ID (some rows have no SKU)"
    file_note = (
        f"variations inherit from their parent; the id of an item is its {id_name}"
    )
    return ConvertedRows(file_rows, became, dropped, [file_note])


def _is_attribute(column: str) -> bool:
    field_name = normalise_name(column)
    if field_name.startswith(_KEPT):
        return True
    return bool(_ATTRIBUTE.fullmatch(field_name))


WOOCOMMERCE = Preset(
    "woocommerce", "WooCommerce product CSV", "items", _is_woocommerce, _convert
)
