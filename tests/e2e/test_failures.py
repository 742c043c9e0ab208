"""What a person is told when a release cannot start, in the cluster's own words,
in seconds; and it is withdrawn.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from tests.e2e.conftest import (
    SMALL,
    World,
    as_pipeline,
    kubectl,
    settings,
    shop_namespace,
)

from adore.errors import AdoreError, ConfigError, UnavailableError
from adore.release.kubernetes import target as target_module
from adore.release.kubernetes.config import Config, Pool
from adore.release.kubernetes.releases import Release
from adore.release.kubernetes.target import KubernetesTarget

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def live(target: KubernetesTarget, first: int) -> Release:
    return target.live()


def fails(
    config: Config,
    live: Release,
    *,
    change: dict[str, Any] | None = None,
    uri: str = "",
    patience: float = 60,
    error: type[AdoreError] = UnavailableError,
) -> tuple[str, float]:
    """Release one variant with a fault; what the error says, and after how many seconds."""
    about = {**live.plan["variants"]["control"]}
    about.pop("service", None)
    about |= {"uri": uri} if uri else {}
    plan = {**live.plan, "weights": {"control": 1.0}, "variants": {"control": about}}
    odd = Config(**{**config.model_dump(), "patience": patience, **(change or {})})
    target = as_pipeline(odd)
    begun = time.monotonic()
    with pytest.raises(error) as caught:
        target.release(plan)
    seconds = time.monotonic() - begun
    assert target.live().number == live.number, "what was live serves"
    return str(caught.value), seconds


def told(capsys: pytest.CaptureFixture[str], pattern: str) -> bool:
    """Whether it was said while the release was waited for, not only at its end."""
    return bool(re.search(pattern, capsys.readouterr().err, re.DOTALL))


def test_an_image_that_is_missing(
    config: Config, live: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    text, _ = fails(config, live, change={"tag": "nope"}, patience=20)
    wanted = r"kserve-container (ErrImagePull|ImagePullBackOff|ErrImageNeverPull).*server:nope"
    assert (
        re.search(wanted, text)
        and "is withdrawn" in text
        and "MinimumReplicas" not in text
    ), text
    assert told(capsys, wanted)


def test_a_model_that_is_not_in_the_store(config: Config, live: Release) -> None:
    text, seconds = fails(config, live, uri="s3://shop/nowhere", patience=120)
    assert re.search(
        r"kserve-container Error, exit status 1: .*s3://shop/nowhere.*must be one with objects",
        text,
    ), text
    assert seconds < 110, "a crash that repeats is given up"


def test_a_model_that_is_broken(config: Config, live: Release) -> None:
    boto3.client("s3").put_object(Bucket="shop", Key="broken/card.json", Body=b"{")
    text, _ = fails(config, live, uri="s3://shop/broken", patience=120)
    assert re.search(
        r"kserve-container Error, exit status 1: .*card\.json", text, re.DOTALL
    ), text


def test_a_quota_that_is_reached(config: Config, live: Release) -> None:
    kubectl("-n", config.namespace, "create", "quota", "none", "--hard=pods=0")
    try:
        text, _ = fails(config, live, change={"server_threads": 3}, patience=15)
    finally:
        kubectl("-n", config.namespace, "delete", "quota", "none")
    assert re.search(r"ReplicaFailure FailedCreate .*exceeded quota: none", text), text


def test_a_pod_too_big_for_any_node(config: Config, live: Release) -> None:
    text, _ = fails(
        config,
        live,
        change={"server": Pool(replicas=1, most=1, cpu="500", cpu_limit="500")},
        patience=15,
    )
    assert re.search(r"PodScheduled Unschedulable .*Insufficient cpu", text), text


def test_a_server_without_enough_memory(config: Config, live: Release) -> None:
    small = {**SMALL, "memory": "24Mi"}
    text, _ = fails(
        config, live, change={"server": Pool(replicas=1, most=1, **small)}, patience=120
    )
    assert re.search(
        r"kserve-container (OOMKilled|StartError).*(memory limit 24Mi|memory)", text
    ), text


def test_a_secret_that_is_missing(
    config: Config, live: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    text, _ = fails(config, live, change={"credentials": "nobody-made-it"}, patience=15)
    wanted = (
        r'kserve-container CreateContainerConfigError secret "nobody-made-it" not found'
    )
    assert re.search(wanted, text), text
    assert told(capsys, wanted)


def changed(
    function: Callable[..., Any], change: Callable[[dict[str, Any]], None]
) -> Callable[..., Any]:
    """The same objects, but for one change of each InferenceService."""

    def one(*arguments: Any) -> list[dict[str, Any]]:
        things = list(function(*arguments))
        for thing in things:
            if thing["kind"] == "InferenceService":
                change(thing)
        return things

    return one


def test_what_kserves_webhook_refuses(
    config: Config, live: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(service: dict[str, Any]) -> None:
        service["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] = (
            "by-hand"
        )

    monkeypatch.setattr(
        target_module, "servers", changed(target_module.servers, unknown)
    )
    text, seconds = fails(config, live, change={"server_threads": 4}, error=ConfigError)
    assert (
        "admission webhook" in text
        and "[by-hand] is not a supported autoscaler class type" in text
    ), text
    assert seconds < 30


def test_what_kserve_cannot_reconcile(
    config: Config, live: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that fits the API and not the host name that KServe makes of it."""
    monkeypatch.setattr(target_module, "name_services", _with_long_names)
    text, _ = fails(config, live, change={"server_threads": 5}, patience=15)
    assert "ReconcileFailed" in text and "63 characters" in text, text


