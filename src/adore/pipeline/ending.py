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
from adore.pipeline import graph, settings
from adore.pipeline.component import Artefact, is_local_run
from adore.pipeline.kubeflow.placement import NOTIFY_URL
from adore.progress import log_line
from adore.report.timeline import ROUNDS
from adore.rounds.config import Config
from adore.rounds.ending import end_round
from adore.rounds.entries import Status
from adore.rounds.state import State
from adore.rounds.table import history
from adore.run_record import RUN, RunRecord, RunStatus, read_failures, read_run

__all__ = ["Ending", "ending_of", "finish", "finish_on_cluster", "withdraw"]


def withdraw(run: str, gate: str) -> None:
    """Log why nothing is released, and delete what an earlier pass of this run released or proved.

    Args:
        run: the run's place.
        gate: the output of its gate.
    """
    gate_file = storage.local_copy(gate) / "gate.json"
    gate_verdict = json.loads(gate_file.read_text("utf-8"))
    reasons = "; ".join(gate_verdict["reasons"])
    log_line(f"the gate refused the student: {reasons}")

    for withdrawn_step in ("release", "experiment"):
        storage.delete(storage.join(run, withdrawn_step))


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended.

    Args:
        status: its final status.
        reason: why it failed or stopped; empty otherwise.
    """

    status: RunStatus
    reason: str = ""


def ending_of(
    run: str, state: str, message: str, about: RunRecord, local: Path
) -> Ending:
    """Determine how a run ended, from its orchestrator's state and from its files.

    Kubeflow Pipelines passes COMPLETE, FAILED or RUNNING to an exit task. RUNNING means that a
    pod died without a message, or that somebody cancelled the run. Source: kubeflow/pipelines
    2.17.0, backend/src/v2/driver/resolve.go:471.

    Args:
        run: the run's place.
        state: the orchestrator's final state.
        message: its error message.
        about: the run's record, with its start.
        local: a copy of the run's small files.

    Returns:
        The status, with the reason if the run failed or stopped.
    """
    start_time = 0.0
    if about.get("since"):
        start_time = datetime.fromisoformat(about["since"]).timestamp()
    # Failures of an earlier pass do not count: their steps may have succeeded since.
    failures = read_failures(run, start_time)
    if state in ("SUCCEEDED", "COMPLETE") and not failures:
        if _gate_passed(local):
            return Ending(RunStatus.PASSED)
        return Ending(RunStatus.REFUSED)
    if failures:
        failure_reasons = "; ".join(map(str, failures))
        return Ending(RunStatus.FAILED, failure_reasons)

    # A pod that was killed writes no failure; only the cluster knows why it ended.
    owner = about.get("owner", {})
    pod_causes = _lost_pods(str(owner.get("job", "")))
    if pod_causes:
        return Ending(RunStatus.FAILED, pod_causes)
    if state == "FAILED":
        failure_reason = message or "a step failed and left no reason; see its log"
        return Ending(RunStatus.FAILED, failure_reason)
    return Ending(RunStatus.STOPPED, "it was cancelled, or its pods were killed")


def _gate_passed(run: Path) -> bool:
    gate_file = run / "gate" / "gate.json"
    if not gate_file.is_file():
        return False
    return bool(json.loads(gate_file.read_text("utf-8"))["passed"])


def _lost_pods(job: str) -> str:
    """Ask the cluster why pods of a run on Kubeflow Pipelines ended.

    Returns:
        The causes, as one text; empty if there are none, or this account may not look.
    """
    if not job:
        return ""
    from adore.pipeline.kubeflow.pods import causes_of_run

    try:
        return "; ".join(causes_of_run(job))
    except AdoreError as error:
        log_line(f"cannot look up why pods ended: {error}")
        return ""


def finish(
    run: str,
    state: str,
    message: str = "",
    known: RunRecord | None = None,
    *,
    profile: str = "",
) -> str:
    """Write ``run.json`` and the page of a run, and notify the hook of how it ended.

    The hook is called even if writing the page fails, or no step wrote anything. A round is
    entered in its shop's registry as well.

    Args:
        run: the run's place.
        state: the orchestrator's final state.
        message: its error message.
        known: what is known of a run that never wrote its record.
        profile: the profile's name or place; its section ``rounds`` names the shop.

    Returns:
        The page's place.
    """
    # What the hook receives if reading the run itself fails.
    ending = Ending(RunStatus.FAILED, message)
    page_place = ""
    try:
        with tempfile.TemporaryDirectory(prefix="adore-run-") as temporary_folder:
            local_run = _small_files(run, Path(temporary_folder))
            run_record = {**(known or {}), **read_run(str(local_run))}
            ending = ending_of(run, state, message, run_record, local_run)
            _end_round(run, local_run, ending, profile)
            page_place = _write_page(run, local_run, run_record, ending)
    finally:
        _notify(run, ending, page_place)
    return page_place


def finish_on_cluster(
    run: str, state: str, message: str, page: Artefact, about: RunRecord
) -> None:
    """Call :func:`finish`, and make the page the artefact that Kubeflow Pipelines shows.

    Args:
        run: the run's place.
        state: the orchestrator's final state.
        message: its error message.
        page: a KFP HTML artefact.
        about: data, profile, seed and job of the run; used if its first step never wrote them.
    """
    job_id = about.pop("job")
    known_record = {**about, "profile": profile_name(about["profile"]), "place": run}
    if not is_local_run():
        known_record["owner"] = {"job": job_id}
    profile = about["profile"]
    page_place = finish(run, state, message, known_record, profile=profile)
    shutil.copyfile(storage.local_copy(page_place), page.path)
    page.metadata.update(display_name="page", place=page_place)


def _end_round(run: str, local: Path, ending: Ending, profile: str) -> None:
    """Enter a round whose every step ended well in its shop's registry; note all for the page."""
    if not profile or ending.status not in (RunStatus.PASSED, RunStatus.REFUSED):
        return
    config = settings.section_config(profile, "rounds")
    # A profile may name its shop for reviews alone: a run without a number is no round.
    if not config.shop or not config.number:
        return

    status = Status(ending.status.value)
    state = end_round(config, run, status)
    _register(config, state)

    timeline = local / ROUNDS
    storage.write_json(history(state), timeline)
    storage.copy_file(timeline, storage.join(run, ROUNDS))


