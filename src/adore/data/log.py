"""A whole log to the ``events`` table: each event finds its query, item and place.

What is not ours is counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from adore.data.actions import IGNORE, canonical_action
from adore.data.cells import parse_json
from adore.data.events import Event, flat_fields, read_event
from adore.data.rows import Rows
from adore.data.searches import QueryFinder
from adore.errors import DataError

__all__ = [
    "LogReport",
    "exposure_events",
    "read_events",
    "search_impressions",
    "split_searches",
]

AGAIN_MS = 30 * 60_000
"""How long a repeat is still the same impression: a page that was reloaded.

A repeat is the same item at the same place of the same search."""
ZEROS = 0.01
"""Share of places that are 0 from which on they must mean something."""
EXPOSURE = "exposure:"
"""What the id of an impression begins with that the router or the search engine logged.

Its places count from 1."""
COLUMNS = (
    "event_id",
    "query_id",
    "session_id",
    "client_id",
    "action_name",
    "timestamp",
    "object_id",
    "position",
)


@dataclass(slots=True)
class LogReport:
    """What was seen of a log.

    Attributes:
        actions: name as logged to what it counts as (``""``: nobody explained it) and how often
            it came.
        notes: what was corrected, one sentence each.
    """

    actions: Counter[tuple[str, str]] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def split_searches(rows: Rows) -> list[tuple[int, dict[str, Any]]]:
    """Take the searches out of a log that keeps both in one file.

    A search is a row with a text and no action.
    """
    searches = [
        (line, row)
        for line, row in rows.good
        if row.get("action_name") in (None, "") and row.get("user_query")
    ]
    if searches:
        taken = {line for line, _ in searches}
        rows.good = [(line, row) for line, row in rows.good if line not in taken]
    return searches


def _impressions(
    row: Mapping[str, Any], items: list[Any], common: tuple[str, ...], of: str
) -> Iterator[dict[str, Any]]:
    """One impression an item of a list that was logged whole, at its place from 1."""
    fields = {name: row.get(name) for name in common}
    for place, item in enumerate(items, 1):
        yield {
            **fields,
            "event_id": f"{EXPOSURE}{of}-{place}",
            "action_name": "impression",
            "object_id": item,
            "position": place,
        }


def exposure_events(rows: Rows) -> list[tuple[int, dict[str, Any]]]:
    """The router's exposures as impressions, one an item, at the place where it stood."""
    impressions: list[tuple[int, dict[str, Any]]] = []
    for line, row in rows.good:
        items = row.get("item_ids")
        if not isinstance(items, list) or not row.get("exposure_id"):
            rows.refuse(
                "exposures",
                line,
                "no exposure_id" if isinstance(items, list) else "no item_ids",
                row,
            )
            continue
        common = ("query_id", "user_query", "session_id", "client_id", "timestamp")
        shown = _impressions(row, items, common, str(row["exposure_id"]))
        impressions += [(line, impression) for impression in shown]
    return impressions


def search_impressions(
    rows: Rows, searches: list[tuple[int, dict[str, Any]]], own: Mapping[str, str]
) -> bool:
    """Add what each search returned as impressions to a log that has none.

    OpenSearch logs the hits of a search itself (``query_response_hit_ids``), while few pages log
    what they show.

    Args:
        rows: of the log.
        searches: rows of the log's searches.
        own: the shop's action names.

    Returns:
        Whether there was something to add.
    """
    names = {
        row.get("action_name")
        for _, row in rows.good
        if isinstance(row.get("action_name"), str)
    }
    if any(canonical_action(str(name), own) == "impression" for name in names):
        return False
    before = len(rows.good)
    for line, row in searches:
        hits = row.get("query_response_hit_ids")
        if isinstance(hits, str) and hits.startswith("["):
            try:
                hits = parse_json(hits)
            except ValueError:
                continue
        if not isinstance(hits, list):
            continue

        common = ("query_id", "user_query", "client_id", "timestamp")
        shown = _impressions(row, hits, common, str(row.get("query_id")))
        rows.good += [(line, impression) for impression in shown]
    return len(rows.good) > before


