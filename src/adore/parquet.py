"""Tables of :data:`adore.tables.TABLES` as Parquet files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adore.errors import DataError, MissingError, UnavailableError, check
from adore.tables import TABLES

if TYPE_CHECKING:
    import polars as pl

    Schema = dict[str, pl.DataType]

__all__ = ["read_shards", "read_table", "schema_of", "write_table"]

Row = dict[str, Any]
"""Value by column."""


def schema_of(name: str) -> Schema:
    """Return the polars type of each column of one of :data:`adore.tables.TABLES`."""
    import polars as pl

    polars_types: Schema = {
        "str": pl.String(),
        "int": pl.Int64(),
        "float": pl.Float64(),
        "bool": pl.Boolean(),
        "list[str]": pl.List(pl.String()),
        "list[float]": pl.List(pl.Float64()),
    }
    return {column: polars_types[kind] for column, kind in TABLES[name].items()}


def _frame_of(rows: list[Row], schema: Schema) -> pl.DataFrame:
    """Build a frame; columns that the schema lacks get the type of their values."""
    import polars as pl

    # Without rows polars cannot infer types, so all columns are the table's own.
    if not rows:
        return pl.DataFrame(schema=schema)
    frame_schema: dict[str, pl.DataType | None] = dict(schema)
    for row in rows:
        for column in row:
            frame_schema.setdefault(column, None)
    return pl.DataFrame(rows, schema=frame_schema, strict=False)


def write_table(
    rows: pl.DataFrame | list[Row], folder: Path, name: str
) -> pl.DataFrame:
    """Write one table of :data:`adore.tables.TABLES` as ``folder/name.parquet``.

    Args:
        rows: a frame or row dicts with at least the table's columns; more columns are kept.
        folder: where to write; it exists.
        name: the table's name.

    Returns:
        The table as stored.

    Raises:
        DataError: a column is missing.
        UnavailableError: the disk is full or refuses the write.
    """
    import polars as pl

    schema = schema_of(name)
    if isinstance(rows, list):
        rows = _frame_of(rows, schema)
    missing_columns = schema.keys() - set(rows.columns)
    check(
        not missing_columns,
        f"columns of table {name}",
        rows.columns,
        must=f"with {sorted(missing_columns)}",
        fix="add them",
        error=DataError,
    )
    # The table's own columns come first and in its types, others behind them as they are.
    cast_columns = [pl.col(column).cast(kind) for column, kind in schema.items()]
    extra_columns = rows.drop(*schema).columns
    stored_frame = rows.select(*cast_columns, *extra_columns)
    table_file = folder / f"{name}.parquet"
    try:
        stored_frame.write_parquet(table_file)
    except (OSError, pl.exceptions.ComputeError) as error:
        advice = "make room on the disk and run the same command again"
        raise UnavailableError(
            f"table == {str(table_file)!r}, must be written completely; {advice} ({error})"
        ) from error
    return stored_frame


def read_table(folder: str | Path, name: str) -> pl.DataFrame:
    """Read one table of a stage's output.

    Args:
        folder: the output's folder on this machine.
        name: the table's name.

    Returns:
        The table.

    Raises:
        MissingError: the folder has no such table.
        DataError: the file is not a complete Parquet file.
    """
    import polars as pl

    table_file = Path(folder) / f"{name}.parquet"
    if not table_file.is_file():
        raise MissingError(
            f"table == {str(table_file)!r}, must be an existing Parquet file; "
            "run the stage that writes it"
        )
    try:
        return pl.read_parquet(table_file)
    except pl.exceptions.ComputeError as error:
        raise DataError(
            f"table == {str(table_file)!r}, must be a complete Parquet file; "
            f"run its stage again ({error})"
        ) from error


def read_shards(
    folders: Iterable[str | Path], name: str, columns: Sequence[str]
) -> pl.DataFrame:
    """Read some columns of a table that several outputs hold, one after the other.

    Args:
        folders: the outputs' folders on this machine; at least one.
        name: the table's name.
        columns: which columns, in this order.

    Returns:
        The rows of all folders, in the order of the folders.

    Raises:
        MissingError: a folder has no such table.
        DataError: a file is not a complete Parquet file.
    """
    import polars as pl

    shards: list[pl.DataFrame] = []
    for folder in folders:
        shard = read_table(folder, name)
        shards.append(shard.select(columns))
    return pl.concat(shards)
