"""Checks whether this cluster's KServe accepts a release.

It covers version, modes, storage, names, and Pod Security of the pods.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from adore.errors import AdoreError, ConfigError, MissingError
from adore.pipeline.doctor.finding import Finding
from adore.pipeline.doctor.lookups import may_not_create, namespaced
from adore.release.kubernetes.client import Cluster, api_root
from adore.release.kubernetes.config import LABEL, Config
from adore.release.kubernetes.objects import (
    INFERENCE_SERVICE,
    Object,
    Plan,
    inference_services,
    labels,
    name_services,
)
from adore.release.kubernetes.preview import preview
from adore.release.kubernetes.releases import render
from adore.release.kubernetes.router import router

__all__ = ["examine_kserve"]

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
"""A sample release, for dry runs."""
INITIALIZER = "internal.serving.kserve.io/storage-initializer-sourceuri"
STORAGE_CONTAINER = "internal.serving.kserve.io/storage-container-name"
"""Annotations by which KServe's webhook adds its storage initializer to a pod.

Source: KServe v0.20.0, pkg/constants."""


def _settings(cluster: Cluster) -> tuple[str, Object]:
    """Read namespace and content of KServe's ConfigMap.

    Returns:
        The namespace, and each setting by its key.

    Raises:
        MissingError: it is in none of the usual namespaces, or this account may not read it.
    """
    for namespace in HOMES:
        config_map_path = (
            f"/api/v1/namespaces/{namespace}/configmaps/inferenceservice-config"
        )
        try:
            config_map = cluster.request("GET", config_map_path, "KServe's ConfigMap")[
                "data"
            ]
        # A refusal is no answer: this account may be able to read another namespace.
        except (MissingError, ConfigError):
            continue
        settings = {}
        for setting_name, setting_json in config_map.items():
            if setting_name != "_example":  # its value is documentation
                settings[setting_name] = json.loads(setting_json)
        return namespace, settings
    raise MissingError(
        f"inferenceservice-config == not readable in {', '.join(HOMES)}, must be; "
        "ask an administrator"
    )


def _version(cluster: Cluster, home: str) -> str:
    """Read the tag of the controller's image; empty if it cannot be read."""
    namespace_path = f"{api_root('apps/v1')}/namespaces/{home}"
    deployment_path = f"{namespace_path}/deployments/kserve-controller-manager"
    try:
        controller = cluster.request("GET", deployment_path, "KServe's controller")
    except AdoreError:
        return ""
    for container in controller["spec"]["template"]["spec"]["containers"]:
        if "kserve-controller" in container["image"]:
            return str(container["image"].rpartition(":")[2])
    return ""


def _has_recent_schema(cluster: Cluster) -> bool:
    """Return whether InferenceServices have ``spec.canary``, which came with 0.20."""
    open_api_schema = cluster.request(
        "GET", "/openapi/v3/apis/serving.kserve.io/v1beta1", "KServe's schema"
    )
    return '"trafficPercent"' in json.dumps(open_api_schema)


def _release(cluster: Cluster, home: str) -> Finding:
    image_tag = _version(cluster, home) if home else ""
    version_number = tuple(int(digits) for digits in re.findall(r"\d+", image_tag)[:2])
    wanted_version = f"{'.'.join(map(str, LEAST))} or later"
    # A tag such as "latest" has no number: the schema then tells old from new.
    if len(version_number) == len(LEAST):
        return Finding(
            "KServe", version_number >= LEAST, f"{image_tag} ({wanted_version} wanted)"
        )
    try:
        has_recent_schema = _has_recent_schema(cluster)
    except AdoreError:
        return Finding(
            "KServe",
            False,
            "version is unknown: the API server has no /openapi/v3",
            needed=False,
        )
    return Finding(
        "KServe",
        has_recent_schema,
        f"{wanted_version}, by its schema"
        if has_recent_schema
        else f"before {wanted_version}; upgrade it",
    )


def _mode(settings: Object) -> Finding:
    default = settings.get("deploy", {}).get("defaultDeploymentMode", "Standard")
    return Finding(
        "KServe's mode",
        True,
        f"{default} by default; each of our services asks for Standard",
    )


def _ports(config: Config, settings: Object) -> Finding:
    is_headless = bool(settings.get("service", {}).get("serviceClusterIPNone"))
    wanted_port = 8080 if is_headless else 80
    service_kind = "with an address of their own"
    if is_headless:
        service_kind = "headless (serviceClusterIPNone)"
    advice = (
        "" if config.port == wanted_port else f"; set kubernetes.port to {wanted_port}"
    )
    return Finding(
        "KServe's Services",
        config.port == wanted_port,
        f"are {service_kind}, port {wanted_port}{advice}",
    )


