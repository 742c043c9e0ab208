"""Rows of an items file to rows of the ``items`` table."""

from __future__ import annotations

import json
from typing import Any

from adore.data.cells import id_fault, parse_id, parse_json, text_of, there
from adore.data.columns import COLUMNS
from adore.data.dataset import DatasetInfo
from adore.data.rows import Rows
from adore.entities import decoded, decoded_values

__all__ = ["ITEM_FIELDS", "item_row", "item_rows"]

ITEM_FIELDS = COLUMNS["items"]
_NAMES = ("name", "key", "attribute", "feature", "label")
_VALUES = ("value", "presentation_value", "values")


def _bullets(value: object, limit: int) -> list[str]:
    if isinstance(value, str) and value.startswith("["):
        try:
            value = parse_json(value)
        except ValueError:  # "[Sale] made of steel" is a bullet, not a list
            value = [value]
    value = [value] if isinstance(value, str) else value or []
    if not isinstance(value, list):
        raise TypeError("wrong type of bullet_points")
    bullets = [decoded(str(v)) for v in value if v]
    if sum(map(len, bullets)) > limit:
        raise ValueError(f"bullet_points longer than {limit} characters")
    return bullets


def _named(pairs: list[Any]) -> dict[str, Any]:
    """``[{"name": "colour", "value": "red"}, ...]`` as a mapping.

    Several values of one name become a list.

    A ``unit`` beside a value is part of it.
    """
    attributes: dict[str, Any] = {}
    for pair in pairs:
        name = next((pair[k] for k in _NAMES if isinstance(pair.get(k), str)), None)
        value_key = next((k for k in _VALUES if k in pair), None)
        if name is None or value_key is None:
            raise TypeError("attributes must be a mapping or a list of name and value")
        value = pair[value_key]
        unit = pair.get("unit")
        if isinstance(unit, str) and unit and isinstance(value, str | int | float):
            value = f"{value} {unit}"
        before = attributes.get(name)
        attributes[name] = (
            value
            if before is None
            else [*(before if isinstance(before, list) else [before]), value]
        )
    return attributes


def _attributes(row: dict[str, Any], info: DatasetInfo, limit: int) -> str:
    value = row.get("attributes") or {}
    try:
        value = parse_json(value) if isinstance(value, str) else value
        attributes = _named(value) if isinstance(value, list) else dict(value)
        keep = info.attributes or [
            k for k in row if k not in ITEM_FIELDS and k not in ("_id", "_index")
        ]
        attributes |= {k: row[k] for k in keep if there(row.get(k))}
        attributes = decoded_values({k: v for k, v in attributes.items() if there(v)})
        text = json.dumps(attributes, ensure_ascii=False, sort_keys=True, default=str)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise TypeError("wrong type of attributes") from error
    if len(text) > limit:
        raise ValueError(f"attributes longer than {limit} characters")
    return text


def item_row(row: dict[str, Any], info: DatasetInfo, limit: int) -> dict[str, Any]:
    """One row of the ``items`` table; every column that is not ours is an attribute.

    Args:
        row: with our column names; an id is there.
        info: which columns are attributes.
        limit: longest text of one field, in characters.

    Raises:
        TypeError: a field is of a wrong type; the last word names it.
        ValueError: a field is too long; the first word names it.
    """
    text = {
        k: text_of(row, k, limit) for k in ("title", "brand", "category", "description")
    }
    more = {
        "bullet_points": _bullets(row.get("bullet_points"), limit),
        "attributes": _attributes(row, info, limit),
    }
    return {"item_id": parse_id(row["item_id"]), **text, **more}


def item_rows(rows: Rows, info: DatasetInfo, limit: int) -> list[dict[str, Any]]:
    """Good rows of the ``items`` table, sorted by id; the others are refused in ``rows``.

    Args:
        rows: of the file, with our column names.
        info: which columns are attributes.
        limit: longest text of one field, in characters.
    """
    seen: dict[str, dict[str, Any]] = {}
    for line, row in rows.good:
        fault = id_fault(row, "item_id")
        if not fault and parse_id(row["item_id"]) in seen:
            fault = "duplicate item_id"
        if not fault:
            try:
                item = item_row(row, info, limit)
                if item["title"].strip():
                    seen[item["item_id"]] = item
                else:
                    fault = "no title"
            except (ValueError, TypeError) as error:
                fault = str(error)
        if fault:
            rows.refuse("items", line, fault, row)
    return sorted(seen.values(), key=lambda r: str(r["item_id"]))
