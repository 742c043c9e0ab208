"""Rows of a judgements file to one grade a pair."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from adore.data.cells import has_value, parse_id
from adore.data.dataset import DatasetInfo
from adore.data.judges import AggregatedJudgements, Pair, aggregate_judgements
from adore.data.labels import LabelScale, infer_scale
from adore.data.rows import Row, Rows
from adore.data.searches import QueryFinder, text_id

__all__ = ["grade_rows", "queries_of_judgements", "read_label", "resolve_query_id"]


def read_label(judgement_row: Row) -> object:
    """Read a judgement's label; ``grade`` where there is none."""
    label = judgement_row.get("label")
    if not has_value(label) and "grade" in judgement_row:
        return judgement_row["grade"]
    return label


def resolve_query_id(judgement_row: Row, finder: QueryFinder | None = None) -> str:
    """Find the query of a row, by its id or by its text.

    Args:
        judgement_row: of a judgements file, with our column names.
        finder: of the shop's queries; None: the row's own id counts, or that of its text.

    Returns:
        ``""`` if the row has neither id nor text, or the shop has no such query.
    """
    query_id = parse_id(judgement_row.get("query_id"))
    query_text = judgement_row.get("query")
    if not isinstance(query_text, str):
        query_text = ""

    if finder is None:
        if query_id or not query_text.strip():
            return query_id
        return text_id(query_text)

    # An id that the shop knows decides; the text counts only where it does not.
    if query_id and finder.find(query_id, ""):
        query_text = ""
    return finder.find(query_id, query_text)


def queries_of_judgements(rows: Rows) -> Rows:
    """Collect the queries that judgements name: an id, a text and perhaps a split.

    Args:
        rows: of a judgements file, with our column names.

    Returns:
        One row a query, as a file of queries would have it.
    """
    queries: dict[str, Row] = {}
    for judgement_row in rows:
        query_text = judgement_row.get("query")
        if not isinstance(query_text, str) or not query_text.strip():
            continue

        query_id = resolve_query_id(judgement_row)
        query_row: Row = {"query_id": query_id, "query": query_text}
        if has_value(judgement_row.get("split")):
            query_row["split"] = judgement_row["split"]
        queries.setdefault(query_id, query_row)
    return Rows(list(enumerate(queries.values(), 1)))


def grade_rows(
    rows: Rows,
    table_name: str,
    info: DatasetInfo,
    finder: QueryFinder,
    item_ids: Collection[str],
    file_name: str,
) -> tuple[LabelScale, AggregatedJudgements]:
    """Read one grade a pair.

    Rows without an id are refused; unrated and unknown ones are left out and counted.

    Args:
        rows: with our column names.
        table_name: ``judgements`` or ``truth``.
        info: the label map and how judgements are aggregated.
        finder: of the shop's queries.
        item_ids: ids of the catalogue.
        file_name: its name, for errors.

    Returns:
        The scale of the labels, and the grades.

    Raises:
        DataError: a label is not on the scale, or judges disagree and the shop does not
            say how their judgements are aggregated.
    """
    is_truth = table_name == "truth"
    labels = [read_label(judgement_row) for judgement_row in rows]
    scale = infer_scale(labels, info, file_name, ours=is_truth)

    grades: dict[Pair, list[int]] = defaultdict(list)
    for (line_number, judgement_row), label in zip(rows.good, labels, strict=True):
        grade = scale.grade(label)
        if grade is None:
            rows.left_out["not rated"] += 1
            continue

        has_query = (
            parse_id(judgement_row.get("query_id")).strip()
            or str(judgement_row.get("query") or "").strip()
        )
        if not has_query:
            rows.refuse(table_name, line_number, "no query_id", judgement_row)
            continue
        item_id = parse_id(judgement_row.get("item_id")).strip()
        if not item_id:
            rows.refuse(table_name, line_number, "no item_id", judgement_row)
            continue

        query_id = resolve_query_id(judgement_row, finder)
        if not query_id:
            rows.left_out["of a query that is not among the queries"] += 1
        elif item_id not in item_ids:
            rows.left_out["of an item that is not in the catalogue"] += 1
        else:
            grades[query_id, item_id].append(grade)

    method = "majority" if is_truth else info.judges
    return scale, aggregate_judgements(grades, method, file_name)
