"""TREC's judgements (qrels) and ranked results (runs).

They are lines of fields between spaces, without a header.
"""

from __future__ import annotations

import re
from typing import Any

from adore.data.rows import BadRow, Rows

__all__ = ["is_trec", "trec_rows"]

QRELS = ("query_id", "iteration", "item_id", "label")
RUN = ("query_id", "iteration", "item_id", "rank", "score", "system")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", re.ASCII)


def _fields(line: str) -> list[str]:
    fields = line.split()
    return [*fields[:5], " ".join(fields[5:])] if len(fields) > 6 else fields


def _is_row(line: str) -> bool:
    """Four fields that end in a grade, or six with a rank and a score before the run's name."""
    fields = _fields(line)
    if len(fields) == len(QRELS):
        return bool(_NUMBER.fullmatch(fields[3])) and fields[1] in ("0", "Q0", "1")
    return (
        len(fields) == len(RUN)
        and fields[1] in ("Q0", "0")
        and all(map(_NUMBER.fullmatch, fields[3:5]))
    )


def is_trec(text: str) -> bool:
    """Whether the first lines are those of a qrels or run file, whatever its name says."""
    lines = [line for line in text[:20_000].splitlines()[:20] if line.strip()]
    return bool(lines) and all(map(_is_row, lines))


def trec_rows(text: str, table: str) -> Rows:
    """``query_id, item_id, label`` of qrels; ``query_id, item_id, score, rank, system`` of a run.

    Args:
        text: the file.
        table: what bad rows are counted under.
    """
    rows = Rows()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        if not _is_row(line):
            rows.bad.append(
                BadRow(
                    table,
                    number,
                    "neither qrels (4 fields) nor a run (6 fields)",
                    line[:500],
                )
            )
            continue
        fields = _fields(line)
        row: dict[str, Any] = dict(
            zip(QRELS if len(fields) == len(QRELS) else RUN, fields, strict=True)
        )
        del row["iteration"]
        if "score" in row:
            row["score"] = float(row["score"])
        rows.good.append((number, row))
    return rows
