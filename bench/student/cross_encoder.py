"""The baseline that everybody tries first:
MiniLM as a cross-encoder on the human judgements, title only.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import nn

from adore.progress import progress
from adore.student.backbone import load_backbone, load_tokenizer
from adore.student.model import pool
from adore.student.onnx_models import batches, encode, pad

EPOCHS, RATE, TOKENS = 2, 1e-4, 48
Texts = list[tuple[str, str, int]]


class Cross(nn.Module):
    """Query and title together to four grade logits."""

    def __init__(self, backbone: Any) -> None:
        super().__init__()
        self.backbone, self.grade = backbone, nn.Linear(backbone.config.hidden_size, 4)
        for parameter in backbone.embeddings.parameters():
            parameter.requires_grad = False

    def forward(
        self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor
    ) -> torch.Tensor:
        hidden = self.backbone(
            input_ids=ids, attention_mask=mask, token_type_ids=types
        ).last_hidden_state
        return self.grade(pool(hidden, mask))


def cross_encoder(
    train: list[Texts], test: dict[str, Texts], seed: int
) -> dict[str, np.ndarray]:
    """(pairs, 4) probabilities of the test lists; one query's items a batch, embeddings frozen.

    Args:
        train: lists of (query, title, grade).
        test: the same by list id; their grades are not looked at.
    """
    torch.manual_seed(seed)
    model, tokenizer = Cross(copy.deepcopy(load_backbone("minilm"))), load_tokenizer()
    learnt = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(learnt, lr=RATE, weight_decay=0.01)
    for epoch in range(EPOCHS):
        model.train()
        order = np.random.default_rng([seed, epoch]).permutation(len(train))
        for at in progress(order.tolist(), f"cross-encoder, epoch {epoch + 1}"):
            given = _padded(
                encode(tokenizer, [(q, t) for q, t, _ in train[at]], TOKENS)
            )
            logits = model(*map(torch.from_numpy, given))
            loss = nn.functional.cross_entropy(
                logits, torch.tensor([g for *_, g in train[at]])
            )
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(learnt, 1.0)
            optimiser.step()
    model.eval()
    return {name: probabilities(model, tokenizer, one) for name, one in test.items()}


def _padded(encodings: list[Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids, mask and segments, (rows, longest)."""
    ids, mask = pad(encodings)
    types = np.zeros_like(ids)
    for row, one in enumerate(encodings):
        types[row, : len(one.ids)] = one.type_ids
    return ids, mask, types


@torch.no_grad()
def probabilities(model: Cross, tokenizer: Any, one: Texts) -> np.ndarray:
    encodings = encode(tokenizer, [(q, t) for q, t, _ in one], TOKENS)
    p = np.zeros((len(one), 4))
    for rows in batches(encodings):
        given = _padded([encodings[i] for i in rows])
        p[rows] = torch.softmax(model(*map(torch.from_numpy, given)), dim=1).numpy()
    return p
