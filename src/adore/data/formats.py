"""Every file format that a shop may bring, to rows; a bad line is a row of the quarantine."""

from __future__ import annotations

import csv
import gzip
import io
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from adore.data.cells import parse_json
from adore.data.rows import BadRow, Rows
from adore.data.sniff import Dialect, decode, detect_dialect
from adore.data.trec import is_trec, trec_rows
from adore.data.xml_rows import xml_rows
from adore.errors import DataError, check

__all__ = ["SUFFIXES", "Source", "format_of", "read_source"]

FORMATS = {
    ".jsonl": "JSON lines",
    ".ndjson": "JSON lines",
    ".json": "JSON",
    ".csv": "CSV",
    ".tsv": "CSV",
    ".txt": "CSV",
    ".parquet": "Parquet",
    ".xml": "XML",
    ".rss": "XML",
    ".qrels": "TREC",
    ".trec": "TREC",
    ".run": "TREC",
}
SUFFIXES = tuple(FORMATS)
"""Each may also end in ``.gz``."""
_LISTS = (
    "products items data results docs documents judgmentRatings querySetQueries queries "
    "judgements judgments events"
)
"""Names under which exports wrap their list of objects."""
_ENVELOPE = {"msg", "data", "status", "code", "message"}
"""What an interface's answer is wrapped in."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was read: its name, its format and how it is written, in words."""

    name: str
    kind: str
    details: tuple[str, ...] = ()


def format_of(path: Path) -> str:
    """The format that a file's name says, or ``""``; case does not matter."""
    name = path.name.lower().removesuffix(".gz")
    return next((kind for suffix, kind in FORMATS.items() if name.endswith(suffix)), "")


def read_source(path: Path, table: str, encoding: str = "") -> tuple[Rows, Source]:
    """Read one file.

    Args:
        path: the file.
        table: what it is read as; bad rows carry the name.
        encoding: of text that is not UTF-8; empty: detected.

    Raises:
        DataError: the file as a whole cannot be read.
    """
    kind = format_of(path)
    check(
        bool(kind),
        "file",
        str(path),
        must=f"one of {SUFFIXES}, or .gz of one",
        fix="convert it",
        error=DataError,
    )
    try:
        if kind == "Parquet":
            frame = pl.read_parquet(path)
            return Rows(
                [(n, _clean(row)) for n, row in enumerate(frame.to_dicts(), 1)]
            ), Source(path.name, kind)
        packed = path.name.lower().endswith(".gz")
        raw = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
    except (OSError, EOFError, zlib.error, pl.exceptions.PolarsError) as error:
        fix = f"write it again ({error})"
        raise DataError(
            f"file == {str(path)!r}, must be readable {path.suffix}; {fix}"
        ) from error
    gz = ("gzip",) if packed else ()
    if kind == "XML":
        return Rows(list(enumerate(map(_clean, xml_rows(raw, path.name)), 1))), Source(
            path.name, kind, gz
        )
    text, written = decode(raw, encoding)
    details = gz if written == "UTF-8" else (*gz, written)
    if kind == "TREC" or (kind == "CSV" and is_trec(text)):
        return trec_rows(text, table), Source(path.name, "TREC", details)
    if kind == "CSV":
        dialect = detect_dialect(text, path.name)
        return _csv(text, table, path.name, dialect), Source(
            path.name, kind, (dialect.delimiter_name, *details)
        )
    return _json(text, table, kind), Source(path.name, kind, details)


