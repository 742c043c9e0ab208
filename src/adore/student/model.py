"""The networks: the bi-encoder's pooling, and the student's net with its attribute heads."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from adore.types import ATTRIBUTES

__all__ = ["BiEncoder", "StudentNet", "pool"]


def pool(hidden: Tensor, mask: Tensor) -> Tensor:
    """Mean of the tokens that are not padding.

    Args:
        hidden: (rows, tokens, d) the backbone's last states.
        mask: (rows, tokens) of 1 token, 0 padding.

    Returns:
        (rows, d).
    """
    weight = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weight).sum(1) / weight.sum(1).clamp_min(1e-9)


class BiEncoder(nn.Module):
    """Text to a unit vector; the backbone as it comes."""

    def __init__(self, backbone: Any) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Embed texts.

        Args:
            ids: (rows, tokens) of word pieces.
            mask: (rows, tokens) of 1 token, 0 padding.

        Returns:
            (rows, d) unit vectors.
        """
        hidden = self.backbone(input_ids=ids, attention_mask=mask).last_hidden_state
        return functional.normalize(pool(hidden, mask), dim=1)


class StudentNet(nn.Module):
    """Key attributes' states from list features and meaning; from all of these a grade.

    The attribute heads stand before the grade, so that what they learn (also from pairs
    that no human graded) is used, and a grade can be read attribute by attribute.

    Args:
        columns: width of the feature matrix, z-scores included.
        meaning: width of :meth:`adore.student.context.Vectors.products`.
        hidden: units over the features.
        senses: units over the meaning.
        dropout: share of inputs that each step leaves out.
    """

    def __init__(
        self,
        columns: int,
        meaning: int,
        *,
        hidden: int = 32,
        senses: int = 16,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(columns))
        self.register_buffer("deviation", torch.ones(columns))
        self.drop = nn.Dropout(dropout)
        self.hidden = nn.Linear(columns, hidden)
        self.senses = nn.Linear(meaning, senses, bias=False)
        self.attributes = nn.Linear(hidden + senses, 3 * len(ATTRIBUTES))
        self.grade = nn.Linear(columns, 4)
        self.grade_hidden = nn.Linear(hidden, 4, bias=False)
        self.grade_states = nn.Linear(3 * len(ATTRIBUTES), 4, bias=False)
        for layer in (self.grade, self.grade_hidden, self.grade_states):
            nn.init.zeros_(layer.weight)

    def normalise(self, features: Tensor) -> None:
        """Take mean and deviation of the features, (rows, columns), from what is learnt from."""
        self.mean.copy_(features.mean(0))
        self.deviation.copy_(features.std(0, correction=0) + 1e-6)

    def forward(
        self, features: Tensor, meaning: Tensor, asked: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Grade the pairs of a list.

        Args:
            features: (pairs, columns).
            meaning: (pairs, meaning).
            asked: (pairs, attributes) of 1 asked, 0 not.

        Returns:
            grade logits (pairs, 4); state logits (pairs, attributes, 3): match, conflict, unknown.
        """
        x = self.drop(((features - self.mean) / self.deviation).clamp(-5.0, 5.0))
        hidden = functional.gelu(self.hidden(x))
        senses = functional.gelu(self.senses(self.drop(meaning)))
        states = self.attributes(torch.cat([hidden, senses], 1)).view(
            -1, len(ATTRIBUTES), 3
        )
        known = (torch.softmax(states, 2) * asked.unsqueeze(2)).flatten(1)
        grades = (
            self.grade(x)
            + self.grade_hidden(self.drop(hidden))
            + self.grade_states(known)
        )
        return grades, states
