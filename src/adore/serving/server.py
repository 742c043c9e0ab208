"""``python -m adore.serving.server``: one ranker behind a real KServe model server."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from adore.serving.messages import Json
    from adore.serving.model import RankerModel

__all__ = ["main"]


class _RerankResult(TypedDict):
    """One document of a rerank answer."""

    index: int
    """Its place in the request."""
    relevance_score: float
    document: dict[str, str]


def _add_rerank(model: RankerModel) -> None:
    """``POST /openai/v1/rerank``.

    KServe's own route needs vLLM's types at import; this one has the same JSON.
    """
    from fastapi import HTTPException
    from kserve.model_server import app

    from adore.errors import RequestError
    from adore.serving.request import parse, rerank_items

    async def rerank(body: dict[str, object]) -> dict[str, object]:
        documents = body.get("documents")
        if not isinstance(documents, list):
            raise HTTPException(
                400, f"documents == {documents!r}, must be a list; send one"
            )
        max_results = _limit_of(body)
        try:
            instance = {"query": body.get("query"), "items": rerank_items(documents)}
            request = parse(instance, "body", model.reading)
        except (RequestError, TypeError, ValueError) as error:
            raise HTTPException(400, str(error)) from error

        answer = await asyncio.to_thread(model.rank, request)
        results: list[_RerankResult] = []
        for document_index, scored_item in enumerate(answer["items"]):
            document_title = request.items[document_index].title
            results.append(
                {
                    "index": document_index,
                    "relevance_score": scored_item["score"],
                    "document": {"text": document_title},
                }
            )
        best_first = sorted(results, key=lambda result: -result["relevance_score"])
        return {
            "id": body.get("user", ""),
            "model": answer["model_version"],
            "results": best_first[:max_results],
            "usage": {"total_tokens": 0},
        }

    app.add_api_route("/openai/v1/rerank", rerank, methods=["POST"])


def _limit_of(body: Json) -> int | None:
    """The largest number of results that a rerank request wants; None: all."""
    from fastapi import HTTPException

    max_results = body.get("top_n")
    if max_results is None:
        return None
    # True is an int to Python, but no number of results.
    if (
        not isinstance(max_results, int)
        or isinstance(max_results, bool)
        or max_results < 1
    ):
        raise HTTPException(
            400, f"top_n == {max_results!r}, must be a number from 1; omit it for all"
        )
    return max_results


def _listen_on(host: str) -> None:
    """Have KServe listen on one address only.

    It has no setting for it, and else listens on all of them.
    """
    from kserve import model_server
    from kserve.protocol.rest.server import RESTServer

    class Bound(RESTServer):  # type: ignore[misc]
        """KServe's REST server on one address."""

        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)
            self.config.host = host

    model_server.RESTServer = Bound


def main() -> None:
    """Load the model, then serve until a signal stops it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="ranker folder or s3:// place")
    parser.add_argument("--name", default="adore")
    parser.add_argument("--variant", default="")
    parser.add_argument(
        "--host",
        default="0.0.0.0",
        help="address to listen on; a pod's is reached from outside",
    )
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument(
        "--max-in-flight",
        type=int,
        default=16,
        help="requests in work or waiting; one more gets 503 at once",
    )
    parser.add_argument(
        "--parent",
        type=int,
        default=0,
        help="leave when this process is no longer the parent",
    )
    arguments = parser.parse_args()
    sys.argv = sys.argv[:1]  # KServe reads the command line when it is imported
    from kserve import ModelServer
    from kserve.model_server import app

    from adore.errors import AdoreError
    from adore.processes import exit_with_parent
    from adore.serving.limits import BodyLimit, ConcurrencyLimit
    from adore.serving.model import RankerModel
    from adore.storage import local_copy

    exit_with_parent(arguments.parent)
    threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    try:
        folder = Path(local_copy(arguments.model))
        model = RankerModel(
            arguments.name,
            folder,
            variant=arguments.variant or arguments.name,
            threads=threads,
        )
        model.load()
    except AdoreError as error:
        # The text alone: a release that waits for this pod shows it.
        sys.exit(f"model == {arguments.model!r}, must be loaded; {error}")
    except Exception as error:
        traceback.print_exc()
        sys.exit(
            f"model == {arguments.model!r}, must be a ranker that loads; "
            f"{type(error).__name__}: {error}"
        )

    _add_rerank(model)
    _listen_on(arguments.host)
    app.add_middleware(ConcurrencyLimit, max_in_flight=arguments.max_in_flight)
    app.add_middleware(BodyLimit)
    # Without gRPC, which KServe serves on all addresses.
    server = ModelServer(
        http_port=arguments.port,
        enable_grpc=False,
        workers=1,
        enable_latency_logging=False,
    )
    # It logs a line for every probe; KServe sets its level before this.
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    server.start([model])


if __name__ == "__main__":
    main()
