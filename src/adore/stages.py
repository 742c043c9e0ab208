"""The loop as a table: each step, the stage that runs it, and the steps that it reads.

The command line and the KFP components both call :func:`call`, so they run the same code.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Any

from adore import artifacts, storage
from adore.config import configure, load_profile
from adore.errors import ConfigError, MissingError, check
from adore.progress import say
from adore.torchrun import crew, follow

__all__ = [
    "RUN_PID",
    "SECTIONS",
    "STEPS",
    "Step",
    "call",
    "check_profile",
    "config_of",
    "costs",
    "inputs_of",
    "place",
    "plan",
    "run_step",
    "section_config",
    "shards",
    "train",
    "with_named",
]

RUN_PID = "ADORE_RUN_PID"
"""Names the environment variable with the process id of a run on this machine."""


@dataclass(frozen=True, slots=True)
class Step:
    """One node of the pipeline.

    Attributes:
        name: folder under the run, and the name on the command line.
        module: where ``Config`` and ``run`` are.
        inputs: argument of ``run`` to the step whose output it takes.
        sharded: the step runs once per shard and its readers take a list.
    """

    name: str
    module: str
    inputs: dict[str, str]
    sharded: bool = False
    previous: dict[str, str] = field(default_factory=dict)
    """Inputs from an earlier run, where the step's config names one (``previous``)."""
    files: tuple[str, ...] = ()
    """Inputs that are files of the user's, where the step's config names one by the same name."""

    @property
    def section(self) -> str:
        """The profile's section: judge, judge-again and judge-candidates share one."""
        return self.module.rsplit(".", 1)[-1]


STEPS: dict[str, Step] = {
    step.name: step
    for step in (
        Step("demo-data", "adore.data.demo_data", {}),
        Step("prepare", "adore.data.prepare", {"data": "demo-data"}, files=("requests",)),
        Step("evidence", "adore.attributes.evidence", {"prepared": "prepare"}),
        Step("retrieve", "adore.student.retrieve", {"prepared": "prepare", "evidence": "evidence"}),
        Step("judge", "adore.teacher.judge", {"prepared": "prepare", "evidence": "evidence"}, sharded=True),
        Step(
            "feedback", "adore.behaviour.feedback", {"prepared": "prepare", "evidence": "evidence", "answers": "judge"}
        ),
        Step(
            "align",
            "adore.teacher.align",
            {"prepared": "prepare", "evidence": "evidence", "answers": "judge", "feedback": "feedback"},
            previous={"before": "align"},
        ),
        Step(
            "judge-again",
            "adore.teacher.judge",
            {"prepared": "prepare", "evidence": "evidence", "teacher": "align", "retrieved": "retrieve"},
            sharded=True,
        ),
        Step(
            "synthesise",
            "adore.synthesis.synthesise",
            {"prepared": "prepare", "evidence": "evidence", "answers": "judge-again", "feedback": "feedback"},
            previous={"scores": "distil"},
        ),
        Step(
            "judge-candidates",
            "adore.teacher.judge",
            {"prepared": "prepare", "evidence": "evidence", "candidates": "synthesise", "teacher": "align"},
            sharded=True,
        ),
        Step(
            "verify",
            "adore.synthesis.verify",
            {
                "prepared": "prepare",
                "evidence": "evidence",
                "candidates": "synthesise",
                "answers": "judge-candidates",
            },
        ),
        Step(
            "distil",
            "adore.student.distil",
            {
                "prepared": "prepare",
                "evidence": "evidence",
                "answers": "judge-again",
                "synthetic": "verify",
                "retrieved": "retrieve",
            },
        ),
        Step("score", "adore.student.score", {"prepared": "prepare", "student": "distil", "adversarial": "verify"}),
        Step(
            "evaluate", "adore.evaluation.evaluate", {"prepared": "prepare", "evidence": "evidence", "scores": "score"}
        ),
        Step("gate", "adore.evaluation.gate", {"measures": "evaluate"}),
        Step("release", "adore.release.release", {"prepared": "prepare", "student": "distil", "gate": "gate"}),
        Step("experiment", "adore.release.experiment", {"prepared": "prepare", "release": "release"}),
    )
}


