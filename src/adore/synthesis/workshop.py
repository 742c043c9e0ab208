"""What every edit needs: catalogue, reader, good pairs; and the check that a draft moved what it meant to move."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from adore.artifacts import read_table
from adore.attributes.compare import compare
from adore.attributes.lexicon import Lexicon
from adore.attributes.reader import Reader
from adore.synthesis.candidates import Catalogue
from adore.synthesis.changes import clean, fault
from adore.synthesis.edits import REAL, Draft, Source
from adore.taxonomy import error_type
from adore.types import Evidence, Grade, Item, Reading, item_from_row

__all__ = ["UNTYPED", "Workshop", "plain", "rank", "reserved", "row_of", "sources_of"]

UNTYPED = "untyped"
"""The ``error_type`` of pairs that were made without one."""

_RESERVED = 3
"""One item in so many is for the adversarial set alone."""


def plain(text: str) -> str:
    """A text in lower case with single spaces."""
    return " ".join(text.lower().split())


def rank(seed: int, *parts: str) -> str:
    """An order that depends on the seed and the names alone."""
    return hashlib.sha256("\0".join([str(seed), *parts]).encode()).hexdigest()


def reserved(item_id: str) -> bool:
    """Whether synthesis for training leaves an item to the adversarial set: every third, by its id alone."""
    return int(rank(0, "adversarial", item_id)[:8], 16) % _RESERVED == 0


class Workshop:
    """Catalogue, reader and readings; reads a draft and drops it unless its evidence holds.

    Args:
        prepared: output of ``prepare``.
        evidence: output of ``evidence``.
        adversarial: edit and pick the reserved items alone; else never those.
    """

    def __init__(
        self, prepared: Path, evidence: Path, *, adversarial: bool = False
    ) -> None:
        rows = read_table(prepared, "items").sort("item_id")
        items = {
            row["item_id"]: item_from_row(row) for row in rows.iter_rows(named=True)
        }
        readings = read_table(evidence, "readings")
        of_items = (
            readings.filter(pl.col("kind") == "item")
            .select("id", "reading")
            .iter_rows()
        )
        lexicon = Lexicon.from_json((evidence / "lexicon.json").read_text("utf-8"))
        self.reader = Reader(lexicon)
        self.catalogue = Catalogue(
            items, {i: Reading.from_json(text) for i, text in of_items}, lexicon
        )
        self.texts = dict(
            read_table(prepared, "queries").select("query_id", "query").iter_rows()
        )
        self.taken = {plain(text) for text in self.texts.values()}
        self.dropped: dict[str, Counter[str]] = defaultdict(Counter)
        self._adversarial = adversarial
        self._asked: dict[str, Reading] = {}

    def open(self, item_id: str) -> bool:
        """Whether an item may be edited or picked here."""
        return reserved(item_id) == self._adversarial

    def asked(self, query: str) -> Reading:
        """A query's reading, read once."""
        if query not in self._asked:
            self._asked[query] = self.reader.read_query(query)
        return self._asked[query]

    def found(self, query: str, item: Item) -> tuple[Evidence, ...]:
        """A pair's evidence: with the stored reading of a catalogue item, a new one of an edited one."""
        asked = self.asked(query)
        if self.catalogue.items.get(item.item_id) == item:
            return self.catalogue.evidence(query, asked, item.item_id)
        return compare(asked, self.reader.read_item(item))

    def hold(self, source: Source, draft: Draft, error: str) -> tuple[Evidence, ...]:
        """The draft's evidence, or nothing if its item is not open or it does not move what it should."""
        why, found = "the item is kept for the other set", tuple[Evidence, ...]()
        if self.open(draft.item.item_id):
            why, found = self.moved(source, draft, error)
        if why:
            self.dropped[error][why] += 1
        return () if why else found

    def moved(
        self, source: Source, draft: Draft, error: str
    ) -> tuple[str, tuple[Evidence, ...]]:
        """Why a draft moves more or less than the intended attribute (``""``: it does not), and its evidence."""
        if draft.query != source.query and plain(draft.query) in self.taken:
            return "repeats a real query", ()
        if (draft.query, draft.item) == (source.query, source.item):
            return "changes nothing", ()
        found = self.found(draft.query, draft.item)
        return fault(error, draft.attribute, source.evidence, found), found


def sources_of(
    workshop: Workshop,
    good: Mapping[str, Sequence[str]],
    graded: Mapping[str, Mapping[str, int]],
    *,
    per_query: int,
    seed: int,
) -> list[Source]:
    """Up to ``per_query`` good pairs of each query whose items are open and whose evidence holds no conflict.

    Args:
        good: query id to the ids of its exact items.
        graded: query id to item id to human grade.
    """
    return [
        source
        for query_id in sorted(good, key=lambda q: rank(seed, q))
        for source in _of_query(
            workshop,
            query_id,
            good[query_id],
            graded.get(query_id, {}),
            (per_query, seed),
        )
    ]


def _of_query(
    workshop: Workshop,
    query_id: str,
    good: Sequence[str],
    graded: Mapping[str, int],
    limits: tuple[int, int],
) -> Iterator[Source]:
    left, seed = limits
    query, known = workshop.texts[query_id], frozenset(graded) | frozenset(good)
    asked = workshop.asked(query)
    for item_id in sorted(good, key=lambda i: rank(seed, query_id, i)):
        if left and workshop.open(item_id):
            item = workshop.catalogue.items[item_id]
            evidence = workshop.found(query, item)
            if clean(evidence):
                left -= 1
                yield Source(
                    query_id,
                    query,
                    item,
                    int(Grade.EXACT),
                    asked,
                    evidence,
                    known,
                    tuple(good),
                    graded,
                )


def row_of(
    source: Source, draft: Draft, error: str, found: tuple[Evidence, ...]
) -> dict[str, Any]:
    """A draft as a row of ``candidates``; what is new has a new id, what is real keeps its own."""
    body = {
        **asdict(draft.item),
        "bullet_points": list(draft.item.bullet_points),
        "item_id": "",
    }
    body["attributes"] = json.dumps(
        dict(draft.item.attributes), ensure_ascii=False, sort_keys=True
    )
    edited = draft.item != source.item and not draft.edit.startswith(REAL)
    item_id = f"syn-i-{_digest(body)}" if edited else draft.item.item_id
    query_id = (
        source.query_id
        if draft.query == source.query
        else f"syn-q-{_digest(plain(draft.query))}"
    )
    return {
        "query_id": query_id,
        "item_id": item_id,
        "synthetic_id": f"syn-{_digest([error, query_id, item_id])}",
        "source_query_id": source.query_id,
        "source_item_id": source.item.item_id,
        "query": draft.query,
        "item": json.dumps(
            {**body, "item_id": item_id}, ensure_ascii=False, sort_keys=True
        ),
        "error_type": error,
        "attribute": draft.attribute,
        "edit": draft.edit,
        "source_grade": source.grade,
        "intended_grade": error_type(error).grade,
        "evidence": Evidence.many_to_json(found),
        "source_evidence": Evidence.many_to_json(source.evidence),
    }


def _digest(value: object) -> str:
    return hashlib.sha256(
        json.dumps(value, ensure_ascii=False, sort_keys=True).encode()
    ).hexdigest()[:16]
