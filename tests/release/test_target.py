"""Release, promote, roll back and collect against a stand-in for the API server;
what was done is done once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from tests.kubeflow.trainer import up
from tests.release.apiserver import ApiServer, Killed
from tests.release.test_objects import PLAN

from adore.errors import ConfigError, MissingError, UnavailableError
from adore.experiment.decision import Action, Decision
from adore.experiment.result import ExperimentResult
from adore.release import review
from adore.release.kubernetes import target as module
from adore.release.kubernetes.client import Cluster
from adore.release.kubernetes.config import Config
from adore.release.kubernetes.releases import Release
from adore.release.kubernetes.target import KubernetesTarget

CONFIG = Config(patience=0.1, exposures="s3://b/exposures")


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with up(ApiServer()) as server:
        yield server  # type: ignore[misc]


@pytest.fixture
def target(api: ApiServer) -> KubernetesTarget:
    return KubernetesTarget(CONFIG, Cluster(CONFIG, api.client))


def plan(version: str) -> dict[str, Any]:
    """An experiment of its own, whose challenger has this version."""
    about = {"version": version, "kind": "student", "uri": f"s3://b/{version}"}
    names = {"name": f"bm25-vs-{version}", "salt": f"s|{version}"}
    return {**PLAN, **names, "variants": {**PLAN["variants"], "challenger": about}}


def killed(
    target: KubernetesTarget, what: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release that is killed while it waits for its pods."""

    def wait(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as m, pytest.raises(Killed):
        m.setattr(module, "wait", wait)
        target.release(what)


def known(target: KubernetesTarget) -> dict[int, bool]:
    return {r.number: r.live for r in target.releases()}


def decided(
    monkeypatch: pytest.MonkeyPatch, action: str, meanwhile: Any = lambda: None
) -> None:
    """The review's numbers say this."""

    def analyse(live: Release, **_: Any) -> review.LiveAnalysis:
        meanwhile()
        decision = Decision(Action(action), "test", "none")
        return review.LiveAnalysis(cast(ExperimentResult, None), decision)

    monkeypatch.setattr(review, "analyse_live", analyse)


def test_a_roll_back_by_hand_is_not_undone(
    target: KubernetesTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided(monkeypatch, "promote")
    target.release(plan("a"))
    assert review.review(target, act=True).live == 2
    assert review.review(target, act=True).decision.reason.startswith(
        "release 2 is no experiment"
    )
    assert target.rollback() == 1
    again = review.review(target, act=True)
    assert again.live == 1 and again.acted.endswith(
        "rolled back from release 2 to 1, by hand"
    )
    assert known(target) == {1: True, 2: False}


def test_an_experiment_acted_on_stays_so_when_it_is_released_again(
    target: KubernetesTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided(monkeypatch, "roll back")
    target.release(plan("a"))
    assert review.review(target, act=True).live == 2
    fresh = CONFIG.model_copy(update={"tag": "2"})
    assert KubernetesTarget(fresh, target.cluster).release(plan("a")) == 3
    again = review.review(target, act=True)
    assert again.live == 3 and again.acted.endswith(
        "control promoted as release 2, by the review"
    )
    assert target.release(plan("b")) == 4 and not target.live().acted
    assert review.review(target, act=True).live == 5


def test_what_was_not_judged_is_not_promoted(
    target: KubernetesTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.release(plan("a"))
    decided(monkeypatch, "promote", lambda: target.release(plan("b")))
    with pytest.raises(
        ConfigError, match="live release == 2, must be 1, as when this was decided"
    ):
        review.review(target, act=True)
    assert known(target) == {1: False, 2: True} and not any(
        r.acted for r in target.releases()
    )


@pytest.mark.parametrize("act", ["promote", "release"])
def test_a_release_made_while_another_waits_stays(
    act: str, target: KubernetesTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.release(plan("a"))
    other = KubernetesTarget(CONFIG, Cluster(CONFIG, target.cluster.api))

    def wait(*_: object, **__: object) -> None:
        if len(target.releases()) == 2:  # ours is on record
            other.release(plan("b"))

    with (
        monkeypatch.context() as m,
        pytest.raises(ConfigError, match=r"live release == 3.*release 2 is withdrawn$"),
    ):
        m.setattr(module, "wait", wait)
        target.promote() if act == "promote" else target.release(plan("c"))
    assert known(target) == {1: False, 3: True}


def test_roll_back_passes_over_what_never_served(
    target: KubernetesTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.release(plan("a"))
    killed(target, plan("b"), monkeypatch)
    assert [r.note for r in target.releases()] == ["", "never served"] and known(
        target
    ) == {1: True, 2: False}
    with pytest.raises(
        MissingError,
        match=r"release == 2, must be one that served; choose one of \[1\]",
    ):
        target.rollback(2)
    assert target.release(plan("c")) == 3
    assert known(target) == {1: False, 3: True}  # what was overtaken is collected
    assert target.rollback() == 1


def test_a_retry_goes_on_with_the_release_that_was_broken_off(
    target: KubernetesTarget, api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.release(plan("a"))
    killed(target, plan("b"), monkeypatch)
    assert target.release(plan("b")) == 2
    assert [(r.number, r.served, r.live) for r in target.releases()] == [
        (1, True, False),
        (2, True, True),
    ]
    assert target.release(plan("b")) == 2 and api.names("configmaps") == {
        "adore-experiment-1",
        "adore-experiment-2",
    }


def test_unserved_records_take_no_place_of_those_kept(
    target: KubernetesTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        target.release(plan(name))
    for name in "de":
        killed(target, plan(name), monkeypatch)
    target.garbage_collect()
    assert known(target) == {1: False, 2: False, 3: True, 4: False, 5: False}
    target.release(plan("f"))
    assert known(target) == {2: False, 3: False, 6: True}


def test_a_release_that_does_not_start_is_withdrawn(
    target: KubernetesTarget, api: ApiServer
) -> None:
    target.release(plan("a"))
    api.broken = "challenger-b"
    with pytest.raises(
        UnavailableError, match=r"not ready.*release 2 is withdrawn, release 1 serves"
    ):
        target.release(plan("b"))
    assert known(target) == {1: True} and not [
        n for n in api.names("inferenceservices") if "challenger-b" in n
    ]


def test_a_record_of_an_older_version_counts_as_served(
    target: KubernetesTarget, api: ApiServer
) -> None:
    target.release(plan("a"))
    target.release(plan("b"))
    for (plural, _), thing in api.objects.items():
        if plural == "configmaps":
            del thing["metadata"]["annotations"]
    assert target.rollback() == 1
