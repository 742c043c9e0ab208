"""The student's training lists: one per train query, of human, teacher and synthetic pairs."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from adore.artifacts import read_shards, read_table
from adore.types import PAIR, Evidence, Grade, Item, item_from_row, items_by_id

__all__ = ["PairList", "Sources", "grade_confusion", "load_training_lists"]

_SMOOTHING = 20.0
"""Pairs of each grade that are added on which teacher and people agree.

With little data the correction is small.
"""
_GRADES = len(Grade)


@dataclass(frozen=True, slots=True)
class Sources:
    """Folders of the stages that feed the student."""

    prepared: Path
    evidence: Path
    judged: list[Path]
    synthetic: Path
    retrieved: Path


@dataclass(frozen=True)
class PairList:
    """One query's training list, with the synthetic pairs that were made from it.

    Args:
        list_id: the (source) query's id.
        queries: text per pair (a synthetic pair may have its own).
        items: per pair.
        evidence: per pair.
        targets: soft grades, rows sum to 1. Shape [pairs, 4].
        weights: trust: 1 human, less for teacher and synthetic pairs. Shape [pairs].
        real: False for synthetic pairs. Boolean, shape [pairs].
    """

    list_id: str
    queries: list[str]
    items: list[Item]
    evidence: list[tuple[Evidence, ...]]
    targets: np.ndarray
    weights: np.ndarray
    real: np.ndarray


class _Pair(NamedTuple):
    """One row of a :class:`PairList`."""

    query: str
    item: Item
    evidence: tuple[Evidence, ...]
    target: np.ndarray
    weight: float
    real: bool


def _graded_pairs(sources: Sources) -> pl.DataFrame:
    """Real pairs of train and dev queries that people or the teacher graded."""
    judgements = read_table(sources.prepared, "judgements")
    human = judgements.rename({"grade": "human"})
    queries = read_table(sources.prepared, "queries")
    disputed_votes = _votes(sources.prepared)
    columns = [*PAIR, "probabilities"]
    teacher = read_shards(sources.judged, "teacher_judgements", columns)

    known_pairs = read_table(sources.evidence, "pairs")
    new_pairs = read_table(sources.retrieved, "pairs")
    graded_pairs = (
        pl.concat([known_pairs, new_pairs])
        .join(teacher, on=PAIR, how="left")
        .join(queries, on="query_id")
        .join(human, on=PAIR, how="left")
        .join(disputed_votes, on=PAIR, how="left")
        .filter(pl.col("split") != "test")
    )
    # The teacher's judgement may have been refused.
    is_graded = pl.col("human").is_not_null() | pl.col("probabilities").is_not_null()
    return _corrected(graded_pairs.filter(is_graded).sort(PAIR))


def _votes(prepared: Path) -> pl.DataFrame:
    """Votes by grade of the pairs on which judges disagree."""
    schema: dict[str, Any] = {
        "query_id": pl.String(),
        "item_id": pl.String(),
        "votes": pl.List(pl.Int64),
    }
    if not (prepared / "votes.parquet").is_file():
        return pl.DataFrame(schema=schema)

    counts_of: dict[tuple[str, str], list[int]] = {}
    vote_table = read_table(prepared, "votes")
    vote_rows = vote_table.select(*PAIR, "grade", "votes")
    for query_id, item_id, grade, count in vote_rows.iter_rows():
        counts = counts_of.setdefault((query_id, item_id), [0] * _GRADES)
        counts[grade] += count

    disputed = []
    for pair, counts in counts_of.items():
        # A grade without a vote does not count.
        voted_grades = np.count_nonzero(counts)
        if voted_grades > 1:
            disputed.append((*pair, counts))
    return pl.DataFrame(disputed, schema=schema, orient="row")


def _corrected(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with the teacher's probabilities corrected for its systematic errors."""
    # P(human grade | teacher's grade) is estimated from the train pairs that both judged.
    # A rule book that was not written for the shop makes such errors.
    # Without a teacher's judgement every grade has probability 0.
    no_judgement = [0.0] * _GRADES
    rows = rows.with_columns(pl.col("probabilities").fill_null(no_judgement))

    is_judged = pl.col("human").is_not_null()
    judged_by_both = rows.filter(is_judged, split="train")
    human_one_hot = np.eye(_GRADES)[judged_by_both["human"].to_numpy()]
    confusion = grade_confusion(_probabilities(judged_by_both), human_one_hot)

    # P(human) = sum over the teacher's grades of P(teacher) P(human | teacher).
    corrected = _probabilities(rows) @ confusion
    column = pl.Series(
        "probabilities",
        corrected.tolist(),
        dtype=pl.List(pl.Float64),
    )
    return rows.with_columns(column)


def _probabilities(rows: pl.DataFrame) -> np.ndarray:
    """(rows, 4): the teacher's; of that shape without rows too."""
    table = np.array(rows["probabilities"].to_list())
    return table.reshape(-1, _GRADES)


