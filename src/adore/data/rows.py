"""Rows of the user's files: good ones with their line, bad ones with a reason.

Those left out on purpose are counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

__all__ = ["BadRow", "Rows"]


@dataclass(frozen=True, slots=True)
class BadRow:
    """One row that could not be used, and why."""

    table: str
    line: int
    reason: str
    row: str

    def record(self) -> dict[str, Any]:
        """A row of the ``quarantine`` table; the text is cut to 500 characters."""
        text = self.row.encode("utf-8", "replace").decode("utf-8")
        return {
            "table": self.table,
            "line": self.line,
            "reason": self.reason,
            "row": text[:500],
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

    good: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """Rows that were read, usable or not."""
        return len(self.good) + len(self.bad)

    def refuse(self, table: str, line: int, reason: str, row: dict[str, Any]) -> None:
        """Count one malformed row.

        Args:
            table: what the row was read for.
            line: its number in the file.
            reason: what is wrong with it, as the quarantine says it.
            row: as the file has it; its first 500 characters are kept.
        """
        self.bad.append(BadRow(table, line, reason, str(row)[:500]))

    def columns(self) -> list[str]:
        """Every column name, in the order in which the rows first use it."""
        return list(dict.fromkeys(chain.from_iterable(row for _, row in self.good)))
