"""Why something does not serve, in the cluster's own words: what pods, controllers, events and logs say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from adore.errors import AdoreError
from adore.release.kubernetes.client import Cluster

__all__ = ["Cause", "conditions", "deployment_causes", "pod_causes", "service_causes"]

Object = dict[str, Any]

STARTING = ("ContainerCreating", "PodInitializing")
"""Reasons of a container that waits because all goes as it should."""
HOPELESS = ("InvalidImageName", "ErrImageNeverPull")
"""Reasons of a container that waits for what never comes."""
CRASHES = 3
"""Restarts of one container after which its release is given up."""
NO_CAUSE = ("MinimumReplicasUnavailable", "Stopped", "ProgressDeadlineExceeded")
"""Reasons of conditions that say that something is not ready, not why."""
GRACE = 10.0
"""Seconds for which a container that runs and is not ready is only starting."""
LINES = 4
"""Lines of a log that are shown."""
LENGTH = 600
"""Characters of one message that are shown, its last ones: errors stand at the end."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason.

    Args:
        text: in the cluster's own words.
        final: no waiting mends it.
    """

    text: str
    final: bool = False


def conditions(live: Object) -> list[Object]:
    """The conditions of an object's status."""
    return list(live.get("status", {}).get("conditions") or [])


def _words(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _condition_text(condition: Object) -> str:
    return _words(*(condition.get(key, "") for key in ("type", "reason", "message")))


# ---------------------------------------------------------------- pods


def pod_causes(cluster: Cluster, match: str) -> list[Cause]:
    """What keeps the pods with these labels from serving; empty when they are well.

    The same words of several pods are told once.
    """
    causes: dict[str, Cause] = {}
    for pod in cluster.matching("Pod", match):
        cause = _pod_cause(cluster, pod)
        if cause and cause.text not in causes:
            causes[cause.text] = Cause(
                f"pod {pod['metadata']['name']}: {cause.text}", cause.final
            )
    return list(causes.values())


def _pod_cause(cluster: Cluster, pod: Object) -> Cause | None:
    status = pod.get("status", {})
    containers = [
        *status.get("initContainerStatuses", []),
        *status.get("containerStatuses", []),
    ]
    for container in containers:
        if cause := _ended(pod, container) or _waiting(container):
            return cause
    unplaced = [
        c
        for c in conditions(pod)
        if c["type"] == "PodScheduled" and c["status"] == "False"
    ]
    if unplaced:
        return Cause(_condition_text(unplaced[0]))
    if any(
        "running" in c["state"] and not c["ready"]
        for c in status.get("containerStatuses", [])
    ):
        return _unready(cluster, pod)
    warnings = _warnings(cluster, pod["metadata"]["name"])
    return Cause(warnings[-1]) if warnings and not _is_ready(pod) else None


def _is_ready(pod: Object) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions(pod))


def _ended(pod: Object, container: Object) -> Cause | None:
    """A container that ended badly, now or the time before; a crash that repeats is final."""
    if container.get("ready"):
        return None
    ended = (
        container["state"].get("terminated")
        or container.get("lastState", {}).get("terminated")
        or {}
    )
    if not ended.get("exitCode"):
        return None
    about = f"{container['name']} {ended.get('reason', 'Error')}, exit status {ended['exitCode']}"
    if ended.get("reason") == "OOMKilled":
        about += f" (memory limit {_memory_limit(pod, container['name'])})"
    message = ended.get("message", "").strip()[-LENGTH:]
    return Cause(
        f"{about}: {message}" if message else about,
        container.get("restartCount", 0) >= CRASHES,
    )


def _memory_limit(pod: Object, name: str) -> str:
    spec = pod.get("spec", {})
    for container in [*spec.get("initContainers", []), *spec.get("containers", [])]:
        if container["name"] == name:
            return str(
                container.get("resources", {}).get("limits", {}).get("memory", "none")
            )
    return "unknown"


def _waiting(container: Object) -> Cause | None:
    waiting = container["state"].get("waiting")
    if not waiting or waiting.get("reason", "") in STARTING:
        return None
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    image = container.get("image", "")
    shown = "" if image in message else f"(image {image})"
    return Cause(
        _words(container["name"], reason, message[-LENGTH:], shown), reason in HOPELESS
    )


def _unready(cluster: Cluster, pod: Object) -> Cause | None:
    """A pod that runs and is not ready for a while: what it says itself, else what its probe says."""
    name = pod["metadata"]["name"]
    late = [
        c
        for c in pod["status"]["containerStatuses"]
        if not c["ready"] and _runs_for(c) > GRACE
    ]
    for container in late:
        if log := cluster.log(name, container["name"], LINES):
            return Cause(
                f"{container['name']} runs and is not ready; its log ends: {log[-LENGTH:]}"
            )
    warnings = _warnings(cluster, name) if late else []
    return Cause(_words("runs and is not ready", *warnings[-1:])) if late else None


def _runs_for(container: Object) -> float:
    """Seconds."""
    started = container["state"].get("running", {}).get("startedAt")
    return (
        (datetime.now(UTC) - datetime.fromisoformat(started)).total_seconds()
        if started
        else 0.0
    )


def _warnings(cluster: Cluster, name: str) -> list[str]:
    """Warnings of the cluster about one object, the newest last."""
    try:
        events = cluster.warnings(name)
    except AdoreError:  # an account that may not read events still learns all else
        return []
    texts = [
        _words(e.get("reason", ""), e.get("message", "")[-LENGTH:]) for e in events
    ]
    return [text for text in texts if text]


# ---------------------------------------------------------------- controllers


def deployment_causes(cluster: Cluster, deployment: Object) -> list[Cause]:
    """Why a Deployment does not get its pods: theirs first, then what refuses to make them."""
    labels = deployment["spec"]["selector"]["matchLabels"]
    causes = pod_causes(
        cluster, ",".join(f"{key}={value}" for key, value in labels.items())
    )
    for condition in conditions(deployment):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            text = _condition_text(condition)
            causes.append(Cause(text, "violates PodSecurity" in text))
    return causes


def service_causes(
    cluster: Cluster, service: Object, deployment: Object | None
) -> list[Cause]:
    """Why an InferenceService does not serve: its pods, its Deployment, then KServe's own words."""
    causes = deployment_causes(cluster, deployment) if deployment else []
    return causes or [*_kserve_causes(cluster, service, deployment)]


def _kserve_causes(
    cluster: Cluster, service: Object, deployment: Object | None
) -> Iterator[Cause]:
    texts = set()
    for condition in conditions(service):
        idle = (
            condition.get("severity") == "Info" or condition.get("reason") in NO_CAUSE
        )
        text = _words(condition.get("reason", ""), condition.get("message", ""))
        if condition["status"] == "False" and not idle and text not in texts:
            texts.add(text)
            yield Cause(text)
    failure = (
        service.get("status", {})
        .get("modelStatus", {})
        .get("lastFailureInfo", {})
        .get("message", "")
    )
    if failure and not texts:
        texts.add(failure)
        yield Cause(failure[-LENGTH:])
    if not texts and deployment is None:
        for warning in _warnings(cluster, service["metadata"]["name"])[-1:]:
            yield Cause(warning)
