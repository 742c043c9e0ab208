"""Writes reference/http.md from real requests to real servers: ``python -m docs.http_examples``.

A release of two rankers that need no training is served as `make serve` serves one. A test
compares the page with what its own servers answer.
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

PAGE = Path(__file__).parent / "reference" / "http.md"
ITEMS = [
    {"item_id": "a", "title": "Blue water bottle", "brand": "Birch"},
    {"item_id": "b", "title": "Red running shoes", "brand": "Alder"},
]
INSTANCE = {"query": "red shoes", "items": ITEMS}
EVENT = {
    "event_id": "e-1",
    "action_name": "purchase",
    "timestamp": "2026-03-01T08:00:00Z",
    "client_id": "u-1",
    "query_id": "s-1",
    "event_attributes": {"object": {"object_id": "b"}},
}
VARYING = (
    (re.compile(r'"exposure_id": "\w+"'), '"exposure_id": "5e1c…"'),
    (re.compile(r"\b(bm25|random)-[0-9a-f]{12}\b"), r"\1-0123456789ab"),
)
"""What differs from one answer to the next, and what the page shows in its place."""


@dataclass(frozen=True)
class Example:
    """One request.

    Args:
        at: router or server.
        path: of the address.
        body: JSON; None: GET.
        text: what the route is for.
    """

    at: str
    path: str
    body: Any
    text: str


EXAMPLES = (
    Example(
        "router",
        "/rank",
        {"user_id": "u-1", "session_id": "s-1", **INSTANCE},
        "Ranks a list for a shopper. The shopper's id decides the variant and stays with it. "
        "The exposure is on disk before the answer leaves. `served` differs from `variant` "
        "if the assigned variant did not answer in time; then `degraded` is true. "
        "`session_id` and `query_id` are optional. Show the items in this order: with "
        "`release.explore`, neighbours of some lists are swapped, and scores stay the items' own.",
    ),
    Example(
        "router",
        "/rank",
        {"user_id": "u-1", "query": 7, "items": ITEMS},
        "What cannot be read gets status 400 with the field, its value and what it must be.",
    ),
    Example(
        "router",
        "/events",
        [EVENT],
        "Logs what a shopper did, in the form of User Behavior Insights 1.3: one event or a "
        "list. Actions keep the shop's names. All are taken, or none.",
    ),
    Example(
        "router",
        "/readyz",
        None,
        "Which variants answer. Status 503 if none does.",
    ),
    Example("router", "/healthz", None, "Whether the process lives."),
    Example(
        "server",
        "/v1/models/challenger:predict",
        {"instances": [INSTANCE]},
        "KServe's v1 protocol. One prediction per instance, its items in the order of the "
        "request. `probabilities` are those of the grades. `attributes` say how a student "
        "read each attribute. A baseline, as here, has no attributes and no grades of its own.",
    ),
    Example(
        "server",
        "/v2/models/challenger/infer",
        {
            "id": "r-7",
            "inputs": [
                {
                    "name": "requests",
                    "shape": [1],
                    "datatype": "BYTES",
                    "data": [json.dumps(INSTANCE)],
                }
            ],
        },
        "The open inference protocol (v2). Each element of the BYTES tensor is an instance "
        "as JSON; each element of the answer is a prediction as JSON.",
    ),
    Example(
        "server",
        "/openai/v1/rerank",
        {
            "query": "red shoes",
            "documents": ["Blue water bottle", {"text": "Red running shoes"}],
            "top_n": 1,
        },
        "Reranking as other rerankers speak it. A document is a text or an item; `index` is "
        "its place in the request.",
    ),
)
HEAD = """# HTTP API

The **router** is what a shop talks to (`adore serve`, port 8080; on Kubernetes the gateway's
host). The **model servers** behind it speak KServe's protocols; a shop may also use one
alone. Every request and answer below was sent to real servers
(`make reference`; a test compares).

An item is sent flat, in the shop's columns or ours, as `prepare` reads it
([Bring your shop](../bring-your-shop.md)). An item of the ranker's catalogue may be sent as
its `item_id` alone.
"""


def limits() -> str:
    """What a request may measure."""
    from adore.serving.request import MAX_BYTES, MAX_ITEMS, MAX_QUERY

    return (
        f"A request holds at most {MAX_ITEMS:,} items, a query {MAX_QUERY:,} characters, "
        f"a body {MAX_BYTES:,} bytes."
    )


def routes(router: str) -> list[str]:
    """The router's routes, from its OpenAPI."""
    paths = httpx.get(f"{router}/openapi.json").raise_for_status().json()["paths"]
    lines = ["| route | method |", "|---|---|"]
    for path, methods in paths.items():
        lines.append(f"| `{path}` | {', '.join(methods).upper()} |")
    return lines


def page(addresses: dict[str, str]) -> str:
    """The whole page.

    Args:
        addresses: base URL of a router and of the server of its variant ``challenger``.

    Returns:
        Its Markdown.
    """
    lines = [HEAD, limits(), ""]
    for part, title in (("router", "Router"), ("server", "Model server")):
        lines += [f"## {title}", ""]
        if part == "router":
            lines += [*routes(addresses["router"]), ""]
            lines += [
                "`/metrics` is Prometheus' text; `/` and `/compare` are the page to try "
                "the variants.",
                "",
            ]
        seen = set[str]()
        for example in EXAMPLES:
            if example.at == part:
                lines += _example(
                    example, addresses[part], first=example.path not in seen
                )
                seen.add(example.path)
    return "\n".join(lines)


def _example(example: Example, address: str, *, first: bool) -> list[str]:
    url = f"{address}{example.path}"
    if example.body is None:
        answer = httpx.get(url, timeout=30)
    else:
        answer = httpx.post(url, json=example.body, timeout=30)
    shown = json.dumps(answer.json(), indent=2, ensure_ascii=False)
    for pattern, stand_in in VARYING:
        shown = pattern.sub(stand_in, shown)
    method = "GET" if example.body is None else "POST"
    lines = [f"### {method} {example.path}", ""] if first else []
    lines += [example.text, ""]
    if example.body is not None:
        sent = json.dumps(example.body, indent=2, ensure_ascii=False)
        lines += ["```json", sent, "```", ""]
    lines += [f"Status {answer.status_code}:", "", "```json", shown, "```", ""]
    return lines


def main() -> None:
    """Serve, ask, write."""
    from tests.serving.conftest import write_release

    from adore.release.local import LocalTarget

    with tempfile.TemporaryDirectory() as home:
        folder, work = Path(home) / "release", Path(home) / "work"
        folder.mkdir()
        work.mkdir()
        with LocalTarget(write_release(folder), work) as target:
            PAGE.write_text(page(addresses_of(target)), "utf-8")


def addresses_of(target: Any) -> dict[str, str]:
    """Where a local target's router and challenger are."""
    plan = json.loads((target.work / "router.json").read_text("utf-8"))
    url = plan["variants"]["challenger"]["url"]
    return {"router": target.url, "server": url.partition("/v1/")[0]}


if __name__ == "__main__":
    main()
