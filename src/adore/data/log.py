"""A whole log to the ``events`` table: each event finds its query, item and position.

Events of other queries or items are counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from adore.data.actions import IGNORE, canonical_action
from adore.data.cells import parse_json
from adore.data.events import Event, flat_fields, read_event
from adore.data.random_pairs import ShownPairs, pair_positions
from adore.data.rows import NumberedRow, Row, Rows
from adore.data.searches import QueryFinder
from adore.errors import DataError

__all__ = [
    "LogReport",
    "exposure_events",
    "read_events",
    "search_impressions",
]

REPEAT_MS = 30 * 60_000
"""How long a repeat is still the same impression: a page that was reloaded.

A repeat is the same item at the same position of the same search."""
MIN_ZERO_SHARE = 0.01
"""Share of positions that are 0 from which on they must mean something."""
EXPOSURE_PREFIX = "exposure:"
"""Prefix of the id of an impression that the router or the search engine logged.

Its positions count from 1."""


class _LogEvent(Event):
    """An event with our action name, and what the whole log says of it."""

    search: str
    """The search as logged, once ``query_id`` is the shop's query."""
    repeated: bool
    """The very same event was logged before."""
    pair_position: int | None
    """Upper position of the pair of its exposure that was shown in random order."""


_Key = tuple[str, str, str]


@dataclass(slots=True)
class LogReport:
    """How a log was read.

    Attributes:
        actions: name as logged and what it counts as (``""``: unknown), to the number of events.
        notes: what was corrected, one sentence each.
    """

    actions: Counter[tuple[str, str]] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    @property
    def ignored(self) -> int:
        """Number of events that say nothing of a pair."""
        ignored = 0
        for (_, action), count in self.actions.items():
            if action == IGNORE:
                ignored += count
        return ignored


def _impressions(
    logged_row: Mapping[str, object],
    item_ids: list[object],
    common_fields: tuple[str, ...],
    list_id: str,
) -> Iterator[Row]:
    """One impression an item of a list that was logged whole, at its position from 1."""
    fields = {name: logged_row.get(name) for name in common_fields}
    upper_of = pair_positions(logged_row.get("first_pair"), len(item_ids))
    for position, item_id in enumerate(item_ids, 1):
        yield {
            **fields,
            "event_id": f"{EXPOSURE_PREFIX}{list_id}-{position}",
            "action_name": "impression",
            "object_id": item_id,
            "position": position,
            "pair_position": upper_of.get(position),
        }


def exposure_events(rows: Rows) -> list[NumberedRow]:
    """Turn the router's exposures into impressions, one an item, at the position it had.

    Args:
        rows: the exposures; malformed ones are refused in it.

    Returns:
        The impressions, with the line of their exposure.
    """
    impressions: list[NumberedRow] = []
    common_fields = ("query_id", "user_query", "session_id", "client_id", "timestamp")
    for line_number, exposure_row in rows.good:
        item_ids = exposure_row.get("item_ids")
        if not isinstance(item_ids, list):
            rows.refuse("exposures", line_number, "no item_ids", exposure_row)
            continue
        if not exposure_row.get("exposure_id"):
            rows.refuse("exposures", line_number, "no exposure_id", exposure_row)
            continue

        for impression in _impressions(
            exposure_row, item_ids, common_fields, str(exposure_row["exposure_id"])
        ):
            impressions.append((line_number, impression))
    return impressions


