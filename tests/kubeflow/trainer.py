"""A stand-in for the part of the Kubernetes API,
with Kubeflow Trainer, that a launcher speaks to.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from kubernetes import client


class StandIn(ThreadingHTTPServer):
    """A namespace's TrainJobs, the pods of one, and its log.

    A job ends after ``looks`` looks at it as ``ends`` says or, where ``starts`` is set,
    as the process that it starts. Other paths are answered from ``others``.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.jobs: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, str]] = []
        self.queries: list[dict[str, list[str]]] = []
        self.others: dict[str, Any] | None = None
        self.ends = "Complete"
        self.looks = 3
        self.refuses = 0
        self.starts: Callable[[dict[str, Any]], subprocess.Popen[bytes]] | None = None
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.lines = [f"2026-11-25T10:00:0{i}.5Z epoch {i}" for i in range(4)]

    @property
    def client(self) -> Any:
        """A client of it."""
        return client.ApiClient(
            client.Configuration(host=f"http://127.0.0.1:{self.server_port}")
        )

    def job(self, method: str, name: str, body: object) -> tuple[int, Any]:
        if method == "PATCH":
            if self.refuses:
                return self.refuses, {
                    "message": "admission webhook says no"
                    if self.refuses == 403
                    else "no such kind"
                }
            self.jobs[name] = {**yaml.safe_load(body), "looks": 0}  # type: ignore[call-overload]
            if self.starts:
                self.running[name] = self.starts(self.jobs[name])
        if name not in self.jobs:
            return 404, {"message": "no such TrainJob"}
        if method == "DELETE":
            return 200, self.jobs.pop(name)
        found = self.jobs[name]
        found["looks"] += 1
        code = self.running[name].poll() if name in self.running else None
        if code is not None:
            self.ends, self.looks = ("Failed" if code else "Complete"), 0
        if found["looks"] > self.looks:
            found["status"] = {
                "conditions": [
                    {"type": self.ends, "status": "True", "message": "it is over"}
                ]
            }
        return 200, found

    def answer(
        self, method: str, path: str, query: dict[str, list[str]], body: object
    ) -> tuple[int, Any]:
        self.calls.append((method, path.rpartition("/")[2]))
        if "/trainjobs/" in path:
            return self.job(method, path.rpartition("/")[2], body)
        if self.others is not None:
            return (
                (200, self.others[path])
                if path in self.others
                else (404, {"message": "not here"})
            )
        if path.endswith("/log"):
            self.queries.append(query)
            return 200, "\n".join(self.lines[: len(self.queries) * 2])
        pods = [
            {
                "metadata": {
                    "name": f"p{i}",
                    "annotations": {"batch.kubernetes.io/job-completion-index": str(i)},
                },
                "status": {"phase": "Running"},
            }
            for i in range(2)
        ]
        return 200, {"items": pods}


class Handler(BaseHTTPRequestHandler):
    server: StandIn

    def log_message(self, *_: object) -> None: ...

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        status, answer = self.server.answer(
            self.command, parts.path, parse_qs(parts.query), body
        )
        text = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PATCH = do_DELETE = _handle


@contextmanager
def up(server: StandIn) -> Iterator[StandIn]:
    """The stand-in, answering."""
    with server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
