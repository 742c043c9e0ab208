"""One file of a table, read as prepare reads it.

Its preset and its columns count, and ``dataset.yaml`` beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from adore.config import configure
from adore.data.cells import parse_id
from adore.data.columns import require
from adore.data.dataset import DatasetInfo, read_dataset_info
from adore.data.files import table_of_name
from adore.data.folder_report import FileReport
from adore.data.formats import SUFFIXES, read_source
from adore.data.items import item_rows
from adore.data.judgements import grade_rows, resolve_query_id
from adore.data.labels import canonical_label, infer_scale
from adore.data.mapping import map_rows
from adore.data.presets import detect_table
from adore.data.rows import Rows
from adore.data.searches import QueryFinder
from adore.entities import decoded_values
from adore.errors import DataError, MissingError, QuarantineError, check
from adore.storage import copy_file, is_remote, local_copy

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
    path: Path, table: str, info: DatasetInfo
) -> tuple[Rows, FileReport]:
    """Read one file as a table.

    Args:
        path: the file.
        table: what it holds; a file of queries with UBI's columns turns out to hold searches.
        info: the shop's own words.

    Returns:
        Its rows in our columns, and how it was understood; ``note.table`` is what it holds.

    Raises:
        DataError: it cannot be read, or a column is missing.
    """
    rows, source = read_source(path, table, info.encoding)
    columns = rows.columns()
    own = info.columns.get(table, {})
    if table == "queries" and detect_table(columns) == "searches" and not own:
        table = "searches"
    note = FileReport(
        source.name, table, ", ".join((source.kind, *source.details)), rows.total
    )
    if source.kind == "TREC" and rows.good:
        note.columns.preset = "TREC run" if "score" in rows.good[0][1] else "TREC qrels"
    preset = note.columns.preset
    rows = map_rows(rows, table, info, note, columns)
    note.columns.preset = note.columns.preset or preset
    if rows.good:
        require(rows.columns(), table, path.name, columns)
    return rows, note


# ---------------------------------------------------------------- single files


def _strict(place: str, table: str) -> tuple[Rows, Path, DatasetInfo]:
    """A file in which any bad line is an error.

    Raises:
        MissingError: no such file.
        DataError: unreadable, empty, or with a bad line.
    """
    path = local_copy(place)
    if not path.is_file():
        raise MissingError(
            f"file == {place!r}, must be a file ({', '.join(SUFFIXES)}); check the path"
        )
    info = read_dataset_info(path.parent)
    rows, _ = read_table_file(path, table, info)
    if rows.bad:
        bad = rows.bad[0]
        raise DataError(
            f"{place}: line {bad.line} is bad ({bad.reason}), {len(rows.bad)} bad in all; "
            "mend the file"
        )
    check(
        bool(rows.good),
        f"rows of {place}",
        0,
        must="at least 1",
        fix="give a file with rows",
        error=DataError,
    )
    return rows, path, info


def _queries_beside(path: Path) -> QueryFinder | None:
    """The queries of the folder that a file lies in, where it has some."""
    files = [
        p
        for p in sorted(path.parent.iterdir())
        if p.is_file() and table_of_name(p) == "queries"
    ]
    if len(files) != 1:
        return None
    rows, note = read_table_file(files[0], "queries", read_dataset_info(path.parent))
    if note.table != "queries":
        return None
    pairs = ((parse_id(row.get("query_id")), row.get("query")) for _, row in rows.good)
    queries = [
        {"query_id": query_id, "query": text}
        for query_id, text in pairs
        if query_id and isinstance(text, str)
    ]
    return QueryFinder(queries)


def _with_ids(rows: Rows, path: Path) -> None:
    """Give rows that name their query by its text the id of that query, or the text as an id."""
    if all(parse_id(row.get("query_id")) for _, row in rows.good):
        return
    finder = _queries_beside(path)
    for _, row in rows.good:
        if not parse_id(row.get("query_id")):
            row["query_id"] = (
                resolve_query_id(row, finder) if finder else ""
            ) or resolve_query_id(row)


def read_items(path: Path, named: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """The good rows of one items file, as rows of the ``items`` table.

    Args:
        path: the file; ``dataset.yaml`` beside it is obeyed.
        named: ids of the items that are needed; bad rows of others do not matter. None: all are
            needed.

    Raises:
        DataError: the file has no usable row, or only a bad one for an item that is named.
        QuarantineError: more than the allowed share of the rows are bad, where all are needed.
    """
    from adore.data.shop import ReadConfig

    info = read_dataset_info(path.parent)
    config = configure(ReadConfig, {}, "prepare")
    rows, _ = read_table_file(path, "items", info)
    ids = {line: parse_id(row.get("item_id")) for line, row in rows.good}
    total = rows.total
    items = item_rows(rows, info, config.max_text)
    share = len(rows.bad) / max(1, total)
    if named is None and share > config.max_bad_share:
        first = rows.bad[0]
        raise QuarantineError(
            f"bad share of items == {share:.3f} ({len(rows.bad)} of {total} rows), must be at most "
            f"{config.max_bad_share}; mend the rows: {first.reason} "
            f"(line {first.line}: {first.row[:80]})"
        )
    lost = set(named or ()) - {row["item_id"] for row in items}
    for bad in (b for b in rows.bad if ids.get(b.line) in lost):
        raise DataError(
            f"{path}: line {bad.line} is bad ({bad.reason}) "
            f"and a pair names {ids[bad.line]!r}; mend it"
        )
    check(
        bool(items),
        f"rows of {path}",
        0,
        must="1 or more",
        fix="fill it",
        error=DataError,
    )
    return items


def _frame(rows: Rows, columns: Iterable[str]) -> pl.DataFrame:
    there = [name for name in columns if any(name in row for _, row in rows.good)]
    return pl.DataFrame(
        [{n: row.get(n) for n in there} for _, row in rows.good],
        infer_schema_length=None,
        strict=False,
    )


def read_queries_file(place: str) -> pl.DataFrame:
    """``query_id, query`` of a queries file, strictly.

    Raises:
        MissingError: no such file.
        DataError: it cannot be read, or a column is missing.
    """
    rows, _, _ = _strict(place, "queries")
    for _, row in rows.good:
        row["query"] = decoded_values(row.get("query"))
    return _frame(rows, ("query_id", "query"))


def read_pairs(place: str) -> pl.DataFrame:
    """``query_id, item_id`` of a file of pairs, or of judgements, strictly.

    Raises:
        MissingError: no such file.
        DataError: it cannot be read, or a column is missing.
    """
    path = local_copy(place)
    table = (
        "judgements"
        if path.is_file() and table_of_name(path) == "judgements"
        else "pairs"
    )
    rows, path, _ = _strict(place, table)
    _with_ids(rows, path)
    return _frame(rows, ("query_id", "item_id"))


def read_scores(place: str) -> pl.DataFrame:
    """``query_id, item_id, score`` of a scores file or a TREC run.

    ``grade, system`` come with them where the file has them.

    Grades are read by the label map of ``dataset.yaml`` beside the file, if it maps them.

    Raises:
        MissingError: no such file.
        DataError: it cannot be read, or a column is missing.
    """
    rows, path, info = _strict(place, "scores")
    _with_ids(rows, path)
    grades = [row.get("grade") for _, row in rows.good]
    if any(
        isinstance(grade, str) and not canonical_label(grade).isdecimal()
        for grade in grades
        if canonical_label(grade)
    ):
        scale = infer_scale(grades, info, path.name, ours=True)
        for _, row in rows.good:
            row["grade"] = scale.grade(row.get("grade"))
    frame = _frame(rows, ("query_id", "item_id", "score", "grade", "system"))
    if path.suffix == ".parquet":
        return (
            pl.read_parquet(path)
            if set(frame.columns) <= set(pl.read_parquet_schema(path))
            else frame
        )
    return frame


def read_judgements(place: str) -> pl.DataFrame:
    """One grade a pair of a judgements file, by the same label map and judges as ``prepare``.

    Args:
        place: the file; ``dataset.yaml`` and the queries beside it are obeyed.

    Returns:
        ``query_id, item_id, grade``; unrated rows are left out.

    Raises:
        MissingError: no such file.
        DataError: it cannot be read, a column is missing, or a label is not on the scale.
    """
    rows, path, info = _strict(place, "judgements")
    _with_ids(rows, path)
    ids = sorted({parse_id(row["query_id"]) for _, row in rows.good})
    finder = QueryFinder(
        {"query_id": query_id, "query": f"\0{query_id}"} for query_id in ids
    )
    items = {parse_id(row.get("item_id")).strip() for _, row in rows.good}
    for _, row in rows.good:
        row.pop("query", None)
    _, joined = grade_rows(rows, "judgements", info, finder, items, path.name)
    if rows.bad:
        bad = rows.bad[0]
        raise DataError(
            f"{place}: line {bad.line} is bad ({bad.reason}), {len(rows.bad)} bad in all; "
            "mend the file"
        )
    schema = {"query_id": pl.String, "item_id": pl.String, "grade": pl.Int64}
    return pl.DataFrame(joined.rows, schema=schema)


def check_output(place: str) -> None:
    """Refuse a place that :func:`write_file` cannot write, before anything is computed for it."""
    check(
        place.endswith(WRITTEN),
        "output",
        place,
        must=".parquet, .csv or .jsonl",
        fix="rename it",
    )


def write_file(frame: pl.DataFrame, place: str) -> None:
    """Write one table file, aside and then renamed; the suffix says the format.

    Args:
        frame: the table.
        place: a path or an address; ``.jsonl``, ``.csv`` or ``.parquet``.
    """
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
        copy_file(local, place)
