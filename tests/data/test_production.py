"""What production logged joins the shop's own files: once, of known pairs, within its window."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from adore.artifacts import read_table, same_content, write_table
from adore.data.prepare import PRODUCTION, Config, run
from adore.errors import DataError, MissingError
from adore.pipeline.local import examine_folder
from adore.pipeline.runner import run_stage
from adore.serving.exposure import Log, Shipper

WHEN = 1_767_225_600_000
DAY = 86_400_000
ITEMS = [{"item_id": i, "title": f"Kettle {i}"} for i in "abcd"]
QUERIES = [
    {"query_id": "q1", "query": "camp kettle", "split": "train"},
    {"query_id": "q2", "query": "tea kettle", "split": "test"},
    {"query_id": "q3", "query": "whistling kettle", "split": "dev"},
]


def exposure(number: int, text: str, client: str = "u", **more: Any) -> dict[str, Any]:
    """One exposure as the router logs it; its query's id is the text."""
    return {
        "exposure_id": f"x{number}",
        "timestamp": WHEN + 1000 * number,
        "client_id": client,
        "session_id": client,
        "query_id": text,
        "user_query": text,
        "experiment": "e",
        "variant": "control",
        "served": "control",
        "model_version": "m",
        "item_ids": ["b", "a"],
        "degraded": False,
        "latency_ms": 2.0,
        "salt": "s",
        **more,
    }


def click(number: int, text: str, item: str, **more: Any) -> dict[str, Any]:
    return {
        "event_id": f"v{number}",
        "action_name": "click",
        "client_id": "u",
        "session_id": "u",
        "query_id": text,
        "object_id": item,
        "timestamp": WHEN + 1000 * number + 500,
        **more,
    }


def ship(place: Path, exposures: list[Any], events: list[Any]) -> Path:
    """What a router leaves, by the router's own code."""
    logs = {
        "exposures/e": Log(place.parent / f"{place.name}-pod" / "exposures.jsonl"),
        "events": Log(place.parent / f"{place.name}-pod" / "events.jsonl"),
    }
    for log, rows in zip(logs.values(), (exposures, events), strict=True):
        for row in rows:
            log.append(row)
    place.mkdir(exist_ok=True)
    Shipper(logs, str(place)).ship()
    for log in logs.values():
        log.close()
    return place


def shop(tmp: Path, **tables: list[Any]) -> Path:
    data = tmp / "shop"
    data.mkdir(exist_ok=True)
    for name, rows in {"items": ITEMS, "queries": QUERIES, **tables}.items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (data / f"{name}.jsonl").write_text(text)
    return data


def prepared(
    data: Path, out: Path, *logs: Path, frozen: Path | None = None, **config: Any
) -> dict[str, Any]:
    """``production.json`` of a preparation."""
    out.mkdir()
    places = [str(place) for place in logs]
    settings = Config(logs=places, max_bad_share=0.5, **config)
    run(settings, data=data, output=out, logs=list(logs), frozen=frozen)
    return dict(json.loads((out / PRODUCTION).read_text()))


def events_of(out: Path) -> list[tuple[Any, ...]]:
    events = read_table(out, "events")
    columns = ("query_id", "action_name", "object_id", "position")
    return sorted(events.select(columns).iter_rows())


SHOWN = [
    ("q1", "click", "a", 2),
    ("q1", "impression", "a", 2),
    ("q1", "impression", "b", 1),
]


def test_a_routers_place_is_read_and_a_torn_line_is_counted(tmp_path: Path) -> None:
    place = ship(
        tmp_path / "log", [exposure(1, "Camp  kettle")], [click(1, "Camp  kettle", "a")]
    )
    day = next((place / "exposures" / "e").iterdir())
    half = json.dumps(exposure(2, "kettle für Tee"), ensure_ascii=False).encode()
    (day / "killed.jsonl").write_bytes(half[: half.index(b"\xc3") + 1])
    production = prepared(shop(tmp_path), tmp_path / "out", place)
    assert events_of(tmp_path / "out") == SHOWN
    assert production["logs"] == [
        {
            "place": str(place),
            "kind": "router",
            "exposures": 1,
            "events": 1,
            "torn": 1,
        }
    ]
    counts = ("exposures", "impressions", "events", "torn", "repeats", "new_texts")
    assert [production[name] for name in counts] == [1, 2, 1, 1, 0, 0]
    assert production["until"] == WHEN + 1000 and production["since"] is None
    quarantine = read_table(tmp_path / "out", "quarantine")
    assert quarantine.is_empty(), "a torn line says nothing of the shop's files"


