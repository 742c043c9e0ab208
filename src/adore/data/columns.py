"""What each column of a file becomes: one of ours, an attribute, or nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from adore.data.rows import Rows
from adore.errors import ConfigError, DataError, check

__all__ = [
    "COLUMNS",
    "NEEDED",
    "Columns",
    "check_column_map",
    "describe_columns",
    "require",
    "resolve",
    "spelt",
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
        "item_ids",
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


def spelt(name: str) -> str:
    """``Item ID``, ``item-id`` and ``itemId`` are one name: letters and digits, lower case."""
    return "".join(c for c in name.lower() if c.isalnum())


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


def _matching(columns: Iterable[str], table: str) -> dict[str, str]:
    """The file's columns that are ours in another spelling, where no column has the very name."""
    names = list(columns)

    ours = {}
    for name in COLUMNS[table]:
        if name not in names:
            ours[spelt(name)] = name

    matching = {}
    for theirs in names:
        name = ours.get(spelt(theirs), "")
        if name:
            matching[theirs] = name
    return matching


def resolve(
    rows: Rows, table: str, own: Mapping[str, str], file: str, columns: list[str]
) -> dict[str, str]:
    """Give the columns our names, in place.

    Args:
        rows: of the table.
        table: its name.
        own: our name (or an attribute's) to the file's, as the shop maps them.
        file: its name, for the error.
        columns: of the file.

    Returns:
        The file's name of every column to its new one; unchanged ones too.

    Raises:
        ConfigError: the shop maps a column that is not there.
    """
    absent = [theirs for theirs in own.values() if theirs not in columns]
    if absent and rows.good:
        raise ConfigError(
            f"dataset.yaml columns.{table} == {absent}, must be columns of {file}: {columns}; "
            "correct their names"
        )
    renamed = {
        **_matching(columns, table),
        **{theirs: ours for ours, theirs in own.items()},
    }
    taken = set(renamed.values())
    moved = {
        name: f"{name} (file)"
        for name in columns
        if name in taken and name not in renamed
    }
    names = {**{name: name for name in columns}, **renamed, **moved}
    if any(old != new for old, new in names.items()):
        rows.good = [
            (line, {names[name]: value for name, value in row.items()})
            for line, row in rows.good
        ]
    return names


def require(
    columns: Iterable[str], table: str, file: str, original: Iterable[str] | None = None
) -> None:
    """Refuse a table that lacks a column, once, with what might be meant.

    Args:
        columns: by our names.
        table: its name.
        file: its name.
        original: the columns as the file has them.

    Raises:
        DataError: names every missing column and its candidates.
    """
    there = set(columns)
    shown = list(original if original is not None else columns)
    groups = [
        (need,) if isinstance(need, str) else need for need in NEEDED.get(table, ())
    ]
    missing = [group for group in groups if not there & set(group)]
    if not missing:
        return
    names = ", ".join(" or ".join(group) for group in missing)
    candidates = {group[0]: _candidates(group, shown) for group in missing}
    guessed = {name: theirs for name, theirs in candidates.items() if theirs}
    guess = (
        ", ".join(f"{name}: {theirs[0]}" for name, theirs in guessed.items())
        or f"{missing[0][0]}: THEIR_NAME"
    )
    hint = (
        "; candidates: "
        + "; ".join(f"{name}: {', '.join(theirs)}" for name, theirs in guessed.items())
        if guessed
        else ""
    )
    raise DataError(
        f"columns of {file} == {shown[:40]}, must be with {names}{hint}; "
        f"map them in dataset.yaml, as in columns: {{{table}: {{{guess}}}}}"
    )


def _candidates(group: tuple[str, ...], columns: list[str]) -> list[str]:
    """Columns that may be meant, likeliest first."""
    words = []
    for name in group:
        synonyms = _SYNONYMS.get(name, "").split()
        words += [spelt(word) for word in (name, *synonyms)]

    by_name = {spelt(column): column for column in reversed(columns)}
    likely = [by_name[word] for word in words if word in by_name]

    for word in words[:6]:
        near = difflib.get_close_matches(word, by_name, 2, 0.75)
        likely += [by_name[one] for one in near]

    long_words = [word for word in words if len(word) > 2]
    for column in columns:
        if any(word in spelt(column) for word in long_words):
            likely.append(column)
    return list(dict.fromkeys(likely))[:4]


def describe_columns(
    names: Mapping[str, str], table: str, attributes: Iterable[str] = ()
) -> Columns:
    """What became of a table's columns, for people.

    Args:
        names: from :func:`resolve`.
        table: its name.
        attributes: the only columns that become attributes, if the shop named some.
    """
    chosen = set(attributes)
    columns = Columns()
    for theirs, ours in names.items():
        kept = ours in COLUMNS[table] or (
            table == "items" and (not chosen or ours in chosen)
        )
        if kept:
            columns.became[theirs] = ours
        else:
            columns.ignored.append(theirs)
    return columns


def check_column_map(own: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse a map of a table that does not exist.

    Raises:
        ConfigError: names it.
    """
    strange = sorted(set(own) - set(COLUMNS))
    check(
        not strange,
        "dataset.yaml columns",
        strange,
        must=f"of tables {sorted(COLUMNS)}",
        fix="rename them",
    )
