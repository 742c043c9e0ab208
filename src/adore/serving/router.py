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
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

import httpx
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from prometheus_client import generate_latest

from adore.data.dataset import DatasetInfo
from adore.errors import AdoreError, RequestError, UnavailableError, check, fault_text
from adore.experiment.assignment import assign
from adore.experiment.design import CONTROL
from adore.processes import exit_with_parent
from adore.serving.comparer import Comparer
from adore.serving.events import complete_event
from adore.serving.exploration import PROPENSITY, explore
from adore.serving.exposure import Log, Shipper
from adore.serving.limits import BodyLimit
from adore.serving.messages import (
    Exposure,
    ItemFields,
    Json,
    Prediction,
    RankAnswer,
    RouterConfig,
    ScoredItem,
)
from adore.serving.metrics import Metrics
from adore.serving.request import Reading, parse, row_of
from adore.serving.variants import DEADLINE, FAILURES, Variant
from adore.types import Item

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["Router", "create_app", "main"]

_LOGGER = logging.getLogger(__name__)
PAGE = Path(__file__).parent / "static" / "index.html"
NOBODY = "none"
"""Served by no variant: the items went out as they came."""
FAILURES_BEFORE_REST = 5.0
"""Failures in a row after which a variant is spared."""
MAX_ID = 200
"""Characters of a user's, session's or query's id."""


class _VariantsKnow:
    """A catalogue that only the variants have: they report whether an id is known."""

    def get(self, item_id: str) -> Item | None:
        """An item without a title, which is sent on as its id."""
        return Item(item_id, "")


@dataclass(frozen=True, slots=True)
class _Ranking:
    """An answer, and the name of the variant that gave it; ``none`` if none did."""

    served: str
    prediction: Prediction


