"""Attribute lists as data pools write them.

Icecat's JSON and XML, and tables with one line an attribute.
"""

from __future__ import annotations

from typing import Any

from adore.data.columns import spelt
from adore.data.presets.base import Preset, Row, Shaped, has, plain_text, rename
from adore.data.rows import Rows

__all__ = ["ATTRIBUTE_ROWS", "ICECAT"]


def _get(value: Any, *path: str) -> Any:
    """A value deep inside objects and one-element lists, or None."""
    for name in path:
        value = value[0] if isinstance(value, list) and value else value
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [] if value in (None, "") else [value]


def _text(value: Any) -> str:
    """The text of a leaf that may be wrapped: ``{"Value": "red", "Language": "EN"}``."""
    while isinstance(value, dict | list):
        if isinstance(value, list):
            value = value[0] if value else None
        else:
            value = value.get("Value") or value.get("text") or value.get("_")
    return "" if value is None else str(value)


def _first(*values: Any) -> str:
    """The first text that is not empty, or ``""``."""
    for value in values:
        text = _text(value)
        if text:
            return text
    return ""


def _features(row: Row) -> dict[str, Any]:
    """Feature names to their values as shown to people, unit included.

    A name that repeats has a list.
    """
    listed = []
    for group in _list(row.get("FeaturesGroups")):
        listed += _list(_get(group, "Features"))
    listed += _list(row.get("ProductFeature"))

    features: dict[str, Any] = {}
    for feature in listed:
        name = _first(_get(feature, "Feature", "Name"), _get(feature, "Name"))
        value = _first(
            _get(feature, "PresentationValue"), _get(feature, "Presentation_Value")
        )
        if not value:
            unit = _first(
                _get(feature, "Feature", "Measure", "Signs"),
                _get(feature, "Measure", "Sign"),
            )
            value = f"{_first(_get(feature, 'Value'))} {unit}".strip()
        if name and value:
            before = features.get(name)
            features[name] = value if before is None else [*_list(before), value]
    return features


_TITLES = (("Title",), ("TitleInfo", "GeneratedIntTitle"), ("Name",))


def _item(row: Row) -> Row:
    """One product of Icecat's JSON or XML.

    The JSON has ``GeneralInfo`` beside ``FeaturesGroups``, the XML all in XML attributes.
    """
    data = row["data"] if isinstance(row.get("data"), dict) else row
    about = (
        data.get("GeneralInfo") if isinstance(data.get("GeneralInfo"), dict) else data
    )
    gtin = _list(_get(about, "GTIN") or _get(data, "EANCode", "EAN"))
    description = _first(
        _get(about, "Description", "LongDesc"),
        _get(data, "ProductDescription", "LongDesc"),
    )
    bullets = _get(about, "BulletPoints", "Values") or _get(
        about, "GeneratedBulletPoints", "Values"
    )
    item: Row = {
        "item_id": _first(
            _get(about, "IcecatId"), _get(about, "ID"), _get(about, "Product_ID")
        ),
        "title": plain_text(_first(*(_get(about, *path) for path in _TITLES))),
        "brand": _first(_get(about, "Brand"), _get(about, "Supplier", "Name")),
        "category": _first(_get(about, "Category", "Name")),
        "description": plain_text(description),
        "bullet_points": [plain_text(one) for one in _list(bullets)],
        "mpn": _first(_get(about, "BrandPartCode"), _get(about, "Prod_id")),
        "gtin": [_text(code) for code in gtin] if len(gtin) > 1 else _first(gtin),
    }
    own = {name: value for name, value in row.items() if name.startswith("=")}
    return {
        **_features(data),
        **{name: value for name, value in item.items() if value},
        **own,
    }


def _shape(rows: Rows) -> Shaped:
    columns = rows.columns()
    rows.good = [(line, _item(row)) for line, row in rows.good]
    features = sorted(
        set(rows.columns())
        - {"item_id", "title", "brand", "category", "description", "bullet_points"}
    )
    became = dict.fromkeys(
        (c for c in columns if c in ("GeneralInfo", "data")), "ids and texts"
    )
    became |= dict.fromkeys(
        (c for c in columns if c in ("FeaturesGroups", "ProductFeature")), "attributes"
    )
    became |= {
        c: "text"
        for c in columns
        if c in ("ID", "Title", "Name", "Supplier", "Category", "ProductDescription")
    }
    dropped = [c for c in columns if c not in became and not c.startswith("=")]
    return Shaped(
        rows,
        became,
        dropped,
        [f"{len(features)} features became attributes: {', '.join(features[:8])}"],
    )


def _is_icecat(columns: frozenset[str]) -> bool:
    json_form = {"generalinfo", "featuresgroups"} <= columns
    return json_form or (
        "productfeature" in columns and bool({"title", "name", "prodid"} & columns)
    )


_ROW_FIELDS: dict[str, str | tuple[str, ...]] = {
    "item_id": ("item_id", "product_id", "id", "sku"),
    "name": ("attribute", "attribute_name", "feature", "feature_name", "name", "key"),
    "value": ("value", "attribute_value", "feature_value", "presentation_value"),
    "unit": ("unit", "measure", "unit_of_measure"),
}
_ROWS_DETECTED = has(
    some=("attribute", "attribute_name", "feature", "feature_name"), least=1
)


def _are_attribute_rows(columns: frozenset[str]) -> bool:
    ids = {spelt(name) for name in _ROW_FIELDS["item_id"]} & columns
    values = {"value", "attributevalue", "featurevalue", "presentationvalue"} & columns
    if not ids or not values:
        return False
    return _ROWS_DETECTED(columns)


def _shape_rows(rows: Rows) -> Shaped:
    """One item of all its lines.

    Columns beside name and value are the item's, from the first line that has them.
    """
    columns = rows.columns()
    names = rename(columns, _ROW_FIELDS)
    items: dict[str, tuple[int, Row]] = {}
    for line, raw in rows.good:
        row = {names.get(c, c): v for c, v in raw.items()}
        name, value, unit = (row.pop(key, None) for key in ("name", "value", "unit"))
        _, item = items.setdefault(str(row.get("item_id")), (line, {}))
        for key, own in row.items():
            item[key] = item.get(key) or own
        if name and value not in (None, ""):
            text = f"{value} {unit}".strip() if unit else value
            before = item.get(str(name))
            item[str(name)] = text if before in (None, "") else [*_list(before), text]
    rows.good = list(items.values())
    became = {}
    for column in columns:
        ours = names.get(column, column)
        became[column] = "attribute" if ours in ("name", "value", "unit") else ours
    return Shaped(
        rows,
        became,
        [],
        ["the lines of one item are joined: each names one of its attributes"],
    )


ICECAT = Preset("icecat", "Icecat product data", "items", _is_icecat, _shape)
ATTRIBUTE_ROWS = Preset(
    "attribute-rows",
    "one line an attribute",
    "items",
    _are_attribute_rows,
    _shape_rows,
    over_ours=True,
)
