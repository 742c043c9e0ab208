"""One file of a table, read as prepare reads it.

Its preset and its columns count, and ``dataset.yaml`` beside it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from adore.config import configure
from adore.data.cells import parse_id
from adore.data.columns import require_columns
from adore.data.dataset import DatasetInfo, read_dataset_info
from adore.data.files import table_of_name
from adore.data.folder_report import FileReport
from adore.data.formats import SUFFIXES, read_source
from adore.data.items import item_rows
from adore.data.judgements import grade_rows, resolve_query_id
from adore.data.labels import canonical_label, infer_scale
from adore.data.mapping import map_rows
from adore.data.presets import detect_table
from adore.data.rows import Row, Rows
from adore.data.searches import QueryFinder
from adore.entities import decoded_values
from adore.errors import DataError, MissingError, QuarantineError, check
from adore.storage import copy_file, local_copy

__all__ = [
    "check_output",
    "read_items",
    "read_judgements",
    "read_pairs",
    "read_queries_file",
    "read_scores",
    "read_table_file",
    "write_file",
]

WRITTEN = (".parquet", ".csv", ".jsonl")


def read_table_file(
    path: Path, table_name: str, info: DatasetInfo
) -> tuple[Rows, FileReport]:
    """Read one file as a table.

    Args:
        path: the file.
        table_name: what it holds; a file of queries with UBI's columns turns out to
            hold searches.
        info: the shop's own map of columns, preset and encoding.

    Returns:
        Its rows in our columns, and how it was read; ``report.table`` is what it holds.

    Raises:
        DataError: the file cannot be read, or lacks a column.
        ConfigError: ``dataset.yaml`` does not fit the file.
    """
    rows, source = read_source(path, table_name, info.encoding)
    columns = rows.columns()
    maps_queries = bool(info.columns.get("queries"))
    if (
        table_name == "queries"
        and not maps_queries
        and detect_table(columns) == "searches"
    ):
        table_name = "searches"

    written = ", ".join((source.kind, *source.details))
    report = FileReport(source.name, table_name, written, rows.total)
    title = ""
    if source.kind == "TREC" and rows.good:
        title = "TREC run" if "score" in rows.good[0][1] else "TREC qrels"
    rows = map_rows(rows, table_name, info, report, columns)
    if not report.columns.preset:
        report.columns.preset = title
    if rows.good:
        require_columns(rows.columns(), table_name, path.name, columns)
    return rows, report


# ---------------------------------------------------------------- single files


@dataclass(frozen=True, slots=True)
class _TableFile:
    """One file in which no line is malformed, and the ``dataset.yaml`` beside it."""

    rows: Rows
    path: Path
    info: DatasetInfo


def _malformed(place: str, rows: Rows) -> str:
    first_malformed = rows.bad[0]
    return (
        f"{place}: line {first_malformed.line} is bad ({first_malformed.reason}), "
        f"{len(rows.bad)} bad in all; mend the file"
    )


def _read_strictly(place: str, table_name: str) -> _TableFile:
    """A file in which any malformed line is an error."""
    path = local_copy(place)
    if not path.is_file():
        raise MissingError(
            f"file == {place!r}, must be a file ({', '.join(SUFFIXES)}); check the path"
        )
    info = read_dataset_info(path.parent)
    rows, _ = read_table_file(path, table_name, info)
    if rows.bad:
        raise DataError(_malformed(place, rows))
    check(
        bool(rows.good),
        f"rows of {place}",
        0,
        must="at least 1",
        fix="give a file with rows",
        error=DataError,
    )
    return _TableFile(rows, path, info)


def _queries_beside(path: Path) -> QueryFinder | None:
    """The queries of the folder that a file lies in, where it has some."""
    files = []
    for sibling in sorted(path.parent.iterdir()):
        if sibling.is_file() and table_of_name(sibling) == "queries":
            files.append(sibling)
    if len(files) != 1:
        return None

    rows, report = read_table_file(files[0], "queries", read_dataset_info(path.parent))
    if report.table != "queries":
        return None
    queries = []
    for query_row in rows:
        query_id = parse_id(query_row.get("query_id"))
        query_text = query_row.get("query")
        if query_id and isinstance(query_text, str):
            queries.append({"query_id": query_id, "query": query_text})
    return QueryFinder(queries)


def _add_query_ids(file: _TableFile) -> None:
    """Give rows that name their query by its text the id of that query, or the text as an id."""
    without_id = [
        judgement_row
        for judgement_row in file.rows
        if not parse_id(judgement_row.get("query_id"))
    ]
    if not without_id:
        return

    finder = _queries_beside(file.path)
    for judgement_row in without_id:
        query_id = resolve_query_id(judgement_row, finder) if finder else ""
        judgement_row["query_id"] = query_id or resolve_query_id(judgement_row)


def read_items(path: Path, named: Iterable[str] | None = None) -> list[Row]:
    """Read the good rows of one items file, as rows of the ``items`` table.

    Args:
        path: the file; ``dataset.yaml`` beside it is obeyed.
        named: ids of the items that are needed; malformed rows of others do not matter. None: all
            are needed.

    Returns:
        The table's rows.

    Raises:
        DataError: the file has no usable row, or only a malformed one for an item that
            is named.
        QuarantineError: more than the allowed share of the rows are malformed, where
            all are needed.
        ConfigError: ``dataset.yaml`` cannot be read.
    """
    from adore.data.shop import ReadConfig  # which itself imports this module

    info = read_dataset_info(path.parent)
    config = configure(ReadConfig, {}, "prepare")
    rows, _ = read_table_file(path, "items", info)
    ids_by_line = {
        line: parse_id(item_row.get("item_id")) for line, item_row in rows.good
    }
    total = rows.total
    table_rows = item_rows(rows, info, config.max_text)

    bad_share = len(rows.bad) / max(1, total)
    if named is None and bad_share > config.max_bad_share:
        first_malformed = rows.bad[0]
        raise QuarantineError(
            f"bad share of items == {bad_share:.3f} ({len(rows.bad)} of {total} rows), "
            f"must be at most {config.max_bad_share}; mend the rows: {first_malformed.reason} "
            f"(line {first_malformed.line}: {first_malformed.row[:80]})"
        )

    missing = set(named or ())
    for item_row in table_rows:
        missing.discard(item_row["item_id"])
    for malformed in rows.bad:
        if ids_by_line.get(malformed.line) in missing:
            raise DataError(
                f"{path}: line {malformed.line} is bad ({malformed.reason}) "
                f"and a pair names {ids_by_line[malformed.line]!r}; mend it"
            )
    check(
        bool(table_rows),
        f"rows of {path}",
        0,
        must="1 or more",
        fix="fill it",
        error=DataError,
    )
    return table_rows


def _to_frame(rows: Rows, columns: Iterable[str]) -> pl.DataFrame:
    """Those of some columns that the rows have."""
    in_file = set(rows.columns())
    column_names = [column for column in columns if column in in_file]
    records = []
    for file_row in rows:
        record = {name: file_row.get(name) for name in column_names}
        records.append(record)
    return pl.DataFrame(records, infer_schema_length=None, strict=False)


def read_queries_file(place: str) -> pl.DataFrame:
    """Read a queries file.

    Args:
        place: the file, or its address.

    Returns:
        ``query_id, query``.

    Raises:
        MissingError: there is no such file.
        DataError: the file cannot be read, lacks a column, has no row or a malformed
            line.
        ConfigError: ``dataset.yaml`` beside it cannot be read.
        UnavailableError: the store does not answer.
    """
    query_rows = _read_strictly(place, "queries").rows
    for query_row in query_rows:
        query_row["query"] = decoded_values(query_row.get("query"))
    return _to_frame(query_rows, ("query_id", "query"))


def read_pairs(place: str) -> pl.DataFrame:
    """Read a file of pairs, or of judgements.

    Args:
        place: the file, or its address.

    Returns:
        ``query_id, item_id``.

    Raises:
        MissingError: there is no such file.
        DataError: the file cannot be read, lacks a column, has no row or a malformed
            line.
        ConfigError: ``dataset.yaml`` beside it cannot be read.
        UnavailableError: the store does not answer.
    """
    path = local_copy(place)
    table_name = "pairs"
    if path.is_file() and table_of_name(path) == "judgements":
        table_name = "judgements"
    file = _read_strictly(place, table_name)
    _add_query_ids(file)
    return _to_frame(file.rows, ("query_id", "item_id"))


def _is_unread_label(label: object) -> bool:
    """Whether a label is text other than a number from 0 on."""
    if not isinstance(label, str):
        return False
    canonical = canonical_label(label)
    return bool(canonical) and not canonical.isdecimal()


def read_scores(place: str) -> pl.DataFrame:
    """Read a scores file or a TREC run.

    Grades are read by the label map of ``dataset.yaml`` beside the file, if it maps them.

    Args:
        place: the file, or its address.

    Returns:
        ``query_id, item_id, score``, with ``grade, system`` where the file has them.

    Raises:
        MissingError: there is no such file.
        DataError: the file cannot be read, lacks a column, has no row or a malformed
            line.
        ConfigError: ``dataset.yaml`` beside it cannot be read.
        UnavailableError: the store does not answer.
    """
    file = _read_strictly(place, "scores")
    _add_query_ids(file)
    labels = [score_row.get("grade") for score_row in file.rows]
    if any(map(_is_unread_label, labels)):
        scale = infer_scale(labels, file.info, file.path.name, ours=True)
        for score_row in file.rows:
            score_row["grade"] = scale.grade(score_row.get("grade"))

    frame = _to_frame(file.rows, ("query_id", "item_id", "score", "grade", "system"))
    if file.path.suffix != ".parquet":
        return frame
    # A Parquet file in our columns keeps its own types.
    if set(frame.columns) <= set(pl.read_parquet_schema(file.path)):
        return pl.read_parquet(file.path)
    return frame


def read_judgements(place: str) -> pl.DataFrame:
    """Read one grade a pair of a judgements file, by the labels and judges of ``prepare``.

    Args:
        place: the file; ``dataset.yaml`` and the queries beside it are obeyed.

    Returns:
        ``query_id, item_id, grade``; unrated rows are left out.

    Raises:
        MissingError: there is no such file.
        DataError: the file cannot be read, lacks a column, has no row or a malformed
            line.
        ConfigError: ``dataset.yaml`` beside it cannot be read.
        UnavailableError: the store does not answer.
    """
    file = _read_strictly(place, "judgements")
    _add_query_ids(file)

    # Every query and item of the file is known here; the ids alone say which is which.
    query_ids = set()
    item_ids = set()
    for judgement_row in file.rows:
        query_ids.add(parse_id(judgement_row["query_id"]))
        item_ids.add(parse_id(judgement_row.get("item_id")).strip())
        judgement_row.pop("query", None)
    queries = []
    for query_id in sorted(query_ids):
        queries.append({"query_id": query_id, "query": f"\0{query_id}"})

    _, judgements = grade_rows(
        file.rows,
        "judgements",
        file.info,
        QueryFinder(queries),
        item_ids,
        file.path.name,
    )
    if file.rows.bad:
        raise DataError(_malformed(place, file.rows))
    schema = {"query_id": pl.String, "item_id": pl.String, "grade": pl.Int64}
    return pl.DataFrame(judgements.rows, schema=schema)


def check_output(place: str) -> None:
    """Refuse a place that :func:`write_file` cannot write, before anything is computed for it.

    Args:
        place: a path or an address.

    Raises:
        ConfigError: the file's suffix is of no format that can be written.
    """
    check(
        place.endswith(WRITTEN),
        "output",
        place,
        must=".parquet, .csv or .jsonl",
        fix="rename it",
    )


def write_file(frame: pl.DataFrame, place: str) -> None:
    """Write one table file atomically; the suffix says the format.

    Args:
        frame: the table.
        place: a path or an address; ``.jsonl``, ``.csv`` or ``.parquet``. Its folder is made.

    Raises:
        ConfigError: the file's suffix is of no format that can be written.
        UnavailableError: the store does not answer.
    """
    check_output(place)
    with tempfile.TemporaryDirectory() as folder:
        local_path = Path(folder) / Path(place).name
        if local_path.suffix == ".jsonl":
            frame.write_ndjson(local_path)
        elif local_path.suffix == ".csv":
            frame.write_csv(local_path)
        else:
            frame.write_parquet(local_path)
        copy_file(local_path, place)
