"""Causes by states of pods, conditions and events, in the shapes of a real cluster."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adore.release.kubernetes.causes import (
    deployment_causes,
    pod_causes,
    service_causes,
)

Object = dict[str, Any]
MATCH = {"app": "isvc.x-predictor"}


class StubCluster:
    """A cluster that has these pods, logs and warnings."""

    def __init__(
        self, *pods: Object, log: str = "", warnings: tuple[Object, ...] = ()
    ) -> None:
        self.pods, self.text, self.events = pods, log, list(warnings)

    def matching(self, kind: str, match: str) -> list[Object]:
        return list(self.pods)

    def log(self, pod: str, container: str, lines: int) -> str:
        return self.text

    def warnings(self, name: str) -> list[Object]:
        return self.events


def container(
    state: Object, *, last: Object | None = None, restarts: int = 0
) -> Object:
    one = {
        "name": "kserve-container",
        "image": "adore/server:7",
        "ready": False,
        "restartCount": restarts,
    }
    return {**one, "state": state, "lastState": last or {}}


def pod(
    *containers: Object, conditions: tuple[Object, ...] = (), name: str = "p"
) -> Object:
    spec = {
        "containers": [
            {"name": "kserve-container", "resources": {"limits": {"memory": "24Mi"}}}
        ]
    }
    status = {"containerStatuses": list(containers), "conditions": list(conditions)}
    return {"metadata": {"name": name}, "spec": spec, "status": status}


def ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )


CRASH = {
    "terminated": {
        "exitCode": 1,
        "reason": "Error",
        "message": "model == 's3://b/x', must be loaded",
    }
}
KILLED = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
BACK_OFF = {
    "waiting": {
        "reason": "CrashLoopBackOff",
        "message": "back-off 20s restarting failed container",
    }
}
NO_IMAGE = {"waiting": {"reason": "ErrImagePull", "message": "pull access denied"}}
NO_SECRET = {
    "waiting": {
        "reason": "CreateContainerConfigError",
        "message": 'secret "s" not found',
    }
}
UNPLACED = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes are available: 1 Insufficient cpu.",
}


@pytest.mark.parametrize(
    ("one", "text", "final"),
    [
        (
            pod(container(BACK_OFF, last=CRASH, restarts=1)),
            "Error, exit status 1: model == 's3://b/x', must be",
            False,
        ),
        (
            pod(container(BACK_OFF, last=CRASH, restarts=3)),
            "Error, exit status 1: model == 's3://b/x', must be",
            True,
        ),
        (
            pod(container(BACK_OFF, last=KILLED)),
            "OOMKilled, exit status 137 (memory limit 24Mi)",
            False,
        ),
        (
            pod(container(NO_IMAGE)),
            "ErrImagePull pull access denied (image adore/server:7)",
            False,
        ),
        (
            pod(container({"waiting": {"reason": "InvalidImageName"}})),
            "InvalidImageName (image adore/server:7)",
            True,
        ),
        (
            pod(container(NO_SECRET)),
            'CreateContainerConfigError secret "s" not found',
            False,
        ),
        (
            pod(conditions=(UNPLACED,)),
            "PodScheduled Unschedulable 0/1 nodes are available: 1 Insufficient cpu.",
            False,
        ),
    ],
)
def test_a_pod_says_why(one: Object, text: str, final: bool) -> None:
    (cause,) = pod_causes(StubCluster(one), "x")  # type: ignore[arg-type]
    assert (
        cause.text.startswith("pod p: ") and text in cause.text and cause.final is final
    )


def test_what_only_starts_has_no_cause() -> None:
    fresh = container({"running": {"startedAt": ago(2)}})
    for one in (
        pod(container({"waiting": {"reason": "ContainerCreating"}})),
        pod(fresh),
        pod(),
    ):
        assert pod_causes(StubCluster(one, log="Started"), "x") == []  # type: ignore[arg-type]


def test_a_pod_that_runs_and_is_not_ready_speaks_for_itself() -> None:
    late = pod(container({"running": {"startedAt": ago(60)}}))
    (cause,) = pod_causes(StubCluster(late, log="variant control == not ready"), "x")  # type: ignore[arg-type]
    assert cause.text.endswith(
        "runs and is not ready; its log ends: variant control == not ready"
    )
    probe = {"reason": "Unhealthy", "message": "Startup probe failed: statuscode: 503"}
    (cause,) = pod_causes(StubCluster(late, warnings=(probe,)), "x")  # type: ignore[arg-type]
    assert cause.text.endswith(
        "runs and is not ready Unhealthy Startup probe failed: statuscode: 503"
    )


def test_a_volume_that_cannot_be_mounted_is_explained_by_its_event() -> None:
    waits = pod(container({"waiting": {"reason": "ContainerCreating"}}))
    event = {
        "reason": "FailedMount",
        "message": 'configmap "adore-experiment-7" not found',
    }
    (cause,) = pod_causes(StubCluster(waits, warnings=(event,)), "x")  # type: ignore[arg-type]
    assert cause.text == 'pod p: FailedMount configmap "adore-experiment-7" not found'


def test_the_same_words_of_several_pods_are_listed_once() -> None:
    two = [pod(container(NO_IMAGE), name=name) for name in "ab"]
    assert len(pod_causes(StubCluster(*two), "x")) == 1  # type: ignore[arg-type]


def deployment(*conditions: Object) -> Object:
    return {
        "spec": {"selector": {"matchLabels": MATCH}},
        "status": {"conditions": list(conditions)},
    }


@pytest.mark.parametrize(
    ("message", "final"),
    [
        ('pods "x" is forbidden: exceeded quota: none, requested: pods=1', False),
        (
            'pods "x" is forbidden: violates PodSecurity "restricted:latest": '
            "allowPrivilegeEscalation != false",
            True,
        ),
    ],
)
def test_what_refuses_to_make_pods_is_a_cause(message: str, final: bool) -> None:
    refused = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": message,
    }
    slow = {
        "type": "Available",
        "status": "False",
        "reason": "MinimumReplicasUnavailable",
        "message": "does not have",
    }
    (cause,) = deployment_causes(StubCluster(), deployment(refused, slow))  # type: ignore[arg-type]
    assert (
        cause.text == f"ReplicaFailure FailedCreate {message}" and cause.final is final
    )


def test_what_says_only_that_it_is_not_ready_is_no_cause() -> None:
    """``Stopped`` is a condition of severity Info that is False when all is well;
    MinimumReplicas names no reason.
    """
    conditions = [
        {
            "type": "PredictorReady",
            "status": "False",
            "reason": "MinimumReplicasUnavailable",
            "message": "does not",
        },
        {"type": "Stopped", "status": "False", "severity": "Info"},
    ]
    service = {"metadata": {"name": "x"}, "status": {"conditions": conditions}}
    assert service_causes(StubCluster(), service, deployment()) == []  # type: ignore[arg-type]
    failed = {
        "type": "PredictorReady",
        "status": "False",
        "reason": "ReconcileFailed",
        "message": "63 characters",
    }
    service["status"] = {
        "conditions": [*conditions, failed, {**failed, "type": "Ready"}]
    }
    (cause,) = service_causes(StubCluster(), service, None)  # type: ignore[arg-type]
    assert cause.text == "ReconcileFailed 63 characters"
