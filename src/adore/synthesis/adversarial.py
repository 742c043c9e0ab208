"""The frozen adversarial set.

Hard cases of held-out queries, of items and wordings that training never uses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

from adore.artifacts import read_table
from adore.attributes.held_out import HeldOut
from adore.parquet import schema_of
from adore.synthesis.edits import Source
from adore.synthesis.fluency import Fluency
from adore.synthesis.generator import EditContext, rank, sources_of
from adore.synthesis.registry import HELD_OUT_EDITS, PICKS
from adore.synthesis.synthesise import candidates, of_type
from adore.taxonomy import ERROR_TYPES
from adore.types import Grade

__all__ = ["COLUMNS", "adversarial", "content_hash"]

COLUMNS = schema_of("adversarial")
"""The set's columns.

``item`` is a catalogue row as JSON, ``human_grade`` is there where a person graded this
pair.
"""

SEED = 20_251
"""The set's own; no stage's seed changes it."""
_ROUNDS = 40
_NEAR, _FLUENCY = 0.8, 0.02


def adversarial(
    prepared: Path,
    evidence: Path,
    *,
    split: str = "test",
    query_ids: Collection[str] | None = None,
    per_type: int = 60,
    per_pair: int = 2,
) -> pl.DataFrame:
    """Pairs that look right and are not (and hard positives), made of human-judged exact pairs.

    The same data give the same set. Training's synthesis never edits or picks its items
    (every third of the catalogue), never has its queries, and never uses its wordings
    (:data:`adore.synthesis.registry.HELD_OUT_EDITS`). A real item that people graded for the query
    is taken only where they agree that it is, or is not, exact.

    Args:
        prepared: output of ``prepare``.
        evidence: output of ``evidence``.
        split: whose queries are edited.
        query_ids: these queries instead; the caller keeps them out of training.
        per_type: most pairs of one error type.
        per_pair: most pairs of one error type from one good pair.

    Returns:
        One row a pair, see :data:`COLUMNS`, sorted by error type, query and item.
    """
    workshop = EditContext(prepared, evidence, adversarial=True)
    queries = read_table(prepared, "queries")
    wanted = (
        pl.col("split") == split
        if query_ids is None
        else pl.col("query_id").is_in(list(query_ids))
    )
    edited = queries.filter(wanted)["query_id"].to_list()
    others = queries.filter(~wanted)["query"].to_list()

    sources = _sources(workshop, prepared, edited)
    checks = _Checks(workshop, others)
    rows: list[dict[str, Any]] = []
    for error in ERROR_TYPES:

        def make(source: Source, name: str = error) -> Iterator[dict[str, Any]]:
            return _made(workshop, checks, source, name, per_pair)

        rows += of_type(sources, make, limit=per_type, rounds=_ROUNDS)
    return pl.DataFrame(rows, schema=COLUMNS).sort("error_type", "query_id", "item_id")


def content_hash(table: pl.DataFrame) -> str:
    """SHA-256 of the rows in order: two measures are of the same set if this is the same."""
    return hashlib.sha256(table.write_ndjson().encode()).hexdigest()


def _sources(
    workshop: EditContext, prepared: Path, query_ids: list[str]
) -> list[Source]:
    """Exact pairs; a real item may be one that people graded, unless they call it exact."""
    graded: dict[str, dict[str, int]] = {query_id: {} for query_id in query_ids}
    judgements = read_table(prepared, "judgements")
    for query_id, item_id, grade in judgements.select(
        "query_id", "item_id", "grade"
    ).rows():
        if query_id in graded:
            graded[query_id][item_id] = grade

    good: dict[str, list[str]] = {}
    for query_id in sorted(graded):
        grades = graded[query_id]
        exact = [item_id for item_id in grades if grades[item_id] == Grade.EXACT]
        good[query_id] = sorted(exact)

    sources = sources_of(workshop, good, graded, per_query=_ROUNDS, seed=SEED)
    return [replace(source, known=frozenset(source.good)) for source in sources]


class _Checks:
    """Whether a row stands.

    People agree, no other query is (nearly) the same, the query reads like one.
    """

    def __init__(self, workshop: EditContext, others: list[str]) -> None:
        language = workshop.catalogue.language
        self._others = HeldOut(others, _NEAR, language)

        items = workshop.catalogue.items.values()
        titles = [item.title for item in items]
        categories = dict.fromkeys(item.category for item in items)
        texts = [*titles, *categories]
        real = workshop.texts.values()
        self._fluency = Fluency(texts, real, _FLUENCY, language)

    def stands(self, source: Source, row: dict[str, Any]) -> bool:
        """True if a row passes.

        Args:
            source: the good pair that the row was made of.
            row: a row of the set; ``human_grade`` is None where nobody graded the pair.
        """
        human = row["human_grade"]
        intended_exact = row["intended_grade"] == Grade.EXACT
        if human is not None and (human == Grade.EXACT) != intended_exact:
            return False

        query = row["query"]
        if query == source.query:
            return True
        if self._others.near(query):
            return False
        return not self._fluency.salad(query, source.query)


def _made(
    workshop: EditContext, checks: _Checks, source: Source, error: str, limit: int
) -> Iterator[dict[str, Any]]:
    """One good pair's rows of one error type: real items, then the held-out wordings."""
    edits = HELD_OUT_EDITS.get(error, ())
    if error in PICKS:
        edits = (PICKS[error], *edits)
    if not edits:
        return

    rng = Random(rank(SEED, error, source.query_id, source.item.item_id))
    for row in candidates(workshop, source, error, edits, rng=rng, limit=limit):
        same = row["query"] == source.query
        row["human_grade"] = source.graded.get(row["item_id"]) if same else None
        if checks.stands(source, row):
            yield {
                "synthetic_id": row["synthetic_id"],
                **{name: row[name] for name in COLUMNS},
            }
