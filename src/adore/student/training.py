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
from torch import Tensor, distributed

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
from adore.student.settings import NetConfig

__all__ = [
    "Curve",
    "ListRows",
    "mean_ndcg",
    "net_probabilities",
    "train_net",
    "train_net_in",
]

_WEIGHT_DECAY = 0.1


@dataclass(frozen=True)
class ListRows:
    """One query's list as the student learns it.

    Args:
        list_id: the query's id.
        matrix: features with their z-scores. Shape [pairs, columns].
        semantic: see :meth:`adore.student.context.Vectors.products`. Shape [pairs, 2 d].
        targets: soft grades, rows sum to 1. Shape [pairs, 4].
        weights: trust: 1 human, less for teacher and synthetic pairs. Shape [pairs].
        states: see :func:`adore.student.features.states_of`. Shape [pairs, attributes].
        real: False for synthetic pairs. Boolean, shape [pairs].
    """

    list_id: str
    matrix: np.ndarray
    semantic: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    states: np.ndarray
    real: np.ndarray


@dataclass(frozen=True, slots=True)
class Curve:
    """How a training went.

    Attributes:
        losses: mean training loss of each epoch.
        dev: dev nDCG@10 after each epoch.
        best_epoch: number, from 1, of the epoch whose weights were taken.
    """

    losses: tuple[float, ...]
    dev: tuple[float, ...]
    best_epoch: int


def mean_ndcg(probabilities: Sequence[np.ndarray], lists: Sequence[ListRows]) -> float:
    """Mean nDCG@10 over lists that are ordered by the expected gain.

    Args:
        probabilities: P(grade) of each list. Shape [pairs, 4] each.
        lists: their targets are the grades.

    Returns:
        The mean over lists with a relevant item; 0 without any.
    """
    values = []
    for of_list, list_rows in zip(probabilities, lists, strict=True):
        grades = list_rows.targets.argmax(1)
        values.append(ndcg(expected_gain(of_list), grades))
    if np.isnan(values).all():
        return 0.0
    return float(np.nanmean(values))


def _net_inputs(rows: ListRows) -> tuple[Tensor, Tensor, Tensor]:
    """Features, products and the mask of asked attributes, as the net takes them."""
    matrix = np.asarray(rows.matrix, dtype=np.float32)
    semantic = np.asarray(rows.semantic, dtype=np.float32)
    is_asked = rows.states >= 0
    return (
        torch.from_numpy(matrix),
        torch.from_numpy(semantic),
        torch.from_numpy(is_asked).float(),
    )


@torch.no_grad()
def net_probabilities(net: StudentNet, lists: Sequence[ListRows]) -> list[np.ndarray]:
    """Grade lists with the net.

    Args:
        net: the net; it is left in evaluation mode.
        lists: what is graded.

    Returns:
        P(grade) of every list, indexed by grade value. Shape [pairs, 4] each.
    """
    net.eval()
    probabilities = []
    for list_rows in lists:
        logits, _ = net(*_net_inputs(list_rows))
        softmax = torch.softmax(logits.double(), dim=1)
        probabilities.append(softmax.numpy())
    return probabilities


def _loss(net: StudentNet, rows: ListRows, config: NetConfig) -> Tensor:
    """Loss of the grade, plus the weighted losses of the order and of the attributes."""
    grade_logits, state_logits = net(*_net_inputs(rows))
    targets = torch.from_numpy(rows.targets).float()
    weights = torch.from_numpy(rows.weights).float()
    by_grade = grade_loss(grade_logits, targets, weights)

    # A synthetic pair has a grade, but no place in the order.
    expected_gains = targets @ torch.from_numpy(GRADE_GAINS).float()
    order_weights = weights * torch.from_numpy(rows.real).float()
    by_order = listwise_loss(odds_of_exact(grade_logits), expected_gains, order_weights)

    states = torch.from_numpy(rows.states)
    by_attribute = attribute_loss(state_logits, states, weights)
    return (
        by_grade
        + config.list_weight * by_order
        + config.attribute_weight * by_attribute
    )


