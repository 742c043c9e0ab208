"""Large teachers: SFT and KTO by LoRA on chat messages, merged into an ordinary model folder.

Any causal instruct model; the folder is what the ``vllm`` and ``transformers`` backends load. One process, or several
under ``accelerate launch`` / ``torchrun`` (each holds the whole model).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from adore.errors import check
from adore.progress import say
from adore.teacher.chat import encode, load_tokenizer, on_hub
from adore.teacher.completers import Message

__all__ = ["Large", "Lora", "kto", "sft", "text_row"]


class Lora(BaseModel):
    """Low-rank adapters. Source: Hu et al. 2021, arXiv 2106.09685."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = Field(default=16, ge=1)
    alpha: int = Field(default=32, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: str | list[str] = "all-linear"
    """Names of modules, or ``all-linear``: every linear layer but the output head."""


class Large(BaseModel):
    """Which model is taught, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_model: str
    """A folder or a name on the hub."""
    revision: str = ""
    lora: Lora = Lora()
    max_length: int = Field(default=4096, ge=64)
    """Tokens of prompt and answer; longer rows are left out, never cut."""
    batch: int = Field(default=4, ge=2)
    """Rows a process and step; KTO's KL term needs two or more."""
    accumulate: int = Field(default=4, ge=1)
    sft_epochs: float = 1.0
    sft_rate: float = 1e-4
    kto_epochs: float = 1.0
    kto_rate: float = 5e-6
    beta: float = 0.1


def text_row(messages: Sequence[Message], answer: str, **more: Any) -> dict[str, Any]:
    """One row: what a judge is asked, what it should answer; for KTO with ``label``."""
    return {"prompt": list(messages), "completion": [{"role": "assistant", "content": answer}], **more}


def sft(config: Large, rows: Sequence[dict[str, Any]], folder: Path, *, seed: int = 0) -> list[dict[str, float]]:
    """Teach the base model the answers of ``rows``; the merged model is saved to ``folder``; returns the loss curve."""
    from trl import SFTConfig, SFTTrainer

    arguments = _arguments(config, folder, seed) | {"num_train_epochs": config.sft_epochs}
    settings = SFTConfig(**arguments, learning_rate=config.sft_rate, completion_only_loss=True, packing=False)
    start = (config.base_model, config.revision)
    return _train(SFTTrainer, settings, config.lora, _fitting(rows, start, config.max_length), start)


def kto(
    config: Large, start: Path, rows: Sequence[dict[str, Any]], folder: Path, *, seed: int = 0
) -> list[dict[str, float]]:
    """KTO from the model in ``start`` (of :func:`sft`) on labelled rows, shuffled before; merged into ``folder``.

    The reference is ``start`` itself: the same weights with the new adapters switched off.
    Source: Ethayarajh et al. 2024, arXiv 2402.01306; TRL's ``KTOTrainer``.
    """
    from trl import KTOConfig, KTOTrainer

    rows = _fitting(rows, (str(start), ""), config.max_length)
    good = sum(bool(r["label"]) for r in rows)
    check(0 < good < len(rows), "desirable rows", good, must=f"1 .. {len(rows) - 1}", fix="give feedback of both kinds")
    arguments = _arguments(config, folder, seed) | {"num_train_epochs": config.kto_epochs}
    settings = KTOConfig(
        **arguments,
        learning_rate=config.kto_rate,
        beta=config.beta,
        train_sampling_strategy="sequential",
        desirable_weight=max(1.0, (len(rows) - good) / good),
        undesirable_weight=max(1.0, good / (len(rows) - good)),
    )
    return _train(KTOTrainer, settings, config.lora, rows, (str(start), ""))


def _arguments(config: Large, folder: Path, seed: int) -> dict[str, Any]:
    import torch

    gpu = torch.cuda.is_available()
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


def _train(
    trainer: Callable[..., Any], settings: Any, lora: Lora, rows: list[dict[str, Any]], start: tuple[str, str]
) -> list[dict[str, float]]:
    """Train adapters over ``start`` (model, revision), merge them, save model and tokenizer."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM

    tokenizer = load_tokenizer(*start)
    dtype = torch.bfloat16 if settings.bf16 else torch.float32
    model = AutoModelForCausalLM.from_pretrained(start[0], revision=on_hub(*start), dtype=dtype)
    run = trainer(
        model=model,
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
    run.train()
    if run.accelerator.is_main_process:
        merged = run.accelerator.unwrap_model(run.model).merge_and_unload()
        merged.save_pretrained(settings.output_dir)
        tokenizer.save_pretrained(settings.output_dir)
    run.accelerator.wait_for_everyone()
    return [{"step": float(h["step"]), "loss": float(h["loss"])} for h in run.state.log_history if "loss" in h]


def _fitting(rows: Sequence[dict[str, Any]], start: tuple[str, str], most: int) -> list[dict[str, Any]]:
    """The rows that need not be cut (with room for the end of turn)."""
    tokenizer = load_tokenizer(*start)
    asked = encode(tokenizer, [r["prompt"] for r in rows])
    answers = tokenizer([r["completion"][0]["content"] for r in rows], add_special_tokens=False)["input_ids"]
    fits = [r for r, p, a in zip(rows, asked, answers, strict=True) if len(p) + len(a) + 8 <= most]
    check(bool(fits), "rows that fit", 0, must="1 or more", fix="raise max_length")
    if len(fits) < len(rows):
        say(f"    {len(rows) - len(fits)} of {len(rows)} rows are longer than {most} tokens: left out")
    return fits
