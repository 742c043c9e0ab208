"""What each column of a file becomes: one of ours, an attribute, or nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from adore.data.rows import Rows
from adore.errors import ConfigError, DataError, check

__all__ = [
    "COLUMNS",
    "NEEDED",
    "Columns",
    "check_column_map",
    "describe_columns",
    "normalise_name",
    "rename_columns",
    "require_columns",
]

COLUMNS: dict[str, tuple[str, ...]] = {
    "items": (
        "item_id", "title", "brand", "category", "description", "bullet_points", "attributes",
    ),
    "queries": ("query_id", "query", "split"),
    "searches": ("query_id", "user_query", "client_id", "timestamp", "query_response_hit_ids"),
    "requests": ("query",),
    "judgements": ("query_id", "query", "item_id", "label", "grade", "judge", "split"),
    "truth": ("query_id", "item_id", "label", "grade"),
    "events": (
        "event_id", "query_id", "user_query", "session_id", "client_id", "action_name", "timestamp",
        "object_id", "position", "event_attributes",
    ),
    "exposures": (
        "exposure_id", "query_id", "user_query", "session_id", "client_id", "timestamp",
        "item_ids", "first_pair",
    ),
    "pairs": ("query_id", "query", "item_id"),
    "scores": ("query_id", "query", "item_id", "score", "grade", "system"),
}  # fmt: skip
"""The columns that are read of each table. Only items keep others, as attributes."""
NEEDED: dict[str, tuple[str | tuple[str, ...], ...]] = {
    "items": ("item_id", "title"),
    "queries": ("query_id", "query"),
    "searches": ("query_id", "user_query"),
    "requests": ("query",),
    "judgements": (("query_id", "query"), "item_id", ("label", "grade")),
    "truth": ("query_id", "item_id", ("label", "grade")),
    "events": ("action_name", "timestamp"),
    "exposures": ("exposure_id", "client_id", "timestamp", "item_ids"),
    "pairs": (("query_id", "query"), "item_id"),
    "scores": (("query_id", "query"), "item_id", "score"),
}
"""Columns that a table cannot do without; of a tuple, one is enough."""
_SYNONYMS = {
    "item_id": (
        "id sku product_id doc_id asin article article_number artikelnummer object_id "
        "handle ean"
    ),
    "title": "name product_title product_name titel bezeichnung label heading",
    "query_id": "qid search_id queryid query_number",
    "query": "user_query text keyword keywords search_term searchterm suchbegriff phrase querytext",
    "label": "rating relevance grade judgement judgment score esci_label gain relevance_label",
    "score": "relevance rank_score prediction similarity",
    "client_id": "user_id visitor_id cookie_id anonymous_id",
    "action_name": "action event event_name event_type type",
    "timestamp": "time ts event_time created_at date datetime",
    "item_ids": "items ranking results",
}


def normalise_name(name: str) -> str:
    """Letters and digits in lower case: ``Item ID``, ``item-id`` and ``itemId`` are one name."""
    return "".join(filter(str.isalnum, name.lower()))


@dataclass(slots=True)
class Columns:
    """What became of the columns of one table's file.

    Attributes:
        became: the file's column to ours, or to an attribute's name.
        ignored: columns that say nothing of what the table is read for.
        preset: title of the preset that read them, if any.
    """

    became: dict[str, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    preset: str = ""


def _matching(columns: Iterable[str], table_name: str) -> dict[str, str]:
    """The file's columns that are ours in another spelling, where no column has the very name."""
    names = list(columns)

    our_names = {}
    for our_name in COLUMNS[table_name]:
        if our_name not in names:
            our_names[normalise_name(our_name)] = our_name

    matching = {}
    for theirs in names:
        our_name = our_names.get(normalise_name(theirs), "")
        if our_name:
            matching[theirs] = our_name
    return matching


