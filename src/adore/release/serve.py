"""``adore serve``: serve a release on this machine, to try it."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from adore.errors import MissingError, UnavailableError, check
from adore.processes import exit_on_sigterm
from adore.progress import log_line
from adore.release.local import LocalTarget

__all__ = ["serve"]


def serve(release: Path, *, port: int = 8080) -> None:
    """Serve a release until Ctrl-C or SIGTERM; then stop all its processes.

    Args:
        release: output of the release stage.
        port: port of the router and its page; 0: any free one.

    Raises:
        MissingError: the folder is no release; the student may have failed its gate.
        UnavailableError: a process ended.
    """
    is_release = (release / "experiment.json").is_file()
    check(
        is_release,
        "release",
        str(release),
        must="a release",
        fix="see the run's gate/gate.json",
        error=MissingError,
    )
    with (
        tempfile.TemporaryDirectory(prefix="adore-serve-") as work_folder,
        exit_on_sigterm(),
    ):
        log_line("starting two model servers and the router")
        with LocalTarget(release, Path(work_folder), port=port) as target:
            log_line(f"ready: {target.url}  (Ctrl-C stops it)")
            try:
                processes = target.processes.values()
                while all(process.poll() is None for process in processes):
                    time.sleep(0.5)
            except KeyboardInterrupt:
                return
            # A variant that is down would be hidden by the router's fallback: stop instead.
            ended_processes = []
            for process_name, process in target.processes.items():
                if process.poll() is not None:
                    ended_processes.append(process_name)
            raise UnavailableError(
                f"processes == {ended_processes}, must stay up; they ended"
            )
