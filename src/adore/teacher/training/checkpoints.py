"""Checkpoints of a TRL trainer: one file beside the stage's output, to resume from."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adore.artifacts import resume_dir
from adore.distributed import broadcast_file, gather
from adore.progress import log_line
from adore.storage import join, write_bytes
from adore.teacher.training.base import Curve

__all__ = ["Checkpoint"]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where the state of a training is stored.

    Args:
        place: the file, written whole or not at all; empty: none.
        every: steps from one writing to the next; the last step is written as well.
    """

    place: str = ""
    every: int = 0

    @classmethod
    def of(cls, kind: str, every: int, *what: object) -> Checkpoint:
        """The checkpoint of one training of the running stage.

        Outside a stage, or with ``every`` 0, nothing is stored.

        Args:
            kind: ``sft`` or ``kto``.
            every: see :class:`Checkpoint`.
            what: settings, rows, number of processes: they make the file's name, so
                that no training resumes from another's.

        Returns:
            The checkpoint.
        """
        folder = resume_dir()
        if not every or not folder:
            return cls()
        text = json.dumps(what, sort_keys=True, default=str)
        fingerprint = hashlib.sha256(text.encode()).hexdigest()[:12]
        place = join(folder, f"{kind}-{fingerprint}.tar")
        return cls(place, every)

    def train(self, trainer: Any) -> Curve:
        """Train to the end, from the checkpoint where there is one.

        The trainer was made with ``save_strategy="no"``: transformers refuses any
        other for a sharded model, whose optimiser state would be sharded too. Ours is that
        of the adapters, which every process has whole.

        Returns:
            The whole loss curve.
        """
        with tempfile.TemporaryDirectory(prefix="adore-") as folder_of_run:
            trainer.args.output_dir = str(Path(folder_of_run, "new"))
            if self.place:
                trainer.args.save_strategy = "steps"
                trainer.args.save_steps = self.every
                trainer.args.save_total_limit = 1
                trainer.add_callback(_keeper(self.place))
            earlier = _unpacked(self.place, Path(folder_of_run, "old"))
            trainer.train(resume_from_checkpoint=earlier)

        curve: Curve = []
        for entry in trainer.state.log_history:
            if "loss" in entry:
                point = {"step": float(entry["step"]), "loss": float(entry["loss"])}
                curve.append(point)
        return curve


def _keeper(place: str) -> Any:
    """A callback that stores what the trainer saved, with every process's random state."""
    from transformers import TrainerCallback

    class Keeper(TrainerCallback):  # type: ignore[misc]
        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            folder = Path(args.output_dir, f"checkpoint-{state.global_step}")
            random_states = {
                path.name: path.read_bytes() for path in folder.glob("rng_state*")
            }
            # the other processes may be on machines whose disks this one cannot read
            of_all_processes = gather(random_states)
            if not state.is_world_process_zero:
                return
            for of_process in of_all_processes:
                for name, content in of_process.items():
                    (folder / name).write_bytes(content)
            write_bytes(_packed(folder), place)

    return Keeper()


def _packed(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(folder, ".")
    return buffer.getvalue()


def _unpacked(place: str, folder: Path) -> str | None:
    """The folder with the stored state, in every process; None where nothing is stored."""
    content = broadcast_file(place) if place else b""
    if not content:
        return None
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extractall(folder, filter="data")
    state = json.loads((folder / "trainer_state.json").read_text("utf-8"))
    log_line(f"    goes on after step {state['global_step']}, kept by an earlier start")
    return str(folder)
