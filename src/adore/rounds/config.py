"""The profile's section ``rounds``: to which shop a run belongs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from adore.config import StageConfig

__all__ = ["Config"]


class Config(StageConfig):
    """The shop that a run belongs to; a round sets its own number and place."""

    shop: str = ""
    """The shop's place, a folder or ``s3://…``; empty: the run is no round."""
    number: int = Field(0, ge=0)
    """Number of the round, from 1."""
    on_hold: Literal["beside", "wait"] = "beside"
    """What the next round does if the experiment of the last one decided nothing: it runs
    ``beside`` it, or it does not start (``wait``).

    Simulated shoppers come with a round only, so without a cluster nothing would ever end the
    wait: hence the default."""
    deploy: bool = False
    """Whether the release of a round goes to a cluster, whose live experiment decides then."""
