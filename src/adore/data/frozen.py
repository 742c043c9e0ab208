"""What a round takes over from an earlier one: the split of every text, and its requests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from adore.artifacts import read_table
from adore.data.queries import REQUEST_PREFIX, SPLITS, normalise_query
from adore.data.rows import Row
from adore.errors import check

__all__ = ["Frozen", "read_frozen"]


@dataclass(frozen=True, slots=True)
class Frozen:
    """Texts that an earlier round knew.

    Attributes:
        splits: normalised text to split.
        requests: normalised text to the row of ``queries``, of texts that became requests.
    """

    splits: dict[str, str] = field(default_factory=dict)
    requests: dict[str, Row] = field(default_factory=dict)

    def held_out(self) -> list[str]:
        """Normalised texts that never teach."""
        return [text for text, split in self.splits.items() if split != "train"]

    def with_queries(self, queries: Iterable[Row]) -> list[Row]:
        """Add this round's queries, for the round after it.

        Args:
            queries: rows of the ``queries`` table.

        Returns:
            Rows of the ``splits`` table: a text that vanishes keeps its split for ever.
        """
        splits = dict(self.splits)
        for query_row in queries:
            splits.setdefault(normalise_query(query_row["query"]), query_row["split"])
        return [
            {"text": text, "split": split} for text, split in sorted(splits.items())
        ]


def read_frozen(prepared: Path | None) -> Frozen:
    """Read what an earlier round knew.

    Args:
        prepared: output of its ``prepare``; None: there was none.

    Returns:
        Its texts.

    Raises:
        MissingError: the folder has no such tables.
        DataError: a table cannot be read.
    """
    if prepared is None:
        return Frozen()
    splits = {}
    for text, split in read_table(prepared, "splits").iter_rows():
        check(
            split in SPLITS,
            f"split of {text!r} in prepare.frozen",
            split,
            must=f"one of {', '.join(SPLITS)}",
            fix="name the output of an earlier prepare",
        )
        splits[text] = split

    requests = {}
    for query_row in read_table(prepared, "queries").iter_rows(named=True):
        if query_row["query_id"].startswith(REQUEST_PREFIX):
            requests[normalise_query(query_row["query"])] = query_row
    return Frozen(splits, requests)
