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


C = TypeVar("C", bound=StageConfig)


def load_profile(name: str) -> dict[str, dict[str, Any]]:
    """Read a profile: ``{stage: {key: value}}``.

    Args:
        name: a name under ``adore/profiles`` (``laptop``), a path to a YAML file, or the profile
            itself as JSON.

    Raises:
        MissingError: no such profile.
        ConfigError: the file is not a mapping of mappings.
    """
    try:
        profile = (
            json.loads(name)
            if name.startswith("{")
            else yaml.safe_load(_read(name)) or {}
        )
    except (yaml.YAMLError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ConfigError(
            f"profile == {name!r}, must be readable YAML; {error}"
        ) from error
    is_mapping = isinstance(profile, dict)
    if not is_mapping or not all(isinstance(one, dict) for one in profile.values()):
        raise ConfigError(
            f"profile == {name!r}, must be a mapping of stage names to mappings; see laptop.yaml"
        )
    return profile


def _read(name: str) -> str:
    path = Path(name) if name.endswith((".yaml", ".yml")) else PROFILES / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(path.stem for path in PROFILES.glob("*.yaml")))
        raise MissingError(
            f"profile == {name!r}, must be one of: {known}, or a .yaml file; "
            "set PROFILE to one of them"
        )
    return path.read_text("utf-8")


def profile_name(profile: str) -> str:
    """What people call a profile: its file's name without ending, or the name of one of ours."""
    return "given as content" if profile.startswith("{") else Path(profile).stem


def configure(cls: type[C], section: dict[str, Any], name: str) -> C:
    """Build ``cls`` from one section of a profile.

    Args:
        cls: a stage's ``Config``.
        section: keys and values as the profile gives them.
        name: the section's name, for the error's text.

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
