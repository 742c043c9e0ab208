"""What shoppers wait while the challenger accepts requests and never answers.

A real router under a real load.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from adore.release.local import free_port

RATE = 100.0
"""Requests a second."""
SECONDS = 3.0
ITEMS = [{"item_id": str(n), "title": f"red shoes {n}"} for n in range(40)]


async def healthy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers every request at once with one ranking."""
    scores = [{"item_id": i["item_id"], "score": float(n)} for n, i in enumerate(ITEMS)]
    body = json.dumps(
        {"predictions": [{"model_version": "v", "items": scores}]}
    ).encode()
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next(
                int(h.split(b":")[1])
                for h in head.lower().split(b"\r\n")
                if h.startswith(b"content-length")
            )
            await reader.readexactly(length)
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
            )
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        writer.close()


async def hung(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads, and says nothing."""
    with suppress(ConnectionError, asyncio.CancelledError):
        while await reader.read(65536):
            pass


async def load(url: str, rate: float, seconds: float) -> list[tuple[str, float]]:
    """Each answer's assigned variant and seconds;
    requests come at fixed times, whatever the answers do.
    """
    async with httpx.AsyncClient(
        base_url=url, timeout=120, limits=httpx.Limits(max_connections=None)
    ) as client:

        async def request(number: int) -> tuple[str, float]:
            await asyncio.sleep(number / rate)
            begun = time.perf_counter()
            body = {"user_id": f"u{number}", "query": "red shoes", "items": ITEMS}
            answer = await client.post("/rank", json=body)
            variant = answer.raise_for_status().json()["variant"]
            return str(variant), time.perf_counter() - begun

        requests = range(round(rate * seconds))
        return await asyncio.gather(*map(request, requests))


async def _measure() -> dict[str, Any]:
    """Start both servers and the router, load it, and stop all."""
    servers = []
    for answer in (healthy, hung):
        servers.append(await asyncio.start_server(answer, "127.0.0.1", 0))
    variants = {}
    for name, server in zip(("control", "challenger"), servers, strict=True):
        port = server.sockets[0].getsockname()[1]
        variants[name] = {"url": f"http://127.0.0.1:{port}/"}
    weights = dict.fromkeys(variants, 0.5)
    plan = {"name": "t", "salt": "s", "weights": weights, "variants": variants}
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "plan.json").write_text(json.dumps(plan))
        command = [sys.executable, "-m", "adore.serving.router"]
        command += ["--config", f"{home}/plan.json", "--logs", f"{home}/logs"]
        command += ["--port", str(port)]
        router = subprocess.Popen(command)
        try:
            retrying = httpx.AsyncHTTPTransport(retries=10)
            async with httpx.AsyncClient(transport=retrying) as client:
                await client.get(f"http://127.0.0.1:{port}/healthz")
            answers = await load(f"http://127.0.0.1:{port}", RATE, SECONDS)
        finally:
            router.terminate()
            router.wait()
    for server in servers:
        server.close()

    result: dict[str, Any] = {}
    for name in variants:
        took = 1000 * np.array(
            [waited for variant, waited in answers if variant == name]
        )
        p50, p99 = np.quantile(took, (0.5, 0.99))
        result[name] = {
            "users": len(took),
            "p50": float(p50),
            "p99": float(p99),
            "worst": float(took.max()),
            "over_1_s": int((took > 1000).sum()),
        }
    return result


def measure(seed: int) -> dict[str, Any]:
    """Milliseconds that the users of each variant wait. Nothing is drawn: ``seed`` is unused."""
    del seed
    return asyncio.run(_measure())


def render(result: dict[str, Any]) -> str:
    """The table."""
    lines = [
        "### A challenger that accepts requests and never answers",
        f"A real router, {RATE:.0f} requests a second for {SECONDS:.0f} s.",
        "",
        "| assigned to | users | p50 ms | p99 ms | worst ms | over 1 s |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, row in result.items():
        lines.append(
            f"| {name} | {row['users']} | {row['p50']:.0f} | {row['p99']:.0f} "
            f"| {row['worst']:.0f} | {row['over_1_s']} |"
        )
    return "\n".join(lines)
