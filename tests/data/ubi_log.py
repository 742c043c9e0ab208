"""The demo's log as UBI really logs it:
an id a search, texts, ISO times, nested fields, acts without a place.
"""

from __future__ import annotations

import gzip
import json
import shutil
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["as_ubi", "read_lines", "rewrite"]


def read_lines(path: Path) -> list[dict[str, Any]]:
    text = (
        gzip.decompress(path.read_bytes())
        if path.suffix == ".gz"
        else path.read_bytes()
    )
    return [json.loads(line) for line in text.splitlines()]


def as_ubi(row: dict[str, Any], *, first: int = 1) -> dict[str, Any]:
    """One event; its search is what one client asked in one session.
    ``first``: number of the first place.
    """
    attributes = row["event_attributes"]
    when = datetime.fromtimestamp(row["timestamp"] / 1000, UTC)
    search = uuid.uuid5(
        uuid.NAMESPACE_URL, f"{row['client_id']}|{row['session_id']}|{row['query_id']}"
    )
    shown = row["action_name"] == "impression"
    place = (
        {"ordinal": attributes["position"]["ordinal"] - 1 + first}
        if shown
        else {"xy": {"x": 1.5, "y": 2.0}}
    )
    return {
        "application": "shop",
        "action_name": {"click": "click_through", "purchase": "product_purchase"}.get(
            row["action_name"], row["action_name"]
        ),
        "query_id": str(search),
        "user_query": f" {row['user_query'].upper()} ",
        "client_id": row["client_id"],
        "session_id": row["session_id"],
        "timestamp": when.isoformat(timespec="milliseconds"),
        "event_attributes": {
            "object": {**attributes["object"], "object_id_field": "sku"},
            "position": place,
        },
    }


def rewrite(data: Path, to: Path, *, first: int = 1) -> Path:
    """A copy of a demo folder with its log in UBI's real shape."""
    shutil.copytree(data, to, ignore=shutil.ignore_patterns("events*", "manifest.json"))
    rows = (as_ubi(row, first=first) for row in read_lines(data / "events.jsonl.gz"))
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (to / "ubi_events.ndjson.gz").write_bytes(gzip.compress(text.encode(), 1))
    return to
