"""Rows of a judgements file to one grade a pair."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from adore.data.cells import parse_id, there
from adore.data.dataset import DatasetInfo
from adore.data.judges import AggregatedJudgements, Pair, aggregate_judgements
from adore.data.labels import LabelScale, infer_scale
from adore.data.rows import Rows
from adore.data.searches import QueryFinder, text_id

__all__ = ["grade_rows", "queries_of_judgements", "read_label", "resolve_query_id"]


def read_label(row: dict[str, Any]) -> object:
    """A judgement's label; ``grade`` where there is none."""
    label = row.get("label")
    if not there(label) and "grade" in row:
        return row["grade"]
    return label


def resolve_query_id(row: dict[str, Any], finder: QueryFinder | None = None) -> str:
    """The query of a row, by its id or by its text.

    Args:
        row: of a judgements file, with our column names.
        finder: of the shop's queries; None: the row's own id counts, or that of its text.

    Returns:
        ``""`` if the row has neither id nor text, or the shop has no such query.
    """
    query_id = parse_id(row.get("query_id"))
    text = row.get("query")
    if not isinstance(text, str):
        text = ""

    if finder is None:
        if query_id or not text.strip():
            return query_id
        return text_id(text)

    # An id that the shop knows decides; the text is asked only where it does not.
    if query_id and finder.find(query_id, ""):
        text = ""
    return finder.find(query_id, text)


def queries_of_judgements(rows: Rows) -> Rows:
    """Queries as the judgements tell them: an id, a text and perhaps a split; one row a query."""
    queries: dict[str, dict[str, Any]] = {}
    for _, row in rows.good:
        text = row.get("query")
        if not isinstance(text, str) or not text.strip():
            continue
        query_id = resolve_query_id(row)
        split = {"split": row["split"]} if there(row.get("split")) else {}
        queries.setdefault(query_id, {"query_id": query_id, "query": text, **split})
    return Rows(list(enumerate(queries.values(), 1)))


def grade_rows(
    rows: Rows,
    table: str,
    info: DatasetInfo,
    finder: QueryFinder,
    items: Collection[str],
    file: str,
) -> tuple[LabelScale, AggregatedJudgements]:
    """One grade a pair.

    Rows without an id are refused; unrated and unknown ones are left out and counted.

    Args:
        rows: with our column names.
        table: ``judgements`` or ``truth``.
        info: the label map and how judges are joined.
        finder: of the shop's queries.
        items: ids of the catalogue.
        file: its name, for errors.

    Raises:
        DataError: a label is not on the scale, or judges disagree and nobody said how to join them.
    """
    ours = table == "truth"
    scale = infer_scale(
        (read_label(row) for _, row in rows.good), info, file, ours=ours
    )
    graded: dict[Pair, list[int]] = defaultdict(list)
    for line, row in rows.good:
        grade = scale.grade(read_label(row))
        if grade is None:
            rows.left_out["not rated"] += 1
            continue

        item_id = parse_id(row.get("item_id")).strip()
        query = (
            parse_id(row.get("query_id")).strip() or str(row.get("query") or "").strip()
        )
        if not query or not item_id:
            reason = "no query_id" if not query else "no item_id"
            rows.refuse(table, line, reason, row)
            continue

        query_id = resolve_query_id(row, finder)
        if not query_id:
            rows.left_out["of a query that is not among the queries"] += 1
        elif item_id not in items:
            rows.left_out["of an item that is not in the catalogue"] += 1
        else:
            graded[query_id, item_id].append(grade)
    return scale, aggregate_judgements(
        graded, "majority" if ours else info.judges, file
    )
