"""What production logged: exposures and events since the last round, as rows for the log's reader.

A place is one of two:

- that of a router, ``PLACE/exposures/<experiment>/<day>/*.jsonl`` and
  ``PLACE/events/<day>/*.jsonl``;
- the output of step ``experiment`` or ``production``, with the tables ``exposures`` and
  ``events``.

A router's place grows while a round runs, so a round cuts it at its start. The name of a file says
when the router put it aside, by the router's own clock and after every row in it; rows themselves
cannot say, since an event has its shopper's clock. A file from before the cut that arrives late,
because the store did not answer, is read by the next round: each round reads all that is there, and
what an earlier one has read as well counts once.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path

from adore.data.cells import parse_id, parse_json
from adore.data.events import flat_fields, read_event
from adore.data.formats import clean_value
from adore.data.queries import normalise_query
from adore.data.rows import Row, Rows
from adore.data.times import parse_millis
from adore.errors import DataError, check

__all__ = ["PlaceReport", "ProductionLog", "read_production"]

LOGS = ("exposures", "events")
DAY_MS = 24 * 60 * 60_000
CHUNK = 10_000
"""Rows of a Parquet table that are turned into Python objects at a time."""
HASHES = 2**32
COUNTS = (
    "exposures",
    "impressions",
    "events",
    "repeats",
    "outside_window",
    "unknown_searches",
    "unknown_items",
    "sampled_out",
)
"""What ``production.json`` counts.

