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
    rows: Rows,
    table_name: str,
    info: DatasetInfo,
    report: FileReport,
    columns: list[str],
) -> Rows:
    """Map rows to our columns, by the preset that their columns belong to.

    What the shop maps itself takes precedence.

    Args:
        rows: of one file.
        table_name: what they hold.
        info: the shop's own map and preset.
        report: how the file was read; its columns are filled in.
        columns: of the file.

    Returns:
        The rows in our columns.

    Raises:
        ConfigError: ``dataset.yaml`` names a column that the file does not have, or a
            preset that the table does not have.
    """
    own_columns = info.columns.get(table_name, {})
    preset = detect_preset(columns, table_name, info.preset.get(table_name, ""))
    if preset is not None:
        return _convert(rows, preset, own_columns, report)

    column_names = rename_columns(rows, table_name, own_columns, report.name, columns)
    report.columns = describe_columns(column_names, table_name, info.attributes)
    report.columns.preset = preset_title(columns, table_name)
    if table_name == "events":
        # Columns such as ``event_attributes.position`` are not of the table; the log's reader
        # knows them.
        nested = flat_fields(columns)
        ignored = []
        for column in report.columns.ignored:
            if column not in nested:
                ignored.append(column)
        report.columns.became |= nested
        report.columns.ignored = ignored
    return rows


def _convert(
    rows: Rows, preset: Preset, own_columns: dict[str, str], report: FileReport
) -> Rows:
    """Rows by a preset; columns of the shop's own map go around it."""
    # Presets leave columns with the prefix alone.
    for source_row in rows:
        for our_name, theirs in own_columns.items():
            if theirs in source_row:
                source_row[f"{_OWN_PREFIX}{our_name}"] = source_row[theirs]

    converted = preset.convert(rows)
    for source_row in converted.rows:
        for column in list(source_row):
            if column.startswith(_OWN_PREFIX):
                source_row[column.removeprefix(_OWN_PREFIX)] = source_row.pop(column)

    became = {}
    for theirs, our_name in converted.became.items():
        if not theirs.startswith(_OWN_PREFIX):
            became[theirs] = our_name
    for our_name, theirs in own_columns.items():
        became[theirs] = our_name

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
        # By the columns of a row: a client sends most of its items in the same ones.
        self._names: dict[tuple[str, ...], dict[str, str] | None] = {}

    def map_columns(self, source_row: Row) -> Row:
        """Map a row to our columns.

        A row of a known export (a Merchant feed's, Shopify's) is read by its preset.

        Args:
            source_row: in the shop's columns, or in ours.

        Returns:
            The row in our columns.

        Raises:
            ConfigError: the shop maps a column that the row does not have.
        """
        if source_row.keys() <= set(ITEM_FIELDS):
            return source_row

        columns = tuple(source_row)
        if columns not in self._names:
            # Clients that send other columns each time must not fill the memory.
            if len(self._names) >= _MAX_PLANS:
                self._names.clear()
            self._names[columns] = self._column_names(source_row)

        column_names = self._names[columns]
        if column_names is None:
            return self._convert(source_row)
        return {column_names[column]: value for column, value in source_row.items()}

    def _own_columns(self, source_row: Row) -> dict[str, str]:
        """The shop's own map of the columns that the row has."""
        own_columns = {}
        for our_name, theirs in self.info.columns.get("items", {}).items():
            if theirs in source_row:
                own_columns[our_name] = theirs
        return own_columns

    def _column_names(self, source_row: Row) -> dict[str, str] | None:
        """New names of columns, or None where a preset does more than rename."""
        columns = list(source_row)
        if detect_preset(columns, "items", self.info.preset.get("items", "")):
            return None
        rows = Rows([(1, dict(source_row))])
        own_columns = self._own_columns(source_row)
        return rename_columns(rows, "items", own_columns, "the item", columns)

    def _convert(self, source_row: Row) -> Row:
        """The row by its preset; as it is where the preset does not make one item of it."""
        own_columns = self._own_columns(source_row)
        info = self.info.model_copy(update={"columns": {"items": own_columns}})

        report = FileReport("the item", "items", "JSON")
        one_row = Rows([(1, dict(source_row))])
        columns = list(source_row)
        mapped_rows = map_rows(one_row, "items", info, report, columns)
        if len(mapped_rows.good) != 1:
            return source_row
        _, item = mapped_rows.good[0]
        return item

    def parse(self, fields: Row) -> Item:
        """Parse the item of a row in our columns.

        Args:
            fields: from :meth:`map_columns`.

        Returns:
            The item.

        Raises:
            TypeError: a field is of a wrong type; the last word names it.
            ValueError: a field is too long; the first word names it.
        """
        return item_from_row(item_row(fields, self.info, MAX_TEXT))
