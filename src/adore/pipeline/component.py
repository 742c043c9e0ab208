"""What every KFP component does around its stage.

Places in, pointer files and metadata out, reasons kept, retries.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from adore import artifacts
from adore.config import ANSWERS
from adore.errors import AdoreError, UnavailableError
from adore.pipeline import runner, settings
from adore.pipeline.kubeflow.placement import RETRIES
from adore.processes import exit_with_process
from adore.progress import log_line
from adore.run_record import clear_failure, note_failure
from adore.storage import join

__all__ = [
    "RUN_PID",
    "Artefact",
    "MetricsArtefact",
    "exit_with_run",
    "is_local_run",
    "place_of",
    "point_to",
    "quiet",
    "report_failure",
    "retried",
    "run_component",
]

RUN_PID = "ADORE_RUN_PID"
"""Names the environment variable with the process id of a run on this machine."""
FIRST_WAIT = 15.0
"""Seconds between the first two tries; doubled each time."""
LONGEST_WAIT = 300.0
"""Seconds between two tries, at most."""
NOISY_LOGGERS = ("boto3", "botocore", "s3transfer", "urllib3", "kfp", "google")
"""Loggers whose lines of level INFO say nothing to the person who runs the loop.

KFP sets the root to INFO."""


class Artefact(Protocol):
    """A KFP artefact, as a component gets it: a local file and metadata."""

    path: str
    metadata: dict[str, Any]


class MetricsArtefact(Artefact, Protocol):
    """A KFP artefact that takes metrics."""

    def log_metric(self, metric: str, value: float) -> None:
        """Show one metric on the run's page."""


Input = Artefact | str | list[Artefact] | None
"""What a step reads: an artefact, one a shard, a place, or nothing where it is optional."""


def place_of(artefact: Artefact | str) -> str:
    """Read the place that an artefact points to.

    KFP's own ``uri`` is left alone: its launcher uploads what lies at ``path`` and refuses a URI
    that is not under its root. Source: kubeflow/pipelines 2.17.0,
    backend/src/v2/component/launcher_v2.go:820, objectstore/config.go:104.

    Args:
        artefact: a KFP artefact, or a place.

    Returns:
        The place.
    """
    if isinstance(artefact, str):
        return artefact
    return str(artefact.metadata["place"])


def point_to(artefact: Artefact, place: str, name: str, **metadata: object) -> None:
    """Write the place into the artefact's file and its metadata, from which readers take it.

    Args:
        artefact: a KFP output artefact.
        place: where the stage's output lies.
        name: what the artefact is called where people see it.
        metadata: more of it.
    """
    path = Path(artefact.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(place, "utf-8")
    artefact.metadata.update(display_name=name, place=place, **metadata)


@contextmanager
def report_failure(step: str, run: str = "") -> Iterator[None]:
    """Log why a step failed, and keep it in the run's place; the error goes on to KFP.

    Args:
        step: the step's name, with its shard.
        run: the run's place; empty: there is none.
    """
    if run:
        clear_failure(run, step)
    try:
        yield
    except Exception as error:
        kind = f"{type(error).__name__}: "
        if isinstance(error, AdoreError):  # its text says all that there is to say
            kind = ""
        log_line(f"{step:<17} FAILED: {kind}{error}")
        if run:
            note_failure(run, step, error)
        raise


def is_local_run() -> bool:
    """Return whether ``adore run`` on this machine started this process."""
    return bool(os.environ.get(RUN_PID))


def exit_with_run() -> None:
    """End this process soon after the run that started it was killed.

    Otherwise two processes would write to one folder.
    """
    exit_with_process(int(os.environ.get(RUN_PID, "0")))


def quiet() -> None:
    """Keep other libraries' lines out of a step's log, but for warnings."""
    for name in NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def retried(step: str, call: Callable[[], artifacts.Manifest]) -> artifacts.Manifest:
    """Call a step again while something is unavailable: a store, an endpoint, another pod.

    A step that failed is not tried again by Kubeflow Pipelines 2.17, whose own default for Argo
    is to retry lost pods only. What is done is kept, so a further try is cheap.

    Args:
        step: the step's name, with its shard; for the log.
        call: runs the step.

    Returns:
        What the call returns.

    Raises:
        UnavailableError: of the last try.
    """
    tries = int(os.environ.get(RETRIES, "0"))
    wait = FIRST_WAIT
    for left in range(tries, 0, -1):
        try:
            return call()
        except UnavailableError as error:
            log_line(
                f"{step:<17} tries again in {wait:g} s, {left} times more: {error}"
            )
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)
    return call()


def _places_of(inputs: Mapping[str, Input]) -> dict[str, str | list[str]]:
    """Where the artefacts point to, without the optional ones that are not there."""
    places: dict[str, str | list[str]] = {}
    for argument, artefact in inputs.items():
        if isinstance(artefact, list):
            places[argument] = [place_of(shard_output) for shard_output in artefact]
        elif artefact is not None:
            places[argument] = place_of(artefact)
    return places


def run_component(
    name: str,
    run: str,
    inputs: Mapping[str, Input],
    output: Artefact,
    metrics: MetricsArtefact,
    *,
    profile: str,
    seed: int,
    **shard: int,
) -> artifacts.Manifest:
    """Run one step for a KFP component: artefacts in, a pointer and metadata and the metrics out.

    Args:
        name: the step.
        run: the run's place.
        inputs: KFP artefacts, lists of them, places, or None where optional.
        output: the KFP artefact that will point to ``run/name[/shard]``.
        metrics: a ``dsl.Metrics``.
        profile: a profile's name or place.
        seed: seeds the stage.
        shard: ``shard`` and ``shards`` for a sharded step.

    Returns:
        The output's manifest.
    """
    quiet()
    exit_with_run()
    step = name
    if shard:
        step = f"{name}/{shard['shard']}"
    place = join(run, step)
    if not is_local_run():
        # A pod's own disk ends with it, so paid answers are kept in the run's place.
        os.environ.setdefault(ANSWERS, join(run, ".answers"))

    places = _places_of(inputs)
    with report_failure(step, run):
        if name in settings.section_config(profile, "cluster").train.stages:
            manifest = runner.run_train_job(
                name, run, places, place, profile=profile, seed=seed
            )
        else:
            run_once = partial(
                runner.run_stage,
                name,
                places,
                place,
                profile=profile,
                seed=seed,
                **shard,
            )
            manifest = retried(step, run_once)
    point_to(output, place, step, content=manifest.content, **manifest.rows)
    metrics.metadata["display_name"] = f"metrics of {step}"
    for key, value in manifest.metrics.items():
        metrics.log_metric(key, value)
    return manifest
