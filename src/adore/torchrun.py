"""Several processes of this machine that train together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from adore.errors import AdoreError

__all__ = ["torchrun"]


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
