"""``python -m adore.serving.reach``: what a pod reaches, from within: names, addresses, the store.

A JSON line each.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import time
import uuid
from collections.abc import Callable
from urllib.parse import urlsplit

__all__ = ["main"]

PATIENCE = 5.0
"""Seconds for a name or a connection."""


def _resolves(host: str) -> str:
    """The host's addresses.

    Raises:
        OSError: the name is not known, or nobody answers.
    """
    found = socket.getaddrinfo(host, None)
    addresses = {str(info[4][0]) for info in found}
    return ", ".join(sorted(addresses))


def _connects(address: str) -> str:
    """That a TCP connection to ``host:port`` opens.

    Raises:
        OSError: it does not.
    """
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), PATIENCE):
        return f"{address} answers"


def _endpoint() -> str:
    """``host:port`` of the store that this process's environment names."""
    url = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = (
        os.environ.get("AWS_DEFAULT_REGION")
        or os.environ.get("AWS_REGION")
        or "us-east-1"
    )
    parts = urlsplit(url or f"https://s3.{region}.amazonaws.com")
    usual = 443 if parts.scheme == "https" else 80
    return f"{parts.hostname}:{parts.port or usual}"


def _writes(place: str) -> str:
    """That an object can be written to a place of the store, and deleted again."""
    from adore.storage import delete, join, write_bytes

    probe = join(place, f".adore-doctor-{uuid.uuid4().hex}")
    write_bytes(b"{}", probe)
    delete(probe)
    return f"{place} takes objects"


def _try(name: str, check: Callable[[], str]) -> bool:
    socket.setdefaulttimeout(PATIENCE)
    try:
        text = check()
        ok = True
    except Exception as error:  # whatever it is, it is what was asked
        text = f"{type(error).__name__}: {error}"
        ok = False
    print(json.dumps({"check": name, "ok": ok, "text": text}), flush=True)
    return ok


def main() -> None:
    """Try everything that is asked for; exit status 1 if something failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--name", action="append", default=[], help="host that must resolve"
    )
    parser.add_argument(
        "--address", action="append", default=[], help="host:port that must answer"
    )
    parser.add_argument(
        "--store",
        action="store_true",
        help="the store that the environment names must answer",
    )
    parser.add_argument("--write", default="", help="place that must take objects")
    parser.add_argument(
        "--settle",
        type=float,
        default=5.0,
        help="seconds until the network knows this pod",
    )
    given = parser.parse_args()
    time.sleep(given.settle)
    good = [_try("names", lambda host=host: _resolves(host)) for host in given.name]  # type: ignore[misc]
    good += [_try("address", lambda one=one: _connects(one)) for one in given.address]  # type: ignore[misc]
    if given.store:
        good.append(_try("store", lambda: _connects(_endpoint())))
    if given.write:
        good.append(_try("write", lambda: _writes(given.write)))
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
