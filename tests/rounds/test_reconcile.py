"""The live release of a cluster is the truth: the registry learns from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.kubeflow.trainer import up
from tests.release.apiserver import ApiServer
from tests.release.test_objects import PLAN
from tests.release.test_target import CONFIG
from tests.rounds.test_state import MADE, started

from adore.release.kubernetes.client import Cluster
from adore.release.kubernetes.reconcile import reconcile
from adore.release.kubernetes.target import KubernetesTarget
from adore.rounds.ending import set_champion
from adore.rounds.entries import Action, Kind
from adore.rounds.registry import Draft, append, read_state
from adore.storage import write_json

CONTROL = PLAN["variants"]["control"]["version"]
CHALLENGER = PLAN["variants"]["challenger"]["version"]


@pytest.fixture
def target() -> Iterator[KubernetesTarget]:
    with up(ApiServer()) as api:
        yield KubernetesTarget(CONFIG, Cluster(CONFIG, api.client))


@pytest.fixture
def shop(tmp_path: Path) -> str:
    """One round, whose release went to the cluster."""
    place, run = str(tmp_path / "shop"), tmp_path / "run"
    folder = run / "release" / "variants" / "challenger"
    folder.mkdir(parents=True)
    write_json({"version": CHALLENGER, "kind": "student"}, folder / "card.json")
    draft = started(1)
    draft.details["run"] = str(run)
    append(place, lambda state: draft)
    control = {"version": CONTROL, "kind": "bm25", "place": "p", "run": ""}
    set_champion(place, control, by="round 1", reason="first")
    made: dict[str, Any] = {
        **MADE,
        "run": str(run),
        "student": {"version": CHALLENGER, "kind": "student"},
        "live": f"{run}/release",
    }
    append(place, lambda state: Draft(Kind.ENDED, 1, made))
    return place


def test_while_two_variants_serve_nothing_is_entered(
    target: KubernetesTarget, shop: str
) -> None:
    target.release(PLAN)
    before = read_state(shop)
    assert reconcile(shop, target.releases()) == []
    assert read_state(shop) == before and before.experiment


def test_a_challenger_that_serves_alone_is_the_champion(
    target: KubernetesTarget, shop: str
) -> None:
    target.release(PLAN)
    target.promote("challenger")
    (difference,) = reconcile(shop, target.releases())
    assert CHALLENGER in difference and CONTROL in difference
    state = read_state(shop)
    assert state.champion and state.champion.version == CHALLENGER
    assert state.rounds[0].action is Action.PROMOTE
    assert state.rounds[0].decisions[-1].details["by"] == "cluster"
    assert state.experiment is None
    assert reconcile(shop, target.releases()) == []


def test_a_control_that_serves_alone_ends_the_experiment(
    target: KubernetesTarget, shop: str
) -> None:
    target.release(PLAN)
    target.promote("control")
    (difference,) = reconcile(shop, target.releases())
    assert "the experiment of round 1 is over" in difference
    state = read_state(shop)
    assert state.rounds[0].action is Action.ROLL_BACK and state.experiment is None
    assert state.champion and state.champion.version == CONTROL
    assert reconcile(shop, target.releases()) == []


def test_a_model_that_no_round_made_is_set(target: KubernetesTarget, shop: str) -> None:
    by_hand = {"version": "hand-1", "kind": "student", "uri": "s3://b/hand"}
    alone = {
        **PLAN,
        "name": "alone",
        "salt": "alone",
        "weights": {"control": 1.0},
        "variants": {"control": by_hand},
    }
    target.release(alone)
    reconcile(shop, target.releases())
    state = read_state(shop)
    assert state.champion and state.champion.place == "s3://b/hand"
    assert state.rounds[0].decisions[-1].details["action"] == "set"


def test_a_cluster_without_a_release_is_told(
    target: KubernetesTarget, shop: str, tmp_path: Path
) -> None:
    (difference,) = reconcile(shop, target.releases())
    assert "no release is live" in difference
    assert reconcile(str(tmp_path / "new"), target.releases()) == []
