"""Judgement lists of search tools and research, and their queries.

They are Quepid's, OpenSearch Search Relevance's, ESCI's and BEIR's.
"""

from __future__ import annotations

from collections.abc import Iterator

from adore.data.columns import normalise_name
from adore.data.presets.base import (
    ConvertedRows,
    Preset,
    has_columns,
    map_values,
    renaming,
)
from adore.data.rows import NumberedRow, Row, Rows

__all__ = ["JUDGEMENT_LISTS"]

_RATINGS = ("rating", "label", "grade", "score", "relevance")
_DOC_IDS = ("docid", "doc_id")
_JSON_DOC_IDS = ("docId", "doc_id", "docid")
_BOOK_COLUMNS = {"query": "query", "docid": "item_id"}


def _is_quepid(columns: frozenset[str]) -> bool:
    return {"query", "docid", "rating"} <= columns


def _is_quepid_book(columns: frozenset[str]) -> bool:
    judges = columns - {"query", "docid"}
    return (
        {"query", "docid"} <= columns and bool(judges) and judges.isdisjoint(_RATINGS)
    )


def _strip_query(source_row: Row) -> Row:
    """Quepid writes a space before a query that a spreadsheet would take for a formula."""
    query = source_row.get("query")
    if not isinstance(query, str):
        return source_row
    return {**source_row, "query": query.strip()}


def _melt_judges(file_rows: Rows) -> ConvertedRows:
    """One row a judge, of a table with one column a judge."""
    column_names = {}
    judges = []
    became = {}
    for column in file_rows.columns():
        ours = _BOOK_COLUMNS.get(normalise_name(column))
        if ours:
            column_names[column] = ours
        else:
            judges.append(column)
        became[column] = ours or "label of one judge"

    judgements = []
    for line_number, source_row in file_rows.good:
        pair = _strip_query(map_values(source_row, column_names))
        for judge in judges:
            judgement = {**pair, "judge": judge, "label": source_row.get(judge)}
            judgements.append((line_number, judgement))
    file_rows.good = judgements
    return ConvertedRows(file_rows, became, [], [f"{len(judges)} judges, one a column"])


def _ratings(source_row: Row) -> Iterator[tuple[object, object]]:
    """Item id and rating of one query's list."""
    # The list is objects (OpenSearch), or one object by id (Quepid).
    ratings = source_row.get("ratings")
    if isinstance(ratings, dict):
        yield from ratings.items()
    if not isinstance(ratings, list):
        return

    for rating in ratings:
        if not isinstance(rating, dict):
            continue
        item_ids = [rating[name] for name in _JSON_DOC_IDS if name in rating]
        yield item_ids[0] if item_ids else None, rating.get("rating")


def _rating_lists(good: list[NumberedRow]) -> Iterator[NumberedRow]:
    """One row a query, also of a list that was exported as one document."""
    for line_number, source_row in good:
        inner = source_row.get("judgmentRatings")
        if not isinstance(inner, list):
            yield line_number, source_row
            continue
        for of_query in inner:
            if isinstance(of_query, dict):
                yield line_number, of_query


def _explode_ratings(file_rows: Rows) -> ConvertedRows:
    """One row a rating, of one list a query."""
    columns = file_rows.columns()
    judgements: list[NumberedRow] = []
    for line_number, source_row in _rating_lists(file_rows.good):
        for item_id, rating in _ratings(source_row):
            judgement = {
                "query": source_row.get("query"),
                "item_id": item_id,
                "label": rating,
            }
            judgements.append((line_number, judgement))
    file_rows.good = judgements

    became = {}
    if "ratings" in columns:
        became["query"] = "query"
        became["ratings"] = "item_id and label"
    if "judgmentRatings" in columns:
        became["judgmentRatings"] = "query, item_id and label"
    dropped = [column for column in columns if column not in became]
    return ConvertedRows(file_rows, became, dropped)


