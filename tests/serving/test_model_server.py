"""A real KServe process: three protocols, and what each refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from adore.release.local import LocalTarget
from adore.serving.request import MAX_BYTES, MAX_ITEMS, MAX_QUERY

ITEMS = [
    {"item_id": "a", "title": "blue bottle"},
    {"item_id": "b", "title": "red shoes"},
]
ONE = {"query": "red shoes", "items": ITEMS}


def predict(
    servers: dict[str, str], body: object, name: str = "challenger"
) -> httpx.Response:
    text = body if isinstance(body, str) else json.dumps(body)
    headers = {"content-type": "application/json"}
    return httpx.post(
        f"{servers[name]}/v1/models/{name}:predict",
        content=text,
        headers=headers,
        timeout=30,
    )


def test_v1_keeps_the_order_and_names_variant_and_version(
    servers: dict[str, str], shop_release: Path
) -> None:
    answer = predict(servers, {"instances": [ONE, {"query": "x", "items": []}]}).json()[
        "predictions"
    ]
    assert [s["item_id"] for s in answer[0]["items"]] == ["a", "b"] and answer[1][
        "items"
    ] == []
    assert answer[0]["items"][1]["score"] > answer[0]["items"][0]["score"]
    assert sum(answer[0]["items"][0]["probabilities"].values()) == pytest.approx(1)
    version = json.loads((shop_release / "variants/challenger/card.json").read_text())[
        "version"
    ]
    assert {(p["variant"], p["model_version"]) for p in answer} == {
        ("challenger", version)
    }


def test_v2_and_rerank_say_the_same_as_v1(servers: dict[str, str]) -> None:
    first = predict(servers, {"instances": [ONE]}).json()["predictions"][0]
    tensor = {
        "name": "requests",
        "shape": [1],
        "datatype": "BYTES",
        "data": [json.dumps(ONE)],
    }
    url = f"{servers['challenger']}/v2/models/challenger/infer"
    v2 = httpx.post(url, json={"id": "r7", "inputs": [tensor]}).json()
    assert v2["id"] == "r7" and json.loads(v2["outputs"][0]["data"][0]) == first
    body = {
        "query": "red shoes",
        "documents": ["blue bottle", {"text": "red shoes"}],
        "top_n": 1,
    }
    reranked = httpx.post(f"{servers['challenger']}/openai/v1/rerank", json=body).json()
    assert reranked["model"] == first["model_version"]
    top = {
        "index": 1,
        "relevance_score": first["items"][1]["score"],
        "document": {"text": "red shoes"},
    }
    assert reranked["results"] == [top]


LONG = "x" * (MAX_QUERY + 1)
MANY = [{"item_id": str(n), "title": "t"} for n in range(MAX_ITEMS + 1)]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("{", "Unrecognized request format"),
        ([1], ""),
        ({"instances": "x"}, "instances == 'x', must be a list"),
        ({"instances": [3]}, "instances[0] == 3"),
        ({"instances": [{"items": []}]}, "instances[0].query == None"),
        (
            {"instances": [{"query": LONG, "items": []}]},
            f"at most {MAX_QUERY} characters",
        ),
        ({"instances": [{"query": "q", "items": {}}]}, "instances[0].items == {}"),
        ({"instances": [{"query": "q", "items": MANY}]}, f"at most {MAX_ITEMS}"),
        (
            {"instances": [{"query": "q", "items": [{"title": "t"}]}]},
            "items[0].item_id == None",
        ),
        (
            {"instances": [{"query": "q", "items": [{"item_id": "a", "title": 7}]}]},
            "items[0].title == 7",
        ),
        (
            {"instances": [{"query": "q", "items": [ITEMS[0]] * 2}]},
            "items == ['a'], must be of different item_id",
        ),
        (
            {
                "instances": [
                    {"query": "q", "items": [{**ITEMS[0], "bullet_points": [1]}]}
                ]
            },
            "bullet_points == [1]",
        ),
        (
            {"instances": [{"query": "\ud800", "items": []}]},
            "Unrecognized request format",
        ),
    ],
)
def test_bad_requests_get_400_and_the_value(
    servers: dict[str, str], body: Any, word: str
) -> None:
    answer = predict(servers, body)
    assert answer.status_code == 400, answer.text
    assert word in answer.json()["error"]


@pytest.mark.parametrize(
    "tensor",
    [
        {"datatype": "INT32", "data": [1]},
        {"datatype": "BYTES", "data": ["{"]},
        {"datatype": "BYTES", "data": ["3"]},
    ],
)
def test_bad_tensors_get_400(servers: dict[str, str], tensor: dict[str, Any]) -> None:
    body = {"inputs": [{"name": "requests", "shape": [1], **tensor}]}
    assert (
        httpx.post(
            f"{servers['control']}/v2/models/control/infer", json=body
        ).status_code
        == 400
    )


@pytest.mark.parametrize(
    "body",
    [
        {"query": "q"},
        {"documents": []},
        {"query": "q", "documents": [4]},
        {"query": "q", "documents": ["a"], "top_n": "all"},
        {"query": "q", "documents": ["a"], "top_n": -1},
    ],
)
def test_bad_reranks_get_400(servers: dict[str, str], body: dict[str, Any]) -> None:
    assert (
        httpx.post(f"{servers['control']}/openai/v1/rerank", json=body).status_code
        == 400
    )


def test_huge_and_endless_bodies_are_refused_unread(servers: dict[str, str]) -> None:
    url = f"{servers['control']}/v1/models/control:predict"
    huge = httpx.post(url, content=b" " * (MAX_BYTES + 1))
    assert huge.status_code == 413 and "8000001 bytes" in huge.json()["error"]
    assert httpx.post(url, content=iter([b"{}"])).status_code == 411


def test_no_torch_in_a_server(target: LocalTarget) -> None:
    for name, process in target.processes.items():
        maps = Path(f"/proc/{process.pid}/maps").read_text()
        assert "libtorch" not in maps, name
