"""Whether a service or a Deployment serves its newest state; and waiting until it does.

What serves is asked.
"""

from __future__ import annotations

import time
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
    """Why the newest state of an InferenceService or a Deployment does not serve.

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
    """Whether its status tells of its newest state."""
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
    want = live["spec"]["predictor"]["minReplicas"] if least is None else least

    # who asks for fewer pods does not wait for KServe, which counts all of them
    if deployment and (least is not None or _is_ready(live)):
        rolled_out = _is_rolled_out(deployment, pod)
        if rolled_out and _count(deployment, "availableReplicas") >= want:
            return []

    causes = service_causes(cluster, live, deployment)
    if causes:
        return causes
    if deployment:
        return [Cause(_progress(deployment, want))]
    return [Cause("KServe made no Deployment yet; is it up?")]


def _is_ready(service: Object) -> bool:
    for condition in conditions(service):
        if condition["type"] == "Ready" and condition["status"] == "True":
            return True
    return False


def _deployment_faults(cluster: Cluster, live: Object) -> list[Cause]:
    want = live["spec"].get("replicas", 1)
    keys = ("updatedReplicas", "replicas", "availableReplicas")
    counts = [_count(live, key) for key in keys]
    if _observed(live) and counts == [want] * 3:
        return []
    return deployment_causes(cluster, live) or [Cause(_progress(live, want))]


def _progress(deployment: Object, want: int) -> str:
    updated = _count(deployment, "updatedReplicas")
    available = _count(deployment, "availableReplicas")
    return f"{updated} of {want} pods are new, {available} available"


def wait(cluster: Cluster, things: list[Object], *, least: int | None = None) -> None:
    """Until each of the objects serves.

    Causes are told on stderr as soon as the cluster tells them.

    Args:
        cluster: where they are; its config has the seconds of patience.
        things: objects as they were applied.
        least: pods of an InferenceService that suffice; None: as many as it asks for.

    Raises:
        UnavailableError: patience ran out, or a cause is one that waiting does not mend;
            the causes are in the text.
    """
    patience = cluster.config.patience
    until = time.monotonic() + patience
    said = set[str]()
    while True:
        causes = {title(thing): faults(cluster, thing, least) for thing in things}
        causes = {name: found for name, found in causes.items() if found}
        if not causes:
            return

        parts = []
        final = False
        for name, found in causes.items():
            words = " / ".join(cause.text for cause in found)
            parts.append(f"{name}: {words}")
            final = final or any(cause.final for cause in found)
        text = "; ".join(parts)

        if final or time.monotonic() > until:
            must = f"must be ready in {patience:g} s"
            if final:
                must = "must be ready, and no waiting mends this"
            raise UnavailableError(f"{', '.join(causes)} == not ready, {must}; {text}")
        if text not in said:
            said.add(text)
            log_line(f"    {text}")
        time.sleep(EVERY)
