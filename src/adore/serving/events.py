"""Events as shops send them, completed with the fields that training and the review read."""

from __future__ import annotations

from adore.data.events import read_event
from adore.errors import RequestError, check
from adore.serving.messages import Json
from adore.serving.request import MAX_QUERY, sendable

__all__ = ["complete_event"]

EVENT_TEXTS = (
    "event_id",
    "query_id",
    "user_query",
    "session_id",
    "client_id",
    "user_id",
    "action_name",
)
"""Fields of an event that are texts, if it has them.

UBI 1.3 asks for ``action_name`` and ``timestamp`` only.
"""


def complete_event(row: Json, where: str) -> Json:
    """Complete an event, as it came, with the fields that the review and ``prepare`` look for.

    They are its id, client, time in ms, item and position.

    Args:
        row: as it was sent.
        where: its name in messages.

    Returns:
        What is logged.

    Raises:
        RequestError: a field is missing or malformed.
    """
    for field_name in EVENT_TEXTS:
        field_value = row.get(field_name)
        is_text = isinstance(field_value, str) and len(field_value) <= MAX_QUERY
        check(
            field_value is None or is_text,
            f"{where}.{field_name}",
            field_value,
            must=f"a string of at most {MAX_QUERY} characters",
            fix="send it so",
            error=RequestError,
        )
    sendable(row, where)
    try:
        parsed_event = read_event(row)
    except (ValueError, TypeError) as error:
        raise RequestError(f"{where}.{error}; send it as UBI 1.3 has it") from error

    object_id = row.get("object_id")
    is_valid_id = (
        object_id is None or isinstance(object_id, str) or type(object_id) is int
    )
    check(
        is_valid_id,
        f"{where}.object_id",
        object_id,
        must="a string or a number",
        fix="send it so",
        error=RequestError,
    )

    # The row keeps all that was sent; what was recognised is added under our names.
    completed = dict(row)
    recognised: Json = {
        "event_id": parsed_event["event_id"],
        "client_id": parsed_event["client_id"],
        "timestamp": parsed_event["timestamp"],
        "object_id": parsed_event["object_id"],
        "position": parsed_event["position"],
    }
    for field_name, field_value in recognised.items():
        if field_value not in (None, ""):
            completed[field_name] = field_value
    return completed