@dataclass
class _State:
    """Everything that a checkpoint holds; a resumed training continues bit for bit.

    ``fingerprint`` names settings and data, so that no training continues from a checkpoint
    of another one.
    """

    config: NetConfig
    seed: int
    fingerprint: str
    net: StudentNet
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    best: dict[str, Any]
    losses: list[float]
    dev: list[float]
    best_epoch: int = 0

    def save(self, place: str) -> None:
        """Write the checkpoint."""
        checkpoint = {
            "net": self.net.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "best": self.best,
            "losses": self.losses,
            "dev": self.dev,
            "best_epoch": self.best_epoch,
            "fingerprint": self.fingerprint,
        }
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        write_bytes(buffer.getvalue(), place)

    def load(self, place: str) -> None:
        """Continue from the checkpoint that the main process reads, if there is one."""
        content = broadcast_file(place)
        if not content:
            return
        checkpoint = torch.load(io.BytesIO(content), weights_only=True)
        check(
            checkpoint["fingerprint"] == self.fingerprint,
            "checkpoint",
            place,
            must="of the same settings and lists",
            fix="remove the file",
        )
        self.net.load_state_dict(checkpoint["net"])
        self.optimiser.load_state_dict(checkpoint["optimiser"])
        self.schedule.load_state_dict(checkpoint["schedule"])
        self.best = checkpoint["best"]
        self.losses = checkpoint["losses"]
        self.dev = checkpoint["dev"]
        self.best_epoch = checkpoint["best_epoch"]


def _fingerprint(
    train: Sequence[ListRows], config: NetConfig, seed: int, stop: int
) -> str:
    """Hash of the settings and of every number that is learnt from."""
    digest = hashlib.sha256(f"{config!r} {seed} {stop}".encode())
    for list_rows in train:
        digest.update(list_rows.matrix.tobytes())
        digest.update(list_rows.semantic.tobytes())
        digest.update(list_rows.targets.tobytes())
        digest.update(list_rows.weights.tobytes())
        digest.update(list_rows.states.tobytes())
        digest.update(list_rows.real.tobytes())
    return digest.hexdigest()


def _begin(
    train: Sequence[ListRows], config: NetConfig, seed: int, stop: int
) -> _State:
    """A new net with its optimiser, before the first epoch."""
    torch.manual_seed(seed)
    columns = train[0].matrix.shape[1]
    net = StudentNet(columns, train[0].semantic.shape[1])
    features = np.vstack([list_rows.matrix for list_rows in train])
    net.normalise(torch.from_numpy(features).float())

    # These weights are zero: without a loss of their own the heads reach no grade.
    net.grade_states.requires_grad_(config.attribute_weight > 0)
    optimiser = torch.optim.AdamW(
        net.parameters(), lr=config.learning_rate, weight_decay=_WEIGHT_DECAY
    )
    steps_per_epoch = -(-len(train) // config.lists_per_step)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        config.learning_rate,
        total_steps=config.epochs * steps_per_epoch,
    )
    return _State(
        config=config,
        seed=seed,
        fingerprint=_fingerprint(train, config, seed, stop),
        net=net,
        optimiser=optimiser,
        schedule=schedule,
        best=copy.deepcopy(net.state_dict()),
        losses=[],
        dev=[],
    )


def _epoch(state: _State, train: Sequence[ListRows], epoch: int) -> float:
    """One pass over the lists; the mean loss."""
    # Each process takes its share of every step's lists; gradients are summed over all.
    rank = 0
    processes = 1
    if distributed.is_initialized():
        rank = distributed.get_rank()
        processes = distributed.get_world_size()

    rng = np.random.default_rng([state.seed, epoch])
    order = rng.permutation(len(train)).tolist()
    lists_per_step = state.config.lists_per_step
    loss_total = 0.0
    state.net.train()
    for start in range(0, len(order), lists_per_step):
        step_lists = order[start : start + lists_per_step]
        state.optimiser.zero_grad(set_to_none=False)
        for list_number in step_lists[rank::processes]:
            # Dropout depends on the list, whichever process trains on it.
            torch.manual_seed(hash((state.seed, epoch, list_number)) % 2**31)
            loss = _loss(state.net, train[list_number], state.config) / len(step_lists)
            loss.backward()  # type: ignore[no-untyped-call]
            loss_total += loss.item() * len(step_lists)
        if processes > 1:
            _sum_gradients(state.net)
        state.optimiser.step()
        state.schedule.step()

    sum_of_losses = torch.tensor(loss_total)
    if processes > 1:
        distributed.all_reduce(sum_of_losses)
    return float(sum_of_losses) / len(train)


