"""Rows of the user's files: usable ones with their line, malformed ones with a reason.

Rows that are left out on purpose are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

__all__ = ["BadRow", "NumberedRow", "Row", "Rows"]

Row = dict[str, Any]
"""One row by column: JSON values of a user's file, which nobody has validated yet."""
NumberedRow = tuple[int, Row]
"""The number of a row's line in its file, and the row."""
QUOTED_CHARACTERS = 500
"""Characters of a malformed row that the quarantine keeps."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """One row that could not be used, and why."""

    table: str
    line: int
    reason: str
    row: str

    def to_row(self) -> Row:
        """A row of the ``quarantine`` table; the text is cut to 500 characters."""
        # Lone surrogates, which stand for broken bytes, fit into no table.
        text = self.row.encode("utf-8", "replace").decode("utf-8")
        return {
            "table": self.table,
            "line": self.line,
            "reason": self.reason,
            "row": text[:QUOTED_CHARACTERS],
        }


@dataclass(slots=True)
class Rows:
    """What one table's files hold.

    Attributes:
        good: usable rows with their line numbers.
        bad: malformed rows; too many of them stop a run.
        left_out: rows that are well formed but not about this shop's queries and items, counted
            by reason.
    """

    good: list[NumberedRow] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def __iter__(self) -> Iterator[Row]:
        """Iterate over the usable rows, without their lines."""
        for _, row in self.good:
            yield row

    @property
    def total(self) -> int:
        """Number of rows that were read, usable or not."""
        return len(self.good) + len(self.bad)

    def refuse(self, table: str, line: int, reason: str, row: object) -> None:
        """Count one malformed row.

        Args:
            table: what the row was read for.
            line: its number in the file.
            reason: what is wrong with it, as the quarantine says it.
            row: as the file has it; its first 500 characters are kept.
        """
        text = str(row)[:QUOTED_CHARACTERS]
        self.bad.append(BadRow(table, line, reason, text))

    def columns(self) -> list[str]:
        """Every column name, in the order in which the rows first use it."""
        names = chain.from_iterable(self)
        return list(dict.fromkeys(names))
