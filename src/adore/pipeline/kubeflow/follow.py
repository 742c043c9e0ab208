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


class _Reporter:
    """Logs what is new of each task, once."""

    def __init__(self, server: Server, run: str) -> None:
        self.server = server
        self.run = run
        self._phases: dict[str, str] = {}
        self._waits: dict[str, str] = {}
        self.failures: dict[str, str] = {}

    def report(self, tasks: list[Task], *, cancelled: bool) -> None:
        """Log what is new; a task that fails after the run was cancelled fails for that reason."""
        for task in tasks:
            if cancelled and task.failed:
                continue
            is_stuck = task.phase == "Pending" and task.message not in STARTING
            if is_stuck and task.message not in ("", self._waits.get(task.name)):
                self._waits[task.name] = task.message
                log_line(f"{task.name:<17} waits: {task.message}")
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
        own_reason = reason_in_log(log)
        if own_reason:
            return own_reason
        reason = task.message or "no reason is known"
        printed = log.rstrip().splitlines()
        if printed:
            reason += f"; its last line: {printed[-1]}"
        return reason

    def report_end(self, run: str, state: str, tasks: list[Task]) -> int:
        """Log how the run ended; returns the exit status."""
        if state in ("SUCCEEDED", "SKIPPED"):
            outcome = "passed"
            for task in tasks:
                if task.name == REFUSED and task.phase == "Succeeded":
                    outcome = "the gate said no: nothing is released"
            log_line(f"run {run}: {outcome}")
            return 0
        if state == "CANCELED":
            log_line(f"run {run}: stopped, because somebody cancelled it")
            return 1
        reasons = "no task of it says why; see the link above"
        if self.failures:
            failures = [f"{name}: {reason}" for name, reason in self.failures.items()]
            reasons = "; ".join(failures)
        log_line(f"run {run}: failed; {reasons}")
        return 1


def follow(
    server: Server, run: str, *, every: float = 5.0, patience: float = 600.0
) -> int:
    """Log what each task does until the run ends, and how it ended.

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
    reporter = _Reporter(server, run)
    last_answer = 0.0
    while True:
        try:
            state, tasks = server.look(run)
            last_answer = time.monotonic()
        except UnavailableError:
            # A server that never answered is wrong; one that did may be restarting.
            if not last_answer or time.monotonic() - last_answer > patience:
                raise
            time.sleep(every)
            continue
        reporter.report(tasks, cancelled=state.startswith("CANCEL"))
        if state in ENDED:
            return reporter.report_end(run, state, tasks)
        time.sleep(every)
