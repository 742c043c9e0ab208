"""Tables of :data:`adore.types.TABLES` as Parquet files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from adore.errors import DataError, MissingError, UnavailableError, check
from adore.types import TABLES

if TYPE_CHECKING:
    import polars as pl

__all__ = ["read_table", "schema_of", "write_table"]


def schema_of(name: str) -> dict[str, pl.DataType]:
    """Column to polars type of one of :data:`adore.types.TABLES`."""
    import polars as pl

    kinds: dict[str, Any] = {
        "str": pl.String(),
        "int": pl.Int64(),
        "float": pl.Float64(),
        "bool": pl.Boolean(),
        "list[str]": pl.List(pl.String()),
        "list[float]": pl.List(pl.Float64()),
    }
    return {column: kinds[kind] for column, kind in TABLES[name].items()}


def write_table(
    rows: pl.DataFrame | list[dict[str, Any]], folder: Path, name: str
) -> pl.DataFrame:
    """Write one table of :data:`adore.types.TABLES` as ``folder/name.parquet``.

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
        extra: dict[str, None] = {}
        for row in rows:
            extra.update((column, None) for column in row if column not in schema)
        if rows:
            rows = pl.DataFrame(rows, schema={**schema, **extra}, strict=False)
        else:
            rows = pl.DataFrame(schema=schema)
    missing = [column for column in schema if column not in rows.columns]
    check(
        not missing,
        f"columns of table {name}",
        rows.columns,
        must=f"with {missing}",
        fix="add them",
        error=DataError,
    )
    more = [column for column in rows.columns if column not in schema]
    own = [pl.col(column).cast(kind) for column, kind in schema.items()]
    frame = rows.select(*own, *more)
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
