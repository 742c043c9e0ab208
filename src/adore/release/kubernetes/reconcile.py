"""Brings a shop's registry up to what its cluster serves, which is the truth."""

from __future__ import annotations

from collections.abc import Sequence

from adore.experiment.design import CONTROL
from adore.release.kubernetes.objects import Plan
from adore.release.kubernetes.releases import Release, live_of
from adore.rounds.ending import decide, set_champion
from adore.rounds.entries import Action
from adore.rounds.registry import read_state
from adore.rounds.state import State

__all__ = ["reconcile"]

CLUSTER = "cluster"
"""Who decided, where the registry learns it from the live release."""


def reconcile(shop: str, releases: Sequence[Release]) -> list[str]:
    """Enter what the live release says of the champion; a repeated call adds nothing.

    If one variant serves everybody, its model is the champion: promoted, if a round made it.
    While two variants serve, the experiment goes on.

    Args:
        shop: the shop's place.
        releases: what the cluster remembers.

    Returns:
        A sentence for each difference; none where registry and cluster agree.

    Raises:
        DataError: the registry cannot be read.
        UnavailableError: the store does not answer.
    """
    state = read_state(shop)
    live = live_of(list(releases))
    champion = state.champion.version if state.champion else "nothing"
    if live is None:
        gone = f"no release is live on the cluster; in the registry {champion} serves"
        return [gone] if state.champion else []
    variants = live.plan["variants"]
    version = variants[CONTROL]["version"]
    difference = f"in the registry {champion} serves"
    if len(variants) > 1:
        compared = f"release {live.number} compares with {version}; {difference}"
        return [] if version == champion else [compared]
    if version != champion:
        _enter(shop, state, variants[CONTROL], live)
        return [f"release {live.number} serves {version} alone; {difference}: entered"]
    return _end_experiment(shop, state, live)


def _end_experiment(shop: str, state: State, live: Release) -> list[str]:
    """Enter that the champion won the experiment that the registry believes to be live."""
    if state.experiment is None:
        return []
    number = state.experiment.round
    reason = f"release {live.number} serves the champion alone"
    decide(shop, number, Action.ROLL_BACK, by=CLUSTER, reason=reason)
    return [f"{reason}; the experiment of round {number} is over: entered"]


def _enter(shop: str, state: State, variant: Plan, live: Release) -> None:
    """Make the model that serves alone the registry's champion."""
    version = variant["version"]
    reason = f"release {live.number} serves it alone {live.acted}".rstrip()
    for made_round in reversed(state.worked):
        if made_round.made["student"].get("version") == version:
            decide(shop, made_round.number, Action.PROMOTE, by=CLUSTER, reason=reason)
            return
    champion = {
        "version": version,
        "kind": variant["kind"],
        "place": variant["uri"],
        "run": "",
    }
    set_champion(shop, champion, by=CLUSTER, reason=reason)
