"""The router: sticky assignment, forwarding, an exposure on disk before every answer.

It has a page to try it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import math
import time
import uuid
from collections.abc import Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from prometheus_client import generate_latest

from adore.data.dataset import DatasetInfo
from adore.data.events import read_event
from adore.errors import AdoreError, RequestError, UnavailableError, check
from adore.experiment.assignment import assign
from adore.processes import exit_with_parent
from adore.serving.comparer import Comparer
from adore.serving.exposure import Log, Shipper
from adore.serving.limits import BodyLimit
from adore.serving.metrics import Metrics
from adore.serving.request import MAX_QUERY, Reading, parse, row_of, sendable
from adore.serving.variants import DEADLINE, FAILURES, Variant
from adore.types import Item

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["Router", "create_app", "main"]

_LOG = logging.getLogger(__name__)
PAGE = Path(__file__).parent / "static" / "index.html"
MAX_ID = 200
"""Characters of a user's, session's or query's id."""
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


class _VariantsKnow:
    """A catalogue that only the variants have: they say whether an id is known."""

    def get(self, item_id: str) -> Item | None:
        """An item without a title, which is sent on as its id."""
        return Item(item_id, "")


class Router:
    """Everything the routes share.

    Args:
        config: an ``experiment.json`` whose variants have a ``url``.
        logs: folder of the logs.
        ship: place that the logs are shipped to; empty: they stay.
    """

    def __init__(self, config: dict[str, Any], logs: Path, ship: str = "") -> None:
        self.config = config
        columns = DatasetInfo(**config.get("dataset", {}))
        self.reading = Reading(columns, _VariantsKnow())
        self.weights: dict[str, float] = config["weights"]

        timeout = config.get("timeout", DEADLINE)
        self.variants: dict[str, Variant] = {}
        for name, about in config["variants"].items():
            # what is left after the control is no ranking at all: it is never spared
            after = math.inf if name == "control" else 5
            self.variants[name] = Variant(
                name,
                about,
                timeout,
                after=after,
            )

        self.exposures = Log(logs / "exposures.jsonl")
        self.events = Log(logs / "events.jsonl")
        folders = {
            f"exposures/{config['name']}": self.exposures,
            "events": self.events,
        }
        self.shipper = Shipper(folders, ship) if ship else None
        self.metrics = Metrics(
            self.variants,
            list(folders.values()),
            self.shipper,
        )
        self.known_faults: dict[str, str] = dict.fromkeys(self.variants, "")

    async def rank(self, body: dict[str, Any]) -> dict[str, Any]:
        """Assign, ask, fall back if need be, log, answer."""
        begun = time.perf_counter()
        user: Any = body.get("user_id")
        good = isinstance(user, str) and 0 < len(user) <= MAX_ID
        fix = "send the shopper's stable id"
        check(
            good,
            "user_id",
            user,
            must=f"a string of 1 to {MAX_ID} characters",
            fix=fix,
            error=RequestError,
        )
        request = parse(body, "body", self.reading)
        session = _id_of(body, "session_id", user)
        query_id = _id_of(body, "query_id", body["query"])

        variant = assign(user, self.config["salt"], self.weights)
        items = [row_of(item) for item in request.items]
        served, answer = await self._rank_with_fallback(variant, request.query, items)
        ordered = sorted(answer["items"], key=lambda scored: -scored["score"])
        version = answer["model_version"]

        exposure = {
            "exposure_id": uuid.uuid4().hex,
            "timestamp": int(time.time() * 1000),
            "client_id": user,
            "session_id": session,
            "query_id": query_id,
            "experiment": self.config["name"],
            "variant": variant,
            "served": served,
            "model_version": version,
            "item_ids": [scored["item_id"] for scored in ordered],
            "degraded": served != variant,
            "latency_ms": round(1000 * (time.perf_counter() - begun), 3),
        }
        await self._log(exposure, request.query)

        about = self.config["variants"].get(served, {})
        expected = about.get("version", version)
        self.metrics.answered(variant, served, matches=version == expected)
        self.metrics.seconds.labels(variant).observe(time.perf_counter() - begun)
        keys = ("exposure_id", "variant", "served", "model_version", "degraded")
        return {**{key: exposure[key] for key in keys}, "items": ordered}

    async def _log(self, exposure: dict[str, Any], query: str) -> None:
        """Put an exposure on disk, or count it as lost."""
        row = dict(exposure)
        for key in ("salt", "release"):
            if key in self.config:
                row[key] = self.config[key]

        # by which prepare finds the query where its id is one of this search alone
        row["user_query"] = query
        try:
            await asyncio.to_thread(self.exposures.append, row)
        except OSError:
            # a full disk loses both variants' exposures alike; the shopper need not wait for it
            self.metrics.lost.labels(exposure["variant"]).inc()

    async def faults(self) -> dict[str, str]:
        """What is wrong with each variant, empty if nothing is.

        A change is logged, for whoever waits for this pod.
        """
        waiting = [variant.fault() for variant in self.variants.values()]
        texts = await asyncio.gather(*waiting)
        faults = dict(zip(self.variants, texts, strict=True))
        if faults != self.known_faults:
            self.known_faults = faults
            for name, text in faults.items():
                state = f"not ready, must be ready; {text}" if text else "ready"
                _LOG.warning("variant %s == %s", name, state)
        return faults

    async def log_events(self, events: list[dict[str, Any]]) -> dict[str, int]:
        """Log events, each with the fields that prepare and the review read.

        Actions keep the shop's names.

        Raises:
            RequestError: one cannot be read as an event; none is taken.
            UnavailableError: the disk refuses them; none is taken.
        """
        rows = [_event(row, f"events[{i}]") for i, row in enumerate(events)]
        try:
            await asyncio.to_thread(self.events.append, *rows)
        except OSError as error:
            raise UnavailableError(
                f"events == {len(events)} rows, must be written; "
                f"send them again later ({error.strerror})"
            ) from error
        return {"accepted": len(events)}

    async def _rank_with_fallback(
        self, variant: str, query: str, items: list[dict[str, Any]]
    ) -> tuple[str, dict[str, Any]]:
        """The assigned variant, else the control, else the items as they came.

        At most two deadlines long.

        Returns:
            Who answered, ``none`` if nobody did, and the answer.

        Raises:
            RequestError: a variant does not know an item that came as an id alone.
        """
        alone = any("title" not in item for item in items)
        for name in dict.fromkeys((variant, "control")):
            try:
                return name, await self.variants[name].ask(query, items)
            except FAILURES as error:
                if (
                    alone
                    and isinstance(error, httpx.HTTPStatusError)
                    and error.response.status_code == 400
                ):
                    raise RequestError(
                        f"items == sent by id alone, must be known; {error.response.text}"
                    ) from error
                self.metrics.failures.labels(name).inc()

        # scores that fall keep the order in which the items came
        given = []
        for place, item in enumerate(items):
            given.append({"item_id": item["item_id"], "score": -float(place)})
        return "none", {"model_version": "", "items": given}


