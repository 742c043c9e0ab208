"""KFP components: one file a stage, the envelope only."""

import os

from adore import __version__

__all__ = ["image", "parallelism", "place"]


def image(kind: str) -> str:
    """Image of one kind (``teacher``, ``student``, ``server``), from ADORE_REGISTRY and ADORE_TAG if set."""
    return f"{os.environ.get('ADORE_REGISTRY', 'adore')}/{kind}:{os.environ.get('ADORE_TAG', __version__)}"


def place() -> None:
    """Give the tasks of the pipeline being traced their places on a cluster: those of the profile ADORE_PROFILE."""
    if os.environ.get("ADORE_PROFILE"):
        from adore.stages import place as write

        write(os.environ["ADORE_PROFILE"])


def parallelism() -> int:
    """How many shards at a time; 0: all."""
    if not os.environ.get("ADORE_PROFILE"):
        return 0
    from adore.stages import section_config

    return int(section_config(os.environ["ADORE_PROFILE"], "cluster").parallelism)
