"""Several processes that train together, on this machine or, under torchrun, on several nodes.

Rank 0, the *main* process, does the stage's work and calls functions in all processes; the others
wait for such calls in :func:`worker_loop`.
"""

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
TIMEOUT = timedelta(days=2)
"""How long a process waits for the others: rank 0 reads and scores while they wait."""


def launch(processes: int, function: str, **job: object) -> Any:
    """Call ``module:function`` in several processes that train together.

    Args:
        processes: how many to start on this machine; 1: this process only. Under torchrun the
            processes that it started are used.
        function: what to call.
        job: its arguments, by name.

    Returns:
        What the function returns in the first process.

    Raises:
        AdoreError: a process failed; the text has the end of its output.
    """
    # torchrun has started the processes already: they wait in worker_loop.
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
    with tempfile.TemporaryDirectory(prefix="adore-") as temporary_folder:
        job_file = Path(temporary_folder, "job")
        job_file.write_bytes(pickle.dumps((function, job)))
        exit_status, output_tail = _run_and_echo(
            [*command, "-m", "adore.distributed", str(job_file)]
        )
        if exit_status:
            raise AdoreError(
                f"{function} in {processes} processes == exit {exit_status}, "
                f"must be 0\n{output_tail}"
            )
        return pickle.loads(job_file.with_suffix(".done").read_bytes())


def _run_and_echo(command: list[str]) -> tuple[int, str]:
    """Run a command and echo its output; returns its exit status and the output's end."""
    last_lines = deque[str](maxlen=40)
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as child:
        for output_line in child.stdout or ():
            sys.stderr.write(output_line)
            last_lines.append(output_line)
    output_tail = "".join(last_lines)
    return child.returncode, output_tail[-2000:]


# ---------------------------------------------------------------- a stage's command under torchrun


def world_size() -> int:
    """Return how many processes torchrun started, this one included; 1 without torchrun."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def process_group() -> Iterator[bool]:
    """Join the processes that torchrun started.

    Yields:
        True in the main process, which does the stage's work. The others call
        :func:`worker_loop`: it ends when the main process leaves this block, and fails when that
        fails.
    """
    if world_size() == 1:
        yield True
        return
    import torch
    from torch import distributed

    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, timeout=TIMEOUT)
    try:
        yield is_main()
        # Ends the others' worker_loop.
        if is_main():
            distributed.broadcast_object_list([None])
    finally:
        distributed.destroy_process_group()


def run_on_all(function: str, **arguments: object) -> Any:
    """Call ``module:function`` in all processes, from the main one.

    Args:
        function: what to call.
        arguments: by name; they are pickled.

    Returns:
        What the function returns in the main process.
    """
    from torch import distributed

    distributed.broadcast_object_list([(function, arguments)])
    return _call(function, arguments)


def worker_loop() -> None:
    """Run what the main process passes to :func:`run_on_all`, until that process ends."""
    from torch import distributed

    while True:
        message: list[Any] = [None]
        distributed.broadcast_object_list(message)
        if message[0] is None:
            return
        function, arguments = message[0]
        _call(function, arguments)


def is_main() -> bool:
    """Return whether this is rank 0, or the only process."""
    from torch import distributed

    return not distributed.is_initialized() or distributed.get_rank() == 0


def broadcast(value: T) -> T:
    """Send the main process's value to all processes; a single process keeps its own."""
    from torch import distributed

    if not distributed.is_initialized():
        return value
    shared_values = [value]
    distributed.broadcast_object_list(shared_values)
    return shared_values[0]


def broadcast_file(place: str) -> bytes:
    """Return the file that rank 0 reads at a place, in every process.

    Args:
        place: the file's place, of which rank 0 alone reads.

    Returns:
        The file's bytes; empty if there is none.

    Raises:
        UnavailableError: the store does not answer.
    """
    if not is_main():
        return broadcast(b"")
    try:
        return broadcast(local_copy(place).read_bytes())
    except MissingError:
        return broadcast(b"")


def gather(value: T) -> list[T]:
    """Gather the values of all processes in the main process; the list is empty in the others."""
    from torch import distributed

    if not distributed.is_initialized():
        return [value]
    if not is_main():
        distributed.gather_object(value, None)
        return []
    gathered_values: list[Any] = [None] * distributed.get_world_size()
    distributed.gather_object(value, gathered_values)
    return gathered_values


def leave(end: SystemExit) -> NoReturn:
    """Exit; under torchrun at once, without the interpreter's own shutdown.

    A library's thread may abort an interpreter that shuts down. torchrun would restart such a
    process, which would then wait for nodes that have ended.

    Args:
        end: the requested exit.

    Raises:
        SystemExit: ``end``, outside torchrun.
    """
    if world_size() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        exit_status = end.code
        if not isinstance(exit_status, int):  # a text is an error, None is none
            exit_status = int(exit_status is not None)
        os._exit(exit_status)
    raise end


def save_shared(folder: Path, name: str) -> str:
    """Copy a folder to a place that other nodes, and a later start of this stage, can read.

    Args:
        folder: on this machine.
        name: its name in :func:`adore.artifacts.resume_dir`.

    Returns:
        The copy's place.

    Raises:
        UnavailableError: the store does not answer.
    """
    shared_place = join(resume_dir(), name)
    with open_output(shared_place) as partial_folder:
        shutil.copytree(folder, partial_folder, dirs_exist_ok=True)
    return shared_place


def _call(function: str, arguments: dict[str, Any]) -> Any:
    module_name, _, function_name = function.partition(":")
    return getattr(import_module(module_name), function_name)(**arguments)


def _job(path: Path) -> None:
    """Run one process of :func:`launch`."""
    function, arguments = pickle.loads(path.read_bytes())
    with process_group() as is_first:
        if not is_first:
            return worker_loop()
        function_result = run_on_all(function, **arguments)
        path.with_suffix(".done").write_bytes(pickle.dumps(function_result))


if __name__ == "__main__":
    _job(Path(sys.argv[1]))
    leave(SystemExit(0))
