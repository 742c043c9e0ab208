"""Settings of the loop's steps and of the cluster, from a profile."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from adore import storage
from adore.config import Profile, configure, load_profile
from adore.errors import ConfigError, check
from adore.pipeline.graph import STEPS, Step

__all__ = [
    "SECTIONS",
    "check_profile",
    "config_of",
    "section_config",
    "sections_of",
    "shards",
    "stage_of",
]

SECTIONS = {
    "cluster": "adore.pipeline.kubeflow.placement",
    "kubernetes": "adore.release.kubernetes.config",
    "rounds": "adore.rounds.config",
}
"""Module of each profile section that belongs to no step."""


def stage_of(
    step: Step, profile: str, overrides: Mapping[str, object]
) -> tuple[ModuleType, Any]:
    """Import the module of a step, and fill its ``Config``.

    Args:
        step: one of :data:`adore.pipeline.graph.STEPS`.
        profile: a profile's name or place, from which the config is filled.
        overrides: config values that override the profile's.

    Returns:
        The module, and its filled ``Config``.

    Raises:
        ConfigError: the profile holds an unknown key or a wrong value.
    """
    stage_module = importlib.import_module(step.module)
    section = sections_of(profile).get(step.section, {})
    config = configure(stage_module.Config, {**section, **overrides}, step.section)
    return stage_module, config


def config_of(name: str, profile: str, **overrides: object) -> Any:
    """Fill the ``Config`` of a step.

    Args:
        name: the step.
        profile: a profile's name or place, from which it is filled.
        overrides: config values that override the profile's.

    Returns:
        The filled ``Config``.
    """
    return stage_of(STEPS[name], profile, overrides)[1]


def section_config(profile: str, name: str, **overrides: object) -> Any:
    """Fill the ``Config`` of one of :data:`SECTIONS`.

    Args:
        profile: a profile's name or place, from which it is filled.
        name: the section.
        overrides: config values that override the profile's.

    Returns:
        The filled ``Config``.
    """
    section = {**sections_of(profile).get(name, {}), **overrides}
    return configure(importlib.import_module(SECTIONS[name]).Config, section, name)


def sections_of(profile: str) -> Profile:
    """Read a profile's sections; on a cluster the profile may be an ``s3://….yaml``.

    Args:
        profile: a profile's name or place.

    Returns:
        The sections, by name.
    """
    if storage.is_remote(profile):
        profile = str(storage.local_copy(profile))
    return load_profile(profile)


def check_profile(profile: str) -> None:
    """Refuse unknown sections and keys of a profile before any work starts.

    Raises:
        ConfigError: names every fault.
    """
    sections = {
        pipeline_step.section: pipeline_step for pipeline_step in STEPS.values()
    }
    known_sections = sorted([*sections, *SECTIONS])
    for section_name in sections_of(profile):
        check(
            section_name in known_sections,
            "profile section",
            section_name,
            must=f"one of {known_sections}",
            fix="rename it",
        )
    # All faults are collected, so that they can be corrected at once.
    faults = []
    for section_name in known_sections:
        try:
            if section_name in sections:
                stage_of(sections[section_name], profile, {})
            else:
                section_config(profile, section_name)
        except ConfigError as error:
            faults.append(str(error))
    if faults:
        raise ConfigError("\n".join(faults))
    _check_challenger(profile)
    _check_lists(profile)


def _check_lists(profile: str) -> None:
    """Check that the processes which train the student can share the lists of a step evenly."""
    placement = section_config(profile, "cluster")
    lists = config_of("distil", profile).net.lists_per_step
    processes_per_node = placement.train.processes
    # On GPUs a node runs one process per GPU.
    if "distil" in placement.gpu.stages:
        processes_per_node = placement.gpu.count
    world_size = placement.train.nodes * processes_per_node
    if "distil" in placement.train.stages:
        check(
            lists % world_size == 0,
            "distil.net.lists_per_step",
            lists,
            must=f"a multiple of {world_size} processes",
            fix="set it",
        )


def _check_challenger(profile: str) -> None:
    from adore.student.rankers import baseline_kinds

    systems = ["student", *baseline_kinds()]
    for step_name in ("evaluate", "gate"):
        ranked_system = config_of(step_name, profile).challenger
        check(
            ranked_system in systems,
            f"{step_name}.challenger",
            ranked_system,
            must=f"one of {systems}",
            fix="name one",
        )


def shards(profile: str) -> int:
    """Return the number of shards that the profile's judge runs in."""
    shard_count = sections_of(profile).get("judge", {}).get("shards", 1)
    check(
        type(shard_count) is int and shard_count > 0,
        "judge.shards",
        shard_count,
        must="a number from 1",
        fix="set it to 1",
    )
    return int(shard_count)
