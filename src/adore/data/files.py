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


def _tables_by_name() -> dict[str, str]:
    by_name = {}
    for table_name, names in NAMES.items():
        for name in names:
            by_name[name] = table_name
    return by_name


_TABLES = _tables_by_name()
_PART = re.compile(r"[-_. ]?[\d][\d\-_.T]*")
_OWN_FILES = {"dataset.yaml", "manifest.json"}


@dataclass(slots=True)
class FolderFiles:
    """The files of a folder.

    Attributes:
        tables: files of each table, in order.
        unread: files that nothing reads, with the reason.
        by_columns: files whose table was detected by their columns alone.
    """

    tables: dict[str, list[Path]] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    by_columns: set[Path] = field(default_factory=set)


def _stem(path: Path) -> str:
    """The file's name without its format and compression, in one spelling."""
    file_name = path.name.lower().removesuffix(".gz")
    for suffix in SUFFIXES:
        if file_name.endswith(suffix):
            file_name = file_name.removesuffix(suffix)
            break
    return file_name.replace("-", "_").replace(" ", "_")


def table_of_name(path: Path) -> str:
    """Tell a table by its file's name.

    Args:
        path: the file.

    Returns:
        The table, or ``""``.

    Example:
        >>> names = ("Judgments.CSV", "events-2026-03-01.ndjson.gz", "notes.csv")
        >>> [table_of_name(Path(name)) for name in names]
        ['judgements', 'events', '']
    """
    stem = _stem(path)
    if stem in _TABLES:
        return _TABLES[stem]

    for table_name, table in _TABLES.items():
        if stem.startswith(table_name) and _PART.fullmatch(
            stem.removeprefix(table_name)
        ):
            return table
    return ""


def _configured_files(data: Path, info: DatasetInfo) -> dict[str, Path]:
    """The files that dataset.yaml names, by table."""
    unknown = sorted(set(info.files) - set(COLUMNS))
    check(
        not unknown,
        "dataset.yaml files",
        unknown,
        must=f"tables of {sorted(NAMES)}",
        fix="rename them",
    )

    configured = {}
    for table_name, file_name in info.files.items():
        path = data / file_name
        inside = path.is_file() and data.resolve() in path.resolve().parents
        check(
            inside,
            f"dataset.yaml files.{table_name}",
            file_name,
            must=f"a file in {data}",
            fix="correct it",
            error=MissingError,
        )
        configured[table_name] = path
    return configured


def _parts(folder: Path) -> list[Path]:
    """All files of a folder that have a format that is read, in order of their paths."""
    parts = []
    for file_path in sorted(folder.rglob("*")):
        if (
            file_path.is_file()
            and format_of(file_path)
            and not file_path.name.startswith(".")
        ):
            parts.append(file_path)
    return parts


def _detect_by_columns(
    data: Path, paths: list[Path], files: FolderFiles, encoding: str
) -> None:
    """Look into files whose names say nothing, for tables that no name has told."""
    for file_path in paths:
        try:
            rows, source = read_source(file_path, "rows", encoding)
        except AdoreError as error:
            reason = f"cannot be read: {str(error)[:100]}"
            files.unread[str(file_path.relative_to(data))] = reason
            continue

        # A ranker's output has the form of judgements, but must not be taken for them.
        is_trec = source.kind == "TREC"
        if is_trec and rows.good and "score" in rows.good[0][1]:
            reason = "a TREC run: measure it with adore evaluate --scores"
            files.unread[file_path.name] = reason
            continue

        table_name = "judgements" if is_trec else detect_table(rows.columns())
        if not table_name:
            files.unread[file_path.name] = (
                "neither its name nor its columns tell what it holds"
            )
        elif table_name in files.tables:
            other = files.tables[table_name][0].name
            names = " or ".join(NAMES.get(table_name, (table_name,)))
            files.unread[file_path.name] = (
                f"looks like {table_name}, which {other} holds already "
                f"(or call it {names} with a number)"
            )
        else:
            files.tables[table_name] = [file_path]
            files.by_columns.add(file_path)


def find_tables(data: Path, info: DatasetInfo, book: Path | None = None) -> FolderFiles:
    """Find the files of an input folder, by table.

    Args:
        data: the folder.
        info: its ``dataset.yaml``.
        book: the rule book, if it lies in the folder.

    Returns:
        The files, also those that nothing reads.

    Raises:
        DataError: several files hold one table, and are no numbered parts of it.
        MissingError: ``dataset.yaml`` names a file that is not there.
        ConfigError: ``dataset.yaml`` names a file for a table that does not exist.
    """
    # A file that dataset.yaml names is not looked for by its name.
    files = FolderFiles()
    for table_name, file_path in _configured_files(data, info).items():
        files.tables[table_name] = [file_path]
    in_use = {book, *(paths[0] for paths in files.tables.values())}

    unknown: list[Path] = []
    by_table: dict[str, list[Path]] = defaultdict(list)
    folder_paths = sorted(data.iterdir()) if data.is_dir() else []
    for file_path in folder_paths:
        if (
            file_path in in_use
            or file_path.name in _OWN_FILES
            or file_path.name.startswith((".", "_"))
        ):
            continue
        table_name = table_of_name(file_path)
        if file_path.is_dir():
            parts = _parts(file_path) if table_name else []
            by_table[table_name] += parts
            if not parts:
                files.unread[f"{file_path.name}/"] = (
                    "a folder that is not called like a table"
                )
        elif not format_of(file_path):
            files.unread[file_path.name] = "no format that is read"
        elif table_name:
            by_table[table_name].append(file_path)
        else:
            unknown.append(file_path)

    for table_name, paths in by_table.items():
        if table_name in files.tables:
            for file_path in paths:
                files.unread[file_path.name] = (
                    f"dataset.yaml names another file for {table_name}"
                )
        elif paths:
            _check_parts(table_name, paths, data)
            files.tables[table_name] = paths
    _detect_by_columns(data, unknown, files, info.encoding)
    return files


def _check_parts(table_name: str, paths: list[Path], data: Path) -> None:
    """Refuse two whole files of one table.

    Parts are numbered or dated, or lie in a folder of their own.
    """
    whole = []
    for file_path in paths:
        if file_path.parent == data and _stem(file_path) in _TABLES:
            whole.append(file_path.name)
    check(
        len(whole) <= 1,
        f"files of table {table_name}",
        whole,
        must="one",
        fix="keep one, or name it in dataset.yaml, files",
        error=DataError,
    )
