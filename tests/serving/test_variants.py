"""Real servers that hang, lie, refuse or come back; real clients of a real router."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from prometheus_client import generate_latest
from tests.serving.test_exposure_log import disk_of

from adore.errors import UnavailableError
from adore.serving.exposure import read_log
from adore.serving.limits import ConcurrencyLimit
from adore.serving.router import Router, create_app
from adore.serving.variants import Breaker, Variant

ITEMS = [
    {"item_id": "a", "title": "red shoes"},
    {"item_id": "b", "title": "blue bottle"},
]
GOOD = {
    "model_version": "v1",
    "items": [{"item_id": "a", "score": 0.1}, {"item_id": "b", "score": 0.9}],
}
Answer = Callable[[], str]


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """A variant whose every body is ``answer()``."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            body = answer().encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def hung() -> Iterator[str]:
    """Accepts, and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def predictions(one: object = GOOD) -> str:
    return json.dumps({"predictions": [one]})


def plan(control: str, challenger: str, timeout: float) -> dict[str, Any]:
    variants = {"control": {"url": control}, "challenger": {"url": challenger}}
    halves = dict.fromkeys(variants, 0.5)
    return {
        "name": "t",
        "salt": "s",
        "weights": halves,
        "variants": variants,
        "timeout": timeout,
    }


def ask(client: TestClient, users: int) -> list[dict[str, Any]]:
    bodies = [
        {"user_id": f"u{n}", "query": "red shoes", "items": ITEMS} for n in range(users)
    ]
    answers = [client.post("/rank", json=body) for body in bodies]
    assert {a.status_code for a in answers} == {200}
    return [a.json() for a in answers]


def test_a_hung_challenger_is_spared_and_its_shoppers_get_the_control(
    hung: str, tmp_path: Path
) -> None:
    async def story(control: str) -> tuple[list[dict[str, Any]], str]:
        router = Router(plan(control, hung, 60.0), tmp_path)
        challenger = router.variants["challenger"]
        challenger.timeout, challenger.breaker.rest = 0.2, 3600.0
        bodies = [
            {"user_id": f"u{n}", "query": "red shoes", "items": ITEMS}
            for n in range(60)
        ]
        answers = await asyncio.gather(
            *map(router.rank, bodies[:30])
        )  # all at once; the others find it spared
        assert not challenger.breaker.allows()
        answers += [await router.rank(body) for body in bodies[30:]]
        for variant in router.variants.values():
            await variant.client.aclose()
        router.exposures.close()
        router.events.close()
        return answers, generate_latest(router.metrics.registry).decode()

    with serving(predictions) as control:
        answers, metrics = asyncio.run(story(control))
    assert {a["served"] for a in answers} == {"control"}
    rows, _ = read_log(tmp_path / "exposures.jsonl")
    kept = ("exposure_id", "variant", "served", "degraded")
    assert {tuple(r[k] for k in kept) for r in rows} == {
        tuple(a[k] for k in kept) for a in answers
    }
    lost = sum(a["degraded"] for a in answers)
    assert 20 < lost < 40 and {a["variant"] for a in answers if a["degraded"]} == {
        "challenger"
    }
    assert f'adore_degraded_total{{variant="challenger"}} {lost}.0' in metrics
    assert 'adore_variant_failures_total{variant="control"} 0.0' in metrics


def test_with_no_variant_left_the_items_come_as_they_came(
    hung: str, tmp_path: Path
) -> None:
    with TestClient(create_app(plan(hung, hung, 0.1), tmp_path)) as client:
        answers = ask(client, 20)
    assert {(a["served"], a["degraded"]) for a in answers} == {("none", True)}
    assert {tuple(i["item_id"] for i in a["items"]) for a in answers} == {("a", "b")}


def test_a_variant_is_left_alone_after_silence_and_asked_again_after_a_rest(
    hung: str,
) -> None:
    async def story(there: str) -> None:
        variant = Variant("v", {"url": hung}, 0.2)
        variant.breaker.after, variant.breaker.rest = 3, 3600.0
        outcomes = await asyncio.gather(
            *(variant.ask("q", ITEMS) for _ in range(150)), return_exceptions=True
        )
        assert {type(o) for o in outcomes} <= {TimeoutError, httpx.PoolTimeout}
        with pytest.raises(UnavailableError, match="v == no answer 3 times"):
            await variant.ask("q", ITEMS)
        variant.config, variant.timeout, variant.breaker.rest = (
            {"url": there},
            20.0,
            0.0,
        )
        variant.breaker.record(False)
        assert await variant.ask("q", ITEMS) == GOOD and variant.breaker.allows()
        await variant.client.aclose()

    with serving(predictions) as there:
        asyncio.run(story(there))


def test_a_breaker_lets_one_try_at_a_time() -> None:
    breaker = Breaker(after=2, rest=3600)
    breaker.record(False)
    assert breaker.allows()
    breaker.record(False)
    assert not breaker.allows()
    breaker._retry_at = 0.0
    assert [breaker.allows() for _ in range(3)] == [True, False, False]
    breaker.record(True)
    assert breaker.allows()


@pytest.mark.parametrize(
    "text",
    [
        predictions(
            {
                **GOOD,
                "items": [
                    {"item_id": "a", "score": None},
                    {"item_id": "b", "score": 1},
                ],
            }
        ),
        predictions(
            {
                **GOOD,
                "items": [
                    {"item_id": "a", "score": float("nan")},
                    {"item_id": "b", "score": 1},
                ],
            }
        ),
        predictions(
            {
                **GOOD,
                "items": [
                    {"item_id": "a", "score": 1, "p": float("inf")},
                    {"item_id": "b", "score": 1},
                ],
            }
        ),
        predictions({**GOOD, "items": GOOD["items"][::-1]}),
        predictions({"items": GOOD["items"]}),
        predictions({**GOOD, "model_version": None}),
        predictions({**GOOD, "model_version": "\ud800"}),
        predictions("ok"),
        '{"predictions": []}',
        "[" * 100_000,
        "null",
        "",
    ],
    ids=range(12),
)
def test_a_malformed_answer_is_a_fall_back(text: str, tmp_path: Path) -> None:
    with (
        serving(predictions) as control,
        serving(lambda: text) as challenger,
        TestClient(create_app(plan(control, challenger, 20.0), tmp_path)) as client,
    ):
        answers = ask(client, 12)
    assert {a["served"] for a in answers} == {"control"} and {
        a["degraded"] for a in answers
    } == {True, False}
    assert [i["item_id"] for i in answers[0]["items"]] == ["b", "a"]


def test_a_crowd_is_refused_at_the_door() -> None:
    async def story() -> list[int]:
        free = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["method"] == "POST":
                await free.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        transport = httpx.ASGITransport(ConcurrencyLimit(app, 2))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://x"
        ) as client:
            posts = [asyncio.create_task(client.post("/")) for _ in range(3)]
            await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
            probe = await client.get("/")
            free.set()
            done = [p.status_code for p in await asyncio.gather(*posts)]
            return [*done, probe.status_code, (await client.post("/")).status_code]

    assert asyncio.run(story()) == [200, 200, 503, 200, 200]


def test_a_full_disk_costs_the_exposure_not_the_answer(tmp_path: Path) -> None:
    event = {
        "event_id": "e",
        "client_id": "u",
        "action_name": "click",
        "timestamp": 1767225600000,
    }
    with (
        serving(predictions) as url,
        TestClient(create_app(plan(url, url, 20.0), tmp_path)) as client,
    ):
        with disk_of(100):
            answers = ask(client, 5)
            refused = client.post("/events", json=[{**event, "message": "x" * 100}])
        assert client.post("/events", json=[event]).status_code == 200
        answers += ask(client, 1)
        metrics = client.get("/metrics").text
    assert not any(a["degraded"] for a in answers) and refused.status_code == 503
    assert (
        "events == 1 rows, must be written; send them again later"
        in refused.json()["detail"]
    )
    rows, torn = read_log(tmp_path / "exposures.jsonl")
    assert [r["exposure_id"] for r in rows] == [
        answers[-1]["exposure_id"]
    ] and torn == 0
    assert read_log(tmp_path / "events.jsonl") == ([event], 0)
    lost = [
        sum(a["variant"] == v for a in answers[:-1]) for v in ("control", "challenger")
    ]
    for name, count in zip(("control", "challenger"), lost, strict=True):
        assert f'adore_exposures_lost_total{{variant="{name}"}} {count}.0' in metrics


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"client_id": 7}, "events[1].client_id == 7, must be a string"),
        ({"timestamp": 10**30}, "events[1].timestamp == '1000"),
        ({"timestamp": True}, "events[1].timestamp == 'True'"),
        (
            {"timestamp": 1.5},
            "events[1].timestamp == '1.5', must be ISO 8601 or a number since 1970",
        ),
        ({"timestamp": "yesterday"}, "events[1].timestamp == 'yesterday'"),
        ({"timestamp": None}, "events[1].no timestamp"),
        ({"action_name": None}, "events[1].no action_name"),
        (
            {"event_attributes": "here"},
            "events[1].event_attributes == 'here', must be an object",
        ),
        ({"position": "first"}, "events[1].position == 'first'"),
        ({"object_id": {"id": 1}}, "events[1].object_id == {'id': 1}"),
        ({"query_id": "q" * 1001}, "at most 1000 characters"),
        ({"session_id": 7}, "events[1].session_id == 7"),
        ({"price": float("nan")}, "events[1] == "),
    ],
)
def test_an_event_that_no_review_could_read_is_refused(
    change: dict[str, Any], word: str, tmp_path: Path
) -> None:
    when = 1767225600000
    event = {
        "event_id": "e",
        "client_id": "u",
        "action_name": "click",
        "timestamp": when,
        "message": "thanks",
    }
    more = {
        "object_id": "a",
        "position": 2,
        "query_id": None,
        "event_attributes": {"place": [1, {"x": "y"}]},
    }
    with TestClient(create_app(plan("", "", 1.0), tmp_path)) as client:
        assert client.post("/events", json=[event, event | more]).json() == {
            "accepted": 2
        }
        text = json.dumps([event, event | change])
        answer = client.post(
            "/events", content=text, headers={"content-type": "application/json"}
        )
    assert answer.status_code == 400 and word in answer.json()["detail"]
    assert len(read_log(tmp_path / "events.jsonl")[0]) == 2


def test_events_of_ubi_1_3_are_taken_and_logged_as_the_review_reads_them(
    tmp_path: Path,
) -> None:
    place = {"object": {"object_id": 17}, "position": {"ordinal": 3}}
    ubi = {
        "action_name": "click_through",
        "timestamp": "2026-01-01T00:00:00Z",
        "client_id": "u",
        "query_id": "q",
    }
    bare = {
        "action_name": "purchase",
        "timestamp": "2026-01-01 01:00:00 Europe/Berlin",
        "session_id": "s",
    }
    with TestClient(create_app(plan("", "", 1.0), tmp_path)) as client:
        sent = [
            ubi | {"event_attributes": place},
            ubi | {"event_attributes": place},
            bare,
        ]
        assert client.post("/events", json=sent).json() == {"accepted": 3}
    first, again, last = read_log(tmp_path / "events.jsonl")[0]
    assert first["timestamp"] == last["timestamp"] == 1767225600000
    assert (first["object_id"], first["position"], first["action_name"]) == (
        "17",
        3,
        "click_through",
    )
    assert (
        first["event_id"].startswith("content:")
        and first["event_id"] == again["event_id"] != last["event_id"]
    )
    assert first["event_attributes"] == place and last["client_id"] == "s"


def deep(levels: int) -> Any:
    return [] if levels == 0 else [deep(levels - 1)]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (
            {
                "items": [
                    {
                        **ITEMS[0],
                        "attributes": {"weight": [{"value": 3, "unit": "kg"}]},
                    },
                    ITEMS[1],
                ]
            },
            200,
        ),
        ({"items": [{**ITEMS[0], "attributes": {"colour": deep(400)}}, ITEMS[1]]}, 400),
        ({"items": [{**ITEMS[0], "own": deep(400)}, ITEMS[1]]}, 400),
        ({"session_id": "s" * 201}, 400),
        ({"query_id": {"id": 1}}, 400),
        ({"query_id": 7, "session_id": ""}, 200),
        ({"user_id": ""}, 400),
        ({"user_id": "u" * 201}, 400),
    ],
)
def test_what_rank_takes(change: dict[str, Any], status: int, tmp_path: Path) -> None:
    body = {"user_id": "u", "query": "q" * 1000, "items": ITEMS}
    with (
        serving(predictions) as url,
        TestClient(create_app(plan(url, url, 20.0), tmp_path)) as client,
    ):
        assert client.post("/rank", json=body | change).status_code == status
    assert len(read_log(tmp_path / "exposures.jsonl")[0]) == (status == 200)
