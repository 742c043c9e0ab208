"""Rows in a shop's columns to rows in ours.

A whole file's for ``prepare``, one item's for a server.
"""

from __future__ import annotations

from typing import Any

from adore.data.columns import describe_columns, resolve
from adore.data.dataset import DatasetInfo
from adore.data.events import flat_fields
from adore.data.folder_report import FileReport
from adore.data.items import ITEM_FIELDS, item_row
from adore.data.presets import detect_preset, preset_title
from adore.data.rows import Rows
from adore.types import Item, item_from_row

__all__ = ["MAX_TEXT", "ItemParser", "map_rows"]

MAX_TEXT = 100_000
"""Characters of one text of an item that is sent."""
_PLANS = 256
"""Sets of columns whose meaning is remembered."""


def map_rows(
    rows: Rows, table: str, info: DatasetInfo, note: FileReport, columns: list[str]
) -> Rows:
    """Rows in our columns, by the preset that their columns tell.

    What the shop maps itself goes first.

    Args:
        rows: of one file.
        table: what they hold.
        info: the shop's own words.
        note: how the file was understood; its columns are filled in.
        columns: of the file.
    """
    own = info.columns.get(table, {})
    preset = detect_preset(columns, table, info.preset.get(table, ""))
    if preset is None:
        names = resolve(rows, table, own, note.name, columns)
        note.columns = describe_columns(names, table, info.attributes)
        note.columns.preset = preset_title(columns, table)
        nested = flat_fields(columns) if table == "events" else {}
        note.columns.became |= nested
        note.columns.ignored = [
            column for column in note.columns.ignored if column not in nested
        ]
        return rows
    for _, row in rows.good:
        row |= {
            f"={ours}": row.get(theirs) for ours, theirs in own.items() if theirs in row
        }
    shaped = preset.shape(rows)
    for _, row in shaped.rows.good:
        row |= {name[1:]: row.pop(name) for name in list(row) if name.startswith("=")}
    became = {
        theirs: ours
        for theirs, ours in shaped.became.items()
        if not theirs.startswith("=")
    }
    note.columns.preset = preset.title
    note.columns.became = {**became, **{theirs: ours for ours, theirs in own.items()}}
    note.columns.ignored = shaped.ignored
    note.notes += shaped.notes
    return shaped.rows


class ItemParser:
    """Reads single items as ``prepare`` reads the rows of an items file.

    Every other column is an attribute.

    Args:
        info: the shop's own map of its columns.

    Example:
        >>> read = ItemParser()
        >>> row = {"Item ID": "a", "title": "Mug", "colour": "red", "price": 12.0}
        >>> read.parse(read.map_columns(row)).attributes
        {'colour': 'red', 'price': 12.0}
    """

    def __init__(self, info: DatasetInfo | None = None) -> None:
        self.info = info or DatasetInfo()
        self._names: dict[tuple[str, ...], dict[str, str] | None] = {}

    def map_columns(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row in our columns.

        A row of a known export (a Merchant feed's, Shopify's) is read by its preset.

        Raises:
            ConfigError: the shop maps a column that the row does not have.
        """
        if row.keys() <= set(ITEM_FIELDS):
            return row
        columns = tuple(row)
        if columns not in self._names:
            if len(self._names) >= _PLANS:
                self._names.clear()
            self._names[columns] = self._plan(row)
        names = self._names[columns]
        if names is not None:
            return {names[column]: value for column, value in row.items()}
        found = self._shaped(row)
        return found if found is not None else row

    def _plan(self, row: dict[str, Any]) -> dict[str, str] | None:
        """New names of columns, or None where a preset does more than rename."""
        own = {
            ours: theirs
            for ours, theirs in self.info.columns.get("items", {}).items()
            if theirs in row
        }
        columns = list(row)
        preset = detect_preset(columns, "items", self.info.preset.get("items", ""))
        return (
            resolve(Rows([(1, dict(row))]), "items", own, "the item", columns)
            if preset is None
            else None
        )

    def _shaped(self, row: dict[str, Any]) -> dict[str, Any] | None:
        own = {
            ours: theirs
            for ours, theirs in self.info.columns.get("items", {}).items()
            if theirs in row
        }
        info = self.info.model_copy(update={"columns": {"items": own}})
        rows = map_rows(
            Rows([(1, dict(row))]),
            "items",
            info,
            FileReport("the item", "items", "JSON"),
            list(row),
        )
        return rows.good[0][1] if len(rows.good) == 1 else None

    def parse(self, fields: dict[str, Any]) -> Item:
        """The item of a row in our columns.

        Raises:
            TypeError: a field is of a wrong type; the last word names it.
            ValueError: a field is too long; the first word names it.
        """
        return item_from_row(item_row(fields, self.info, MAX_TEXT))
