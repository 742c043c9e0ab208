"""The tiny teacher: real SFT and KTO by TRL, of a small Llama that reads evidence traces.

It is trained in this process, or in several by torchrun.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from adore.distributed import launch, save_shared, world_size
from adore.progress import log_line
from adore.prompts import trace
from adore.storage import local_copy
from adore.teacher.training.base import Curve, FitSettings, trainer_arguments
from adore.teacher.training.checkpoints import Checkpoint
from adore.teacher.training.config import Config
from adore.teacher.training.datasets import (
    Row,
    batch_distinct,
    kto_traces,
    sft_traces,
)
from adore.types import PAIR, Evidence, Grade

__all__ = [
    "TinyTeacher",
    "kto_settings",
    "predict_grades",
    "sft_settings",
    "train",
    "train_kto",
    "train_sft",
]

MAX_LENGTH = 256
"""Tokens of trace and answer."""


@dataclass(frozen=True, slots=True)
class TinyTeacher:
    """A tiny causal LM that is built and trained in the run.

    Args:
        config: sizes and settings.
        table: every known pair with its evidence, from
            :func:`adore.teacher.training.datasets.labelled`; its product words become
            the vocabulary.
    """

    config: Config
    table: pl.DataFrame

    def fit_sft(self, pairs: pl.DataFrame, folder: Path) -> Curve:
        """See :class:`adore.teacher.training.base.Teacher`.

        Args:
            pairs: train pairs on whose grade judge and people agree.
            folder: where the trained model goes.

        Returns:
            The loss curve.

        Raises:
            AdoreError: a process failed; the end of its output is in the text.
        """
        config = self.config
        rows = sft_traces(pairs, config.sft_rows, config.seed)
        start = folder.with_name("new")
        self._save_untrained(start)
        curve = train(
            "sft",
            start,
            rows,
            folder,
            sft_settings(config),
            processes=config.processes,
            save_steps=config.save_steps,
        )
        shutil.rmtree(start)
        return curve

    def fit_kto(
        self, start: Path, feedback: pl.DataFrame, folder: Path
    ) -> Curve | None:
        """See :class:`adore.teacher.training.base.Teacher`.

        Args:
            start: folder of the model that SFT trained.
            feedback: the ``feedback`` table.
            folder: where the trained model goes.

        Returns:
            The loss curve; None if there is less than a batch of rows.

        Raises:
            AdoreError: a process failed; the end of its output is in the text.
        """
        config = self.config
        # KTO compares shoppers with what the fine-tuned teacher itself answers
        grades = predict_grades(start, self.table, feedback, config.threads)
        answers = kto_traces(
            feedback,
            grades,
            max_direction_ratio=config.max_direction_ratio,
            max_rows=config.kto_rows,
            seed=config.seed,
        )
        rows = batch_distinct(answers, config.batch, config.seed)
        if len(rows) < config.batch:
            log_line(
                f"    KTO: left out, {len(rows)} rows that speak both ways, "
                f"less than a batch of {config.batch}"
            )
            return None
        return train(
            "kto",
            start,
            rows,
            folder,
            kto_settings(config),
            processes=config.processes,
            save_steps=config.save_steps,
        )

    def _save_untrained(self, folder: Path) -> None:
        from adore.teacher.training.tiny_model import (
            new_model,
            new_tokenizer,
            product_words,
        )

        config = self.config
        traces = (
            trace(Evidence.many_from_json(text)) for text in self.table["evidence"]
        )
        tokenizer = new_tokenizer(product_words(traces))
        model = new_model(
            tokenizer, layers=config.layers, width=config.width, seed=config.seed
        )
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def sft_settings(config: Config) -> FitSettings:
    """The tiny teacher's settings of SFT."""
    return FitSettings(
        epochs=config.sft_epochs,
        rate=config.sft_rate,
        batch=config.batch,
        seed=config.seed,
    )


def kto_settings(config: Config) -> FitSettings:
    """The tiny teacher's settings of KTO."""
    return FitSettings(
        epochs=config.kto_epochs,
        rate=config.kto_rate,
        batch=config.batch,
        seed=config.seed,
        trl={
            "beta": config.beta,
            "loss_type": config.loss,
            "desirable_weight": config.desirable_weight,
            "undesirable_weight": config.undesirable_weight,
        },
    )


def predict_grades(
    folder: Path, table: pl.DataFrame, feedback: pl.DataFrame, threads: int
) -> dict[tuple[str, str], Grade]:
    """The tiny teacher's likeliest grade of every pair that has feedback.

    Args:
        folder: of the trained model and its tokenizer.
        table: every known pair with its evidence, from
            :func:`adore.teacher.training.datasets.labelled`.
        feedback: the ``feedback`` table, which names the pairs to grade.
        threads: of the CPU.

    Returns:
        (query id, item id) to the grade.
    """
    from adore.teacher.backends.tiny import TinyGrader

    with_feedback = feedback.select(PAIR).unique()
    pairs = table.join(with_feedback, on=PAIR, how="semi")
    evidence = [Evidence.many_from_json(text) for text in pairs["evidence"]]
    distributions = TinyGrader(folder, threads=threads).grade(evidence)

    grades: dict[tuple[str, str], Grade] = {}
    keys = pairs.select(PAIR).rows()
    for (query_id, item_id), probabilities in zip(keys, distributions, strict=True):
        likeliest = max(Grade, key=lambda grade: probabilities[grade])
        grades[query_id, item_id] = likeliest
    return grades


# ---------------------------------------------------------------- one process


