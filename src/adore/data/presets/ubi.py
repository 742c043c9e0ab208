"""User Behavior Insights: searches and events.

Source: o19s/ubi, schema 1.3.0 (query.request, event).
"""

from __future__ import annotations

from adore.data.presets.base import Preset, has_columns, renaming

__all__ = ["UBI"]

_EVENT_MARKS = (
    "query_id",
    "client_id",
    "session_id",
    "user_query",
    "event_attributes",
    "object_id",
    "message_type",
)
_SEARCH_MARKS = (
    "client_id",
    "timestamp",
    "application",
    "query_attributes",
    "query_response_id",
    "object_id_field",
)

UBI = (
    Preset(
        "ubi",
        "UBI events",
        "events",
        has_columns("action_name", "timestamp", some=_EVENT_MARKS, least=1),
        renaming({}),
        keeps=True,
    ),
    Preset(
        "ubi-searches",
        "UBI searches",
        "searches",
        has_columns(
            "query_id",
            "user_query",
            some=_SEARCH_MARKS,
            least=1,
            none=("action_name", "exposure_id"),
        ),
        renaming({}),
        keeps=True,
    ),
    Preset(
        "adore-exposures",
        "exposures of the router",
        "exposures",
        has_columns("exposure_id", "client_id", "item_ids"),
        renaming({}),
        keeps=True,
    ),
)
"""Their columns stay; :mod:`adore.data.events` reads their fields, nested or flat."""
