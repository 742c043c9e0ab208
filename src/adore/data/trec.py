"""TREC's judgements (qrels) and ranked results (runs).

They are lines of fields between spaces, without a header.
"""

from __future__ import annotations

import re

from adore.data.rows import Row, Rows

__all__ = ["is_trec", "trec_rows"]

QRELS = ("query_id", "iteration", "item_id", "label")
RUN = ("query_id", "iteration", "item_id", "rank", "score", "system")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", re.ASCII)


def _fields(line: str) -> list[str]:
    """The line's fields; a run's name may hold spaces."""
    fields = line.split()
    if len(fields) <= len(RUN):
        return fields
    name = " ".join(fields[5:])
    return [*fields[:5], name]


def _is_row(fields: list[str]) -> bool:
    """Four fields that end in a grade, or six with a rank and a score before the run's name."""
    if len(fields) == len(QRELS):
        _, iteration, _, label = fields
        return iteration in ("0", "Q0", "1") and _is_number(label)

    if len(fields) == len(RUN):
        _, iteration, _, rank, score, _ = fields
        return iteration in ("0", "Q0") and _is_number(rank) and _is_number(score)
    return False


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def is_trec(text: str) -> bool:
    """Whether the first lines are those of a qrels or run file, whatever its name says."""
    rows = 0
    for line in text[:20_000].splitlines()[:20]:
        if not line.strip():
            continue
        if not _is_row(_fields(line)):
            return False
        rows += 1
    return rows > 0


def trec_rows(text: str, table: str) -> Rows:
    """Read qrels or a run.

    Args:
        text: the file.
        table: what bad rows are counted under.

    Returns:
        ``query_id, item_id, label`` of qrels; ``query_id, item_id, score, rank, system`` of a run.
    """
    rows = Rows()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        fields = _fields(line)
        if not _is_row(fields):
            reason = "neither qrels (4 fields) nor a run (6 fields)"
            rows.refuse(table, number, reason, line)
            continue

        names = QRELS if len(fields) == len(QRELS) else RUN
        row: Row = dict(zip(names, fields, strict=True))
        del row["iteration"]
        if "score" in row:
            row["score"] = float(row["score"])
        rows.good.append((number, row))
    return rows