def _parsed(
    rows: Rows, own: Mapping[str, str], report: LogReport
) -> list[tuple[int, Event]]:
    """Well-formed events with our action names.

    The others are refused or, if they mean nothing, left out.
    """
    flat = flat_fields(rows.columns())
    known: dict[str, str] = {}
    events: list[tuple[int, Event]] = []
    seen: dict[str, tuple[Any, ...]] = {}
    for line, row in rows.good:
        name = row.get("action_name")
        if isinstance(name, str) and name not in known:
            known[name] = canonical_action(name, own)
        action = known.get(name, "") if isinstance(name, str) else ""
        if action == IGNORE:
            report.actions[str(name), IGNORE] += 1
            continue

        try:
            event = read_event(row, flat)
        except (ValueError, TypeError, RecursionError) as error:
            rows.refuse("events", line, str(error), row)
            continue
        logged = event["action_name"]
        report.actions[logged, action] += 1
        if not action:
            reason = f"unknown action_name {logged[:20]!r}"
            rows.refuse("events", line, reason, row)
            continue

        # The same event twice is one event; another event of the same id is malformed.
        values = tuple(event.values())
        before = seen.get(event["event_id"])
        if before is None:
            seen[event["event_id"]] = values
            event["action_name"] = action
            events.append((line, event))
        elif before == values:
            events.append((line, {**event, "action_name": action, "again": True}))
        else:
            rows.refuse("events", line, "duplicate event_id", row)
    return events


def _ours(
    events: list[tuple[int, Event]],
    rows: Rows,
    finder: QueryFinder,
    items: Collection[str],
) -> list[Event]:
    """Events of this shop's queries and items.

    ``search`` is the search as logged, ``query_id`` the shop's query.
    """
    by_id = any(event["query_id"] for _, event in events)
    finder.learn((event["query_id"], event["user_query"]) for _, event in events)
    kept = []
    for _, event in events:
        search_id = event["query_id"] if by_id else ""
        query_id = finder.find(search_id, event["user_query"])
        if by_id and not search_id:
            reason = "of no search: no query_id"
        elif not search_id and not event["user_query"]:
            reason = "of no search: neither query_id nor user_query"
        elif not query_id:
            reason = "of a search that is none of the queries"
        elif not event["object_id"]:
            reason = "no object_id (object_id or event_attributes.object.object_id)"
        elif event["object_id"] not in items:
            reason = "of an item that is not in the catalogue"
        elif not event["client_id"]:
            reason = "of nobody: no client_id, user_id or session_id"
        elif "again" in event:
            reason = "the same event again"
        else:
            kept.append(
                {
                    **event,
                    "search": search_id or event["user_query"],
                    "query_id": query_id,
                }
            )
            continue
        rows.left_out[reason] += 1
    return kept


def _is_exposure(event: Event) -> bool:
    return bool(event["event_id"].startswith(EXPOSURE))


def _first_place(events: list[Event], named: str) -> int:
    """0 or 1: the number of the first place of a list.

    A list that counts from 0 has one item at 0; where 0 means that the place is unknown, several
    items have it.

    Raises:
        DataError: it cannot be told.
    """
    if named:
        return int(named)
    placed = [
        event
        for event in events
        if event["position"] is not None and not _is_exposure(event)
    ]
    zeros = sum(event["position"] == 0 for event in placed)
    if zeros <= ZEROS * len(placed):
        return 1

    at_zero: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    lists: dict[tuple[str, str, str], set[int]] = defaultdict(set)
    for event in placed:
        if event["action_name"] == "impression":
            key = event["search"], event["client_id"], event["session_id"]
            lists[key].add(event["position"])
            if event["position"] == 0:
                at_zero[key].add(event["object_id"])

    # Lists count from 0 if a list has one item there, and half of the longer lists have one.
    single = sum(len(item_ids) == 1 for item_ids in at_zero.values())
    whole = [key for key, places in lists.items() if len(places) > 1]
    begun = sum(key in at_zero for key in whole)
    if single >= 0.9 * max(1, len(at_zero)) and whole and begun >= 0.5 * len(whole):
        return 0
    raise DataError(
        f"positions == 0 in {zeros} of {len(placed)} events, must be told apart: "
        "the first place of a list, or an unknown one; "
        'set first_position: "0" or "1" in dataset.yaml (with 1, a place 0 is unknown)'
    )


