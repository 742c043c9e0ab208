"""What every edit needs: catalogue, reader, good pairs.

And the check that a draft moved what it meant to move.
"""

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
from adore.synthesis.catalogue import Catalogue
from adore.synthesis.edits import REAL, Draft, Source
from adore.synthesis.minimality import clean, fault
from adore.taxonomy import ERROR_TYPES
from adore.types import Evidence, Grade, Item, Reading, item_from_row

__all__ = [
    "UNTYPED",
    "EditContext",
    "plain",
    "rank",
    "reserved",
    "row_of",
    "sources_of",
]

UNTYPED = "untyped"
"""The ``error_type`` of pairs that were made without one."""

_RESERVED = 3
"""One item in so many is for the adversarial set alone."""


def plain(text: str) -> str:
    """A text in lower case with single spaces."""
    return " ".join(text.lower().split())


def rank(seed: int, *parts: str) -> str:
    """An order that depends on the seed and the names alone.

    Args:
        seed: another seed gives another order.
        parts: the names: ids, an error type.

    Returns:
        SHA-256 in hexadecimal digits; what is sorted by it is shuffled.
    """
    text = "\0".join([str(seed), *parts])
    return hashlib.sha256(text.encode()).hexdigest()


def reserved(item_id: str) -> bool:
    """Whether synthesis for training leaves an item to the adversarial set.

    Every third item is left to it, by its id alone.
    """
    digits = rank(0, "adversarial", item_id)[:8]
    return int(digits, 16) % _RESERVED == 0


class EditContext:
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

        stored = read_table(evidence, "readings").filter(pl.col("kind") == "item")
        readings = {
            item_id: Reading.from_json(text)
            for item_id, text in stored.select("id", "reading").iter_rows()
        }

        lexicon = Lexicon.from_json((evidence / "lexicon.json").read_text("utf-8"))
        self.reader = Reader(lexicon)
        self.catalogue = Catalogue(items, readings, lexicon)

        queries = read_table(prepared, "queries")
        self.texts = dict(queries.select("query_id", "query").iter_rows())
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
        """A pair's evidence.

        Args:
            query: the query's text, a real one or an edited one.
            item: a catalogue item, of which the stored reading is taken, or an edited
                one, which is read anew.
        """
        asked = self.asked(query)
        real = self.catalogue.items.get(item.item_id)
        if real == item:
            return self.catalogue.evidence(query, asked, item.item_id)

        reading = self.reader.read_item(item)
        return compare(asked, reading)

    def hold(self, source: Source, draft: Draft, error: str) -> tuple[Evidence, ...]:
        """The draft's evidence, or nothing if it must be dropped; why is counted in ``dropped``.

        Args:
            source: the good pair that was edited.
            draft: what the edit proposes.
            error: name of the error type that the edit makes.

        Returns:
            Nothing if the draft's item is not open or the draft does not move what it
            should.
        """
        if not self.open(draft.item.item_id):
            self.dropped[error]["the item is kept for the other set"] += 1
            return ()

        why, found = self.moved(source, draft, error)
        if why:
            self.dropped[error][why] += 1
            return ()
        return found

    def moved(
        self, source: Source, draft: Draft, error: str
    ) -> tuple[str, tuple[Evidence, ...]]:
        """Why a draft moves more or less than the intended attribute, and its evidence.

        Args:
            source: the good pair that was edited.
            draft: what the edit proposes.
            error: name of the error type that the edit makes.

        Returns:
            The reason (``""``: the draft moves that attribute alone) and the evidence,
            which is empty where the draft was refused unread.
        """
        new_query = draft.query != source.query
        if new_query and plain(draft.query) in self.taken:
            return "repeats a real query", ()

        new_item = draft.item != source.item
        if not new_query and not new_item:
            return "changes nothing", ()

        found = self.found(draft.query, draft.item)
        why = fault(error, draft.attribute, source.evidence, found)
        return why, found


def sources_of(
    workshop: EditContext,
    good: Mapping[str, Sequence[str]],
    graded: Mapping[str, Mapping[str, int]],
    *,
    per_query: int,
    seed: int,
) -> list[Source]:
    """Good pairs to edit: their items are open and their evidence holds no conflict.

    Args:
        workshop: catalogue, readings, and which items are open.
        good: query id to the ids of its exact items.
        graded: query id to item id to human grade; a query that nobody graded may lack.
        per_query: most pairs of one query.
        seed: of the order of the queries and of each query's items.
    """
    sources: list[Source] = []
    for query_id in sorted(good, key=lambda q: rank(seed, q)):
        grades = graded.get(query_id, {})
        limits = (per_query, seed)
        sources += _of_query(workshop, query_id, good[query_id], grades, limits)
    return sources


def _of_query(
    workshop: EditContext,
    query_id: str,
    good: Sequence[str],
    graded: Mapping[str, int],
    limits: tuple[int, int],
) -> Iterator[Source]:
    """A query's good pairs, at most as many as the first of ``limits`` (pairs, seed)."""
    left, seed = limits
    query = workshop.texts[query_id]
    known = frozenset(graded) | frozenset(good)
    asked = workshop.asked(query)

    for item_id in sorted(good, key=lambda i: rank(seed, query_id, i)):
        if not left or not workshop.open(item_id):
            continue

        item = workshop.catalogue.items[item_id]
        evidence = workshop.found(query, item)
        if not clean(evidence):
            continue

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
    """A draft as a row of ``candidates``; what is new has a new id, what is real keeps its own.

    Args:
        source: the good pair that was edited.
        draft: the edited pair.
        error: name of the error type that the edit makes.
        found: the draft's evidence.
    """
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

    query_id = source.query_id
    if draft.query != source.query:
        query_id = f"syn-q-{_digest(plain(draft.query))}"

    item = {**body, "item_id": item_id}
    return {
        "query_id": query_id,
        "item_id": item_id,
        "synthetic_id": f"syn-{_digest([error, query_id, item_id])}",
        "source_query_id": source.query_id,
        "source_item_id": source.item.item_id,
        "query": draft.query,
        "item": json.dumps(item, ensure_ascii=False, sort_keys=True),
        "error_type": error,
        "attribute": draft.attribute,
        "edit": draft.edit,
        "source_grade": source.grade,
        "intended_grade": int(ERROR_TYPES[error].grade),
        "evidence": Evidence.many_to_json(found),
        "source_evidence": Evidence.many_to_json(source.evidence),
    }


def _digest(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
