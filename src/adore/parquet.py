"""Tables of :data:`adore.tables.TABLES` as Parquet files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from adore.errors import DataError, MissingError, UnavailableError, check
from adore.tables import TABLES

if TYPE_CHECKING:
    import polars as pl

    Schema = dict[str, pl.DataType]

__all__ = ["read_table", "schema_of", "write_table"]

Row = dict[str, Any]
"""Value by column."""


def schema_of(name: str) -> Schema:
    """Return the polars type of each column of one of :data:`adore.tables.TABLES`."""
    import polars as pl

    types: Schema = {
        "str": pl.String(),
        "int": pl.Int64(),
        "float": pl.Float64(),
        "bool": pl.Boolean(),
        "list[str]": pl.List(pl.String()),
        "list[float]": pl.List(pl.Float64()),
    }
    return {column: types[kind] for column, kind in TABLES[name].items()}


def _frame_of(rows: list[Row], schema: Schema) -> pl.DataFrame:
    """Rows as a frame; columns that the schema lacks get the type of their values."""
    import polars as pl

    if not rows:
        return pl.DataFrame(schema=schema)
    columns: dict[str, pl.DataType | None] = dict(schema)
    for row in rows:
        for column in row:
            columns.setdefault(column, None)
    return pl.DataFrame(rows, schema=columns, strict=False)


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
        UnavailableError: the disk is full, or otherwise refuses.
    """
    import polars as pl

    schema = schema_of(name)
    if isinstance(rows, list):
        rows = _frame_of(rows, schema)
    missing = schema.keys() - set(rows.columns)
    check(
        not missing,
        f"columns of table {name}",
        rows.columns,
        must=f"with {sorted(missing)}",
        fix="add them",
        error=DataError,
    )
    # The table's own columns come first and in its types, others behind them as they are.
    casts = [pl.col(column).cast(kind) for column, kind in schema.items()]
    extra = rows.drop(*schema).columns
    frame = rows.select(*casts, *extra)
    path = folder / f"{name}.parquet"
    try:
        frame.write_parquet(path)
    except (OSError, pl.exceptions.ComputeError) as error:
        fix = "make room on the disk and run the same command again"
        raise UnavailableError(
            f"table == {str(path)!r}, must be written whole; {fix} ({error})"
        ) from error
    return frame


def read_table(folder: str | Path, name: str) -> pl.DataFrame:
    """Read one table of a stage's output.

    Args:
        folder: the output's folder on this machine.
        name: the table's name.

    Returns:
        The table.

    Raises:
        MissingError: the folder has no such table.
        DataError: the file is no Parquet file, or not whole.
    """
    import polars as pl

    path = Path(folder) / f"{name}.parquet"
    if not path.is_file():
        raise MissingError(
            f"table == {str(path)!r}, must be an existing Parquet file; "
            "run the stage that writes it"
        )
    try:
        return pl.read_parquet(path)
    except pl.exceptions.ComputeError as error:
        raise DataError(
            f"table == {str(path)!r}, must be a whole Parquet file; make it again ({error})"
        ) from error
