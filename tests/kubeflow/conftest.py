"""A stand-in for the API of Kubeflow Pipelines:
what the client sends is kept, what it must read is answered.
"""

from __future__ import annotations

import gc
import json
import threading
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

API = "/apis/v2beta1"


class StandIn(ThreadingHTTPServer):
    """``states``: what a run's state is, look by look;
    the last one stays; an empty one is an error.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.states = ["PENDING", "RUNNING", "SUCCEEDED"]
        self.history: list[str] = []
        self.workflow: dict[str, object] = {}
        self.logs: dict[str, object] = {}
        self.many = True
        self.calls: list[tuple[str, str, dict[str, list[str]], object]] = []
        self.tokens: set[str] = set()
        self.pipelines: dict[str, str] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(
        self, method: str, path: str, query: dict[str, list[str]], body: object
    ) -> object:
        """What the real API answers, as far as the client reads it."""
        self.calls.append((method, path, query, body))
        if method == "POST":
            return self._made(path, query)
        if path == "/runs/r1":
            return self._run()
        if path.endswith("/log"):
            return self.logs[path.split("/")[-2]]
        known = {
            "/healthz": {"multi_user": self.many},
            "/pipelines": {
                "pipelines": [
                    {"pipeline_id": i, "display_name": n}
                    for n, i in self.pipelines.items()
                ]
            },
            "/experiments": {"experiments": []},
            "/apis/v1beta1/runs/r1": {
                "pipeline_runtime": {"workflow_manifest": json.dumps(self.workflow)}
            },
        }
        return known[path]

    def _run(self) -> object:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if not state:
            raise LookupError("run r1")
        return {
            "run_id": "r1",
            "state": state,
            "state_history": [{"state": s} for s in self.history],
        }

    def _made(self, path: str, query: dict[str, list[str]]) -> object:
        if path == "/pipelines/upload":
            self.pipelines[query["name"][0]] = "p1"
            return {"pipeline_id": "p1", "display_name": query["name"][0]}
        known = {
            "/pipelines/upload_version": {
                "pipeline_id": "p1",
                "pipeline_version_id": "v1",
            },
            "/experiments": {"experiment_id": "e1", "display_name": "x"},
            "/runs": {"run_id": "r1"},
            "/hook": {},
            "/recurringruns": {"recurring_run_id": "j1"},
        }
        return known[path]


class Handler(BaseHTTPRequestHandler):
    server: StandIn

    def log_message(self, *_: object) -> None: ...

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        body = (
            json.loads(raw)
            if "json" in (self.headers.get("content-type") or "") and raw
            else raw
        )
        self.server.tokens.add(self.headers.get("authorization") or "")
        try:
            path, status = parts.path.removeprefix(API), 200
            answer = self.server.answer(self.command, path, parse_qs(parts.query), body)
        except LookupError as error:
            status, answer = 404, {"message": f"no {error}"}
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = _handle


@pytest.fixture
def api() -> Iterator[StandIn]:
    """The stand-in, up."""
    with StandIn() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def pooled_sockets() -> Iterator[None]:
    """The clients of KFP and Kubernetes leave pooled sockets to the garbage collector:
    here, not in another test.
    """
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
