"""Why something does not serve, in the words of pods, controllers, events and logs."""

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
        final: waiting does not help.
    """

    text: str
    final: bool = False


def conditions(live: Object) -> list[Object]:
    """The conditions of an object's status."""
    return list(live.get("status", {}).get("conditions") or [])


def _words(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _condition_text(condition: Object) -> str:
    reason = condition.get("reason", "")
    message = condition.get("message", "")
    return _words(condition.get("type", ""), reason, message)


# ---------------------------------------------------------------- pods


def pod_causes(cluster: Cluster, label_selector: str) -> list[Cause]:
    """Find what keeps the pods with these labels from serving.

    The same text of several pods is listed once.

    Args:
        cluster: where the pods are.
        label_selector: a label selector, ``key=value,key=value``.

    Returns:
        One cause a text; none when the pods are well.
    """
    causes: dict[str, Cause] = {}
    for pod in cluster.matching("Pod", label_selector):
        cause = _pod_cause(cluster, pod)
        if cause and cause.text not in causes:
            full_text = f"pod {pod['metadata']['name']}: {cause.text}"
            causes[cause.text] = Cause(full_text, cause.final)
    return list(causes.values())


def _pod_cause(cluster: Cluster, pod: Object) -> Cause | None:
    """What keeps one pod from serving: its containers, its place, its probes, warnings."""
    pod_status = pod.get("status", {})
    init_containers = pod_status.get("initContainerStatuses", [])
    serving_containers = pod_status.get("containerStatuses", [])
    for container in [*init_containers, *serving_containers]:
        cause = _ended(pod, container) or _waiting(container)
        if cause:
            return cause

    for condition in conditions(pod):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return Cause(_condition_text(condition))

    for container in serving_containers:
        if "running" in container["state"] and not container["ready"]:
            return _unready(cluster, pod)

    warnings = _warnings(cluster, pod["metadata"]["name"])
    if not warnings or _is_ready(pod):
        return None
    return Cause(warnings[-1])


def _is_ready(thing: Object) -> bool:
    for condition in conditions(thing):
        if condition["type"] == "Ready" and condition["status"] == "True":
            return True
    return False


def _ended(pod: Object, container: Object) -> Cause | None:
    """A container that ended badly, now or the time before; a crash that repeats is final."""
    if container.get("ready"):
        return None
    last_state = container.get("lastState", {})
    termination = (
        container["state"].get("terminated") or last_state.get("terminated") or {}
    )
    exit_status = termination.get("exitCode")
    if not exit_status:
        return None

    container_name = container["name"]
    reason = termination.get("reason", "Error")
    description = f"{container_name} {reason}, exit status {exit_status}"
    if reason == "OOMKilled":
        description += f" (memory limit {_memory_limit(pod, container_name)})"
    message = termination.get("message", "").strip()
    if message:
        description += f": {message[-LENGTH:]}"
    return Cause(description, final=container.get("restartCount", 0) >= CRASHES)


def _memory_limit(pod: Object, container_name: str) -> str:
    pod_spec = pod.get("spec", {})
    init_containers = pod_spec.get("initContainers", [])
    serving_containers = pod_spec.get("containers", [])
    for container in [*init_containers, *serving_containers]:
        if container["name"] == container_name:
            limits = container.get("resources", {}).get("limits", {})
            return str(limits.get("memory", "none"))
    return "unknown"


def _waiting(container: Object) -> Cause | None:
    waiting_state = container["state"].get("waiting")
    if not waiting_state or waiting_state.get("reason", "") in STARTING:
        return None
    reason = waiting_state.get("reason", "")
    message = waiting_state.get("message", "")
    image = container.get("image", "")
    image_note = f"(image {image})"
    if image in message:
        image_note = ""
    description = _words(container["name"], reason, message[-LENGTH:], image_note)
    return Cause(description, final=reason in HOPELESS)


def _unready(cluster: Cluster, pod: Object) -> Cause | None:
    """Why a pod that runs has not been ready for a while: by its own log, else by its probe.

    Returns:
        The cause; None while it is only starting.
    """
    pod_name = pod["metadata"]["name"]
    unready_names = []
    for container in pod["status"]["containerStatuses"]:
        if not container["ready"] and _runs_for(container) > GRACE:
            unready_names.append(container["name"])
    if not unready_names:
        return None

    for container_name in unready_names:
        log_text = cluster.log(pod_name, container_name, LINES)
        if log_text:
            return Cause(
                f"{container_name} runs and is not ready; its log ends: {log_text[-LENGTH:]}"
            )
    warnings = _warnings(cluster, pod_name)
    return Cause(_words("runs and is not ready", *warnings[-1:]))


def _runs_for(container: Object) -> float:
    """Seconds."""
    started_at = container["state"].get("running", {}).get("startedAt")
    if not started_at:
        return 0.0
    elapsed = datetime.now(UTC) - datetime.fromisoformat(started_at)
    return elapsed.total_seconds()


def _warnings(cluster: Cluster, object_name: str) -> list[str]:
    """Warnings of the cluster about one object, the newest last."""
    try:
        events = cluster.warnings(object_name)
    except AdoreError:  # an account that may not read events still learns all else
        return []
    warning_texts = []
    for event in events:
        message = event.get("message", "")[-LENGTH:]
        warning_text = _words(event.get("reason", ""), message)
        if warning_text:
            warning_texts.append(warning_text)
    return warning_texts


# ---------------------------------------------------------------- controllers


def deployment_causes(cluster: Cluster, deployment: Object) -> list[Cause]:
    """Find why a Deployment does not get its pods: their causes first, then its own.

    Args:
        cluster: where it is.
        deployment: its live state.

    Returns:
        The causes, as far as the cluster knows them.
    """
    labels = deployment["spec"]["selector"]["matchLabels"]
    label_selector = ",".join(
        f"{label_name}={label_value}" for label_name, label_value in labels.items()
    )
    causes = pod_causes(cluster, label_selector)
    for condition in conditions(deployment):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            condition_text = _condition_text(condition)
            causes.append(
                Cause(condition_text, final="violates PodSecurity" in condition_text)
            )
    return causes


def service_causes(
    cluster: Cluster, service: Object, deployment: Object | None
) -> list[Cause]:
    """Find why an InferenceService does not serve: by its pods and Deployment, else by KServe.

    Args:
        cluster: where it is.
        service: its live state.
        deployment: that KServe made of it; None: it made none.

    Returns:
        The causes, as far as the cluster knows them.
    """
    causes = []
    if deployment:
        causes = deployment_causes(cluster, deployment)
    return causes or list(_kserve_causes(cluster, service, deployment))


def _kserve_causes(
    cluster: Cluster, service: Object, deployment: Object | None
) -> Iterator[Cause]:
    """Its conditions; where they say nothing, the model's failure, else a warning."""
    reported_texts = set()
    for condition in conditions(service):
        reason = condition.get("reason", "")
        is_harmless = condition.get("severity") == "Info" or reason in NO_CAUSE
        condition_text = _words(reason, condition.get("message", ""))
        if (
            condition["status"] == "False"
            and not is_harmless
            and condition_text not in reported_texts
        ):
            reported_texts.add(condition_text)
            yield Cause(condition_text)

    model_status = service.get("status", {}).get("modelStatus", {})
    failure = model_status.get("lastFailureInfo", {}).get("message", "")
    if failure and not reported_texts:
        reported_texts.add(failure)
        yield Cause(failure[-LENGTH:])

    if not reported_texts and deployment is None:
        for warning in _warnings(cluster, service["metadata"]["name"])[-1:]:
            yield Cause(warning)
