"""Stage configurations: frozen, read from a profile's YAML, unknown keys refused."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from adore.errors import ConfigError, MissingError

__all__ = [
    "ANSWERS",
    "PROFILES",
    "StageConfig",
    "cache_root",
    "configure",
    "load_profile",
    "profile_name",
]

PROFILES = Path(__file__).parent / "profiles"
ANSWERS = "ADORE_ANSWERS"
"""Environment variable: the place of paid answers if no config names one.

On a cluster they are kept in the run's place."""


class StageConfig(BaseModel):
    """Base of every stage's ``Config``.

    Attributes:
        seed: seeds every random choice of the stage.
        threads: CPU threads that the stage may use.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0)
    threads: int = 2


def cache_root() -> Path:
    """Return the cache of downloads and answers: ``$ADORE_CACHE``, else ``~/.cache/adore``."""
    return Path(os.environ.get("ADORE_CACHE") or Path.home() / ".cache" / "adore")


Config = TypeVar("Config", bound=StageConfig)
Section = dict[str, Any]
"""Values of a profile, by key."""
Profile = dict[str, Section]
"""Sections of a profile, by name."""


def load_profile(name: str) -> Profile:
    """Read a profile: ``{stage: {key: value}}``.

    Args:
        name: a name under ``adore/profiles`` (``laptop``), a path to a YAML file, or the profile
            itself as JSON.

    Returns:
        The sections, by name.

    Raises:
        MissingError: no such profile.
        ConfigError: the file is not a mapping of mappings.
    """
    try:
        profile = _parse(name)
    except (yaml.YAMLError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ConfigError(
            f"profile == {name!r}, must be readable YAML; {error}"
        ) from error
    if not isinstance(profile, dict) or not _is_profile(profile):
        raise ConfigError(
            f"profile == {name!r}, must be a mapping of stage names to mappings; see laptop.yaml"
        )
    return dict(profile)


def _parse(name: str) -> object:
    """Parse a profile, given as JSON, as a file or by its name."""
    # On a cluster without an object store, tasks get the profile itself.
    if name.startswith("{"):
        return json.loads(name)
    return yaml.safe_load(_read(name)) or {}


def _is_profile(value: Mapping[object, object]) -> bool:
    return all(isinstance(section, dict) for section in value.values())


def _read(name: str) -> str:
    profile_file = PROFILES / f"{name}.yaml"
    if name.endswith((".yaml", ".yml")):
        profile_file = Path(name)
    if not profile_file.is_file():
        known_profiles = ", ".join(
            sorted(profile_file.stem for profile_file in PROFILES.glob("*.yaml"))
        )
        raise MissingError(
            f"profile == {name!r}, must be one of: {known_profiles}, or a .yaml file; "
            "set PROFILE to one of them"
        )
    return profile_file.read_text("utf-8")


def profile_name(profile: str) -> str:
    """Return a profile's name: of a file its name without ending, else the name as it is."""
    if profile.startswith("{"):
        return "given as content"
    return Path(profile).stem


def configure(cls: type[Config], section: Section, name: str) -> Config:
    """Build ``cls`` from one section of a profile.

    Args:
        cls: a stage's ``Config``.
        section: keys and values as the profile gives them.
        name: the section's name, for the error's text.

    Returns:
        The filled config.

    Raises:
        ConfigError: an unknown key or a value of the wrong type; every fault is named.
    """
    try:
        return cls(**section)
    except ValidationError as error:
        # All faults in one error, so that they can be corrected at once.
        known_keys = ", ".join(sorted(cls.model_fields))
        fault_texts = []
        for fault in error.errors():
            fault_key = ".".join(map(str, fault["loc"]))
            fault_texts.append(
                f"{name}.{fault_key} == {fault['input']!r}: {fault['msg']}"
            )
        joined_faults = "; ".join(fault_texts)
        raise ConfigError(
            f"{joined_faults}; known keys of {name}: {known_keys}"
        ) from error
