"""Whether a service or a Deployment serves its newest state, asked of what serves; and waiting until it does."""

from __future__ import annotations

import time
from typing import Any

from adore.errors import UnavailableError
from adore.progress import say
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
    """Empty when the newest state of an InferenceService or a Deployment serves; else the causes, as far as known.

    Args:
        thing: as it was applied; its live state is read.
        least: pods of an InferenceService that suffice; None: as many as it asks for, and KServe agrees.
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
    return _count(deployment, "observedGeneration") >= int(
        deployment["metadata"].get("generation", 1)
    )


def _is_rolled_out(deployment: Object, pod: str) -> bool:
    """Whether it is made from this state of the service, and no pod of an older one is left."""
    template = deployment["spec"]["template"]["metadata"].get("annotations") or {}
    newest = str(template.get(POD)) == pod and _observed(deployment)
    return newest and _count(deployment, "updatedReplicas") == _count(
        deployment, "replicas"
    )


def _service_faults(cluster: Cluster, live: Object, least: int | None) -> list[Cause]:
    """KServe's ``status.observedGeneration`` is the Deployment's counter, not the service's: it proves nothing.

    Source: kserve v0.20.0, pkg/apis/serving/v1beta1/inference_service_status.go:456; kserve issue 6081.
    """
    name, pod = (
        live["metadata"]["name"],
        live["metadata"].get("annotations", {}).get(POD, ""),
    )
    deployment = cluster.get("Deployment", f"{name}-predictor")
    ready = any(
        c["type"] == "Ready" and c["status"] == "True" for c in conditions(live)
    )
    want = live["spec"]["predictor"]["minReplicas"] if least is None else least
    up = (
        deployment
        and _is_rolled_out(deployment, pod)
        and _count(deployment, "availableReplicas") >= want
    )
    if up and (ready or least is not None):
        return []
    causes = service_causes(cluster, live, deployment)
    return causes or [
        Cause(
            _progress(deployment, want)
            if deployment
            else "KServe made no Deployment yet; is it up?"
        )
    ]


def _deployment_faults(cluster: Cluster, live: Object) -> list[Cause]:
    want = live["spec"].get("replicas", 1)
    counts = [
        _count(live, key)
        for key in ("updatedReplicas", "replicas", "availableReplicas")
    ]
    if _observed(live) and counts == [want] * 3:
        return []
    return deployment_causes(cluster, live) or [Cause(_progress(live, want))]


def _progress(deployment: Object, want: int) -> str:
    updated, available = (
        _count(deployment, "updatedReplicas"),
        _count(deployment, "availableReplicas"),
    )
    return f"{updated} of {want} pods are new, {available} available"


def wait(cluster: Cluster, things: list[Object], *, least: int | None = None) -> None:
    """Until each of the objects serves; causes are told on stderr as soon as the cluster tells them.

    Raises:
        UnavailableError: patience ran out, or a cause is one that waiting does not mend; the causes are in the text.
    """
    patience = cluster.config.patience
    until = time.monotonic() + patience
    said = set[str]()
    while True:
        open_faults = {title(thing): faults(cluster, thing, least) for thing in things}
        causes = {name: found for name, found in open_faults.items() if found}
        if not causes:
            return
        text = "; ".join(
            f"{name}: {' / '.join(c.text for c in found)}"
            for name, found in causes.items()
        )
        final = any(cause.final for found in causes.values() for cause in found)
        if final or time.monotonic() > until:
            must = (
                "must be ready, and no waiting mends this"
                if final
                else f"must be ready in {patience:g} s"
            )
            raise UnavailableError(f"{', '.join(causes)} == not ready, {must}; {text}")
        if text not in said:
            said.add(text)
            say(f"    {text}")
        time.sleep(EVERY)
