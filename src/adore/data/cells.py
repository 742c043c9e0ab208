"""Single cells of the user's rows: ids, texts, gaps."""

from __future__ import annotations

import json
import math
from typing import Any

from adore.entities import decoded

__all__ = ["id_fault", "parse_id", "parse_json", "text_of", "there"]


_JSON = json.JSONDecoder(parse_constant=lambda _: None)


def parse_json(text: str) -> Any:
    """Parsed JSON; ``NaN`` and ``Infinity``, as pandas writes gaps, are None.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is too deep.
    """
    return _JSON.decode(text)


def parse_id(value: object) -> str:
    """An id as text, ``""`` if it is none.

    7.0 (how some tools write integers beside gaps) is ``"7"``.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        if value.is_integer():
            return str(int(value))
        return str(value) if math.isfinite(value) else ""
    return "" if value is None or isinstance(value, dict | list | bool) else str(value)


def text_of(row: dict[str, Any], key: str, limit: int) -> str:
    """A cell as text, ``""`` if it is empty; brand, category and description may be lists.

    Args:
        row: of the file, with our column names; a column that is not there is empty.
        key: the column to read.
        limit: longest text, in characters.

    Raises:
        TypeError: the cell holds no text.
        ValueError: it is longer than ``limit`` characters.
    """
    value = row.get(key)
    if key in ("brand", "category", "description") and isinstance(value, list):
        value = (" > " if key == "category" else ", ").join(
            str(v) for v in value if there(v)
        )
    if isinstance(value, dict | list | bool):
        raise TypeError(f"wrong type of {key}")
    text = decoded(str(value)) if there(value) else ""
    if len(text) > limit:
        raise ValueError(f"{key} longer than {limit} characters")
    return text


def there(value: object) -> bool:
    """Whether a cell says anything; Parquet fills gaps with nulls, pandas with NaN."""
    return value not in (None, "") and not (
        isinstance(value, float) and math.isnan(value)
    )


def id_fault(row: dict[str, Any], *keys: str) -> str:
    """Why a row has no usable id in one of ``keys``, or nothing."""
    return next((f"no {key}" for key in keys if not parse_id(row.get(key)).strip()), "")
