"""Fits the student: features of its training lists, net and forest, calibration on dev."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from adore.artifacts import resume_dir
from adore.distributed import world_size
from adore.student.calibration import calibration_error, fit_temperature, tempered
from adore.student.forest import fit_forest
from adore.student.inputs import Inputs, ListInputs
from adore.student.model import StudentNet
from adore.student.training import Curve, ListRows, net_probabilities, train_net_in
from adore.student.training_lists import PairList
from adore.types import Grade

if TYPE_CHECKING:
    from adore.student.distil import Config

__all__ = [
    "Calibration",
    "FittedStudent",
    "calibrate",
    "checkpoint_of",
    "fit",
    "predict",
    "prior_of",
    "refit",
    "rows_of",
]


@dataclass(frozen=True, slots=True)
class FittedStudent:
    """A trained net and forest, and how the net's training went."""

    net: StudentNet
    forest: Any
    curve: Curve


@dataclass(frozen=True, slots=True)
class Calibration:
    """The temperature, and the expected calibration error on dev before and after it."""

    temperature: float
    dev_ece_before: float
    dev_ece: float


def rows_of(pairs: PairList, inputs: ListInputs, config: Config) -> ListRows:
    """Compute the features of a training list.

    A synthetic pair with a query of its own is read among real items of the source list.

    Args:
        pairs: the list.
        inputs: what computes features.
        config: how many real items are put around a synthetic pair.

    Returns:
        One row per pair, in the list's order.
    """
    around = _spread_sample(pairs, config.context)
    rows_by_query: dict[str, list[int]] = {}
    for row, query in enumerate(pairs.queries):
        rows_by_query.setdefault(query, []).append(row)

    computed: dict[int, _Row] = {}
    for query, rows in rows_by_query.items():
        # Where only synthetic pairs have a query, real items make the list around them.
        borrowed: list[int] = []
        if not pairs.real[rows].any():
            borrowed = around
        of_query = _inputs_of(pairs, inputs, query, borrowed, rows)
        for position, row in enumerate(rows, len(borrowed)):
            computed[row] = _Row(
                of_query.matrix[position],
                of_query.semantic[position],
                of_query.states[position],
            )

    in_order = [computed[row] for row in range(len(pairs.items))]
    return ListRows(
        list_id=pairs.list_id,
        matrix=np.array([row.features for row in in_order]),
        semantic=np.array([row.semantic for row in in_order]),
        targets=pairs.targets,
        weights=pairs.weights,
        states=np.array([row.states for row in in_order]),
        real=pairs.real,
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """What the learners read of one pair."""

    features: np.ndarray
    semantic: np.ndarray
    states: np.ndarray


def _inputs_of(
    pairs: PairList,
    inputs: ListInputs,
    query: str,
    borrowed: list[int],
    rows: list[int],
) -> Inputs:
    """Inputs of the borrowed items, then of the query's own rows."""
    items = [pairs.items[row] for row in borrowed]
    is_member = [True] * len(borrowed)

    # The list has evidence of the borrowed items for its source query only.
    evidence = inputs.reader.evidence(query, items)
    for row in rows:
        items.append(pairs.items[row])
        evidence.append(pairs.evidence[row])
        is_member.append(bool(pairs.real[row]))

    members = np.array(is_member, dtype=bool)
    return inputs.compute(query, items, evidence, members)


def _spread_sample(pairs: PairList, size: int) -> list[int]:
    """Rows of at most so many real pairs, evenly spaced over the list."""
    real_rows = np.flatnonzero(pairs.real)
    if not len(real_rows):
        return []
    count = min(size, len(real_rows))
    positions = np.linspace(0, len(real_rows) - 1, count).astype(int)
    return [int(row) for row in real_rows[positions]]


def checkpoint_of(config: Config, train: Sequence[ListRows]) -> str:
    """Place of the net's checkpoint for these lists.

    Args:
        config: may name a file.
        train: lists that are learnt from.

    Returns:
        The place; empty where none was named and one process trains alone.
    """
    place = config.checkpoint
    if not place and world_size() > 1:
        place = f"{resume_dir()}/net"
    if not place:
        return ""
    return f"{place}.{len(train)}"


def fit(
    train: list[ListRows], dev: list[ListRows], config: Config, stop: int = 0
) -> FittedStudent:
    """Train net and forest.

    Args:
        train: lists to learn from, at least one.
        dev: lists for early stopping of the net; empty: it stops by ``stop`` alone.
        config: how both are trained.
        stop: epochs after which the net's training stops; 0: the schedule's end.

    Returns:
        Both, with the net's curve.
    """
    net, curve = train_net_in(
        config.processes,
        train,
        dev,
        config.net,
        seed=config.seed,
        stop=stop,
        checkpoint=checkpoint_of(config, train),
    )
    forest = fit_forest(
        np.concatenate([rows.matrix for rows in train]),
        np.concatenate([rows.targets for rows in train]),
        np.concatenate([rows.weights for rows in train]),
        config.forest,
        seed=config.seed,
        threads=config.threads,
    )
    return FittedStudent(net, forest, curve)


def refit(
    train: list[ListRows], dev: list[ListRows], config: Config, curve: Curve
) -> FittedStudent:
    """:func:`fit` once more, from the dev lists too.

    Args:
        train: lists that the first fit learnt from.
        dev: lists that stopped it.
        config: how both are trained.
        curve: of the first fit; the net trains up to its best epoch, at least half of the
            schedule.

    Returns:
        The new student.
    """
    stop = max(curve.best_epoch, config.net.epochs // 2)
    return fit([*train, *dev], [], config, stop=stop)


def predict(fitted: FittedStudent, lists: list[ListRows]) -> list[np.ndarray]:
    """Grade lists: the mean of net and forest, before the temperature.

    Args:
        fitted: the student.
        lists: what is graded.

    Returns:
        P(grade) of every list. Shape [pairs, 4] each.
    """
    by_net = net_probabilities(fitted.net, lists)
    means = []
    for rows, of_net in zip(lists, by_net, strict=True):
        of_forest = fitted.forest.predict(rows.matrix)
        means.append((of_net + of_forest) / 2)
    return means


def calibrate(
    probabilities: Sequence[np.ndarray], dev: Sequence[ListRows]
) -> Calibration:
    """Fit the temperature on the dev pairs.

    Args:
        probabilities: of each list, from :func:`predict` of a student that has not learnt
            from them; without any the temperature is 1.
        dev: those lists.

    Returns:
        The temperature and the calibration errors.
    """
    of_pairs = np.concatenate([*probabilities, np.zeros((0, len(Grade)))])
    no_grades = np.zeros(0, dtype=np.int64)
    grades = np.concatenate([*(rows.targets.argmax(1) for rows in dev), no_grades])

    temperature = fit_temperature(of_pairs, grades)
    return Calibration(
        temperature=temperature,
        dev_ece_before=calibration_error(of_pairs, grades),
        dev_ece=calibration_error(tempered(of_pairs, temperature), grades),
    )


def prior_of(lists: Sequence[ListRows]) -> np.ndarray:
    """Share of each grade among the real pairs, weighted by trust.

    Args:
        lists: what is learnt from.

    Returns:
        Sums to 1. Shape [4].
    """
    totals = np.zeros(len(Grade))
    for rows in lists:
        weights = rows.weights[:, None]
        trusted = rows.targets * weights
        totals += trusted[rows.real].sum(axis=0)
    total = max(float(totals.sum()), 1e-9)
    return totals / total