def grade_confusion(teacher: np.ndarray, human: np.ndarray) -> np.ndarray:
    """Estimate P(human grade | teacher's grade), smoothed towards agreement.

    Args:
        teacher: the teacher's probabilities. Shape [pairs, 4].
        human: human grades, one-hot. Shape [pairs, 4].

    Returns:
        The teacher's grades in rows, which sum to 1, human grades in columns. Shape [4, 4].
    """
    counts = _SMOOTHING * np.eye(_GRADES) + teacher.T @ human
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def _one_hot(grade: int) -> np.ndarray:
    return np.asarray(np.eye(_GRADES)[grade])


def _human_target(row: dict[str, Any]) -> np.ndarray:
    """P(grade) by people: the share of each grade where judges disagree, else the one grade."""
    if row["votes"]:
        votes = np.array(row["votes"])
        return np.asarray(votes / sum(row["votes"]))
    return _one_hot(row["human"])


def _real_pair(
    row: dict[str, Any], items: dict[str, Item], teacher_weight: float
) -> _Pair:
    """A pair of the shop; a human judgement is trusted fully, and comes first."""
    target = np.array(row["probabilities"])
    weight = teacher_weight
    if row["human"] is not None:
        target = _human_target(row)
        weight = 1.0
    return _Pair(
        query=row["query"],
        item=items[row["item_id"]],
        evidence=Evidence.many_from_json(row["evidence"]),
        target=target,
        weight=weight,
        real=True,
    )


def _synthetic_pair(row: dict[str, Any], weight: float) -> _Pair:
    """A synthetic pair with the grade that its edit intends."""
    return _Pair(
        query=row["query"],
        item=item_from_row(json.loads(row["item"])),
        evidence=Evidence.many_from_json(row["evidence"]),
        target=_one_hot(row["intended_grade"]),
        weight=weight,
        real=False,
    )


def _pair_list(query_id: str, pairs: list[_Pair]) -> PairList:
    """The pairs of a query, field by field."""
    queries, items, evidence, targets, weights, real = zip(*pairs, strict=True)
    return PairList(
        list_id=query_id,
        queries=list(queries),
        items=list(items),
        evidence=list(evidence),
        targets=np.array(targets),
        weights=np.array(weights),
        real=np.array(real, dtype=bool),
    )


def load_training_lists(
    sources: Sources,
    *,
    teacher_weight: float,
    synthetic_weight: float,
    max_pairs: int,
    seed: int,
) -> tuple[list[PairList], list[PairList]]:
    """Load the train lists, and the dev lists of human judgements only.

    Args:
        sources: folders of the stages.
        teacher_weight: trust in a pair that only the teacher judged; 0: such pairs are left out.
        synthetic_weight: trust in a verified synthetic pair; 0: such pairs are left out.
        max_pairs: cap over all train lists; unjudged lists go first.
        seed: of the order in which lists of equal trust are selected.

    Returns:
        Train and dev lists, each by query id.

    Raises:
        MissingError: a table is not there.
        DataError: a table cannot be read.
    """
    item_table = read_table(sources.prepared, "items")
    items = items_by_id(item_table.iter_rows(named=True))

    train_pairs: dict[str, list[_Pair]] = defaultdict(list)
    dev_pairs: dict[str, list[_Pair]] = defaultdict(list)
    for pair_row in _graded_pairs(sources).iter_rows(named=True):
        query_id = pair_row["query_id"]
        is_judged = pair_row["human"] is not None
        is_trusted = is_judged or teacher_weight > 0
        if pair_row["split"] == "train" and is_trusted:
            train_pairs[query_id].append(_real_pair(pair_row, items, teacher_weight))
        elif pair_row["split"] == "dev" and is_judged:
            dev_pairs[query_id].append(_real_pair(pair_row, items, teacher_weight))

    synthetic = read_table(sources.synthetic, "synthetic").sort("synthetic_id")
    if synthetic_weight > 0:
        for pair_row in synthetic.iter_rows(named=True):
            query_id = pair_row["source_query_id"]
            if query_id in train_pairs:
                train_pairs[query_id].append(
                    _synthetic_pair(pair_row, synthetic_weight)
                )

    train = []
    for query_id in sorted(_select_lists(train_pairs, max_pairs, seed)):
        train.append(_pair_list(query_id, train_pairs[query_id]))
    dev = []
    for query_id in sorted(dev_pairs):
        dev.append(_pair_list(query_id, dev_pairs[query_id]))
    return train, dev


def _select_lists(
    train: dict[str, list[_Pair]], max_pairs: int, seed: int
) -> list[str]:
    """Ids of lists that fit under the cap, in random order; judged ones first."""
    order = np.random.default_rng(seed).permutation(sorted(train))

    def most_trusted_first(query_id: str) -> float:
        return -max(pair.weight for pair in train[query_id])

    selected: list[str] = []
    pair_count = 0
    for query_id in sorted(order, key=most_trusted_first):
        # One list is selected however long it is.
        list_size = len(train[query_id])
        if pair_count and pair_count + list_size > max_pairs:
            continue
        selected.append(str(query_id))
        pair_count += list_size
    return selected