def search_impressions(
    rows: Rows, searches: list[NumberedRow], own: Mapping[str, str]
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
    action_names = _ActionNames(own)
    for logged_row in rows:
        action = action_names.canonical(logged_row.get("action_name"))
        if action == "impression":
            return False

    events = len(rows.good)
    common_fields = ("query_id", "user_query", "client_id", "timestamp")
    for line_number, search_row in searches:
        for impression in _impressions(
            search_row,
            _hits(search_row),
            common_fields,
            str(search_row.get("query_id")),
        ):
            rows.good.append((line_number, impression))
    return len(rows.good) > events


def _hits(search: Row) -> list[object]:
    """The item ids that a search returned, or the JSON text of them."""
    item_ids = search.get("query_response_hit_ids")
    if isinstance(item_ids, str) and item_ids.startswith("["):
        try:
            item_ids = parse_json(item_ids)
        except ValueError:
            return []
    return item_ids if isinstance(item_ids, list) else []


class _ActionNames:
    """Our name of each logged action, looked up once a name."""

    def __init__(self, own: Mapping[str, str]) -> None:
        self._own = own
        self._known: dict[str, str] = {}

    def canonical(self, action_name: object) -> str:
        """One of ours, ``ignore``, or ``""`` where the name is unknown or no text."""
        if not isinstance(action_name, str):
            return ""
        if action_name not in self._known:
            self._known[action_name] = canonical_action(action_name, self._own)
        return self._known[action_name]


def _parse_events(
    rows: Rows, own: Mapping[str, str], report: LogReport
) -> list[_LogEvent]:
    """Well-formed events with our action names."""
    # The others are refused or, if they mean nothing, left out.
    flat_columns = flat_fields(rows.columns())
    action_names = _ActionNames(own)
    events: list[_LogEvent] = []
    first_values: dict[str, tuple[object, ...]] = {}
    for line_number, logged_row in rows.good:
        action = action_names.canonical(logged_row.get("action_name"))
        if action == IGNORE:
            report.actions[str(logged_row["action_name"]), IGNORE] += 1
            continue

        try:
            logged = read_event(logged_row, flat_columns)
        except (ValueError, TypeError, RecursionError) as error:
            rows.refuse("events", line_number, str(error), logged_row)
            continue
        action_name = logged["action_name"]
        report.actions[action_name, action] += 1
        if not action:
            rows.refuse(
                "events",
                line_number,
                f"unknown action_name {action_name[:20]!r}",
                logged_row,
            )
            continue

        # The same event twice is one event; another event of the same id is malformed.
        values = tuple(logged.values())
        first_logged = first_values.setdefault(logged["event_id"], values)
        if first_logged != values:
            rows.refuse("events", line_number, "duplicate event_id", logged_row)
            continue

        # setdefault gives back these very values where the id is new.
        repeated = first_logged is not values
        pair_position = None
        if logged["event_id"].startswith(EXPOSURE_PREFIX):
            pair_position = logged_row.get("pair_position")
        events.append(
            {
                **logged,
                "action_name": action,
                "search": "",
                "repeated": repeated,
                "pair_position": pair_position,
            }
        )
    return events


def _keep_known(
    events: list[_LogEvent], rows: Rows, finder: QueryFinder, item_ids: Collection[str]
) -> list[_LogEvent]:
    """Events of this shop's queries and items; the others are counted."""
    # ``search`` is the search as logged, ``query_id`` the shop's query.
    by_id = any(event["query_id"] for event in events)
    finder.learn((event["query_id"], event["user_query"]) for event in events)

    known = []
    for event in events:
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
        elif event["object_id"] not in item_ids:
            reason = "of an item that is not in the catalogue"
        elif not event["client_id"]:
            reason = "of nobody: no client_id, user_id or session_id"
        elif event["repeated"]:
            reason = "the same event again"
        else:
            event["search"] = search_id or event["user_query"]
            event["query_id"] = query_id
            known.append(event)
            continue
        rows.left_out[reason] += 1
    return known


def _is_impression(event: _LogEvent) -> bool:
    return event["action_name"] == "impression"


def _is_exposure(event: _LogEvent) -> bool:
    return event["event_id"].startswith(EXPOSURE_PREFIX)


def _begin_at_zero(positioned: list[_LogEvent]) -> bool:
    """Whether the positions of impressions show that lists count from 0."""
    # A list that counts from 0 has one item at 0; where 0 means that the position is unknown,
    # several items have it.
    at_zero: dict[_Key, set[str]] = defaultdict(set)
    lists: dict[_Key, set[int | None]] = defaultdict(set)
    for event in filter(_is_impression, positioned):
        list_key = event["search"], event["client_id"], event["session_id"]
        lists[list_key].add(event["position"])
        if event["position"] == 0:
            at_zero[list_key].add(event["object_id"])

    # Lists count from 0 if a list has one item there, and half of the longer lists have one.
    single = 0
    for item_ids in at_zero.values():
        if len(item_ids) == 1:
            single += 1
    one_item_each = single >= 0.9 * max(1, len(at_zero))

    longer = 0
    with_zero = 0
    for list_key, positions in lists.items():
        if len(positions) > 1:
            longer += 1
            if list_key in at_zero:
                with_zero += 1
    return one_item_each and longer > 0 and with_zero >= 0.5 * longer


def _first_position(events: list[_LogEvent], configured: str) -> int:
    """0 or 1: the number of a list's first position."""
    if configured:
        return int(configured)

    positioned = []
    zeros = 0
    for event in events:
        # The router's positions are known to count from 1.
        if event["position"] is None or _is_exposure(event):
            continue
        positioned.append(event)
        if event["position"] == 0:
            zeros += 1
    if zeros <= MIN_ZERO_SHARE * len(positioned):
        return 1

    if _begin_at_zero(positioned):
        return 0
    raise DataError(
        f"positions == 0 in {zeros} of {len(positioned)} events, must be told apart: "
        "the first place of a list, or an unknown one; "
        'set first_position: "0" or "1" in dataset.yaml (with 1, a place 0 is unknown)'
    )


def _set_positions(events: list[_LogEvent], first: int) -> None:
    """Positions that count from 1 (0: unknown).

    An action without one gets the position of its impression.
    """
    shown: dict[_Key, list[tuple[int, int]]] = defaultdict(list)
    for event in events:
        position = event["position"]
        if position is None:
            position = 0
        elif not _is_exposure(event):  # the router's positions count from 1 already
            position += 1 - first
        event["position"] = position
        if position and _is_impression(event):
            shown[_exposure_key(event)].append((event["timestamp"], position))

    for event in events:
        if event["position"] or _is_impression(event):
            continue

        # The last impression before the action, else the first after it.
        own_impressions = shown.get(_exposure_key(event), [])
        earlier = [pair for pair in own_impressions if pair[0] <= event["timestamp"]]
        if earlier:
            event["position"] = max(earlier)[1]
        elif own_impressions:
            event["position"] = min(own_impressions)[1]


def _set_pair_positions(events: list[_LogEvent]) -> None:
    """Give what the shop logged the random pair of its exposure."""
    shown = ShownPairs(REPEAT_MS)
    for event in filter(_is_exposure, events):
        place = _exposure_key(event), event["position"]
        shown.add(place, event["timestamp"], event["pair_position"])

    for event in events:
        if not _is_exposure(event):
            place = _exposure_key(event), event["position"]
            event["pair_position"] = shown.pair_of(place, event["timestamp"])


def _exposure_key(event: _LogEvent) -> _Key:
    """What was shown to whom: the search, the client and the item."""
    return event["search"], event["client_id"], event["object_id"]


def _logged_twice(ordered: list[_LogEvent]) -> set[str]:
    """Ids of the router's impressions that the shop logged as well."""
    # The shop logged them by a session or clock of its own.
    router = [event for event in ordered if _is_exposure(event)]
    if not router:
        return set()

    timestamps: dict[_Key, list[int]] = defaultdict(list)
    for event in ordered:
        if _is_impression(event) and not _is_exposure(event):
            timestamps[_exposure_key(event)].append(event["timestamp"])

    twice = set()
    for event in router:
        for timestamp in timestamps.get(_exposure_key(event), ()):
            if abs(event["timestamp"] - timestamp) < REPEAT_MS:
                twice.add(event["event_id"])
                break
    return twice


def _time_order(event: _LogEvent) -> tuple[int, str]:
    return event["timestamp"], event["event_id"]


def _without_repeats(events: list[_LogEvent], rows: Rows) -> Iterator[_LogEvent]:
    """Without impressions that were logged twice, and actions on what was never shown."""
    # Actions need an impression only where impressions are logged at all.
    ordered = sorted(events, key=_time_order)
    shown = {_exposure_key(event) for event in ordered if _is_impression(event)}
    logged_twice = _logged_twice(ordered)

    last_shown: dict[tuple[object, ...], int] = {}
    for event in ordered:
        exposure = _exposure_key(event)
        if not _is_impression(event):
            if shown and exposure not in shown:
                reason = f"{event['action_name']} on what this search never showed"
                rows.left_out[reason] += 1
                continue
            yield event
            continue

        # What the shop logged itself stays in its place: it is no reload of this one.
        if event["event_id"] in logged_twice:
            rows.left_out["the same impression again"] += 1
            continue

        timestamp = event["timestamp"]
        impression_key = (*exposure, event["session_id"], event["position"])
        is_reload = (
            impression_key in last_shown
            and timestamp - last_shown[impression_key] < REPEAT_MS
        )
        last_shown[impression_key] = timestamp
        if is_reload:
            rows.left_out["the same impression again"] += 1
        else:
            yield event


def _table_row(event: _LogEvent) -> Row:
    return {
        "event_id": event["event_id"],
        "query_id": event["query_id"],
        "session_id": event["session_id"],
        "client_id": event["client_id"],
        "action_name": event["action_name"],
        "timestamp": event["timestamp"],
        "object_id": event["object_id"],
        "position": event["position"],
        "pair_position": event["pair_position"],
    }


def read_events(
    rows: Rows,
    finder: QueryFinder,
    item_ids: Collection[str],
    own: Mapping[str, str],
    first_position: str = "",
) -> tuple[list[Row], LogReport]:
    """Read a log as rows of the ``events`` table, in order of time.

    Malformed rows are refused in ``rows``; events that say nothing of this shop's pairs are counted
    by reason in ``rows.left_out``.

    Args:
        rows: of the log, with the router's exposures as impressions.
        finder: of the shop's queries.
        item_ids: ids of the catalogue.
        own: the shop's action names.
        first_position: ``"0"`` or ``"1"``, if the shop says where its lists begin.

    Returns:
        The table's rows, and how the log was read.

    Raises:
        DataError: the log does not tell whether its lists begin at 0 or at 1.
    """
    report = LogReport()
    logged = _parse_events(rows, own, report)
    events = _keep_known(logged, rows, finder, item_ids)

    first = _first_position(events, first_position)
    if first == 0:
        report.notes.append("places count from 0 in this log; 1 was added to each")
    _set_positions(events, first)
    _set_pair_positions(events)

    distinct = list(_without_repeats(events, rows))
    if distinct and not any(map(_is_impression, distinct)):
        report.notes.append("no impressions: what was shown and not clicked is unknown")
    return list(map(_table_row, distinct)), report
