"""Real TRL: supervised fine-tuning, then KTO, of the tiny teacher; in this process, or in several by torchrun."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from adore.artifacts import local_copy, write_json
from adore.progress import say
from adore.torchrun import keep, together, torchrun, world

__all__ = ["kto", "launch", "sft"]

CURVE = "curve.json"


def _arguments(folder: Path, *, seed: int, epochs: float, rate: float, batch: int) -> dict[str, Any]:
    """Arguments of both trainers; ``batch`` rows a step, shared by all processes."""
    return {
        "output_dir": str(folder),
        "num_train_epochs": epochs,
        "learning_rate": rate,
        "per_device_train_batch_size": max(2, batch // int(os.environ.get("WORLD_SIZE", "1"))),
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
            if state.is_world_process_zero and "loss" in (logs or {}) and state.global_step % 50 == 0:
                say(f"    {label}: {state.global_step}/{state.max_steps} steps, loss {float(logs['loss']):.3f}")

    return Told()


def _finish(trainer: Any, tokenizer: Any, folder: Path) -> list[dict[str, float]]:
    """Train, save model and tokenizer once, and give the loss curve."""
    import torch

    torch.set_num_threads(1)  # so small a model gains nothing from a second; on a busy machine they wait for each other
    trainer.train()
    if trainer.accelerator.is_main_process:
        trainer.accelerator.unwrap_model(trainer.model).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        (folder / "training_args.bin").unlink(missing_ok=True)
    trainer.accelerator.wait_for_everyone()
    return [{"step": float(h["step"]), "loss": float(h["loss"])} for h in trainer.state.log_history if "loss" in h]


def sft(
    model: Any, tokenizer: Any, rows: list[dict[str, str]], folder: Path, **settings: Any
) -> list[dict[str, float]]:
    """Fine-tune on prompt/completion rows; the model is saved to ``folder``; returns the loss curve.

    Args:
        settings: ``seed``, ``epochs``, ``rate``, ``batch``.
    """
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
    return _finish(trainer, tokenizer, folder)


def kto(start: Path, rows: list[dict[str, Any]], folder: Path, **settings: Any) -> list[dict[str, float]]:
    """KTO from the model in ``start`` on prompt/completion/label rows, in their order; saved to ``folder``.

    Args:
        start: folder of the model that is both the beginning and the reference.
        rows: shuffled before, prompts of one batch distinct (``sets.mixed``).
        folder: where to write.
        settings: as for :func:`sft`, and any of TRL's ``KTOConfig``: ``beta``, ``desirable_weight``, ``loss_type``.

    Source: Ethayarajh et al. 2024, arXiv 2402.01306; TRL's ``KTOTrainer``.
    """
    from datasets import Dataset
    from transformers import AutoTokenizer, LlamaForCausalLM
    from trl import KTOConfig, KTOTrainer

    tokenizer = AutoTokenizer.from_pretrained(start)
    common = _arguments(folder, **{k: settings.pop(k) for k in ("seed", "epochs", "rate", "batch")})
    trainer = KTOTrainer(
        model=LlamaForCausalLM.from_pretrained(start),
        ref_model=LlamaForCausalLM.from_pretrained(start),
        args=KTOConfig(**{**common, "max_length": 256, "train_sampling_strategy": "sequential", **settings}),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        callbacks=[_told("KTO")],
    )
    return _finish(trainer, tokenizer, folder)


# ---------------------------------------------------------------- several processes


def launch(kind: str, start: Path, rows: list[dict[str, Any]], folder: Path, processes: int, **settings: Any) -> Any:
    """Train in ``processes`` processes of this machine; one: in this process; under torchrun: in its processes.

    Args:
        kind: ``sft`` or ``kto``.
        start: folder of the model to begin with.
        rows: see :func:`sft` and :func:`kto`.
        folder: where the trained model goes.
        processes: each takes its share of every batch.
        settings: see :func:`sft` and :func:`kto`.

    Returns:
        The loss curve.

    Raises:
        AdoreError: a process failed; the end of its output is in the text.
    """
    if world() > 1:
        job = {"kind": kind, "rows": rows, "folder": folder, "settings": settings}
        return together("adore.teacher.training:_train", start=keep(start, start.name), **job)
    if processes == 1:
        return _train(kind, start, rows, folder, settings)
    folder.mkdir(parents=True, exist_ok=True)
    job = {"kind": kind, "start": str(start), "rows": rows, "folder": str(folder), "settings": settings}
    write_json(job, folder / "job.json")
    torchrun("adore.teacher.training", folder / "job.json", processes)
    (folder / "job.json").unlink()
    curve = folder / CURVE
    found = json.loads(curve.read_text("utf-8"))
    curve.unlink()
    return found


def _train(kind: str, start: str | Path, rows: list[dict[str, Any]], folder: Path, settings: dict[str, Any]) -> Any:
    from transformers import AutoTokenizer, LlamaForCausalLM

    start = local_copy(start)
    if kind == "kto":
        return kto(start, rows, folder, **settings)
    return sft(LlamaForCausalLM.from_pretrained(start), AutoTokenizer.from_pretrained(start), rows, folder, **settings)


def _job(path: Path) -> None:
    """One process of :func:`launch`."""
    job = json.loads(path.read_text("utf-8"))
    curve = _train(job["kind"], Path(job["start"]), job["rows"], Path(job["folder"]), job["settings"])
    if os.environ.get("RANK", "0") == "0":
        write_json(curve, Path(job["folder"]) / CURVE)


if __name__ == "__main__":
    _job(Path(sys.argv[1]))
