"""Queries and requests with a split; the same text never stands in two splits."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Any

from pydantic import Field

from adore.config import StageConfig
from adore.data.cells import id_fault, parse_id, text_of
from adore.data.rows import BadRow, Rows
from adore.entities import decoded

__all__ = [
    "REQUEST_PREFIX",
    "SplitConfig",
    "assign_split",
    "normalise_query",
    "read_queries",
    "read_requests",
]

REQUEST_PREFIX = "request:"
"""What the id of a request begins with."""
SPLITS = ("train", "dev", "test")
NAMES = {
    **{s: s for s in SPLITS},
    **dict.fromkeys(("val", "valid", "validation"), "dev"),
}


class SplitConfig(StageConfig):
    """How to split queries."""

    max_text: int = Field(100_000, ge=1)
    """Longest text of one field, in characters; rows with a longer one go to quarantine."""
    dev_share: float = Field(0.2, ge=0, le=0.5)
    """Share of queries for dev where the data names none."""
    test_share: float = Field(0.25, ge=0, le=0.5)
    """Share of queries for test where the data names none."""


def normalise_query(query: str) -> str:
    """What makes two query texts the same: HTML decoded, NFKC, lower case, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", decoded(query)).lower().split())


def assign_split(query: str, *, dev_share: float, test_share: float) -> str:
    """Split by the normalised query text alone, so that the same text never stands in two splits.

    Args:
        query: its text.
        dev_share: share of all texts that are ``dev``.
        test_share: share of all texts that are ``test``; what both leave is ``train``.
    """
    # The text's hash is a point in [0, 1), the same in every run.
    text = normalise_query(query)
    digest = hashlib.sha256(f"adore-split|{text}".encode()).hexdigest()
    point = int(digest[:8], 16) / 2**32

    if point < test_share:
        return "test"
    return "dev" if point < test_share + dev_share else "train"


def _fault(row: dict[str, Any], seen: dict[str, Any], limit: int) -> str:
    fault = id_fault(row, "query_id")
    if not fault and parse_id(row["query_id"]) in seen:
        return "duplicate query_id"
    if not fault and str(row.get("split") or "train").lower() not in NAMES:
        return f"split not one of {', '.join(SPLITS)}"
    return fault or _text_fault(row, limit)


def _text_fault(row: dict[str, Any], limit: int) -> str:
    try:
        return "" if text_of(row, "query", limit).strip() else "no query"
    except (ValueError, TypeError) as error:
        return str(error)


def read_queries(rows: Rows, config: SplitConfig) -> list[dict[str, Any]]:
    """Queries with a split.

    A text that the data puts in two splits goes to the one that is held out more. Dev and test are
    taken from the train queries where the data names no query for them.

    Args:
        rows: each with ``query_id`` and ``query``, perhaps with ``split``; malformed ones are
            refused in it.
        config: longest text and the shares of dev and test.
    """
    given = {
        NAMES.get(str(row["split"]).lower()) for _, row in rows.good if row.get("split")
    }
    shares = {
        f"{one}_share": 0.0 if one in given else getattr(config, f"{one}_share")
        for one in ("dev", "test")
    }
    seen: dict[str, dict[str, Any]] = {}
    held: dict[str, int] = {}
    for line, row in rows.good:
        fault = _fault(row, seen, config.max_text)
        if fault:
            rows.bad.append(BadRow("queries", line, fault, str(row)[:500]))
            continue

        query = decoded(str(row["query"]))
        split = NAMES[str(row.get("split") or "train").lower()]
        if split == "train":
            split = assign_split(query, **shares)

        # Later splits are held out more.
        text = normalise_query(query)
        held[text] = max(held.get(text, 0), SPLITS.index(split))

        query_id = parse_id(row["query_id"])
        seen[query_id] = {"query_id": query_id, "query": query}

    queries = []
    for _, row in sorted(seen.items()):
        split = SPLITS[held[normalise_query(row["query"])]]
        queries.append({**row, "split": split})
    return queries


def read_requests(
    rows: Rows, queries: list[dict[str, Any]], limit: int
) -> list[dict[str, Any]]:
    """Texts that people wrote and nobody judged, as train queries.

    One that is a query already is left out.

    Args:
        rows: each with ``query``; other columns are not looked at.
        queries: of :func:`read_queries`.
        limit: longest text, in characters.
    """
    known = {normalise_query(query["query"]) for query in queries}
    taken = {query["query_id"] for query in queries}

    found: list[dict[str, Any]] = []
    for line, row in rows.good:
        fault = _text_fault(row, limit)
        if fault:
            rows.bad.append(BadRow("requests", line, fault, str(row)[:500]))
            continue

        written = str(row["query"])
        text = normalise_query(written)
        if text in known:
            continue
        known.add(text)

        # The line's number, or the next that is free.
        number = line
        while f"{REQUEST_PREFIX}{number}" in taken:
            number += 1
        query_id = f"{REQUEST_PREFIX}{number}"
        taken.add(query_id)

        query = decoded(written)
        found.append({"query_id": query_id, "query": query, "split": "train"})
    return found
