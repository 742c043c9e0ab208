"""Shopify's product CSV: one row a variant, or a further picture.

The product's fields stand in its first row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from adore.data.columns import spelt
from adore.data.presets.base import Preset, Row, Shaped, plain_text, rename
from adore.data.rows import Rows

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
    **{
        f"option{n} {part}": f"Option{n} {part}"
        for n in (1, 2, 3)
        for part in ("name", "value")
    },
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
"""Fields of the whole product; a variant's own value goes first."""
_DROPPED = tuple(
    (
        "image variantimage variantinventory variantfulfillment variantrequires varianttax "
        "variantgrams variantweight published giftcard seo costper status included price "
        "compareat googleshopping option1linked option2linked option3linked inventory continue "
        "weight requires fulfillment charge productimage taxcode unitprice"
    ).split()
)
"""What columns begin with (spelt) that say nothing of what an item is."""


def _is_shopify(columns: frozenset[str]) -> bool:
    handle = {"handle", "urlhandle"} & columns
    option = {"option1name", "option1value"} & columns
    return bool(handle and option and "title" in columns)


def _options(row: Row, product: Row) -> dict[str, str]:
    """Option names (which stand in the product's first row) with this variant's values."""
    options: dict[str, str] = {}
    for n in (1, 2, 3):
        name = row.get(f"option{n} name") or product.get(f"option{n} name")
        value = row.get(f"option{n} value")
        if not name or not value:
            continue

        # Shopify's filler of a product without options.
        pair = (spelt(str(name)), spelt(str(value)))
        if pair != ("title", "defaulttitle"):
            options[str(name)] = str(value)
    return options


def _is_variant(row: Row) -> bool:
    return any(row.get(name) for name in ("sku", "price", "option1 value"))


def _text(value: Any) -> str:
    """Without the apostrophe by which spreadsheets are told that digits are text."""
    return str(value or "").strip().removeprefix("'")


def _item(row: Row, product: Row, alone: bool) -> Row:
    options = _options(row, product)
    names = "/".join(options.values())
    own = {
        k: v
        for k, v in row.items()
        if v and k not in (*_PRODUCT, "handle", "sku") and not k.startswith("option")
    }
    fields: Row = {name: row.get(name) or product.get(name) for name in _PRODUCT}
    handle = str(row.get("handle") or "")
    item_id = _text(row.get("sku")) or (
        handle if alone or not names else f"{handle}/{names}"
    )
    item: Row = {**own, **fields, **options, "item_id": item_id, "product": handle}
    item["title"] = plain_text(item["title"])
    item["description"] = plain_text(item["description"])
    item["tags"] = [
        tag.strip() for tag in str(item["tags"] or "").split(",") if tag.strip()
    ]
    if item.get("barcode"):
        item["barcode"] = _text(item["barcode"])
    if item["category"] == item["type"]:
        del item["type"]
    return {
        name: value
        for name, value in item.items()
        if value or name in ("item_id", "title")
    }


def _variants(good: list[tuple[int, Row]]) -> Iterator[tuple[int, Row]]:
    products: dict[str, list[tuple[int, Row]]] = {}
    for line, row in good:
        handle = str(row.get("handle") or "")
        products.setdefault(handle, []).append((line, row))

    for handle, rows in products.items():
        if not handle:
            yield from rows  # refused later: no title, no id
            continue

        titled = [row for _, row in rows if row.get("title")]
        first = titled[0] if titled else rows[0][1]

        variants = [(line, row) for line, row in rows if _is_variant(row)]
        if not variants:
            variants = rows[:1]
        for line, row in variants:
            yield line, _item(row, first, len(variants) == 1)


def _shape(rows: Rows) -> Shaped:
    columns = rows.columns()
    names = rename(columns, _FIELDS)
    dropped = [
        c
        for c in columns
        if c not in names and not c.startswith("=") and spelt(c).startswith(_DROPPED)
    ]
    kept = {c: names.get(c, c) for c in columns if c not in dropped}
    total = len(rows.good)
    rows.good = [
        (line, {kept[c]: v for c, v in row.items() if c in kept})
        for line, row in rows.good
    ]
    rows.good = sorted(_variants(rows.good), key=lambda pair: pair[0])
    rows.left_out["rows that only hold a further picture"] += total - len(rows.good)
    rows.left_out += type(rows.left_out)()  # drops a zero
    said = {"sku": "item_id", "handle": "item_id where a row has no SKU"}
    became = {
        c: said.get(ours, ours.replace("option", "attribute of option "))
        for c, ours in kept.items()
    }
    notes = ["each variant is an item; it inherits the fields of its product"]
    return Shaped(rows, became, dropped, notes)


SHOPIFY = Preset("shopify", "Shopify product CSV", "items", _is_shopify, _shape)
