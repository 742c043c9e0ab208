"""Real TRL: supervised fine-tuning, then KTO, of the tiny teacher.

It runs in this process, or in several by torchrun.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from adore.distributed import launch as launch_workers
from adore.distributed import save_shared, world_size
from adore.progress import log_line
from adore.storage import local_copy
from adore.teacher.training.checkpoints import Checkpoint

__all__ = ["kto", "launch", "sft"]


def _arguments(
    folder: Path, *, seed: int, epochs: float, rate: float, batch: int
) -> dict[str, Any]:
    """Arguments of both trainers; ``batch`` rows a step, shared by all processes."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    return {
        "output_dir": str(folder),
        "num_train_epochs": epochs,
        "learning_rate": rate,
        "per_device_train_batch_size": max(2, batch // processes),
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
        def on_log(
            self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any
        ) -> None:
            if (
                state.is_world_process_zero
                and "loss" in (logs or {})
                and state.global_step % 50 == 0
            ):
                loss = float(logs["loss"])
                log_line(
                    f"    {label}: {state.global_step}/{state.max_steps} steps, "
                    f"loss {loss:.3f}"
                )

    return Told()


def _finish(
    trainer: Any, tokenizer: Any, folder: Path, kept: Checkpoint
) -> list[dict[str, float]]:
    """Train, save model and tokenizer once, and give the loss curve."""
    import torch

    # so small a model gains nothing from a second; on a busy machine they wait for each
    # other
    torch.set_num_threads(1)
    curve = kept.train(trainer)
    if trainer.accelerator.is_main_process:
        trainer.accelerator.unwrap_model(trainer.model).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    trainer.accelerator.wait_for_everyone()
    return curve


def sft(
    model: Any,
    tokenizer: Any,
    rows: list[dict[str, str]],
    folder: Path,
    **settings: Any,
) -> list[dict[str, float]]:
    """Fine-tune on prompt/completion rows; the model is saved to ``folder``.

    Args:
        model: to begin with.
        tokenizer: the model's.
        rows: of :func:`adore.teacher.training.tiny_model.sft_row`.
        folder: where the trained model goes.
        settings: ``seed``, ``epochs``, ``rate``, ``batch``, ``kept`` (a
            :class:`Checkpoint`).

    Returns:
        The loss curve.
    """
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    kept = settings.pop("kept", Checkpoint())
    arguments = SFTConfig(
        **_arguments(folder, **settings),
        completion_only_loss=True,
        max_length=256,
        packing=False,
    )
    trainer = SFTTrainer(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        callbacks=[_told("SFT")],
    )
    return _finish(trainer, tokenizer, folder, kept)


def kto(
    start: Path, rows: list[dict[str, Any]], folder: Path, **settings: Any
) -> list[dict[str, float]]:
    """KTO from the model in ``start`` on prompt/completion/label rows, in their order.

    The model is saved to ``folder``.

    Args:
        start: folder of the model that is both the beginning and the reference.
        rows: shuffled before, prompts of one batch distinct; see
            :func:`adore.teacher.training.datasets.batch_distinct`.
        folder: where to write.
        settings: as for :func:`sft`, and any of TRL's ``KTOConfig``: ``beta``,
            ``desirable_weight``, ``loss_type``.

    Source: Ethayarajh et al. 2024, arXiv 2402.01306; TRL's ``KTOTrainer``.
    """
    from datasets import Dataset
    from transformers import AutoTokenizer, LlamaForCausalLM
    from trl import KTOConfig, KTOTrainer

    tokenizer = AutoTokenizer.from_pretrained(start)
    kept = settings.pop("kept", Checkpoint())
    own = {key: settings.pop(key) for key in ("seed", "epochs", "rate", "batch")}
    common = _arguments(folder, **own)
    trainer = KTOTrainer(
        model=LlamaForCausalLM.from_pretrained(start),
        ref_model=LlamaForCausalLM.from_pretrained(start),
        args=KTOConfig(
            **{
                **common,
                "max_length": 256,
                "train_sampling_strategy": "sequential",
                **settings,
            }
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        callbacks=[_told("KTO")],
    )
    return _finish(trainer, tokenizer, folder, kept)


# ---------------------------------------------------------------- several processes


def launch(
    kind: str,
    start: Path,
    rows: list[dict[str, Any]],
    folder: Path,
    processes: int,
    **settings: Any,
) -> Any:
    """Train in ``processes`` processes of this machine.

    One: in this process; under torchrun: in its processes.

    Args:
        kind: ``sft`` or ``kto``.
        start: folder of the model to begin with.
        rows: see :func:`sft` and :func:`kto`.
        folder: where the trained model goes.
        processes: each takes its share of every batch.
        settings: see :func:`sft` and :func:`kto`; ``save_steps``: steps from one
            checkpoint to the next.

    Returns:
        The loss curve.

    Raises:
        AdoreError: a process failed; the end of its output is in the text.
    """
    place = save_shared(start, start.name) if world_size() > 1 else str(start)
    every = settings.pop("save_steps", 0)
    kept = Checkpoint.of(kind, every, settings, rows, max(processes, world_size()))
    job = {
        "kind": kind,
        "start": place,
        "rows": rows,
        "folder": folder,
        "settings": {**settings, "kept": kept},
    }
    return launch_workers(processes, "adore.teacher.training.tiny:_train", **job)


def _train(
    kind: str,
    start: str,
    rows: list[dict[str, Any]],
    folder: Path,
    settings: dict[str, Any],
) -> Any:
    from transformers import AutoTokenizer, LlamaForCausalLM

    home = local_copy(start)
    if kind == "kto":
        return kto(home, rows, folder, **settings)
    return sft(
        LlamaForCausalLM.from_pretrained(home),
        AutoTokenizer.from_pretrained(home),
        rows,
        folder,
        **settings,
    )
