"""An OpenAI-compatible endpoint that judges by a small rule and fails as real ones do;
faults depend on the seed alone.

It counts, per pair, the requests it saw and the sound answers it gave.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["FaultyServer", "judgement"]

SHARES = {"429": 0.10, "500": 0.05, "hang": 0.02, "garbage": 0.03}
GARBAGE = ["<html>busy</html>", '{"object": "chat.completion"}', None]


def judgement(user: str) -> dict[str, Any]:
    """E if the title has every word of the query, S if half, C if one, I if none;
    each word that is there is quoted.
    """
    query = re.findall(r"\w+", re.search("<query>(.*)</query>", user)[1])  # type: ignore[index]
    title = re.findall(r"\w+", re.search("<title>(.*)</title>", user)[1])  # type: ignore[index]
    there = [w for w in query if w in title]
    share = len(there) / len(query)
    grade = "E" if share == 1 else "S" if share >= 0.5 else "C" if there else "I"
    attributes = [
        {
            "attribute": "feature",
            "criticality": "optional",
            "asked": w,
            "asked_quote": w,
            "found": w if w in there else "",
            "found_quote": w if w in there else "",
            "where": "title" if w in there else "",
            "state": "match" if w in there else "unknown",
        }
        for w in query[:6]
    ]
    verdict = f"{len(there)} of {len(query)} words"
    answer = {
        "intent": " ".join(query),
        "attributes": attributes,
        "verdict": verdict,
        "rule_ids": [],
        "grade": grade,
    }
    return {**answer, "error_type": "", "confidence": 0.8}


class FaultyServer:
    """Runs on a free port of loopback until closed; ``faults=False`` makes it a good server.

    Args:
        refuse: parameters that a request may not have (answered 400 by name).
        key: the key that a request must carry, if any.
        retry: makes the ``Retry-After`` of a 429.
        most: samples a request at most.
        prose: which pairs are never answered as asked; True: none is.
        script: what the nth request of a pair gets instead of an answer: status and
            text (with 200: the whole body); it may wait.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        faults: bool = True,
        refuse: tuple[str, ...] = (),
        key: str = "",
        retry: Callable[[], str] = lambda: "0.05",
        most: int = 99,
        prose: bool | Callable[[str], bool] = False,
        script: Callable[[str, int], tuple[int, str] | None] = lambda user, nth: None,
    ) -> None:
        self.seen, self.answered, self.faults = (
            Counter[str](),
            Counter[str](),
            Counter[str](),
        )
        self.bodies: list[dict[str, Any]] = []
        self._seed, self._on, self._refuse, self._key = seed, faults, refuse, key
        self._retry, self._most, self._script = retry, most, script
        self._prose = prose if callable(prose) else lambda user: bool(prose)
        self._lock, self._closed = threading.Lock(), threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                try:
                    outer.answer(self, body)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients are killed on purpose
        threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        ).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def close(self) -> None:
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, handler: Any, body: dict[str, Any]) -> None:
        user = body["messages"][1]["content"]
        with self._lock:
            self.seen[user] += 1
            self.bodies.append(body)
            nth = self.seen[user]
            fault = self._fault(user, nth)
            self.faults[fault] += 1
        refused = self._refused(
            body, handler.headers.get("Authorization")
        ) or self._script(user, nth)
        if fault == "hang" and not refused:
            self._closed.wait(60)
            handler.close_connection = True
        elif refused and refused[0] == 200:
            _send(handler, 200, refused[1])
        elif refused or fault in ("429", "500"):
            status, text = refused or (int(fault), "slow down")
            _send(
                handler,
                status,
                {"error": {"message": text}},
                retry=self._retry() if status == 429 else "",
            )
        elif fault == "garbage" and (kind := GARBAGE[self.seen[user] % 3]):
            _send(handler, 200, kind)
        else:
            text = (
                "It is a good item."
                if fault or self._prose(user)
                else json.dumps(judgement(user))
            )
            with self._lock:
                self.answered[user] += fault == ""
            _send(
                handler, 200, _completion(body, text, min(self._most, body.get("n", 1)))
            )

    def _refused(self, body: dict[str, Any], key: str | None) -> tuple[int, str] | None:
        if self._key and key != f"Bearer {self._key}":
            return 401, "wrong key"
        if body["model"] != "small":
            return 404, "no such model"
        named = next((name for name in self._refuse if name in body), "")
        return (400, f"Unsupported parameter: {named}") if named else None

    def _fault(self, user: str, nth: int) -> str:
        if not self._on:
            return ""
        drawn = (
            int(
                hashlib.sha256(f"{self._seed}|{nth}|{user}".encode()).hexdigest()[:8],
                16,
            )
            / 2**32
        )
        for name, share in SHARES.items():
            drawn -= share
            if drawn < 0:
                return name
        return ""


def _completion(body: dict[str, Any], text: str, samples: int) -> dict[str, Any]:
    choice: dict[str, Any] = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": "stop",
    }
    found = re.search('"grade": "(.)"', text)
    if body.get("logprobs") and found:
        at = found.start(1)
        told = [
            {"token": g, "logprob": math.log(0.7 if g == text[at] else 0.1)}
            for g in "ESCI"
        ]
        pieces = [(text[:at], []), (text[at], told), (text[at + 1 :], [])]
        tokens = [
            {"token": piece, "logprob": -0.1, "top_logprobs": top}
            for piece, top in pieces
        ]
        tokens[1]["logprob"] = math.log(0.7)
        choice["logprobs"] = {"content": tokens}
    prompt = sum(len(m["content"]) for m in body["messages"]) // 4
    details = {"cached_tokens": len(body["messages"][0]["content"]) // 4}
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": len(text) // 4,
        "prompt_tokens_details": details,
    }
    choices = [{**choice, "index": i} for i in range(samples)]
    return {
        "object": "chat.completion",
        "model": body["model"],
        "choices": choices,
        "usage": usage,
    }


def _send(handler: Any, status: int, body: Any, retry: str = "") -> None:
    data = (body if isinstance(body, str) else json.dumps(body)).encode()
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(data)))
    if retry:
        handler.send_header("Retry-After", retry)
    handler.end_headers()
    handler.wfile.write(data)