def train_sft(
    model: Any,
    tokenizer: Any,
    rows: list[Row],
    folder: Path,
    settings: FitSettings,
    checkpoint: Checkpoint = Checkpoint(),
) -> Curve:
    """Fine-tune on prompt/completion rows; the model is saved to ``folder``.

    Args:
        model: to begin with.
        tokenizer: the model's.
        rows: of :func:`adore.teacher.training.datasets.sft_row`.
        folder: where the trained model goes.
        settings: epochs, rate, batch, seed.
        checkpoint: where its state is kept.

    Returns:
        The loss curve.
    """
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    arguments = {
        **_arguments(folder, settings),
        "completion_only_loss": True,
        "packing": False,
    }
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(**arguments),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        callbacks=[_loss_logger("SFT")],
    )
    return _finish(trainer, tokenizer, folder, checkpoint)


def train_kto(
    start: Path,
    rows: list[Row],
    folder: Path,
    settings: FitSettings,
    checkpoint: Checkpoint = Checkpoint(),
) -> Curve:
    """KTO from the model in ``start`` on prompt/completion/label rows, in their order.

    The model is saved to ``folder``.

    Args:
        start: folder of the model that is both the beginning and the reference.
        rows: shuffled before, prompts of one batch distinct; see
            :func:`adore.teacher.training.datasets.batch_distinct`.
        folder: where the trained model goes.
        settings: epochs, rate, batch, seed, and any of TRL's ``KTOConfig``.
        checkpoint: where its state is kept.

    Returns:
        The loss curve.

    Source: Ethayarajh et al. 2024, arXiv 2402.01306; TRL's ``KTOTrainer``.
    """
    from datasets import Dataset
    from transformers import AutoTokenizer, LlamaForCausalLM
    from trl import KTOConfig, KTOTrainer

    tokenizer = AutoTokenizer.from_pretrained(start)
    arguments = {
        **_arguments(folder, settings),
        "train_sampling_strategy": "sequential",
    }
    trainer = KTOTrainer(
        model=LlamaForCausalLM.from_pretrained(start),
        ref_model=LlamaForCausalLM.from_pretrained(start),
        args=KTOConfig(**{**arguments, **settings.trl}),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        callbacks=[_loss_logger("KTO")],
    )
    return _finish(trainer, tokenizer, folder, checkpoint)


def _arguments(folder: Path, settings: FitSettings) -> dict[str, object]:
    """Arguments of both trainers."""
    return {
        **trainer_arguments(folder, settings.seed),
        "num_train_epochs": settings.epochs,
        "learning_rate": settings.rate,
        "per_device_train_batch_size": max(2, settings.batch // world_size()),
        "max_length": MAX_LENGTH,
        "logging_steps": 5,
        "use_cpu": True,
        "bf16": False,
        "dataloader_pin_memory": False,
        "gradient_checkpointing": False,
    }


def _loss_logger(label: str) -> Any:
    """A TRL callback that reports the loss, so that a pod's log shows how far training is."""
    from transformers import TrainerCallback

    class LossLogger(TrainerCallback):  # type: ignore[misc]
        def on_log(
            self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any
        ) -> None:
            is_due = state.is_world_process_zero and state.global_step % 50 == 0
            if is_due and "loss" in (logs or {}):
                loss = float(logs["loss"])
                log_line(
                    f"    {label}: {state.global_step}/{state.max_steps} steps, "
                    f"loss {loss:.3f}"
                )

    return LossLogger()


def _finish(
    trainer: Any, tokenizer: Any, folder: Path, checkpoint: Checkpoint
) -> Curve:
    """Train, save model and tokenizer once, and give the loss curve."""
    import torch

    # so small a model gains nothing from a second thread; on a busy machine they wait
    # for each other
    torch.set_num_threads(1)
    curve = checkpoint.train(trainer)
    if trainer.accelerator.is_main_process:
        trainer.accelerator.unwrap_model(trainer.model).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    trainer.accelerator.wait_for_everyone()
    return curve


# ---------------------------------------------------------------- several processes


def train(
    kind: str,
    start: Path,
    rows: list[Row],
    folder: Path,
    settings: FitSettings,
    *,
    processes: int = 1,
    save_steps: int = 0,
) -> Curve:
    """Train in ``processes`` processes of this machine.

    One: in this process; under torchrun: in its processes.

    Args:
        kind: ``sft`` or ``kto``.
        start: folder of the model to begin with.
        rows: see :func:`train_sft` and :func:`train_kto`.
        folder: where the trained model goes.
        settings: see :func:`train_sft` and :func:`train_kto`.
        processes: each takes its share of every batch.
        save_steps: steps from one checkpoint to the next; 0: none.

    Returns:
        The loss curve.

    Raises:
        AdoreError: a process failed; the end of its output is in the text.
    """
    # other nodes cannot read this machine's folder
    place = str(start)
    if world_size() > 1:
        place = save_shared(start, start.name)
    count = max(processes, world_size())
    checkpoint = Checkpoint.of(kind, save_steps, asdict(settings), rows, count)
    job = {
        "kind": kind,
        "start": place,
        "rows": rows,
        "folder": folder,
        "settings": settings,
        "checkpoint": checkpoint,
    }
    curve: Curve = launch(processes, "adore.teacher.training.tiny:_train_worker", **job)
    return curve


def _train_worker(
    kind: str,
    start: str,
    rows: list[Row],
    folder: Path,
    settings: FitSettings,
    checkpoint: Checkpoint,
) -> Curve:
    from transformers import AutoTokenizer, LlamaForCausalLM

    home = local_copy(start)
    if kind == "kto":
        return train_kto(home, rows, folder, settings, checkpoint)
    model = LlamaForCausalLM.from_pretrained(home)
    tokenizer = AutoTokenizer.from_pretrained(home)
    return train_sft(model, tokenizer, rows, folder, settings, checkpoint)
