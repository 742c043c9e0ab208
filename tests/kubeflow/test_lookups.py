"""Look-ups that the doctor and the preflight share, against an API server that refuses."""

from __future__ import annotations

from typing import Any, cast

import pytest

from adore.errors import ConfigError, MissingError
from adore.pipeline.doctor.finding import Finding
from adore.pipeline.doctor.lookups import (
    TrialPods,
    is_allowed,
    look_up,
    may_not_create,
    missing_keys,
    namespaced,
)
from adore.release.kubernetes.client import Cluster
from adore.release.kubernetes.config import Config


class Refusing:
    """A cluster whose API server answers each path as a test says."""

    def __init__(self, answers: dict[str, object]) -> None:
        self.config = Config(namespace="shop")
        self.answers = answers
        self.calls: list[tuple[str, str]] = []

    def request(self, verb: str, path: str, _title: str, **query: Any) -> Any:
        self.calls.append((verb, path))
        self.body = query.get("body")
        answer = self.answers.get(path, {})
        if isinstance(answer, Exception):
            raise answer
        return answer


def cluster(**answers: object) -> tuple[Cluster, Refusing]:
    api = Refusing(
        {f"/api/v1/namespaces/shop/{path}": a for path, a in answers.items()}
    )
    return cast(Cluster, api), api


def test_an_object_its_absence_and_a_refusal_are_told_apart() -> None:
    api, _ = cluster(
        **{
            "secrets/here": {"data": {"KEY": "x"}},
            "secrets/absent": MissingError("404"),
            "secrets/hidden": ConfigError("403"),
        }
    )

    def look(name: str) -> object:
        return look_up(api, f"Secret {name}", namespaced(api, "secrets", name))

    assert look("here") == {"data": {"KEY": "x"}}
    assert missing_keys({"data": {"KEY": "x"}}, ("KEY", "B", "A")) == ["A", "B"]
    assert look("absent") == {}
    hidden = Finding("Secret hidden", False, "this account may not look", needed=False)
    assert look("hidden") == hidden


def test_trial_pods_are_deleted_however_the_block_ends() -> None:
    api, server = cluster()
    pod = {"metadata": {"name": "a"}}
    with pytest.raises(ValueError, match="stopped"), TrialPods(api) as pods:
        pods.start(pod, "a pod")
        raise ValueError("stopped")
    assert server.calls == [
        ("POST", "/api/v1/namespaces/shop/pods"),
        ("DELETE", "/api/v1/namespaces/shop/pods/a"),
    ]


def test_a_pod_that_was_refused_is_not_deleted() -> None:
    refusal = ConfigError("pods is forbidden: cannot create resource")
    api, server = cluster(pods=refusal)
    with TrialPods(api) as pods, pytest.raises(ConfigError):
        pods.start({"metadata": {"name": "a"}}, "a pod")
    assert may_not_create(refusal) and [verb for verb, _ in server.calls] == ["POST"]


@pytest.mark.parametrize(
    ("account", "kind", "user"),
    [
        ("", "SelfSubjectAccessReview", None),
        ("steps", "LocalSubjectAccessReview", "system:serviceaccount:shop:steps"),
    ],
)
def test_rights_are_asked_for_this_account_or_another(
    account: str, kind: str, user: str | None
) -> None:
    api, server = cluster()
    reviews = {
        "": "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        "steps": "/apis/authorization.k8s.io/v1/namespaces/shop/localsubjectaccessreviews",
    }
    server.answers[reviews[account]] = {"status": {"allowed": True}}
    assert is_allowed(api, {"verb": "get", "resource": "secrets"}, account)
    assert server.body
    assert server.body["kind"] == kind and server.body["spec"].get("user") == user
    attributes = server.body["spec"]["resourceAttributes"]
    assert attributes == {"namespace": "shop", "verb": "get", "resource": "secrets"}
