"""Reads and writes the user's files: JSON lines, CSV and Parquet; a bad line is a row of the quarantine."""

from __future__ import annotations

import csv
import gzip
import io
import math
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from adore.data.cells import json_of
from adore.errors import DataError, MissingError, check
from adore.storage import is_remote, local_copy, put_file
from adore.types import LABELS, Grade

__all__ = [
    "SUFFIXES",
    "BadRow",
    "Rows",
    "check_output",
    "find_file",
    "read_file",
    "read_judgements",
    "read_rows",
    "to_grade",
    "write_file",
]

SUFFIXES = (".jsonl", ".jsonl.gz", ".csv", ".parquet")
WRITTEN = (".parquet", ".csv", ".jsonl")


@dataclass(frozen=True, slots=True)
class BadRow:
    """One row that could not be used, and why."""

    table: str
    line: int
    reason: str
    row: str

    def record(self) -> dict[str, Any]:
        """A row of the ``quarantine`` table; the text is cut to 500 characters."""
        text = self.row.encode("utf-8", "replace").decode("utf-8")
        return {"table": self.table, "line": self.line, "reason": self.reason, "row": text[:500]}


@dataclass(slots=True)
class Rows:
    """Good rows with their line numbers, and bad ones."""

    good: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)


def find_file(folder: Path, table: str) -> Path | None:
    """The one file of a table in an input folder, or None.

    Raises:
        DataError: several files hold the same table.
    """
    found = [folder / f"{table}{suffix}" for suffix in SUFFIXES if (folder / f"{table}{suffix}").is_file()]
    check(
        len(found) <= 1, f"files of table {table}", [p.name for p in found], must="one", fix="keep one", error=DataError
    )
    return found[0] if found else None


def _clean(value: Any) -> Any:
    """Without NULs and lone surrogates, which no table can hold, and with None for NaN, at any depth."""
    if isinstance(value, str):
        return value.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_clean(k): _clean(v) for k, v in value.items()}
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return [_clean(v) for v in value] if isinstance(value, list) else value


def _json_lines(raw: bytes, table: str, rows: Rows) -> None:
    for line, text in enumerate(raw.split(b"\n"), 1):
        if not text.strip():
            continue
        try:
            row = json_of(text.decode("utf-8-sig"))
            row = _clean(row) if b"\\u" in text else row
        except UnicodeDecodeError:
            rows.bad.append(BadRow(table, line, "not UTF-8", text[:500].decode("latin-1")))
        except (ValueError, RecursionError):  # ValueError: also an integer of thousands of digits
            rows.bad.append(BadRow(table, line, "not JSON", text[:500].decode("utf-8", "replace")))
        else:
            if isinstance(row, dict):
                rows.good.append((line, row))
            else:
                rows.bad.append(BadRow(table, line, "not a JSON object", text[:500].decode("utf-8", "replace")))


def _csv(raw: bytes, table: str, rows: Rows) -> None:
    try:
        text = raw.decode("utf-8-sig").replace("\0", " ")
    except UnicodeDecodeError as error:
        raise DataError(f"{table}.csv is not UTF-8 at byte {error.start}; save it as UTF-8") from error
    csv.field_size_limit(2**27)
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        names = list(reader.fieldnames or ())
        twice = sorted({n for n in names if names.count(n) > 1})
        check(not twice, f"columns of {table}.csv", twice, must="unique", fix="rename them", error=DataError)
        for row in reader:
            if None in row or None in row.values():
                rows.bad.append(BadRow(table, reader.line_num, "wrong number of columns", str(list(row.values()))))
            else:
                rows.good.append((reader.line_num, dict(row)))
    except csv.Error as error:
        where = f"after line {reader.line_num}"
        raise DataError(f"the row of {table}.csv {where} is not CSV ({error}); mend its quotes") from error


