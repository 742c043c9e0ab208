"""Causes why something does not serve, from pods, controllers, events and logs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from adore.errors import AdoreError
from adore.release.kubernetes.client import Cluster
from adore.release.kubernetes.objects import Object

__all__ = [
    "Cause",
    "conditions",
    "deployment_causes",
    "is_ready",
    "pod_causes",
    "service_causes",
]

STARTING_REASONS = ("ContainerCreating", "PodInitializing")
"""Waiting reasons of a container that starts normally."""
FINAL_REASONS = ("InvalidImageName", "ErrImageNeverPull")
"""Waiting reasons of a container that can never start."""
MOST_RESTARTS = 3
"""Restarts of a container after which its crash is final."""
EMPTY_REASONS = ("MinimumReplicasUnavailable", "Stopped", "ProgressDeadlineExceeded")
"""Reasons of conditions that say that something is not ready, but not why."""
STARTUP_GRACE = 10.0
"""Seconds for which a running container that is not ready counts as starting."""
LOG_LINES = 4
"""Log lines in a cause."""
LONGEST_MESSAGE = 600
"""Characters of a message in a cause: the last ones, because errors come at the end."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause why something does not serve.

    Args:
        text: in the cluster's words.
        final: whether waiting is useless.
    """

    text: str
    final: bool = False


def conditions(live: Object) -> list[Object]:
    """Return the conditions of an object's status."""
    return list(live.get("status", {}).get("conditions") or [])


