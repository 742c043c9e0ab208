"""One event of a log, nested or flat, to our fields.

Prepare, the router and the review of an experiment all read events here.

Source: User Behavior Insights, o19s/ubi, event.schema.json 1.3.0 and earlier.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TypedDict

from adore.data.cells import parse_id, parse_json
from adore.data.columns import normalise_name
from adore.data.rows import Row
from adore.data.times import parse_millis

__all__ = ["Event", "content_id", "flat_fields", "read_event"]

MAX_TIME = 2**53
"""Milliseconds from which on a float, as JSON readers use, loses digits."""
MAX_POSITION = 2**31


class Event(TypedDict):
    """Our fields of one event; ids, texts and the action's name are as logged."""

    event_id: str
    query_id: str
    user_query: str
    session_id: str
    client_id: str
    action_name: str
    timestamp: int
    """Milliseconds since the epoch."""
    object_id: str
    position: int | None
    """None where the log has none."""


_FLAT = {
    "object_id": (
        "eventattributesobjectobjectid", "objectobjectid", "attributesobjectobjectid", "objectid",
    ),
    "internal_id": ("eventattributesobjectinternalid", "objectinternalid"),
    "position": (
        "eventattributespositionordinal", "positionordinal", "attributespositionordinal",
        "position", "eventattributesposition", "eventattributespositionordinalindex", "ordinal",
    ),
}  # fmt: skip


def _by_path() -> dict[str, str]:
    paths = {}
    for field_name, spellings in _FLAT.items():
        for spelling in spellings:
            paths[spelling] = field_name
    return paths


_PATHS = _by_path()
_ID_FIELDS = (
    "query_id",
    "user_query",
    "session_id",
    "client_id",
    "action_name",
    "timestamp",
    "object_id",
    "position",
)


def flat_fields(columns: Iterable[str]) -> dict[str, str]:
    """Find columns that hold a nested field's value.

    ``event_attributes.object.object_id`` is one.

    Args:
        columns: of a log.

    Returns:
        Column to the name of the field.

    Example:
        >>> flat_fields(["query_id", "event_attributes.object.object_id"])
        {'event_attributes.object.object_id': 'object_id'}
        >>> flat_fields(["event_attributes_position_ordinal"])
        {'event_attributes_position_ordinal': 'position'}
    """
    fields = {}
    for column in columns:
        field_name = _PATHS.get(normalise_name(column), "")
        if field_name and field_name != column:
            fields[column] = field_name
    return fields


def _parse_object(value: object, field_name: str) -> Row:
    """An object, or the JSON text of one; ``{}`` for a gap."""
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        try:
            parsed = parse_json(value)
        except (ValueError, RecursionError):
            raise ValueError(
                f"{field_name} == {value[:40]!r}, must be an object"
            ) from None
        if parsed is None:
            return {}
        value = parsed

    if not isinstance(value, dict):
        raise ValueError(f"{field_name} == {str(value)[:40]!r}, must be an object")
    return value


def _parse_position(value: object) -> int | None:
    """A position as any version of UBI writes it: a number, text, or an object around it."""
    while isinstance(value, dict):
        value = value.get("ordinal", value.get("index"))

    # Nearly all logs write a number, or nothing.
    if value is None:
        return None
    if type(value) is int and 0 <= value < MAX_POSITION:
        return value

    if isinstance(value, str):
        stripped = value.strip()
        if not stripped:
            return None
        if stripped.startswith("{"):
            return _parse_position(_parse_object(value, "position"))

    fault = ValueError(
        f"position == {str(value)[:40]!r}, must be a whole number from 0"
    )
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise fault
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise fault from None
    if not number.is_integer() or not 0 <= number < MAX_POSITION:
        raise fault
    return int(number)


def content_id(event: Event) -> str:
    """Make an id from an event's content: the same event has the same id wherever it is read."""
    values = [str(event.get(name)) for name in _ID_FIELDS]
    content = "\x1f".join(values).encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(content, digest_size=12)
    return f"content:{digest.hexdigest()}"


def read_event(
    row: Mapping[str, object], flat_columns: Mapping[str, str] | None = None
) -> Event:
    """Read the fields of one logged event.

    Args:
        row: as it was logged.
        flat_columns: from :func:`flat_fields` of all columns of the log; None: of this row's.

    Returns:
        Its fields; an event without an id gets one from its content.

    Raises:
        ValueError: names the field that is missing or malformed, and its value.
    """
    if flat_columns is None:
        flat_columns = flat_fields(row)

    nested = _parse_object(row.get("event_attributes"), "event_attributes")
    action = row.get("action_name")
    if not action:
        raise ValueError("no action_name")
    if not isinstance(action, str) or not action.strip():
        raise ValueError(f"action_name == {str(action)[:40]!r}, must be a text")
    if row.get("timestamp") in (None, ""):
        raise ValueError("no timestamp")

    flat_values = {}
    for column, field in flat_columns.items():
        if row.get(column) not in (None, ""):
            flat_values[field] = row[column]

    query_text = row.get("user_query")
    client = parse_id(row.get("client_id")) or parse_id(row.get("user_id"))
    session = parse_id(row.get("session_id"))
    event: Event = {
        "event_id": parse_id(row.get("event_id")),
        "query_id": parse_id(row.get("query_id")),
        "user_query": query_text if isinstance(query_text, str) else "",
        "session_id": session or client,
        "client_id": client or session,
        "action_name": action,
        "object_id": _read_item(row, nested, flat_values),
        "position": _read_position(row, nested, flat_values),
        "timestamp": _parse_time(row["timestamp"]),
    }
    if not event["event_id"]:
        event["event_id"] = content_id(event)
    return event


def _read_item(row: Mapping[str, object], nested: Row, flat_values: Row) -> str:
    """The item's id from the first place that has one."""
    item_object = nested.get("object") or {}
    if not isinstance(item_object, dict):
        raise ValueError(
            f"event_attributes.object == {str(item_object)[:40]!r}, must be an object"
        )

    # The id of the catalogue goes before the shop's internal one.
    return (
        parse_id(row.get("object_id"))
        or parse_id(item_object.get("object_id"))
        or parse_id(flat_values.get("object_id"))
        or parse_id(item_object.get("internal_id"))
        or parse_id(flat_values.get("internal_id"))
    )


def _read_position(
    row: Mapping[str, object], nested: Row, flat_values: Row
) -> int | None:
    """The position from the first place that has one."""
    for fields in (row, nested, flat_values):
        position = _parse_position(fields.get("position"))
        if position is not None:
            return position
    return None


def _parse_time(value: object) -> int:
    try:
        timestamp = parse_millis(value)
    except (OverflowError, OSError) as error:
        raise ValueError(f"timestamp == {str(value)[:40]!r}, must be a time") from error
    if not 0 <= timestamp < MAX_TIME:
        raise ValueError(f"timestamp == {str(value)[:40]!r}, must be a time after 1970")
    return timestamp
