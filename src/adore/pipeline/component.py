"""What every KFP component does around its stage.

It resolves input places, writes pointer files and metadata, records failures and retries.
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
"""Loggers whose INFO lines do not help the person who runs the loop.

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

    KFP's own ``uri`` is not used: its launcher uploads the file at ``path`` and refuses a URI
    outside its root. Source: kubeflow/pipelines 2.17.0,
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
        name: the artefact's display name.
        metadata: further metadata.
    """
    pointer_file = Path(artefact.path)
    pointer_file.parent.mkdir(parents=True, exist_ok=True)
    pointer_file.write_text(place, "utf-8")
    artefact.metadata.update(display_name=name, place=place, **metadata)


@contextmanager
def report_failure(step: str, run: str = "") -> Iterator[None]:
    """Log why a step failed and record it in the run's place; the error propagates to KFP.

    Args:
        step: the step's name, with its shard.
        run: the run's place; empty: there is none.
    """
    if run:
        clear_failure(run, step)
    try:
        yield
    except Exception as error:
        error_class = f"{type(error).__name__}: "
        # The text of our own errors is complete; others need their class to be understood.
        if isinstance(error, AdoreError):
            error_class = ""
        log_line(f"{step:<17} FAILED: {error_class}{error}")
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
    """Keep other libraries' lines out of a step's log, except warnings."""
    for logger_name in NOISY_LOGGERS:
        logging.getLogger(logger_name).setLevel(logging.WARNING)


def retried(step: str, call: Callable[[], artifacts.Manifest]) -> artifacts.Manifest:
    """Call a step again while something is unavailable: a store, an endpoint, another pod.

    Kubeflow Pipelines 2.17 does not retry a failed step: its default for Argo retries lost pods
    only. Finished work is kept, so a further try is cheap.

    Args:
        step: the step's name, with its shard; for the log.
        call: runs the step.

    Returns:
        What the call returns.

    Raises:
        UnavailableError: of the last try.
    """
    further_tries = int(os.environ.get(RETRIES, "0"))
    wait_seconds = FIRST_WAIT
    for tries_left in range(further_tries, 0, -1):
        try:
            return call()
        except UnavailableError as error:
            log_line(
                f"{step:<17} tries again in {wait_seconds:g} s, "
                f"{tries_left} tries left: {error}"
            )
            time.sleep(wait_seconds)
            wait_seconds = min(2 * wait_seconds, LONGEST_WAIT)
    # The last try is outside the loop, so that its error reaches the caller.
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
    """Run one step for a KFP component, from input artefacts to pointer, metadata and metrics.

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
    step_name = name
    if shard:
        step_name = f"{name}/{shard['shard']}"
    output_place = join(run, step_name)
    if not is_local_run():
        # A pod's disk is deleted with the pod, so paid answers are kept in the run's place.
        os.environ.setdefault(ANSWERS, join(run, ".answers"))

    input_places = _places_of(inputs)
    with report_failure(step_name, run):
        if name in settings.section_config(profile, "cluster").train.stages:
            manifest = runner.run_train_job(
                name, run, input_places, output_place, profile=profile, seed=seed
            )
        else:
            run_once = partial(
                runner.run_stage,
                name,
                input_places,
                output_place,
                profile=profile,
                seed=seed,
                **shard,
            )
            manifest = retried(step_name, run_once)
    point_to(output, output_place, step_name, content=manifest.content, **manifest.rows)
    metrics.metadata["display_name"] = f"metrics of {step_name}"
    for metric_name, metric_value in manifest.metrics.items():
        metrics.log_metric(metric_name, metric_value)
    return manifest
