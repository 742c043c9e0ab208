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
    "inputs_of",
    "plan",
    "run_stage",
    "run_step",
    "run_train_job",
]


def add_configured_inputs(
    step: Step, config: Any, inputs: artifacts.Inputs
) -> artifacts.Inputs:
    """Add to a step's inputs those that its config names: their content counts, too.

    Args:
        step: the step.
        config: its ``Config``, which may name an earlier run (``previous``) and files of the
            user's.
        inputs: places by argument name.

    Returns:
        All inputs, by argument name.
    """
    places = dict(inputs)
    for argument, source in step.previous.items():
        if config.previous:
            places[argument] = storage.join(config.previous, source)
    for argument in step.files:
        path = getattr(config, argument)
        if path:
            places[argument] = path
    return places


def run_stage(
    name: str,
    inputs: artifacts.Inputs,
    output: str,
    *,
    profile: str = "laptop",
    **overrides: Any,
) -> artifacts.Manifest:
    """Run one step, unless its output is already there.

    Under torchrun the first process runs it, others help.

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
    module, config = stage_of(step, profile, overrides)
    inputs = add_configured_inputs(step, config, inputs)
    with process_group() as is_main_process:
        if is_main_process:
            return artifacts.execute(module, name, config, inputs, output)
        worker_loop()
    return _require_manifest(output)


def _require_manifest(output: str) -> artifacts.Manifest:
    """The manifest of an output that another process or pod has made."""
    manifest = artifacts.read_manifest(output)
    if manifest is None:
        raise MissingError(
            f"output == {output!r}, must be whole; "
            "every node must read the place that the first wrote"
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
    for argument, source in STEPS[name].inputs.items():
        if source == "demo-data" and data != "demo":
            places[argument] = data
        elif STEPS[source].sharded:
            places[argument] = _shard_places(run, source, shards(profile))
        else:
            places[argument] = storage.join(run, source)
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
    inputs = inputs_of(name, run, data=data, profile=profile)
    if not STEPS[name].sharded:
        run_stage(name, inputs, storage.join(run, name), profile=profile, seed=seed)
        return
    count = shards(profile)
    for shard, place in enumerate(_shard_places(run, name, count)):
        run_stage(
            name, inputs, place, profile=profile, seed=seed, shard=shard, shards=count
        )


def plan(name: str, run: str, *, data: str, profile: str, seed: int) -> str:
    """Estimate what a judging step would take, shard by shard, without running it.

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
    inputs = inputs_of(name, run, data=data, profile=profile)
    count = shards(profile)
    plans = []
    for shard in range(count):
        overrides = {"seed": seed, "shard": shard, "shards": count}
        module, config = stage_of(STEPS[name], profile, overrides)
        folders = {}
        for argument, place in inputs.items():
            folders[argument] = storage.local_copy(str(place))
        plans.append(module.plan(config, **folders))
    return str(module.render(plans))


def costs(run: str, *, data: str, profile: str, seed: int) -> str:
    """List what each step of a run took, and what judging would still take.

    Args:
        run: the run's place.
        data: the user's input folder, or ``demo``.
        profile: a profile's name or place.
        seed: seeds the stages that are planned.

    Returns:
        Seconds and money of every step that is done; the plan of every judging step that is not
        and can be planned.
    """
    count = shards(profile)
    lines = [f"{'step':<18}{'seconds':>10}{'dollars':>11}"]
    estimates = []
    for name, step in STEPS.items():
        places = [storage.join(run, name)]
        if step.sharded:
            places = _shard_places(run, name, count)
        manifests = _manifests(places)
        if len(manifests) == len(places):
            seconds = sum(manifest.seconds for manifest in manifests)
            dollars = sum(manifest.cost for manifest in manifests)
            lines.append(f"{name:<18}{seconds:>10.0f}{dollars:>11.4f}")
        elif step.sharded:
            try:
                estimate = plan(name, run, data=data, profile=profile, seed=seed)
                estimates.append(f"\n{name}, estimate:\n{estimate}")
            except MissingError as error:
                reason = f"not known before what it reads is there ({error})"
                estimates.append(f"\n{name}: {reason}")
    return "\n".join([*lines, *estimates])


def _manifests(places: list[str]) -> list[artifacts.Manifest]:
    """Manifests of the outputs that are whole."""
    manifests = []
    for place in places:
        manifest = artifacts.read_manifest(place)
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

    module, config = stage_of(STEPS[name], profile, {"seed": seed})
    inputs = add_configured_inputs(STEPS[name], config, inputs)
    wanted = artifacts.fingerprint(module, name, config, inputs)
    earlier = artifacts.read_manifest(output)
    if earlier and earlier.matches(wanted):
        log_line(f"{name:<17} kept")
        return earlier

    kubernetes = section_config(profile, "kubernetes")
    placement = section_config(profile, "cluster")
    key = artifacts.key_of(wanted, output)
    command = ["adore", name, "--run", run, "--profile", profile, "--seed", str(seed)]
    job = train_job(kubernetes, placement, name, key, command)
    follow_job(Cluster(kubernetes), job)

    # The nodes hash their own code: with images of two builds, whose output would this be?
    manifest = _require_manifest(output)
    check(
        manifest.matches(wanted),
        "code of the nodes",
        manifest.code,
        must=wanted.code,
        fix="give the nodes and this step images of one build",
    )
    return manifest
