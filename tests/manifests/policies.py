"""Our own policies: what every pod, role and object of ours must keep to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Object = dict[str, Any]
SECRET = re.compile(r"password|secret|token|access_?key|credential", re.IGNORECASE)


def _pod_specs(thing: Object) -> Iterator[Object]:
    """Pod specs as they will run, wherever an object keeps them."""
    spec = thing.get("spec") or {}
    kind = thing["kind"]
    if kind == "Pod":
        yield spec
    elif kind == "CronJob":
        yield spec["jobTemplate"]["spec"]["template"]["spec"]
    elif kind == "InferenceService":
        for predictor in [
            spec["predictor"],
            *(c["predictor"] for c in spec.get("canary", [])),
        ]:
            yield {**predictor, "containers": predictor.get("containers", [])}
    elif "template" in spec and "spec" in spec["template"]:
        yield spec["template"]["spec"]


def _containers(thing: Object) -> Iterator[Object]:
    specs = [thing["spec"]] if thing["kind"] == "ServingRuntime" else _pod_specs(thing)
    for spec in specs:
        yield from (*spec.get("initContainers", ()), *spec["containers"])


def pod_faults(thing: Object) -> Iterator[str]:
    """The restricted Pod Security profile, no token that is not needed."""
    name = f"{thing['kind']} {thing['metadata']['name']}"
    for spec in _pod_specs(thing):
        security = spec.get("securityContext", {})
        if (
            security.get("runAsNonRoot") is not True
            or security.get("runAsUser", 0) == 0
        ):
            yield f"{name} may run as root"
        if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{name} has no seccomp profile"
        if any(spec.get(k) for k in ("hostNetwork", "hostPID", "hostIPC")):
            yield f"{name} uses the host's namespaces"
        if any("hostPath" in v for v in spec.get("volumes", [])):
            yield f"{name} mounts a host path"
        if spec.get("automountServiceAccountToken") is not False:
            yield f"{name} mounts a token that it does not need"


def container_faults(thing: Object) -> Iterator[str]:
    """Read-only root, no privilege, requests and limits, a fixed image, probes where it serves."""
    for container in _containers(thing):
        name = f"{thing['kind']} {thing['metadata']['name']}/{container['name']}"
        security = container.get("securityContext", {})
        wanted = {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        for key, value in wanted.items():
            if security.get(key) != value:
                yield f"{name}: {key} == {security.get(key)}"
        tag = (
            container["image"].rpartition(":")[2]
            if ":" in container["image"].rpartition("/")[2]
            else ""
        )
        if tag in ("", "latest") and "@sha256:" not in container["image"]:
            yield f"{name}: image {container['image']} is not fixed"
        resources = container.get("resources", {})
        for part in ("requests", "limits"):
            if not {"cpu", "memory"} <= set(resources.get(part, {})):
                yield f"{name}: {part} lacks cpu or memory"
        if container.get("ports") and not {"readinessProbe", "livenessProbe"} <= set(
            container
        ):
            yield f"{name}: serves without probes"


def rbac_faults(thing: Object) -> Iterator[str]:
    """No wildcards, no right over secrets, roles or escalation; nothing for the whole cluster."""
    name = f"{thing['kind']} {thing['metadata']['name']}"
    if thing["kind"] in ("ClusterRole", "ClusterRoleBinding"):
        yield f"{name} reaches beyond its namespace"
    for rule in thing.get("rules") or [] if thing["kind"].endswith("Role") else []:
        if "*" in [
            *rule.get("apiGroups", []),
            *rule.get("resources", []),
            *rule.get("verbs", []),
        ]:
            yield f"{name} has a wildcard"
        if {
            "secrets",
            "roles",
            "rolebindings",
            "pods/exec",
            "serviceaccounts/token",
        } & set(rule.get("resources", [])):
            yield f"{name} reaches {rule['resources']}"
        if {"escalate", "bind", "impersonate", "deletecollection"} & set(
            rule.get("verbs", [])
        ):
            yield f"{name} may {rule['verbs']}"


def secret_faults(thing: Object) -> Iterator[str]:
    """Secrets by reference only."""
    name = f"{thing['kind']} {thing['metadata']['name']}"
    if thing["kind"] == "Secret" and (thing.get("data") or thing.get("stringData")):
        yield f"{name} holds a value"
    for container in _containers(thing) if thing["kind"] != "ConfigMap" else ():
        for variable in container.get("env", []):
            if SECRET.search(variable["name"]) and variable.get("value"):
                yield f"{name}: {variable['name']} holds a value"


def all_faults(thing: Object) -> list[str]:
    """Every fault of every policy."""
    rules = (pod_faults, container_faults, rbac_faults, secret_faults)
    return [fault for rule in rules for fault in rule(thing)]
