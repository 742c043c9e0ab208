"""The record that a run keeps in its own place: ``run.json``, and a note on each failed step."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from adore.errors import AdoreError, MissingError, check
from adore.processes import is_alive
from adore.storage import delete, join, local_copy, write_json

__all__ = [
    "FAILURES",
    "RUN",
    "Failure",
    "RunRecord",
    "RunStatus",
    "begin_run",
    "check_free",
    "clear_failure",
    "note_failure",
    "read_failures",
    "read_run",
    "running_elsewhere",
]

RUN = "run.json"
RunRecord = dict[str, Any]
"""What ``run.json`` holds; unknown fields are absent.

``place``, ``data``, ``profile`` and ``seed``; ``started``, and ``since`` while it runs; ``owner``
(``job`` on Kubeflow Pipelines, else ``host`` and ``pid``); ``status`` and ``error``; ``seconds`` in
all and for each of its ``steps``."""
FAILURES = ".failures"
"""Folder of a run with one JSON file for each step that failed and has not been run again."""


class RunStatus(StrEnum):
    """How far a run is, or how it ended."""

    RUNNING = "running"
    PASSED = "passed"
    """Every step ended well, and the student passed its gate."""
    REFUSED = "refused"
    """Every step ended well, and the gate refused the student: nothing is released."""
    FAILED = "failed"
    """A step failed; its reason is known."""
    STOPPED = "stopped"
    """It ended without a reason: it was cancelled or killed."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One step that failed.

    Args:
        step: its name, with the shard as in ``judge/3``.
        error: its text: name and value, what the value must be, and the fix.
        time: seconds since the epoch.
    """

    step: str
    error: str
    time: float

    def __str__(self) -> str:
        return f"{self.step}: {self.error}"


def read_run(run: str) -> RunRecord:
    """Read ``run.json``.

    Args:
        run: the run's place.

    Returns:
        The record; empty if there is none, or it is not whole.

    Raises:
        UnavailableError: the store does not answer.
    """
    try:
        record_file = local_copy(join(run, RUN))
        return dict(json.loads(record_file.read_text("utf-8")))
    except (MissingError, ValueError):
        return {}


def begin_run(
    run: str, *, data: str, profile: str, seed: int, job: str = ""
) -> RunRecord:
    """Write that a run begins; the time of its first start is kept.

    Args:
        run: the run's place.
        data: its input's place, or ``demo``.
        profile: the profile's name.
        seed: seeds every stage.
        job: id of its run on Kubeflow Pipelines; empty: it runs in this process.

    Returns:
        What was written.

    Raises:
        UnavailableError: the store does not answer.
    """
    current_time = datetime.now(UTC).isoformat(timespec="seconds")
    owner: RunRecord = {"host": socket.gethostname(), "pid": os.getpid()}
    if job:
        owner = {"job": job}
    record = {
        "started": current_time,
        **read_run(run),
        "place": run,
        "data": data,
        "profile": profile,
        "seed": seed,
        "since": current_time,
        "owner": owner,
        "status": RunStatus.RUNNING,
    }
    # What went wrong in an earlier pass does not describe this one.
    for key in ("error", "reason"):
        record.pop(key, None)
    write_json(record, join(run, RUN))
    return record


def running_elsewhere(record: RunRecord) -> str:
    """Name the other process of this machine that currently writes this run.

    Processes of other machines cannot be checked.

    Returns:
        ``process`` and its id, or an empty text.
    """
    owner = record.get("owner", {})
    is_here = owner.get("host") == socket.gethostname()
    is_this_process = owner.get("pid") == os.getpid()
    is_running = record.get("status") == RunStatus.RUNNING
    # A record of another machine says nothing about the processes of this one.
    if not is_running or not is_here or is_this_process:
        return ""
    try:
        process_id = int(owner["pid"])
    except ValueError:
        return ""
    if not is_alive(process_id):
        return ""
    return f"process {process_id}"


def check_free(run: str) -> None:
    """Refuse a place that another process of this machine writes to.

    Args:
        run: the run's place.

    Raises:
        AdoreError: another process runs it; the text names the process.
        UnavailableError: the store does not answer.
    """
    other_process = running_elsewhere(read_run(run))
    advice = "wait for it, stop it, or give another OUT"
    check(
        not other_process,
        "run",
        run,
        must=f"one that no other process runs ({other_process} does)",
        fix=advice,
        error=AdoreError,
    )


# ---------------------------------------------------------------- failures


def _place(run: str, step: str) -> str:
    return join(run, FAILURES, f"{step.replace('/', '.')}.json")


def note_failure(run: str, step: str, error: BaseException) -> None:
    """Record why a step failed, for the page, the hook and ``adore submit``.

    If the store is unreachable, nothing is recorded.

    Args:
        run: the run's place.
        step: the step's name, with its shard.
        error: what ended it; one that is not ours is kept with the name of its class.
    """
    error_class = ""
    if not isinstance(error, AdoreError):
        error_class = f"{type(error).__name__}: "
    failure = Failure(step, f"{error_class}{error}", time.time())

    with suppress(AdoreError, OSError):
        write_json(asdict(failure), _place(run, step))


def clear_failure(run: str, step: str) -> None:
    """Delete the record of a step's earlier failure, since it runs again.

    Args:
        run: the run's place.
        step: the step's name, with its shard.
    """
    with suppress(AdoreError, OSError):
        delete(_place(run, step))


def read_failures(run: str, since: float = 0.0) -> list[Failure]:
    """List the steps that failed and were not run again, in the order in which they failed.

    Args:
        run: the run's place.
        since: seconds since the epoch; what failed before does not count.

    Returns:
        The failures; none where the store cannot be read.
    """
    try:
        failures_folder = local_copy(join(run, FAILURES))
    except AdoreError:
        return []
    failures = []
    for failure_file in Path(failures_folder).glob("*.json"):
        with suppress(ValueError, TypeError):  # a note that is cut short says nothing
            failure = Failure(**json.loads(failure_file.read_text("utf-8")))
            if failure.time >= since:
                failures.append(failure)
    return sorted(failures, key=lambda failure: (failure.time, failure.step))
