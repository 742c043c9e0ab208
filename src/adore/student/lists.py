"""What the student learns from: one list a train query, of human, teacher and synthetic pairs."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from adore.artifacts import read_table
from adore.types import Evidence, Grade, Item, item_from_row

__all__ = ["PairList", "Sources", "learn_from", "people_of_teacher"]

KEYS = ["query_id", "item_id"]
_DOUBT = 20.0
"""So many pairs of each grade are added on which teacher and people agree: little data changes little."""


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
    """One query's list as it is learnt from. Synthetic pairs stand in the list that they were made from.

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


def _rows(sources: Sources) -> pl.DataFrame:
    """Real pairs of train and dev queries that people or the teacher graded: evidence and what either said."""
    human = read_table(sources.prepared, "judgements").rename({"grade": "human"})
    answers = pl.concat(
        [
            read_table(a, "answers").select(*KEYS, "probabilities")
            for a in sources.answers
        ]
    )
    queries = read_table(sources.prepared, "queries")
    known = [
        read_table(place, "pairs") for place in (sources.evidence, sources.retrieved)
    ]
    pairs = (
        pl.concat(known).join(answers, on=KEYS, how="left").join(queries, on="query_id")
    )
    pairs = pairs.join(human, on=KEYS, how="left").join(
        _votes(sources.prepared), on=KEYS, how="left"
    )
    pairs = pairs.filter(pl.col("split") != "test")
    graded = (
        pl.col("human").is_not_null() | pl.col("probabilities").is_not_null()
    )  # a teacher's answer may be refused
    return _as_people(pairs.filter(graded).sort(KEYS))


def _votes(prepared: Path) -> pl.DataFrame:
    """``votes``: how many of a pair's judges gave each grade, indexed by grade; no row where all were of one mind."""
    schema = {**dict.fromkeys(KEYS, pl.String()), "votes": pl.List(pl.Int64)}
    if not (prepared / "votes.parquet").is_file():
        return pl.DataFrame(schema=schema)
    votes: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * len(Grade))
    for query_id, item_id, grade, count in (
        read_table(prepared, "votes").select(*KEYS, "grade", "votes").iter_rows()
    ):
        votes[query_id, item_id][grade] += count
    differ = [
        (*pair, counts) for pair, counts in votes.items() if sum(map(bool, counts)) > 1
    ]
    return pl.DataFrame(differ, schema=schema, orient="row")


def _as_people(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with the teacher's probabilities put right: P(grade of people | grade of the teacher) is applied.

    It is learnt from the train pairs that both judged: a rule book that is not the shop's own errs in ways they show.
    """
    rows = rows.with_columns(
        pl.col("probabilities").fill_null([0.0] * 4)
    )  # no answer: it says nothing of any grade
    both = rows.filter(pl.col("human").is_not_null(), split="train")
    given, all_given = (
        np.array(r["probabilities"].to_list()).reshape(-1, 4) for r in (both, rows)
    )
    right = all_given @ people_of_teacher(given, np.eye(4)[both["human"].to_numpy()])
    return rows.with_columns(
        pl.Series("probabilities", right.tolist(), dtype=pl.List(pl.Float64))
    )


def people_of_teacher(given: np.ndarray, human: np.ndarray) -> np.ndarray:
    """(4, 4) P(grade of people, in columns | grade of the teacher), smoothed towards agreement.

    Args:
        given: (pairs, 4) the teacher's probabilities.
        human: (pairs, 4) people's grades, one-hot.
    """
    table = _DOUBT * np.eye(4) + given.T @ human
    return np.asarray(table / table.sum(axis=1, keepdims=True))


def _one_hot(grade: int) -> np.ndarray:
    return np.asarray(np.eye(4)[grade])


def _people(row: dict[str, Any]) -> np.ndarray:
    """P(grade) as people see it: the share of each grade where several judged and differ, else the one grade."""
    return (
        np.array(row["votes"]) / sum(row["votes"])
        if row["votes"]
        else _one_hot(row["human"])
    )


def _real(
    row: dict[str, Any], items: dict[str, Item], teacher_weight: float
) -> tuple[Any, ...]:
    judged = row["human"] is not None
    target = _people(row) if judged else np.array(row["probabilities"])
    evidence = Evidence.many_from_json(row["evidence"])
    return (
        row["query"],
        items[row["item_id"]],
        target,
        1.0 if judged else teacher_weight,
        evidence,
        True,
    )


def _synthetic(row: dict[str, Any], weight: float) -> tuple[Any, ...]:
    item = item_from_row(json.loads(row["item"]))
    evidence = Evidence.many_from_json(row["evidence"])
    return row["query"], item, _one_hot(row["intended_grade"]), weight, evidence, False


def _list(query_id: str, pairs: list[tuple[Any, ...]]) -> PairList:
    queries, items, targets, weights, evidence, real = (
        list(column) for column in zip(*pairs, strict=True)
    )
    return PairList(
        query_id,
        queries,
        items,
        evidence,
        np.array(targets),
        np.array(weights),
        np.array(real, dtype=bool),
    )


def learn_from(
    sources: Sources,
    *,
    teacher_weight: float,
    synthetic_weight: float,
    max_pairs: int,
    seed: int,
) -> tuple[list[PairList], list[PairList]]:
    """Train lists, and dev lists of human judgements only.

    Args:
        teacher_weight: trust in a pair that only the teacher judged; 0: such pairs are left out.
        synthetic_weight: trust in a verified synthetic pair; 0: such pairs are left out.
        max_pairs: cap over all train lists; unjudged lists go first.
    """
    items = {
        r["item_id"]: item_from_row(r)
        for r in read_table(sources.prepared, "items").iter_rows(named=True)
    }
    train: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    dev: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for row in _rows(sources).iter_rows(named=True):
        if row["split"] == "train" and (row["human"] is not None or teacher_weight > 0):
            train[row["query_id"]].append(_real(row, items, teacher_weight))
        elif row["split"] == "dev" and row["human"] is not None:
            dev[row["query_id"]].append(_real(row, items, teacher_weight))
    made = read_table(sources.synthetic, "synthetic").sort("synthetic_id")
    for row in made.iter_rows(named=True) if synthetic_weight > 0 else ():
        if row["source_query_id"] in train:
            train[row["source_query_id"]].append(_synthetic(row, synthetic_weight))
    order = np.random.default_rng(seed).permutation(sorted(train))
    judged_first = sorted(order, key=lambda q: -max(p[3] for p in train[q]))
    kept, total = [], 0
    for query_id in judged_first:
        if total and total + len(train[query_id]) > max_pairs:
            continue
        kept.append(str(query_id))
        total += len(train[query_id])
    return [_list(q, train[q]) for q in sorted(kept)], [
        _list(q, dev[q]) for q in sorted(dev)
    ]
