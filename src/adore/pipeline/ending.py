"""How a run ended: on its page, in its record, and to the notification hook."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from adore import storage
from adore.config import profile_name
from adore.errors import AdoreError, MissingError
from adore.pipeline import graph
from adore.pipeline.component import Artefact, is_local_run
from adore.progress import log_line
from adore.run_record import RUN, RunRecord, RunStatus, read_failures, read_run

__all__ = ["Ending", "ending_of", "finish", "finish_on_cluster", "withdraw"]


def withdraw(run: str, gate: str) -> None:
    """Log why nothing is released, and delete what an earlier pass of this run released or proved.

    Args:
        run: the run's place.
        gate: the output of its gate.
    """
    path = storage.local_copy(gate) / "gate.json"
    verdict = json.loads(path.read_text("utf-8"))
    reasons = "; ".join(verdict["reasons"])
    log_line(f"the gate said no: {reasons}")

    for step in ("release", "experiment"):
        storage.delete(storage.join(run, step))


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended.

    Args:
        status: in one word.
        reason: why, for a run that did not end well.
    """

    status: RunStatus
    reason: str = ""


def ending_of(
    run: str, state: str, message: str, about: RunRecord, local: Path
) -> Ending:
    """How a run ended, from what its orchestrator says and what it left.

    Kubeflow Pipelines' last word to an exit task is COMPLETE, FAILED, or RUNNING: the last where
    a pod died without a word, or somebody cancelled the run. Source: kubeflow/pipelines 2.17.0,
    backend/src/v2/driver/resolve.go:471.

    Args:
        run: the run's place.
        state: the orchestrator's word.
        message: its error message.
        about: the run's record, with its start.
        local: a copy of the run's small files.

    Returns:
        The status, and the reason of a run that did not end well.
    """
    started = 0.0
    if about.get("since"):
        started = datetime.fromisoformat(about["since"]).timestamp()
    failures = read_failures(run, started)
    if state in ("SUCCEEDED", "COMPLETE") and not failures:
        if _gate_passed(local):
            return Ending(RunStatus.PASSED)
        return Ending(RunStatus.REFUSED)
    if failures:
        reasons = "; ".join(map(str, failures))
        return Ending(RunStatus.FAILED, reasons)

    owner = about.get("owner", {})
    causes = _lost_pods(str(owner.get("job", "")))
    if causes:
        return Ending(RunStatus.FAILED, causes)
    if state == "FAILED":
        reason = message or "a step failed and left no reason; see its log"
        return Ending(RunStatus.FAILED, reason)
    return Ending(RunStatus.STOPPED, "it was cancelled, or its pods were killed")


def _gate_passed(run: Path) -> bool:
    path = run / "gate" / "gate.json"
    if not path.is_file():
        return False
    return bool(json.loads(path.read_text("utf-8"))["passed"])


def _lost_pods(job: str) -> str:
    """What the cluster says of the pods of a run on Kubeflow Pipelines.

    Empty if nothing, or if nobody may ask.

    Returns:
        The causes, as one text.
    """
    if not job:
        return ""
    from adore.pipeline.kubeflow.pods import causes_of_run

    try:
        return "; ".join(causes_of_run(job))
    except AdoreError as error:
        log_line(f"why pods ended cannot be asked: {error}")
        return ""


def finish(
    run: str, state: str, message: str = "", known: RunRecord | None = None
) -> str:
    """Write ``run.json`` and the page of a run, and send how it ended to the hook.

    The hook hears of it whatever else fails, and also when no step wrote anything.

    Args:
        run: the run's place.
        state: the orchestrator's final state.
        message: its error message.
        known: what is known of a run that did not come to write its record.

    Returns:
        The page's place.
    """
    ending = Ending(RunStatus.FAILED, message)
    page = ""
    try:
        with tempfile.TemporaryDirectory(prefix="adore-run-") as home:
            local = _small_files(run, Path(home))
            about = {**(known or {}), **read_run(str(local))}
            ending = ending_of(run, state, message, about, local)
            page = _write_page(run, local, about, ending)
    finally:
        _notify(run, ending, page)
    return page


def finish_on_cluster(
    run: str, state: str, message: str, page: Artefact, about: RunRecord
) -> None:
    """As :func:`finish`, and the page as the artefact that Kubeflow Pipelines shows.

    Args:
        run: the run's place.
        state: the orchestrator's final state.
        message: its error message.
        page: a KFP HTML artefact.
        about: data, profile, seed and job of the run, for one whose first step did not come to
            write them.
    """
    job = about.pop("job")
    known = {**about, "profile": profile_name(about["profile"]), "place": run}
    if not is_local_run():
        known["owner"] = {"job": job}
    place = finish(run, state, message, known)
    shutil.copyfile(storage.local_copy(place), page.path)
    page.metadata.update(display_name="page", place=place)


def _small_files(run: str, home: Path) -> Path:
    """A local folder with the files that the page is made of."""
    from adore.report.page import FILES

    try:
        return storage.local_copy(run, only=FILES)
    except MissingError:  # the first step failed
        local = home / Path(run).name
        local.mkdir()
        return local


def _write_page(run: str, local: Path, about: RunRecord, ending: Ending) -> str:
    """Write the record and the page into ``local``, and put both into the run's place."""
    from adore.report.page import write_report

    seconds = _seconds_of_steps(local)
    started = about.pop("since", "")
    # If no step was done, the times are those of the run that did them.
    if started and seconds != about.get("steps"):
        elapsed = time.time() - datetime.fromisoformat(started).timestamp()
        about |= {"started": started, "seconds": round(elapsed, 1), "steps": seconds}
    about |= {"status": str(ending.status), "error": ending.reason}
    storage.write_json(about, local / RUN)
    page = write_report(local, graph.LOOP)
    for path in (local / RUN, page):
        storage.copy_file(path, storage.join(run, path.name))
    return storage.join(run, page.name)


def _seconds_of_steps(local: Path) -> dict[str, float]:
    """How long each step took, from the manifests; a sharded step by shard, as ``judge/3``."""
    seconds = {}
    for step in graph.STEPS.values():
        pattern = f"{step.name}/manifest.json"
        if step.sharded:
            pattern = f"{step.name}/*/manifest.json"
        for path in sorted(local.glob(pattern)):
            step_folder = path.parent.relative_to(local)
            manifest = json.loads(path.read_text("utf-8"))
            seconds[step_folder.as_posix()] = manifest["seconds"]
    return seconds


def _notify(run: str, ending: Ending, page: str) -> None:
    """Send how a run ended to ADORE_NOTIFY_URL, if set; a hook that is away fails no run."""
    import httpx

    url = os.environ.get("ADORE_NOTIFY_URL")
    if not url:
        return
    status = str(ending.status)
    body = {"run": run, "status": status, "error": ending.reason, "page": page}
    try:
        httpx.post(url, json=body, timeout=10).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        log_line(f"ADORE_NOTIFY_URL did not take the notification: {error}")
