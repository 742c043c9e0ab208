"""Trains the cross-encoder: one query's items a batch, fp32, frozen embeddings, early stop on dev nDCG@10."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from adore.errors import DataError, check
from adore.progress import progress, say
from adore.student.fields import query_text, typed_text
from adore.student.losses import attribute_loss, grade_loss, listwise_loss, odds_of_exact
from adore.student.model import CrossEncoder
from adore.student.onnx_models import batches, encode, pad
from adore.types import GAINS, Item

__all__ = ["Curve", "PairList", "Plan", "cross_odds", "mean_ndcg", "ndcg", "predict", "train_cross"]

_GAINS = np.array([GAINS[g] for g in sorted(GAINS)])


@dataclass(frozen=True)
class PairList:
    """One query's list as it is learnt from. Synthetic pairs stand in the list that they were made from.

    Args:
        list_id: the (source) query's id.
        queries: text per pair (a synthetic pair may have its own).
        items: per pair.
        targets: (pairs, 4) soft grades, rows sum to 1.
        weights: (pairs,) trust: 1 human, less for teacher and synthetic pairs.
        states: (pairs, attributes), see :func:`adore.student.features.states_of`.
        real: (pairs,) bool: False for synthetic pairs.
    """

    list_id: str
    queries: list[str]
    items: list[Item]
    targets: np.ndarray
    weights: np.ndarray
    states: np.ndarray
    real: np.ndarray

    def take(self, rows: Sequence[int]) -> PairList:
        """The list with some of its pairs."""
        at = np.asarray(rows, dtype=np.int64)
        return PairList(
            self.list_id,
            [self.queries[i] for i in rows],
            [self.items[i] for i in rows],
            *(array[at] for array in (self.targets, self.weights, self.states, self.real)),
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """How the cross-encoder is trained."""

    epochs: int
    learning_rate: float
    max_tokens: int
    patience: int
    seed: int


@dataclass(frozen=True, slots=True)
class Curve:
    """Mean loss and dev nDCG@10 after each epoch, and the epoch whose weights were kept (0: none)."""

    losses: tuple[float, ...]
    dev: tuple[float, ...]
    kept: int


def ndcg(scores: np.ndarray, grades: np.ndarray, depth: int = 10) -> float:
    """nDCG with ESCI's gains over judged items; NaN if no item has a gain.

    Args:
        scores: (items,).
        grades: (items,) grade values.
    """
    gains = _GAINS[np.asarray(grades, dtype=np.int64)]
    discount = 1 / np.log2(np.arange(2, min(depth, len(gains)) + 2))
    best = float((np.sort(gains)[::-1][:depth] * discount).sum())
    got = float((gains[np.argsort(-scores, kind="stable")][:depth] * discount).sum())
    return got / best if best > 0 else float("nan")


def mean_ndcg(scores: Sequence[np.ndarray], lists: Sequence[PairList]) -> float:
    """Mean nDCG@10 over lists with a relevant item; 0 without any."""
    each = [ndcg(s, one.targets.argmax(1)) for s, one in zip(scores, lists, strict=True)]
    return float(np.nanmean(each)) if not np.isnan(each).all() else 0.0


def _encode(tokenizer: Any, one: PairList, max_tokens: int) -> list[Any]:
    pairs = [(query_text(q), typed_text(i)) for q, i in zip(one.queries, one.items, strict=True)]
    return encode(tokenizer, pairs, max_tokens)


@torch.no_grad()
def predict(
    model: CrossEncoder, tokenizer: Any, lists: Sequence[PairList], max_tokens: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Grade logits (pairs, 4) and state logits (pairs, attributes, 3) per list."""
    model.eval()
    out = []
    for one in progress(lists, "cross-encoder reads"):
        encodings = _encode(tokenizer, one, max_tokens)
        grades = np.zeros((len(encodings), 4))
        states = np.zeros((*one.states.shape, 3))
        for rows in batches(encodings):
            g, s = model(*map(torch.from_numpy, pad([encodings[i] for i in rows])))
            grades[rows], states[rows] = g.numpy(), s.numpy()
        out.append((grades, states))
    return out


def _loss(model: CrossEncoder, batch: Sequence[np.ndarray], one: PairList) -> torch.Tensor:
    grades, states = model(*map(torch.from_numpy, batch))
    targets = torch.from_numpy(one.targets).float()
    weights = torch.from_numpy(one.weights).float()
    gains = targets @ torch.from_numpy(_GAINS).float()
    ranked = listwise_loss(odds_of_exact(grades), gains, weights * torch.from_numpy(one.real).float())
    asked = attribute_loss(states, torch.from_numpy(one.states), weights)
    return grade_loss(grades, targets, weights) + 0.5 * ranked + 0.5 * asked


def train_cross(
    backbone: Any, tokenizer: Any, *, train: Sequence[PairList], dev: Sequence[PairList], plan: Plan
) -> tuple[CrossEncoder, Curve]:
    """Fine-tune a copy of ``backbone``.

    Args:
        backbone: a ``BertModel``; left as it is.
        tokenizer: its tokenizer.
        train: lists to learn from.
        dev: lists for early stopping only; empty: every epoch is trained and the last is kept.
        plan: epochs, learning rate, patience, seed.
    """
    check(bool(train), "train lists", 0, must="at least one", fix="judge some train queries", error=DataError)
    torch.manual_seed(plan.seed)
    model = CrossEncoder(copy.deepcopy(backbone))
    learnt = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(learnt, lr=plan.learning_rate, weight_decay=0.01)
    encoded = [_encode(tokenizer, one, plan.max_tokens) for one in train]
    order = np.random.default_rng(plan.seed)
    best, kept, losses, curve = copy.deepcopy(model.state_dict()), 0, list[float](), list[float]()
    for epoch in range(1, plan.epochs + 1):
        model.train()
        total = 0.0
        for i in progress(order.permutation(len(train)).tolist(), f"epoch {epoch}/{plan.epochs}"):
            loss = _loss(model, pad(encoded[i]), train[i])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(learnt, 1.0)
            optimiser.step()
            total += loss.item()
        losses.append(total / len(train))
        scores = [cross_odds(g) for g, _ in predict(model, tokenizer, dev, plan.max_tokens)]
        curve.append(mean_ndcg(scores, dev))
        told = f", dev nDCG@10 {curve[-1]:.3f}" if dev else ""
        say(f"    epoch {epoch}: loss {losses[-1]:.3f}{told}")
        if not dev or curve[-1] >= max(curve):
            best, kept = copy.deepcopy(model.state_dict()), epoch
        elif epoch - kept >= plan.patience:
            break
    model.load_state_dict(best)
    return model.eval(), Curve(tuple(losses), tuple(curve), kept)


def cross_odds(grades: np.ndarray) -> np.ndarray:
    """Log-odds of EXACT from grade logits (pairs, 4)."""
    return odds_of_exact(torch.from_numpy(np.asarray(grades))).numpy()
