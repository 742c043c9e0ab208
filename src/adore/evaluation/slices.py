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
    for attribute, type_name in TYPE_OF.items():
        if type_name != "category":
            asks_name = f"asks {type_name}"
            asks_definition = f"The query asks: {attribute}."
            slices.append(Slice(asks_name, "query", (attribute,), asks_definition))

    short_definition = f"At most {_MAX_SHORT} words."
    long_definition = f"At least {_MIN_LONG} words."
    slices.append(Slice("short query", "query", (), short_definition))
    slices.append(Slice("long query", "query", (), long_definition))

    for attribute, type_name in TYPE_OF.items():
        conflict_name = f"{type_name} conflict"
        conflict_definition = f"The item contradicts: {attribute}."
        slices.append(Slice(conflict_name, "pair", (attribute,), conflict_definition))

    slice_of: dict[str, Slice] = {}
    for known_slice in slices:
        slice_of[known_slice.name] = known_slice
    return slice_of


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
    for known_slice in SLICES.values():
        if known_slice.kind == "query":
            members[known_slice.name] = set()

    attributes_of = _asked_attributes(readings)
    for query_id, text in queries.select("query_id", "query").iter_rows():
        members[ALL].add(query_id)
        attributes = attributes_of.get(query_id, set())
        # "All" and the slices by length name no attribute.
        for slice_name, query_ids in members.items():
            deciding = SLICES[slice_name].attributes
            if attributes.intersection(deciding):
                query_ids.add(query_id)

        word_count = len(text.split())
        if word_count <= _MAX_SHORT:
            members["short query"].add(query_id)
        if word_count >= _MIN_LONG:
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
    for known_slice in SLICES.values():
        if known_slice.kind == "pair":
            members[known_slice.name] = set()
            # Several attributes may share a slice.
            for attribute in known_slice.attributes:
                slice_names = slices_of.setdefault(attribute, [])
                slice_names.append(known_slice.name)

    pair_rows = pairs.select("query_id", "item_id", "evidence")
    for query_id, item_id, evidence_text in pair_rows.iter_rows():
        for statement in Evidence.many_from_json(evidence_text):
            if statement.state != "conflict":
                continue
            for slice_name in slices_of.get(statement.attribute, ()):
                members[slice_name].add((query_id, item_id))
    return members
