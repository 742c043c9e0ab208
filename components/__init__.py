"""KFP components: one file a stage, the envelope only."""

import os

from adore import __version__

__all__ = ["image"]


def image(kind: str) -> str:
    """Image of one kind (``teacher``, ``student``, ``server``), from ADORE_REGISTRY and ADORE_TAG if set."""
    return f"{os.environ.get('ADORE_REGISTRY', 'adore')}/{kind}:{os.environ.get('ADORE_TAG', __version__)}"
