"""Google Merchant feeds, delimited or XML (RSS, Atom).

Source: Google Merchant Center, product data specification.
"""

from __future__ import annotations

from typing import Any

from adore.data.presets.base import Preset, Row, by_columns, has, plain_text

__all__ = ["GOOGLE_MERCHANT"]

_MARKS = (
    "link", "image_link", "availability", "condition", "price", "sale_price", "brand", "gtin",
    "mpn", "product_type", "google_product_category", "item_group_id", "identifier_exists",
    "age_group", "gender",
)  # fmt: skip
_COLUMNS: dict[str, str | tuple[str, ...]] = {
    "item_id": "id",
    "title": ("title", "structured_title"),
    "description": ("description", "structured_description"),
    "category": ("product_type", "google_product_category"),
    "bullet_points": "product_highlight",
    "brand": "brand",
}
_IGNORED = (
    "link", "imagelink", "additionalimagelink*", "mobilelink*", "lifestyleimagelink",
    "availability*", "shipping*", "tax*", "customlabel*", "ads*", "expirationdate",
    "identifierexists", "excludeddestination*", "pause", "canonicallink", "includeddestination*",
    "adult", "costofgoodssold", "*handlingtime", "checkout*", "salepriceeffectivedate",
    "subscriptioncost", "loyalty*", "transittimelabel", "displayads*", "promotionid",
    "virtualmodellink", "isbundle",
)  # fmt: skip


def _details(value: Any) -> dict[str, str]:
    """``product_detail``: objects of an XML feed, or ``section:name:value`` between commas."""
    rows = value if isinstance(value, list) else [value]
    details: dict[str, str] = {}
    for row in rows:
        if isinstance(row, dict) and row.get("attribute_name"):
            details[str(row["attribute_name"])] = str(row.get("attribute_value") or "")
        elif isinstance(row, str):
            parts = (part.split(":") for part in row.split(","))
            details |= {
                p[-2].strip(): p[-1].strip()
                for p in parts
                if len(p) in (2, 3) and p[-2].strip()
            }
    return {name: text for name, text in details.items() if text}


def _change(row: Row) -> Row:
    category = row.get("category")
    if isinstance(category, list):
        row["category"] = category[0]

    row["title"] = plain_text(row.get("title"))
    row["description"] = plain_text(row.get("description"))

    details = _details(row.pop("product_detail", None))
    added = {name: text for name, text in details.items() if name not in row}
    return {**added, **row}


GOOGLE_MERCHANT = Preset(
    "google-merchant",
    "Google Merchant feed",
    "items",
    has("id", "title", some=_MARKS, least=3),
    by_columns(_COLUMNS, _IGNORED, _change),
)
