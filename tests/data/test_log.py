"""Behaviour as UBI 1.3 really logs it: searches find their query, acts their place;
what is not ours is counted.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.data.ubi_log import rewrite

from adore.artifacts import read_table
from adore.config import configure
from adore.data.actions import canonical_action
from adore.data.check import check_folder
from adore.data.events import content_id, read_event
from adore.data.shop import ReadConfig, Shop, read_shop
from adore.data.times import parse_millis
from adore.pipeline.runner import run_stage, run_step

CONFIG = configure(ReadConfig, {}, "prepare")
SHOWN = [{"item_id": i, "title": f"Kettle {i}"} for i in "abcd"]
QUERIES = [{"query_id": "q1", "query": "camp kettle", "split": "train"},
           {"query_id": "q2", "query": "tea kettle", "split": "test"}]  # fmt: skip
WHEN = 1_767_225_600_000


def event(
    action: str, item: str | None, place: Any = None, *, second: int = 0, **more: Any
) -> dict[str, Any]:
    """One event of client u in session s."""
    attributes: dict[str, Any] = {
        "position": {"ordinal": place}
        if place is not None
        else {"xy": {"x": 1, "y": 2}}
    }
    if item is not None:
        attributes["object"] = {"object_id": item}
    base = {
        "action_name": action,
        "client_id": "u",
        "session_id": "s",
        "query_id": "q1",
        "timestamp": WHEN + 1000 * second,
    }
    return {**base, "event_attributes": attributes, **more}


def shown(items: str = "abcd", first: int = 1, **more: Any) -> list[dict[str, Any]]:
    """Impressions of one list."""
    return [event("impression", i, n, **more) for n, i in enumerate(items, first)]


def shop_of(
    tmp: Path,
    rows: list[dict[str, Any]],
    dataset: str = "",
    **tables: list[dict[str, Any]],
) -> Shop:
    every = {"items": SHOWN, "queries": QUERIES, "events": rows, **tables}
    for table, found in every.items():
        (tmp / f"{table}.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in found)
        )
    if dataset:
        (tmp / "dataset.yaml").write_text(dataset)
    return read_shop(tmp, CONFIG)


def read(
    tmp: Path,
    rows: list[dict[str, Any]],
    dataset: str = "",
    **tables: list[dict[str, Any]],
) -> list[tuple[Any, ...]]:
    """``query, action, item, place`` of the events that are used."""
    shop = shop_of(tmp, rows, dataset, **tables)
    assert not shop.report.problems, shop.report.problems
    return [
        (e["query_id"], e["action_name"], e["object_id"], e["position"])
        for e in shop.tables["events"]
    ]


def left_out(shop: Shop) -> dict[str, int]:
    return dict(shop.report.left_out["events"])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("demo") / "data"
    run_stage("demo-data", {}, str(place), profile="tests/tiny.yaml")
    return place


def learnt(
    data: Path, run: Path
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], int]:
    """Feedback and held signs of a folder, and how many pairs would be judged."""
    for step in ("prepare", "evidence", "judge", "feedback"):
        run_step(step, str(run), data=str(data), profile="tests/tiny.yaml", seed=0)
    keys = ("query_id", "item_id", "kind")
    rows = (
        read_table(run / "feedback", "feedback")
        .select(*keys, "completion", "desirable")
        .sort(*keys, "completion")
        .rows()
    )
    held = (
        read_table(run / "feedback", "dev_signs")
        .select(*keys, "wanted_exact")
        .sort(*keys)
        .rows()
    )
    return rows, held, read_table(run / "evidence", "pairs").height


@pytest.mark.parametrize("first", [1, 0])
def test_the_demos_log_as_ubi_writes_it_gives_the_same_feedback(
    demo: Path, tmp_path: Path, first: int
) -> None:
    plain = learnt(demo, tmp_path / "plain")
    ubi = learnt(rewrite(demo, tmp_path / "data", first=first), tmp_path / "ubi")
    assert plain[0] and plain[1] and ubi == plain


# ---------------------------------------------------------------- searches


def test_a_search_finds_its_query_by_text_and_searches_of_one_text_count_together(
    tmp_path: Path,
) -> None:
    texts = ("camp kettle", "Camp  KETTLE", "tea kettle")
    rows = [
        r
        for n, text in enumerate(texts)
        for r in shown("ab", query_id=f"uuid-{n}", user_query=text)
    ]
    assert sorted(q for q, *_ in read(tmp_path, rows)) == [
        "q1",
        "q1",
        "q1",
        "q1",
        "q2",
        "q2",
    ]
    bare = [{k: v for k, v in row.items() if k != "user_query"} for row in rows]
    table = [
        {"query_id": f"uuid-{n}", "user_query": text, "timestamp": WHEN}
        for n, text in enumerate(texts)
    ]
    assert sorted(q for q, *_ in read(tmp_path, bare, searches=table)) == [
        "q1",
        "q1",
        "q1",
        "q1",
        "q2",
        "q2",
    ]


def test_a_row_of_queries_for_each_search_is_one_query_a_text(tmp_path: Path) -> None:
    each = [
        {"query_id": f"uuid-{n}", "query": "Camp kettle" if n % 2 else "tea  kettle"}
        for n in range(6)
    ]
    rows = [
        r
        for n in range(8)
        for r in shown(
            "a",
            query_id=f"uuid-{n}",
            user_query="camp kettle" if n % 2 else "tea kettle",
        )
    ]
    found = read(
        tmp_path,
        rows,
        queries=[*QUERIES, *each],
        judgements=[{"query_id": "q1", "item_id": "a", "label": "E"}],
    )
    assert {q for q, *_ in found} == {"q1", "q2"} and len(found) == 8
    assert {r["query_id"] for r in read_shop(tmp_path, CONFIG).tables["queries"]} == {
        "q1",
        "q2",
    }


def test_ids_that_only_look_like_the_shops_do_not_count(tmp_path: Path) -> None:
    rows = [
        *shown("ab", query_id="q2", user_query="camp kettle"),
        *shown("cd", query_id="q1", user_query="tea kettle"),
    ]
    found = {(query, item) for query, _, item, _ in read(tmp_path, rows)}
    assert found == {("q1", "a"), ("q1", "b"), ("q2", "c"), ("q2", "d")}


def test_what_is_not_ours_is_left_out_and_counted_and_only_malformed_rows_are_bad(
    tmp_path: Path,
) -> None:
    odd = [
        event("click", "a", 1, query_id="q9", user_query="garden hose"),
        event("click", "gone", 1),
        event("click", "a", 1, query_id=None),
        event("click", None, 1),
        event("click", "a", 1, client_id=None, session_id=None),
        event("scroll_depth", "a", 1) | {"action_name": "view"},
    ]
    shop = shop_of(tmp_path, [*shown(), *odd], "")
    assert not shop.report.problems and len(shop.tables["events"]) == 4
    assert left_out(shop) == {
        "of a search that is none of the queries": 1,
        "of an item that is not in the catalogue": 1,
        "of no search: no query_id": 1,
        "no object_id (object_id or event_attributes.object.object_id)": 1,
        "of nobody: no client_id, user_id or session_id": 1,
    }
    assert shop.report.log and shop.report.log.actions["view", "ignore"] == 1
    bad = [
        event("click", "a", 1, timestamp="later"),
        event("click", "a", "top"),
        event("dance", "a", 1),
    ]
    shop = shop_of(tmp_path, [*(shown() * 30), *bad])
    reasons = {b.reason for b in shop.quarantine}
    assert {r.partition(",")[0] for r in reasons} == {
        "timestamp == 'later'", "position == 'top'", "unknown action_name 'dance'",
    }  # fmt: skip


# ---------------------------------------------------------------- fields


@pytest.mark.parametrize("attributes", [
    {"object": {"object_id": "b"}, "position": {"ordinal": 2}},
    {"object": {"object_id": "b"}, "position": {"ordinal": "2"}},
    {"object": {"object_id": "b"}, "position": {"ordinal": {"index": 2}}},
    {"object": {"object_id": "b"}, "position": 2},
    {"object": {"internal_id": "b"}, "position": "2.0"},
    json.dumps({"object": {"object_id": "b"}, "position": {"ordinal": 2}}),
])  # fmt: skip
def test_item_and_place_are_found_wherever_ubi_puts_them(attributes: Any) -> None:
    row = {
        "action_name": "click",
        "timestamp": WHEN,
        "client_id": "u",
        "event_attributes": attributes,
    }
    found = read_event(row)
    assert (found["object_id"], found["position"]) == ("b", 2)


@pytest.mark.parametrize("names", [
    ("event_attributes.object.object_id", "event_attributes.position.ordinal"),
    ("event_attributes_object_object_id", "event_attributes_position_ordinal"),
    ("object.object_id", "position.ordinal"),
    ("object_id", "position"),
])  # fmt: skip
def test_flattened_fields_are_read(names: tuple[str, str]) -> None:
    row = {
        "action_name": "click",
        "timestamp": WHEN,
        "client_id": "u",
        names[0]: "b",
        names[1]: "2",
    }
    assert (read_event(row)["object_id"], read_event(row)["position"]) == ("b", 2)


TIMES: list[Any] = [
    1767225600,
    1767225600.0,
    "1767225600",
    WHEN,
    float(WHEN),
    WHEN * 1000,
    str(WHEN * 10**6),
]
TIMES += [
    "2026-01-01T00:00:00Z",
    "2026-01-01 00:00:00 UTC",
    "2026-01-01 00:00:00.000000 UTC",
    "2026-01-01T00:00:00",
]
TIMES += [
    "2026-01-01 01:00:00 Europe/Berlin",
    "2026-01-01T01:00:00.000+01:00",
    "2026-01-01 00:00:00+00",
]
TIMES += ["Thu, 01 Jan 2026 00:00:00 GMT", "2026-01-01T00:00:00.000000000Z"]


@pytest.mark.parametrize("time", TIMES)
def test_times_as_logs_write_them(time: Any) -> None:
    assert parse_millis(time) == WHEN


@pytest.mark.parametrize(
    "time",
    [
        "soon",
        "",
        True,
        None,
        17,
        -5,
        10**30,
        [1],
        "2026-13-01",
        "2026-01-01 00:00:00 Nowhere",
    ],
)
def test_what_is_no_time_is_named(time: Any) -> None:
    with pytest.raises(ValueError, match="timestamp == "):
        parse_millis(time)


def test_ubis_words_and_the_shops_own() -> None:
    words = (
        "impression",
        "click",
        "add_to_cart",
        "purchase",
        "click_through",
        "addToCart",
        "Product Purchase",
        "view",
        "watch",
    )
    assert [canonical_action(word, {}) for word in words] == [
        "impression", "click", "add_to_cart", "purchase",
        "click", "add_to_cart", "purchase", "ignore", "ignore",
    ]  # fmt: skip
    assert (
        canonical_action("kauf", {"kauf": "purchase"}) == "purchase"
        and canonical_action("view", {"view": "click"}) == "click"
    )
    assert canonical_action("dance", {}) == ""


def test_an_event_without_an_id_gets_one_from_its_content(tmp_path: Path) -> None:
    row = event("click", "a", 1)
    flat = {k: v for k, v in row.items() if k != "event_attributes"} | {
        "object_id": "a",
        "position": 1,
    }
    assert (
        read_event(row)["event_id"]
        == read_event(flat)["event_id"]
        == content_id(read_event(row))
    )
    shop = shop_of(tmp_path, [*shown(), row, row, {**row, "timestamp": WHEN + 1}])
    assert (
        left_out(shop) == {"the same event again": 1}
        and len(shop.tables["events"]) == 6
    )


# ---------------------------------------------------------------- places


def test_an_act_without_a_place_takes_that_of_its_impression(tmp_path: Path) -> None:
    rows = [
        *shown("abcd", query_id="x1", user_query="camp kettle"),
        *shown("dcba", second=60, query_id="x2", user_query="camp kettle"),
        event("click", "c", second=5, query_id="x1", user_query="camp kettle"),
        event(
            "purchase",
            "c",
            second=90,
            query_id="x2",
            user_query="camp kettle",
            session_id="another day",
        ),
    ]
    found = read(tmp_path, rows)
    assert [f[1:] for f in found if f[1] != "impression"] == [
        ("click", "c", 3),
        ("purchase", "c", 2),
    ]


def test_a_log_that_counts_from_0_is_corrected_and_said(tmp_path: Path) -> None:
    rows = [
        r
        for n in range(3)
        for r in shown("abcd", 0, query_id=f"x{n}", user_query="camp kettle")
    ]
    rows.append(
        event("click", "b", 1, second=3, query_id="x1", user_query="camp kettle")
    )
    assert {p for _, a, i, p in read(tmp_path, rows) if i == "b"} == {2}
    assert "places count from 0 in this log" in check_folder(tmp_path, CONFIG).text


def test_places_of_which_nobody_can_say_where_they_begin_are_asked_for(
    tmp_path: Path,
) -> None:
    rows = [
        *(event("impression", i, 0, query_id="x") for i in "abc"),
        event("impression", "d", 4, query_id="x"),
    ]
    rows = [{**r, "user_query": "camp kettle"} for r in rows]
    problem = str(shop_of(tmp_path, rows).report.problems[0])
    assert "positions == 0 in 3 of 4 events" in problem and "first_position" in problem
    assert {p for *_, p in read(tmp_path, rows, "first_position: 1\n")} == {0, 4}
    assert {p for *_, p in read(tmp_path, rows, "first_position: 0\n")} == {1, 5}


def test_clicks_on_what_was_never_shown_and_doubled_impressions_count_for_nothing(
    tmp_path: Path,
) -> None:
    rows = [
        *shown("abc"),
        *shown("abc", second=2),  # the page was reloaded
        *shown("abc", second=3600),  # and seen once more an hour later
        event("click", "d", 4, second=5),
        event("purchase", "d", second=6),
        event("click", "a", 1, second=7, client_id="stranger"),
    ]
    shop = shop_of(tmp_path, rows)
    assert len(shop.tables["events"]) == 6 and left_out(shop) == {
        "the same impression again": 3,
        "click on what this search never showed": 2,
        "purchase on what this search never showed": 1,
    }


def test_a_log_of_clicks_alone_is_kept_and_said(tmp_path: Path) -> None:
    assert (
        len(read(tmp_path, [event("click", "a", 1), event("click", "b", 2, second=4)]))
        == 2
    )
    assert (
        "no impressions: what was shown and not clicked is unknown"
        in check_folder(tmp_path, CONFIG).text
    )


def test_a_search_in_one_part_of_a_log_removes_no_event_of_another(
    tmp_path: Path,
) -> None:
    search = {
        "query_id": "q1",
        "user_query": "camp kettle",
        "action_name": "",
        "timestamp": WHEN,
    }
    parts = {"events-2": shown("ab")}
    assert read(tmp_path, [search], **parts) == [
        ("q1", "impression", "a", 1),
        ("q1", "impression", "b", 2),
    ]


def test_what_a_search_returned_counts_where_no_impression_is_logged(
    tmp_path: Path,
) -> None:
    searches = [{"query_id": "x1", "user_query": "camp kettle", "client_id": "u", "timestamp": WHEN,
                 "query_response_hit_ids": ["b", "a", "gone"]}]  # fmt: skip
    click = event("click", "a", second=5, query_id="x1")
    assert read(tmp_path, [click], searches=searches) == [
        ("q1", "impression", "b", 1), ("q1", "impression", "a", 2), ("q1", "click", "a", 2),
    ]  # fmt: skip
    assert "query_response_hit_ids" in check_folder(tmp_path, CONFIG).text
    own = shown("a", query_id="x1")
    assert [e[1] for e in read(tmp_path, [*own, click], searches=searches)] == [
        "impression",
        "click",
    ]


def test_the_routers_exposures_are_impressions(tmp_path: Path) -> None:
    common = {
        "client_id": "u",
        "session_id": "s",
        "timestamp": WHEN,
        "experiment": "e",
        "variant": "control",
    }
    exposures = [
        {"exposure_id": "e1", "query_id": "q1", "item_ids": ["b", "a"], **common},
        {
            "exposure_id": "e2",
            "query_id": "one-search",
            "user_query": "Tea kettle",
            "item_ids": ["c"],
            **common,
        },
        {
            "exposure_id": "e3",
            "query_id": "camp kettle",
            "item_ids": ["d", "gone"],
            **common,
        },
    ]
    rows = [
        event("click", "a", second=4),
        event("click", "c", second=9, query_id="one-search", user_query="tea kettle"),
    ]
    assert sorted(read(tmp_path, rows, exposures=exposures)) == [
        ("q1", "click", "a", 2), ("q1", "impression", "a", 2), ("q1", "impression", "b", 1),
        ("q1", "impression", "d", 1),
        ("q2", "click", "c", 1), ("q2", "impression", "c", 1),
    ]  # fmt: skip
    both = [
        *rows,
        *shown("ba", 0, second=1, session_id="of the shop", client_id="u"),
    ]  # which counts from 0
    assert sorted(read(tmp_path, both, exposures=exposures))[1:3] == [
        ("q1", "impression", "a", 2),
        ("q1", "impression", "b", 1),
    ]
    assert left_out(read_shop(tmp_path, CONFIG))["the same impression again"] == 2
    for second in (-1, 1):  # in one session, before or after the router
        same = [
            *rows,
            *shown("ba", second=second),
            *shown("c", second=second, query_id="one-search", user_query="tea kettle"),
        ]
        assert len(read(tmp_path, same, exposures=exposures)) == 6, (
            "one of the two stays"
        )
    (tmp_path / "events.jsonl").unlink()
    (tmp_path / "exposures.jsonl").unlink()
    day = tmp_path / "exposures" / "experiment-1" / "2026-01-01"
    day.mkdir(parents=True)
    (day / "router-7.jsonl").write_text(
        "".join(json.dumps(e) + "\n" for e in exposures)
    )
    shop = read_shop(tmp_path, CONFIG)
    assert len(shop.tables["events"]) == 4, "as they are shipped, and without any event"


def test_events_of_an_explored_list_name_their_pair(tmp_path: Path) -> None:
    common = {"client_id": "u", "session_id": "s", "query_id": "q1"}
    later = WHEN + 3_600_000
    exposures = [
        {"exposure_id": "e1", "timestamp": WHEN, "item_ids": list("bacd"),
         "explored": True, "first_pair": 2, "propensity": 0.5, **common},
        {"exposure_id": "e2", "timestamp": later, "item_ids": list("abcd"),
         "explored": False, **common},
    ]  # fmt: skip
    rows = [
        event("click", "a", second=5),  # its place is that of the list before
        event("purchase", "a", 2, second=9),
        event("click", "c", 1, second=9),  # at another place than the router showed
        event("click", "b", second=4000),  # in the second list
        event("click", "c", second=4001),
        # The shop logs its first list too, by a clock that is behind.
        *shown("bacd", second=-1, session_id="of the shop"),
    ]
    shop = shop_of(tmp_path, rows, exposures=exposures)
    pairs = {}
    for row in shop.tables["events"]:
        moment = (row["timestamp"] - WHEN) // 1000
        pairs[row["action_name"], row["object_id"], moment] = row["pair_position"]
    assert pairs == {
        ("impression", "b", -1): None, ("impression", "a", -1): 2,
        ("impression", "c", -1): 2, ("impression", "d", -1): None,
        ("click", "a", 5): 2, ("purchase", "a", 9): 2, ("click", "c", 9): None,
        ("impression", "a", 3600): None, ("impression", "b", 3600): None,
        ("impression", "c", 3600): None, ("impression", "d", 3600): None,
        ("click", "b", 4000): None, ("click", "c", 4001): None,
    }  # fmt: skip


def test_pairs_of_a_list_are_whole(tmp_path: Path) -> None:
    common = {"timestamp": WHEN, "item_ids": list("abc"), "query_id": "q1"}
    exposures = [
        {"exposure_id": str(n), "client_id": f"u{n}", "first_pair": first, **common}
        for n, first in enumerate((1, 2, "2", 0, None, 3, "x"))
    ]
    pairs: dict[str, list[int | None]] = {}
    for row in shop_of(tmp_path, [], exposures=exposures).tables["events"]:
        pairs.setdefault(row["client_id"], []).append(row["pair_position"])
    assert pairs.pop("u0") == [1, 1, None]
    assert pairs.pop("u1") == pairs.pop("u2") == [None, 2, 2]
    assert len(pairs) == 4 and set(map(tuple, pairs.values())) == {(None, None, None)}