def _place(events: list[Event], first: int) -> None:
    """Places that count from 1 (0: unknown).

    An act without one stands where its impression stood.
    """
    shown: dict[tuple[str, str, str], list[tuple[int, int]]] = defaultdict(list)
    for event in events:
        if event["position"] is None:
            event["position"] = 0
        elif not _is_exposure(event):  # the router's places count from 1 already
            event["position"] += 1 - first
        if event["action_name"] == "impression" and event["position"]:
            shown[_shown_to(event)].append((event["timestamp"], event["position"]))

    for event in events:
        if event["action_name"] == "impression" or event["position"]:
            continue

        # The last impression before the act, else the first after it.
        places = shown.get(_shown_to(event), [])
        before = [one for one in places if one[0] <= event["timestamp"]]
        if before:
            event["position"] = max(before)[1]
        elif places:
            event["position"] = min(places)[1]
        else:
            event["position"] = 0


def _shown_to(event: Event) -> tuple[str, str, str]:
    """What was shown to whom: the search, the client and the item."""
    return event["search"], event["client_id"], event["object_id"]


def _logged_twice(ordered: list[Event]) -> set[str]:
    """Ids of the router's impressions that the shop logged as well.

    The shop logged them by a session or clock of its own.
    """
    router = [event for event in ordered if _is_exposure(event)]
    if not router:
        return set()

    times: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for event in ordered:
        if event["action_name"] == "impression" and not _is_exposure(event):
            times[_shown_to(event)].append(event["timestamp"])

    twice = set()
    for event in router:
        for time in times.get(_shown_to(event), ()):
            if abs(event["timestamp"] - time) < AGAIN_MS:
                twice.add(event["event_id"])
                break
    return twice


def _believable(events: Iterable[Event], rows: Rows) -> Iterator[Event]:
    """Without impressions that were logged twice, and acts on what was never shown.

    An act is held to what was shown only where lists are logged at all.
    """
    ordered = sorted(events, key=lambda e: (e["timestamp"], e["event_id"]))
    shown = {
        _shown_to(event) for event in ordered if event["action_name"] == "impression"
    }
    last: dict[tuple[Any, ...], int] = {}
    logged = _logged_twice(ordered)
    for event in ordered:
        pair = _shown_to(event)
        if event["action_name"] != "impression":
            if shown and pair not in shown:
                reason = f"{event['action_name']} on what this search never showed"
                rows.left_out[reason] += 1
                continue
        else:
            key = (*pair, event["session_id"], event["position"])
            again = key in last and event["timestamp"] - last[key] < AGAIN_MS
            again = again or event["event_id"] in logged
            last[key] = event["timestamp"]
            if again:
                rows.left_out["the same impression again"] += 1
                continue
        yield event


def read_events(
    rows: Rows,
    finder: QueryFinder,
    items: Collection[str],
    own: Mapping[str, str],
    first_position: str = "",
) -> tuple[list[dict[str, Any]], LogReport]:
    """Rows of the ``events`` table, in order of time.

    Malformed rows are refused in ``rows``; events that say nothing of this shop's pairs are
    counted by reason in ``rows.left_out``.

    Args:
        rows: of the log, with the router's exposures as impressions.
        finder: of the shop's queries.
        items: ids of the catalogue.
        own: the shop's action names.
        first_position: ``"0"`` or ``"1"``, if the shop says where its lists begin.

    Raises:
        DataError: lists begin at 0 or 1, and the log does not tell.
    """
    report = LogReport()
    events = _ours(_parsed(rows, own, report), rows, finder, items)
    first = _first_place(events, first_position)
    if first == 0:
        report.notes.append("places count from 0 in this log; 1 was added to each")
    _place(events, first)
    kept = list(_believable(events, rows))
    if kept and not any(event["action_name"] == "impression" for event in kept):
        report.notes.append("no impressions: what was shown and not clicked is unknown")

    table = []
    for event in kept:
        table.append({name: event[name] for name in COLUMNS})
    return table, report
