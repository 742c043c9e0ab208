"""What the student learns from: one list a train query, of human, teacher and synthetic pairs."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from adore.artifacts import read_table
from adore.types import PAIR, Evidence, Grade, Item, item_from_row

__all__ = ["PairList", "Sources", "grade_confusion", "load_training_lists"]

_DOUBT = 20.0
"""So many pairs of each grade are added on which teacher and people agree.

Little data changes little.
"""


@dataclass(frozen=True, slots=True)
class Sources:
    """Folders of the stages that feed the student."""

    prepared: Path
    evidence: Path
    answers: list[Path]
    synthetic: Path
    retrieved: Path


@dataclass(frozen=True)
class PairList:
    """One query's list as it is learnt from.

    Synthetic pairs stand in the list that they were made from.

    Args:
        list_id: the (source) query's id.
        queries: text per pair (a synthetic pair may have its own).
        items: per pair.
        evidence: per pair.
        targets: (pairs, 4) soft grades, rows sum to 1.
        weights: (pairs,) trust: 1 human, less for teacher and synthetic pairs.
        real: (pairs,) bool: False for synthetic pairs.
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


def _rows(sources: Sources) -> pl.DataFrame:
    """Real pairs of train and dev queries that people or the teacher graded.

    Each has its evidence and what either said.
    """
    human = read_table(sources.prepared, "judgements").rename({"grade": "human"})
    answers = pl.concat(
        [
            read_table(a, "teacher_judgements").select(*PAIR, "probabilities")
            for a in sources.answers
        ]
    )
    queries = read_table(sources.prepared, "queries")
    known = [
        read_table(place, "pairs") for place in (sources.evidence, sources.retrieved)
    ]
    pairs = (
        pl.concat(known).join(answers, on=PAIR, how="left").join(queries, on="query_id")
    )
    pairs = pairs.join(human, on=PAIR, how="left").join(
        _votes(sources.prepared), on=PAIR, how="left"
    )
    pairs = pairs.filter(pl.col("split") != "test")
    # A teacher's answer may be refused.
    graded = pl.col("human").is_not_null() | pl.col("probabilities").is_not_null()
    return _as_people(pairs.filter(graded).sort(PAIR))


def _votes(prepared: Path) -> pl.DataFrame:
    """``votes``: how many of a pair's judges gave each grade, indexed by grade.

    There is no row where all were of one mind.
    """
    schema: dict[str, Any] = dict.fromkeys(PAIR, pl.String())
    schema["votes"] = pl.List(pl.Int64)
    if not (prepared / "votes.parquet").is_file():
        return pl.DataFrame(schema=schema)

    votes: dict[tuple[str, str], list[int]] = {}
    table = read_table(prepared, "votes")
    rows = table.select(*PAIR, "grade", "votes")
    for query_id, item_id, grade, count in rows.iter_rows():
        none_yet = [0] * len(Grade)
        counts = votes.setdefault((query_id, item_id), none_yet)
        counts[grade] += count

    differ = []
    for pair, counts in votes.items():
        given = [count for count in counts if count]
        if len(given) > 1:
            differ.append((*pair, counts))
    return pl.DataFrame(differ, schema=schema, orient="row")


