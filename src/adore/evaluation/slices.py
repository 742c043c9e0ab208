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
SHORT, LONG = 2, 5


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the judged data.

    Attributes:
        name: its word in tables and on the page.
        kind: ``query``: whole queries (rankings can be measured); ``pair``: single pairs
            (grades only).
        attributes: for ``asks``/``conflict`` slices, the key attributes that are looked at.
        definition: one sentence for people.
    """

    name: str
    kind: Literal["query", "pair"]
    attributes: tuple[str, ...]
    definition: str


SLICES: dict[str, Slice] = {
    s.name: s
    for s in (
        Slice(ALL, "query", (), "Every judged query."),
        *(
            Slice(
                f"asks {name}", "query", (attribute,), f"The query asks: {attribute}."
            )
            for attribute, name in TYPE_OF.items()
            if name != "category"
        ),
        Slice("short query", "query", (), f"At most {SHORT} words."),
        Slice("long query", "query", (), f"At least {LONG} words."),
        *(
            Slice(
                f"{name} conflict",
                "pair",
                (attribute,),
                f"The item contradicts: {attribute}.",
            )
            for attribute, name in TYPE_OF.items()
        ),
    )
}


def slice_queries(queries: pl.DataFrame, readings: pl.DataFrame) -> dict[str, set[str]]:
    """Query ids of every ``query`` slice.

    Args:
        queries: the ``queries`` table.
        readings: the ``readings`` table; only rows of kind ``query`` are read.
    """
    texts = dict(queries.select("query_id", "query").iter_rows())
    asked = {
        r["id"]: {a for a, v in Reading.from_json(r["reading"]).values.items() if v}
        for r in readings.iter_rows(named=True)
        if r["kind"] == "query"
    }
    members: dict[str, set[str]] = {ALL: set(texts)}
    for one in SLICES.values():
        if one.kind == "query" and one.attributes:
            members[one.name] = {
                q for q in texts if asked.get(q, set()) & set(one.attributes)
            }
    members["short query"] = {
        q for q, text in texts.items() if len(text.split()) <= SHORT
    }
    members["long query"] = {
        q for q, text in texts.items() if len(text.split()) >= LONG
    }
    return members


def slice_pairs(pairs: pl.DataFrame) -> dict[str, set[tuple[str, str]]]:
    """Pairs (query id, item id) of every ``pair`` slice, by the conflicts of their evidence.

    Args:
        pairs: the ``pairs`` table.
    """
    members: dict[str, set[tuple[str, str]]] = {
        s.name: set() for s in SLICES.values() if s.kind == "pair"
    }
    names: dict[str, list[str]] = {}
    for one in SLICES.values():
        if one.kind == "pair":
            for attribute in one.attributes:
                names.setdefault(attribute, []).append(one.name)

    rows = pairs.select("query_id", "item_id", "evidence")
    for query, item, text in rows.iter_rows():
        for evidence in Evidence.many_from_json(text):
            if evidence.state == "conflict":
                for name in names.get(evidence.attribute, ()):
                    members[name].add((query, item))
    return members
