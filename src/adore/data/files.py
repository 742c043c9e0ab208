"""Which file of an input folder holds which table: by its name, else by its columns."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from adore.data.columns import COLUMNS
from adore.data.dataset import DatasetInfo
from adore.data.formats import SUFFIXES, format_of, read_source
from adore.data.presets import detect_table
from adore.errors import AdoreError, DataError, MissingError, check

__all__ = ["NAMES", "FolderFiles", "find_tables", "table_of_name"]

NAMES: dict[str, tuple[str, ...]] = {
    "items": ("items", "products", "catalogue", "catalog", "corpus"),
    "queries": ("queries", "topics"),
    "searches": ("searches", "ubi_queries"),
    "requests": ("requests",),
    "judgements": ("judgements", "judgments", "qrels", "ratings"),
    "truth": ("truth",),
    "events": ("events", "ubi_events"),
    "exposures": ("exposures",),
}
"""What a table's file may be called, in any case.

A number or date may follow, and a folder may hold its parts."""
_TABLES = {name: table for table, names in NAMES.items() for name in names}
_PART = re.compile(r"[-_. ]?[\d][\d\-_.T]*")
_OURS = {"dataset.yaml", "manifest.json"}


@dataclass(slots=True)
class FolderFiles:
    """The files of a folder.

    Attributes:
        tables: files of each table, in order.
        unread: files that nothing reads, with the reason.
        by_columns: files that only their columns told.
    """

    tables: dict[str, list[Path]] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    by_columns: set[Path] = field(default_factory=set)


def _stem(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    suffix = next(
        (one for one in sorted(SUFFIXES, key=len, reverse=True) if name.endswith(one)),
        "",
    )
    return name[: len(name) - len(suffix)].replace("-", "_").replace(" ", "_")


def table_of_name(path: Path) -> str:
    """The table that a file's name tells, or ``""``.

    Example:
        >>> names = ("Judgments.CSV", "events-2026-03-01.ndjson.gz", "notes.csv")
        >>> [table_of_name(Path(name)) for name in names]
        ['judgements', 'events', '']
    """
    stem = _stem(path)
    if stem in _TABLES:
        return _TABLES[stem]
    for name, table in _TABLES.items():
        if stem.startswith(name) and _PART.fullmatch(stem[len(name) :]):
            return table
    return ""


def _named(data: Path, info: DatasetInfo, files: FolderFiles) -> set[Path]:
    """Take the files that dataset.yaml names."""
    strange = sorted(set(info.files) - set(COLUMNS))
    check(
        not strange,
        "dataset.yaml files",
        strange,
        must=f"tables of {sorted(NAMES)}",
        fix="rename them",
    )
    taken = set()
    for table, name in info.files.items():
        path = data / name
        inside = path.is_file() and data.resolve() in path.resolve().parents
        check(
            inside,
            f"dataset.yaml files.{table}",
            name,
            must=f"a file in {data}",
            fix="correct it",
            error=MissingError,
        )
        files.tables[table] = [path]
        taken.add(path)
    return taken


def _parts(folder: Path) -> list[Path]:
    return sorted(
        p
        for p in folder.rglob("*")
        if p.is_file() and format_of(p) and not p.name.startswith(".")
    )


def _tell_by_columns(
    data: Path, paths: list[Path], files: FolderFiles, encoding: str
) -> None:
    """Look into files whose names say nothing, for tables that no name has told."""
    for path in paths:
        try:
            rows, source = read_source(path, "rows", encoding)
            table = (
                "judgements" if source.kind == "TREC" else detect_table(rows.columns())
            )
        except AdoreError as error:
            files.unread[str(path.relative_to(data))] = (
                f"cannot be read: {str(error)[:100]}"
            )
            continue
        names = " or ".join(NAMES.get(table, (table,)))
        if source.kind == "TREC" and rows.good and "score" in rows.good[0][1]:
            files.unread[path.name] = (
                "a TREC run: measure it with adore evaluate --scores"
            )
        elif not table:
            files.unread[path.name] = (
                "neither its name nor its columns tell what it holds"
            )
        elif table in files.tables:
            has = files.tables[table][0].name
            files.unread[path.name] = (
                f"looks like {table}, which {has} holds already (or call it {names} with a number)"
            )
        else:
            files.tables[table] = [path]
            files.by_columns.add(path)


def find_tables(data: Path, info: DatasetInfo, book: Path | None = None) -> FolderFiles:
    """The files of an input folder, by table.

    Args:
        data: the folder.
        info: its ``dataset.yaml``.
        book: the rule book, if it lies in the folder.

    Raises:
        DataError: several files hold the same table, and are no numbered parts of it.
        MissingError: dataset.yaml names a file that is not there.
    """
    files = FolderFiles()
    unknown: list[Path] = []
    taken = _named(data, info, files) | {book}
    inside = sorted(data.iterdir()) if data.is_dir() else []

    by_table: dict[str, list[Path]] = defaultdict(list)
    for path in inside:
        if path in taken or path.name in _OURS or path.name.startswith((".", "_")):
            continue
        table = table_of_name(path)
        if path.is_dir():
            parts = _parts(path) if table else []
            by_table[table] += parts
            if not parts:
                files.unread[f"{path.name}/"] = (
                    "a folder that is not called like a table"
                )
        elif not format_of(path):
            files.unread[path.name] = "no format that is read"
        elif table:
            by_table[table].append(path)
        else:
            unknown.append(path)

    for table, paths in by_table.items():
        if table in files.tables:
            files.unread |= {
                p.name: f"dataset.yaml names another file for {table}" for p in paths
            }
        elif paths:
            _one_or_parts(table, paths, data)
            files.tables[table] = paths
    _tell_by_columns(data, unknown, files, info.encoding)
    return files


def _one_or_parts(table: str, paths: list[Path], data: Path) -> None:
    """Parts are numbered or dated, or lie in a folder of their own.

    Two whole files are one too many.
    """
    whole = [p for p in paths if p.parent == data and _stem(p) in _TABLES]
    names = [p.name for p in whole]
    fix = "keep one, or name it in dataset.yaml, files"
    check(
        len(whole) <= 1,
        f"files of table {table}",
        names,
        must="one",
        fix=fix,
        error=DataError,
    )
