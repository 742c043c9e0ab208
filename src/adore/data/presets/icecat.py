"""Attribute lists as data pools write them.

Icecat's JSON and XML, and tables with one line an attribute.
"""

from __future__ import annotations

from adore.data.columns import normalise_name
from adore.data.presets.base import (
    ConvertedRows,
    Preset,
    has_columns,
    map_values,
    match_columns,
    plain_text,
)
from adore.data.rows import Row, Rows

__all__ = ["ATTRIBUTE_ROWS", "ICECAT"]

_OWN_PREFIX = "="
"""Marks columns that the shop maps itself."""


def _get(value: object, *path: str) -> object:
    """A value deep inside objects and one-element lists, or None."""
    for key in path:
        if isinstance(value, list) and value:
            value = value[0]
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _as_list(value: object) -> list[object]:
    if isinstance(value, list):
        return value
    if value in (None, ""):
        return []
    return [value]


def _text(value: object) -> str:
    """The text of a leaf that may be wrapped: ``{"Value": "red", "Language": "EN"}``."""
    while isinstance(value, dict | list):
        if isinstance(value, dict):
            value = value.get("Value") or value.get("text") or value.get("_")
        elif value:
            value = value[0]
        else:
            value = None
    return "" if value is None else str(value)


def _first(*values: object) -> str:
    """The first text that is not empty, or ``""``."""
    for value in values:
        text = _text(value)
        if text:
            return text
    return ""


def _feature_value(feature: object) -> str:
    """A feature's value as shown to people, unit included."""
    value = _first(
        _get(feature, "PresentationValue"), _get(feature, "Presentation_Value")
    )
    if value:
        return value

    unit = _first(
        _get(feature, "Feature", "Measure", "Signs"), _get(feature, "Measure", "Sign")
    )
    return f"{_first(_get(feature, 'Value'))} {unit}".strip()


def _features(source_row: Row) -> Row:
    """Feature names to their values; a name that repeats has a list."""
    listed = []
    for group in _as_list(source_row.get("FeaturesGroups")):
        listed += _as_list(_get(group, "Features"))
    listed += _as_list(source_row.get("ProductFeature"))

    features: Row = {}
    for feature in listed:
        feature_name = _first(_get(feature, "Feature", "Name"), _get(feature, "Name"))
        value = _feature_value(feature)
        if not feature_name or not value:
            continue
        if feature_name in features:
            features[feature_name] = [*_as_list(features[feature_name]), value]
        else:
            features[feature_name] = value
    return features


_TITLES = (("Title",), ("TitleInfo", "GeneratedIntTitle"), ("Name",))


def _item(source_row: Row) -> Row:
    """One product of Icecat's JSON or XML."""
    # The JSON has ``GeneralInfo`` beside ``FeaturesGroups``, the XML all in XML attributes.
    product = (
        source_row["data"] if isinstance(source_row.get("data"), dict) else source_row
    )
    general = product.get("GeneralInfo")
    if not isinstance(general, dict):
        general = product

    # Our fields replace a feature of the same name, the shop's own map replaces both.
    converted_item = _features(product)
    for field_name, value in _fields(product, general).items():
        if value:
            converted_item[field_name] = value
    for field_name, value in source_row.items():
        if field_name.startswith(_OWN_PREFIX):
            converted_item[field_name] = value
    return converted_item


def _fields(product: Row, general: Row) -> Row:
    """Our fields of one product, and its numbers."""
    titles = [_get(general, *path) for path in _TITLES]
    description = _first(
        _get(general, "Description", "LongDesc"),
        _get(product, "ProductDescription", "LongDesc"),
    )
    bullets = _get(general, "BulletPoints", "Values")
    if not bullets:
        bullets = _get(general, "GeneratedBulletPoints", "Values")
    item_id = _first(
        _get(general, "IcecatId"),
        _get(general, "ID"),
        _get(general, "Product_ID"),
    )
    return {
        "item_id": item_id,
        "title": plain_text(_first(*titles)),
        "brand": _first(_get(general, "Brand"), _get(general, "Supplier", "Name")),
        "category": _first(_get(general, "Category", "Name")),
        "description": plain_text(description),
        "bullet_points": [plain_text(bullet) for bullet in _as_list(bullets)],
        "mpn": _first(_get(general, "BrandPartCode"), _get(general, "Prod_id")),
        "gtin": _gtin(product, general),
    }


