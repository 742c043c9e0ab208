"""Large teachers: SFT and KTO by LoRA on chat messages, merged into an ordinary model folder.

Any causal instruct model; the folder is what the ``vllm`` and ``transformers`` backends
load. One process, several of this machine, or all that torchrun started with the
stage's own, on whichever nodes: each takes its share of the rows and holds the whole
model or, with ``sharded``, its share of it (FSDP2, from loading on); adapters are
everywhere.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from adore.artifacts import resume_dir
from adore.distributed import launch, save_shared, world_size
from adore.errors import MissingError, check
from adore.progress import log_line
from adore.rulebook import RuleBook
from adore.storage import is_remote, local_copy, write_json
from adore.teacher.backends.chat import encode, load_tokenizer, on_hub
from adore.teacher.training.base import Curve, trainer_arguments
from adore.teacher.training.checkpoints import Checkpoint
from adore.teacher.training.config import Config, LoraTeacherConfig
from adore.teacher.training.datasets import (
    Row,
    batch_distinct,
    sft_texts,
    text_feedback,
)

__all__ = ["LoraTeacher", "StartModel", "drop_overlong", "train_kto", "train_sft"]

END_OF_TURN = 8
"""Tokens that a chat template may add after an answer."""


@dataclass(frozen=True, slots=True)
class StartModel:
    """The model that a training starts at: a folder or a name on the hub, and its revision."""

    model: str
    revision: str = ""


@dataclass(frozen=True, slots=True)
class LoraTeacher:
    """An instruct model that reads texts, trained by low-rank adapters.

    Args:
        config: of the stage.
        large: which model, and how.
        prepared: output of ``prepare``.
        evidence: output of ``evidence``.
        rulebook: of the prompt.
    """

    config: Config
    large: LoraTeacherConfig
    prepared: Path
    evidence: Path
    rulebook: RuleBook

    def fit_sft(self, pairs: pl.DataFrame, folder: Path) -> Curve:
        """See :class:`adore.teacher.training.base.Teacher`.

        Args:
            pairs: train pairs on whose grade judge and people agree.
            folder: where the merged model goes.

        Returns:
            The loss curve.

        Raises:
            ConfigError: no row is short enough, or one process cannot train as
                configured.
            AdoreError: a process failed; the end of its output is in the text.
        """
        config = self.config
        rows = sft_texts(
            pairs,
            self.prepared,
            self.evidence,
            self.rulebook,
            count=config.sft_rows,
            seed=config.seed,
        )
        return train_sft(
            self.large,
            rows,
            folder,
            seed=config.seed,
            processes=config.processes,
            save_steps=config.save_steps,
        )

    def fit_kto(
        self, start: Path, feedback: pl.DataFrame, folder: Path
    ) -> Curve | None:
        """See :class:`adore.teacher.training.base.Teacher`.

        Args:
            start: folder of the model that SFT trained.
            feedback: the ``feedback`` table.
            folder: where the merged model goes.

        Returns:
            The loss curve; None if feedback speaks one way only.

        Raises:
            ConfigError: no row is short enough, or one process cannot train as
                configured.
            AdoreError: a process failed; the end of its output is in the text.
        """
        config = self.config
        answers = text_feedback(
            feedback,
            self.prepared,
            self.evidence,
            self.rulebook,
            max_rows=config.kto_rows,
            seed=config.seed,
        )
        fitting = drop_overlong(answers, StartModel(str(start)), self.large.max_length)
        rows = batch_distinct(fitting, self.large.batch, config.seed)
        if not rows:
            log_line("    KTO: left out, no feedback that speaks both ways")
            return None
        return train_kto(
            self.large,
            start,
            rows,
            folder,
            seed=config.seed,
            processes=config.processes,
            save_steps=config.save_steps,
        )


def train_sft(
    config: LoraTeacherConfig,
    rows: Sequence[Row],
    folder: Path,
    *,
    seed: int = 0,
    processes: int = 1,
    save_steps: int = 0,
) -> Curve:
    """Teach the base model the answers of ``rows``.

    The merged model is saved to ``folder``. On several nodes it is kept beside the
    output as well: KTO's nodes and a later start read it there.

    Args:
        config: which model is trained, and how.
        rows: of :func:`adore.teacher.training.datasets.text_row`; those that are too
            long are left out.
        folder: where the merged model goes.
        seed: of all that is random.
        processes: of this machine.
        save_steps: from one checkpoint to the next; 0: none.

    Returns:
        The loss curve.

    Raises:
        ConfigError: no row is short enough, or one process cannot train as configured.
        AdoreError: a process failed; the end of its output is in the text.
    """
    if world_size() > 1:
        curve = _earlier_sft(folder)
        if curve:
            return curve

    start = StartModel(config.base_model, config.revision)
    fitting = drop_overlong(rows, start, config.max_length)
    curve = _launch(
        "sft",
        config,
        start,
        fitting,
        folder,
        seed=seed,
        processes=processes,
        save_steps=save_steps,
    )
    if world_size() > 1:
        write_json(curve, f"{save_shared(folder, 'sft')}.json")
    return curve


def train_kto(
    config: LoraTeacherConfig,
    start: Path,
    rows: Sequence[Row],
    folder: Path,
    *,
    seed: int = 0,
    processes: int = 1,
    save_steps: int = 0,
) -> Curve:
    """KTO from the model in ``start`` on labelled rows; merged into ``folder``.

    The reference is ``start`` itself: the same weights with the new adapters switched off.

    Args:
        config: how it is trained.
        start: folder of the model that is both the beginning and the reference.
        rows: that fit (:func:`drop_overlong`), shuffled before, prompts of one batch distinct
            (:func:`adore.teacher.training.datasets.batch_distinct`).
        folder: where the merged model goes.
        seed: of all that is random.
        processes: of this machine.
        save_steps: from one checkpoint to the next; 0: none.

    Returns:
        The loss curve.

    Raises:
        ConfigError: all rows are desirable, or none is; or one process cannot train as
            configured.
        AdoreError: a process failed; the end of its output is in the text.

    Source: Ethayarajh et al. 2024, arXiv 2402.01306; TRL's ``KTOTrainer``.
    """
    desirable = _count_desirable(rows)
    check(
        0 < desirable < len(rows),
        "desirable rows",
        desirable,
        must=f"1 .. {len(rows) - 1}",
        fix="give feedback of both kinds",
    )
    # other nodes cannot read this machine's folder: SFT has shared its model
    place = str(start)
    if world_size() > 1:
        place = f"{resume_dir()}/sft"
    return _launch(
        "kto",
        config,
        StartModel(place),
        rows,
        folder,
        seed=seed,
        processes=processes,
        save_steps=save_steps,
    )


def _count_desirable(rows: Sequence[Row]) -> int:
    return sum(bool(row["label"]) for row in rows)


def _earlier_sft(folder: Path) -> Curve:
    """The curve of an SFT that an earlier start ended, its model in ``folder``; empty: none did."""
    try:
        text = local_copy(f"{resume_dir()}/sft.json").read_text("utf-8")
    except MissingError:
        return []
    shutil.copytree(local_copy(f"{resume_dir()}/sft"), folder)
    log_line("    SFT: kept by an earlier start")
    return [dict(point) for point in json.loads(text)]


def _launch(
    kind: str,
    config: LoraTeacherConfig,
    start: StartModel,
    rows: Sequence[Row],
    folder: Path,
    *,
    seed: int,
    processes: int,
    save_steps: int,
) -> Curve:
    """Train in this process, in several of this machine, or in all of torchrun's."""
    count = max(processes, world_size())
    check(
        count > 1 or not config.sharded,
        "align.large.sharded",
        True,
        must="false for one process",
        fix="set align.processes, or cluster.train",
    )
    checkpoint = Checkpoint.of(kind, save_steps, config.model_dump(), rows, seed, count)
    job = {
        "kind": kind,
        "config": config,
        "start": start,
        "rows": rows,
        "folder": folder,
        "seed": seed,
        "checkpoint": checkpoint,
    }
    curve: Curve = launch(processes, "adore.teacher.training.lora:_train_worker", **job)
    return curve


