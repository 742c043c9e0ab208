"""Loads exposures and events that the routers shipped into tables of a DuckDB file.

Only the days since the release, and the columns that the analysis needs, are read.

Layout: ``place/exposures/<experiment>/<YYYY-MM-DD>/*.jsonl`` and
``place/events/<YYYY-MM-DD>/*.jsonl``, UTC.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
"""String fields of an exposure that the analysis needs."""
UNREAD = "cannot be read"
"""Reason to leave out a row that is truncated, or has a missing or mistyped field."""
MOST_REASONS = 20
"""Unknown actions that are listed, the most frequent first."""


def _days(since: datetime, until: int) -> Iterator[date]:
    """UTC dates from a time to another one in ms since the epoch, both included."""
    first_day = since.astimezone(UTC).date()
    last_day = datetime.fromtimestamp(until / 1000, UTC).date()
    day = first_day
    while day <= last_day:
        yield day
        day += timedelta(1)


def _register_functions(
    database: duckdb.DuckDBPyConnection, shop_actions: Mapping[str, str]
) -> None:
    """Register the parsers of ``prepare`` in SQL, so that logs are read as in training.

    ``to_millis(text)`` returns null for a time that cannot be parsed,
    ``canonical_action(text)`` an empty string for an unknown action.
    """

    # Null is handled here, so that a field without value becomes a row that is left out.
    def to_millis(text: str | None) -> int | None:
        if text is None:
            return None
        try:
            return parse_millis(text)
        except (ValueError, OverflowError, OSError):
            return None

    def to_action(name: str | None) -> str | None:
        if name is None:
            return None
        return canonical_action(name, shop_actions)

    register: Any = database.create_function
    register("to_millis", to_millis, ["VARCHAR"], "BIGINT", null_handling="special")
    register(
        "canonical_action", to_action, ["VARCHAR"], "VARCHAR", null_handling="special"
    )


def _json_fields(columns: Sequence[str]) -> str:
    """SELECT of top-level JSON fields as text, and of each row's whole ``text``."""
    select_list = ", ".join(
        f"fields[{position}] AS {column}" for position, column in enumerate(columns, 1)
    )
    json_paths = [f"$.{column}" for column in columns]
    # A line that is no JSON becomes null (ignore_errors), so that it counts as a bad row.
    return f"""SELECT {select_list}, text FROM (
        SELECT json->>{json_paths} AS fields, json::VARCHAR AS text
        FROM read_ndjson_objects(?, ignore_errors = true))"""


def _insert(database: duckdb.DuckDBPyConnection, statement: str, place: str) -> None:
    """Run an INSERT over the log files of one day; nothing where the day has none."""
    try:
        day_folder = local_copy(place)
    except MissingError:
        # A day without a shopper has no folder.
        return
    log_paths = [str(path) for path in sorted(day_folder.glob("*.jsonl"))]
    if log_paths:
        database.execute(statement, [log_paths])
    # A download is read once, and many days together could fill the disk.
    if is_remote(place):
        shutil.rmtree(day_folder.parent, ignore_errors=True)


def _exposures_sql() -> str:
    """INSERT of the experiment's exposures; a row without one of the fields is ``bad``.

    A bad row counts whatever its experiment: its name may be what is missing.

    Returns:
        The statement, for the files of one day.
    """
    fields = _json_fields((*EXPOSURES, "release", "timestamp"))
    is_bad = " OR ".join(f"{column} IS NULL" for column in (*EXPOSURES, "timestamp"))
    column_list = ", ".join((*EXPOSURES, "release"))
    return f"""INSERT INTO all_exposures SELECT *, {is_bad} FROM (
        SELECT {column_list}, TRY_CAST(timestamp AS BIGINT) AS timestamp FROM ({fields}))
        WHERE {is_bad} OR experiment = getvariable('experiment')"""


def _events_sql() -> str:
    """INSERT of events with canonical action names: those of metrics, and unknown ones.

    UBI 1.3 requires an action and a time only. An event without a client id belongs to its
    user or session. One without an event id is identified by its content, so that duplicates
    are recognised.

    Returns:
        The statement, for the files of one day.
    """
    columns = (
        "event_id",
        "client_id",
        "user_id",
        "session_id",
        "action_name",
        "timestamp",
    )
    fields = _json_fields(columns)
    known_actions = ", ".join(f"'{metric.action}'" for metric in METRICS.values())
    client_id = (
        "coalesce(nullif(client_id, ''), nullif(user_id, ''), nullif(session_id, ''))"
    )
    return f"""INSERT INTO all_events
        SELECT *, client_id IS NULL OR action_name IS NULL OR timestamp IS NULL AS bad FROM (
            SELECT coalesce(nullif(event_id, ''), 'content:' || md5(text)) AS event_id,
                {client_id} AS client_id, action_name AS written,
                canonical_action(action_name) AS action_name, to_millis(timestamp) AS timestamp
            FROM ({fields}))
        WHERE bad OR action_name IN ('', {known_actions})"""


def load_logs(
    database: duckdb.DuckDBPyConnection, live: Release, until: int
) -> dict[str, dict[str, int]]:
    """Create the view ``exposures`` of the live release, and ``events`` since its creation.

    Events have canonical action names. An exposure belongs to the release that it names;
    if no exposure names a release, all belong to the live one.

    Args:
        database: gets the views.
        live: its plan has the experiment's name and the shop's actions, its config the
            place to read.
        until: the current time, in ms since the epoch.

    Returns:
        Number of rows that were left out, by reason, by log.
    """
    experiment_name = live.plan["name"]
    first_time = datetime.fromisoformat(live.created)
    database.execute("SET VARIABLE experiment = ?", [experiment_name])
    _register_functions(database, live.plan.get("actions", {}))

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
        _insert(
            database,
            _exposures_sql(),
            join(log_place, f"exposures/{experiment_name}", day_name),
        )
        _insert(database, _events_sql(), join(log_place, "events", day_name))

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
    """Number of rows that cannot be read, as reason to count."""
    statement = f"SELECT count(*) FILTER (WHERE bad) FROM all_{log}"
    ((count,),) = database.sql(statement).fetchall()
    return {UNREAD: count} if count else {}


def _unknown(database: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Number of events by unknown action, as reason to count."""
    statement = (
        "SELECT written, count(*) FROM all_events "
        "WHERE NOT bad AND action_name = '' GROUP BY ALL"
    )
    counts = Counter[str]()
    # A name is cut: it comes from outside, and ends in the text of a decision.
    for action_name, count in database.sql(statement).fetchall():
        counts[f"of the unknown action {action_name[:40]!r}"] = count
    return dict(counts.most_common(MOST_REASONS))
