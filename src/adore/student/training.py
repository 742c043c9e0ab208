"""Trains the student's net, in one process or in several.

A forward pass takes one list; training stops early on dev nDCG@10.
"""

from __future__ import annotations

import copy
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import distributed

from adore.distributed import broadcast, broadcast_file, is_main, launch, world_size
from adore.errors import DataError, check
from adore.measures import GRADE_GAINS, expected_gain, ndcg
from adore.progress import log_line, progress
from adore.storage import write_bytes
from adore.student.losses import (
    attribute_loss,
    grade_loss,
    listwise_loss,
    odds_of_exact,
)
from adore.student.model import StudentNet

__all__ = [
    "Curve",
    "ListRows",
    "Plan",
    "mean_ndcg",
    "net_probabilities",
    "train_net",
    "train_net_in",
]


@dataclass(frozen=True)
class ListRows:
    """One query's list as the student learns it.

    Args:
        list_id: the query's id.
        matrix: (pairs, columns) features with their z-scores.
        meaning: (pairs, 2 d), see :meth:`adore.student.context.Vectors.products`.
        targets: (pairs, 4) soft grades, rows sum to 1.
        weights: (pairs,) trust: 1 human, less for teacher and synthetic pairs.
        states: (pairs, attributes), see :func:`adore.student.features.states_of`.
        real: (pairs,) bool: False for synthetic pairs.
    """

    list_id: str
    matrix: np.ndarray
    meaning: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    states: np.ndarray
    real: np.ndarray


@dataclass(frozen=True, slots=True)
class Plan:
    """How the net is trained.

    Args:
        epochs: length of the schedule.
        rate: highest learning rate, of AdamW with one cycle.
        patience: epochs without a better dev nDCG@10 after which training stops.
        attribute_weight: of the attribute heads' loss beside the grade's; 0: the grade
            does not see the heads.
        list_weight: of the listwise loss.
        lists: lists a step, shared by all processes.
        stop: epochs after which training stops whatever happens; 0: the schedule's end.
        seed: of weights, order and dropout.
    """

    epochs: int = 20
    rate: float = 2e-3
    patience: int = 10
    attribute_weight: float = 0.5
    list_weight: float = 0.5
    lists: int = 2
    stop: int = 0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Curve:
    """Mean loss and dev nDCG@10 after each epoch, and the epoch whose weights were kept."""

    losses: tuple[float, ...]
    dev: tuple[float, ...]
    kept: int


def mean_ndcg(probabilities: Sequence[np.ndarray], lists: Sequence[ListRows]) -> float:
    """Mean nDCG@10 over lists with a relevant item; 0 without any.

    Each list is ordered by the expected gain.

    Args:
        probabilities: (pairs, 4) of each list.
        lists: their targets hold the grades.
    """
    each = [
        ndcg(expected_gain(p), one.targets.argmax(1))
        for p, one in zip(probabilities, lists, strict=True)
    ]
    return float(np.nanmean(each)) if each and not np.isnan(each).all() else 0.0


def _inputs(one: ListRows) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    matrix = np.asarray(one.matrix, dtype=np.float32)
    meaning = np.asarray(one.meaning, dtype=np.float32)
    asked = one.states >= 0
    return (
        torch.from_numpy(matrix),
        torch.from_numpy(meaning),
        torch.from_numpy(asked).float(),
    )


@torch.no_grad()
def net_probabilities(net: StudentNet, lists: Sequence[ListRows]) -> list[np.ndarray]:
    """(pairs, 4) of every list, indexed by grade value.

    Args:
        net: the net; it is left in evaluation mode.
        lists: what is graded.
    """
    net.eval()
    probabilities = []
    for one in lists:
        logits, _ = net(*_inputs(one))
        probabilities.append(torch.softmax(logits.double(), dim=1).numpy())
    return probabilities


