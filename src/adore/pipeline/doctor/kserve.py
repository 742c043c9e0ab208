"""Whether this cluster's KServe takes a release.

Its version, modes, storage, names, and Pod Security of its pods.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from adore.errors import AdoreError, ConfigError, MissingError
from adore.pipeline.doctor.finding import Finding
from adore.pipeline.doctor.lookups import may_not_create, namespaced
from adore.release.kubernetes.client import Cluster, api_root
from adore.release.kubernetes.config import LABEL, Config
from adore.release.kubernetes.objects import (
    INFERENCE_SERVICE,
    Plan,
    inference_services,
    labels,
    name_services,
)
from adore.release.kubernetes.preview import preview
from adore.release.kubernetes.releases import render
from adore.release.kubernetes.router import router

__all__ = ["examine_kserve"]

Object = dict[str, Any]
HOMES = ("kserve", "opendatahub", "redhat-ods-applications", "kubeflow")
"""Namespaces in which KServe's controller and its ConfigMap are installed.

By the guides of KServe and Open Data Hub."""
LEAST = (0, 20)
SAMPLE: Plan = {
    "name": "doctor",
    "salt": "doctor",
    "weights": {"control": 0.5, "challenger": 0.5},
    "variants": {
        "control": {
            "version": "bm25-000000000000",
            "kind": "bm25",
            "uri": "s3://bucket/control",
        },
        "challenger": {
            "version": "student-000000000000",
            "kind": "student",
            "uri": "s3://bucket/challenger",
        },
    },
}
"""A release as any other, for dry runs."""
INITIALIZER = "internal.serving.kserve.io/storage-initializer-sourceuri"
STORAGE_CONTAINER = "internal.serving.kserve.io/storage-container-name"
"""Annotations by which KServe's webhook adds its storage initializer to a pod.

Source: KServe v0.20.0, pkg/constants."""


def _settings(cluster: Cluster) -> tuple[str, dict[str, Any]]:
    """Namespace and content of KServe's ConfigMap.

    Returns:
        The namespace, and each setting by its key.

    Raises:
        MissingError: it is in none of the usual namespaces, or this account may not read it.
    """
    for home in HOMES:
        path = f"/api/v1/namespaces/{home}/configmaps/inferenceservice-config"
        try:
            data = cluster.request("GET", path, "KServe's ConfigMap")["data"]
        except (MissingError, ConfigError):
            continue
        settings = {}
        for key, text in data.items():
            if key != "_example":  # its value is documentation
                settings[key] = json.loads(text)
        return home, settings
    raise MissingError(
        f"inferenceservice-config == not readable in {', '.join(HOMES)}, must be; "
        "ask an administrator"
    )


def _version(cluster: Cluster, home: str) -> str:
    """The tag of the controller's image; empty if it cannot be read."""
    space = f"{api_root('apps/v1')}/namespaces/{home}"
    path = f"{space}/deployments/kserve-controller-manager"
    try:
        controller = cluster.request("GET", path, "KServe's controller")
    except AdoreError:
        return ""
    for container in controller["spec"]["template"]["spec"]["containers"]:
        if "kserve-controller" in container["image"]:
            return str(container["image"].rpartition(":")[2])
    return ""


def _has_recent_schema(cluster: Cluster) -> bool:
    """Whether InferenceServices have ``spec.canary``, as from 0.20 on."""
    schema = cluster.request(
        "GET", "/openapi/v3/apis/serving.kserve.io/v1beta1", "KServe's schema"
    )
    return '"trafficPercent"' in json.dumps(schema)


def _release(cluster: Cluster, home: str) -> Finding:
    tag = _version(cluster, home) if home else ""
    number = tuple(int(n) for n in re.findall(r"\d+", tag)[:2])
    wanted = f"{'.'.join(map(str, LEAST))} or later"
    if len(number) == len(LEAST):
        return Finding("KServe", number >= LEAST, f"{tag} ({wanted} wanted)")
    try:
        recent = _has_recent_schema(cluster)
    except AdoreError:
        return Finding(
            "KServe",
            False,
            "version is not known: the API server shows no /openapi/v3",
            needed=False,
        )
    return Finding(
        "KServe",
        recent,
        f"{wanted}, by its schema" if recent else f"before {wanted}; upgrade it",
    )


def _mode(settings: dict[str, Any]) -> Finding:
    default = settings.get("deploy", {}).get("defaultDeploymentMode", "Standard")
    return Finding(
        "KServe's mode",
        True,
        f"{default} by default; each of our services asks for Standard",
    )


def _ports(config: Config, settings: dict[str, Any]) -> Finding:
    headless = bool(settings.get("service", {}).get("serviceClusterIPNone"))
    wanted = 8080 if headless else 80
    kind = "with an address of their own"
    if headless:
        kind = "headless (serviceClusterIPNone)"
    fix = "" if config.port == wanted else f"; set kubernetes.port to {wanted}"
    return Finding(
        "KServe's Services", config.port == wanted, f"are {kind}, port {wanted}{fix}"
    )


def _names(config: Config, settings: dict[str, Any]) -> Finding:
    template = settings.get("ingress", {}).get(
        "domainTemplate", "{{ .Name }}-{{ .Namespace }}.{{ .IngressDomain }}"
    )
    plan = name_services(_with_exposures(config), SAMPLE)
    longest = max((about["service"] for about in plan["variants"].values()), key=len)
    template_values = {
        "Name": f"{longest}-predictor",
        "Namespace": config.namespace,
        "IngressDomain": "example.com",
    }
    host = re.sub(
        r"{{\s*\.(\w+)\s*}}", lambda match: template_values.get(match[1], ""), template
    )
    longest_label = max(len(label) for label in host.split("."))

    text = f"longest DNS label {longest_label} of {LABEL} characters"
    if longest_label > LABEL:
        text += f"; shorten ingress.domainTemplate ({template}) or the namespace"
    return Finding("names", longest_label <= LABEL, text)


