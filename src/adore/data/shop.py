"""Reads a shop's folder into our tables, and notes how every file was understood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adore.data.cells import parse_id
from adore.data.columns import check_column_map
from adore.data.dataset import DatasetInfo, find_dataset_rulebook, read_dataset_info
from adore.data.files import NAMES, find_tables
from adore.data.folder_report import FolderReport
from adore.data.items import item_rows
from adore.data.judgements import grade_rows, queries_of_judgements
from adore.data.language import choose_language
from adore.data.log import (
    exposure_events,
    read_events,
    search_impressions,
    split_searches,
)
from adore.data.queries import SplitConfig, read_queries, read_requests
from adore.data.rows import BadRow, Rows
from adore.data.searches import QueryFinder, merge_searches, text_id
from adore.data.tables import read_table_file
from adore.errors import AdoreError, DataError, MissingError, QuarantineError, check

__all__ = ["ReadConfig", "Shop", "read_shop"]

_MAPS = {
    "judgements": " (name labels in dataset.yaml, labels: {good: 3, bad: 0})",
    "events": " (name other actions in dataset.yaml, actions: {kauf: purchase, hover: ignore})",
}
_TEXTS = {"items": "title", "queries": "query"}
"""Table to the column that tells the language."""
TABLES = ("items", "queries", "judgements", "truth", "events")


class ReadConfig(SplitConfig):
    """How strict to be, and how to split."""

    max_bad_share: float = 0.05
    """Largest share of bad rows of a table; more stops the run."""


@dataclass(slots=True)
class Shop:
    """A folder's tables, as rows, and how it was understood."""

    info: DatasetInfo
    report: FolderReport
    tables: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {table: [] for table in TABLES}
    )
    quarantine: list[BadRow] = field(default_factory=list)
    book: Path | None = None


