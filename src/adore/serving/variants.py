"""One variant as the router sees it.

It has a client of its own, a deadline for every answer, and a circuit breaker.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from contextlib import suppress

import httpx

from adore.errors import UnavailableError
from adore.serving.messages import ItemFields, Prediction, VariantConfig

__all__ = ["DEADLINE", "FAILURES", "Breaker", "Variant"]

TRIES = 3
"""How often a variant is asked while its connections break, all within one deadline."""
DEADLINE = 0.3
"""Seconds that a variant has for an answer where the config has no ``timeout``."""
CONNECTIONS = 100
"""Largest number of requests that wait for one variant's answer.

A request that waits for a connection waits within its deadline.
"""
PATIENCE = 1.0
"""Seconds that a variant has to report whether it is ready."""
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
    """Circuit breaker: spares a variant that does not answer.

    After ``after`` failures in a row it allows no request for ``rest`` seconds, then one
    at a time to try.

    Example:
        >>> breaker = Breaker(after=1, rest=3600)
        >>> breaker.allows(), breaker.record(False), breaker.allows()
        (True, None, False)
    """

    def __init__(self, after: float = 5, rest: float = 1.0) -> None:
        self.after = after
        self.rest = rest
        self._failures = 0
        self._retry_at = 0.0

    def allows(self) -> bool:
        """Whether the next request may be sent."""
        if self._failures < self.after:
            return True
        now = time.monotonic()
        if now < self._retry_at:
            return False

        # The one that tries after a rest keeps the others out for another.
        self._retry_at = now + self.rest
        return True

    def record(self, answered: bool) -> None:
        """Count the outcome of a request that was allowed."""
        if answered:
            self._failures = 0
            return

        self._failures += 1
        if self._failures >= self.after:
            self._retry_at = time.monotonic() + self.rest


class Variant:
    """Asks one variant; nothing that it does, or fails to do, delays another.

    Args:
        name: the variant's.
        config: its ``url`` and, if it can report that it is ready, the address ``ready``.
        timeout: seconds until an answer is given up, connecting and retrying included.
        after: failures in a row after which it is spared for a second; infinite for a
            variant that nothing can replace.
    """

    def __init__(
        self,
        name: str,
        config: VariantConfig,
        timeout: float = DEADLINE,
        *,
        after: float = 5,
    ) -> None:
        self.name = name
        self.config = config
        self.timeout = timeout

        # A pod that is gone leaves time for another.
        timeouts = httpx.Timeout(timeout, connect=timeout / TRIES)
        connection_limits = httpx.Limits(
            max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS
        )
        self.client = httpx.AsyncClient(
            timeout=timeouts, limits=connection_limits, trust_env=False
        )
        self.breaker = Breaker(after)

    async def ask(self, query: str, items: list[ItemFields]) -> Prediction:
        """Rank items.

        Only silence opens the breaker. A wrong answer costs no time, and one odd request
        must not take the variant from all other shoppers.

        Args:
            query: what the shopper typed.
            items: of :func:`adore.serving.request.row_of`, in any order.

        Returns:
            The answer, its items in the order of ``items``.

        Raises:
            UnavailableError: the breaker is open, after too many requests without an
                answer.
            httpx.HTTPError: there is no answer, or none with status 200.
            TransportError: the connection broke again and again.
            TimeoutError: there is no answer in time.
            LookupError: the answer lacks a field.
            TypeError: a field of the answer has the wrong type.
            ValueError: the answer is no ranking of these items, or no JSON.
            RecursionError: the answer nests without end.
        """
        if not self.breaker.allows():
            raise UnavailableError(
                f"{self.name} == no answer {self.breaker.after} times, must answer; "
                "it is tried again soon"
            )
        request_body = {"instances": [{"query": query, "items": items}]}
        try:
            async with asyncio.timeout(self.timeout):
                response = await self._post(request_body)
        except (httpx.TransportError, TimeoutError):
            self.breaker.record(False)
            raise
        self.breaker.record(True)
        response.raise_for_status()
        return _prediction(response, items)

    async def _post(self, body: object) -> httpx.Response:
        """Post; again where the connection broke."""
        # Ranking changes nothing, and another pod may get the next request.
        variant_url = self.config["url"]
        for _ in range(TRIES - 1):
            with suppress(
                httpx.NetworkError, httpx.RemoteProtocolError, httpx.ConnectTimeout
            ):
                return await self.client.post(variant_url, json=body)
        return await self.client.post(variant_url, json=body)

    async def fault(self) -> str:
        """Find out why the variant cannot be asked.

        Returns:
            What is wrong with its name, its address or its own answer; empty if it is
            ready, or cannot report it.
        """
        ready_url = self.config.get("ready")
        if not ready_url:
            return ""
        host_name = httpx.URL(ready_url).host
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.get_running_loop().getaddrinfo(host_name, None)
        except (OSError, TimeoutError) as error:
            return (
                f"{host_name} does not resolve ({_describe(error)}): "
                "no such Service, or no way to the cluster's DNS"
            )
        try:
            response = await self.client.get(ready_url, timeout=PATIENCE)
        except httpx.HTTPError as error:
            return f"{ready_url} does not answer ({_describe(error)})"
        if response.status_code == 200:
            return ""
        return f"{ready_url} answers {response.status_code}"


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__} {error}".strip()


def _prediction(answer: httpx.Response, items: list[ItemFields]) -> Prediction:
    """The one prediction of an answer: a score for each item, and nothing but JSON."""
    prediction: Prediction = answer.json()["predictions"][0]
    scored_items = prediction["items"]
    answered_ids = [scored_item["item_id"] for scored_item in scored_items]
    sent_ids = [item_row["item_id"] for item_row in items]
    if answered_ids != sent_ids:
        raise ValueError("answered for other items than it was asked")

    # NaN compares false with everything, so this refuses it too.
    if not all(abs(scored_item["score"]) < math.inf for scored_item in scored_items):
        raise ValueError("answered a score that is no finite number")
    version = prediction["model_version"]
    if not isinstance(version, str):
        raise ValueError(f"model_version == {version!r}, must be a string")
    json.dumps(prediction, ensure_ascii=False, allow_nan=False).encode()
    return prediction
