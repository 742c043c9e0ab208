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
    """The host's addresses; an OSError where the name is not known, or nobody answers."""
    addresses = set()
    for *_, socket_address in socket.getaddrinfo(host, None):
        ip_address = str(socket_address[0])
        addresses.add(ip_address)
    return ", ".join(sorted(addresses))


def _connects(address: str) -> str:
    """That a TCP connection to ``host:port`` opens; an OSError where it does not."""
    host_name, _colon, port_number = address.rpartition(":")
    with socket.create_connection((host_name, int(port_number)), PATIENCE):
        return f"{address} answers"


def _endpoint() -> str:
    """``host:port`` of the store that this process's environment names."""
    # The order in which botocore reads them.
    store_url = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get(
        "AWS_ENDPOINT_URL"
    )
    region = (
        os.environ.get("AWS_DEFAULT_REGION")
        or os.environ.get("AWS_REGION")
        or "us-east-1"
    )
    url_parts = urlsplit(store_url or f"https://s3.{region}.amazonaws.com")
    default_port = 80
    if url_parts.scheme == "https":
        default_port = 443
    return f"{url_parts.hostname}:{url_parts.port or default_port}"


def _writes(place: str) -> str:
    """That an object can be written to a place of the store, and deleted again."""
    from adore.storage import delete, join, write_bytes

    probe_object = join(place, f".adore-doctor-{uuid.uuid4().hex}")
    write_bytes(b"{}", probe_object)
    delete(probe_object)
    return f"{place} takes objects"


def _report(kind: str, check: Callable[[str], str], subject: str) -> bool:
    """Print a check's outcome as JSON; False if it failed."""
    socket.setdefaulttimeout(PATIENCE)
    try:
        outcome_text = check(subject)
        succeeded = True
    except Exception as error:  # any failure is an outcome of the check
        outcome_text = f"{type(error).__name__}: {error}"
        succeeded = False
    outcome = {"check": kind, "ok": succeeded, "text": outcome_text}
    print(json.dumps(outcome), flush=True)
    return succeeded


def main() -> None:
    """Run every check of the command line; exit status 1 if one failed."""
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
    arguments = parser.parse_args()
    time.sleep(arguments.settle)

    outcomes = []
    for host_name in arguments.name:
        outcomes.append(_report("names", _resolves, host_name))
    for address in arguments.address:
        outcomes.append(_report("address", _connects, address))
    if arguments.store:
        outcomes.append(_report("store", _connects, _endpoint()))
    if arguments.write:
        outcomes.append(_report("write", _writes, arguments.write))
    sys.exit(0 if all(outcomes) else 1)


if __name__ == "__main__":
    main()