class _Reader:
    """Reads one folder, table by table; a fault of one table does not hide those of the others."""

    def __init__(self, data: Path, config: ReadConfig, requests: Path | None) -> None:
        self.data = data
        self.config = config
        self.requests = requests
        self.shop = Shop(DatasetInfo(), FolderReport(str(data)))

        self.raw: dict[str, Rows] = {}
        self.same: dict[str, str] = {}
        self.failed: set[str] = set()

    @property
    def seen(self) -> FolderReport:
        return self.shop.report

    @contextmanager
    def noting(self, table: str = "") -> Iterator[None]:
        """Keep an error for the end; ``table`` is then known to have failed already."""
        try:
            yield
        except AdoreError as error:
            self.seen.problems.append(error)
            self.failed.add(table)

    def read(self) -> Shop:
        """All of it."""
        self.shop.info = read_dataset_info(self.data)
        check_column_map(self.shop.info.columns)
        self.shop.book = find_dataset_rulebook(self.data, self.shop.info)
        self._load()
        tables = self.shop.tables
        with self.noting():
            self._items()
        with self.noting():
            self._queries()
        with self.noting():
            self._judgements("judgements")
        with self.noting():
            self._judgements("truth")
        with self.noting():
            self._merge()
        with self.noting():
            self._requests()
        with self.noting():
            self._events()
        with self.noting():
            self._language()
        self.seen.rows = {name: len(rows) for name, rows in tables.items()}
        if not self.seen.problems:
            with self.noting():
                self._splits()
        return self.shop

    # ------------------------------------------------------------ files

    def _load(self) -> None:
        info = self.shop.info
        files = find_tables(self.data, info, self.shop.book)
        if self.requests:
            files.tables["requests"] = [self.requests]
        self.seen.unread = files.unread
        for table, paths in files.tables.items():
            for path in paths:
                with self.noting(table):
                    rows, note = read_table_file(path, table, info)
                    if path in files.by_columns:
                        note.notes.append("told by its columns, not by its name")
                    if path.parent != self.data:
                        note.name = (
                            str(path.relative_to(self.data))
                            if self.data in path.parents
                            else str(path)
                        )
                    self.seen.files.append(note)
                    self._add(note.table, rows)

    def _add(self, table: str, rows: Rows) -> None:
        self.seen.read[table] += rows.total
        if table not in self.raw:
            self.raw[table] = rows
            return
        whole = self.raw[table]
        whole.good += rows.good
        whole.bad += rows.bad
        whole.left_out += rows.left_out

    def _take(self, table: str) -> Rows:
        return self.raw.get(table, Rows())

    def _close(self, table: str, rows: Rows) -> None:
        """Count what was bad or left out; too much that is bad stops the run."""
        bad = rows.bad
        self.shop.quarantine += bad
        self.seen.left_out[table] = rows.left_out
        self.seen.bad[table] = Counter(row.reason for row in bad)

        total = self.seen.read[table]
        if not total or len(bad) / total <= self.config.max_bad_share:
            return

        first = {row.reason: row for row in reversed(bad)}
        lines = []
        for reason, count in self.seen.bad[table].most_common(10):
            example = first[reason]
            shown = f"line {example.line}: {example.row[:80]}"
            lines.append(f"  {count} x {reason} ({shown})")

        worst = "\n".join(lines)
        raise QuarantineError(
            f"bad share of {table} == {len(bad) / total:.3f} ({len(bad)} of {total} rows), "
            f"must be at most {self.config.max_bad_share}; "
            f"mend the rows{_MAPS.get(table, '')} or raise prepare.max_bad_share:\n{worst}"
        )

    def _needed(self, table: str) -> None:
        """Refuse a folder without a table, or with an empty one."""
        if table not in self.raw:
            if table in self.failed:
                return  # its own error is on record
            there = (
                ", ".join(sorted(p.name for p in self.data.iterdir())[:20])
                if self.data.is_dir()
                else "no folder"
            )
            names = " or ".join(NAMES[table])
            raise MissingError(
                f"file == '{self.data / table}.*', must exist as .jsonl, .ndjson, .json, .csv, "
                f".tsv, .parquet or .xml ({names}; .gz too), "
                f"or be named in dataset.yaml, files: {{{table}: NAME}}; found: {there}"
            )
        rows = self.shop.tables[table]
        check(
            bool(rows),
            f"rows of {table}",
            0,
            must="1 or more",
            fix="fill it",
            error=DataError,
        )

    # ------------------------------------------------------------ tables

    def _items(self) -> None:
        rows = self._take("items")
        self.shop.tables["items"] = item_rows(
            rows, self.shop.info, self.config.max_text
        )
        self._close("items", rows)
        self._needed("items")

    def _queries(self) -> None:
        rows = self._take("queries")
        if not rows.total and "queries" not in self.raw:
            rows = self._derived_queries()
        self.shop.tables["queries"] = read_queries(rows, self.config)
        self._close("queries", rows)
        if not self.shop.tables["queries"]:
            self._needed("queries")

    def _derived_queries(self) -> Rows:
        """The texts of judgements and of the log, where there is no file of queries."""
        rows = queries_of_judgements(self._take("judgements"))
        known = {text_id(str(row["query"])) for _, row in rows.good}
        judged = len(rows.good)
        for text in self._log_texts():
            query_id = text_id(text)
            if query_id not in known:
                known.add(query_id)
                line = len(rows.good) + 1
                rows.good.append((line, {"query_id": query_id, "query": text}))

        total = len(rows.good)
        if total:
            self.raw["queries"] = rows
            self.seen.read["queries"] = total
            self.seen.notes.append(
                f"no file of queries: {total} texts were taken, "
                f"{judged} from the judgements and {total - judged} from the log"
            )
        return rows

    def _log_texts(self) -> list[str]:
        texts: dict[str, None] = {}
        for table, name in (
            ("searches", "user_query"),
            ("events", "user_query"),
            ("exposures", "user_query"),
        ):
            for _, row in self._take(table).good:
                text = row.get(name)
                if isinstance(text, str) and text.strip():
                    texts.setdefault(text, None)
        return list(texts)

    def _finder(self, searches: dict[str, str] | None = None) -> QueryFinder:
        judged = {row["query_id"] for row in self.shop.tables["judgements"]}
        return QueryFinder(self.shop.tables["queries"], self.same, judged, searches)

    def _judgements(self, table: str) -> None:
        rows = self._take(table)
        shop = self.shop
        items = {row["item_id"] for row in shop.tables["items"]}
        files = [note.name for note in self.seen.files if note.table == table]
        name = files[0] if files else table
        if not shop.tables["queries"] or not items:
            return
        try:
            scale, joined = grade_rows(
                rows, table, shop.info, self._finder(), items, name
            )
        finally:
            self._close(table, rows)
        shop.tables[table] = joined.rows
        if table == "judgements" and files:
            self.seen.labels = scale
            self.seen.judges = joined
            shop.tables["votes"] = joined.votes
            self._warn_of_ids(
                rows, {row["query_id"] for row in shop.tables["queries"]}, items
            )

    def _warn_of_ids(self, rows: Rows, queries: set[str], items: set[str]) -> None:
        """Say loudly that hardly any judgement is of a known pair.

        Their ids are probably other ones.
        """
        lost = sum(n for reason, n in rows.left_out.items() if reason.startswith("of "))
        rated = (
            sum(rows.left_out.values())
            - rows.left_out["not rated"]
            + len(self.shop.tables["judgements"])
        )
        if not lost or 2 * lost < rated:
            return
        for name, known in (("query_id", queries), ("item_id", items)):
            theirs = sorted(
                {parse_id(row.get(name)) for _, row in rows.good} - {"", *known}
            )[:3]
            if theirs:
                self.seen.notes.append(
                    f"WARNING: {lost:,} of {rated:,} judgements are not of this shop's pairs: "
                    f"their {name} is like {theirs}, the shop's is like {sorted(known)[:3]}; "
                    "if these are the same things, map the right column in dataset.yaml, "
                    "as in columns: {items: {item_id: COLUMN}}"
                )

    def _merge(self) -> None:
        """Where searches of a log stand as queries, one row a text stays."""
        tables = self.shop.tables
        judged = {
            row["query_id"] for name in ("judgements", "truth") for row in tables[name]
        }
        tables["queries"], self.same = merge_searches(tables["queries"], judged)
        if self.same:
            self.seen.notes.append(
                f"{len(self.same)} queries have the text of another and count together with it"
            )

    def _requests(self) -> None:
        rows = self._take("requests")
        tables = self.shop.tables
        tables["queries"] += read_requests(
            rows, tables["queries"], self.config.max_text
        )
        self._close("requests", rows)

    def _events(self) -> None:
        rows = self._take("events")
        exposures = self._take("exposures")
        shop = self.shop
        if not shop.tables["queries"] or not shop.tables["items"]:
            return
        searches = [*self._take("searches").good, *split_searches(rows)]
        texts = {
            str(row.get("query_id")): str(row["user_query"])
            for _, row in searches
            if row.get("user_query")
        }
        rows.good += exposure_events(exposures)
        if rows.good and search_impressions(rows, searches, shop.info.actions):
            self.seen.notes.append(
                "no impressions in the log: "
                "what each search returned (query_response_hit_ids) counts"
            )
        self.seen.read["events"] = rows.total
        items = {row["item_id"] for row in shop.tables["items"]}
        try:
            shop.tables["events"], self.seen.log = read_events(
                rows,
                self._finder(texts),
                items,
                shop.info.actions,
                shop.info.first_position,
            )
        finally:
            self._close("exposures", exposures)
            self._close("events", rows)
        self.seen.notes += self.seen.log.notes if self.seen.log else []
        if rows.left_out and not shop.tables["events"]:
            (reason, count), *_ = rows.left_out.most_common(1)
            self.seen.notes.append(
                f"WARNING: no event says anything of this shop's pairs: {count:,} are {reason}"
            )

    def _language(self) -> None:
        """Choose what the texts are read in, for good: every later step reads with the same."""
        texts: list[str] = []
        for table, name in _TEXTS.items():
            for row in self.shop.tables[table]:
                texts.append(row[name])

        chosen = choose_language(self.shop.info.language, texts)
        self.shop.info = self.shop.info.model_copy(update={"language": chosen.code})
        self.seen.language = chosen
        self.seen.notes += chosen.warnings()

    def _splits(self) -> None:
        judged = {row["query_id"] for row in self.shop.tables["judgements"]}
        by_split: dict[str, list[str]] = {
            split: [] for split in ("train", "dev", "test")
        }
        for row in self.shop.tables["queries"]:
            by_split[row["split"]].append(row["query_id"])
        for split, query_ids in by_split.items():
            of_split = sum(query_id in judged for query_id in query_ids)
            self.seen.splits[split] = (len(query_ids), of_split)

        counts = {split: len(query_ids) for split, query_ids in by_split.items()}
        check(
            counts["train"] > 0,
            "queries of each split",
            counts,
            must="at least one of train",
            fix=(
                "name the split of some in a column split (train, dev, test), add queries, "
                "or lower prepare.dev_share and prepare.test_share"
            ),
            error=DataError,
        )


def read_shop(data: Path, config: ReadConfig, requests: Path | None = None) -> Shop:
    """Read a folder; what makes a run impossible is in ``report.problems``, in order.

    Args:
        data: the input folder.
        config: limits and split.
        requests: a file of requests elsewhere.

    Raises:
        ConfigError: ``dataset.yaml`` cannot be read.
        DataError: two files hold one table.
        MissingError: ``dataset.yaml`` names a file that is not there.
    """
    return _Reader(data, config, requests).read()
