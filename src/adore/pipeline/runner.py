"""Runs one step of the loop, for the command line, a KFP component, or a node of a TrainJob."""

from __future__ import annotations

from typing import Any

from adore import artifacts, storage
from adore.distributed import process_group, worker_loop
from adore.errors import MissingError, check
from adore.pipeline.graph import STEPS, Step
from adore.pipeline.settings import section_config, shards, stage_of
from adore.progress import log_line

__all__ = [
    "add_configured_inputs",
    "costs",
    "growing_inputs",
    "inputs_of",
    "plan",
    "run_stage",
    "run_step",
    "run_train_job",
]


def add_configured_inputs(
    step: Step, config: Any, inputs: artifacts.Inputs
) -> artifacts.Inputs:
    """Add the inputs that a step's config names, so that their content is hashed too.

    Args:
        step: the step.
        config: its ``Config``, which may name an earlier run (``previous``) and the user's files.
        inputs: places by argument name.

    Returns:
        All inputs, by argument name.
    """
    all_inputs = dict(inputs)
    for argument, source_step in step.previous.items():
        if config.previous:
            all_inputs[argument] = storage.join(config.previous, source_step)
    for argument in step.files:
        configured_path = getattr(config, argument)
        if isinstance(configured_path, list):
            configured_path = _without_empty(argument, configured_path)
        if configured_path:
            all_inputs[argument] = configured_path
    return all_inputs


def growing_inputs(step: Step, config: Any) -> tuple[str, ...]:
    """Name the inputs of which the config fixes what counts, however they grow.

    Args:
        step: the step.
        config: its ``Config``.

    Returns:
        Arguments, as :func:`adore.artifacts.fingerprint` takes them.
    """
    if step.growing and config.logged_until:
        return step.growing
    return ()


def _without_empty(argument: str, places: list[str]) -> list[str]:
    """Leave out buckets' places that nobody has written to: a router ships when it has visitors."""
    filled_places = []
    for place in places:
        if storage.is_remote(place) and storage.is_empty(place):
            log_line(f"    {argument}: nothing yet at {place}")
        else:
            filled_places.append(place)
    return filled_places


def run_stage(
    name: str,
    inputs: artifacts.Inputs,
    output: str,
    *,
    profile: str = "laptop",
    **overrides: Any,
) -> artifacts.Manifest:
    """Run one step, unless its output is already there.

    Under torchrun the main process runs it, and the others wait for its calls.

    Args:
        name: a key of :data:`STEPS`.
        inputs: places by argument name.
        output: the place to write.
        profile: a profile's name or path.
        overrides: config values over the profile's (``seed``, ``shard``).

    Returns:
        The output's manifest.
    """
    check(
        name in STEPS,
        "step",
        name,
        must=f"one of {sorted(STEPS)}",
        fix="use one of them",
    )
    step = STEPS[name]
    stage_module, config = stage_of(step, profile, overrides)
    inputs = add_configured_inputs(step, config, inputs)
    with process_group() as is_main_process:
        if is_main_process:
            growing = growing_inputs(step, config)
            return artifacts.execute(
                stage_module, name, config, inputs, output, growing=growing
            )
        worker_loop()
    return _require_manifest(output)


def _require_manifest(output: str) -> artifacts.Manifest:
    """Read the manifest of an output that another process or pod wrote."""
    manifest = artifacts.read_manifest(output)
    if manifest is None:
        raise MissingError(
            f"output == {output!r}, must be complete; "
            "use a place that every node can read"
        )
    return manifest


def inputs_of(
    name: str, run: str, *, data: str, profile: str
) -> dict[str, str | list[str]]:
    """Find where a step's inputs lie in a run.

    Args:
        name: the step.
        run: the run's place.
        data: the user's input folder, or ``demo`` for the run's own demo shop.
        profile: a profile's name or place; it says how many shards there are.

    Returns:
        Places by argument name.
    """
    places: dict[str, str | list[str]] = {}
    for argument, source_step in STEPS[name].inputs.items():
        if source_step == "demo-data" and data != "demo":
            places[argument] = data
        elif STEPS[source_step].sharded:
            places[argument] = _shard_places(run, source_step, shards(profile))
        else:
            places[argument] = storage.join(run, source_step)
    return places


def _shard_places(run: str, step: str, count: int) -> list[str]:
    return [storage.join(run, step, str(shard)) for shard in range(count)]


def run_step(name: str, run: str, *, data: str, profile: str, seed: int) -> None:
    """Run one step of a run, unless its output is already there.

    Shard by shard, where it has shards.

    Args:
        name: the step.
        run: the run's place; its inputs lie as :func:`inputs_of` says.
        data: the user's input folder, or ``demo``.
        profile: a profile's name or place.
        seed: seeds the stage.
    """
    step_inputs = inputs_of(name, run, data=data, profile=profile)
    if not STEPS[name].sharded:
        run_stage(
            name, step_inputs, storage.join(run, name), profile=profile, seed=seed
        )
        return
    shard_count = shards(profile)
    for shard, shard_place in enumerate(_shard_places(run, name, shard_count)):
        run_stage(
            name,
            step_inputs,
            shard_place,
            profile=profile,
            seed=seed,
            shard=shard,
            shards=shard_count,
        )


