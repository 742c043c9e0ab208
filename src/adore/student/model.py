"""The networks: the bi-encoder's pooling, and the student's net with its attribute heads."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from adore.types import ATTRIBUTES, STATES, Grade

__all__ = ["BiEncoder", "StudentNet", "pool"]

_GRADES = len(Grade)
_HEADS = len(ATTRIBUTES)
_STATE_LOGITS = len(STATES) * _HEADS


def pool(hidden: Tensor, mask: Tensor) -> Tensor:
    """Mean of the tokens that are not padding.

    Args:
        hidden: the backbone's last states. Shape [rows, tokens, d].
        mask: 1 token, 0 padding. Shape [rows, tokens].

    Returns:
        Shape [rows, d].
    """
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    token_sums = (hidden * weights).sum(1)
    lengths = weights.sum(1)
    return token_sums / lengths.clamp_min(1e-9)


class BiEncoder(nn.Module):
    """Text to a unit vector, by a backbone without further training.

    Args:
        backbone: a ``transformers`` encoder.
    """

    def __init__(self, backbone: Any) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Embed texts.

        Args:
            ids: word pieces. Shape [rows, tokens].
            mask: 1 token, 0 padding. Shape [rows, tokens].

        Returns:
            Unit vectors. Shape [rows, d].
        """
        hidden = self.backbone(input_ids=ids, attention_mask=mask).last_hidden_state
        return functional.normalize(pool(hidden, mask), dim=1)


class StudentNet(nn.Module):
    """States of the key attributes from features and vectors; from all of these a grade.

    The attribute heads feed the grade: what they learn, also from pairs that no human
    graded, is used, and a grade can be explained attribute by attribute.

    Args:
        columns: width of the feature matrix, z-scores included.
        semantic: width of :meth:`adore.student.context.Vectors.products`.
        hidden: units over the features.
        semantic_units: units over the products.
        dropout: share of inputs that each step leaves out.
    """

    def __init__(
        self,
        columns: int,
        semantic: int,
        *,
        hidden: int = 32,
        semantic_units: int = 16,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(columns))
        self.register_buffer("deviation", torch.ones(columns))
        self.drop = nn.Dropout(dropout)
        self.hidden = nn.Linear(columns, hidden)
        self.semantic_units = nn.Linear(semantic, semantic_units, bias=False)
        self.attributes = nn.Linear(hidden + semantic_units, _STATE_LOGITS)
        self.grade = nn.Linear(columns, _GRADES)
        self.grade_hidden = nn.Linear(hidden, _GRADES, bias=False)
        self.grade_states = nn.Linear(_STATE_LOGITS, _GRADES, bias=False)

        # Every path to the grade starts at zero: no path is preferred by chance.
        for layer in (self.grade, self.grade_hidden, self.grade_states):
            nn.init.zeros_(layer.weight)

    def normalise(self, features: Tensor) -> None:
        """Take mean and deviation from the training features, shape [rows, columns]."""
        self.mean.copy_(features.mean(0))
        self.deviation.copy_(features.std(0, correction=0) + 1e-6)

    def forward(
        self, features: Tensor, semantic: Tensor, is_asked: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Grade the pairs of a list.

        Args:
            features: Shape [pairs, columns].
            semantic: Shape [pairs, semantic].
            is_asked: 1 asked, 0 not. Shape [pairs, attributes].

        Returns:
            Grade logits, shape [pairs, 4]; logits of match, conflict and unknown, shape
            [pairs, attributes, 3].
        """
        z_scores = (features - self.mean) / self.deviation
        inputs = self.drop(z_scores.clamp(-5.0, 5.0))
        hidden = functional.gelu(self.hidden(inputs))

        products = self.drop(semantic)
        meaning = functional.gelu(self.semantic_units(products))

        hidden_and_meaning = torch.cat([hidden, meaning], 1)
        flat_states = self.attributes(hidden_and_meaning)
        state_logits = flat_states.view(-1, _HEADS, len(STATES))

        # The grade sees the states of asked attributes only.
        softmax = torch.softmax(state_logits, 2)
        probabilities = softmax * is_asked.unsqueeze(2)

        from_features = self.grade(inputs)
        from_hidden = self.grade_hidden(self.drop(hidden))
        from_states = self.grade_states(probabilities.flatten(1))
        return from_features + from_hidden + from_states, state_logits