def _config(step: Step, profile: str, overrides: dict[str, Any]) -> Any:
    module = importlib.import_module(step.module)
    section = _sections(profile).get(step.section, {})
    return module, configure(module.Config, {**section, **overrides}, step.section)


def with_named(step: Step, config: Any, inputs: artifacts.Inputs) -> artifacts.Inputs:
    """The inputs, and those that the step's config names: their content counts, too."""
    earlier = {k: storage.join(config.previous, s) for k, s in step.previous.items() if config.previous}
    return {**inputs, **earlier, **{k: getattr(config, k) for k in step.files if getattr(config, k)}}


def config_of(name: str, profile: str, **overrides: Any) -> Any:
    """The ``Config`` of a step, filled from a profile and what goes over it."""
    return _config(STEPS[name], profile, overrides)[1]


SECTIONS = {"cluster": "adore.kubeflow.placement", "kubernetes": "adore.release.kubernetes.config"}
"""Sections of a profile beside those of the steps: section to module."""


def section_config(profile: str, name: str, **given: Any) -> Any:
    """The ``Config`` of one of :data:`SECTIONS`, filled from a profile; what is given counts more."""
    section = {**_sections(profile).get(name, {}), **given}
    return configure(importlib.import_module(SECTIONS[name]).Config, section, name)


def _sections(profile: str) -> dict[str, dict[str, Any]]:
    """A profile's sections; on a cluster it may lie beside the run, as ``s3://….yaml``."""
    return load_profile(str(storage.local_copy(profile)) if storage.is_remote(profile) else profile)


def place(profile: str) -> None:
    """Write the profile's section ``cluster`` into the KFP pipeline that is being traced."""
    from kfp.dsl import pipeline_context

    from adore.kubeflow import placement

    tasks = pipeline_context.Pipeline.get_default_pipeline().tasks.values()
    placement.place(tasks, section_config(profile, "cluster"))


def check_profile(profile: str) -> None:
    """Refuse unknown sections and keys of a profile before any work is done.

    Raises:
        ConfigError: names every fault.
    """
    sections = {s.section: s for s in STEPS.values()}
    known = sorted([*sections, *SECTIONS])
    for name in _sections(profile):
        check(name in known, "profile section", name, must=f"one of {known}", fix="rename it")
    faults = []
    for name in known:
        try:
            _config(sections[name], profile, {}) if name in sections else section_config(profile, name)
        except ConfigError as error:
            faults.append(str(error))
    if faults:
        raise ConfigError("\n".join(faults))
    _check_challenger(profile)
    cluster = section_config(profile, "cluster")
    train, cards = cluster.train, cluster.gpu.count if "distil" in cluster.gpu.stages else cluster.train.processes
    lists, world = config_of("distil", profile).lists, train.nodes * cards
    if "distil" in train.stages:
        check(lists % world == 0, "distil.lists", lists, must=f"a multiple of {world} processes", fix="set it")


def _check_challenger(profile: str) -> None:
    from adore.student.rankers import BASELINES

    for name in ("evaluate", "gate"):
        found, systems = config_of(name, profile).challenger, ["student", *BASELINES]
        check(found in systems, f"{name}.challenger", found, must=f"one of {systems}", fix="name one")


def shards(profile: str) -> int:
    """How many shards the profile's judge runs in."""
    count = _sections(profile).get("judge", {}).get("shards", 1)
    check(type(count) is int and count > 0, "judge.shards", count, must="a number from 1", fix="set it to 1")
    return int(count)


def call(
    name: str, inputs: artifacts.Inputs, output: str, *, profile: str = "laptop", **overrides: Any
) -> artifacts.Manifest:
    """Run one step, unless its output is already there; under torchrun the first process runs it, others help.

    Args:
        name: a key of :data:`STEPS`.
        inputs: places by argument name.
        output: the place to write.
        profile: a profile's name or path.
        overrides: config values over the profile's (``seed``, ``shard``).
    """
    check(name in STEPS, "step", name, must=f"one of {sorted(STEPS)}", fix="use one of them")
    step = STEPS[name]
    module, config = _config(step, profile, overrides)
    inputs = with_named(step, config, inputs)
    with crew() as leads:
        if leads:
            return artifacts.execute(module, name, config, inputs, output)
        follow()
    return _made(output)