def _clean(value: Any) -> Any:
    """A value that any table can hold, at any depth.

    No table holds NULs and lone surrogates; NaN and infinity become None.
    """
    if isinstance(value, str):
        plain = value.replace("\0", " ")
        return plain.encode("utf-8", "replace").decode("utf-8")

    if isinstance(value, dict):
        return {_clean(key): _clean(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_clean(inner) for inner in value]

    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _broken(text: str) -> bool:
    """Whether bytes of it could not be decoded."""
    return not text.isascii() and any("\udc80" <= c <= "\udcff" for c in text)


# ---------------------------------------------------------------- JSON


def _json(text: str, table: str, kind: str) -> Rows:
    """JSON lines, or one document with a list of objects.

    Whatever the file's name says of the two.
    """
    start = text.lstrip("\ufeff \t\r\n")[:1]
    if kind == "JSON" or start == "[":
        try:
            documents = _list_in(parse_json(text.lstrip("\ufeff")))
        except (ValueError, RecursionError):
            documents = None  # lines after all
        if documents is not None:
            return _objects(documents, table)
    return _json_lines(text, table)


def _list_in(document: Any) -> list[Any] | None:
    """The list of objects that a document is, or wraps; None where it is one JSON line's object."""
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        return None
    if isinstance(hits := document.get("hits"), dict) and isinstance(
        hits.get("hits"), list
    ):
        return list(hits["hits"])
    for name in _LISTS.split():
        if (
            isinstance(document.get(name), list)
            and "query_id" not in document
            and "item_id" not in document
        ):
            return list(document[name])
    return [document]


def _objects(documents: list[Any], table: str) -> Rows:
    rows = Rows()
    for line, value in enumerate(documents, 1):
        _take(rows, table, line, _clean(value), str(value))
    return _unwrapped(rows)


def _json_lines(text: str, table: str) -> Rows:
    rows = Rows()
    for line, one in enumerate(text.split("\n"), 1):
        if not one.strip("\ufeff \t\r"):
            continue
        if _broken(one):
            rows.bad.append(BadRow(table, line, "not UTF-8", one[:500]))
            continue
        try:
            row = parse_json(one.lstrip("\ufeff"))
            row = _clean(row) if "\\u" in one or "\0" in one else row
        except (
            ValueError,
            RecursionError,
        ):  # ValueError: also an integer of thousands of digits
            rows.bad.append(BadRow(table, line, "not JSON", one[:500]))
        else:
            _take(rows, table, line, row, one)
    return _unwrapped(rows)


def _take(rows: Rows, table: str, line: int, row: Any, text: str) -> None:
    if isinstance(row, dict):
        rows.good.append((line, row))
    else:
        rows.bad.append(BadRow(table, line, "not a JSON object", text[:500]))


def _unwrapped(rows: Rows) -> Rows:
    """Documents as OpenSearch and other interfaces give them.

    Their envelopes and a bulk file's action lines are taken away.
    """
    if any(
        "_source" in row or "index" in row or "create" in row
        for _, row in rows.good[:2]
    ):
        rows.good = list(_documents(rows.good))
    if rows.good and all(
        set(row) <= _ENVELOPE and isinstance(row.get("data"), dict)
        for _, row in rows.good
    ):
        rows.good = [(line, row["data"]) for line, row in rows.good]
    return rows


def _documents(
    good: list[tuple[int, dict[str, Any]]],
) -> Iterator[tuple[int, dict[str, Any]]]:
    about: dict[str, Any] = {}
    for line, row in good:
        action = row.get("index") or row.get("create")
        if len(row) == 1 and isinstance(action, dict):
            about = {name: action[name] for name in ("_index", "_id") if name in action}
        elif isinstance(row.get("_source"), dict):
            yield (
                line,
                {
                    **{name: row[name] for name in ("_index", "_id") if name in row},
                    **row["_source"],
                },
            )
        else:
            yield line, {**about, **row}
            about = {}


# ---------------------------------------------------------------- delimited text


def _csv(text: str, table: str, name: str, dialect: Dialect) -> Rows:
    text = text.replace("\0", " ").lstrip("\ufeff")
    body = text.split("\n", dialect.skip)[dialect.skip]
    try:
        return _read_csv(body, table, name, dialect, quoted=True)
    except csv.Error as error:
        if (
            dialect.unquoted and dialect.delimiter == "\t"
        ):  # 27" monitors stand in feeds that never quote
            return _read_csv(body, table, name, dialect, quoted=False)
        raise DataError(
            f"a row of {name} is not CSV ({error}); correct its quotes"
        ) from error


def _read_csv(
    text: str, table: str, name: str, dialect: Dialect, *, quoted: bool
) -> Rows:
    csv.field_size_limit(2**27)
    rows = Rows()
    escape = dialect.escape or None
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    reader = csv.DictReader(
        io.StringIO(text, newline=""),
        strict=True,
        delimiter=dialect.delimiter,
        quoting=quoting,
        escapechar=escape,
        doublequote=not escape,
    )
    try:
        names = [column.strip() for column in reader.fieldnames or ()]
        reader.fieldnames = names
        twice = sorted({n for n in names if n and names.count(n) > 1})
        check(
            not twice,
            f"columns of {name}",
            twice,
            must="unique",
            fix="rename them",
            error=DataError,
        )
        for row in reader:
            line = reader.line_num + dialect.skip
            if None in row or None in row.values():
                rows.bad.append(
                    BadRow(
                        table, line, "wrong number of columns", str(list(row.values()))
                    )
                )
            elif _broken("".join(row.values())):
                rows.bad.append(
                    BadRow(table, line, "not UTF-8", str(list(row.values())))
                )
            else:
                rows.good.append((line, {n: v for n, v in row.items() if n}))
    except csv.Error as error:
        raise csv.Error(
            f"after line {reader.line_num + dialect.skip}: {error}"
        ) from error
    return rows
