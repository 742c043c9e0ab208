"""KFP components: one file a stage, the envelope only."""

import os
from typing import Any

from adore import __version__

__all__ = ["image", "parallelism", "place", "shares_pod"]


def _section(name: str) -> Any:
    """A section of the profile ADORE_PROFILE, for which a pipeline is compiled.

    None: for this machine.
    """
    profile = os.environ.get("ADORE_PROFILE")
    if not profile:
        return None
    from adore.pipeline.settings import section_config

    return section_config(profile, name)


def image(kind: str) -> str:
    """Image of one kind: ``teacher``, ``student`` or ``server``.

    From ADORE_REGISTRY and ADORE_TAG, or the profile.
    """
    about = _section("kubernetes")
    registry = os.environ.get("ADORE_REGISTRY") or (
        about.registry if about else "adore"
    )
    tag = os.environ.get("ADORE_TAG") or (about.tag if about else __version__)
    return f"{registry}/{kind}:{tag}"


def place() -> None:
    """Give the tasks of the pipeline that is being traced their places on a cluster."""
    about = _section("cluster")
    if about:
        from adore.pipeline.kubeflow.placement import place_all

        place_all(about)


def parallelism() -> int:
    """How many shards at a time; 0: all."""
    about = _section("cluster")
    return int(about.parallelism) if about else 0


def shares_pod(group: str) -> bool:
    """Whether the stages of a group share one pod."""
    about = _section("cluster")
    return bool(about) and group in about.shared_pods
