"""Runs one step of the loop, from wherever it is asked for.

From the command line, a KFP component, or a node of a TrainJob.
"""

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
    "call",
    "costs",
    "inputs_of",
    "plan",
    "run_step",
    "run_train_job",
]


def add_configured_inputs(
    step: Step, config: Any, inputs: artifacts.Inputs
) -> artifacts.Inputs:
    """The inputs, and those that the step's config names: their content counts, too.

    Args:
        step: the step.
        config: its ``Config``, which may name an earlier run (``previous``) and files of the
            user's.
        inputs: places by argument name.
    """
    places = dict(inputs)
    for argument, source in step.previous.items():
        if config.previous:
            places[argument] = storage.join(config.previous, source)
    for argument in step.files:
        file = getattr(config, argument)
        if file:
            places[argument] = file
    return places


def call(
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
    """What another process or pod has made."""
    found = artifacts.read_manifest(output)
    if found is None:
        raise MissingError(
            f"output == {output!r}, must be whole; "
            "every node must read the place that the first wrote"
        )
    return found


def inputs_of(
    name: str, run: str, *, data: str, profile: str
) -> dict[str, str | list[str]]:
    """Where a step's inputs lie in a run.

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
            places[argument] = [
                storage.join(run, source, str(shard))
                for shard in range(shards(profile))
            ]
        else:
            places[argument] = storage.join(run, source)
    return places


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
        call(name, inputs, storage.join(run, name), profile=profile, seed=seed)
        return
    count = shards(profile)
    for shard in range(count):
        place = storage.join(run, name, str(shard))
        call(name, inputs, place, profile=profile, seed=seed, shard=shard, shards=count)


def plan(name: str, run: str, *, data: str, profile: str, seed: int) -> str:
    """What a step would take, shard by shard, without running it.

    For steps whose stage has a ``plan``.

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
    """What each step of a run took, and what judging would still take.

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
    plans = []
    for name, step in STEPS.items():
        places = [storage.join(run, name)]
        if step.sharded:
            places = [storage.join(run, name, str(shard)) for shard in range(count)]
        found = [artifacts.read_manifest(place) for place in places]
        made = [manifest for manifest in found if manifest]

        if len(made) == len(places):
            took = sum(manifest.seconds for manifest in made)
            paid = sum(manifest.cost for manifest in made)
            lines.append(f"{name:<18}{took:>10.0f}{paid:>11.4f}")
        elif step.sharded:
            try:
                told = plan(name, run, data=data, profile=profile, seed=seed)
                plans.append(f"\n{name}, estimate:\n{told}")
            except MissingError as error:
                plans.append(
                    f"\n{name}: not known before what it reads is there ({error})"
                )
    return "\n".join([*lines, *plans])


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
    found = artifacts.read_manifest(output)
    if found and found.matches(wanted):
        log_line(f"{name:<17} kept")
        return found

    kubernetes = section_config(profile, "kubernetes")
    placement = section_config(profile, "cluster")
    key = artifacts.key_of(wanted, output)
    command = ["adore", name, "--run", run, "--profile", profile, "--seed", str(seed)]
    job = train_job(kubernetes, placement, name, key, command)
    follow_job(Cluster(kubernetes), job)

    made = _require_manifest(output)
    fix = "give the nodes and this step images of one build"
    check(
        made.matches(wanted), "code of the nodes", made.code, must=wanted.code, fix=fix
    )
    return made
