"""Queries with a split; the same text is never in two splits."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Container, Iterable, Mapping
from types import MappingProxyType

from pydantic import Field

from adore.config import StageConfig
from adore.data.cells import id_fault, parse_id, parse_text
from adore.data.rows import Row, Rows
from adore.entities import decoded

__all__ = [
    "REQUEST_PREFIX",
    "SplitConfig",
    "assign_split",
    "normalise_query",
    "read_queries",
    "text_fault",
]

REQUEST_PREFIX = "request:"
"""What the id of a request begins with."""
NOTHING_FROZEN: Mapping[str, str] = MappingProxyType({})
SPLITS = ("train", "dev", "test")
"""In the order in which they are held out: a text in several splits goes to the last of them."""
NAMES = {
    "train": "train",
    "dev": "dev",
    "val": "dev",
    "valid": "dev",
    "validation": "dev",
    "test": "test",
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
    """Normalise a query: HTML decoded, NFKC, lower case, single spaces.

    Two queries with one normalised text are the same.

    Args:
        query: its text.

    Returns:
        The normalised text.
    """
    return " ".join(unicodedata.normalize("NFKC", decoded(query)).lower().split())


def assign_split(query: str, *, dev_share: float, test_share: float) -> str:
    """Split by the normalised query text alone, so that the same text is never in two splits.

    Args:
        query: its text.
        dev_share: share of all texts that are ``dev``.
        test_share: share of all texts that are ``test``; what both leave is ``train``.

    Returns:
        The name of the split.
    """
    # The text's hash is a point in [0, 1), the same in every run.
    normalised = normalise_query(query)
    digest = hashlib.sha256(f"adore-split|{normalised}".encode()).hexdigest()
    point = int(digest[:8], 16) / 2**32

    if point < test_share:
        return "test"
    if point < test_share + dev_share:
        return "dev"
    return "train"


def _fault(query_row: Row, known: Container[str], limit: int) -> str:
    """Why a row is no usable query, or ``""``."""
    fault = id_fault(query_row, "query_id")
    if fault:
        return fault
    if parse_id(query_row["query_id"]) in known:
        return "duplicate query_id"
    if str(query_row.get("split") or "train").lower() not in NAMES:
        return f"split not one of {', '.join(SPLITS)}"
    return text_fault(query_row, limit)


def text_fault(query_row: Row, limit: int) -> str:
    """Say why a row has no usable text.

    Args:
        query_row: its column ``query`` counts.
        limit: longest text, in characters.

    Returns:
        The reason; ``""`` where the text can be used.
    """
    try:
        query_text = parse_text(query_row, "query", limit)
    except (ValueError, TypeError) as error:
        return str(error)
    return "" if query_text.strip() else "no query"


def _named_splits(query_rows: Iterable[Row]) -> set[str]:
    """The splits that the data itself names."""
    named = set()
    for query_row in query_rows:
        if query_row.get("split"):
            named.add(NAMES.get(str(query_row["split"]).lower(), ""))
    return named


def read_queries(
    rows: Rows, config: SplitConfig, frozen: Mapping[str, str] = NOTHING_FROZEN
) -> list[Row]:
    """Read queries and give each a split.

    A text that the data puts in two splits goes to the one that is held out more. Dev and test are
    taken from the train queries where the data names no query for them. A text that an earlier
    round knew keeps the split that it had there, whatever the data says now.

    Args:
        rows: each with ``query_id`` and ``query``, perhaps with ``split``; malformed ones are
            refused in it.
        config: longest text and the shares of dev and test.
        frozen: normalised text to split, of an earlier round.

    Returns:
        Rows of the ``queries`` table, sorted by id.
    """
    named = _named_splits(query_row for query_row in rows)
    dev_share = 0.0 if "dev" in named else config.dev_share
    test_share = 0.0 if "test" in named else config.test_share

    texts: dict[str, str] = {}
    split_of_text: dict[str, int] = {}
    for line_number, query_row in rows.good:
        fault = _fault(query_row, texts, config.max_text)
        if fault:
            rows.refuse("queries", line_number, fault, query_row)
            continue

        query_text = decoded(str(query_row["query"]))
        split = NAMES[str(query_row.get("split") or "train").lower()]
        if split == "train":
            split = assign_split(query_text, dev_share=dev_share, test_share=test_share)

        # Later splits are held out more.
        normalised = normalise_query(query_text)
        earlier = split_of_text.get(normalised, 0)
        split_of_text[normalised] = max(earlier, SPLITS.index(split))
        texts[parse_id(query_row["query_id"])] = query_text

    queries = []
    for query_id, query_text in sorted(texts.items()):
        normalised = normalise_query(query_text)
        split = frozen.get(normalised) or SPLITS[split_of_text[normalised]]
        queries.append({"query_id": query_id, "query": query_text, "split": split})
    return queries
