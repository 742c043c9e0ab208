"""Whether an InferenceService or a Deployment is ready, and if not, the reason in words."""

from __future__ import annotations

from typing import Any

from adore.release.kubernetes.client import Cluster

__all__ = ["fault", "pod_faults"]

Object = dict[str, Any]


def fault(cluster: Cluster, live: Object) -> str:
    """Empty when the newest state of the object serves; else why not, as far as the cluster tells."""
    if live["kind"] == "InferenceService":
        return _service_fault(cluster, live)
    return _deployment_fault(cluster, live)


def _conditions(live: Object) -> list[Object]:
    return list(live.get("status", {}).get("conditions") or [])


def _said(condition: Object) -> str:
    words = [condition.get(k, "") for k in ("type", "reason", "message")]
    return " ".join(w for w in words if w)


def _current(live: Object) -> bool:
    return bool(live.get("status", {}).get("observedGeneration", 0) >= live["metadata"].get("generation", 1))


def _service_fault(cluster: Cluster, live: Object) -> str:
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in _conditions(live))
    if ready and _current(live):
        return ""
    name = live["metadata"]["name"]
    bad = [_said(c) for c in _conditions(live) if c["status"] == "False" and c["type"] != "Ready"]
    failure = live.get("status", {}).get("modelStatus", {}).get("lastFailureInfo", {}).get("message", "")
    deployment = cluster.get("Deployment", f"{name}-predictor")
    pods = pod_faults(cluster, f"serving.kserve.io/inferenceservice={name}")
    parts = [*pods, *_failures(deployment), failure, *bad]
    return "; ".join(p for p in parts if p) or "KServe says nothing yet (is its controller running?)"


def _deployment_fault(cluster: Cluster, live: Object) -> str:
    status, want = live.get("status", {}), live.get("spec", {}).get("replicas", 1)
    counts = [status.get(k, 0) for k in ("updatedReplicas", "replicas", "availableReplicas")]
    if _current(live) and counts == [want] * 3:
        return ""
    match = ",".join(f"{k}={v}" for k, v in live["spec"]["selector"]["matchLabels"].items())
    parts = [*pod_faults(cluster, match), *_failures(live)]
    return "; ".join(parts) or f"{counts[0]} of {want} pods are new, {counts[2]} available"


def _failures(deployment: Object | None) -> list[str]:
    bad = {"ReplicaFailure": "True", "Progressing": "False"}
    return [_said(c) for c in _conditions(deployment or {}) if bad.get(c["type"]) == c["status"]]


def pod_faults(cluster: Cluster, match: str) -> list[str]:
    """What keeps the pods with these labels, in words; empty when they are well."""
    return [f"pod {p['metadata']['name']}: {why}" for p in cluster.matching("Pod", match) if (why := _pod_fault(p))]


def _pod_fault(pod: Object) -> str:
    status = pod.get("status", {})
    for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        ended = container.get("lastState", {}).get("terminated") or container["state"].get("terminated") or {}
        if ended.get("exitCode"):
            text = f"{ended.get('reason', '')}, exit status {ended['exitCode']}: {ended.get('message', '')[-600:]}"
            return f"{container['name']} {text.strip()}"
        waiting = container["state"].get("waiting")
        if waiting and waiting.get("reason") not in ("ContainerCreating", "PodInitializing"):
            return f"{container['name']} {waiting.get('reason', '')} {waiting.get('message', '')}".strip()
    unplaced = [c for c in _conditions(pod) if c["type"] == "PodScheduled" and c["status"] == "False"]
    return _said(unplaced[0]) if unplaced else ""