def _names(config: Config, settings: Object) -> Finding:
    template = settings.get("ingress", {}).get(
        "domainTemplate", "{{ .Name }}-{{ .Namespace }}.{{ .IngressDomain }}"
    )
    sample_plan = name_services(_with_exposures(config), SAMPLE)
    longest_name = max(
        (variant["service"] for variant in sample_plan["variants"].values()), key=len
    )
    template_values = {
        "Name": f"{longest_name}-predictor",
        "Namespace": config.namespace,
        "IngressDomain": "example.com",
    }
    # KServe fills this template for the host of each service; a DNS label has a limit.
    host_name = re.sub(
        r"{{\s*\.(\w+)\s*}}", lambda match: template_values.get(match[1], ""), template
    )
    longest_label = max(len(label) for label in host_name.split("."))

    description = f"longest DNS label {longest_label} of {LABEL} characters"
    if longest_label > LABEL:
        description += f"; shorten ingress.domainTemplate ({template}) or the namespace"
    return Finding("names", longest_label <= LABEL, description)


def _storage(cluster: Cluster, config: Config) -> Finding:
    """Check that KServe has a container that loads models from ``s3://``, if KServe loads them."""
    if config.loader == "server":
        return Finding(
            "model loading", True, "by the servers themselves; KServe adds no container"
        )
    try:
        container_list = cluster.request(
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
    container_of_name = {
        container["metadata"]["name"]: container
        for container in container_list["items"]
    }
    names_for_s3 = [
        container_name
        for container_name, container in container_of_name.items()
        if _takes_s3(container)
    ]
    container_name = config.storage_container or (
        names_for_s3[0] if names_for_s3 else ""
    )
    if container_name not in container_of_name:
        advice = (
            f"there are {sorted(container_of_name)}; "
            "name one as kubernetes.storage_container, or set loader: server"
        )
        return Finding(
            "model loading",
            False,
            f"no ClusterStorageContainer {container_name!r} for s3://; {advice}",
        )
    return Finding(
        "model loading", True, f"by KServe, ClusterStorageContainer {container_name}"
    )


def _takes_s3(container: Object) -> bool:
    """Return whether a ClusterStorageContainer reads ``s3://``."""
    formats = container["spec"]["supportedUriFormats"]
    return any(uri_format.get("prefix") == "s3://" for uri_format in formats)


# ---------------------------------------------------------------- admission


def _server_pod(config: Config) -> Object:
    """Build the pod that KServe makes of a sample variant, before its webhook."""
    service = inference_services(
        config, name_services(_with_exposures(config), SAMPLE)
    )[0]
    predictor = service["spec"]["predictor"]
    copied_keys = (
        "serviceAccountName",
        "automountServiceAccountToken",
        "securityContext",
        "containers",
        "volumes",
    )
    storage_uris = [
        variable["value"]
        for variable in predictor["containers"][0]["env"]
        if variable["name"] == "STORAGE_URI"
    ]
    annotations = {INITIALIZER: storage_uris[0]} if storage_uris else {}
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
        {key: predictor[key] for key in copied_keys},
    )


def _with_exposures(config: Config) -> Config:
    """Set a place for exposures if there is none, to avoid the warning about it."""
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
    metadata = {
        "name": name,
        "namespace": config.namespace,
        "labels": tags,
        "annotations": notes,
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _admitted(cluster: Cluster, pod: Object) -> Finding:
    """Create a pod as a dry run: Pod Security, quota and KServe's webhook examine it."""
    pod_kind = pod["metadata"]["name"].removeprefix("adore-doctor-")
    subject = f"pods of the {pod_kind}"
    pods_path = namespaced(cluster, "pods")
    try:
        admitted = cluster.request(
            "POST", pods_path, f"a pod of the {pod_kind}", body=pod, dryRun="All"
        )
    except AdoreError as error:
        if may_not_create(error):
            description = "not tried: this account may not create pods"
            return Finding(subject, False, description, needed=False)
        return Finding(subject, False, str(error))

    pod_spec = admitted["spec"]
    containers = [*pod_spec.get("initContainers", []), *pod_spec["containers"]]
    container_names = ", ".join(container["name"] for container in containers)
    return Finding(subject, True, f"admitted with {container_names}")


def _dry_run(cluster: Cluster, config: Config) -> Finding:
    sample_objects = render(_with_exposures(config), SAMPLE)
    changes = preview(cluster, sample_objects)

    refused_changes = []
    for change in changes:
        if change.action == "refused":
            refused_changes.append(f"{change.name}: {change.text}")
    description = f"all {len(changes)} objects of a release are accepted (dry run)"
    if refused_changes:
        description = "; ".join(refused_changes)
    return Finding("a whole release", not refused_changes, description)


def examine_kserve(cluster: Cluster, config: Config) -> Iterator[Finding]:
    """Send a sample release to KServe and the API server, as dry runs; nothing is stored.

    Args:
        cluster: sees the namespace of the release.
        config: the profile's section ``kubernetes``.

    Yields:
        One finding after the other.
    """
    controller_namespace = ""
    settings: Object = {}
    try:
        controller_namespace, settings = _settings(cluster)
    except AdoreError as error:
        yield Finding("KServe's settings", False, str(error), needed=False)
    yield _release(cluster, controller_namespace)
    if settings:
        yield _mode(settings)
        yield _ports(config, settings)
    yield _names(config, settings)
    yield _storage(cluster, config)
    yield _admitted(cluster, _router_pod(config))
    yield _admitted(cluster, _server_pod(config))
    yield _dry_run(cluster, config)
