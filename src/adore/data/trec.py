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
        _, iteration, _, rank_text, score_text, _ = fields
        return (
            iteration in ("0", "Q0")
            and _is_number(rank_text)
            and _is_number(score_text)
        )
    return False


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def is_trec(text: str) -> bool:
    """Whether the first lines are those of a qrels or run file, whatever its name says."""
    trec_rows_seen = 0
    for text_line in text[:20_000].splitlines()[:20]:
        if not text_line.strip():
            continue
        if not _is_row(_fields(text_line)):
            return False
        trec_rows_seen += 1
    return trec_rows_seen > 0


def trec_rows(text: str, table_name: str) -> Rows:
    """Read qrels or a run.

    Args:
        text: the file.
        table_name: what bad rows are counted under.

    Returns:
        ``query_id, item_id, label`` of qrels; ``query_id, item_id, score, rank, system`` of a run.
    """
    rows = Rows()
    for line_number, text_line in enumerate(text.splitlines(), 1):
        if not text_line.strip():
            continue
        fields = _fields(text_line)
        if not _is_row(fields):
            reason = "neither qrels (4 fields) nor a run (6 fields)"
            rows.refuse(table_name, line_number, reason, text_line)
            continue

        names = QRELS if len(fields) == len(QRELS) else RUN
        trec_row: Row = dict(zip(names, fields, strict=True))
        del trec_row["iteration"]  # nobody uses it, trec_eval neither
        if "score" in trec_row:
            trec_row["score"] = float(trec_row["score"])
        rows.good.append((line_number, trec_row))
    return rows