def _register(config: Config, state: State) -> None:
    """Copy the shop's registry to Kubeflow's, if wanted; one that does not answer fails no run."""
    if config.registry != "kubeflow":
        return
    from adore.rounds.model_registry import register_models

    try:
        register_models(config.shop, config.registry_address, state)
    except AdoreError as error:
        log_line(f"note: {error}")


def _small_files(run: str, home: Path) -> Path:
    """A local folder with the files that the page is made of."""
    from adore.report.page import FILES

    try:
        return storage.local_copy(run, only=FILES)
    except MissingError:  # the first step failed
        empty_folder = home / Path(run).name
        empty_folder.mkdir()
        return empty_folder


def _write_page(run: str, local: Path, about: RunRecord, ending: Ending) -> str:
    """Write the record and the page into ``local``, and put both into the run's place."""
    from adore.report.page import write_report

    seconds_of_steps = _seconds_of_steps(local)
    started = about.pop("since", "")
    # If this pass ran no step, the times of the pass that ran them stay.
    if started and seconds_of_steps != about.get("steps"):
        elapsed = time.time() - datetime.fromisoformat(started).timestamp()
        about |= {
            "started": started,
            "seconds": round(elapsed, 1),
            "steps": seconds_of_steps,
        }
    about |= {"status": str(ending.status), "error": ending.reason}
    storage.write_json(about, local / RUN)
    page_file = write_report(local, graph.LOOP)
    for written_file in (local / RUN, page_file):
        storage.copy_file(written_file, storage.join(run, written_file.name))
    return storage.join(run, page_file.name)


def _seconds_of_steps(local: Path) -> dict[str, float]:
    """How long each step took, from the manifests; a sharded step by shard, as ``judge/3``."""
    seconds_of_steps = {}
    for pipeline_step in graph.STEPS.values():
        pattern = f"{pipeline_step.name}/manifest.json"
        if pipeline_step.sharded:
            pattern = f"{pipeline_step.name}/*/manifest.json"
        for manifest_file in sorted(local.glob(pattern)):
            step_folder = manifest_file.parent.relative_to(local)
            manifest = json.loads(manifest_file.read_text("utf-8"))
            seconds_of_steps[step_folder.as_posix()] = manifest["seconds"]
    return seconds_of_steps


def _notify(run: str, ending: Ending, page: str) -> None:
    """Send how a run ended to ADORE_NOTIFY_URL, if set; an unreachable hook fails no run."""
    import httpx

    notify_url = os.environ.get(NOTIFY_URL)
    if not notify_url:
        return
    status_text = str(ending.status)
    notification = {
        "run": run,
        "status": status_text,
        "error": ending.reason,
        "page": page,
    }
    try:
        httpx.post(notify_url, json=notification, timeout=10).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        log_line(f"{NOTIFY_URL} did not accept the notification: {error}")
