"""Slices of the judged pairs, named after the error types that they watch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from adore.taxonomy import TYPE_OF
from adore.types import Evidence, Reading

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ALL", "SLICES", "Slice", "slice_pairs", "slice_queries"]

ALL = "all"
_MAX_SHORT = 2
_MIN_LONG = 5


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the judged data.

    Attributes:
        name: its word in tables and on the page.
        kind: ``query``: whole queries, so that rankings can be measured; ``pair``: single
            pairs, so that only grades can.
        attributes: for ``asks`` and ``conflict`` slices, the key attributes that decide.
        definition: one sentence for people.
    """

    name: str
    kind: Literal["query", "pair"]
    attributes: tuple[str, ...]
    definition: str


def _all_slices() -> dict[str, Slice]:
    """Every slice by name, in the order of the report."""
    slices = [Slice(ALL, "query", (), "Every judged query.")]
    for attribute, name in TYPE_OF.items():
        if name != "category":
            definition = f"The query asks: {attribute}."
            slices.append(Slice(f"asks {name}", "query", (attribute,), definition))

    short = f"At most {_MAX_SHORT} words."
    long = f"At least {_MIN_LONG} words."
    slices.append(Slice("short query", "query", (), short))
    slices.append(Slice("long query", "query", (), long))

    for attribute, name in TYPE_OF.items():
        definition = f"The item contradicts: {attribute}."
        slices.append(Slice(f"{name} conflict", "pair", (attribute,), definition))
    return {part.name: part for part in slices}


SLICES: dict[str, Slice] = _all_slices()


def _asked_attributes(readings: pl.DataFrame) -> dict[str, set[str]]:
    """Attributes that each query asks for, by query id."""
    attributes_of: dict[str, set[str]] = {}
    of_queries = readings.filter(kind="query")
    for row in of_queries.iter_rows(named=True):
        reading = Reading.from_json(row["reading"])
        attributes = set[str]()
        for attribute, values in reading.values.items():
            if values:
                attributes.add(attribute)
        attributes_of[row["id"]] = attributes
    return attributes_of


def slice_queries(queries: pl.DataFrame, readings: pl.DataFrame) -> dict[str, set[str]]:
    """Assign queries to the slices of kind ``query``.

    Args:
        queries: the ``queries`` table.
        readings: the ``readings`` table; only rows of kind ``query`` are read.

    Returns:
        Query ids by slice.
    """
    members: dict[str, set[str]] = {}
    for part in SLICES.values():
        if part.kind == "query":
            members[part.name] = set()

    attributes_of = _asked_attributes(readings)
    for query_id, text in queries.select("query_id", "query").iter_rows():
        members[ALL].add(query_id)
        attributes = attributes_of.get(query_id, set())
        for name, query_ids in members.items():
            if attributes.intersection(SLICES[name].attributes):
                query_ids.add(query_id)

        length = len(text.split())
        if length <= _MAX_SHORT:
            members["short query"].add(query_id)
        if length >= _MIN_LONG:
            members["long query"].add(query_id)
    return members


def slice_pairs(pairs: pl.DataFrame) -> dict[str, set[tuple[str, str]]]:
    """Assign pairs to the slices of kind ``pair``, by the conflicts of their evidence.

    Args:
        pairs: the ``pairs`` table.

    Returns:
        Pairs (query id, item id) by slice.
    """
    members: dict[str, set[tuple[str, str]]] = {}
    slices_of: dict[str, list[str]] = {}
    for part in SLICES.values():
        if part.kind == "pair":
            members[part.name] = set()
            for attribute in part.attributes:
                slices_of.setdefault(attribute, []).append(part.name)

    rows = pairs.select("query_id", "item_id", "evidence")
    for query_id, item_id, text in rows.iter_rows():
        for statement in Evidence.many_from_json(text):
            if statement.state != "conflict":
                continue
            for name in slices_of.get(statement.attribute, ()):
                members[name].add((query_id, item_id))
    return members
