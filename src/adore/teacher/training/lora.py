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
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from adore.artifacts import resume_dir
from adore.distributed import launch, save_shared, world_size
from adore.errors import MissingError, check
from adore.progress import log_line
from adore.storage import is_remote, local_copy, write_json
from adore.teacher.backends.base import Message
from adore.teacher.backends.chat import encode, load_tokenizer, on_hub
from adore.teacher.training.checkpoints import Checkpoint

__all__ = [
    "AdapterConfig",
    "LoraTeacherConfig",
    "drop_overlong",
    "kto",
    "sft",
    "text_row",
]


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
    """Which model is taught, and how."""

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
    loss: Literal["kto", "apo_zero_unpaired"] = "kto"
    """TRL's loss type."""
    desirable_weight: float | None = Field(default=None, gt=0)
    """None: what makes up for fewer desirable rows than undesirable ones.

    It is 1 where there are more.
    """
    undesirable_weight: float | None = Field(default=None, gt=0)
    """None: likewise."""


def text_row(messages: Sequence[Message], answer: str, **more: Any) -> dict[str, Any]:
    """One row of a training set.

    Args:
        messages: what a judge is asked.
        answer: what it should answer.
        more: other columns: for KTO ``label``, whether the answer is desirable.
    """
    return {
        "prompt": list(messages),
        "completion": [{"role": "assistant", "content": answer}],
        **more,
    }


def sft(
    config: LoraTeacherConfig,
    rows: Sequence[dict[str, Any]],
    folder: Path,
    *,
    seed: int = 0,
    processes: int = 1,
    save_steps: int = 0,
) -> list[dict[str, float]]:
    """Teach the base model the answers of ``rows``.

    The merged model is saved to ``folder``. On several nodes it is kept beside the
    output as well: KTO's nodes and a later start read it there.

    Args:
        config: which model is taught, and how.
        rows: of :func:`text_row`; those that are too long are left out.
        folder: where the merged model goes.
        seed: of all that is drawn.
        processes: of this machine.
        save_steps: from one checkpoint to the next; 0: none.

    Returns:
        The loss curve.
    """
    start = (config.base_model, config.revision)
    curve = _earlier(folder) if world_size() > 1 else []
    if not curve:
        rows = drop_overlong(rows, start, config.max_length)
        curve = _spread(
            "sft",
            config,
            start,
            rows,
            folder,
            seed=seed,
            processes=processes,
            save_steps=save_steps,
        )
        if world_size() > 1:
            write_json(curve, f"{save_shared(folder, 'sft')}.json")
    return curve


def kto(
    config: LoraTeacherConfig,
    start: Path,
    rows: Sequence[dict[str, Any]],
    folder: Path,
    *,
    seed: int = 0,
    **crew: int,
) -> list[dict[str, float]]:
    """KTO from the model in ``start`` (of :func:`sft`) on labelled rows; merged into ``folder``.

    The reference is ``start`` itself: the same weights with the new adapters switched off.
    Source: Ethayarajh et al. 2024, arXiv 2402.01306; TRL's ``KTOTrainer``.

    Args:
        config: how it is taught.
        start: folder of the model that is both the beginning and the reference.
        rows: that fit (:func:`drop_overlong`), shuffled before, prompts of one batch distinct
            (:func:`adore.teacher.training.datasets.batch_distinct`).
        folder: where the merged model goes.
        seed: of all that is drawn.
        crew: ``processes`` and ``save_steps``, see :func:`sft`.
    """
    good = sum(bool(r["label"]) for r in rows)
    check(
        0 < good < len(rows),
        "desirable rows",
        good,
        must=f"1 .. {len(rows) - 1}",
        fix="give feedback of both kinds",
    )
    place = f"{resume_dir()}/sft" if world_size() > 1 else str(start)
    return _spread("kto", config, (place, ""), rows, folder, seed=seed, **crew)


def _earlier(folder: Path) -> list[dict[str, float]]:
    """The curve of an SFT that an earlier start ended, its model in ``folder``; empty: none did."""
    try:
        told = local_copy(f"{resume_dir()}/sft.json").read_text("utf-8")
    except MissingError:
        return []
    shutil.copytree(local_copy(f"{resume_dir()}/sft"), folder)
    log_line("    SFT: kept by an earlier start")
    return [dict(point) for point in json.loads(told)]


def _spread(
    kind: str,
    config: LoraTeacherConfig,
    start: tuple[str, str],
    rows: Any,
    folder: Path,
    *,
    seed: int,
    processes: int = 1,
    save_steps: int = 0,
) -> list[dict[str, float]]:
    """Train in this process, in several of this machine, or in all of torchrun's."""
    crew = max(processes, world_size())
    alone = config.sharded and crew == 1
    check(
        not alone,
        "align.large.sharded",
        True,
        must="false for one process",
        fix="set align.processes, or cluster.train",
    )
    kept = Checkpoint.of(kind, save_steps, config.model_dump(), rows, seed, crew)
    job = {
        "kind": kind,
        "config": config,
        "start": start,
        "rows": rows,
        "folder": folder,
        "seed": seed,
        "kept": kept,
    }
    curve: list[dict[str, float]] = launch(
        processes, "adore.teacher.training.lora:_learn", **job
    )
    return curve


