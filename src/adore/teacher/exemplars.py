"""Few-shot examples: human judgements of train queries on which the rules agree.

Since they agree, the rules can say why.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from adore.artifacts import read_table
from adore.rulebook import RuleBook
from adore.teacher.judgements import JudgeInput
from adore.teacher.parse import parse
from adore.teacher.prompting import Exemplar, answer_text, user_text
from adore.teacher.rationale import RationaleSchema, rationale
from adore.teacher.sanitise import normalise
from adore.types import PAIR, Evidence, Grade, items_by_id

__all__ = ["choose_exemplars"]

_TRIED = 400
"""Judged pairs a grade that are tried, in a random order."""
_POOL_SIZE = 12
"""Valid ones a grade, from which the shortest per attribute are chosen."""


def choose_exemplars(
    prepared: Path, evidence: Path, rulebook: RuleBook, count: int, seed: int
) -> list[Exemplar]:
    """Choose ``count`` examples, as many of each grade as there can be, each of another query.

    The same in every shard: they depend on the inputs and the seed alone.

    Args:
        prepared: has ``judgements``, ``queries`` and ``items``.
        evidence: has ``pairs``.
        rulebook: its grade must agree with the human one.
        count: how many; 0: none.
        seed: orders the pairs that are tried.

    Returns:
        The examples, E first.

    Raises:
        MissingError: a table is not there.
        DataError: a table cannot be read.
    """
    if not count:
        return []
    pools_by_grade: dict[Grade, list[Exemplar]] = {
        grade: [] for grade in reversed(Grade)
    }
    for judge_input, human in _judged(prepared, evidence, seed):
        grade_pool = pools_by_grade[human]
        if len(grade_pool) >= _POOL_SIZE:
            continue
        exemplar = _exemplar(judge_input, human, rulebook)
        if exemplar:
            grade_pool.append(exemplar)

    for grade_pool in pools_by_grade.values():
        grade_pool.sort(key=_length_per_attribute)

    # one of each grade in turn, each of a query that no other example has
    chosen: list[Exemplar] = []
    used_queries: set[str] = set()
    while len(chosen) < count and any(pools_by_grade.values()):
        for grade_pool in pools_by_grade.values():
            grade_pool[:] = [
                exemplar
                for exemplar in grade_pool
                if exemplar.query not in used_queries
            ]
            if grade_pool:
                exemplar = grade_pool.pop(0)
                chosen.append(exemplar)
                used_queries.add(exemplar.query)
    return chosen[:count]


def _length_per_attribute(exemplar: Exemplar) -> float:
    """Characters of the pair for each attribute that its answer shows, four at most."""
    # more attributes show more; a short pair costs fewer tokens in every prompt
    attributes = exemplar.answer.count('"attribute"')
    return len(exemplar.user) / min(4, attributes)


def _judged(
    prepared: Path, evidence: Path, seed: int
) -> Iterator[tuple[JudgeInput, Grade]]:
    """Human judgements of train queries in a random order, some of each grade."""
    train_queries = read_table(prepared, "queries").filter(pl.col("split") == "train")
    table = read_table(prepared, "judgements").join(
        train_queries.select("query_id", "query"), on="query_id"
    )
    random_order = [_order(seed, *pair) for pair in table.select(PAIR).iter_rows()]
    table = table.with_columns(pl.Series("order", random_order, dtype=pl.String))
    table = table.sort("order").group_by("grade", maintain_order=True).head(_TRIED)
    table = table.join(read_table(evidence, "pairs"), on=PAIR, how="inner")

    items = read_table(prepared, "items").join(
        table.select("item_id").unique(), on="item_id", how="semi"
    )
    item_of = items_by_id(items.iter_rows(named=True))
    for judged_row in table.sort("order").iter_rows(named=True):
        judge_input = JudgeInput(
            query_id=judged_row["query_id"],
            item_id=judged_row["item_id"],
            query=judged_row["query"],
            item=item_of[judged_row["item_id"]],
            evidence=Evidence.many_from_json(judged_row["evidence"]),
        )
        yield judge_input, Grade(judged_row["grade"])


def _order(seed: int, *ids: str) -> str:
    return hashlib.sha256(json.dumps([seed, *ids]).encode()).hexdigest()


def _exemplar(
    judge_input: JudgeInput, human: Grade, rulebook: RuleBook
) -> Exemplar | None:
    """The example that this pair makes; None where rules and human differ."""
    verdict = rulebook.apply(judge_input.evidence)
    if verdict.grade != human or not judge_input.evidence:
        return None
    answer = answer_text(
        rationale(judge_input.evidence, rulebook, human, verdict.confidence),
        judge_input.item,
    )
    # an answer that would be refused is no example
    if not isinstance(parse(answer, judge_input, rulebook), RationaleSchema):
        return None
    return Exemplar(
        judge_input.query_id,
        normalise(judge_input.query),
        user_text(judge_input),
        answer,
    )