def plan(name: str, run: str, *, data: str, profile: str, seed: int) -> str:
    """Estimate tokens, time and cost of a judging step, shard by shard, without running it.

    Args:
        name: a judging step.
        run: the run's place; its inputs lie as :func:`inputs_of` says.
        data: the user's input folder, or ``demo``.
        profile: a profile's name or place.
        seed: seeds the stage.

    Returns:
        Pairs, tokens, seconds and money, as text for a person.

    Raises:
        MissingError: an input is not there yet.
    """
    check(
        name in STEPS and STEPS[name].sharded,
        "step",
        name,
        must="a judging step",
        fix="use judge or judge-again",
    )
    step_inputs = inputs_of(name, run, data=data, profile=profile)
    shard_count = shards(profile)
    shard_plans = []
    for shard in range(shard_count):
        overrides = {"seed": seed, "shard": shard, "shards": shard_count}
        stage_module, config = stage_of(STEPS[name], profile, overrides)
        input_folders = {}
        for argument, input_place in step_inputs.items():
            input_folders[argument] = storage.local_copy(str(input_place))
        shard_plans.append(stage_module.plan(config, **input_folders))
    return str(stage_module.render(shard_plans))


def costs(run: str, *, data: str, profile: str, seed: int) -> str:
    """List time and cost of each finished step, and estimate the remaining judging steps.

    Args:
        run: the run's place.
        data: the user's input folder, or ``demo``.
        profile: a profile's name or place.
        seed: seeds the stages that are planned.

    Returns:
        Seconds and money of every finished step; an estimate for each judging step that is not
        finished and whose inputs exist.
    """
    shard_count = shards(profile)
    table_lines = [f"{'step':<18}{'seconds':>10}{'dollars':>11}"]
    estimates = []
    for name, step in STEPS.items():
        output_places = [storage.join(run, name)]
        if step.sharded:
            output_places = _shard_places(run, name, shard_count)
        manifests = _manifests(output_places)
        # A sharded step is finished only when all of its shards are.
        if len(manifests) == len(output_places):
            total_seconds = sum(manifest.seconds for manifest in manifests)
            total_dollars = sum(manifest.cost for manifest in manifests)
            table_lines.append(
                f"{name:<18}{total_seconds:>10.0f}{total_dollars:>11.4f}"
            )
        elif step.sharded:
            try:
                estimate = plan(name, run, data=data, profile=profile, seed=seed)
                estimates.append(f"\n{name}, estimate:\n{estimate}")
            except MissingError as error:
                missing_reason = f"not known before its inputs exist ({error})"
                estimates.append(f"\n{name}: {missing_reason}")
    return "\n".join([*table_lines, *estimates])


def _manifests(places: list[str]) -> list[artifacts.Manifest]:
    """Read the manifests of the complete outputs."""
    manifests = []
    for output_place in places:
        manifest = artifacts.read_manifest(output_place)
        if manifest:
            manifests.append(manifest)
    return manifests


def run_train_job(
    name: str,
    run: str,
    inputs: artifacts.Inputs,
    output: str,
    *,
    profile: str,
    seed: int,
) -> artifacts.Manifest:
    """Run one step as a TrainJob, unless its output is already there.

    Every node of it runs ``adore NAME``.

    Args:
        name: the step.
        run: the run's place.
        inputs: places by argument name.
        output: the place to write.
        profile: a profile's name or place.
        seed: seeds the stage.

    Returns:
        The output's manifest.

    Raises:
        AdoreError: the job failed, or its nodes run other code than this process.
    """
    from adore.pipeline.kubeflow.trainjob import run as follow_job
    from adore.pipeline.kubeflow.trainjob import train_job
    from adore.release.kubernetes.client import Cluster

    stage_module, config = stage_of(STEPS[name], profile, {"seed": seed})
    inputs = add_configured_inputs(STEPS[name], config, inputs)
    # The fingerprint names the job: a launcher that starts again follows the same one.
    wanted_fingerprint = artifacts.fingerprint(stage_module, name, config, inputs)
    earlier_output = artifacts.kept_output(wanted_fingerprint, output)
    if earlier_output:
        log_line(f"{name:<17} kept")
        return earlier_output

    kubernetes = section_config(profile, "kubernetes")
    placement = section_config(profile, "cluster")
    job_key = artifacts.key_of(wanted_fingerprint, output)
    command = ["adore", name, "--run", run, "--profile", profile, "--seed", str(seed)]
    training_job = train_job(kubernetes, placement, name, job_key, command)
    follow_job(Cluster(kubernetes), training_job)

    # The nodes hash their own code: images of two builds would write an output that no
    # later run recognises.
    manifest = _require_manifest(output)
    check(
        manifest.matches(wanted_fingerprint),
        "code of the nodes",
        manifest.code,
        must=wanted_fingerprint.code,
        fix="give the nodes and this step images of one build",
    )
    return manifest
