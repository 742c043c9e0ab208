"""Several processes that train together: made here, on this machine, or by torchrun, on many."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from adore.artifacts import resume_dir
from adore.errors import AdoreError, MissingError
from adore.storage import join, local_copy, open_output

__all__ = [
    "broadcast",
    "broadcast_file",
    "gather",
    "is_main",
    "launch",
    "leave",
    "process_group",
    "run_on_all",
    "save_shared",
    "worker_loop",
    "world_size",
]

T = TypeVar("T")
PATIENCE = timedelta(days=2)
"""How long a process waits for the others: the first one reads and scores while they wait."""


def launch(processes: int, function: str, **job: Any) -> Any:
    """Call ``module:function`` in several processes that train together; the first one's result.

    Args:
        processes: made on this machine; 1: this process. Under torchrun its own are taken, on
            whichever nodes.
        function: what to call.
        job: its arguments.

    Raises:
        AdoreError: a process failed; the end of its output is in the text.
    """
    if world_size() > 1:
        return run_on_all(function, **job)
    if processes == 1:
        return _call(function, job)
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        str(processes),
    ]
    with tempfile.TemporaryDirectory(prefix="adore-") as home:
        path = Path(home, "job")
        path.write_bytes(pickle.dumps((function, job)))
        code, told = _heard([*command, "-m", "adore.distributed", str(path)])
        if code:
            raise AdoreError(
                f"{function} in {processes} processes == exit {code}, must be 0\n{told}"
            )
        return pickle.loads(path.with_suffix(".done").read_bytes())


def _heard(command: list[str]) -> tuple[int, str]:
    """Run a command, its output into ours; exit status and the end of what it said."""
    end = deque[str](maxlen=40)
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as child:
        for line in child.stdout or ():
            sys.stderr.write(line)
            end.append(line)
    return child.returncode, "".join(end)[-2000:]


# ---------------------------------------------------------------- a stage's command under torchrun


def world_size() -> int:
    """How many processes torchrun started with this one; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def process_group() -> Iterator[bool]:
    """Join the processes that torchrun started.

    True in the one that does the stage's work, alone or as the first. The others call
    :func:`worker_loop`, which ends when the first leaves this block well, and fails when it fails.
    """
    if world_size() == 1:
        yield True
        return
    import torch
    from torch import distributed

    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, timeout=PATIENCE)
    try:
        yield is_main()
        if is_main():
            distributed.broadcast_object_list([None])
    finally:
        distributed.destroy_process_group()


def run_on_all(function: str, **arguments: Any) -> Any:
    """Called by the first process: call ``module:function`` in all of them; its own result."""
    from torch import distributed

    distributed.broadcast_object_list([(function, arguments)])
    return _call(function, arguments)


def worker_loop() -> None:
    """Take part in whatever the first process calls :func:`run_on_all`, until it is done."""
    from torch import distributed

    while True:
        box: list[Any] = [None]
        distributed.broadcast_object_list(box)
        if box[0] is None:
            return
        _call(*box[0])


def is_main() -> bool:
    """True in the first process, or alone."""
    from torch import distributed

    return not distributed.is_initialized() or distributed.get_rank() == 0


def broadcast(value: T) -> T:
    """Send the first process's value to all; a single process keeps its own."""
    from torch import distributed

    if not distributed.is_initialized():
        return value
    box = [value]
    distributed.broadcast_object_list(box)
    return box[0]


def broadcast_file(place: str) -> bytes:
    """The file that the first process finds at a place, in every process; empty: none is there."""
    if not is_main():
        return broadcast(b"")
    try:
        return broadcast(local_copy(place).read_bytes())
    except MissingError:
        return broadcast(b"")


def gather(value: T) -> list[T]:
    """Gather every process's value in the first one; the list is empty in the others."""
    from torch import distributed

    if not distributed.is_initialized():
        return [value]
    box: list[Any] = [None] * distributed.get_world_size()
    distributed.gather_object(value, box if is_main() else None)
    return box if is_main() else []


def leave(end: SystemExit) -> NoReturn:
    """Exit; under torchrun at once: a library's thread may abort an interpreter that winds down.

    The other nodes are gone by then, so a process that is started again for that would wait for
    them in vain.
    """
    if world_size() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))
    raise end


def save_shared(folder: Path, name: str) -> str:
    """Copy a folder to where other nodes and a later start find it.

    Args:
        folder: on this machine.
        name: what it is called there.

    Returns:
        Its place, in :func:`adore.artifacts.resume_dir`.
    """
    place = join(resume_dir(), name)
    with open_output(place) as aside:
        shutil.copytree(folder, aside, dirs_exist_ok=True)
    return place


def _call(function: str, arguments: dict[str, Any]) -> Any:
    module, _, name = function.partition(":")
    return getattr(import_module(module), name)(**arguments)


def _job(path: Path) -> None:
    """One process of :func:`launch`."""
    function, job = pickle.loads(path.read_bytes())
    with process_group() as is_first:
        if not is_first:
            return worker_loop()
        path.with_suffix(".done").write_bytes(pickle.dumps(run_on_all(function, **job)))


if __name__ == "__main__":
    _job(Path(sys.argv[1]))
    leave(SystemExit(0))