def read_rows(path: Path, table: str) -> Rows:
    """Read one file; unreadable lines become bad rows.

    Raises:
        DataError: the file as a whole cannot be read.
    """
    check(path.name.endswith(SUFFIXES), "file", str(path), must=f"one of {SUFFIXES}", fix="convert it", error=DataError)
    rows = Rows()
    try:
        if path.suffix == ".parquet":
            rows.good = [(n, _clean(row)) for n, row in enumerate(pl.read_parquet(path).to_dicts(), 1)]
            return rows
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error, pl.exceptions.PolarsError) as error:
        raise DataError(f"file == {str(path)!r}, must be readable {path.suffix}; write it again ({error})") from error
    (_csv if path.suffix == ".csv" else _json_lines)(raw, table, rows)
    return rows


def to_grade(label: object, labels: dict[str, int]) -> int | None:
    """An integer grade 0-3 from a label: the data set's own mapping, E/S/C/I or their words, or the integers."""
    if isinstance(label, bool) or label is None:
        return None
    text = str(label).strip()
    text = text[:-2] if text.endswith(".0") and text not in labels else text  # integers beside gaps
    if text in labels:
        return labels[text]
    if labels:
        return None
    if text.upper() in LABELS:
        return int(LABELS[text.upper()])
    if text.upper() in Grade.__members__:
        return int(Grade[text.upper()])
    return int(text) if text in {"0", "1", "2", "3"} else None


def read_file(place: str) -> pl.DataFrame:
    """Read one table file strictly: any bad line is an error.

    Raises:
        MissingError: no such file.
        DataError: unreadable, empty, or with a bad line.
    """
    path = local_copy(place)
    if not path.is_file():
        raise MissingError(f"file == {place!r}, must be a file ({', '.join(SUFFIXES)}); check the path")
    rows = read_rows(path, path.name.split(".")[0])
    if rows.bad:
        bad = rows.bad[0]
        raise DataError(f"{place}: line {bad.line} is bad ({bad.reason}), {len(rows.bad)} bad in all; mend the file")
    check(bool(rows.good), f"rows of {place}", 0, must="at least 1", fix="give a file with rows", error=DataError)
    if path.suffix == ".parquet":
        return pl.read_parquet(path)
    return pl.DataFrame([row for _, row in rows.good], infer_schema_length=None, strict=False)


def read_judgements(place: str) -> pl.DataFrame:
    """Read a judgements file to ``query_id, item_id, grade``; every label must be known."""
    frame = read_file(place)
    column = next((c for c in ("grade", "label") if c in frame.columns), "")
    absent = [c for c in ("query_id", "item_id") if c not in frame.columns]
    must = f"with {absent}" if absent else "with label or grade"
    check(bool(column) and not absent, "columns", frame.columns, must=must, fix="add them", error=DataError)
    grades = [to_grade(v, {}) for v in frame[column]]
    if None in grades:
        value = frame[column][grades.index(None)]
        raise DataError(f"label == {value!r}, must be E, S, C, I (or their words) or 0-3; map it first")
    return frame.select(pl.col("query_id", "item_id").cast(pl.String)).with_columns(pl.Series("grade", grades))


def check_output(place: str) -> None:
    """Refuse a place that :func:`write_file` cannot write, before anything is computed for it."""
    check(place.endswith(WRITTEN), "output", place, must=".parquet, .csv or .jsonl", fix="rename it")


def write_file(frame: pl.DataFrame, place: str) -> None:
    """Write one table file, aside and then renamed; the suffix says the format."""
    import tempfile

    check_output(place)
    with tempfile.TemporaryDirectory() as home:
        local = Path(place) if not is_remote(place) else Path(home) / Path(place).name
        local.parent.mkdir(parents=True, exist_ok=True)
        partial = local.with_name(f".{local.name}.partial")
        if local.name.endswith(".jsonl"):
            frame.write_ndjson(partial)
        elif local.suffix == ".csv":
            frame.write_csv(partial)
        else:
            frame.write_parquet(partial)
        partial.replace(local)
        put_file(local, place)
