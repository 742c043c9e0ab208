"""The settings of stage ``align``: of the tiny teacher, of a large one, and of their validation."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from adore.rulebook import BookConfig

__all__ = ["AdapterConfig", "Config", "LoraTeacherConfig"]

Loss = Literal["kto", "apo_zero_unpaired"]


class AdapterConfig(BaseModel):
    """Low-rank adapters. Source: Hu et al. 2021, arXiv 2106.09685."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = Field(default=16, ge=1)
    """Rank of the adapters."""
    alpha: int = Field(default=32, ge=1)
    """Their scale is ``alpha / rank``."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the adapters' inputs that training drops."""
    targets: str | list[str] = "all-linear"
    """Names of modules, or ``all-linear``: every linear layer but the output head."""


class LoraTeacherConfig(BaseModel):
    """Which LLM is trained, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_model: str
    """A folder or a name on the hub."""
    revision: str = ""
    """Of the model on the hub."""
    lora: AdapterConfig = AdapterConfig()
    """Size of the adapters."""
    max_length: int = Field(default=4096, ge=64)
    """Tokens of prompt and answer; longer rows are left out, never cut."""
    batch: int = Field(default=4, ge=2)
    """Rows a process and step; KTO's KL term needs two or more."""
    accumulate: int = Field(default=4, ge=1)
    """Batches of one step."""
    sharded: bool = False
    """Several processes share the model's weights out instead of each holding them all (FSDP2)."""
    sft_epochs: float = 1.0
    """Epochs of SFT."""
    sft_rate: float = 1e-4
    """Learning rate of SFT."""
    kto_epochs: float = 1.0
    """Epochs of KTO."""
    kto_rate: float = 5e-6
    """Learning rate of KTO."""
    beta: float = Field(default=0.1, gt=0)
    """How closely KTO keeps to the SFT teacher; larger is closer."""
    loss: Loss = "kto"
    """TRL's loss type."""
    desirable_weight: float | None = Field(default=None, gt=0)
    """None: what makes up for fewer desirable rows than undesirable ones.

    It is 1 where there are more.
    """
    undesirable_weight: float | None = Field(default=None, gt=0)
    """None: likewise."""


class Config(BookConfig):
    """Sizes and settings of the teacher; ``large`` None: a tiny one that reads evidence traces."""

    layers: int = 3
    """Layers of the tiny teacher."""
    width: int = 96
    """Width of the tiny teacher."""
    sft_rows: int = Field(4000, ge=1)
    """Most rationales of SFT."""
    sft_epochs: float = 3.0
    """Epochs of SFT."""
    sft_rate: float = 3e-3
    """Learning rate of SFT."""
    kto_rows: int = Field(4000, ge=0)
    """Most feedback rows; corrections come first."""
    max_direction_ratio: float = Field(8.0, ge=1)
    """Most right answers of one direction for one of the other, in KTO."""
    kto_epochs: float = 2.0
    """Epochs of KTO."""
    kto_rate: float = 1e-3
    """Learning rate of KTO."""
    beta: float = Field(0.5, gt=0)
    """How closely KTO keeps to the SFT teacher; larger is closer."""
    desirable_weight: float = 1.0
    """Weight of desirable answers in KTO's loss."""
    undesirable_weight: float = 1.0
    """Weight of undesirable answers in KTO's loss."""
    loss: Loss = "kto"
    """TRL's loss type."""
    batch: int = Field(32, ge=2)
    """Rows of one step."""
    processes: int = Field(1, ge=1)
    """Processes of this machine that train together (torchrun).

    A large teacher takes one a card.
    """
    save_steps: int = Field(100, ge=0)
    """Steps of SFT and KTO after which their state is kept beside the output.

    A later start goes on from there; 0: never.
    """
    false_exact_share: float = Field(0.9, ge=0)
    """Most false exact grades of a tiny teacher, as a share of the old teacher's.

    Its operating point is chosen so on train queries; see :mod:`adore.teacher.operating_point`.
    Below 1, since a teacher errs less on what it has learnt.
    """
    large: LoraTeacherConfig | None = None
    """A large teacher with LoRA in place of the tiny one."""
    previous: str = ""
    """An earlier run, whose teacher stays if the new one is refused.

    Empty: the rules.
    """
    attack_pairs: int = Field(200, ge=1)
    """Held-out pairs that each attack is tried on.

    With fewer than 30 answered nothing is promoted.
    """
