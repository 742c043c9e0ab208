"""Judgement lists of search tools and research, and their queries.

They are Quepid's, OpenSearch Search Relevance's, ESCI's and BEIR's.
"""

from __future__ import annotations

from typing import Any

from adore.data.columns import spelt
from adore.data.presets.base import Preset, Row, Shaped, by_columns, has
from adore.data.rows import Rows

__all__ = ["JUDGEMENT_LISTS"]

_RATINGS = ("rating", "label", "grade", "score", "relevance")
_DOC_IDS = ("docid", "doc_id")


def _is_quepid(columns: frozenset[str]) -> bool:
    return {"query", "docid", "rating"} <= columns


def _is_book(columns: frozenset[str]) -> bool:
    judges = columns - {"query", "docid"}
    return (
        {"query", "docid"} <= columns
        and bool(judges)
        and not judges & {spelt(name) for name in _RATINGS}
    )


def _query_text(row: Row) -> Row:
    """Quepid writes a space before a query that a spreadsheet would take for a formula."""
    query = row.get("query")
    return {**row, "query": query.strip()} if isinstance(query, str) else row


def _by_judge(rows: Rows) -> Shaped:
    """One row a judge, of a table with one column a judge."""
    columns = rows.columns()
    names = {
        c: {"query": "query", "docid": "item_id"}.get(spelt(c), "") for c in columns
    }
    judges = [c for c, ours in names.items() if not ours]
    long = []
    for line, row in rows.good:
        pair = {ours: row.get(c) for c, ours in names.items() if ours}
        long += [
            (line, _query_text({**pair, "judge": judge, "label": row.get(judge)}))
            for judge in judges
        ]
    rows.good = long
    became = {c: ours or "label of one judge" for c, ours in names.items()}
    return Shaped(rows, became, [], [f"{len(judges)} judges, one a column"])


def _ratings(row: Row) -> list[tuple[Any, Any]]:
    """Item id and rating of one query's list.

    The list is objects (OpenSearch), or one object by id (Quepid).
    """
    ratings = row.get("ratings")
    if isinstance(ratings, dict):
        return list(ratings.items())
    rows = (
        [one for one in ratings if isinstance(one, dict)]
        if isinstance(ratings, list)
        else []
    )
    return [
        (one.get("docId", one.get("doc_id", one.get("docid"))), one.get("rating"))
        for one in rows
    ]


def _exploded(rows: Rows) -> Shaped:
    columns = rows.columns()
    lists: list[tuple[int, Row]] = []
    for line, row in rows.good:  # a list that was exported as one document
        inner = row.get("judgmentRatings")
        lists += (
            [(line, one) for one in inner if isinstance(one, dict)]
            if isinstance(inner, list)
            else [(line, row)]
        )
    rows.good = [
        (line, {"query": row.get("query"), "item_id": item, "label": rating})
        for line, row in lists
        for item, rating in _ratings(row)
    ]
    became = (
        {"query": "query", "ratings": "item_id and label"}
        if "ratings" in columns
        else {}
    )
    became |= (
        {"judgmentRatings": "query, item_id and label"}
        if "judgmentRatings" in columns
        else {}
    )
    return Shaped(rows, became, [c for c in columns if c not in became])


def _is_rating_list(columns: frozenset[str]) -> bool:
    return {"query", "ratings"} <= columns or "judgmentratings" in columns


def _esci_items(rows: Rows) -> Shaped:
    shaped = by_columns(
        {
            "item_id": "product_id",
            "title": "product_title",
            "description": "product_description",
            "bullet_points": "product_bullet_point",
            "brand": "product_brand",
            "color": "product_color",
        },
        ("product_locale",),
    )
    locales = {row.get("product_locale") for _, row in rows.good} - {None}
    notes = (
        [f"{len(locales)} locales: the id of an item is LOCALE:PRODUCT"]
        if len(locales) > 1
        else []
    )
    if notes:
        rows.good = [(n, {**row, "product_id": _located(row)}) for n, row in rows.good]
    result = shaped(rows)
    for _, row in result.rows.good:
        if isinstance(row.get("bullet_points"), str):
            row["bullet_points"] = [
                line for line in row["bullet_points"].split("\n") if line.strip()
            ]
    result.notes += notes
    return result


def _located(row: Row) -> str:
    return f"{row.get('product_locale')}:{row.get('product_id')}"


def _esci_judgements(rows: Rows) -> Shaped:
    locales = {row.get("product_locale") for _, row in rows.good} - {None}
    if len(locales) > 1:
        rows.good = [(n, {**row, "product_id": _located(row)}) for n, row in rows.good]
    columns = {
        "query_id": "query_id",
        "query": "query",
        "item_id": "product_id",
        "label": "esci_label",
    }
    ignored = (
        "exampleid",
        "productlocale",
        "smallversion",
        "largeversion",
        "source",
        "indexlevel0",
    )
    return by_columns(columns, ignored)(rows)


def _beir_items(rows: Rows) -> Shaped:
    return by_columns(
        {
            "item_id": "_id",
            "title": "title",
            "description": "text",
            "attributes": "metadata",
        }
    )(rows)


JUDGEMENT_LISTS = (
    Preset(
        "quepid",
        "Quepid judgements",
        "judgements",
        _is_quepid,
        by_columns(
            {"query": "query", "item_id": _DOC_IDS, "label": "rating"}, (), _query_text
        ),
    ),
    Preset(
        "quepid-detailed",
        "Quepid detailed export",
        "judgements",
        has("Query Text", "Doc ID", "Rating"),
        by_columns(
            {"query": "Query Text", "item_id": "Doc ID", "label": "Rating"},
            ("*",),
            _query_text,
        ),
    ),
    Preset(
        "quepid-book",
        "Quepid book, one column a judge",
        "judgements",
        _is_book,
        _by_judge,
    ),
    Preset(
        "opensearch",
        "OpenSearch judgement list",
        "judgements",
        _is_rating_list,
        _exploded,
    ),
    Preset(
        "opensearch-queries",
        "OpenSearch query set",
        "requests",
        has("queryText"),
        by_columns({"query": "queryText"}),
    ),
    Preset(
        "esci",
        "ESCI products",
        "items",
        has("product_id", "product_title"),
        _esci_items,
    ),
    Preset(
        "esci",
        "ESCI judgements",
        "judgements",
        has("query", "product_id", "esci_label"),
        _esci_judgements,
    ),
    Preset(
        "beir",
        "BEIR judgements",
        "judgements",
        has("query-id", "corpus-id", "score"),
        by_columns({"query_id": "query-id", "item_id": "corpus-id", "label": "score"}),
    ),
    Preset(
        "beir",
        "BEIR corpus",
        "items",
        has("_id", "title", "text"),
        _beir_items,
        by_name=True,
    ),
    Preset(
        "beir",
        "BEIR queries",
        "queries",
        has("_id", "text", none=("title",)),
        by_columns({"query_id": "_id", "query": "text"}, ("metadata",)),
        by_name=True,
    ),
)
"""First the presets that ask for most. Query sets are requests: texts that nobody judged."""
