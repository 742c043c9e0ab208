"""Stage configurations: frozen, read from a profile's YAML, unknown keys refused."""

from __future__ import annotations

import json
import os
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
"""Environment variable: the place where paid answers are kept if no config names one.

On a cluster: in the run's place."""


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
    """Where downloads and paid answers are kept: ``$ADORE_CACHE``, else ``~/.cache/adore``."""
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
    """What a profile holds, whatever it is."""
    if name.startswith("{"):
        return json.loads(name)
    return yaml.safe_load(_read(name)) or {}


def _is_profile(value: dict[Any, Any]) -> bool:
    return all(isinstance(section, dict) for section in value.values())


def _read(name: str) -> str:
    path = PROFILES / f"{name}.yaml"
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
    if not path.is_file():
        known = ", ".join(sorted(path.stem for path in PROFILES.glob("*.yaml")))
        raise MissingError(
            f"profile == {name!r}, must be one of: {known}, or a .yaml file; "
            "set PROFILE to one of them"
        )
    return path.read_text("utf-8")


def profile_name(profile: str) -> str:
    """Return what people call a profile: its file's name without ending, or one of ours."""
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
        known = ", ".join(sorted(cls.model_fields))
        faults = []
        for fault in error.errors():
            key = ".".join(map(str, fault["loc"]))
            faults.append(f"{name}.{key} == {fault['input']!r}: {fault['msg']}")
        text = "; ".join(faults)
        raise ConfigError(f"{text}; known keys of {name}: {known}") from error
