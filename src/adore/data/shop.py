"""Reads a shop's folder into our tables, and notes how every file was read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from adore.data.cells import parse_id
from adore.data.columns import check_column_map
from adore.data.dataset import DatasetInfo, find_dataset_rulebook, read_dataset_info
from adore.data.files import NAMES, find_tables
from adore.data.folder_report import FolderReport, SplitSize
from adore.data.items import item_rows
from adore.data.judgements import grade_rows, queries_of_judgements
from adore.data.language import choose_language
from adore.data.log import exposure_events, read_events, search_impressions
from adore.data.queries import SPLITS, read_queries
from adore.data.requests import read_requests
from adore.data.round_inputs import RoundConfig, RoundInputs, Sources
from adore.data.rows import BadRow, NumberedRow, Row, Rows
from adore.data.searches import QueryFinder, merge_searches, split_searches, text_id
from adore.data.tables import read_table_file
from adore.errors import AdoreError, DataError, MissingError, QuarantineError, check

__all__ = ["ReadConfig", "Shop", "read_shop"]

_HINTS = {
    "judgements": " (name labels in dataset.yaml, labels: {good: 3, bad: 0})",
    "events": " (name other actions in dataset.yaml, actions: {kauf: purchase, hover: ignore})",
}
"""How to correct many malformed rows of a table."""
_TEXTS = {"items": "title", "queries": "query"}
"""Table to the column that tells the language."""
_SEARCH_TABLES = ("searches", "events", "exposures")
"""Tables whose rows have the text of a search."""
TABLES = ("items", "queries", "judgements", "truth", "events")


class ReadConfig(RoundConfig):
    """How strict to be, how to split, and what to read of the logs."""

    max_bad_share: float = 0.05
    """Largest share of malformed rows of a table; more stops the run."""


def _empty_tables() -> dict[str, list[Row]]:
    return {table_name: [] for table_name in TABLES}


@dataclass(slots=True)
class Shop:
    """A folder's tables, as rows, and how it was read.

    Attributes:
        info: what ``dataset.yaml`` says, with the chosen language.
        report: how the folder was read.
        tables: rows of each of our tables.
        quarantine: malformed rows.
        book: the file of the rule book.
    """

    info: DatasetInfo
    report: FolderReport
    tables: dict[str, list[Row]] = field(default_factory=_empty_tables)
    quarantine: list[BadRow] = field(default_factory=list)
    book: Path | None = None

    def ids(self, table_name: str, column: str) -> set[str]:
        """Collect the ids in one column of a table.

        Args:
            table_name: name of one of our tables.
            column: the column with the ids.

        Returns:
            The ids.
        """
        return {table_row[column] for table_row in self.tables[table_name]}


class _Reader:
    """Reads one folder, table by table; a fault of one table does not hide those of the others."""

    def __init__(self, data: Path, config: ReadConfig, sources: Sources) -> None:
        self.data = data
        self.config = config
        self.sources = sources
        self.shop = Shop(DatasetInfo(), FolderReport(str(data)))

        self.raw: dict[str, Rows] = {}
        self.same: dict[str, str] = {}
        self.round = RoundInputs()
        self.failed: set[str] = set()

    @property
    def report(self) -> FolderReport:
        return self.shop.report

    @contextmanager
    def collect_problems(self, table_name: str = "") -> Iterator[None]:
        """Keep an error for the end; ``table`` is then known to have failed already."""
        try:
            yield
        except AdoreError as error:
            self.report.problems.append(error)
            self.failed.add(table_name)

    def read(self) -> Shop:
        """All of it."""
        shop = self.shop
        shop.info = read_dataset_info(self.data)
        check_column_map(shop.info.columns)
        shop.book = find_dataset_rulebook(self.data, shop.info)
        self._load()
        with self.collect_problems():
            self.round.read(self.sources, self.config)

        # Each table needs those before it: judgements find their queries, events their items.
        with self.collect_problems():
            self._read_items()
        with self.collect_problems():
            self._read_queries()
        with self.collect_problems():
            self._read_judgements("judgements")
        with self.collect_problems():
            self._read_judgements("truth")
        with self.collect_problems():
            self._merge_queries()
        with self.collect_problems():
            self._choose_language()
        with self.collect_problems():
            self._read_requests()
        with self.collect_problems():
            self._read_events()

        self.report.production = self.round.to_json()
        self.report.rows = {name: len(rows) for name, rows in shop.tables.items()}
        if not self.report.problems:
            with self.collect_problems():
                self._count_splits()
        return shop

    # ------------------------------------------------------------ files

    def _load(self) -> None:
        """Read every file of the folder."""
        files = find_tables(self.data, self.shop.info, self.shop.book)
        if self.sources.requests:
            files.tables["requests"] = [self.sources.requests]
        self.report.unread = files.unread
        for table_name, paths in files.tables.items():
            for path in paths:
                with self.collect_problems(table_name):
                    self._load_file(
                        path, table_name, by_columns=path in files.by_columns
                    )

    def _load_file(self, path: Path, table_name: str, *, by_columns: bool) -> None:
        file_rows, file_report = read_table_file(path, table_name, self.shop.info)
        if by_columns:
            file_report.notes.append("told by its columns, not by its name")
        if self.data in path.parents:
            file_report.name = str(path.relative_to(self.data))
        else:
            file_report.name = str(path)
        self.report.files.append(file_report)

        # A file of queries may have turned out to hold searches.
        table_name = file_report.table
        self.report.read[table_name] += file_rows.total
        if table_name not in self.raw:
            self.raw[table_name] = file_rows
            return
        whole = self.raw[table_name]
        whole.good += file_rows.good
        whole.bad += file_rows.bad
        whole.left_out += file_rows.left_out

    def _rows(self, table_name: str) -> Rows:
        return self.raw.get(table_name, Rows())

    def _close(self, table_name: str, rows: Rows) -> None:
        """Count what was malformed or left out; too many malformed rows stop the run."""
        bad = rows.bad
        reasons = Counter(row.reason for row in bad)
        self.shop.quarantine += bad
        self.report.left_out[table_name] = rows.left_out
        self.report.bad[table_name] = reasons

        total = self.report.read[table_name]
        if not total or len(bad) / total <= self.config.max_bad_share:
            return

        # Of each reason, the first row.
        first_example = {row.reason: row for row in reversed(bad)}
        lines = []
        for reason, count in reasons.most_common(10):
            example = first_example[reason]
            lines.append(
                f"  {count} x {reason} (line {example.line}: {example.row[:80]})"
            )

        commonest = "\n".join(lines)
        raise QuarantineError(
            f"bad share of {table_name} == {len(bad) / total:.3f} ({len(bad)} of {total} rows), "
            f"must be at most {self.config.max_bad_share}; "
            f"mend the rows{_HINTS.get(table_name, '')} "
            f"or raise prepare.max_bad_share:\n{commonest}"
        )

    def _require(self, table_name: str) -> None:
        """Refuse a folder without a table, or with an empty one."""
        if table_name in self.raw:
            check(
                bool(self.shop.tables[table_name]),
                f"rows of {table_name}",
                0,
                must="1 or more",
                fix="fill it",
                error=DataError,
            )
            return
        if table_name in self.failed:
            return  # its own error is on record

        files = "no folder"
        if self.data.is_dir():
            file_names = sorted(path.name for path in self.data.iterdir())
            files = ", ".join(file_names[:20])
        possible_names = " or ".join(NAMES[table_name])
        raise MissingError(
            f"file == '{self.data / table_name}.*', must exist as .jsonl, .ndjson, .json, .csv, "
            f".tsv, .parquet or .xml ({possible_names}; .gz too), "
            f"or be named in dataset.yaml, files: {{{table_name}: NAME}}; found: {files}"
        )

    # ------------------------------------------------------------ tables

    def _read_items(self) -> None:
        item_table = self._rows("items")
        items = item_rows(item_table, self.shop.info, self.config.max_text)
        self.shop.tables["items"] = items
        self._close("items", item_table)
        self._require("items")

    def _read_queries(self) -> None:
        rows = self._rows("queries")
        if not rows.total and "queries" not in self.raw:
            rows = self._derive_queries()
        queries = read_queries(rows, self.config, self.round.frozen.splits)
        self.shop.tables["queries"] = queries
        self._close("queries", rows)
        if not queries:
            self._require("queries")

    def _derive_queries(self) -> Rows:
        """The texts of judgements and of the log, where there is no file of queries."""
        query_rows = queries_of_judgements(self._rows("judgements"))
        known = {text_id(str(query_row["query"])) for query_row in query_rows}
        judged = len(query_rows.good)
        for query_text in self._search_texts():
            query_id = text_id(query_text)
            if query_id not in known:
                known.add(query_id)
                line_number = len(query_rows.good) + 1
                query_rows.good.append(
                    (line_number, {"query_id": query_id, "query": query_text})
                )

        total = len(query_rows.good)
        if total:
            self.raw["queries"] = query_rows
            self.report.read["queries"] = total
            self.report.notes.append(
                f"no file of queries: {total} texts were taken, "
                f"{judged} from the judgements and {total - judged} from the log"
            )
        return query_rows

    def _search_texts(self) -> list[str]:
        """Every text that was searched for, once, in the order of the log."""
        texts: dict[str, None] = {}
        for table_name in _SEARCH_TABLES:
            for search_row in self._rows(table_name):
                search_text = search_row.get("user_query")
                if isinstance(search_text, str) and search_text.strip():
                    texts.setdefault(search_text, None)
        return list(texts)

    def _finder(self, searches: dict[str, str] | None = None) -> QueryFinder:
        queries = self.shop.tables["queries"]
        judged = self.shop.ids("judgements", "query_id")
        return QueryFinder(queries, self.same, judged, searches)

    def _read_judgements(self, table_name: str) -> None:
        shop = self.shop
        judgement_rows = self._rows(table_name)
        item_ids = shop.ids("items", "item_id")
        if not shop.tables["queries"] or not item_ids:
            return

        files = [file.name for file in self.report.files if file.table == table_name]
        file_name = table_name
        if files:
            file_name = files[0]
        try:
            scale, judgements = grade_rows(
                judgement_rows,
                table_name,
                shop.info,
                self._finder(),
                item_ids,
                file_name,
            )
        finally:
            self._close(table_name, judgement_rows)

        shop.tables[table_name] = judgements.rows
        if table_name == "judgements" and files:
            self.report.labels = scale
            self.report.judges = judgements
            shop.tables["votes"] = judgements.votes
            self._warn_of_unknown_ids(judgement_rows)

    def _warn_of_unknown_ids(self, judgement_rows: Rows) -> None:
        """Warn if hardly any judgement is of a known pair; their ids are probably other ones."""
        # These reasons mean another query or item, as "of an item that is not in the catalogue".
        unknown = 0
        for reason, count in judgement_rows.left_out.items():
            if reason.startswith("of "):
                unknown += count
        rated = judgement_rows.left_out.total() - judgement_rows.left_out["not rated"]
        rated += len(self.shop.tables["judgements"])
        if not unknown or 2 * unknown < rated:
            return

        known_ids = {
            "query_id": self.shop.ids("queries", "query_id"),
            "item_id": self.shop.ids("items", "item_id"),
        }
        for column, known in known_ids.items():
            theirs = {
                parse_id(judgement_row.get(column)) for judgement_row in judgement_rows
            }
            strange = sorted(theirs - known - {""})
            if strange:
                self.report.notes.append(
                    f"WARNING: {unknown:,} of {rated:,} judgements are not of this shop's pairs: "
                    f"their {column} is like {strange[:3]}, "
                    f"the shop's is like {sorted(known)[:3]}; "
                    "if these are the same things, map the right column in dataset.yaml, "
                    "as in columns: {items: {item_id: COLUMN}}"
                )

    def _merge_queries(self) -> None:
        """Where searches of a log are among the queries, one row a text stays."""
        tables = self.shop.tables
        judged = self.shop.ids("judgements", "query_id")
        judged |= self.shop.ids("truth", "query_id")
        tables["queries"], self.same = merge_searches(tables["queries"], judged)
        if self.same:
            self.report.notes.append(
                f"{len(self.same)} queries have the text of another and count together with it"
            )

    def _read_requests(self) -> None:
        rows = self._rows("requests")
        queries = self.shop.tables["queries"]
        frozen = self.round.frozen
        queries += read_requests(rows, queries, self.config.max_text, frozen)
        self._close("requests", rows)

        own_logs = self._rows("exposures"), self._rows("events")
        language = self.shop.info.language
        queries += self.round.choose_requests(queries, own_logs, self.config, language)

    def _read_events(self) -> None:
        shop = self.shop
        event_rows = self._rows("events")
        exposures = self._rows("exposures")
        if not shop.tables["queries"] or not shop.tables["items"]:
            return

        item_ids = shop.ids("items", "item_id")
        logged = self.round.take_log(
            shop.tables["queries"], self.same, item_ids, self.config
        )
        exposures.good += logged[0]
        event_rows.good += logged[1]
        self.report.read["exposures"] += len(logged[0])

        searches = [*self._rows("searches").good, *split_searches(event_rows)]
        event_rows.good += exposure_events(exposures)
        actions = shop.info.actions
        if event_rows.good and search_impressions(event_rows, searches, actions):
            self.report.notes.append(
                "no impressions in the log: "
                "what each search returned (query_response_hit_ids) counts"
            )
        self.report.read["events"] = event_rows.total

        try:
            shop.tables["events"], log_report = read_events(
                event_rows,
                self._finder(_texts_by_id([*searches, *exposures.good])),
                item_ids,
                actions,
                shop.info.first_position,
            )
        finally:
            self._close("exposures", exposures)
            self._close("events", event_rows)

        self.report.log = log_report
        self.report.notes += log_report.notes
        if event_rows.left_out and not shop.tables["events"]:
            [(reason, count)] = event_rows.left_out.most_common(1)
            self.report.notes.append(
                f"WARNING: no event says anything of this shop's pairs: {count:,} are {reason}"
            )

    def _choose_language(self) -> None:
        """Choose the language of the texts once: every later step reads with the same."""
        texts: list[str] = []
        for table_name, column in _TEXTS.items():
            for table_row in self.shop.tables[table_name]:
                texts.append(table_row[column])

        info = self.shop.info
        language = choose_language(info.language, texts)
        self.shop.info = info.model_copy(update={"language": language.code})
        self.report.language = language
        self.report.notes += language.warnings()

    def _count_splits(self) -> None:
        judged = self.shop.ids("judgements", "query_id")
        counts = Counter[str]()
        judged_counts = Counter[str]()
        for query_row in self.shop.tables["queries"]:
            counts[query_row["split"]] += 1
            if query_row["query_id"] in judged:
                judged_counts[query_row["split"]] += 1
        for split in SPLITS:
            self.report.splits[split] = SplitSize(counts[split], judged_counts[split])

        check(
            counts["train"] > 0,
            "queries of each split",
            {split: counts[split] for split in SPLITS},
            must="at least one of train",
            fix=(
                "name the split of some in a column split (train, dev, test), add queries, "
                "or lower prepare.dev_share and prepare.test_share"
            ),
            error=DataError,
        )


def _texts_by_id(searches: list[NumberedRow]) -> dict[str, str]:
    """The text of each search that has one."""
    texts = {}
    for _, search_row in searches:
        if search_row.get("user_query"):
            texts[str(search_row.get("query_id"))] = str(search_row["user_query"])
    return texts


def read_shop(data: Path, config: ReadConfig, sources: Sources | None = None) -> Shop:
    """Read a folder.

    What makes a run impossible is in ``report.problems``, in order. Only faults that leave nothing
    to read are raised: a ``dataset.yaml`` that cannot be read or names a file that is not there,
    and two files of one table.

    Args:
        data: the input folder.
        config: limits and split.
        sources: what is read beside it.

    Returns:
        The tables, and how they were read.
    """
    return _Reader(data, config, sources or Sources()).read()