def _made(output: str) -> artifacts.Manifest:
    """What another process or pod has made."""
    found = artifacts.read_manifest(output)
    if found is None:
        raise MissingError(f"output == {output!r}, must be whole; every node must read the place that the first wrote")
    return found


def inputs_of(name: str, run: str, *, data: str, profile: str) -> dict[str, str | list[str]]:
    """Where a step's inputs lie in a run.

    Args:
        run: the run's place.
        data: the user's input folder, or ``demo`` for the run's own demo shop.
    """
    places: dict[str, str | list[str]] = {}
    for argument, source in STEPS[name].inputs.items():
        if source == "demo-data" and data != "demo":
            places[argument] = data
        elif STEPS[source].sharded:
            places[argument] = [storage.join(run, source, str(i)) for i in range(shards(profile))]
        else:
            places[argument] = storage.join(run, source)
    return places


def run_step(name: str, run: str, *, data: str, profile: str, seed: int) -> None:
    """Run one step of a run, shard by shard where it has shards, unless its output is already there.

    Args:
        run: the run's place; its inputs lie as :func:`inputs_of` says.
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
    """What a step would take, shard by shard, without running it; for steps whose stage has a ``plan``.

    Raises:
        MissingError: an input is not there yet.
    """
    check(name in STEPS and STEPS[name].sharded, "step", name, must="a judging step", fix="use judge or judge-again")
    inputs, count = inputs_of(name, run, data=data, profile=profile), shards(profile)
    plans = []
    for shard in range(count):
        module, config = _config(STEPS[name], profile, {"seed": seed, "shard": shard, "shards": count})
        plans.append(module.plan(config, **{k: storage.local_copy(str(v)) for k, v in inputs.items()}))
    return str(module.render(plans))


def costs(run: str, *, data: str, profile: str, seed: int) -> str:
    """Seconds and money of every step that is done; the plan of every judging step that is not and can be planned."""
    lines, plans, count = [f"{'step':<18}{'seconds':>10}{'dollars':>11}"], [], shards(profile)
    for name, step in STEPS.items():
        places = [storage.join(run, name, *([str(i)] if step.sharded else [])) for i in range(count)]
        made = [artifacts.read_manifest(p) for p in (places if step.sharded else places[:1])]
        if all(made):
            took, paid = (sum(getattr(m, key) for m in made) for key in ("seconds", "cost"))
            lines.append(f"{name:<18}{took:>10.0f}{paid:>11.4f}")
        elif step.sharded:
            try:
                plans.append(f"\n{name}, estimate:\n{plan(name, run, data=data, profile=profile, seed=seed)}")
            except MissingError as error:
                plans.append(f"\n{name}: not known before what it reads is there ({error})")
    return "\n".join([*lines, *plans])


def train(name: str, run: str, inputs: artifacts.Inputs, output: str, *, profile: str, seed: int) -> artifacts.Manifest:
    """Run one step as a TrainJob whose every node runs ``adore NAME``, unless its output is already there."""
    from adore.kubeflow.trainjob import run as follow_job
    from adore.kubeflow.trainjob import train_job
    from adore.release.kubernetes.client import Cluster

    module, config = _config(STEPS[name], profile, {"seed": seed})
    inputs = with_named(STEPS[name], config, inputs)
    wanted, found = artifacts.asked(module, name, config, inputs), artifacts.read_manifest(output)
    if found and found.answers(wanted):
        say(f"{name:<17} kept")
        return found
    kubernetes, placed = section_config(profile, "kubernetes"), section_config(profile, "cluster")
    command = ["adore", name, "--run", run, "--profile", profile, "--seed", str(seed)]
    follow_job(Cluster(kubernetes), train_job(kubernetes, placed, name, artifacts.key_of(wanted, output), command))
    made = _made(output)
    fix = "give the nodes and this step images of one build"
    check(made.answers(wanted), "code of the nodes", made.code, must=wanted[1], fix=fix)
    return made
