"""What the routers shipped, as tables of a DuckDB file: the needed columns of the needed days.

Layout: ``place/exposures/<experiment>/<YYYY-MM-DD>/*.jsonl`` and ``place/events/<YYYY-MM-DD>/*.jsonl``, UTC.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from adore.errors import MissingError
from adore.experiment.analyse import METRICS
from adore.release.kubernetes.target import Release
from adore.storage import is_remote, join, local_copy

if TYPE_CHECKING:
    import duckdb

__all__ = ["load"]

COLUMNS = {
    "exposures": ("exposure_id", "client_id", "variant", "served", "model_version", "experiment"),
    "events": ("event_id", "client_id", "action_name"),
}
"""The strings that the analysis needs of a row, beside its ``timestamp``."""


def _days(since: datetime, until: int) -> Iterator[date]:
    """The UTC dates from one time to another, the second in ms since the epoch."""
    first, last = since.astimezone(UTC).date(), datetime.fromtimestamp(until / 1000, UTC).date()
    yield from (first + timedelta(n) for n in range((last - first).days + 1))


def _add(db: duckdb.DuckDBPyConnection, log: str, place: str, keep: str) -> None:
    """Add a folder of JSON lines to a log's table, row by row: what is in one row spoils no other."""
    try:
        folder = local_copy(place)
    except MissingError:  # nobody came on this day
        return
    if files := [str(path) for path in sorted(folder.glob("*.jsonl"))]:
        names = (*COLUMNS[log], "release", "timestamp")
        texts = ", ".join(f"found[{n}] AS {name}" for n, name in enumerate(names[:-1], 1))
        bad = " OR ".join(f"{c} IS NULL" for c in (*COLUMNS[log], "timestamp"))
        sql = f"""
            INSERT INTO all_{log} SELECT *, {bad} FROM (
                SELECT {texts}, TRY_CAST(found[{len(names)}] AS BIGINT) AS timestamp FROM (
                    SELECT json->>{[f"$.{name}" for name in names]} AS found
                    FROM read_ndjson_objects(?, ignore_errors = true)))
            WHERE {bad} OR {keep}"""
        db.execute(sql, [files])
    if is_remote(place):  # a download is read once
        shutil.rmtree(folder.parent, ignore_errors=True)


def load(db: duckdb.DuckDBPyConnection, live: Release, until: int) -> dict[str, int]:
    """Make the tables ``exposures``, of the live release, and ``events``, since it was made.

    A row is of the release that it names; where none names any, all rows are of one.

    Args:
        until: now, in ms since the epoch.

    Returns:
        per log, the rows that were left out: torn, or with a field missing or of a wrong type.
    """
    name, since = live.plan["name"], datetime.fromisoformat(live.created)
    actions = ", ".join(f"'{m.action}'" for m in METRICS)
    folders = {"exposures": f"exposures/{name}", "events": "events"}
    keep = {"exposures": "experiment = getvariable('experiment')", "events": f"action_name IN ({actions})"}
    db.execute("SET VARIABLE experiment = ?", [name])
    lost = {}
    for log, columns in COLUMNS.items():
        texts = ", ".join(f"{c} VARCHAR" for c in columns)
        db.execute(f"CREATE TABLE all_{log} ({texts}, release VARCHAR, timestamp BIGINT, bad BOOLEAN)")
        for day in _days(since, until):
            _add(db, log, join(live.config.exposures, folders[log], day.isoformat()), keep[log])
        ((lost[log],),) = db.sql(f"SELECT count(*) FILTER (WHERE bad) FROM all_{log}").fetchall()
    ours = f"release = '{live.number}' OR (SELECT count(release) = 0 FROM all_exposures)"
    db.execute(f"CREATE VIEW exposures AS FROM all_exposures WHERE NOT bad AND ({ours})")
    db.execute("CREATE VIEW events AS FROM all_events WHERE NOT bad")
    return lost