def _train_worker(
    kind: str,
    config: LoraTeacherConfig,
    start: StartModel,
    rows: list[Row],
    folder: Path,
    seed: int,
    checkpoint: Checkpoint,
) -> Curve:
    from trl import KTOConfig, KTOTrainer, SFTConfig, SFTTrainer

    if is_remote(start.model):
        start = StartModel(str(local_copy(start.model)), start.revision)
    arguments = _arguments(config, folder, seed)
    if kind == "sft":
        settings = SFTConfig(
            **arguments,
            num_train_epochs=config.sft_epochs,
            learning_rate=config.sft_rate,
            completion_only_loss=True,
            packing=False,
        )
        return _train(SFTTrainer, settings, config, rows, start, checkpoint)

    settings = KTOConfig(
        **arguments,
        num_train_epochs=config.kto_epochs,
        learning_rate=config.kto_rate,
        beta=config.beta,
        train_sampling_strategy="sequential",
        loss_type=config.loss,
        **_weights(config, rows),
    )
    return _train(KTOTrainer, settings, config, rows, start, checkpoint)


def _weights(config: LoraTeacherConfig, rows: Sequence[Row]) -> dict[str, float]:
    """Weights of KTO's two kinds of rows: the configured ones, else both count the same in all."""
    # Source: Ethayarajh et al. 2024, section 4.2: weighted counts in a ratio from 1 to 4/3
    desirable = _count_desirable(rows)
    undesirable = len(rows) - desirable
    return {
        "desirable_weight": config.desirable_weight
        or max(1.0, undesirable / desirable),
        "undesirable_weight": config.undesirable_weight
        or max(1.0, desirable / undesirable),
    }