def _learn(
    kind: str,
    config: LoraTeacherConfig,
    start: tuple[str, str],
    rows: list[dict[str, Any]],
    folder: Path,
    seed: int,
    kept: Checkpoint,
) -> list[dict[str, float]]:
    from trl import KTOConfig, KTOTrainer, SFTConfig, SFTTrainer

    place, revision = start
    home = str(local_copy(place)) if is_remote(place) else place
    start = (home, revision)
    arguments = _arguments(config, folder, seed)
    if kind == "sft":
        arguments |= {
            "num_train_epochs": config.sft_epochs,
            "learning_rate": config.sft_rate,
        }
        settings = SFTConfig(**arguments, completion_only_loss=True, packing=False)
        return _train(SFTTrainer, settings, config, rows, start, kept)
    settings = KTOConfig(
        **arguments,
        num_train_epochs=config.kto_epochs,
        learning_rate=config.kto_rate,
        beta=config.beta,
        train_sampling_strategy="sequential",
        loss_type=config.loss,
        **_weights(config, rows),
    )
    return _train(KTOTrainer, settings, config, rows, start, kept)


def _weights(
    config: LoraTeacherConfig, rows: Sequence[dict[str, Any]]
) -> dict[str, float]:
    """Weights of KTO's two kinds of rows.

    The configured ones, else both kinds count the same in all. Source: Ethayarajh et al.
    2024, section 4.2: weighted counts in a ratio from 1 to 4/3.
    """
    good = sum(bool(r["label"]) for r in rows)
    bad = len(rows) - good
    return {
        "desirable_weight": config.desirable_weight or max(1.0, bad / good),
        "undesirable_weight": config.undesirable_weight or max(1.0, good / bad),
    }


def _arguments(config: LoraTeacherConfig, folder: Path, seed: int) -> dict[str, Any]:
    import torch

    gpu = torch.cuda.is_available()
    cards = torch.cuda.device_count()
    check(
        world_size() > 1 or cards < 2,
        "align.processes",
        1,
        must=f"{cards}, one a card",
        fix="set it, or show one card",
    )
    return {
        "output_dir": str(folder),
        "max_length": config.max_length,
        "per_device_train_batch_size": config.batch,
        "gradient_accumulation_steps": config.accumulate,
        "gradient_checkpointing": gpu,
        "lr_scheduler_type": "cosine",
        "seed": seed,
        "data_seed": seed,
        "report_to": "none",
        "save_strategy": "no",
        "logging_steps": 1,
        "disable_tqdm": True,
        "use_cpu": not gpu,
        "bf16": gpu,
        "dataloader_pin_memory": gpu,
    }


def _base(start: tuple[str, str], bf16: bool, *, sharded: bool = False) -> Any:
    """The model that training starts at, whole, or this process's share of it."""
    import torch
    from transformers import AutoModelForCausalLM

    more = {
        "dtype": torch.bfloat16 if bf16 else torch.float32,
        "revision": on_hub(*start),
    }
    if sharded and world_size() > 1:
        from transformers.distributed import DistributedConfig

        more["distributed_config"] = DistributedConfig(fsdp_size=world_size())
    model = AutoModelForCausalLM.from_pretrained(start[0], **more)
    # no tensor parallelism: else PEFT gathers the whole model to save adapters, in
    # every process
    model._tp_size = None
    return model


def _train(
    trainer: Callable[..., Any],
    settings: Any,
    config: LoraTeacherConfig,
    rows: list[dict[str, Any]],
    start: tuple[str, str],
    kept: Checkpoint,
) -> list[dict[str, float]]:
    """Train adapters over ``start`` (model, revision), merge them, save model and tokenizer."""
    from datasets import Dataset
    from peft import LoraConfig

    tokenizer = load_tokenizer(*start)
    lora = config.lora
    folder = Path(settings.output_dir)
    run = trainer(
        model=_base(start, settings.bf16, sharded=config.sharded),
        args=settings,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=LoraConfig(
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules=lora.targets,
            task_type="CAUSAL_LM",
        ),
    )
    curve = kept.train(run)
    if run.accelerator.is_main_process:
        adapted = run.accelerator.unwrap_model(run.model)
        whole = adapted
        if config.sharded and world_size() > 1:
            whole = _whole(adapted, _base(start, settings.bf16))
        whole.merge_and_unload().save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    run.accelerator.wait_for_everyone()
    return curve


def _whole(adapted: Any, base: Any) -> Any:
    """The trained adapters over the whole model, in the memory of this process's machine."""
    from peft import PeftModel

    with tempfile.TemporaryDirectory(prefix="adore-") as home:
        adapted.save_pretrained(home)
        return PeftModel.from_pretrained(base, home)


def drop_overlong(
    rows: Sequence[dict[str, Any]], start: tuple[str, str], most: int
) -> list[dict[str, Any]]:
    """The rows that need not be cut (with room for the end of turn).

    Args:
        rows: of :func:`text_row`.
        start: folder or name of the model, and its revision: whose tokens are counted.
        most: tokens of prompt and answer.
    """
    if not rows:
        return []
    tokenizer = load_tokenizer(*start)
    asked = encode(tokenizer, [row["prompt"] for row in rows])
    written = [row["completion"][0]["content"] for row in rows]
    answers = tokenizer(written, add_special_tokens=False)["input_ids"]

    fits = list[dict[str, Any]]()
    for row, prompt, answer in zip(rows, asked, answers, strict=True):
        if len(prompt) + len(answer) + 8 <= most:
            fits.append(row)
    check(bool(fits), "rows that fit", 0, must="1 or more", fix="raise max_length")
    if len(fits) < len(rows):
        log_line(
            f"    {len(rows) - len(fits)} of {len(rows)} rows are longer than "
            f"{most} tokens: left out"
        )
    return fits
