"""Google Merchant feeds, delimited or XML (RSS, Atom).

Source: Google Merchant Center, product data specification.
"""

from __future__ import annotations

from adore.data.presets.base import Preset, has_columns, plain_text, renaming
from adore.data.rows import Row

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


def _details(value: object) -> dict[str, str]:
    """``product_detail``: objects of an XML feed, or ``section:name:value`` between commas."""
    entries = value if isinstance(value, list) else [value]
    details: dict[str, str] = {}
    for entry in entries:
        if isinstance(entry, dict) and entry.get("attribute_name"):
            detail_name = str(entry["attribute_name"])
            detail_value = entry.get("attribute_value") or ""
            details[detail_name] = str(detail_value)
        elif isinstance(entry, str):
            details |= _details_of_text(entry)
    return {detail_name: text for detail_name, text in details.items() if text}


def _details_of_text(text: str) -> dict[str, str]:
    """Name and value of each ``section:name:value``; the section may be left out."""
    details = {}
    for part in text.split(","):
        fields = [field.strip() for field in part.split(":")]
        if len(fields) not in (2, 3):
            continue
        detail_name, detail_value = fields[-2:]
        if detail_name:
            details[detail_name] = detail_value
    return details


def _change(source_row: Row) -> Row:
    category = source_row.get("category")
    if isinstance(category, list):
        source_row["category"] = category[0]

    source_row["title"] = plain_text(source_row.get("title"))
    source_row["description"] = plain_text(source_row.get("description"))

    # The feed's own columns take precedence over its details.
    details = _details(source_row.pop("product_detail", None))
    return {**details, **source_row}


GOOGLE_MERCHANT = Preset(
    "google-merchant",
    "Google Merchant feed",
    "items",
    has_columns("id", "title", some=_MARKS, least=3),
    renaming(_COLUMNS, _IGNORED, _change),
)
