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


_UNSET = np.zeros(0)


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
    for row_number, query in enumerate(pairs.queries):
        rows_by_query.setdefault(query, []).append(row_number)

    size = len(pairs.items)
    matrix: list[np.ndarray] = [_UNSET] * size
    semantic: list[np.ndarray] = [_UNSET] * size
    states: list[np.ndarray] = [_UNSET] * size
    for query, query_rows in rows_by_query.items():
        # Where only synthetic pairs have a query, real items make the list around them.
        borrowed: list[int] = []
        if not pairs.real[query_rows].any():
            borrowed = around
        of_query = _inputs_of(pairs, inputs, query, borrowed, query_rows)

        # The borrowed items come first; their rows are not learnt from.
        for position, row_number in enumerate(query_rows, len(borrowed)):
            matrix[row_number] = of_query.matrix[position]
            semantic[row_number] = of_query.semantic[position]
            states[row_number] = of_query.states[position]

    return ListRows(
        list_id=pairs.list_id,
        matrix=np.array(matrix),
        semantic=np.array(semantic),
        targets=pairs.targets,
        weights=pairs.weights,
        states=np.array(states),
        real=pairs.real,
    )


def _inputs_of(
    pairs: PairList,
    inputs: ListInputs,
    query: str,
    borrowed: list[int],
    rows: list[int],
) -> Inputs:
    """Inputs of the borrowed items, then of the query's own rows."""
    items = [pairs.items[row_number] for row_number in borrowed]
    is_member = [True] * len(borrowed)

    # The list has evidence of the borrowed items for its source query only.
    evidence = inputs.reader.evidence(query, items)
    for row_number in rows:
        items.append(pairs.items[row_number])
        evidence.append(pairs.evidence[row_number])
        is_member.append(bool(pairs.real[row_number]))

    members = np.array(is_member, dtype=bool)
    return inputs.compute(query, items, evidence, members)


def _spread_sample(pairs: PairList, size: int) -> list[int]:
    """Rows of at most so many real pairs, evenly spaced over the list."""
    real_rows = np.flatnonzero(pairs.real)
    if not len(real_rows):
        return []
    count = min(size, len(real_rows))
    positions = np.linspace(0, len(real_rows) - 1, count).astype(int)
    return [int(row_number) for row_number in real_rows[positions]]


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

    Raises:
        DataError: ``train`` is empty.
        ConfigError: the lists of a step cannot be shared evenly, or a checkpoint is of
            other settings or lists.
        AdoreError: a process failed; the end of its output is in the text.
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

    # The forest knows no lists: all pairs are one table.
    features = []
    targets = []
    weights = []
    for list_rows in train:
        features.append(list_rows.matrix)
        targets.append(list_rows.targets)
        weights.append(list_rows.weights)
    forest = fit_forest(
        np.concatenate(features),
        np.concatenate(targets),
        np.concatenate(weights),
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

    Raises:
        AdoreError: a process failed; see :func:`fit`.
    """
    # Dev lists are learnt from now, so they cannot stop the training.
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
    mean_probabilities = []
    for list_rows, of_net in zip(lists, by_net, strict=True):
        # Both are probabilities, so their mean is one, too.
        of_forest = fitted.forest.predict(list_rows.matrix)
        mean_probabilities.append((of_net + of_forest) / 2)
    return mean_probabilities


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
    # Without any list the arrays are empty, but of the right shape and type.
    all_probabilities = [np.zeros((0, len(Grade))), *probabilities]
    all_grades = [np.zeros(0, dtype=np.int64)]
    for list_rows in dev:
        all_grades.append(list_rows.targets.argmax(1))
    of_pairs = np.concatenate(all_probabilities)
    grades = np.concatenate(all_grades)

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
    grade_weights = np.zeros(len(Grade))
    for list_rows in lists:
        weights = list_rows.weights[:, None]
        trusted = list_rows.targets * weights
        grade_weights += trusted[list_rows.real].sum(axis=0)
    whole_weight = max(float(grade_weights.sum()), 1e-9)
    return grade_weights / whole_weight
