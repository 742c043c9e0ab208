"""The student's losses: pure functions of tensors. Each returns a scalar."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from adore.types import ATTRIBUTES

__all__ = [
    "LEVEL_WEIGHTS",
    "attribute_loss",
    "grade_loss",
    "listwise_loss",
    "odds_of_exact",
]

LEVEL_WEIGHTS: dict[int, float] = {1: 1.0, 2: 0.6, 3: 0.3}
"""Weight of an attribute head by the attribute's level.

Product type weighs most, then brand and use, then the rest.
"""


def grade_loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Mean cross-entropy against soft grades, each pair's times its trust.

    A list of little trust counts little.

    Args:
        logits: (pairs, 4).
        targets: (pairs, 4), rows sum to 1; one-hot for a human grade, soft for the teacher's.
        weights: (pairs,) trust, from 0 to 1; pairs of 0 are not there, and without any other
            the loss is 0.
    """
    each = -(targets * functional.log_softmax(logits, dim=1)).sum(1)
    return (each * weights).sum() / (weights > 0).sum().clamp_min(1)


def odds_of_exact(logits: Tensor) -> Tensor:
    """Log-odds of EXACT against the other grades, the score that orders a list.

    Args:
        logits: (pairs, 4).

    Returns:
        (pairs,).
    """
    return logits[:, 3] - torch.logsumexp(logits[:, :3], dim=1)


def listwise_loss(scores: Tensor, gains: Tensor, weights: Tensor) -> Tensor:
    """Softmax cross-entropy within one query's list, times the trust in its gains.

    It is 0 where no item has a gain.

    Args:
        scores: (pairs,).
        gains: (pairs,), not negative.
        weights: (pairs,) trust in each pair's gain, from 0 to 1; 0: it has none.

    Source: Cao et al. 2007, Learning to rank: from pairwise to listwise approach (ListNet,
    top one).
    """
    mass = gains * weights
    if float(mass.sum()) <= 0:
        return scores.sum() * 0.0
    wanted = mass / gains[weights > 0].sum()
    return -(wanted * functional.log_softmax(scores, dim=0)).sum()


def attribute_loss(logits: Tensor, states: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy of match / conflict / unknown over the asked attributes, L1 > L2 > L3.

    Args:
        logits: (pairs, attributes, 3), attributes in the order of
            :data:`adore.types.ATTRIBUTES`.
        states: (pairs, attributes) of 0 match, 1 conflict, 2 unknown, -1 not asked (no loss).
        weights: (pairs,) trust, from 0 to 1; 0: the pair is not there.
    """
    levels = torch.tensor(
        [LEVEL_WEIGHTS[level] for level in ATTRIBUTES.values()], dtype=logits.dtype
    )
    is_there = (weights > 0)[:, None]
    is_asked = (states >= 0).to(logits.dtype)
    asked = is_asked * levels[None, :] * is_there

    # What is not asked gets any state: its loss is multiplied by 0.
    each = functional.cross_entropy(
        logits.flatten(0, 1),
        states.clamp_min(0).flatten(),
        reduction="none",
    )
    weighted = each.view_as(asked) * asked * weights[:, None]
    total = asked.sum().clamp_min(1e-9)
    return weighted.sum() / total
