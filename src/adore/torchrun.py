"""Several processes that train together: made here on this machine, or made by torchrun, on many."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from adore.artifacts import join, open_output, unfinished
from adore.errors import AdoreError

__all__ = ["crew", "first", "follow", "keep", "leave", "together", "torchrun", "world"]

T = TypeVar("T")
PATIENCE = timedelta(days=2)
"""How long a process waits for the others: the first one reads and scores while they wait."""


def torchrun(module: str, job: Path, processes: int) -> None:
    """Run ``python -m module job`` in ``processes`` processes that torchrun joins; waits for all.

    Raises:
        AdoreError: a process failed; the end of its output is in the text.
    """
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    done = subprocess.run(
        [*command, "-m", module, str(job)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise AdoreError(
            f"{module} in {processes} processes == exit {done.returncode}, must be 0\n{done.stdout[-2000:]}"
        )


# ---------------------------------------------------------------- a stage's command under torchrun


def world() -> int:
    """How many processes torchrun started with this one; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def crew() -> Iterator[bool]:
    """Join the processes that torchrun started; true in the one that does the stage's work, alone or as the first.

    The others call :func:`follow`, which ends when the first leaves this block well, and fails when it fails.
    """
    if world() == 1:
        yield True
        return
    import torch
    from torch import distributed

    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, timeout=PATIENCE)
    try:
        leads = distributed.get_rank() == 0
        yield leads
        if leads:
            distributed.broadcast_object_list([None])
    finally:
        distributed.destroy_process_group()


def together(function: str, **arguments: Any) -> Any:
    """Called by the first process: call ``module:function`` in all of them; its own result."""
    from torch import distributed

    distributed.broadcast_object_list([(function, arguments)])
    return _call(function, arguments)


def follow() -> None:
    """Take part in whatever the first process calls :func:`together`, until it is done."""
    from torch import distributed

    while True:
        box: list[Any] = [None]
        distributed.broadcast_object_list(box)
        if box[0] is None:
            return
        _call(*box[0])


def first(value: T) -> T:
    """The first process's value, in every process; alone: the value."""
    from torch import distributed

    if not distributed.is_initialized():
        return value
    box = [value]
    distributed.broadcast_object_list(box)
    return box[0]


def leave(end: SystemExit) -> NoReturn:
    """Exit; under torchrun at once: a library's thread may abort an interpreter that winds down.

    The other nodes are gone by then, so a process that is started again for that would wait for them in vain.
    """
    if world() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))
    raise end


def keep(folder: Path, name: str) -> str:
    """Copy a folder to :func:`adore.artifacts.unfinished`, where other nodes and a later start find it; its place."""
    place = join(unfinished(), name)
    with open_output(place) as aside:
        shutil.copytree(folder, aside, dirs_exist_ok=True)
    return place


def _call(function: str, arguments: dict[str, Any]) -> Any:
    module, _, name = function.partition(":")
    return getattr(import_module(module), name)(**arguments)
