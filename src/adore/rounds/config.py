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
    """Number of the round, from 1; 0: the run is no round."""
    on_hold: Literal["auto", "beside", "wait"] = "auto"
    """What the next round does while the experiment of the last one is undecided.

    It runs ``beside`` it, or does not start (``wait``). ``auto`` waits for a cluster's experiment,
    which goes on; simulated shoppers come with their round only, so nothing would end the wait."""
    deploy: bool = False
    """Whether the release of a round goes to a cluster, whose live experiment decides then."""
    registry: Literal["", "kubeflow"] = ""
    """``kubeflow``: every released student is registered in Kubeflow Model Registry as well."""
    registry_address: str = "http://model-registry-service.kubeflow.svc:8080"
    """Its address."""