def _loss(net: StudentNet, one: ListRows, plan: Plan) -> torch.Tensor:
    grades, states = net(*_inputs(one))
    targets = torch.from_numpy(one.targets).float()
    weights = torch.from_numpy(one.weights).float()

    # Synthetic pairs have a grade, but no place in the order.
    gains = targets @ torch.from_numpy(GRADE_GAINS).float()
    placed = weights * torch.from_numpy(one.real).float()
    ranked = listwise_loss(odds_of_exact(grades), gains, placed)

    asked = attribute_loss(states, torch.from_numpy(one.states), weights)
    return (
        grade_loss(grades, targets, weights)
        + plan.list_weight * ranked
        + plan.attribute_weight * asked
    )


@dataclass
class _State:
    """All that a checkpoint holds; a resumed training goes on bit for bit."""

    net: StudentNet
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    best: dict[str, Any]
    losses: list[float]
    dev: list[float]
    of: str
    kept: int = 0

    def save(self, place: str) -> None:
        parts = {"net": self.net.state_dict(), "optimiser": self.optimiser.state_dict()}
        told = {
            "best": self.best,
            "losses": self.losses,
            "dev": self.dev,
            "kept": self.kept,
            "of": self.of,
        }
        held = io.BytesIO()
        torch.save({**parts, "schedule": self.schedule.state_dict(), **told}, held)
        write_bytes(held.getvalue(), place)

    def load(self, place: str) -> None:
        """Go on from what the first process finds at the place.

        Where nothing is there, training stays at the beginning.
        """
        kept = broadcast_file(place)
        if not kept:
            return
        parts = torch.load(io.BytesIO(kept), weights_only=True)
        same = parts["of"] == self.of
        check(
            same,
            "checkpoint",
            place,
            must="of the same plan and lists",
            fix="remove the file",
        )
        for part in ("net", "optimiser", "schedule"):
            getattr(self, part).load_state_dict(parts[part])
        self.best = parts["best"]
        self.losses = parts["losses"]
        self.dev = parts["dev"]
        self.kept = parts["kept"]


def _mark(train: Sequence[ListRows], plan: Plan) -> str:
    """Names plan and data, so that no training goes on from a checkpoint of another one."""
    digest = hashlib.sha256(str(plan).encode())
    for one in train:
        for part in (
            one.matrix,
            one.meaning,
            one.targets,
            one.weights,
            one.states,
            one.real,
        ):
            digest.update(part.tobytes())
    return digest.hexdigest()


def _begin(train: Sequence[ListRows], plan: Plan) -> _State:
    torch.manual_seed(plan.seed)
    net = StudentNet(train[0].matrix.shape[1], train[0].meaning.shape[1])
    net.normalise(torch.from_numpy(np.vstack([one.matrix for one in train])).float())
    # It is zero: without a loss of their own no heads.
    net.grade_states.requires_grad_(plan.attribute_weight > 0)
    optimiser = torch.optim.AdamW(net.parameters(), lr=plan.rate, weight_decay=0.1)
    steps = plan.epochs * -(-len(train) // plan.lists)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, plan.rate, total_steps=steps
    )
    return _State(
        net=net,
        optimiser=optimiser,
        schedule=schedule,
        best=copy.deepcopy(net.state_dict()),
        losses=[],
        dev=[],
        of=_mark(train, plan),
    )


def _epoch(state: _State, train: Sequence[ListRows], plan: Plan, epoch: int) -> float:
    """One pass over the lists; returns the mean loss.

    Each process takes its share of every step's lists; gradients are summed over all.
    """
    rank, processes = 0, 1
    if distributed.is_initialized():
        rank = distributed.get_rank()
        processes = distributed.get_world_size()

    draws = np.random.default_rng([plan.seed, epoch])
    order = draws.permutation(len(train)).tolist()
    total = 0.0
    state.net.train()
    for start in range(0, len(order), plan.lists):
        step = order[start : start + plan.lists]
        state.optimiser.zero_grad(set_to_none=False)
        for at in step[rank::processes]:
            # Dropout is the list's, whoever holds it.
            torch.manual_seed(hash((plan.seed, epoch, at)) % 2**31)
            loss = _loss(state.net, train[at], plan) / len(step)
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.item() * len(step)
        if processes > 1:
            _sum_gradients(state.net)
        state.optimiser.step()
        state.schedule.step()
    whole = torch.tensor(total)
    if processes > 1:
        distributed.all_reduce(whole)
    return float(whole) / len(train)


