"""The frozen adversarial set.

Hard cases of held-out queries, with items and wordings that training never uses.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import polars as pl

from adore.artifacts import read_table
from adore.parquet import schema_of
from adore.synthesis.candidate import Candidate
from adore.synthesis.checks import QueryChecks, on_same_side
from adore.synthesis.edits import Source, adversarial_edits
from adore.synthesis.generator import (
    EditContext,
    candidates_of_type,
    find_sources,
    generate,
    read_human_grades,
    shuffle_key,
)
from adore.taxonomy import ERROR_TYPES
from adore.types import Grade

__all__ = ["COLUMNS", "adversarial"]

COLUMNS = schema_of("adversarial")
"""The set's columns.

``item`` is a catalogue row as JSON, ``human_grade`` is null where no person graded the
pair.
"""

SEED = 20_251
"""The set's own; no stage's seed changes it."""
_PER_QUERY = 40
"""Most good pairs of one query, and most pairs of one error type that they make."""
_NEAR = 0.8
_FLUENCY = 0.02


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
    (edits that are registered as ``held_out``). A real item that people graded for the
    query is used only if they agree that it is, or is not, exact.

    Args:
        prepared: output of ``prepare``.
        evidence: output of ``evidence``.
        split: whose queries are edited.
        query_ids: these queries instead; the caller keeps them out of training.
        per_type: most pairs of one error type.
        per_pair: most pairs of one error type from one good pair.

    Returns:
        One row a pair, see :data:`COLUMNS`, sorted by error type, query and item.

    Raises:
        MissingError: a table is not there.
        DataError: a table cannot be read.
    """
    context = EditContext(prepared, evidence, adversarial=True)
    queries = read_table(prepared, "queries")
    is_edited = pl.col("split") == split
    if query_ids is not None:
        chosen_ids = list(query_ids)
        is_edited = pl.col("query_id").is_in(chosen_ids)
    edited = queries.filter(is_edited)
    others = queries.filter(~is_edited)
    edited_ids = edited["query_id"].to_list()
    other_queries = others["query"].to_list()

    human_grades = read_human_grades(prepared)
    sources = _sources(context, edited_ids, human_grades)
    checks = _query_checks(context, other_queries)
    table_rows: list[dict[str, object]] = []
    for error_type in ERROR_TYPES:
        make = _maker(context, checks, error_type, per_pair)
        candidates = candidates_of_type(
            sources, make, limit=per_type, per_query=_PER_QUERY
        )
        for candidate in candidates:
            grades = human_grades[candidate.source_query_id]
            human_grade = _human_grade(candidate, grades)
            table_rows.append(_row(candidate, human_grade))

    table = pl.DataFrame(table_rows, schema=COLUMNS)
    return table.sort("error_type", "query_id", "item_id")


def _sources(
    context: EditContext,
    query_ids: Sequence[str],
    graded: Mapping[str, Mapping[str, int]],
) -> list[Source]:
    """Exact pairs. An edit may pick an item that people graded, unless they call it exact."""
    exact_items: dict[str, list[str]] = {}
    for query_id in sorted(query_ids):
        exact_items[query_id] = []
        grades = graded.get(query_id, {})
        for item_id, grade in sorted(grades.items()):
            if grade == Grade.EXACT:
                exact_items[query_id].append(item_id)

    # training never sees these items, so graded ones may be picked, too
    sources: list[Source] = []
    for source in find_sources(
        context, exact_items, graded, per_query=_PER_QUERY, seed=SEED
    ):
        exact_ids = frozenset(source.good_ids)
        sources.append(replace(source, excluded=exact_ids))
    return sources


def _query_checks(context: EditContext, other_queries: list[str]) -> QueryChecks:
    """The checks of edited queries; none may repeat another query."""
    catalogue = context.catalogue
    items = catalogue.items.values()
    titles = [item.title for item in items]
    categories = dict.fromkeys(item.category for item in items)
    return QueryChecks(
        [*titles, *categories],
        context.queries.values(),
        other_queries,
        catalogue.language,
        near=_NEAR,
        fluency=_FLUENCY,
    )


def _maker(
    context: EditContext, checks: QueryChecks, error_type: str, per_pair: int
) -> Callable[[Source], Iterator[Candidate]]:
    """From a good pair to its candidates of an error type that pass the checks."""
    edits = adversarial_edits(error_type)

    def make(source: Source) -> Iterator[Candidate]:
        item_id = source.item.item_id
        key = shuffle_key(SEED, error_type, source.query_id, item_id)
        candidates = generate(
            context, source, error_type, edits, rng=Random(key), limit=per_pair
        )
        for candidate in candidates:
            if _passes(candidate, source, checks):
                yield candidate

    return make


def _passes(candidate: Candidate, source: Source, checks: QueryChecks) -> bool:
    """Whether people agree with the intention, and an edited query is new and fluent."""
    # where people graded the very pair, they decide
    human_grade = _human_grade(candidate, source.graded)
    intended_grade = candidate.intended_grade
    if human_grade is not None and not on_same_side(human_grade, intended_grade):
        return False

    query = candidate.query
    if query == source.query:
        return True
    if checks.repeated_query(query):
        return False
    return not checks.disfluency(query, source.query)


def _human_grade(candidate: Candidate, grades: Mapping[str, int]) -> int | None:
    """The human grade of a pair of a real query and a real item, where there is one."""
    if candidate.query_id != candidate.source_query_id:
        return None
    return grades.get(candidate.item_id)


def _row(candidate: Candidate, human_grade: int | None) -> dict[str, object]:
    """A row of the set."""
    columns = candidate.to_row()
    columns["human_grade"] = human_grade
    return {column: columns[column] for column in COLUMNS}