def _arguments(config: LoraTeacherConfig, folder: Path, seed: int) -> dict[str, object]:
    """Arguments of both trainers."""
    import torch

    has_gpu = torch.cuda.is_available()
    cards = torch.cuda.device_count()
    check(
        world_size() > 1 or cards < 2,
        "align.processes",
        1,
        must=f"{cards}, one a card",
        fix="set it, or show one card",
    )
    return {
        **trainer_arguments(folder, seed),
        "max_length": config.max_length,
        "per_device_train_batch_size": config.batch,
        "gradient_accumulation_steps": config.accumulate,
        "gradient_checkpointing": has_gpu,
        "logging_steps": 1,
        "use_cpu": not has_gpu,
        "bf16": has_gpu,
        "dataloader_pin_memory": has_gpu,
    }


def _base(start: StartModel, bf16: bool, *, sharded: bool = False) -> Any:
    """The model that training starts at, whole, or this process's share of it."""
    import torch
    from transformers import AutoModelForCausalLM

    keywords: dict[str, Any] = {
        "dtype": torch.bfloat16 if bf16 else torch.float32,
        "revision": on_hub(start.model, start.revision),
    }
    if sharded and world_size() > 1:
        from transformers.distributed import DistributedConfig

        keywords["distributed_config"] = DistributedConfig(fsdp_size=world_size())
    model = AutoModelForCausalLM.from_pretrained(start.model, **keywords)
    # no tensor parallelism: else PEFT gathers the whole model to save adapters, in
    # every process
    model._tp_size = None
    return model


def _train(
    trainer_class: Callable[..., Any],
    settings: Any,
    config: LoraTeacherConfig,
    rows: list[Row],
    start: StartModel,
    checkpoint: Checkpoint,
) -> Curve:
    """Train adapters over ``start``, merge them, save model and tokenizer."""
    from datasets import Dataset
    from peft import LoraConfig

    tokenizer = load_tokenizer(start.model, start.revision)
    adapters = LoraConfig(
        r=config.lora.rank,
        lora_alpha=config.lora.alpha,
        lora_dropout=config.lora.dropout,
        target_modules=config.lora.targets,
        task_type="CAUSAL_LM",
    )
    trainer = trainer_class(
        model=_base(start, settings.bf16, sharded=config.sharded),
        args=settings,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=adapters,
    )
    folder = Path(settings.output_dir)  # the checkpoint's training changes it
    curve = checkpoint.train(trainer)

    if trainer.accelerator.is_main_process:
        adapted = trainer.accelerator.unwrap_model(trainer.model)
        if config.sharded and world_size() > 1:
            adapted = _unsharded(adapted, _base(start, settings.bf16))
        adapted.merge_and_unload().save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    trainer.accelerator.wait_for_everyone()
    return curve


def _unsharded(adapted: Any, base: Any) -> Any:
    """The trained adapters over the whole model, in the memory of this process's machine."""
    from peft import PeftModel

    with tempfile.TemporaryDirectory(prefix="adore-") as home:
        adapted.save_pretrained(home)
        return PeftModel.from_pretrained(base, home)


def drop_overlong(rows: Sequence[Row], start: StartModel, max_length: int) -> list[Row]:
    """The rows that need not be cut, with room for the end of turn.

    Args:
        rows: of :func:`adore.teacher.training.datasets.text_row`.
        start: the model whose tokens are counted.
        max_length: tokens of prompt and answer.

    Returns:
        The rows that fit, in their order.

    Raises:
        ConfigError: no row is short enough.
    """
    if not rows:
        return []
    tokenizer = load_tokenizer(start.model, start.revision)
    prompts = encode(tokenizer, [row["prompt"] for row in rows])
    texts = [row["completion"][0]["content"] for row in rows]
    answers = tokenizer(texts, add_special_tokens=False)["input_ids"]

    fitting: list[Row] = []
    for row, prompt, answer in zip(rows, prompts, answers, strict=True):
        length = len(prompt) + len(answer) + END_OF_TURN
        if length <= max_length:
            fitting.append(row)
    check(bool(fitting), "rows that fit", 0, must="1 or more", fix="raise max_length")
    if len(fitting) < len(rows):
        log_line(
            f"    {len(rows) - len(fitting)} of {len(rows)} rows are longer than "
            f"{max_length} tokens: left out"
        )
    return fitting