def _sum_gradients(net: StudentNet) -> None:
    """Give every process the sum of all processes' gradients."""
    for parameter in net.parameters():
        grad = parameter.grad
        if grad is None:
            grad = torch.zeros_like(parameter)
        distributed.all_reduce(grad)
        parameter.grad = grad


def train_net(
    train: Sequence[ListRows], dev: Sequence[ListRows], plan: Plan, checkpoint: str = ""
) -> tuple[StudentNet, Curve]:
    """Train a new net.

    Args:
        train: lists to learn from.
        dev: lists for early stopping only; empty: the last epoch is kept.
        plan: see :class:`Plan`.
        checkpoint: place that is written after each epoch; if it is there, training goes on
            from it. Empty: no checkpoint.

    Returns:
        The net of the epoch that was kept, in evaluation mode, and the curve.

    Raises:
        DataError: no train list.
        ConfigError: the checkpoint is of another plan or other lists.
    """
    check(
        bool(train),
        "train lists",
        0,
        must="at least one",
        fix="judge some train queries",
        error=DataError,
    )
    torch.set_num_threads(1)  # a list is small: more threads only wait for each other
    state = _begin(train, plan)
    last = plan.stop or plan.epochs
    if checkpoint:
        state.load(checkpoint)

    epochs = range(len(state.losses) + 1, last + 1)
    for epoch in progress(epochs, "epochs of the student"):
        if dev and state.losses and epoch - 1 - state.kept >= plan.patience:
            break
        state.losses.append(_epoch(state, train, plan, epoch))
        # All processes take the first one's measure, lest they stop apart.
        measured = mean_ndcg(net_probabilities(state.net, dev), dev)
        state.dev.append(broadcast(measured))

        if not dev or state.dev[-1] >= max(state.dev):
            state.best = copy.deepcopy(state.net.state_dict())
            state.kept = epoch
        if checkpoint and is_main():
            state.save(checkpoint)

    state.net.load_state_dict(state.best)
    told = f", dev nDCG@10 {max(state.dev):.3f}" if dev else ""
    log_line(
        f"    student: {len(state.losses)} epochs, kept {state.kept}, "
        f"loss {state.losses[-1]:.3f}{told}"
    )
    return state.net.eval(), Curve(tuple(state.losses), tuple(state.dev), state.kept)


# ---------------------------------------------------------------- several processes


def train_net_in(
    processes: int,
    train: Sequence[ListRows],
    dev: Sequence[ListRows],
    plan: Plan,
    checkpoint: str = "",
) -> tuple[StudentNet, Curve]:
    """:func:`train_net` in several processes, which share each step's lists.

    Under torchrun its processes, on whichever nodes, are taken; else new ones are made on
    this machine.

    Args:
        processes: how many are made; 1: training runs in this process.
        train: lists to learn from.
        dev: lists for early stopping only.
        plan: see :class:`Plan`.
        checkpoint: see :func:`train_net`.

    Raises:
        ConfigError: the lists of a step cannot be shared evenly.
    """
    processes = world_size() if world_size() > 1 else processes
    check(
        plan.lists % processes == 0,
        "lists",
        plan.lists,
        must=f"a multiple of {processes}",
        fix="set distil.lists",
    )
    job = {
        "train": list(train),
        "dev": list(dev),
        "plan": plan,
        "checkpoint": checkpoint,
    }
    return launch(processes, "adore.student.training:train_net", **job)  # type: ignore[no-any-return]
