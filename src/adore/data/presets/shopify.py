"""Shopify's product CSV: one row a variant, or a further picture.

The product's fields are in its first row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from adore.data.columns import normalise_name
from adore.data.presets.base import (
    ConvertedRows,
    Preset,
    map_values,
    match_columns,
    plain_text,
)
from adore.data.rows import NumberedRow, Row, Rows

__all__ = ["SHOPIFY"]

_FIELDS: dict[str, str | tuple[str, ...]] = {
    "handle": ("Handle", "URL handle"),
    "title": "Title",
    "description": ("Body (HTML)", "Description"),
    "brand": "Vendor",
    "category": ("Product Category", "Type"),
    "type": "Type",
    "tags": "Tags",
    "sku": ("Variant SKU", "SKU"),
    "price": ("Variant Price", "Price"),
    "compare_at_price": ("Variant Compare At Price", "Compare-at price"),
    "barcode": ("Variant Barcode", "Barcode"),
    "gender": "Google Shopping / Gender",
    "age_group": "Google Shopping / Age Group",
    "mpn": "Google Shopping / MPN",
    "condition": "Google Shopping / Condition",
    "option1 name": "Option1 name",
    "option1 value": "Option1 value",
    "option2 name": "Option2 name",
    "option2 value": "Option2 value",
    "option3 name": "Option3 name",
    "option3 value": "Option3 value",
}
_PRODUCT = (
    "title",
    "description",
    "brand",
    "category",
    "type",
    "tags",
    "gender",
    "age_group",
    "mpn",
    "condition",
)
"""Fields of the whole product; a variant's own value takes precedence."""
_OPTIONS = ("option1", "option2", "option3")
_FILLER = ("title", "defaulttitle")
"""Name and value of the option by which Shopify marks a product without options."""
_OWN_PREFIX = "="
"""Marks columns that the shop maps itself."""
_DROPPED = tuple(
    (
        "image variantimage variantinventory variantfulfillment variantrequires varianttax "
        "variantgrams variantweight published giftcard seo costper status included price "
        "compareat googleshopping option1linked option2linked option3linked inventory continue "
        "weight requires fulfillment charge productimage taxcode unitprice"
    ).split()
)
"""What columns (normalised) begin with that say nothing of what an item is."""


def _is_shopify(columns: frozenset[str]) -> bool:
    handle = {"handle", "urlhandle"} & columns
    option = {"option1name", "option1value"} & columns
    return bool(handle and option and "title" in columns)


def _options(source_row: Row, product: Row) -> dict[str, str]:
    """Option names (which are in the product's first row) with this variant's values."""
    options: dict[str, str] = {}
    for option in _OPTIONS:
        field_name = source_row.get(f"{option} name") or product.get(f"{option} name")
        value = source_row.get(f"{option} value")
        if not field_name or not value:
            continue

        pair = (normalise_name(str(field_name)), normalise_name(str(value)))
        if pair != _FILLER:
            options[str(field_name)] = str(value)
    return options


def _is_variant(source_row: Row) -> bool:
    return any(
        source_row.get(field_name) for field_name in ("sku", "price", "option1 value")
    )


def _text(value: object) -> str:
    """Without the apostrophe by which spreadsheets mark digits as text."""
    return str(value or "").strip().removeprefix("'")


def _own_fields(source_row: Row) -> Row:
    """What a variant's row has beside the product's fields, its ids and options."""
    others = (*_PRODUCT, "handle", "sku")
    own = {}
    for field_name, value in source_row.items():
        if value and field_name not in others and not field_name.startswith("option"):
            own[field_name] = value
    return own


def _item_id(source_row: Row, options: dict[str, str], *, only: bool) -> str:
    """The SKU, else the product's handle, with the options where it has several variants."""
    sku = _text(source_row.get("sku"))
    handle = str(source_row.get("handle") or "")
    if sku:
        return sku
    if only or not options:
        return handle
    return f"{handle}/{'/'.join(options.values())}"


def _tags(value: object) -> list[str]:
    listed = str(value or "").split(",")
    tags = map(str.strip, listed)
    return list(filter(None, tags))


def _item(source_row: Row, product: Row, *, only: bool) -> Row:
    """One variant as an item; ``only``: its product has no other."""
    options = _options(source_row, product)
    converted_item = _own_fields(source_row)
    for field_name in _PRODUCT:
        converted_item[field_name] = source_row.get(field_name) or product.get(
            field_name
        )
    converted_item |= options

    converted_item["item_id"] = _item_id(source_row, options, only=only)
    converted_item["product"] = str(source_row.get("handle") or "")
    converted_item["title"] = plain_text(converted_item["title"])
    converted_item["description"] = plain_text(converted_item["description"])
    converted_item["tags"] = _tags(converted_item["tags"])
    if converted_item.get("barcode"):
        converted_item["barcode"] = _text(converted_item["barcode"])
    if converted_item["category"] == converted_item["type"]:
        del converted_item["type"]

    needed = ("item_id", "title")
    return {
        field_name: value
        for field_name, value in converted_item.items()
        if value or field_name in needed
    }


def _variants(good: list[NumberedRow]) -> Iterator[NumberedRow]:
    products: dict[str, list[NumberedRow]] = {}
    for line_number, source_row in good:
        handle = str(source_row.get("handle") or "")
        products.setdefault(handle, []).append((line_number, source_row))

    for handle, file_rows in products.items():
        if not handle:
            yield from file_rows  # refused later: no title, no id
            continue

        # A product without variants has one row with nothing of a variant.
        variants = [numbered for numbered in file_rows if _is_variant(numbered[1])]
        if not variants:
            variants = file_rows[:1]
        only = len(variants) == 1
        product = _product_row(file_rows)
        for line_number, source_row in variants:
            yield line_number, _item(source_row, product, only=only)


def _product_row(file_rows: list[NumberedRow]) -> Row:
    """The row with the product's own fields: the first with a title, else the first."""
    for _, source_row in file_rows:
        if source_row.get("title"):
            return source_row
    return file_rows[0][1]


def _is_dropped(column: str) -> bool:
    if column.startswith(_OWN_PREFIX):
        return False
    return normalise_name(column).startswith(_DROPPED)


_BECAME = {"sku": "item_id", "handle": "item_id where a row has no SKU"}


def _convert(file_rows: Rows) -> ConvertedRows:
    columns = file_rows.columns()
    matched = match_columns(columns, _FIELDS)
    column_names = {}
    became = {}
    dropped = []
    for column in columns:
        if column not in matched and _is_dropped(column):
            dropped.append(column)
            continue
        field_name = matched.get(column, column)
        column_names[column] = field_name
        became[column] = _BECAME.get(
            field_name, field_name.replace("option", "attribute of option ")
        )

    renamed = [
        (line_number, map_values(source_row, column_names))
        for line_number, source_row in file_rows.good
    ]
    file_rows.good = sorted(_variants(renamed), key=lambda numbered: numbered[0])
    pictures = len(renamed) - len(file_rows.good)
    if pictures:
        file_rows.left_out += Counter(
            {"rows that only hold a further picture": pictures}
        )

    file_note = "each variant is an item; it inherits the fields of its product"
    return ConvertedRows(file_rows, became, dropped, [file_note])


SHOPIFY = Preset("shopify", "Shopify product CSV", "items", _is_shopify, _convert)
