"""Settings of the student's two learners, as a profile names them under ``distil``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ForestConfig", "NetConfig"]


class NetConfig(BaseModel):
    """How the net is trained: AdamW with one cycle of the learning rate."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: Annotated[int, Field(ge=1)] = 20
    """Length of the schedule."""
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    """Highest learning rate of the cycle."""
    patience: Annotated[int, Field(ge=1)] = 10
    """Epochs without a better nDCG@10 on dev queries after which training stops."""
    lists_per_step: Annotated[int, Field(ge=1)] = 2
    """Lists of one optimiser step, shared by all processes."""
    attribute_weight: Annotated[float, Field(ge=0)] = 0.5
    """Weight of the attribute heads' loss beside the grade's.

    0: a student without them; the grade does not see them.
    """
    list_weight: Annotated[float, Field(ge=0)] = 0.5
    """Weight of the listwise loss beside the grade's."""


class ForestConfig(BaseModel):
    """How the trees are grown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trees: Annotated[int, Field(ge=1)] = 200
    """Trees of the forest."""
    min_leaf: Annotated[int, Field(ge=1)] = 5
    """Least pairs of a leaf."""
    column_share: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Share of the columns that each node looks at."""