def test_the_output_of_an_experiment_is_read(tmp_path: Path) -> None:
    place = tmp_path / "experiment"
    place.mkdir()
    write_table([exposure(1, "camp kettle")], place, "exposures")
    nested = {"event_attributes": {"object": {"object_id": "a"}, "position": None}}
    write_table(
        [click(1, "camp kettle", "a", position=None, **nested)], place, "events"
    )
    production = prepared(shop(tmp_path), tmp_path / "out", place)
    assert events_of(tmp_path / "out") == SHOWN
    assert production["logs"][0]["kind"] == "experiment"


def test_what_is_in_several_places_counts_once(tmp_path: Path) -> None:
    without_id = click(2, "camp kettle", "b")
    del without_id["event_id"]
    written_otherwise = click(1, "camp kettle", "a", timestamp="2026-01-01T00:00:01.5Z")
    data = shop(
        tmp_path,
        exposures=[exposure(1, "camp kettle")],
        events=[written_otherwise, without_id],
    )
    exposures = [exposure(1, "camp kettle")]
    events = [click(1, "camp kettle", "a"), without_id]
    places = [ship(tmp_path / name, exposures, events) for name in ("one", "two")]
    production = prepared(data, tmp_path / "out", *places)
    assert events_of(tmp_path / "out") == sorted([*SHOWN, ("q1", "click", "b", 1)])
    assert production["repeats"] == 6 and production["exposures"] == 0
    assert read_table(tmp_path / "out", "quarantine").is_empty()


