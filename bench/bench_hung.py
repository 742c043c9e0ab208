"""What shoppers wait while the challenger accepts requests and never answers:
a real router, a real load.

Usage: python bench/bench_hung.py [REQUESTS A SECOND] [SECONDS]
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

import httpx
import numpy as np

from adore.release.local import free_port

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

        async def one(n: int) -> tuple[str, float]:
            await asyncio.sleep(n / rate)
            begun = time.perf_counter()
            body = {"user_id": f"u{n}", "query": "red shoes", "items": ITEMS}
            answer = await client.post("/rank", json=body)
            return str(
                answer.raise_for_status().json()["variant"]
            ), time.perf_counter() - begun

        return await asyncio.gather(*map(one, range(round(rate * seconds))))


async def main(rate: float, seconds: float) -> None:
    """Start all, load, print."""
    servers = [
        await asyncio.start_server(answer, "127.0.0.1", 0) for answer in (healthy, hung)
    ]
    urls = [f"http://127.0.0.1:{s.sockets[0].getsockname()[1]}/" for s in servers]
    variants = {
        name: {"url": url}
        for name, url in zip(("control", "challenger"), urls, strict=True)
    }
    plan = {
        "name": "t",
        "salt": "s",
        "weights": dict.fromkeys(variants, 0.5),
        "variants": variants,
    }
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "plan.json").write_text(json.dumps(plan))
        words = [
            "--config",
            f"{home}/plan.json",
            "--logs",
            f"{home}/logs",
            "--port",
            str(port),
        ]
        router = subprocess.Popen(
            [sys.executable, "-m", "adore.serving.router", *words]
        )
        try:
            async with httpx.AsyncClient(
                transport=httpx.AsyncHTTPTransport(retries=10)
            ) as client:
                await client.get(f"http://127.0.0.1:{port}/healthz")
            found = await load(f"http://127.0.0.1:{port}", rate, seconds)
        finally:
            router.terminate()
            router.wait()
    for name in variants:
        took = 1000 * np.array([t for variant, t in found if variant == name])
        p50, p99 = np.quantile(took, (0.5, 0.99))
        over = int((took > 1000).sum())
        print(
            f"{name}: {len(took)} users, p50 {p50:.0f} ms, p99 {p99:.0f} ms, "
            f"worst {took.max():.0f} ms, {over} over 1 s"
        )
    for server in servers:
        server.close()


if __name__ == "__main__":
    asyncio.run(main(*map(float, [*sys.argv[1:], "100", "3"][:2])))
