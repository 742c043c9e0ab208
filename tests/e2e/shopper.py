"""Shoppers in a pod: ``ask`` reads bodies from stdin; ``flow`` sends requests until it is ended.

Runs in the router's image, which has httpx and nothing of these tests. ``flow`` prints
what it has seen so far, once a second, as a JSON line: each outcome and its count; and
each failure when it happens.
"""

import asyncio
import json
import sys
import time
from collections import Counter

import httpx

WORKERS = 4


def ask(url: str) -> None:
    """Send every body of stdin's JSON list; print the answers as one."""
    answers = []
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        for body in json.load(sys.stdin):
            answer = client.post("/rank", json=body)
            answers.append({"status": answer.status_code, **answer.json()})
    print(json.dumps(answers))


async def worker(url: str, number: int, items: list, outcomes: Counter) -> None:
    # a connection for every request, as a shop's gateway without keep-alive would
    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(
        base_url=url, timeout=30, trust_env=False, limits=limits
    ) as client:
        count = 0
        while True:
            count += 1
            body = {
                "user_id": f"u{number}-{count}",
                "query": "red shoes",
                "items": items,
            }
            try:
                answer = await client.post("/rank", json=body)
                text = str(answer.status_code)
                if answer.status_code == 200 and answer.json()["degraded"]:
                    text += " degraded"
            except httpx.HTTPError as error:
                text = f"{type(error).__name__} {error}"
            outcomes[text] += 1
            if not text.startswith("200"):
                print(f"failed {time.time():.1f} {text}", flush=True)


async def first_answer(url: str) -> None:
    """Wait until this pod may reach the router: policies reach a new pod after its start."""
    begun = time.monotonic()
    async with httpx.AsyncClient(base_url=url, timeout=5, trust_env=False) as client:
        while True:
            try:
                await client.get("/healthz")
                return
            except httpx.TransportError:
                if time.monotonic() > begun + 60:
                    raise
                await asyncio.sleep(0.2)


async def flow(url: str, items: list) -> None:
    await first_answer(url)
    outcomes: Counter = Counter()
    workers = [
        asyncio.create_task(worker(url, number, items, outcomes))
        for number in range(WORKERS)
    ]
    while True:
        await asyncio.sleep(1)
        print(json.dumps(outcomes), flush=True)
        for one in workers:
            if one.done():
                one.result()


if __name__ == "__main__":
    if sys.argv[1] == "ask":
        ask(sys.argv[2])
    else:
        asyncio.run(flow(sys.argv[2], json.loads(sys.argv[3])))