def _as_people(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with the teacher's probabilities put right.

    P(grade of people | grade of the teacher) is applied. It is learnt from the train pairs
    that both judged: a rule book that is not the shop's own errs in ways they show.
    """
    # No answer: it says nothing of any grade.
    rows = rows.with_columns(pl.col("probabilities").fill_null([0.0] * 4))

    is_judged = pl.col("human").is_not_null()
    both = rows.filter(is_judged, split="train")
    human = both["human"].to_numpy()
    people = grade_confusion(_probabilities(both), np.eye(4)[human])

    # P(people) = sum over the teacher's grades of P(teacher) P(people | teacher).
    right = _probabilities(rows) @ people
    column = pl.Series(
        "probabilities",
        right.tolist(),
        dtype=pl.List(pl.Float64),
    )
    return rows.with_columns(column)


def _probabilities(rows: pl.DataFrame) -> np.ndarray:
    """(rows, 4) the teacher's; without rows too."""
    return np.array(rows["probabilities"].to_list()).reshape(-1, 4)


def grade_confusion(given: np.ndarray, human: np.ndarray) -> np.ndarray:
    """(4, 4) P(grade of people | grade of the teacher), smoothed towards agreement.

    People's grades are in columns.

    Args:
        given: (pairs, 4) the teacher's probabilities.
        human: (pairs, 4) people's grades, one-hot.
    """
    table = _DOUBT * np.eye(4) + given.T @ human
    return np.asarray(table / table.sum(axis=1, keepdims=True))


def _one_hot(grade: int) -> np.ndarray:
    return np.asarray(np.eye(4)[grade])


def _people(row: dict[str, Any]) -> np.ndarray:
    """P(grade) as people see it.

    That is the share of each grade where several judged and differ, else the one grade.
    """
    if row["votes"]:
        votes = np.array(row["votes"])
        return np.asarray(votes / sum(row["votes"]))
    return _one_hot(row["human"])


def _real(row: dict[str, Any], items: dict[str, Item], teacher_weight: float) -> _Pair:
    judged = row["human"] is not None
    return _Pair(
        query=row["query"],
        item=items[row["item_id"]],
        evidence=Evidence.many_from_json(row["evidence"]),
        target=_people(row) if judged else np.array(row["probabilities"]),
        weight=1.0 if judged else teacher_weight,
        real=True,
    )


def _synthetic(row: dict[str, Any], weight: float) -> _Pair:
    return _Pair(
        query=row["query"],
        item=item_from_row(json.loads(row["item"])),
        evidence=Evidence.many_from_json(row["evidence"]),
        target=_one_hot(row["intended_grade"]),
        weight=weight,
        real=False,
    )


def _list(query_id: str, pairs: list[_Pair]) -> PairList:
    return PairList(
        list_id=query_id,
        queries=[pair.query for pair in pairs],
        items=[pair.item for pair in pairs],
        evidence=[pair.evidence for pair in pairs],
        targets=np.array([pair.target for pair in pairs]),
        weights=np.array([pair.weight for pair in pairs]),
        real=np.array([pair.real for pair in pairs], dtype=bool),
    )


def load_training_lists(
    sources: Sources,
    *,
    teacher_weight: float,
    synthetic_weight: float,
    max_pairs: int,
    seed: int,
) -> tuple[list[PairList], list[PairList]]:
    """Train lists, and dev lists of human judgements only.

    Args:
        sources: folders of the stages.
        teacher_weight: trust in a pair that only the teacher judged; 0: such pairs are left out.
        synthetic_weight: trust in a verified synthetic pair; 0: such pairs are left out.
        max_pairs: cap over all train lists; unjudged lists go first.
        seed: of the order in which lists of equal trust are kept.
    """
    table = read_table(sources.prepared, "items")
    items = {row["item_id"]: item_from_row(row) for row in table.iter_rows(named=True)}

    train: dict[str, list[_Pair]] = defaultdict(list)
    dev: dict[str, list[_Pair]] = defaultdict(list)
    for row in _rows(sources).iter_rows(named=True):
        query_id = row["query_id"]
        is_judged = row["human"] is not None
        if row["split"] == "train" and (is_judged or teacher_weight > 0):
            train[query_id].append(_real(row, items, teacher_weight))
        elif row["split"] == "dev" and is_judged:
            dev[query_id].append(_real(row, items, teacher_weight))

    made = read_table(sources.synthetic, "synthetic").sort("synthetic_id")
    if synthetic_weight > 0:
        for row in made.iter_rows(named=True):
            query_id = row["source_query_id"]
            if query_id in train:
                train[query_id].append(_synthetic(row, synthetic_weight))

    kept = _kept(train, max_pairs, seed)
    return (
        [_list(query_id, train[query_id]) for query_id in sorted(kept)],
        [_list(query_id, dev[query_id]) for query_id in sorted(dev)],
    )


def _kept(train: dict[str, list[_Pair]], max_pairs: int, seed: int) -> list[str]:
    """Ids of lists that fit under the cap, drawn in random order; judged ones first."""
    order = np.random.default_rng(seed).permutation(sorted(train))

    def most_trusted_first(query_id: str) -> float:
        return -max(pair.weight for pair in train[query_id])

    kept: list[str] = []
    total = 0
    for query_id in sorted(order, key=most_trusted_first):
        # One list is kept however long it is.
        if total and total + len(train[query_id]) > max_pairs:
            continue
        kept.append(str(query_id))
        total += len(train[query_id])
    return kept