def _sum_gradients(net: StudentNet) -> None:
    """Give every process the sum of all processes' gradients."""
    for parameter in net.parameters():
        gradient = parameter.grad
        if gradient is None:
            gradient = torch.zeros_like(parameter)
        distributed.all_reduce(gradient)
        parameter.grad = gradient


def train_net(
    train: Sequence[ListRows],
    dev: Sequence[ListRows],
    config: NetConfig,
    *,
    seed: int = 0,
    stop: int = 0,
    checkpoint: str = "",
) -> tuple[StudentNet, Curve]:
    """Train a new net.

    Args:
        train: lists to learn from.
        dev: lists for early stopping only; empty: the last epoch is taken.
        config: how it is trained.
        seed: of weights, order and dropout.
        stop: epochs after which training stops in any case; 0: the schedule's end.
        checkpoint: place that is written after each epoch. If it is there, training
            continues from it. Empty: no checkpoint.

    Returns:
        The net of the best epoch, in evaluation mode, and the curve.

    Raises:
        DataError: there is no train list.
        ConfigError: the checkpoint is of other settings or lists.
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
    state = _begin(train, config, seed, stop)
    last_epoch = stop or config.epochs
    if checkpoint:
        state.load(checkpoint)

    epochs = range(len(state.losses) + 1, last_epoch + 1)
    for epoch in progress(epochs, "epochs of the student"):
        waited = epoch - 1 - state.best_epoch
        if dev and state.losses and waited >= config.patience:
            break
        state.losses.append(_epoch(state, train, epoch))

        # All processes take the main one's measure, or they would stop apart.
        measured = mean_ndcg(net_probabilities(state.net, dev), dev)
        state.dev.append(broadcast(measured))
        if not dev or state.dev[-1] >= max(state.dev):
            state.best = copy.deepcopy(state.net.state_dict())
            state.best_epoch = epoch
        if checkpoint and is_main():
            state.save(checkpoint)

    state.net.load_state_dict(state.best)
    best_dev = f", dev nDCG@10 {max(state.dev):.3f}" if dev else ""
    log_line(
        f"    student: {len(state.losses)} epochs, best {state.best_epoch}, "
        f"loss {state.losses[-1]:.3f}{best_dev}"
    )
    curve = Curve(tuple(state.losses), tuple(state.dev), state.best_epoch)
    return state.net.eval(), curve


def train_net_in(
    processes: int,
    train: Sequence[ListRows],
    dev: Sequence[ListRows],
    config: NetConfig,
    *,
    seed: int = 0,
    stop: int = 0,
    checkpoint: str = "",
) -> tuple[StudentNet, Curve]:
    """:func:`train_net` in several processes, which share each step's lists evenly.

    Under torchrun its processes, on whichever nodes, are taken; else new ones are made on
    this machine.

    Args:
        processes: how many are made; 1: training runs in this process.
        train: lists to learn from.
        dev: lists for early stopping only.
        config: how it is trained; its lists per step must be a multiple of the processes.
        seed: see :func:`train_net`.
        stop: see :func:`train_net`.
        checkpoint: see :func:`train_net`.

    Returns:
        The net of the best epoch, in evaluation mode, and the curve.

    Raises:
        ConfigError: the lists of a step cannot be shared evenly, or the checkpoint is
            of other settings or lists.
        DataError: there is no train list.
        AdoreError: a process failed; the end of its output is in the text.
    """
    if world_size() > 1:
        processes = world_size()
    check(
        config.lists_per_step % processes == 0,
        "lists_per_step",
        config.lists_per_step,
        must=f"a multiple of {processes}",
        fix="set distil.net.lists_per_step",
    )
    result: tuple[StudentNet, Curve] = launch(
        processes,
        "adore.student.training:train_net",
        train=list(train),
        dev=list(dev),
        config=config,
        seed=seed,
        stop=stop,
        checkpoint=checkpoint,
    )
    return result
