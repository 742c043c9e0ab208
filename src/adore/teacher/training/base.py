"""What every kind of teacher can do: learn from human grades, then from behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import polars as pl

__all__ = ["Curve", "FitSettings", "Teacher", "trainer_arguments"]

Curve = list[dict[str, float]]
"""Loss by step, as ``{"step": 5, "loss": 0.4}``."""


class Teacher(Protocol):
    """A model that stage ``align`` trains; each fit writes a folder that can judge."""

    def fit_sft(self, pairs: pl.DataFrame, folder: Path) -> Curve:
        """Supervised fine-tuning on rationales that agree with people.

        Args:
            pairs: from :func:`adore.teacher.training.datasets.agreeing_pairs`.
            folder: where the trained model goes.

        Returns:
            The loss curve.
        """
        ...

    def fit_kto(
        self, start: Path, feedback: pl.DataFrame, folder: Path
    ) -> Curve | None:
        """KTO on behaviour, from the model that :meth:`fit_sft` trained.

        Args:
            start: folder of that model.
            feedback: the ``feedback`` table.
            folder: where the trained model goes.

        Returns:
            The loss curve; None if the feedback has too little to learn from, and then
            nothing is written.
        """
        ...


@dataclass(frozen=True, slots=True)
class FitSettings:
    """Settings of one fit of the tiny teacher.

    Attributes:
        epochs: passes over the rows.
        rate: highest learning rate.
        batch: rows a step, shared by all processes.
        seed: of all that is random.
        trl: further arguments of TRL's ``SFTConfig`` or ``KTOConfig``, as ``beta``.
    """

    epochs: float
    rate: float
    batch: int
    seed: int = 0
    trl: Mapping[str, Any] = field(default_factory=dict)


def trainer_arguments(folder: Path, seed: int) -> dict[str, object]:
    """Arguments that all TRL trainers of this package share.

    Args:
        folder: the trainer's own output.
        seed: of all that is random.

    Returns:
        Keywords of ``SFTConfig`` and ``KTOConfig``. Checkpoints are written by
        :mod:`adore.teacher.training.checkpoints`, not by the trainer.
    """
    return {
        "output_dir": str(folder),
        "lr_scheduler_type": "cosine",
        "seed": seed,
        "data_seed": seed,
        "report_to": "none",
        "save_strategy": "no",
        "disable_tqdm": True,
    }
