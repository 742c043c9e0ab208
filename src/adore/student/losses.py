"""The student's losses: pure functions of tensors. Each returns a scalar."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from adore.types import ATTRIBUTES, Grade

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

    The mean is over pairs, not over trust, so that a list of little trust counts little.

    Args:
        logits: Shape [pairs, 4].
        targets: one-hot for a human grade, soft for the teacher's; rows sum to 1.
            Shape [pairs, 4].
        weights: trust in each pair, from 0 to 1; a pair of 0 does not count, and without
            any other the loss is 0. Shape [pairs].

    Returns:
        A scalar.
    """
    log_probabilities = functional.log_softmax(logits, dim=1)
    cross_entropies = -(targets * log_probabilities).sum(1)

    weighted_sum = (cross_entropies * weights).sum()
    counted = (weights > 0).sum().clamp_min(1)
    return weighted_sum / counted


def odds_of_exact(logits: Tensor) -> Tensor:
    """Log-odds of EXACT against the other grades, the score that orders a list.

    Args:
        logits: Shape [pairs, 4].

    Returns:
        Shape [pairs].
    """
    exact_logits = logits[:, Grade.EXACT]
    other_logits = logits[:, : Grade.EXACT]

    # log(p / (1 - p)): the softmax's denominator cancels.
    log_sum_of_others = torch.logsumexp(other_logits, dim=1)
    return exact_logits - log_sum_of_others


def listwise_loss(scores: Tensor, gains: Tensor, weights: Tensor) -> Tensor:
    """Softmax cross-entropy within one query's list, times the trust in its gains.

    It is 0 where no item has a gain.

    Args:
        scores: Shape [pairs].
        gains: not negative. Shape [pairs].
        weights: trust in each pair's gain, from 0 to 1; 0: it has none. Shape [pairs].

    Returns:
        A scalar.

    Source: Cao et al. 2007, Learning to rank: from pairwise to listwise approach (ListNet,
    top one).
    """
    trusted_gains = gains * weights
    if float(trusted_gains.sum()) <= 0:
        # Still a function of the scores: there is a gradient, of zeros.
        return scores.sum() * 0.0

    # Divided by all gains, not by the trusted ones: little trust makes a small loss.
    target_shares = trusted_gains / gains[weights > 0].sum()
    log_probabilities = functional.log_softmax(scores, dim=0)
    return -(target_shares * log_probabilities).sum()


def attribute_loss(logits: Tensor, states: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy of match / conflict / unknown over the asked attributes, L1 > L2 > L3.

    Args:
        logits: attributes in the order of :data:`adore.types.ATTRIBUTES`.
            Shape [pairs, attributes, 3].
        states: 0 match, 1 conflict, 2 unknown, -1 not asked (no loss).
            Shape [pairs, attributes].
        weights: trust in each pair, from 0 to 1; a pair of 0 does not count. Shape [pairs].

    Returns:
        A scalar.
    """
    level_weights = [LEVEL_WEIGHTS[level] for level in ATTRIBUTES.values()]
    levels = torch.tensor(level_weights, dtype=logits.dtype)
    is_counted = (weights > 0)[:, None]
    is_asked = (states >= 0).to(logits.dtype)
    head_weights = is_asked * levels[None, :] * is_counted

    # An attribute that is not asked gets any state: its loss is multiplied by 0.
    cross_entropies = functional.cross_entropy(
        logits.flatten(0, 1),
        states.clamp_min(0).flatten(),
        reduction="none",
    )
    by_head = cross_entropies.view_as(head_weights)
    weighted = by_head * head_weights * weights[:, None]
    weight_sum = head_weights.sum().clamp_min(1e-9)
    return weighted.sum() / weight_sum
