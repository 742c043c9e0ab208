"""Rows in a shop's columns to rows in ours.

A whole file's for ``prepare``, one item's for a server.
"""

from __future__ import annotations

from adore.data.columns import describe_columns, rename_columns
from adore.data.dataset import DatasetInfo
from adore.data.events import flat_fields
from adore.data.folder_report import FileReport
from adore.data.items import ITEM_FIELDS, item_row
from adore.data.presets import detect_preset, preset_title
from adore.data.presets.base import Preset
from adore.data.rows import Row, Rows
from adore.types import Item, item_from_row

__all__ = ["MAX_TEXT", "ItemParser", "map_rows"]

MAX_TEXT = 100_000
"""Characters of one text of an item that is sent."""
_MAX_PLANS = 256
"""Sets of columns whose meaning is remembered."""
_OWN_PREFIX = "="
"""Marks a column that the shop maps itself while a preset converts the others."""


def map_rows(
    rows: Rows, table: str, info: DatasetInfo, report: FileReport, columns: list[str]
) -> Rows:
    """Map rows to our columns, by the preset that their columns belong to.

    What the shop maps itself takes precedence.

    Args:
        rows: of one file.
        table: what they hold.
        info: the shop's own map and preset.
        report: how the file was read; its columns are filled in.
        columns: of the file.

    Returns:
        The rows in our columns.
    """
    own = info.columns.get(table, {})
    preset = detect_preset(columns, table, info.preset.get(table, ""))
    if preset is not None:
        return _convert(rows, preset, own, report)

    names = rename_columns(rows, table, own, report.name, columns)
    report.columns = describe_columns(names, table, info.attributes)
    report.columns.preset = preset_title(columns, table)
    if table == "events":
        nested = flat_fields(columns)
        ignored = [column for column in report.columns.ignored if column not in nested]
        report.columns.became |= nested
        report.columns.ignored = ignored
    return rows


def _convert(
    rows: Rows, preset: Preset, own: dict[str, str], report: FileReport
) -> Rows:
    """Rows by a preset; columns of the shop's own map go around it."""
    for _, row in rows.good:
        for ours, theirs in own.items():
            if theirs in row:
                row[f"{_OWN_PREFIX}{ours}"] = row[theirs]

    converted = preset.convert(rows)
    for _, row in converted.rows.good:
        for column in list(row):
            if column.startswith(_OWN_PREFIX):
                row[column.removeprefix(_OWN_PREFIX)] = row.pop(column)

    became = {}
    for theirs, ours in converted.became.items():
        if not theirs.startswith(_OWN_PREFIX):
            became[theirs] = ours
    for ours, theirs in own.items():
        became[theirs] = ours

    report.columns.preset = preset.title
    report.columns.became = became
    report.columns.ignored = converted.ignored
    report.notes += converted.notes
    return converted.rows


class ItemParser:
    """Parses single items as ``prepare`` parses the rows of an items file.

    Every other column is an attribute.

    Args:
        info: the shop's own map of its columns.

    Example:
        >>> parser = ItemParser()
        >>> row = {"Item ID": "a", "title": "Mug", "colour": "red", "price": 12.0}
        >>> parser.parse(parser.map_columns(row)).attributes
        {'colour': 'red', 'price': 12.0}
    """

    def __init__(self, info: DatasetInfo | None = None) -> None:
        self.info = info or DatasetInfo()
        self._names: dict[tuple[str, ...], dict[str, str] | None] = {}

    def map_columns(self, row: Row) -> Row:
        """Map a row to our columns.

        A row of a known export (a Merchant feed's, Shopify's) is read by its preset.

        Args:
            row: in the shop's columns, or in ours.

        Returns:
            The row in our columns.
        """
        if row.keys() <= set(ITEM_FIELDS):
            return row

        columns = tuple(row)
        if columns not in self._names:
            if len(self._names) >= _MAX_PLANS:
                self._names.clear()
            self._names[columns] = self._column_names(row)

        names = self._names[columns]
        if names is None:
            return self._convert(row)
        return {names[column]: value for column, value in row.items()}

    def _own_columns(self, row: Row) -> dict[str, str]:
        """The shop's own map of the columns that the row has."""
        own = {}
        for ours, theirs in self.info.columns.get("items", {}).items():
            if theirs in row:
                own[ours] = theirs
        return own

    def _column_names(self, row: Row) -> dict[str, str] | None:
        """New names of columns, or None where a preset does more than rename."""
        columns = list(row)
        if detect_preset(columns, "items", self.info.preset.get("items", "")):
            return None
        rows = Rows([(1, dict(row))])
        own = self._own_columns(row)
        return rename_columns(rows, "items", own, "the item", columns)

    def _convert(self, row: Row) -> Row:
        """The row by its preset; as it is where the preset does not make one item of it."""
        info = self.info.model_copy(
            update={"columns": {"items": self._own_columns(row)}}
        )
        report = FileReport("the item", "items", "JSON")
        rows = map_rows(Rows([(1, dict(row))]), "items", info, report, list(row))
        if len(rows.good) != 1:
            return row
        _, item = rows.good[0]
        return item

    def parse(self, fields: Row) -> Item:
        """Parse the item of a row in our columns.

        It fails with ``TypeError`` where a field is of a wrong type (the last word names it), and
        with ``ValueError`` where one is too long (the first word names it).

        Args:
            fields: from :meth:`map_columns`.

        Returns:
            The item.
        """
        return item_from_row(item_row(fields, self.info, MAX_TEXT))
