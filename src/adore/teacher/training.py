"""Real TRL: supervised fine-tuning, then KTO, of the tiny teacher."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adore.progress import say

__all__ = ["kto", "sft"]


def _arguments(folder: Path, *, seed: int, epochs: float, rate: float, batch: int) -> dict[str, Any]:
    return {
        "output_dir": str(folder),
        "num_train_epochs": epochs,
        "learning_rate": rate,
        "per_device_train_batch_size": batch,
        "lr_scheduler_type": "cosine",
        "seed": seed,
        "data_seed": seed,
        "report_to": "none",
        "save_strategy": "no",
        "logging_steps": 5,
        "disable_tqdm": True,
        "use_cpu": True,
        "bf16": False,
        "dataloader_pin_memory": False,
        "gradient_checkpointing": False,
    }


def _told(label: str) -> Any:
    """A TRL callback that reports the loss, so that a pod's log shows how far training is."""
    from transformers import TrainerCallback

    class Told(TrainerCallback):  # type: ignore[misc]
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if "loss" in (logs or {}) and state.global_step % 50 == 0:
                say(f"    {label}: {state.global_step}/{state.max_steps} steps, loss {float(logs['loss']):.3f}")

    return Told()


def _curve(trainer: Any) -> list[dict[str, float]]:
    return [{"step": float(h["step"]), "loss": float(h["loss"])} for h in trainer.state.log_history if "loss" in h]


def sft(
    model: Any, tokenizer: Any, rows: list[dict[str, str]], folder: Path, **settings: Any
) -> list[dict[str, float]]:
    """Fine-tune on prompt/completion rows; the model is saved to ``folder``; returns the loss curve."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    arguments = SFTConfig(**_arguments(folder, **settings), completion_only_loss=True, max_length=256, packing=False)
    trainer = SFTTrainer(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        callbacks=[_told("SFT")],
    )
    trainer.train()
    trainer.model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return _curve(trainer)


def kto(
    start: Path, rows: list[dict[str, Any]], folder: Path, *, beta: float, **settings: Any
) -> list[dict[str, float]]:
    """KTO from the model in ``start`` on prompt/completion/label rows (shuffled before); saved to ``folder``.

    Source: Ethayarajh et al. 2024, arXiv 2402.01306; TRL's ``KTOTrainer``.
    """
    from datasets import Dataset
    from transformers import AutoTokenizer, LlamaForCausalLM
    from trl import KTOConfig, KTOTrainer

    tokenizer = AutoTokenizer.from_pretrained(start)
    good = sum(bool(r["label"]) for r in rows)
    arguments = KTOConfig(
        **_arguments(folder, **settings),
        beta=beta,
        max_length=256,
        train_sampling_strategy="sequential",
        desirable_weight=max(1.0, (len(rows) - good) / max(1, good)),
        undesirable_weight=max(1.0, good / max(1, len(rows) - good)),
    )
    trainer = KTOTrainer(
        model=LlamaForCausalLM.from_pretrained(start),
        ref_model=LlamaForCausalLM.from_pretrained(start),
        args=arguments,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        callbacks=[_told("KTO")],
    )
    trainer.train()
    trainer.model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return _curve(trainer)