def rename_columns(
    rows: Rows,
    table_name: str,
    own_columns: Mapping[str, str],
    file_name: str,
    columns: list[str],
) -> dict[str, str]:
    """Give the columns our names, in place.

    Args:
        rows: of the table.
        table_name: its name.
        own_columns: our name (or an attribute's) to the file's, as the shop maps them.
        file_name: its name, for the error.
        columns: of the file.

    Returns:
        The file's name of every column to its new one; unchanged ones too.

    Raises:
        ConfigError: the shop maps a column that is not there.
    """
    absent = [theirs for theirs in own_columns.values() if theirs not in columns]
    if absent and rows.good:
        raise ConfigError(
            f"dataset.yaml columns.{table_name} == {absent}, "
            f"must be columns of {file_name}: {columns}; correct their names"
        )

    renamed = _matching(columns, table_name)
    for our_name, theirs in own_columns.items():
        renamed[theirs] = our_name

    names = {}
    new_names = set(renamed.values())
    for column in columns:
        if column in renamed:
            names[column] = renamed[column]
        elif column in new_names:  # another column has become this one
            names[column] = f"{column} (file)"
        else:
            names[column] = column
    for theirs, our_name in renamed.items():
        names.setdefault(theirs, our_name)

    changed = any(theirs != our_name for theirs, our_name in names.items())
    if changed:
        for index, (line_number, source_row) in enumerate(rows.good):
            renamed_row = {names[column]: value for column, value in source_row.items()}
            rows.good[index] = (line_number, renamed_row)
    return names


def require_columns(
    columns: Iterable[str],
    table_name: str,
    file_name: str,
    original: Iterable[str] | None = None,
) -> None:
    """Refuse a table that lacks a column, once, with what might be meant.

    Args:
        columns: by our names.
        table_name: its name.
        file_name: its name.
        original: the columns as the file has them.

    Raises:
        DataError: names every missing column and its candidates.
    """
    known = set(columns)
    in_file = list(columns if original is None else original)

    missing = []
    for alternatives_needed in NEEDED.get(table_name, ()):
        alternatives = (
            (alternatives_needed,)
            if isinstance(alternatives_needed, str)
            else alternatives_needed
        )
        if known.isdisjoint(alternatives):
            missing.append(alternatives)
    if not missing:
        return

    hints = []
    guesses = []
    for alternatives in missing:
        candidates = _candidates(alternatives, in_file)
        if candidates:
            hints.append(f"{alternatives[0]}: {', '.join(candidates)}")
            guesses.append(f"{alternatives[0]}: {candidates[0]}")

    hint_text = ""
    if hints:
        hint_text = "; candidates: " + "; ".join(hints)
    else:
        guesses.append(f"{missing[0][0]}: THEIR_NAME")

    names = ", ".join(map(" or ".join, missing))
    raise DataError(
        f"columns of {file_name} == {in_file[:40]}, must be with {names}{hint_text}; "
        f"map them in dataset.yaml, as in columns: {{{table_name}: {{{', '.join(guesses)}}}}}"
    )


def _candidates(group: tuple[str, ...], columns: list[str]) -> list[str]:
    """Columns that may be meant, likeliest first."""
    spellings = []
    for our_name in group:
        spellings.append(normalise_name(our_name))
        synonyms = _SYNONYMS.get(our_name, "").split()
        spellings += map(normalise_name, synonyms)

    # Exact names first, then similar ones, then columns that contain a name. Reversed, so that
    # of two columns with one spelling the first wins.
    by_name = {normalise_name(column): column for column in reversed(columns)}
    likely = []
    for spelling in spellings:
        if spelling in by_name:
            likely.append(by_name[spelling])

    for spelling in spellings[:6]:
        for close_name in difflib.get_close_matches(spelling, by_name, 2, 0.75):
            likely.append(by_name[close_name])

    long_words = [spelling for spelling in spellings if len(spelling) > 2]
    for column in columns:
        normalised = normalise_name(column)
        if any(spelling in normalised for spelling in long_words):
            likely.append(column)
    return list(dict.fromkeys(likely))[:4]


def describe_columns(
    names: Mapping[str, str], table_name: str, attributes: Iterable[str] = ()
) -> Columns:
    """Say what became of a table's columns.

    Args:
        names: from :func:`rename_columns`.
        table_name: its name.
        attributes: the only columns that become attributes, if the shop named some.

    Returns:
        The columns that are read and those that are ignored.
    """
    chosen = set(attributes)
    columns = Columns()
    for theirs, our_name in names.items():
        is_attribute = table_name == "items" and (not chosen or our_name in chosen)
        if is_attribute or our_name in COLUMNS[table_name]:
            columns.became[theirs] = our_name
        else:
            columns.ignored.append(theirs)
    return columns


def check_column_map(own_columns: Mapping[str, Mapping[str, str]]) -> None:
    """Refuse a map of a table that does not exist.

    Args:
        own_columns: by table, our column to the file's; from ``dataset.yaml``.

    Raises:
        ConfigError: it maps a table that does not exist.
    """
    unknown = sorted(set(own_columns) - set(COLUMNS))
    check(
        not unknown,
        "dataset.yaml columns",
        unknown,
        must=f"of tables {sorted(COLUMNS)}",
        fix="rename them",
    )
