"""Follows a run on Kubeflow Pipelines to its end.

Each task as it is, why one waits, why one failed.
"""

from __future__ import annotations

import time

from adore.errors import UnavailableError
from adore.pipeline.kubeflow.client import ENDED, Server
from adore.pipeline.kubeflow.tasks import Task, reason_in_log
from adore.progress import log_line

__all__ = ["follow"]

STARTING = ("PodInitializing", "ContainerCreating")
"""Messages of a task that waits because all goes as it should."""
REFUSED = "refused"
"""The task that runs where the gate said no."""


class _Told:
    """What has been said of each task, so that only news are."""

    def __init__(self, server: Server, run: str) -> None:
        self.server = server
        self.run = run
        self._phases: dict[str, str] = {}
        self._waits: dict[str, str] = {}
        self.failures: dict[str, str] = {}

    def tell(self, tasks: list[Task], *, cancelled: bool) -> None:
        """Say what is new; what ends badly once the run is cancelled ends for that reason."""
        for task in tasks:
            if cancelled and task.failed:
                continue
            waits = ""
            if task.phase == "Pending" and task.message not in STARTING:
                waits = task.message
            if waits and waits != self._waits.get(task.name):
                self._waits[task.name] = waits
                log_line(f"{task.name:<17} waits: {waits}")
            if task.phase != self._phases.get(task.name):
                self._phases[task.name] = task.phase
                self._new_phase(task)

    def _new_phase(self, task: Task) -> None:
        if task.phase == "Running":
            self.failures.pop(task.name, None)
            log_line(f"{task.name:<17} running")
        elif task.phase == "Succeeded":
            self.failures.pop(task.name, None)
            log_line(f"{task.name:<17} done, {task.seconds:.0f} s")
        elif task.failed:
            self.failures[task.name] = self._reason(task)
            log_line(f"{task.name:<17} FAILED: {self.failures[task.name]}")

    def _reason(self, task: Task) -> str:
        """The step's own words; where it left none, Argo's, and the last line that it printed."""
        log = self.server.log(self.run, task.pod)
        said = reason_in_log(log)
        if said:
            return said
        reason = task.message or "no reason is known"
        lines = [line for line in log.splitlines() if line.strip()]
        if lines:
            reason += f"; its last line: {lines[-1]}"
        return reason


def follow(
    server: Server, run: str, *, every: float = 5.0, patience: float = 600.0
) -> int:
    """Until the run ends; says what each task comes to, and how the run ended.

    Args:
        server: Kubeflow Pipelines.
        run: the run's id.
        every: seconds between two looks.
        patience: seconds for which a server that has answered may be silent.

    Returns:
        The exit status: 0 where every step ended well, also where the gate said no.

    Raises:
        UnavailableError: the server does not answer, or does not know the run.
    """
    told = _Told(server, run)
    heard = 0.0
    while True:
        try:
            state, tasks = server.look(run)
            heard = time.monotonic()
        except UnavailableError:
            if not heard or time.monotonic() - heard > patience:
                raise
            time.sleep(every)
            continue
        told.tell(tasks, cancelled=state.startswith("CANCEL"))
        if state in ENDED:
            return _told_end(run, state, tasks, told)
        time.sleep(every)


def _told_end(run: str, state: str, tasks: list[Task], told: _Told) -> int:
    """Say how the run ended; the exit status."""
    if state in ("SUCCEEDED", "SKIPPED"):
        done = [task.name for task in tasks if task.phase == "Succeeded"]
        end = "the gate said no: nothing is released" if REFUSED in done else "passed"
        log_line(f"run {run}: {end}")
        return 0
    if state == "CANCELED":
        log_line(f"run {run}: stopped, because somebody cancelled it")
        return 1
    reasons = "; ".join(f"{name}: {reason}" for name, reason in told.failures.items())
    log_line(
        f"run {run}: failed; {reasons or 'no task of it says why; see the link above'}"
    )
    return 1