The first three are what remains without repeats and within the window. ``unknown_searches`` are
exposures of no query; ``sampled_out`` are impressions of clients that were left out, because there
are too many."""
_PIECE = re.compile(r"-(\d{19})$")
"""End of the name of a file that a router put aside, with the time in ns since the epoch."""
NS_PER_MS = 1_000_000
_UNREAD = {
    "degraded",
    "experiment",
    "latency_ms",
    "measured",
    "model_version",
    "release",
    "salt",
    "served",
    "variant",
}
"""Fields of an exposure that say nothing of a pair; without them a long log needs less memory."""


@dataclass(slots=True)
class PlaceReport:
    """One place as it was read.

    Attributes:
        place: as the config names it.
        kind: who wrote it, in words.
        exposures: whole rows.
        events: whole rows.
        torn: lines that were cut short.
    """

    place: str
    kind: str = "nothing yet"
    exposures: int = 0
    events: int = 0
    torn: int = 0


@dataclass(slots=True)
class ProductionLog:
    """What production logged.

    Attributes:
        places: where it was read.
        exposures: rows that count.
        events: rows that count.
        counts: number of rows by what became of them.
        since: the window's first time in ms since the epoch; None: there is no window.
        until: the newest time in ms since the epoch; None: nothing was logged.
    """

    places: list[PlaceReport] = field(default_factory=list)
    exposures: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    since: int | None = None
    until: int | None = None

    def impressions(self) -> int:
        """Number of items that the exposures show."""
        return sum(len(_items(exposure)) for exposure in self.exposures)

    def to_json(self) -> Row:
        """Write the counts for ``production.json``."""
        return {
            "logs": [asdict(place_report) for place_report in self.places],
            "torn": sum(place_report.torn for place_report in self.places),
            **{name: self.counts[name] for name in COUNTS},
            "since": self.since,
            "until": self.until,
        }

    def remove_repeats(self, exposures: Rows, events: Rows) -> None:
        """Remove what was logged before, and count it.

        Args:
            exposures: of the shop's own files.
            events: of the shop's own files.
        """
        exposure_ids = {parse_id(own.get("exposure_id")) for own in exposures}
        event_ids = set(_event_ids(list(events)))
        self.exposures = self._without_repeats(
            self.exposures,
            (parse_id(exposure.get("exposure_id")) for exposure in self.exposures),
            exposure_ids,
        )
        self.events = self._without_repeats(
            self.events, _event_ids(self.events), event_ids
        )

    def _without_repeats(
        self, rows: list[Row], ids: Iterator[str], known_ids: set[str]
    ) -> list[Row]:
        first_rows = []
        for row_id, logged_row in zip(ids, rows, strict=True):
            # A row without an id is malformed, which the reader of the log says.
            if row_id and row_id in known_ids:
                self.counts["repeats"] += 1
                continue
            known_ids.add(row_id)
            first_rows.append(logged_row)
        return first_rows

    def keep_window(self, days: int) -> None:
        """Remove what is older than some days before the newest exposure, and count it.

        Events come from shoppers' clocks, so exposures say what is the newest time.

        Args:
            days: of the window; 0: all of them.
        """
        dated_rows = self.exposures or self.events
        times = [_time_of(logged_row) for logged_row in dated_rows]
        if times:
            self.until = max(times)
        if times and days:
            first_time = max(times) - days * DAY_MS
            self.since = first_time
            self.exposures = self._from(self.exposures, first_time)
            self.events = self._from(self.events, first_time)
        self._count()

    def _count(self) -> None:
        """Count what remains, before what is of no known query goes."""
        self.counts.update(
            exposures=len(self.exposures),
            impressions=self.impressions(),
            events=len(self.events),
        )

    def _from(self, rows: list[Row], first_time: int) -> list[Row]:
        inside = []
        for logged_row in rows:
            if _time_of(logged_row) >= first_time:
                inside.append(logged_row)
        self.counts["outside_window"] += len(rows) - len(inside)
        return inside

    def keep_queries(self, names: Container[str]) -> None:
        """Remove exposures of searches that are surely none of the queries, and count them.

        Each would become many impressions that the reader of the log leaves out.

        Args:
            names: ids and normalised texts of all queries.
        """
        known = []
        normalised = lru_cache(maxsize=100_000)(normalise_query)
        for exposure in self.exposures:
            query_id = parse_id(exposure.get("query_id"))
            text = str(exposure.get("user_query") or "")
            spellings = query_id, normalised(query_id), normalised(text)
            if not text or any(spelling in names for spelling in spellings):
                known.append(exposure)
        self.counts["unknown_searches"] = len(self.exposures) - len(known)
        self.exposures = known

    def sample_clients(self, most: int) -> None:
        """Leave out whole clients, by a hash of their ids, until few enough impressions are left.

        Args:
            most: impressions that may stay; 0: all of them.
        """
        impressions = self.impressions()
        if not most or impressions <= most:
            return

        share = most / impressions
        self.exposures = _of_share(self.exposures, share)
        self.events = _of_share(self.events, share)
        self.counts["sampled_out"] = impressions - self.impressions()

    def count_unknown_items(self, item_ids: Container[str]) -> None:
        """Count impressions and events of items that are not in the catalogue.

        Args:
            item_ids: of the catalogue.
        """
        unknown = 0
        for exposure in self.exposures:
            for item_id in _items(exposure):
                unknown += parse_id(item_id) not in item_ids
        for event in self.events:
            item_id = parse_id(event.get("object_id"))
            unknown += bool(item_id) and item_id not in item_ids
        self.counts["unknown_items"] = unknown


def _items(exposure: Row) -> list[object]:
    item_ids = exposure.get("item_ids")
    return item_ids if isinstance(item_ids, list) else []


def _time_of(logged_row: Row) -> int:
    """When a row was logged; 0 where it does not say, which the reader of the log refuses."""
    try:
        return parse_millis(logged_row.get("timestamp"))
    except (ValueError, OverflowError, OSError):
        return 0


def _of_share(rows: list[Row], share: float) -> list[Row]:
    """Rows of a share of all clients, always the same ones."""
    limit = int(share * HASHES)
    sampled_rows = []
    for logged_row in rows:
        client_id = ""
        for column in ("client_id", "user_id", "session_id"):
            client_id = client_id or parse_id(logged_row.get(column))
        digest = hashlib.blake2b(
            client_id.encode("utf-8", "surrogatepass"), digest_size=4
        )
        if int.from_bytes(digest.digest(), "big") < limit:
            sampled_rows.append(logged_row)
    return sampled_rows


def _event_ids(rows: Sequence[Row]) -> Iterator[str]:
    """Each event's id: its own, or of its content; ``""`` where it is malformed."""
    columns: dict[str, None] = {}
    for logged_row in rows:
        columns.update(dict.fromkeys(logged_row))
    flat_columns = flat_fields(columns)
    for logged_row in rows:
        event_id = parse_id(logged_row.get("event_id"))
        yield event_id or _content_id(logged_row, flat_columns)