def _storage(cluster: Cluster, config: Config) -> Finding:
    """With ``loader: kserve``: whether a container is there for the places.

    And what its security context lacks.

    Returns:
        The finding.
    """
    if config.loader == "server":
        return Finding(
            "model loading", True, "by the servers themselves; KServe adds no container"
        )
    try:
        answer = cluster.request(
            "GET",
            f"{api_root('serving.kserve.io/v1alpha1')}/clusterstoragecontainers",
            "storage",
        )
    except AdoreError as error:
        return Finding(
            "model loading",
            False,
            f"by KServe; its containers cannot be listed: {error}",
            needed=False,
        )
    by_name = {thing["metadata"]["name"]: thing for thing in answer["items"]}
    names_for_s3 = [name for name, thing in by_name.items() if _takes_s3(thing)]
    name = config.storage_container or (names_for_s3[0] if names_for_s3 else "")
    if name not in by_name:
        fix = (
            f"there are {sorted(by_name)}; "
            "name one as kubernetes.storage_container, or set loader: server"
        )
        return Finding(
            "model loading",
            False,
            f"no ClusterStorageContainer {name!r} for s3://; {fix}",
        )
    return Finding("model loading", True, f"by KServe, ClusterStorageContainer {name}")


def _takes_s3(container: Object) -> bool:
    """Whether a ClusterStorageContainer reads ``s3://``."""
    formats = container["spec"]["supportedUriFormats"]
    return any(uri_format.get("prefix") == "s3://" for uri_format in formats)


# ---------------------------------------------------------------- what admission says


def _server_pod(config: Config) -> Object:
    """A pod as KServe makes one of a sample variant, before its webhook."""
    service = inference_services(
        config, name_services(_with_exposures(config), SAMPLE)
    )[0]
    predictor = service["spec"]["predictor"]
    keys = (
        "serviceAccountName",
        "automountServiceAccountToken",
        "securityContext",
        "containers",
        "volumes",
    )
    uris = [
        variable["value"]
        for variable in predictor["containers"][0]["env"]
        if variable["name"] == "STORAGE_URI"
    ]
    annotations = {INITIALIZER: uris[0]} if uris else {}
    if config.storage_container:
        annotations[STORAGE_CONTAINER] = config.storage_container
    pod_labels = labels(config, "server") | {
        INFERENCE_SERVICE: service["metadata"]["name"]
    }
    return _pod(
        config,
        "adore-doctor-server",
        pod_labels,
        annotations,
        {k: predictor[k] for k in keys},
    )


def _with_exposures(config: Config) -> Config:
    """The settings without the warning that an experiment would not be readable."""
    return config.model_copy(update={"exposures": config.exposures or "s3://doctor"})


def _router_pod(config: Config) -> Object:
    template = router(config, 1)[0]["spec"]["template"]
    return _pod(
        config,
        "adore-doctor-router",
        template["metadata"]["labels"],
        {},
        template["spec"],
    )


def _pod(
    config: Config, name: str, tags: dict[str, str], notes: dict[str, str], spec: Object
) -> Object:
    meta = {
        "name": name,
        "namespace": config.namespace,
        "labels": tags,
        "annotations": notes,
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def _admitted(cluster: Cluster, pod: Object) -> Finding:
    """A dry run past Pod Security, quota, and KServe's webhook, which may add a container."""
    kind = pod["metadata"]["name"].removeprefix("adore-doctor-")
    title = f"pods of the {kind}"
    path = namespaced(cluster, "pods")
    try:
        admitted = cluster.request(
            "POST", path, f"a pod of the {kind}", body=pod, dryRun="All"
        )
    except AdoreError as error:
        if may_not_create(error):
            text = "not tried: this account may not create pods"
            return Finding(title, False, text, needed=False)
        return Finding(title, False, str(error))

    spec = admitted["spec"]
    containers = [*spec.get("initContainers", []), *spec["containers"]]
    names = ", ".join(container["name"] for container in containers)
    return Finding(title, True, f"admitted with {names}")


def _dry_run(cluster: Cluster, config: Config) -> Finding:
    things = render(_with_exposures(config), SAMPLE)
    changes = preview(cluster, things)

    refused = []
    for change in changes:
        if change.action == "refused":
            refused.append(f"{change.name}: {change.text}")
    text = f"all {len(changes)} objects of a release are accepted (dry run)"
    if refused:
        text = "; ".join(refused)
    return Finding("a whole release", not refused, text)


def examine_kserve(cluster: Cluster, config: Config) -> Iterator[Finding]:
    """Send a sample release to KServe and the API server, as dry runs; nothing is stored.

    Args:
        cluster: sees the namespace of the release.
        config: the profile's section ``kubernetes``.

    Yields:
        One finding after the other.
    """
    home = ""
    settings: dict[str, Any] = {}
    try:
        home, settings = _settings(cluster)
    except AdoreError as error:
        yield Finding("KServe's settings", False, str(error), needed=False)
    yield _release(cluster, home)
    if settings:
        yield _mode(settings)
        yield _ports(config, settings)
    yield _names(config, settings)
    yield _storage(cluster, config)
    yield _admitted(cluster, _router_pod(config))
    yield _admitted(cluster, _server_pod(config))
    yield _dry_run(cluster, config)
