"""Settings of the loop's steps and of the cluster, from a profile."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from adore import storage
from adore.config import configure, load_profile
from adore.errors import ConfigError, check
from adore.pipeline.graph import STEPS, Step

__all__ = [
    "SECTIONS",
    "check_profile",
    "config_of",
    "section_config",
    "shards",
    "stage_of",
]

SECTIONS = {
    "cluster": "adore.pipeline.kubeflow.placement",
    "kubernetes": "adore.release.kubernetes.config",
}
"""Sections of a profile beside those of the steps: section to module."""


def stage_of(
    step: Step, profile: str, overrides: dict[str, Any]
) -> tuple[ModuleType, Any]:
    """Import the module of a step, and fill its ``Config``.

    Args:
        step: one of :data:`adore.pipeline.graph.STEPS`.
        profile: a profile's name or place, from which the config is filled.
        overrides: config values that go over the profile's.

    Returns:
        The module, and its filled ``Config``.

    Raises:
        ConfigError: the profile holds an unknown key or a wrong value.
    """
    module = importlib.import_module(step.module)
    section = _sections(profile).get(step.section, {})
    config = configure(module.Config, {**section, **overrides}, step.section)
    return module, config


def config_of(name: str, profile: str, **overrides: Any) -> Any:
    """Fill the ``Config`` of a step.

    Args:
        name: the step.
        profile: a profile's name or place, from which it is filled.
        overrides: config values that go over the profile's.

    Returns:
        The filled ``Config``.
    """
    return stage_of(STEPS[name], profile, overrides)[1]


def section_config(profile: str, name: str, **overrides: Any) -> Any:
    """Fill the ``Config`` of one of :data:`SECTIONS`.

    Args:
        profile: a profile's name or place, from which it is filled.
        name: the section.
        overrides: config values that go over the profile's.

    Returns:
        The filled ``Config``.
    """
    section = {**_sections(profile).get(name, {}), **overrides}
    return configure(importlib.import_module(SECTIONS[name]).Config, section, name)


def _sections(profile: str) -> dict[str, dict[str, Any]]:
    """A profile's sections; on a cluster it may lie beside the run, as ``s3://….yaml``."""
    if storage.is_remote(profile):
        profile = str(storage.local_copy(profile))
    return load_profile(profile)


def check_profile(profile: str) -> None:
    """Refuse unknown sections and keys of a profile, before any work is done.

    Raises:
        ConfigError: names every fault.
    """
    sections = {step.section: step for step in STEPS.values()}
    known = sorted([*sections, *SECTIONS])
    for name in _sections(profile):
        check(
            name in known,
            "profile section",
            name,
            must=f"one of {known}",
            fix="rename it",
        )
    # All faults are collected, so that they can be corrected at once.
    faults = []
    for name in known:
        try:
            if name in sections:
                stage_of(sections[name], profile, {})
            else:
                section_config(profile, name)
        except ConfigError as error:
            faults.append(str(error))
    if faults:
        raise ConfigError("\n".join(faults))
    _check_challenger(profile)
    _check_lists(profile)


def _check_lists(profile: str) -> None:
    """Every process that trains the student takes as many lists of a step as the others."""
    cluster = section_config(profile, "cluster")
    lists = config_of("distil", profile).net.lists_per_step
    processes_per_node = cluster.train.processes
    if "distil" in cluster.gpu.stages:
        processes_per_node = cluster.gpu.count
    world_size = cluster.train.nodes * processes_per_node
    if "distil" in cluster.train.stages:
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
    for name in ("evaluate", "gate"):
        system = config_of(name, profile).challenger
        check(
            system in systems,
            f"{name}.challenger",
            system,
            must=f"one of {systems}",
            fix="name one",
        )


def shards(profile: str) -> int:
    """Return the number of shards that the profile's judge runs in."""
    count = _sections(profile).get("judge", {}).get("shards", 1)
    check(
        type(count) is int and count > 0,
        "judge.shards",
        count,
        must="a number from 1",
        fix="set it to 1",
    )
    return int(count)