def _gtin(product: Row, general: Row) -> str | list[str]:
    """The trade item number, or all of them where there are several."""
    numbers = _as_list(_get(general, "GTIN") or _get(product, "EANCode", "EAN"))
    if len(numbers) > 1:
        return [_text(number) for number in numbers]
    return _first(numbers)


_BECAME = {
    "GeneralInfo": "ids and texts",
    "data": "ids and texts",
    "FeaturesGroups": "attributes",
    "ProductFeature": "attributes",
    "ID": "text",
    "Title": "text",
    "Name": "text",
    "Supplier": "text",
    "Category": "text",
    "ProductDescription": "text",
}
"""What the export's columns become, in the order in which ``adore check`` lists them."""
_TEXT_FIELDS = {
    "item_id",
    "title",
    "brand",
    "category",
    "description",
    "bullet_points",
}


def _convert(file_rows: Rows) -> ConvertedRows:
    columns = file_rows.columns()
    file_rows.good = [
        (line_number, _item(source_row)) for line_number, source_row in file_rows.good
    ]
    features = sorted(set(file_rows.columns()) - _TEXT_FIELDS)

    became = {}
    for column, meaning in _BECAME.items():
        if column in columns:
            became[column] = meaning
    dropped = []
    for column in columns:
        if column not in became and not column.startswith(_OWN_PREFIX):
            dropped.append(column)
    file_note = f"{len(features)} features became attributes: {', '.join(features[:8])}"
    return ConvertedRows(file_rows, became, dropped, [file_note])


def _is_icecat(columns: frozenset[str]) -> bool:
    if {"generalinfo", "featuresgroups"} <= columns:
        return True
    has_title = not columns.isdisjoint(("title", "name", "prodid"))
    return "productfeature" in columns and has_title


_ROW_COLUMNS: dict[str, str | tuple[str, ...]] = {
    "item_id": ("item_id", "product_id", "id", "sku"),
    "name": ("attribute", "attribute_name", "feature", "feature_name", "name", "key"),
    "value": ("value", "attribute_value", "feature_value", "presentation_value"),
    "unit": ("unit", "measure", "unit_of_measure"),
}
_PAIR_COLUMNS = ("name", "value", "unit")
_has_attribute = has_columns(
    some=("attribute", "attribute_name", "feature", "feature_name"), least=1
)


def _are_attribute_rows(columns: frozenset[str]) -> bool:
    ids = map(normalise_name, _ROW_COLUMNS["item_id"])
    values = map(normalise_name, _ROW_COLUMNS["value"])
    if columns.isdisjoint(ids) or columns.isdisjoint(values):
        return False
    return _has_attribute(columns)


def _convert_attribute_rows(file_rows: Rows) -> ConvertedRows:
    """One item of all its lines."""
    # Columns beside name and value are the item's, from the first line that has them.
    columns = file_rows.columns()
    column_names = {column: column for column in columns}
    column_names |= match_columns(columns, _ROW_COLUMNS)

    items: dict[str, tuple[int, Row]] = {}
    for line_number, written in file_rows.good:
        source_row = map_values(written, column_names)
        attribute = source_row.pop("name", None)
        attribute_value = source_row.pop("value", None)
        unit = source_row.pop("unit", None)
        item_id = str(source_row.get("item_id"))
        _, converted_item = items.setdefault(item_id, (line_number, {}))
        for column, own_value in source_row.items():
            converted_item[column] = converted_item.get(column) or own_value
        if attribute and attribute_value not in (None, ""):
            if unit:
                attribute_value = f"{attribute_value} {unit}".strip()
            _add_attribute(converted_item, str(attribute), attribute_value)
    file_rows.good = list(items.values())

    became = {}
    for column in columns:
        ours = column_names[column]
        became[column] = "attribute" if ours in _PAIR_COLUMNS else ours
    file_note = "the lines of one item are joined: each names one of its attributes"
    return ConvertedRows(file_rows, became, [], [file_note])


def _add_attribute(converted_item: Row, attribute: str, value: object) -> None:
    before = converted_item.get(attribute)
    if before in (None, ""):
        converted_item[attribute] = value
    else:
        converted_item[attribute] = [*_as_list(before), value]


ICECAT = Preset("icecat", "Icecat product data", "items", _is_icecat, _convert)
ATTRIBUTE_ROWS = Preset(
    "attribute-rows",
    "one line an attribute",
    "items",
    _are_attribute_rows,
    _convert_attribute_rows,
    over_ours=True,
)
