"""The two networks: a cross-encoder with grade and attribute heads, and the bi-encoder's pooling."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from adore.types import ATTRIBUTES

__all__ = ["BiEncoder", "CrossEncoder", "pool"]


def pool(hidden: Tensor, mask: Tensor) -> Tensor:
    """Mean of the tokens that are not padding: (rows, tokens, d), (rows, tokens) -> (rows, d)."""
    weight = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weight).sum(1) / weight.sum(1).clamp_min(1e-9)


class BiEncoder(nn.Module):
    """Text to a unit vector; MiniLM as it comes."""

    def __init__(self, backbone: Any) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(rows, tokens) ids and mask to (rows, d) unit vectors."""
        hidden = self.backbone(input_ids=ids, attention_mask=mask, token_type_ids=ids * 0).last_hidden_state
        return functional.normalize(pool(hidden, mask), dim=1)


class CrossEncoder(nn.Module):
    """Query and item text together to four grade logits and, per key attribute, three state logits."""

    def __init__(self, backbone: Any) -> None:
        super().__init__()
        self.backbone = backbone
        width = int(backbone.config.hidden_size)
        self.grade = nn.Linear(width, 4)
        self.attributes = nn.Linear(width, 3 * len(ATTRIBUTES))
        for parameter in backbone.embeddings.parameters():
            parameter.requires_grad = False

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> tuple[Tensor, Tensor]:
        """Token ids, mask and segments, (pairs, tokens) each.

        Returns:
            grade logits (pairs, 4); state logits (pairs, attributes, 3): match, conflict, unknown.
        """
        hidden = self.backbone(input_ids=ids, attention_mask=mask, token_type_ids=types).last_hidden_state
        pooled = pool(hidden, mask)
        return self.grade(pooled), self.attributes(pooled).view(-1, len(ATTRIBUTES), 3)