def _content_id(logged_row: Row, flat_columns: Mapping[str, str]) -> str:
    try:
        return read_event(logged_row, flat_columns)["event_id"]
    except (ValueError, TypeError, RecursionError):
        return ""


# ---------------------------------------------------------------- places


def read_production(
    folders: Sequence[Path], places: Sequence[str], *, until: int = 0
) -> ProductionLog:
    """Read what production logged.

    Args:
        folders: a local copy of each place.
        places: their names.
        until: time in ms since the epoch at which routers' places are cut; 0: they are not. The
            clock of simulated shoppers is another one: what a step wrote is read whole.

    Returns:
        All of it, as it was logged.

    Raises:
        DataError: a place holds something else.
    """
    production = ProductionLog()
    texts: dict[str, str] = {}
    for folder, place in zip(folders, places, strict=True):
        place_report = PlaceReport(place)
        for logged_row in _read_log(folder, "exposures", place_report, until):
            place_report.exposures += 1
            production.exposures.append(_shortened(logged_row, texts))
        for logged_row in _read_log(folder, "events", place_report, until):
            place_report.events += 1
            production.events.append(logged_row)
        production.places.append(place_report)
        _check_place(folder, place_report)
    return production


def _check_place(folder: Path, place_report: PlaceReport) -> None:
    """Refuse a place that holds something else than logs; an empty folder is no fault."""
    has_logs = place_report.kind != PlaceReport("").kind
    is_empty = folder.is_dir() and not any(folder.iterdir())
    check(
        has_logs or is_empty,
        "prepare.logs",
        place_report.place,
        must=(
            "a place where a router logs (with folders exposures and events), "
            "or the output of step experiment"
        ),
        fix="correct the place",
        error=DataError,
    )


def _shortened(exposure: Row, texts: dict[str, str]) -> Row:
    """An exposure without the fields that nobody reads; equal texts are kept once."""

    def once(value: object) -> object:
        return texts.setdefault(value, value) if isinstance(value, str) else value

    shortened = {}
    for name, value in exposure.items():
        if name in _UNREAD:
            continue
        is_list = isinstance(value, list)
        shortened[name] = [once(part) for part in value] if is_list else once(value)
    return shortened


def _read_log(
    folder: Path, log_name: str, place_report: PlaceReport, until: int
) -> Iterator[Row]:
    """Rows of one log of a place, file by file."""
    table = folder / f"{log_name}.parquet"
    if table.is_file():
        place_report.kind = "experiment"
        yield from _table_rows(table)
    elif (folder / log_name).is_dir():
        place_report.kind = "router"
        for log_file in sorted((folder / log_name).rglob("*.jsonl")):
            if not until or _is_before(log_file, until):
                yield from _line_rows(log_file, place_report)


def _is_before(log_file: Path, until: int) -> bool:
    """Whether a router put a file aside before a time, by the file's name."""
    # A file of another name was copied there by hand: it does not grow, and is read.
    piece = _PIECE.search(log_file.stem)
    return piece is None or int(piece[1]) < until * NS_PER_MS


def _table_rows(table: Path) -> Iterator[Row]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(table) as parquet_file:
        for batch in parquet_file.iter_batches(CHUNK):
            for table_row in batch.to_pylist():
                yield {
                    name: value
                    for name, value in table_row.items()
                    if value is not None
                }


def _line_rows(log_file: Path, place_report: PlaceReport) -> Iterator[Row]:
    """Rows of a file of JSON lines; a line that was cut short is counted."""
    with log_file.open("rb") as lines:
        for line in lines:
            if not line.strip():
                continue
            try:
                logged_row = parse_json(line.decode("utf-8"))
            except (ValueError, RecursionError):
                logged_row = None
            if not isinstance(logged_row, dict):
                place_report.torn += 1
                continue
            # Only escapes can bring in what no table holds.
            if b"\\u" in line or b"\0" in line:
                logged_row = clean_value(logged_row)
            yield logged_row
