"""What a server process refuses: bodies that are too long, and more requests than it can answer."""

from __future__ import annotations

import json

from starlette.types import ASGIApp, Receive, Scope, Send

from adore.serving.request import MAX_BYTES

__all__ = ["BodyLimit", "ConcurrencyLimit"]


class BodyLimit:
    """ASGI middleware: refuses bodies unread.

    One over ``max_bytes`` gets 413, one of no stated length 411.
    """

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BYTES) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on or refuse one request."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = dict(scope.get("headers", ()))
        if b"transfer-encoding" in headers:
            return await _refuse(
                send,
                411,
                "transfer-encoding == 'chunked', must be absent; send a content-length",
            )

        # The HTTP parser has refused what is no number.
        content_length = int(headers.get(b"content-length", b"0"))
        if content_length > self.max_bytes:
            return await _refuse(
                send,
                413,
                f"body == {content_length} bytes, must be at most {self.max_bytes}; "
                "send fewer items",
            )
        return await self.app(scope, receive, send)


class ConcurrencyLimit:
    """ASGI middleware: refuses (503) a POST while ``max_in_flight`` others are in work.

    A request that outlives the router's timeout wastes capacity, so it is rejected early.
    """

    def __init__(self, app: ASGIApp, max_in_flight: int) -> None:
        self.app = app
        self.max_in_flight = max_in_flight
        self.in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on or refuse one request; probes and metrics always pass."""
        if scope["type"] != "http" or scope["method"] != "POST":
            return await self.app(scope, receive, send)
        if self.in_flight >= self.max_in_flight:
            return await _refuse(
                send,
                503,
                f"requests == {self.in_flight} in work, must be fewer; ask another pod",
            )

        self.in_flight += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.in_flight -= 1


async def _refuse(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    error_body = json.dumps({"error": text}).encode()
    await send({"type": "http.response.body", "body": error_body})