def _with_long_names(config: Config, plan: dict[str, Any]) -> dict[str, Any]:
    from adore.release.kubernetes.objects import name_services

    plan = name_services(config, plan)
    variants = {
        k: {**v, "service": f"{v['service']}-{'x' * 60}"[:52].rstrip("-")}
        for k, v in plan["variants"].items()
    }
    return {**plan, "variants": variants}


def test_what_pod_security_refuses(config: Config, live: Release) -> None:
    """KServe's storage initializer, as its YAML installs it, in a restricted namespace."""
    security = kubectl(
        "get",
        "clusterstoragecontainer",
        "default",
        "-o",
        "jsonpath={.spec.container.securityContext}",
    )
    if security:
        pytest.skip(
            "SKIPPED Pod Security: this installation gives KServe's storage "
            "initializer a security context"
        )
    text, seconds = fails(config, live, change={"loader": "kserve"}, patience=60)
    assert re.search(
        r"FailedCreate .*violates PodSecurity.*storage-initializer", text
    ), text
    assert seconds < 45, "no waiting mends it"


@contextmanager
def without_policy(config: Config, name: str) -> Iterator[None]:
    policy = kubectl("-n", config.namespace, "get", "networkpolicy", name, "-o", "yaml")
    kubectl("-n", config.namespace, "delete", "networkpolicy", name)
    try:
        yield
    finally:
        kept = re.sub(
            r"\n  (uid|resourceVersion|creationTimestamp|generation): .*", "", policy
        )
        kubectl("-n", config.namespace, "apply", "-f", "-", stdin=kept)


def test_a_policy_between_server_and_store(config: Config, live: Release) -> None:
    with without_policy(config, "test-store"):
        text, _ = fails(config, live, change={"server_threads": 6}, patience=90)
    assert re.search(
        r"kserve-container .*must be reachable; check AWS_ENDPOINT_URL", text, re.DOTALL
    ), text


def test_a_policy_between_router_and_names(
    store: Any, host: str, places: list[str], tmp_path: Any
) -> None:
    """A cluster whose names are answered elsewhere than by kube-system's pods:
    the router says what it misses.
    """
    from adore.release.kubernetes.releases import read_plan

    with shop_namespace(
        f"adore-{uuid.uuid4().hex[:6]}", store, host, tmp_path
    ) as space:
        one = Pool(replicas=1, most=1, **SMALL)
        config = settings(space, server=one, router=one, patience=45)
        kubectl("-n", space, "delete", "networkpolicy", "dns")
        with pytest.raises(UnavailableError) as caught:
            as_pipeline(config).release(read_plan(config, places[0]))
        assert re.search(
            r"router .*does not resolve.*DNS", str(caught.value), re.DOTALL
        ), str(caught.value)


def test_it_still_serves_after_all_that(world: World) -> None:
    assert {a["status"] for a in world.ask([f"u{n}" for n in range(10)])} == {200}
