"""Every file format that a shop may bring, to rows; a bad line is a row of the quarantine."""

from __future__ import annotations

import csv
import gzip
import io
import math
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from adore.data.cells import parse_json
from adore.data.rows import NumberedRow, Row, Rows
from adore.data.sniff import Dialect, decode, detect_dialect
from adore.data.trec import is_trec, trec_rows
from adore.data.xml_rows import xml_rows
from adore.errors import DataError, check

__all__ = ["SUFFIXES", "Source", "clean_value", "format_of", "read_source"]

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
).split()
"""Names under which exports wrap their list of objects."""
_ENVELOPE = {"msg", "data", "status", "code", "message"}
"""Keys of the object that a web service wraps its answer in."""
_INDEX_KEYS = ("_index", "_id")
"""What a search index says of a document, beside its source."""
_SPACE = "\ufeff \t\r"
"""White space around a line, and the byte order mark."""
MAX_CELL = 2**27
"""Characters of one cell of a delimited file."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was read: its name, its format and how it is written, in words."""

    name: str
    kind: str
    details: tuple[str, ...] = ()


def format_of(path: Path) -> str:
    """Tell the format of a file by its name, in any case; ``""`` where nothing reads it."""
    file_name = path.name.lower().removesuffix(".gz")
    for suffix, file_format in FORMATS.items():
        if file_name.endswith(suffix):
            return file_format
    return ""


def read_source(path: Path, table_name: str, encoding: str = "") -> tuple[Rows, Source]:
    """Read one file.

    Args:
        path: the file.
        table_name: what it is read as; bad rows carry the name.
        encoding: of text that is not UTF-8; empty: detected.

    Returns:
        Its rows, and how it is written.

    Raises:
        DataError: the file as a whole cannot be read.
    """
    file_format = format_of(path)
    check(
        bool(file_format),
        "file",
        str(path),
        must=f"one of {SUFFIXES}, or .gz of one",
        fix="convert it",
        error=DataError,
    )
    packed = path.name.lower().endswith(".gz")
    try:
        if file_format == "Parquet":
            return _numbered(pl.read_parquet(path).to_dicts()), Source(
                path.name, file_format
            )
        content = path.read_bytes()
        if packed:
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error, pl.exceptions.PolarsError) as error:
        fix = f"write it again ({error})"
        raise DataError(
            f"file == {str(path)!r}, must be readable {path.suffix}; {fix}"
        ) from error

    format_details = ("gzip",) if packed else ()
    if file_format == "XML":
        return _numbered(xml_rows(content, path.name)), Source(
            path.name, file_format, format_details
        )

    decoded_text, text_encoding = decode(content, encoding)
    if text_encoding != "UTF-8":
        format_details = (*format_details, text_encoding)
    # TREC's own names are no rule: many such files end in .txt.
    if file_format == "TREC" or (file_format == "CSV" and is_trec(decoded_text)):
        return trec_rows(decoded_text, table_name), Source(
            path.name, "TREC", format_details
        )
    if file_format == "CSV":
        dialect = detect_dialect(decoded_text, path.name)
        csv_rows = _read_delimited(decoded_text, table_name, path.name, dialect)
        return csv_rows, Source(
            path.name, file_format, (dialect.delimiter_name, *format_details)
        )
    return _read_json(decoded_text, table_name, file_format), Source(
        path.name, file_format, format_details
    )


def _numbered(source_rows: Iterable[Row]) -> Rows:
    """Rows of a file without lines, numbered from 1."""
    rows = Rows()
    for number, source_row in enumerate(source_rows, 1):
        rows.good.append((number, clean_value(source_row)))
    return rows