def create_app(config: dict[str, Any], logs: Path, ship: str = "") -> FastAPI:
    """The router's web application.

    Args:
        config: an ``experiment.json`` whose variants have a ``url``; with a
            ``catalogue``, the page finds candidates in it.
        logs: folder of the logs.
        ship: place that the logs are shipped to; empty: they stay.
    """
    router = Router(config, logs, ship)
    comparer = Comparer(config.get("catalogue"), router.variants)
    if comparer.items:
        router.reading.known = comparer

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        if router.shipper:
            router.shipper.start()
        yield
        for variant in router.variants.values():
            await variant.client.aclose()
        if router.shipper:
            await asyncio.to_thread(router.shipper.stop)
        router.exposures.close()
        router.events.close()

    app = FastAPI(title="ADORE router", lifespan=life, docs_url=None, redoc_url=None)
    app.add_middleware(BodyLimit)

    @app.exception_handler(AdoreError)
    async def told(request: Request, error: AdoreError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, error.status)

    @app.post("/rank")
    async def rank(body: dict[str, Any]) -> dict[str, Any]:
        return await router.rank(body)

    @app.post("/events")
    async def events(body: list[dict[str, Any]] | dict[str, Any]) -> dict[str, int]:
        return await router.log_events(body if isinstance(body, list) else [body])

    @app.post("/compare")
    async def compare(body: dict[str, Any]) -> dict[str, Any]:
        return await comparer.compare(body)

    _add_status(app, router)
    return app


def _id_of(body: dict[str, Any], name: str, default: str) -> str:
    given = body.get(name)
    if given in (None, ""):
        return default
    good = type(given) in (str, int) and len(str(given)) <= MAX_ID
    check(
        good,
        name,
        given,
        must=f"a string of at most {MAX_ID} characters",
        fix="send a shorter",
        error=RequestError,
    )
    return str(given)


def _event(row: dict[str, Any], where: str) -> dict[str, Any]:
    """An event as it came, with the fields that the review and ``prepare`` look for.

    They are its id, time in ms, item and place.

    Raises:
        RequestError: a field is missing or malformed.
    """
    for name in EVENT_TEXTS:
        value = row.get(name)
        good = value is None or (isinstance(value, str) and len(value) <= MAX_QUERY)
        must = f"a string of at most {MAX_QUERY} characters"
        check(
            good,
            f"{where}.{name}",
            value,
            must=must,
            fix="send it so",
            error=RequestError,
        )
    sendable(row, where)
    try:
        event: Mapping[str, object] = read_event(row)
    except (ValueError, TypeError) as error:
        raise RequestError(f"{where}.{error}; send it as UBI 1.3 has it") from error
    given = row.get("object_id")
    good = given is None or isinstance(given, str) or type(given) is int
    check(
        good,
        f"{where}.object_id",
        given,
        must="a string or a number",
        fix="send it so",
        error=RequestError,
    )

    known = dict(row)
    for name in ("event_id", "client_id", "timestamp", "object_id", "position"):
        value = event[name]
        if value not in (None, ""):
            known[name] = value
    return known


def _add_status(app: FastAPI, router: Router) -> None:
    """Page, health, readiness and metrics."""

    @app.get("/", response_class=HTMLResponse)
    async def page() -> str:
        return PAGE.read_text("utf-8")

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok", "experiment": router.config["name"]}

    @app.get("/readyz")
    async def readyz() -> dict[str, bool]:
        faults = await router.faults()
        if all(faults.values()):
            raise HTTPException(
                503,
                f"variants == {faults}, must be ready, one at least; see their logs",
            )
        return {name: not fault for name, fault in faults.items()}

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> bytes:
        return generate_latest(router.metrics.registry)


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True)
    parser.add_argument("--logs", required=True)
    parser.add_argument(
        "--ship", default="", help="place (s3://…) that the logs are shipped to"
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument(
        "--parent",
        type=int,
        default=0,
        help="leave when this process is no longer the parent",
    )
    arguments = parser.parse_args()
    exit_with_parent(arguments.parent)
    import uvicorn

    config = json.loads(Path(arguments.config).read_text("utf-8"))
    app = create_app(config, Path(arguments.logs), arguments.ship)
    uvicorn.run(
        app,
        host=arguments.host,
        port=arguments.port,
        log_level="warning",
        timeout_graceful_shutdown=20,
    )


if __name__ == "__main__":
    main()
