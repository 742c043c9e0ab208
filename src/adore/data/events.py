"""One event of a log, nested or flat, to our fields.

It is the one normaliser of prepare, the router and the review.

Source: User Behavior Insights, o19s/ubi, event.schema.json 1.3.0 and earlier.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from typing import Any

from adore.data.cells import parse_id, parse_json
from adore.data.columns import spelt
from adore.data.times import parse_millis

__all__ = ["Event", "content_id", "flat_fields", "read_event"]

Event = dict[str, Any]
"""Our fields of one event.

``event_id, query_id`` (as logged), ``user_query, session_id, client_id, action_name`` (as logged),
``timestamp`` (ms), ``object_id`` and ``position`` (None where the log has none)."""
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
_PATHS = {spelling: ours for ours, spellings in _FLAT.items() for spelling in spellings}


def flat_fields(columns: Iterable[str]) -> dict[str, str]:
    """Columns that hold a nested field's value, and the field's name.

    ``event_attributes.object.object_id`` is one.

    Example:
        >>> flat_fields(["query_id", "event_attributes.object.object_id"])
        {'event_attributes.object.object_id': 'object_id'}
        >>> flat_fields(["event_attributes_position_ordinal"])
        {'event_attributes_position_ordinal': 'position'}
    """
    fields = {column: _PATHS.get(spelt(column), "") for column in columns}
    return {column: ours for column, ours in fields.items() if ours and column != ours}


def _object(value: Any, name: str) -> dict[str, Any]:
    """An object, or the JSON text of one; ``{}`` for a gap."""
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except (ValueError, RecursionError):
            raise ValueError(f"{name} == {value[:40]!r}, must be an object") from None
        value = {} if value is None else value
    if not isinstance(value, dict):
        raise ValueError(f"{name} == {str(value)[:40]!r}, must be an object")
    return value


def _ordinal(value: Any) -> int | None:
    """A place in a list as any version of UBI writes it: a number, text, or an object around it."""
    if type(value) is int and 0 <= value < 2**31:
        return value
    while isinstance(value, dict):
        value = value.get("ordinal", value.get("index"))
    if isinstance(value, str) and value.strip().startswith("{"):
        return _ordinal(_object(value, "position"))
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        number = float(value)
        good = (
            not isinstance(value, bool) and number.is_integer() and 0 <= number < 2**31
        )
    except (ValueError, TypeError, OverflowError):
        good = False
    if not good:
        raise ValueError(
            f"position == {str(value)[:40]!r}, must be a whole number from 0"
        )
    return int(number)


def content_id(event: Mapping[str, Any]) -> str:
    """An id from an event's content: the same event has the same id wherever it is read."""
    names = (
        "query_id",
        "user_query",
        "session_id",
        "client_id",
        "action_name",
        "timestamp",
        "object_id",
        "position",
    )
    text = "\x1f".join(str(event.get(name)) for name in names)
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12)
    return f"content:{digest.hexdigest()}"


def read_event(row: Mapping[str, Any], flat: Mapping[str, str] | None = None) -> Event:
    """The fields of one logged event.

    Args:
        row: as it was logged.
        flat: from :func:`flat_fields` of all columns of the log; None: of this row's.

    Raises:
        ValueError: names the field that is missing or malformed, and its value.
    """
    flat = flat_fields(row) if flat is None else flat
    action = row.get("action_name")
    nested = _object(row.get("event_attributes"), "event_attributes")
    if not isinstance(action, str) or not action.strip():
        raise ValueError(
            f"action_name == {str(action)[:40]!r}, must be a text"
            if action
            else "no action_name"
        )
    if row.get("timestamp") in (None, ""):
        raise ValueError("no timestamp")

    beside = {}
    for column, ours in flat.items():
        if row.get(column) not in (None, ""):
            beside[ours] = row[column]

    about = nested.get("object") or {}
    if not isinstance(about, dict):
        raise ValueError(
            f"event_attributes.object == {str(about)[:40]!r}, must be an object"
        )
    item = (
        parse_id(row.get("object_id"))
        or parse_id(about.get("object_id"))
        or parse_id(beside.get("object_id"))
        or parse_id(about.get("internal_id"))
        or parse_id(beside.get("internal_id"))
    )
    position = None
    for place in (row.get("position"), nested.get("position"), beside.get("position")):
        if place is not None and (position := _ordinal(place)) is not None:
            break
    client = parse_id(row.get("client_id")) or parse_id(row.get("user_id"))
    session = parse_id(row.get("session_id"))
    text = row.get("user_query")
    event: Event = {
        "event_id": parse_id(row.get("event_id")),
        "query_id": parse_id(row.get("query_id")),
        "user_query": text if isinstance(text, str) else "",
        "session_id": session or client,
        "client_id": client or session,
        "action_name": action,
        "timestamp": _time(row["timestamp"]),
        "object_id": item,
        "position": position,
    }
    event["event_id"] = event["event_id"] or content_id(event)
    return event


def _time(value: Any) -> int:
    try:
        when = parse_millis(value)
    except (OverflowError, OSError) as error:
        raise ValueError(f"timestamp == {str(value)[:40]!r}, must be a time") from error
    if not 0 <= when < 2**53 or math.isnan(when):
        raise ValueError(f"timestamp == {str(value)[:40]!r}, must be a time after 1970")
    return when