def clean_value(value: Any) -> Any:
    """Make a value that any table can hold, at any depth.

    No table holds NULs and lone surrogates; NaN and infinity become None.

    Args:
        value: of a user's file.

    Returns:
        The value without them.
    """
    if isinstance(value, str):
        plain = value.replace("\0", " ")
        return plain.encode("utf-8", "replace").decode("utf-8")

    if isinstance(value, dict):
        return {clean_value(key): clean_value(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [clean_value(inner) for inner in value]

    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _has_broken_bytes(text: str) -> bool:
    """Whether bytes of a text could not be decoded."""
    if text.isascii():
        return False
    return any("\udc80" <= character <= "\udcff" for character in text)


# ---------------------------------------------------------------- JSON


def _read_json(file_text: str, table_name: str, kind: str) -> Rows:
    """JSON lines, or one document with a list of objects."""
    # Whatever the file's name says of the two.
    first_character = file_text.lstrip("\ufeff \t\r\n")[:1]
    if kind == "JSON" or first_character == "[":
        try:
            documents = _find_list(parse_json(file_text.lstrip("\ufeff")))
        except (ValueError, RecursionError):
            documents = None  # lines after all
        if documents is not None:
            return _object_rows(documents, table_name)
    return _line_rows(file_text, table_name)


def _find_list(document: Any) -> list[Any] | None:
    """The list of objects that a document is, or wraps; None where it is one JSON line's object."""
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        return None

    search_hits = document.get("hits")
    if isinstance(search_hits, dict) and isinstance(search_hits.get("hits"), list):
        return list(search_hits["hits"])

    is_row = "query_id" in document or "item_id" in document
    if not is_row:
        for list_name in _LISTS:
            if isinstance(document.get(list_name), list):
                return list(document[list_name])
    return [document]


def _object_rows(documents: list[Any], table_name: str) -> Rows:
    object_rows = Rows()
    for object_number, document in enumerate(documents, 1):
        _add_object(
            object_rows, table_name, object_number, clean_value(document), str(document)
        )
    return _unwrap(object_rows)


def _line_rows(file_text: str, table_name: str) -> Rows:
    line_rows = Rows()
    for line_number, line in enumerate(file_text.split("\n"), 1):
        if not line.strip(_SPACE):
            continue
        if _has_broken_bytes(line):
            line_rows.refuse(table_name, line_number, "not UTF-8", line)
            continue
        try:
            document = parse_json(line.lstrip("\ufeff"))
        except (ValueError, RecursionError):  # also an integer of thousands of digits
            line_rows.refuse(table_name, line_number, "not JSON", line)
            continue

        # Only escapes can bring in what clean_value removes.
        if "\\u" in line or "\0" in line:
            document = clean_value(document)
        _add_object(line_rows, table_name, line_number, document, line)
    return _unwrap(line_rows)


def _add_object(
    rows: Rows, table_name: str, number: int, document: object, text: str
) -> None:
    if isinstance(document, dict):
        rows.good.append((number, document))
    else:
        rows.refuse(table_name, number, "not a JSON object", text)


def _unwrap(rows: Rows) -> Rows:
    """Documents as OpenSearch and other services give them."""
    # Their envelopes and a bulk file's action lines are removed.
    beginning = [wrapped for _, wrapped in rows.good[:2]]
    if any(map(_is_of_index, beginning)):
        rows.good = list(_documents(rows.good))

    inner = []
    for number, wrapped in rows.good:
        if not _is_envelope(wrapped):
            return rows
        inner.append((number, wrapped["data"]))
    rows.good = inner
    return rows


def _is_of_index(row: Row) -> bool:
    """Whether a row is a document of a search index, or a bulk file's action line."""
    return not row.keys().isdisjoint(("_source", "index", "create"))


def _is_envelope(row: Row) -> bool:
    return row.keys() <= _ENVELOPE and isinstance(row.get("data"), dict)


def _index_keys(row: Row) -> Row:
    return {name: row[name] for name in _INDEX_KEYS if name in row}


def _documents(good: list[NumberedRow]) -> Iterator[NumberedRow]:
    """Documents with what the index says of them; an action line is about the next document."""
    announced: Row = {}
    for line_number, source_row in good:
        action = source_row.get("index") or source_row.get("create")
        source = source_row.get("_source")
        if len(source_row) == 1 and isinstance(action, dict):
            announced = _index_keys(action)
        elif isinstance(source, dict):
            yield line_number, {**_index_keys(source_row), **source}
        else:
            yield line_number, {**announced, **source_row}
            announced = {}


# ---------------------------------------------------------------- delimited text


def _read_delimited(
    text: str, table_name: str, file_name: str, dialect: Dialect
) -> Rows:
    text = text.replace("\0", " ").lstrip("\ufeff")
    body = text.split("\n", dialect.skip)[dialect.skip]
    try:
        return _read_csv(body, table_name, file_name, dialect, csv.QUOTE_MINIMAL)
    except csv.Error as error:
        # Feeds that never quote have 27" monitors.
        if dialect.unquoted and dialect.delimiter == "\t":
            return _read_csv(body, table_name, file_name, dialect, csv.QUOTE_NONE)
        raise DataError(
            f"a row of {file_name} is not CSV ({error}); correct its quotes"
        ) from error


def _read_csv(
    text: str, table_name: str, file_name: str, dialect: Dialect, quoting: Any
) -> Rows:
    csv.field_size_limit(MAX_CELL)
    reader = csv.DictReader(
        io.StringIO(text, newline=""),
        strict=True,
        delimiter=dialect.delimiter,
        quoting=quoting,
        escapechar=dialect.escape or None,
        doublequote=not dialect.escape,
    )
    try:
        reader.fieldnames = _unique_columns(reader.fieldnames or (), file_name)
        return _csv_rows(reader, table_name, dialect.skip)
    except csv.Error as error:
        line_number = reader.line_num + dialect.skip
        raise csv.Error(f"after line {line_number}: {error}") from error


def _unique_columns(columns: Iterable[str], file_name: str) -> list[str]:
    column_names = [column.strip() for column in columns]
    # Columns without a name may be several: nobody can mean them.
    counts = Counter(filter(None, column_names))
    repeated = sorted(name for name, count in counts.items() if count > 1)
    check(
        not repeated,
        f"columns of {file_name}",
        repeated,
        must="unique",
        fix="rename them",
        error=DataError,
    )
    return column_names


def _csv_rows(reader: csv.DictReader[str], table_name: str, skipped: int) -> Rows:
    csv_table = Rows()
    for csv_row in reader:
        line_number = reader.line_num + skipped
        if None in csv_row or None in csv_row.values():
            csv_table.refuse(
                table_name,
                line_number,
                "wrong number of columns",
                list(csv_row.values()),
            )
        elif _has_broken_bytes("".join(csv_row.values())):
            csv_table.refuse(
                table_name, line_number, "not UTF-8", list(csv_row.values())
            )
        else:
            csv_row.pop("", None)  # a column without a name, as after a last delimiter
            csv_table.good.append((line_number, dict(csv_row)))
    return csv_table
