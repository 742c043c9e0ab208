"""What the routers shipped, as tables of a DuckDB file: the needed columns of the needed days.

Layout: ``place/exposures/<experiment>/<YYYY-MM-DD>/*.jsonl`` and
``place/events/<YYYY-MM-DD>/*.jsonl``, UTC.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from adore.data.actions import canonical_action
from adore.data.times import parse_millis
from adore.errors import MissingError
from adore.experiment.metrics import METRICS
from adore.release.kubernetes.releases import Release
from adore.storage import is_remote, join, local_copy

if TYPE_CHECKING:
    import duckdb

__all__ = ["load_logs"]

EXPOSURES = (
    "exposure_id",
    "client_id",
    "variant",
    "served",
    "model_version",
    "experiment",
)
"""The strings that the analysis needs of an exposure, beside its time."""
UNREAD = "cannot be read"
"""Why a row is left out that is torn, or lacks a field, or has one of a wrong type."""


def _days(since: datetime, until: int) -> Iterator[date]:
    """The UTC dates from one time to another, the second in ms since the epoch."""
    first_day = since.astimezone(UTC).date()
    last_day = datetime.fromtimestamp(until / 1000, UTC).date()
    day = first_day
    while day <= last_day:
        yield day
        day += timedelta(1)


def _teach(
    database: duckdb.DuckDBPyConnection, shop_actions: Mapping[str, str]
) -> None:
    """Give SQL the readers of ``prepare``: ``to_millis(text)`` and ``canonical_action(text)``.

    They give null for what they refuse.
    """

    def to_millis(text: str | None) -> int | None:
        try:
            return None if text is None else parse_millis(text)
        except (ValueError, OverflowError, OSError):
            return None

    def action(name: str | None) -> str | None:
        return None if name is None else canonical_action(name, shop_actions)

    register: Any = database.create_function
    register("to_millis", to_millis, ["VARCHAR"], "BIGINT", null_handling="special")
    register(
        "canonical_action", action, ["VARCHAR"], "VARCHAR", null_handling="special"
    )


def _json(path_by_column: Mapping[str, str]) -> str:
    """SELECT of some JSON fields as text, from the files of one day."""
    select_list = ", ".join(
        f"fields[{position}] AS {column}"
        for position, column in enumerate(path_by_column, 1)
    )
    json_paths = list(path_by_column.values())
    return f"""SELECT {select_list}, text FROM (
        SELECT json->>{json_paths} AS fields, json::VARCHAR AS text
        FROM read_ndjson_objects(?, ignore_errors = true))"""


def _add(database: duckdb.DuckDBPyConnection, statement: str, log_place: str) -> None:
    """Run an INSERT over the files of one day, row by row: what is in one row spoils no other."""
    try:
        day_folder = local_copy(log_place)
    except MissingError:  # nobody came on this day
        return
    log_paths = [str(path) for path in sorted(day_folder.glob("*.jsonl"))]
    if log_paths:
        database.execute(statement, [log_paths])
    if is_remote(log_place):  # a download is read once
        shutil.rmtree(day_folder.parent, ignore_errors=True)


def _exposures_sql() -> str:
    """Exposures of the experiment; a row that lacks a field is ``bad``."""
    json_paths = {
        column: f"$.{column}" for column in (*EXPOSURES, "release", "timestamp")
    }
    is_bad = " OR ".join(f"{column} IS NULL" for column in (*EXPOSURES, "timestamp"))
    column_list = ", ".join((*EXPOSURES, "release"))
    return f"""INSERT INTO all_exposures SELECT *, {is_bad} FROM (
        SELECT {column_list}, TRY_CAST(timestamp AS BIGINT) AS timestamp FROM ({_json(json_paths)}))
        WHERE {is_bad} OR experiment = getvariable('experiment')"""


def _events_sql() -> str:
    """Events by our action names.

    UBI 1.3 asks for an action and a time only, so a client may be a session.

    Returns:
        An INSERT, for the files of one day.
    """
    columns = (
        "event_id",
        "client_id",
        "user_id",
        "session_id",
        "action_name",
        "timestamp",
    )
    json_paths = {column: f"$.{column}" for column in columns}
    known_actions = ", ".join(f"'{metric.action}'" for metric in METRICS.values())
    client_id = (
        "coalesce(nullif(client_id, ''), nullif(user_id, ''), nullif(session_id, ''))"
    )
    return f"""INSERT INTO all_events
        SELECT *, client_id IS NULL OR action_name IS NULL OR timestamp IS NULL AS bad FROM (
            SELECT coalesce(nullif(event_id, ''), 'content:' || md5(text)) AS event_id,
                {client_id} AS client_id, action_name AS written,
                canonical_action(action_name) AS action_name, to_millis(timestamp) AS timestamp
            FROM ({_json(json_paths)}))
        WHERE bad OR action_name IN ('', {known_actions})"""


def load_logs(
    database: duckdb.DuckDBPyConnection, live: Release, until: int
) -> dict[str, dict[str, int]]:
    """Make the tables ``exposures``, of the live release, and ``events``, since it was made.

    Events have our action names. A row is of the release that it names; where none names
    any, all rows are of one.

    Args:
        database: where the tables are made.
        live: its plan has the experiment's name and the shop's actions, its config the
            place to read.
        until: now, in ms since the epoch.

    Returns:
        Per log, the rows that were left out, by reason.
    """
    experiment_name = live.plan["name"]
    first_time = datetime.fromisoformat(live.created)
    database.execute("SET VARIABLE experiment = ?", [experiment_name])
    _teach(database, live.plan.get("actions", {}))

    text_columns = ", ".join(f"{column} VARCHAR" for column in (*EXPOSURES, "release"))
    database.execute(
        f"CREATE TABLE all_exposures ({text_columns}, timestamp BIGINT, bad BOOLEAN)"
    )
    database.execute(
        "CREATE TABLE all_events (event_id VARCHAR, client_id VARCHAR, written VARCHAR, "
        "action_name VARCHAR, timestamp BIGINT, bad BOOLEAN)"
    )

    log_place = live.config.exposures
    for day in _days(first_time, until):
        day_name = day.isoformat()
        _add(
            database,
            _exposures_sql(),
            join(log_place, f"exposures/{experiment_name}", day_name),
        )
        _add(database, _events_sql(), join(log_place, "events", day_name))

    is_of_release = (
        f"release = '{live.number}' OR (SELECT count(release) = 0 FROM all_exposures)"
    )
    database.execute(
        f"CREATE VIEW exposures AS FROM all_exposures WHERE NOT bad AND ({is_of_release})"
    )
    database.execute(
        "CREATE VIEW events AS FROM all_events WHERE NOT bad AND action_name <> ''"
    )
    return {
        "exposures": _unread(database, "exposures"),
        "events": {**_unread(database, "events"), **_unknown(database)},
    }


def _unread(database: duckdb.DuckDBPyConnection, log: str) -> dict[str, int]:
    """Rows that cannot be read, by that reason."""
    statement = f"SELECT count(*) FILTER (WHERE bad) FROM all_{log}"
    ((count,),) = database.sql(statement).fetchall()
    return {UNREAD: count} if count else {}


def _unknown(database: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Events whose action nobody explained, by its name."""
    statement = (
        "SELECT written, count(*) FROM all_events "
        "WHERE NOT bad AND action_name = '' GROUP BY ALL"
    )
    counts = Counter[str]()
    for action_name, count in database.sql(statement).fetchall():
        counts[f"of the unknown action {action_name[:40]!r}"] = count
    return dict(counts.most_common(20))