def test_a_place_without_logs_yet_gives_nothing_and_a_wrong_one_is_named(
    tmp_path: Path,
) -> None:
    data = shop(tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    production = prepared(data, tmp_path / "out", empty)
    assert production["logs"][0]["kind"] == "nothing yet"
    assert production["exposures"] == 0 and production["alarm"] == ""
    with pytest.raises(DataError, match=r"prepare.logs == .*shop"):
        prepared(data, tmp_path / "wrong", data)
    profile = json.dumps({"prepare": {"logs": [str(tmp_path / "nowhere")]}})
    with pytest.raises(MissingError, match="nowhere"):
        run_stage(
            "prepare", {"data": str(data)}, str(tmp_path / "run"), profile=profile
        )


def test_places_in_a_bucket_are_read_and_may_hold_nothing_yet(
    tmp_path: Path, s3: str
) -> None:
    data = shop(tmp_path)
    profile = json.dumps({"prepare": {"logs": [f"{s3}/quiet", f"{s3}/busy"]}})
    output = f"{s3}/run/prepare"
    manifest = run_stage("prepare", {"data": str(data)}, output, profile=profile)
    assert manifest.rows["events"] == 0 and "logs" not in manifest.inputs

    logs = {"exposures/e": Log(tmp_path / "pod" / "exposures.jsonl")}
    logs["exposures/e"].append(exposure(1, "camp kettle"))
    Shipper(logs, f"{s3}/busy").ship()
    logs["exposures/e"].close()
    manifest = run_stage("prepare", {"data": str(data)}, output, profile=profile)
    assert manifest.rows["events"] == 2
    assert manifest.sources["logs"] == [f"{s3}/busy"]
    report = examine_folder(str(data), profile)
    assert report.can_run and "router, 1 exposures" in report.text


def test_only_days_before_the_newest_exposure_count(tmp_path: Path) -> None:
    exposures = [
        exposure(1, "camp kettle", timestamp=WHEN),
        exposure(2, "camp kettle", timestamp=WHEN + 3 * DAY, item_ids=["c"]),
    ]
    # A shopper's clock may be wrong: it does not move the window.
    events = [
        click(1, "camp kettle", "a", timestamp=WHEN + 1),
        click(2, "camp kettle", "c", timestamp=WHEN + 4000 * DAY),
    ]
    place = ship(tmp_path / "log", exposures, events)
    production = prepared(shop(tmp_path), tmp_path / "out", place, window_days=2)
    assert events_of(tmp_path / "out") == [
        ("q1", "click", "c", 1),
        ("q1", "impression", "c", 1),
    ]
    assert production["outside_window"] == 2 and production["exposures"] == 1
    assert production["since"] == WHEN + DAY


def test_what_is_of_other_items_and_searches_is_counted(tmp_path: Path) -> None:
    exposures = [
        exposure(1, "camp kettle", item_ids=["a", "gone"]),
        exposure(2, "garden hose"),
    ]
    place = ship(tmp_path / "log", exposures, [click(1, "camp kettle", "gone")])
    production = prepared(shop(tmp_path), tmp_path / "out", place)
    assert events_of(tmp_path / "out") == [("q1", "impression", "a", 1)]
    assert production["unknown_items"] == 2 and production["unknown_searches"] == 1
    assert production["few_searchers"] == 1


def test_a_search_of_its_own_id_is_found_by_its_text_with_what_follows(
    tmp_path: Path,
) -> None:
    own = [click(n, "q1", "a", client_id=f"own {n}") for n in range(10, 30)]
    shown = [{**e, "event_id": f"i{n}", "action_name": "impression", "position": 1}
             for n, e in enumerate(own)]  # fmt: skip
    data = shop(tmp_path, events=[*own, *shown])
    place = ship(
        tmp_path / "log",
        [exposure(1, "camp kettle", query_id="search 77")],
        [click(1, "search 77", "a")],
    )
    prepared(data, tmp_path / "out", place)
    events = read_table(tmp_path / "out", "events").filter(client_id="u")
    assert set(events["action_name"]) == {"click", "impression"}
    assert set(events["query_id"]) == {"q1"}


def test_many_impressions_are_sampled_by_client(tmp_path: Path) -> None:
    exposures = [exposure(n, "camp kettle", f"c{n % 50}") for n in range(200)]
    events = [click(n, "camp kettle", "a", client_id=f"c{n % 50}") for n in range(200)]
    place = ship(tmp_path / "log", exposures, events)
    production = prepared(shop(tmp_path), tmp_path / "out", place, max_impressions=200)
    events_used = read_table(tmp_path / "out", "events")
    clients = events_used["client_id"].n_unique()
    assert 15 <= clients <= 35 and production["impressions"] == 400
    assert production["sampled_out"] == 400 - 8 * clients
    assert events_used.filter(action_name="click").height == 4 * clients


def typed(text: str, clients: int, first: int) -> Iterator[dict[str, Any]]:
    for number in range(clients):
        yield exposure(first + number, text, f"client {number}")


ODD = "İstanbul ﬁlter ☕"


def test_texts_of_many_clients_become_requests_with_their_impressions(
    tmp_path: Path,
) -> None:
    exposures = [
        *typed("Copper kettle", 3, 10),
        *typed("COPPER  kettle", 1, 20),
        exposure(21, "copper kettle", "client 0"),
        *typed(ODD, 4, 30),
        *typed("enamel pot", 2, 40),  # too few
        *typed("kettle TEA", 9, 50),  # nearly a test query
        *typed("stove", 9, 60),  # no item of it was shown: no impression counts
        *(exposure(70 + n, "bots like it", "bot") for n in range(40)),
        *typed(" ", 9, 120),
    ]
    for row in exposures:
        if row["user_query"] == "stove":
            row["item_ids"] = ["gone"]
    place = ship(
        tmp_path / "log", exposures, [click(30, ODD, "a", client_id="client 0")]
    )
    limits = {"min_searchers": 3, "new_requests": 3}
    production = prepared(shop(tmp_path), tmp_path / "out", place, **limits)
    assert [
        (r["query_id"], r["query"], r["clients"], r["searches"], r["earlier"])
        for r in production["requests"]
    ] == [
        ("request:stove", "stove", 9, 9, False),
        (f"request:{ODD.lower().replace('ﬁ', 'fi')}", ODD, 4, 4, False),
        ("request:copper kettle", "Copper kettle", 3, 5, False),
    ]
    assert production["new_texts"] == 6
    assert production["few_searchers"] == 2 and production["near_held_out"] == 1
    queries = read_table(tmp_path / "out", "queries").filter(
        pl.col("query_id").str.starts_with("request:")
    )
    assert set(queries["split"]) == {"train"} and queries.height == 3
    events = read_table(tmp_path / "out", "events")
    per_query = dict(events.group_by("query_id").len().iter_rows())
    odd_id = production["requests"][1]["query_id"]
    assert per_query == {odd_id: 9, "request:copper kettle": 10}
    limits = {"min_searchers": 3, "new_requests": 1}
    fewer = prepared(shop(tmp_path), tmp_path / "few", place, **limits)
    assert [r["query"] for r in fewer["requests"]] == ["stove"]
    assert fewer["over_limit"] == 2


def test_a_text_keeps_its_split_for_ever_and_a_request_its_id(tmp_path: Path) -> None:
    data = shop(tmp_path)
    place = ship(tmp_path / "log", list(typed("copper kettle", 5, 10)), [])
    prepared(data, tmp_path / "1", place)

    # The test query vanishes, and dev and train change their places.
    queries = [{**QUERIES[0], "split": "test"}, {**QUERIES[2], "split": "train"}]
    later = [*typed("Tea  KETTLE", 9, 30), *typed("iron kettle", 6, 50)]
    newer = ship(tmp_path / "newer", later, [])
    data = shop(tmp_path, queries=queries)
    production = prepared(data, tmp_path / "2", newer, frozen=tmp_path / "1")
    queries_now = read_table(tmp_path / "2", "queries")
    assert dict(queries_now.select("query_id", "split").iter_rows()) == {
        "q1": "train",
        "q3": "dev",
        "request:copper kettle": "train",
        "request:iron kettle": "train",
    }
    assert [
        (r["query"], r["clients"], r["earlier"]) for r in production["requests"]
    ] == [
        ("iron kettle", 6, False),
        ("copper kettle", 0, True),
    ]
    assert production["near_held_out"] == 1

    # It comes back in a third round, even as somebody's request.
    (data / "requests.jsonl").write_text('{"query": "TEA kettle"}\n')
    production = prepared(data, tmp_path / "3", frozen=tmp_path / "2", new_requests=1)
    again = read_table(tmp_path / "3", "queries").filter(query="TEA kettle")
    assert again["split"].to_list() == ["test"]
    assert [r["query"] for r in production["requests"]] == ["copper kettle"]


def test_a_shop_without_queries_takes_none_from_production(tmp_path: Path) -> None:
    """Its own log's texts are its queries; what others typed needs its searchers."""
    data = shop(
        tmp_path,
        exposures=[exposure(n, text) for n, text in enumerate(("pot", "pan", "lid"))],
    )
    (data / "queries.jsonl").unlink()
    place = ship(tmp_path / "log", [exposure(9, "my name and address")], [])
    config = {"dev_share": 0.0, "test_share": 0.0}
    prepared(data, tmp_path / "out", place, **config)
    queries = read_table(tmp_path / "out", "queries")
    assert set(queries["query"]) == {"pot", "pan", "lid"}


def test_the_check_before_a_run_reads_the_same(tmp_path: Path) -> None:
    data = shop(tmp_path)
    place = ship(
        tmp_path / "log", [*typed("copper kettle", 5, 10), exposure(1, "hose")], []
    )
    profile = json.dumps({"prepare": {"logs": [str(place)]}})
    report = examine_folder(str(data), profile)
    assert report.can_run
    assert f"{place}: router, 6 exposures, 0 events" in report.text
    assert "2 texts are no query of the shop; 1 became requests" in report.text
    out = tmp_path / "run"
    manifest = run_stage("prepare", {"data": str(data)}, str(out), profile=profile)
    assert manifest.rows["queries"] == 4 and manifest.rows["events"] == 10
    assert isinstance(manifest.inputs["logs"], list)
    ship(place, [exposure(99, "camp kettle")], [])
    again = run_stage("prepare", {"data": str(data)}, str(out), profile=profile)
    assert again.inputs["logs"] != manifest.inputs["logs"], "what is new is read"
    assert again.rows["events"] == 12


def test_a_loop_that_narrows_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = shop(tmp_path)
    before = []
    after = []
    for number in range(60):
        items = ["ab", "bc", "cd", "da"][number % 4]
        before.append(exposure(number, "camp kettle", f"c{number}", item_ids=[*items]))
        later = exposure(100 + number, "camp kettle", f"d{number}", item_ids=["b", "d"])
        after.append(later)
    prepared(data, tmp_path / "1", ship(tmp_path / "old", before, []))
    newer = ship(tmp_path / "new", after, [])
    production = prepared(data, tmp_path / "2", newer, frozen=tmp_path / "1")
    assert production["top_item"]["share"] == 0.5
    assert production["top_item"]["before"] == 0.25
    assert "the most shown item (b) has 50%" in production["alarm"]
    assert f"ALARM: {production['alarm']}" in capsys.readouterr().err
    other = prepared(data, tmp_path / "3", newer, frozen=tmp_path / "1", narrowing=0.3)
    assert other["alarm"] == ""


def test_a_round_that_changes_nothing_is_recognised(tmp_path: Path) -> None:
    data = shop(tmp_path)
    requests = [*typed("iron pot", 5, 10), *typed("a pan", 5, 20), *typed("lid", 5, 30)]
    place = ship(tmp_path / "log", [exposure(1, "camp kettle"), *requests], [])
    prepared(data, tmp_path / "1", place, new_requests=2)
    twice = ship(tmp_path / "again", [exposure(1, "camp kettle")], [])
    limits = {"frozen": tmp_path / "1", "new_requests": 2}
    prepared(data, tmp_path / "2", place, twice, **limits)
    assert same_content(str(tmp_path / "1"), str(tmp_path / "2"))
    newer = ship(tmp_path / "newer", [exposure(2, "camp kettle", "v")], [])
    prepared(data, tmp_path / "3", place, newer, **limits)
    assert not same_content(str(tmp_path / "1"), str(tmp_path / "3"))
    (tmp_path / "1" / "rulebook.yaml").write_text("other: rules\n")
    assert not same_content(str(tmp_path / "1"), str(tmp_path / "2"))
    with pytest.raises(MissingError, match="complete output of prepare"):
        same_content(str(tmp_path / "1"), str(tmp_path / "log-pod"))