def _join_words(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _condition_text(condition: Object) -> str:
    reason = condition.get("reason", "")
    message = condition.get("message", "")
    return _join_words(condition.get("type", ""), reason, message)


# ---------------------------------------------------------------- pods


def pod_causes(cluster: Cluster, label_selector: str) -> list[Cause]:
    """Find why pods with these labels do not serve.

    A cause that several pods share is listed once.

    Args:
        cluster: the pods' cluster.
        label_selector: a label selector, ``key=value,key=value``.

    Returns:
        Causes with different texts; empty if all pods serve.
    """
    causes: dict[str, Cause] = {}
    for pod in cluster.matching("Pod", label_selector):
        cause = _pod_cause(cluster, pod)
        if cause and cause.text not in causes:
            full_text = f"pod {pod['metadata']['name']}: {cause.text}"
            causes[cause.text] = Cause(full_text, cause.final)
    return list(causes.values())


def _pod_cause(cluster: Cluster, pod: Object) -> Cause | None:
    """Find why a pod does not serve: by containers, scheduling, probes, then warnings."""
    pod_status = pod.get("status", {})
    init_containers = pod_status.get("initContainerStatuses", [])
    serving_containers = pod_status.get("containerStatuses", [])
    for container in [*init_containers, *serving_containers]:
        cause = _failure_cause(pod, container) or _waiting_cause(container)
        if cause:
            return cause

    # A pod without a node has no container statuses at all.
    for condition in conditions(pod):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return Cause(_condition_text(condition))

    for container in serving_containers:
        if "running" in container["state"] and not container["ready"]:
            return _unready_cause(cluster, pod)

    # A volume that cannot be mounted leaves a waiting container and a warning only.
    warnings = _warnings(cluster, pod["metadata"]["name"])
    if not warnings or is_ready(pod):
        return None
    return Cause(warnings[-1])


def is_ready(thing: Object) -> bool:
    """Tell whether an object's condition ``Ready`` is true."""
    for condition in conditions(thing):
        if condition["type"] == "Ready" and condition["status"] == "True":
            return True
    return False


def _failure_cause(pod: Object, container: Object) -> Cause | None:
    """Find why a container failed, now or before its restart; repeated crashes are final."""
    if container.get("ready"):
        return None
    # In a crash loop the container is waiting now, and the exit is in its last state.
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
        description += f": {message[-LONGEST_MESSAGE:]}"
    return Cause(description, final=container.get("restartCount", 0) >= MOST_RESTARTS)


def _memory_limit(pod: Object, container_name: str) -> str:
    pod_spec = pod.get("spec", {})
    init_containers = pod_spec.get("initContainers", [])
    serving_containers = pod_spec.get("containers", [])
    for container in [*init_containers, *serving_containers]:
        if container["name"] == container_name:
            limits = container.get("resources", {}).get("limits", {})
            return str(limits.get("memory", "none"))
    return "unknown"


def _waiting_cause(container: Object) -> Cause | None:
    waiting_state = container["state"].get("waiting")
    if not waiting_state or waiting_state.get("reason", "") in STARTING_REASONS:
        return None
    reason = waiting_state.get("reason", "")
    message = waiting_state.get("message", "")
    image = container.get("image", "")
    image_note = f"(image {image})"
    if image in message:
        image_note = ""
    description = _join_words(
        container["name"], reason, message[-LONGEST_MESSAGE:], image_note
    )
    return Cause(description, final=reason in FINAL_REASONS)


def _unready_cause(cluster: Cluster, pod: Object) -> Cause | None:
    """Find why a running pod is not ready: by its log, else by its probe.

    Returns:
        The cause; None while the pod is starting.
    """
    pod_name = pod["metadata"]["name"]
    unready_names = []
    for container in pod["status"]["containerStatuses"]:
        if not container["ready"] and _runs_for(container) > STARTUP_GRACE:
            unready_names.append(container["name"])
    if not unready_names:
        return None

    for container_name in unready_names:
        log_text = cluster.log(pod_name, container_name, LOG_LINES)
        if log_text:
            ending = log_text[-LONGEST_MESSAGE:]
            text = f"{container_name} runs and is not ready; its log ends: {ending}"
            return Cause(text)
    warnings = _warnings(cluster, pod_name)
    return Cause(_join_words("runs and is not ready", *warnings[-1:]))


def _runs_for(container: Object) -> float:
    """Seconds since the container started."""
    started_at = container["state"].get("running", {}).get("startedAt")
    if not started_at:
        return 0.0
    elapsed = datetime.now(UTC) - datetime.fromisoformat(started_at)
    return elapsed.total_seconds()


def _warnings(cluster: Cluster, object_name: str) -> list[str]:
    """Texts of warning events about an object, newest last."""
    try:
        events = cluster.warnings(object_name)
    except AdoreError:
        # An account without the right to read events still gets all other causes.
        return []
    warning_texts = []
    for event in events:
        message = event.get("message", "")[-LONGEST_MESSAGE:]
        warning_text = _join_words(event.get("reason", ""), message)
        if warning_text:
            warning_texts.append(warning_text)
    return warning_texts


# ---------------------------------------------------------------- controllers


def deployment_causes(cluster: Cluster, deployment: Object) -> list[Cause]:
    """Find why a Deployment has too few ready pods: causes of its pods, then its own.

    Args:
        cluster: the Deployment's cluster.
        deployment: its live state.

    Returns:
        The causes that the cluster reports.
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
    """Find why an InferenceService does not serve: by its Deployment, else by KServe.

    Args:
        cluster: the service's cluster.
        service: its live state.
        deployment: the one that KServe created for it; None: there is none.

    Returns:
        The causes that the cluster reports.
    """
    causes = []
    if deployment:
        causes = deployment_causes(cluster, deployment)
    return causes or list(_kserve_causes(cluster, service, deployment))


def _kserve_causes(
    cluster: Cluster, service: Object, deployment: Object | None
) -> Iterator[Cause]:
    """Causes by a service's conditions, else by its model's failure, else by warnings."""
    reported_texts = set()
    for condition in conditions(service):
        reason = condition.get("reason", "")
        is_harmless = condition.get("severity") == "Info" or reason in EMPTY_REASONS
        condition_text = _join_words(reason, condition.get("message", ""))
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
        yield Cause(failure[-LONGEST_MESSAGE:])

    if not reported_texts and deployment is None:
        for warning in _warnings(cluster, service["metadata"]["name"])[-1:]:
            yield Cause(warning)