def _is_rating_list(columns: frozenset[str]) -> bool:
    return {"query", "ratings"} <= columns or "judgmentratings" in columns


_CONVERT_ESCI_ITEMS = renaming(
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
_CONVERT_ESCI_JUDGEMENTS = renaming(
    {
        "query_id": "query_id",
        "query": "query",
        "item_id": "product_id",
        "label": "esci_label",
    },
    (
        "exampleid",
        "productlocale",
        "smallversion",
        "largeversion",
        "source",
        "indexlevel0",
    ),
)


def _convert_esci_items(file_rows: Rows) -> ConvertedRows:
    locales = _locate_products(file_rows)
    converted = _CONVERT_ESCI_ITEMS(file_rows)
    for source_row in converted.rows:
        bullets = source_row.get("bullet_points")
        if isinstance(bullets, str):
            lines = bullets.split("\n")
            source_row["bullet_points"] = [
                line_number for line_number in lines if line_number.strip()
            ]

    if locales > 1:
        file_note = f"{locales} locales: the id of an item is LOCALE:PRODUCT"
        converted.notes.append(file_note)
    return converted


def _convert_esci_judgements(file_rows: Rows) -> ConvertedRows:
    _locate_products(file_rows)
    return _CONVERT_ESCI_JUDGEMENTS(file_rows)


def _locate_products(file_rows: Rows) -> int:
    """Make ids unique where a table has several locales, and count the locales."""
    locales = {source_row.get("product_locale") for source_row in file_rows}
    locales.discard(None)
    if len(locales) <= 1:
        return len(locales)

    # One id may be another product in another locale.
    for source_row in file_rows:
        locale = source_row.get("product_locale")
        product = source_row.get("product_id")
        source_row["product_id"] = f"{locale}:{product}"
    return len(locales)


JUDGEMENT_LISTS = (
    Preset(
        "quepid",
        "Quepid judgements",
        "judgements",
        _is_quepid,
        renaming(
            {"query": "query", "item_id": _DOC_IDS, "label": "rating"}, (), _strip_query
        ),
    ),
    Preset(
        "quepid-detailed",
        "Quepid detailed export",
        "judgements",
        has_columns("Query Text", "Doc ID", "Rating"),
        renaming(
            {"query": "Query Text", "item_id": "Doc ID", "label": "Rating"},
            ("*",),
            _strip_query,
        ),
    ),
    Preset(
        "quepid-book",
        "Quepid book, one column a judge",
        "judgements",
        _is_quepid_book,
        _melt_judges,
    ),
    Preset(
        "opensearch",
        "OpenSearch judgement list",
        "judgements",
        _is_rating_list,
        _explode_ratings,
    ),
    Preset(
        "opensearch-queries",
        "OpenSearch query set",
        "requests",
        has_columns("queryText"),
        renaming({"query": "queryText"}),
    ),
    Preset(
        "esci",
        "ESCI products",
        "items",
        has_columns("product_id", "product_title"),
        _convert_esci_items,
    ),
    Preset(
        "esci",
        "ESCI judgements",
        "judgements",
        has_columns("query", "product_id", "esci_label"),
        _convert_esci_judgements,
    ),
    Preset(
        "beir",
        "BEIR judgements",
        "judgements",
        has_columns("query-id", "corpus-id", "score"),
        renaming({"query_id": "query-id", "item_id": "corpus-id", "label": "score"}),
    ),
    Preset(
        "beir",
        "BEIR corpus",
        "items",
        has_columns("_id", "title", "text"),
        renaming(
            {
                "item_id": "_id",
                "title": "title",
                "description": "text",
                "attributes": "metadata",
            }
        ),
        by_name=True,
    ),
    Preset(
        "beir",
        "BEIR queries",
        "queries",
        has_columns("_id", "text", none=("title",)),
        renaming({"query_id": "_id", "query": "text"}, ("metadata",)),
        by_name=True,
    ),
)
"""First the presets that need most columns. Query sets are requests: texts that nobody judged."""
