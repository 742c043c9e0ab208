"""One variant as the router sees it.

It has a client of its own, a deadline for every answer, and a breaker.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from contextlib import suppress
from typing import Any

import httpx

from adore.errors import UnavailableError

__all__ = ["DEADLINE", "FAILURES", "Breaker", "Variant"]

TRIES = 3
"""How often a variant is asked while its connections break, all within one deadline."""
DEADLINE = 0.3
"""Seconds that a variant has for an answer where the config's ``timeout`` names no others."""
CONNECTIONS = 100
"""Requests that may be on their way to one variant.

What waits for a connection waits within its deadline.
"""
PATIENCE = 1.0
"""Seconds that a variant has to say whether it is ready."""
FAILURES = (
    httpx.HTTPError,
    TimeoutError,
    UnavailableError,
    LookupError,
    TypeError,
    ValueError,
    RecursionError,
)
"""All that :meth:`Variant.ask` raises."""


class Breaker:
    """Spares one who does not answer.

    After ``after`` failures in a row nobody is let through for ``rest`` seconds, then one
    at a time to try.

    Example:
        >>> breaker = Breaker(after=1, rest=3600)
        >>> breaker.allows(), breaker.record(False), breaker.allows()
        (True, None, False)
    """

    def __init__(self, after: float = 5, rest: float = 1.0) -> None:
        self.after = after
        self.rest = rest
        self._failed = 0
        self._until = 0.0

    def allows(self) -> bool:
        """Whether the next one may try.

        One that tries after a rest keeps the others out for another.
        """
        now = time.monotonic()
        if self._failed < self.after:
            return True
        if now < self._until:
            return False
        self._until = now + self.rest
        return True

    def record(self, answered: bool) -> None:
        """How one that was let through ended."""
        if answered:
            self._failed = 0
        else:
            self._failed += 1

        if self._failed >= self.after:
            now = time.monotonic()
            self._until = now + self.rest


class Variant:
    """Asks one variant; nothing that it does, or leaves undone, holds up another.

    Args:
        name: the variant's.
        about: its ``url`` and, if it can say so, the address ``ready``.
        timeout: seconds until an answer is given up, connecting and trying again included.
        after: failures in a row after which it is spared for a second; infinite for one
            that nothing can stand in for.
    """

    def __init__(
        self,
        name: str,
        about: dict[str, Any],
        timeout: float = DEADLINE,
        *,
        after: float = 5,
    ) -> None:
        self.name = name
        self.about = about
        self.timeout = timeout

        # a pod that is gone leaves time for another
        times = httpx.Timeout(timeout, connect=timeout / TRIES)
        limits = httpx.Limits(
            max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS
        )
        self.client = httpx.AsyncClient(timeout=times, limits=limits, trust_env=False)
        self.breaker = Breaker(after)

    async def ask(self, query: str, items: list[dict[str, Any]]) -> dict[str, Any]:
        """Its answer.

        Only silence opens the breaker: an answer, however wrong, costs no time, and one
        odd request must not take the variant from all other shoppers.

        Args:
            query: what the shopper typed.
            items: rows of :func:`adore.serving.request.row_of`, in any order.

        Returns:
            ``model_version``, and ``items`` with their ``score``, in the order of the
            given ones.

        Raises:
            UnavailableError: it is not asked now, after too many requests that it left
                without an answer.
            httpx.HTTPError, TimeoutError: it does not answer in time, or not with 200.
            LookupError, TypeError, ValueError, RecursionError: it answers something else
                than a ranking of these items.
        """
        if not self.breaker.allows():
            fix = "it is tried again soon"
            raise UnavailableError(
                f"{self.name} == no answer {self.breaker.after} times, must answer; {fix}"
            )
        body = {"instances": [{"query": query, "items": items}]}
        try:
            async with asyncio.timeout(self.timeout):
                answer = await self._post(body)
        except (httpx.TransportError, TimeoutError):
            self.breaker.record(False)
            raise
        self.breaker.record(True)
        answer.raise_for_status()
        return _ranking(answer, items)

    async def _post(self, body: dict[str, Any]) -> httpx.Response:
        """Post; again where the connection broke.

        Ranking changes nothing, and another pod may take the next one.
        """
        for _ in range(TRIES - 1):
            with suppress(
                httpx.NetworkError, httpx.RemoteProtocolError, httpx.ConnectTimeout
            ):
                return await self.client.post(self.about["url"], json=body)
        return await self.client.post(self.about["url"], json=body)

    async def fault(self) -> str:
        """Why it cannot be asked: its name, its address or its own answer.

        Empty if it is ready, or cannot say so.
        """
        url = self.about.get("ready")
        if not url:
            return ""
        host = httpx.URL(url).host
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.get_running_loop().getaddrinfo(host, None)
        except (OSError, TimeoutError) as error:
            return (
                f"{host} does not resolve ({_words(error)}): "
                "no such Service, or no way to the cluster's DNS"
            )
        try:
            answer = await self.client.get(url, timeout=PATIENCE)
        except httpx.HTTPError as error:
            return f"{url} does not answer ({_words(error)})"
        if answer.status_code == 200:
            return ""
        return f"{url} answers {answer.status_code}"


def _words(error: BaseException) -> str:
    return f"{type(error).__name__} {error}".strip()


def _ranking(answer: httpx.Response, items: list[dict[str, Any]]) -> dict[str, Any]:
    """The one prediction of an answer.

    It has a score for each of these items, and nothing that JSON cannot carry on.
    """
    prediction: dict[str, Any] = answer.json()["predictions"][0]
    scored = prediction["items"]
    answered = [one["item_id"] for one in scored]
    asked = [item["item_id"] for item in items]
    if answered != asked:
        raise ValueError("answered for other items than it was asked")

    # NaN compares false with everything, so this refuses it too
    if not all(abs(one["score"]) < math.inf for one in scored):
        raise ValueError("answered a score that is no finite number")
    if not isinstance(prediction["model_version"], str):
        raise ValueError(
            f"model_version == {prediction['model_version']!r}, must be a string"
        )
    json.dumps(prediction, ensure_ascii=False, allow_nan=False).encode()
    return prediction
