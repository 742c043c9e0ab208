"""Whether a service or a Deployment serves its newest state; and waiting until it does."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from adore.errors import UnavailableError
from adore.progress import log_line
from adore.release.kubernetes.causes import (
    Cause,
    conditions,
    deployment_causes,
    service_causes,
)
from adore.release.kubernetes.client import Cluster, title
from adore.release.kubernetes.objects import POD

__all__ = ["faults", "wait"]

Object = dict[str, Any]
EVERY = 0.5
"""Seconds between two looks."""


def faults(cluster: Cluster, thing: Object, least: int | None = None) -> list[Cause]:
    """Find why the newest state of an InferenceService or a Deployment does not serve.

    Args:
        cluster: where it is.
        thing: as it was applied; its live state is read.
        least: pods of an InferenceService that suffice; None: as many as it asks for, and
            KServe agrees.

    Returns:
        Empty when it serves; else the causes, as far as known.
    """
    live = cluster.get(thing["kind"], thing["metadata"]["name"])
    if live is None:
        return [Cause(f"{title(thing)} is not there")]
    if thing["kind"] == "InferenceService":
        return _service_faults(cluster, live, least)
    return _deployment_faults(cluster, live)


def _count(deployment: Object, key: str) -> int:
    return int(deployment.get("status", {}).get(key) or 0)


def _observed(deployment: Object) -> bool:
    """Whether its status describes its newest state."""
    newest = int(deployment["metadata"].get("generation", 1))
    return _count(deployment, "observedGeneration") >= newest


def _is_rolled_out(deployment: Object, pod: str) -> bool:
    """Whether it is made from this state of the service, and no pod of an older one is left."""
    template = deployment["spec"]["template"]["metadata"].get("annotations") or {}
    if str(template.get(POD)) != pod or not _observed(deployment):
        return False
    updated = _count(deployment, "updatedReplicas")
    return updated == _count(deployment, "replicas")


def _service_faults(cluster: Cluster, live: Object, least: int | None) -> list[Cause]:
    """Ask the Deployment that KServe made, not KServe alone.

    KServe's ``status.observedGeneration`` is the Deployment's counter, not the service's:
    it proves nothing.

    Source: kserve v0.20.0, pkg/apis/serving/v1beta1/inference_service_status.go:456;
    kserve issue 6081.

    Returns:
        The causes; none when it serves.
    """
    name = live["metadata"]["name"]
    pod = live["metadata"].get("annotations", {}).get(POD, "")
    deployment = cluster.get("Deployment", f"{name}-predictor")
    wanted = live["spec"]["predictor"]["minReplicas"] if least is None else least

    # who asks for fewer pods does not wait for KServe, which counts all of them
    if deployment and (least is not None or _is_ready(live)):
        rolled_out = _is_rolled_out(deployment, pod)
        if rolled_out and _count(deployment, "availableReplicas") >= wanted:
            return []

    causes = service_causes(cluster, live, deployment)
    if causes:
        return causes
    if deployment:
        return [Cause(_progress(deployment, wanted))]
    return [Cause("KServe made no Deployment yet; is it up?")]


def _is_ready(service: Object) -> bool:
    for condition in conditions(service):
        if condition["type"] == "Ready" and condition["status"] == "True":
            return True
    return False


def _deployment_faults(cluster: Cluster, live: Object) -> list[Cause]:
    wanted = live["spec"].get("replicas", 1)
    keys = ("updatedReplicas", "replicas", "availableReplicas")
    counts = [_count(live, key) for key in keys]
    if _observed(live) and counts == [wanted] * 3:
        return []
    return deployment_causes(cluster, live) or [Cause(_progress(live, wanted))]


def _progress(deployment: Object, wanted: int) -> str:
    updated = _count(deployment, "updatedReplicas")
    available = _count(deployment, "availableReplicas")
    return f"{updated} of {wanted} pods are new, {available} available"


@dataclass(slots=True)
class _Unready:
    """Which objects do not serve, and why."""

    names: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    is_final: bool = False
    """Whether a cause is one that waiting does not help against."""


def _unready(cluster: Cluster, things: list[Object], least: int | None) -> _Unready:
    unready = _Unready()
    for thing in things:
        name = title(thing)
        causes = faults(cluster, thing, least)
        if causes:
            reasons = " / ".join(cause.text for cause in causes)
            unready.names.append(name)
            unready.texts.append(f"{name}: {reasons}")
        for cause in causes:
            unready.is_final = unready.is_final or cause.final
    return unready


def wait(cluster: Cluster, things: list[Object], *, least: int | None = None) -> None:
    """Wait until each of the objects serves.

    Causes are logged as soon as the cluster knows them.

    Args:
        cluster: where they are; its config has the seconds of patience.
        things: objects as they were applied.
        least: pods of an InferenceService that suffice; None: as many as it asks for.

    Raises:
        UnavailableError: patience ran out, or waiting does not help; the causes are in the
            text.
    """
    patience = cluster.config.patience
    deadline = time.monotonic() + patience
    logged = set[str]()
    while True:
        unready = _unready(cluster, things, least)
        if not unready.names:
            return
        text = "; ".join(unready.texts)
        if unready.is_final or time.monotonic() > deadline:
            names = ", ".join(unready.names)
            must = f"must be ready in {patience:g} s"
            if unready.is_final:
                must = "must be ready, and waiting does not help"
            raise UnavailableError(f"{names} == not ready, {must}; {text}")
        if text not in logged:
            logged.add(text)
            log_line(f"    {text}")
        time.sleep(EVERY)
