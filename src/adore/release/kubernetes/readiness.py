"""Readiness: whether an object serves its newest state, and the wait until it does."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from adore.errors import UnavailableError
from adore.progress import log_line
from adore.release.kubernetes.causes import (
    Cause,
    deployment_causes,
    is_ready,
    service_causes,
)
from adore.release.kubernetes.client import Cluster, title
from adore.release.kubernetes.objects import POD, Object

__all__ = ["find_causes", "wait"]

EVERY = 0.5
"""Seconds between two checks."""


def find_causes(
    cluster: Cluster, thing: Object, least: int | None = None
) -> list[Cause]:
    """Find why the newest state of an InferenceService or a Deployment does not serve.

    Args:
        cluster: the object's cluster.
        thing: the object as it was applied; its live state is read.
        least: pods of an InferenceService that suffice; None: its minimum, and KServe must
            report it as ready.

    Returns:
        The causes that the cluster reports; empty if it serves.
    """
    live_object = cluster.get(thing["kind"], thing["metadata"]["name"])
    if live_object is None:
        return [Cause(f"{title(thing)} is not there")]
    if thing["kind"] == "InferenceService":
        return _find_service_causes(cluster, live_object, least)
    return _find_deployment_causes(cluster, live_object)


def _count(deployment: Object, count_name: str) -> int:
    return int(deployment.get("status", {}).get(count_name) or 0)


def _observed(deployment: Object) -> bool:
    """Whether a Deployment's status describes its newest state."""
    newest = int(deployment["metadata"].get("generation", 1))
    return _count(deployment, "observedGeneration") >= newest


def _is_rolled_out(deployment: Object, pod_digest: str) -> bool:
    """Whether a Deployment follows this state of its service, and no older pod is left."""
    annotations = deployment["spec"]["template"]["metadata"].get("annotations") or {}
    if str(annotations.get(POD)) != pod_digest or not _observed(deployment):
        return False
    updated_pods = _count(deployment, "updatedReplicas")
    return updated_pods == _count(deployment, "replicas")


def _find_service_causes(
    cluster: Cluster, service: Object, least: int | None
) -> list[Cause]:
    """Find why a service does not serve, by the Deployment that KServe made for it.

    The service's own status is not enough: its ``status.observedGeneration`` is the
    Deployment's counter, so it may describe an older state.

    Source: kserve v0.20.0, pkg/apis/serving/v1beta1/inference_service_status.go:456;
    kserve issue 6081.

    Returns:
        The causes; empty if it serves.
    """
    service_name = service["metadata"]["name"]
    pod_digest = service["metadata"].get("annotations", {}).get(POD, "")
    deployment = cluster.get("Deployment", f"{service_name}-predictor")
    wanted_pods = service["spec"]["predictor"]["minReplicas"]
    if least is not None:
        wanted_pods = least

    # KServe reports ready only with all pods: with ``least`` the Deployment alone decides.
    if deployment and (least is not None or is_ready(service)):
        rolled_out = _is_rolled_out(deployment, pod_digest)
        if rolled_out and _count(deployment, "availableReplicas") >= wanted_pods:
            return []

    causes = service_causes(cluster, service, deployment)
    if causes:
        return causes
    if deployment:
        return [Cause(_progress(deployment, wanted_pods))]
    return [Cause("KServe made no Deployment yet; is it up?")]


def _find_deployment_causes(cluster: Cluster, deployment: Object) -> list[Cause]:
    wanted_pods = deployment["spec"].get("replicas", 1)
    count_names = ("updatedReplicas", "replicas", "availableReplicas")
    counts = [_count(deployment, count_name) for count_name in count_names]
    if _observed(deployment) and counts == [wanted_pods] * 3:
        return []
    causes = deployment_causes(cluster, deployment)
    return causes or [Cause(_progress(deployment, wanted_pods))]


def _progress(deployment: Object, wanted_pods: int) -> str:
    updated_pods = _count(deployment, "updatedReplicas")
    available_pods = _count(deployment, "availableReplicas")
    return f"{updated_pods} of {wanted_pods} pods are new, {available_pods} available"


@dataclass(slots=True)
class _Unready:
    """Objects that do not serve, and why."""

    names: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    is_final: bool = False
    """Whether waiting is useless, because a cause is final."""


def _unready(cluster: Cluster, things: list[Object], least: int | None) -> _Unready:
    unready = _Unready()
    for thing in things:
        object_title = title(thing)
        causes = find_causes(cluster, thing, least)
        if causes:
            reasons = " / ".join(cause.text for cause in causes)
            unready.names.append(object_title)
            unready.texts.append(f"{object_title}: {reasons}")
        for cause in causes:
            unready.is_final = unready.is_final or cause.final
    return unready


def wait(cluster: Cluster, things: list[Object], *, least: int | None = None) -> None:
    """Wait until all objects serve, and log the causes why they do not.

    Args:
        cluster: the objects' cluster; its config sets the timeout, ``patience``.
        things: objects as they were applied.
        least: pods of an InferenceService that suffice; None: its minimum.

    Raises:
        UnavailableError: the time is up, or waiting is useless; the text has the causes.
    """
    patience = cluster.config.patience
    deadline = time.monotonic() + patience
    logged_texts = set[str]()
    while True:
        unready = _unready(cluster, things, least)
        if not unready.names:
            return
        description = "; ".join(unready.texts)
        if unready.is_final or time.monotonic() > deadline:
            unready_names = ", ".join(unready.names)
            requirement = f"must be ready in {patience:g} s"
            if unready.is_final:
                requirement = "must be ready, and waiting does not help"
            raise UnavailableError(
                f"{unready_names} == not ready, {requirement}; {description}"
            )
        # A cause is logged once, not at every check.
        if description not in logged_texts:
            logged_texts.add(description)
            log_line(f"    {description}")
        time.sleep(EVERY)