class Router:
    """Everything the routes share.

    Args:
        config: an ``experiment.json`` whose variants have a ``url``.
        logs: folder of the logs.
        ship: place that the logs are shipped to; empty: they stay.
    """

    def __init__(self, config: RouterConfig, logs: Path, ship: str = "") -> None:
        self.config = config
        columns = DatasetInfo.model_validate(config.get("dataset", {}))
        self.reading = Reading(columns, _VariantsKnow())
        self.weights = config["weights"]

        timeout = config.get("timeout", DEADLINE)
        self.variants: dict[str, Variant] = {}
        for variant_name, variant_config in config["variants"].items():
            max_failures = FAILURES_BEFORE_REST
            if variant_name == CONTROL:
                # Without the control there is no ranking at all: it is never spared.
                max_failures = math.inf
            self.variants[variant_name] = Variant(
                variant_name, variant_config, timeout, after=max_failures
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

    async def rank(self, body: Json) -> RankAnswer:
        """Assign, rank, fall back if need be, explore, log, answer.

        Args:
            body: ``user_id``, ``query`` and ``items``; optionally ``session_id`` and
                ``query_id``.

        Returns:
            The items in the order to show, with their exposure's id.

        Raises:
            RequestError: a field is missing or malformed.
        """
        start_time = time.perf_counter()
        client_id = body.get("user_id")
        if not isinstance(client_id, str) or not 0 < len(client_id) <= MAX_ID:
            raise RequestError(
                fault_text(
                    "user_id",
                    client_id,
                    must=f"a string of 1 to {MAX_ID} characters",
                    fix="send the shopper's stable id",
                )
            )
        request = parse(body, "body", self.reading)
        session_id = _id_of(body, "session_id", client_id)
        query_id = _id_of(body, "query_id", str(body["query"]))

        # By the client alone: every pod of the router assigns alike, and none remembers it.
        variant = assign(client_id, self.config["salt"], self.weights)
        item_rows = [row_of(request_item) for request_item in request.items]
        ranking = await self._rank_with_fallback(variant, request.query, item_rows)
        served = ranking.served
        model_version = ranking.prediction["model_version"]
        best_first = sorted(
            ranking.prediction["items"], key=lambda scored_item: -scored_item["score"]
        )

        # By the search alone: both variants' lists are explored alike.
        search = "|".join((self.config["salt"], client_id, session_id, query_id))
        share = self.config.get("explore", 0.0)
        if served == NOBODY:
            share = 0.0
        shown = explore(best_first, share=share, search=search)

        exposure: Exposure = {
            "exposure_id": uuid.uuid4().hex,
            "timestamp": int(time.time() * 1000),
            "client_id": client_id,
            "session_id": session_id,
            "query_id": query_id,
            "experiment": self.config["name"],
            "variant": variant,
            "served": served,
            "model_version": model_version,
            "item_ids": [scored_item["item_id"] for scored_item in shown.items],
            "explored": shown.explored,
            "degraded": served != variant,
            "latency_ms": round(1000 * (time.perf_counter() - start_time), 3),
            # By it ``prepare`` recognises the query where its id is one of this search alone.
            "user_query": request.query,
        }
        if shown.explored:
            exposure["first_pair"] = shown.first_pair
            exposure["propensity"] = PROPENSITY
        await self._log_exposure(exposure)

        matches = model_version == self._expected_version(served, model_version)
        self.metrics.answered(variant, served, matches=matches)
        if shown.explored:
            self.metrics.explored.labels(variant).inc()
        self.metrics.seconds.labels(variant).observe(time.perf_counter() - start_time)
        return {
            "exposure_id": exposure["exposure_id"],
            "variant": variant,
            "served": served,
            "model_version": model_version,
            "degraded": exposure["degraded"],
            "items": shown.items,
        }

    def _expected_version(self, variant_name: str, default: str) -> str:
        """The model version that the experiment names for a variant."""
        variant_config = self.config["variants"].get(variant_name)
        if variant_config is None:
            return default
        return variant_config.get("version", default)

    async def _log_exposure(self, exposure: Exposure) -> None:
        """Put an exposure on disk, or count it as lost."""
        if "salt" in self.config:
            exposure["salt"] = self.config["salt"]
        if "release" in self.config:
            exposure["release"] = self.config["release"]
        try:
            await asyncio.to_thread(self.exposures.append, exposure)
        except OSError:
            # A full disk loses both variants' exposures alike; the shopper does not wait.
            self.metrics.lost.labels(exposure["variant"]).inc()

    async def faults(self) -> dict[str, str]:
        """Find out what is wrong with each variant.

        A change is logged, for whoever waits for this pod.

        Returns:
            Name of the variant to its fault, empty if there is none.
        """
        waiting = [variant.fault() for variant in self.variants.values()]
        descriptions = await asyncio.gather(*waiting)
        faults = dict(zip(self.variants, descriptions, strict=True))
        if faults == self.known_faults:
            return faults

        self.known_faults = faults
        for variant_name, description in faults.items():
            readiness = "ready"
            if description:
                readiness = f"not ready, must be ready; {description}"
            _LOGGER.warning("variant %s == %s", variant_name, readiness)
        return faults

    async def log_events(self, events: list[Json]) -> dict[str, int]:
        """Log events, each with the fields that ``prepare`` and the review read.

        Actions keep the shop's names.

        Args:
            events: as the shop sent them.

        Returns:
            How many were ``accepted``.

        Raises:
            RequestError: one cannot be read as an event; none is logged.
            UnavailableError: the disk refuses them; none is logged.
        """
        event_rows = []
        for event_index, event in enumerate(events):
            event_rows.append(complete_event(event, f"events[{event_index}]"))
        try:
            await asyncio.to_thread(self.events.append, *event_rows)
        except OSError as error:
            raise UnavailableError(
                f"events == {len(events)} rows, must be written; "
                f"send them again later ({error.strerror})"
            ) from error
        return {"accepted": len(events)}

    async def _rank_with_fallback(
        self, variant: str, query: str, items: list[ItemFields]
    ) -> _Ranking:
        """The assigned variant, else the control, else the items as they came.

        It takes at most two deadlines.

        Args:
            variant: the one that the client is assigned to.
            query: what the shopper typed.
            items: in any order.

        Returns:
            The first answer.

        Raises:
            RequestError: a variant does not know an item that came as an id alone.
        """
        has_id_alone = any("title" not in item_row for item_row in items)
        for variant_name in dict.fromkeys((variant, CONTROL)):
            try:
                prediction = await self.variants[variant_name].ask(query, items)
                return _Ranking(variant_name, prediction)
            except FAILURES as error:
                if has_id_alone and _is_bad_request(error):
                    raise RequestError(
                        "items == sent by id alone, must be known; "
                        f"{error.response.text}"
                    ) from error
                self.metrics.failures.labels(variant_name).inc()

        # Scores that fall keep the order in which the items came.
        unranked: list[ScoredItem] = []
        for position, item_row in enumerate(items):
            unranked.append({"item_id": item_row["item_id"], "score": -float(position)})
        return _Ranking(NOBODY, {"model_version": "", "items": unranked})


def _is_bad_request(error: BaseException) -> TypeGuard[httpx.HTTPStatusError]:
    """Whether a variant answered that the request is malformed."""
    return (
        isinstance(error, httpx.HTTPStatusError) and error.response.status_code == 400
    )


def create_app(config: RouterConfig, logs: Path, ship: str = "") -> FastAPI:
    """Make the router's web application.

    Args:
        config: an ``experiment.json`` whose variants have a ``url``; with a
            ``catalogue``, the page retrieves candidates from it.
        logs: folder of the logs.
        ship: place that the logs are shipped to; empty: they stay.

    Returns:
        The application; its logs are open from now on, and closed when it shuts down.
    """
    router = Router(config, logs, ship)
    comparer = Comparer(config.get("catalogue"), router.variants)
    if comparer.items:
        router.reading.known = comparer

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if router.shipper:
            router.shipper.start()
        yield
        for variant in router.variants.values():
            await variant.client.aclose()
        if router.shipper:
            await asyncio.to_thread(router.shipper.stop)
        router.exposures.close()
        router.events.close()

    app = FastAPI(
        title="ADORE router", lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.add_middleware(BodyLimit)

    @app.exception_handler(AdoreError)
    async def refuse(request: Request, error: AdoreError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, error.status)

    @app.post("/rank")
    async def rank(body: Json) -> Json:
        return dict(await router.rank(body))

    @app.post("/events")
    async def events(body: list[Json] | Json) -> dict[str, int]:
        if isinstance(body, dict):
            body = [body]
        return await router.log_events(body)

    @app.post("/compare")
    async def compare(body: Json) -> Json:
        return dict(await comparer.compare(body))

    _add_status(app, router)
    return app


def _id_of(body: Json, name: str, default: str) -> str:
    """An optional id of a request; the default where it is absent or empty."""
    optional_id = body.get(name)
    if optional_id in (None, ""):
        return default
    is_valid_id = type(optional_id) in (str, int) and len(str(optional_id)) <= MAX_ID
    check(
        is_valid_id,
        name,
        optional_id,
        must=f"a string of at most {MAX_ID} characters",
        fix="send a shorter",
        error=RequestError,
    )
    return str(optional_id)


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
        return {
            variant_name: not description
            for variant_name, description in faults.items()
        }

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> bytes:
        return generate_latest(router.metrics.registry)


def main() -> None:
    """Serve until a signal stops it."""
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
