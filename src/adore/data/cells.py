"""Single cells of the user's rows: ids, texts, gaps."""

from __future__ import annotations

import json
import math
from typing import Any

from adore.data.rows import Row
from adore.entities import decoded

__all__ = ["has_value", "id_fault", "parse_id", "parse_json", "parse_text"]


def _constant(_: str) -> None:
    """What ``NaN`` and ``Infinity`` are read as."""


_DECODER = json.JSONDecoder(parse_constant=_constant)
_LISTS = ("brand", "category", "description")
"""Columns whose cells may be lists of texts."""


def parse_json(text: str) -> Any:
    """Parse JSON; ``NaN`` and ``Infinity``, as pandas writes gaps, become None.

    Args:
        text: one JSON document.

    Returns:
        The document.

    Raises:
        ValueError: the text is no JSON.
        RecursionError: it is nested too deeply.
    """
    return _DECODER.decode(text)


def parse_id(value: object) -> str:
    """Read an id as text.

    7.0 is ``"7"``.

    Args:
        value: the cell.

    Returns:
        The id; ``""`` where the cell holds none.
    """
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, dict | list | bool):
        return ""

    if isinstance(value, float):
        # Beside gaps, pandas makes a column of integers one of floats.
        if value.is_integer():
            return str(int(value))
        if not math.isfinite(value):
            return ""
    return str(value)


def parse_text(row: Row, column: str, limit: int) -> str:
    """Read a cell as text; brand, category and description may be lists.

    Args:
        row: of the file, with our column names; a column that is not there is empty.
        column: the column to read.
        limit: longest text, in characters.

    Returns:
        The text; ``""`` where the cell is empty.

    Raises:
        TypeError: the cell holds no text.
        ValueError: it is longer than ``limit`` characters.
    """
    value = row.get(column)
    if column in _LISTS and isinstance(value, list):
        separator = " > " if column == "category" else ", "
        value = separator.join([str(part) for part in value if has_value(part)])

    if isinstance(value, dict | list | bool):
        raise TypeError(f"wrong type of {column}")
    if not has_value(value):
        return ""

    cell_text = decoded(str(value))
    if len(cell_text) > limit:
        raise ValueError(f"{column} longer than {limit} characters")
    return cell_text


def has_value(value: object) -> bool:
    """Whether a cell is filled; Parquet marks gaps with nulls, pandas with NaN."""
    if isinstance(value, float):
        return not math.isnan(value)
    return value not in (None, "")


def id_fault(row: Row, *keys: str) -> str:
    """Say why a row has no usable id in one of ``keys``; ``""`` where it has all of them."""
    for column in keys:
        if not parse_id(row.get(column)).strip():
            return f"no {column}"
    return ""
