"""Follows a run on Kubeflow Pipelines to its end.

It logs the state of each task, and why a task waits or failed.
"""

from __future__ import annotations

import time

from adore.errors import UnavailableError
from adore.pipeline.kubeflow.client import ENDED, Server
from adore.pipeline.kubeflow.tasks import Task, reason_in_log
from adore.progress import log_line

__all__ = ["follow"]

STARTING = ("PodInitializing", "ContainerCreating")
"""Messages of a task whose pod is starting normally."""
REFUSED = "refused"
"""The task that runs if the gate refuses the student."""


class _Reporter:
    """Logs each change of a task once."""

    def __init__(self, server: Server, run: str) -> None:
        self.server = server
        self.run = run
        self._phases: dict[str, str] = {}
        self._waits: dict[str, str] = {}
        self.failures: dict[str, str] = {}

    def report(self, tasks: list[Task], *, cancelled: bool) -> None:
        """Log changes, except failures that a cancelled run causes."""
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
            # A task that runs again has not failed yet.
            self.failures.pop(task.name, None)
            log_line(f"{task.name:<17} running")
        elif task.phase == "Succeeded":
            self.failures.pop(task.name, None)
            log_line(f"{task.name:<17} done, {task.seconds:.0f} s")
        elif task.failed:
            self.failures[task.name] = self._reason(task)
            log_line(f"{task.name:<17} FAILED: {self.failures[task.name]}")

    def _reason(self, task: Task) -> str:
        """Return the step's own error; without one, Argo's message and the last printed line."""
        log_text = self.server.log(self.run, task.pod)
        own_reason = reason_in_log(log_text)
        if own_reason:
            return own_reason
        known_reason = task.message or "no reason is known"
        log_lines = log_text.rstrip().splitlines()
        if log_lines:
            known_reason += f"; its last line: {log_lines[-1]}"
        return known_reason

    def report_end(self, run: str, state: str, tasks: list[Task]) -> int:
        """Log how the run ended; returns the exit status."""
        if state in ("SUCCEEDED", "SKIPPED"):
            outcome = "passed"
            for task in tasks:
                if task.name == REFUSED and task.phase == "Succeeded":
                    outcome = "the gate refused the student: nothing is released"
            log_line(f"run {run}: {outcome}")
            return 0
        if state == "CANCELED":
            log_line(f"run {run}: stopped, because somebody cancelled it")
            return 1
        failure_reasons = "no task gave a reason; see the link above"
        if self.failures:
            failures = [f"{name}: {reason}" for name, reason in self.failures.items()]
            failure_reasons = "; ".join(failures)
        log_line(f"run {run}: failed; {failure_reasons}")
        return 1


def follow(
    server: Server, run: str, *, every: float = 5.0, patience: float = 600.0
) -> int:
    """Log the state of each task until the run ends, then its outcome.

    Args:
        server: Kubeflow Pipelines.
        run: the run's id.
        every: seconds between two requests.
        patience: seconds for which a server that answered once may be unreachable.

    Returns:
        The exit status: 0 if every step succeeded, also if the gate refused the student.

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
