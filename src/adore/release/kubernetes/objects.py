"""Kubernetes objects of a release, as pure functions that return dicts.

Nothing here talks to a cluster.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from adore.progress import log_line
from adore.release.kubernetes.config import Config, Pool
from adore.storage import is_remote

__all__ = [
    "GRACE",
    "GROUP",
    "INFERENCE_SERVICE",
    "KINDS",
    "POD",
    "Plan",
    "budget",
    "container",
    "environment",
    "inference_services",
    "labels",
    "make",
    "name_of",
    "name_services",
    "probe",
    "resources",
    "selector",
    "servers",
    "spread",
    "with_metadata",
]

GROUP = "adore.dev"
POD = f"{GROUP}/pod"
"""Annotation of an InferenceService: a digest of its pods' specification.

KServe copies it to the Deployment. So the Deployment shows whether it follows the newest
state of the service."""
INFERENCE_SERVICE = "serving.kserve.io/inferenceservice"
"""Label that KServe sets on every pod of a service: the service's name."""
Object = dict[str, Any]
"""A Kubernetes object, or a part of one."""
Plan = dict[str, Any]
"""An ``experiment.json``: name, salt, weights, design, explored share and variants.

Each variant has ``version``, ``kind``, ``uri`` and ``service`` (see :func:`name_services`)."""

KINDS = {
    "ConfigMap": ("v1", "configmaps"),
    "Deployment": ("apps/v1", "deployments"),
    "Event": ("v1", "events"),
    "HTTPRoute": ("gateway.networking.k8s.io/v1", "httproutes"),
    "HorizontalPodAutoscaler": ("autoscaling/v2", "horizontalpodautoscalers"),
    "InferenceService": ("serving.kserve.io/v1beta1", "inferenceservices"),
    "Ingress": ("networking.k8s.io/v1", "ingresses"),
    "Pod": ("v1", "pods"),
    "PodDisruptionBudget": ("policy/v1", "poddisruptionbudgets"),
    "Service": ("v1", "services"),
}
"""API version and plural by kind."""

POD_SECURITY: Object = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "runAsGroup": 10001,
    "fsGroup": 10001,
    "seccompProfile": {"type": "RuntimeDefault"},
}
SECURITY: Object = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
DRAIN: Object = {"preStop": {"exec": {"command": ["sleep", "15"]}}}
"""Delay in which every proxy drops the pod, before it stops listening.

8 s were too short on a busy node."""
GRACE = 60
"""Seconds that a pod has to drain, finish its requests and ship its last logs."""


def labels(config: Config, component: str) -> dict[str, str]:
    """Make the labels that mark an object as ours.

    Args:
        config: names the app.
        component: ``server``, ``router`` or ``experiment``.

    Returns:
        Label to value.
    """
    return {
        "app.kubernetes.io/name": component,
        "app.kubernetes.io/part-of": config.app,
        "app.kubernetes.io/managed-by": "adore",
    }


def selector(config: Config, component: str = "") -> str:
    """Make the label selector of all our objects, or of one component.

    Args:
        config: names the app.
        component: as in :func:`labels`; empty: all components.

    Returns:
        ``key=value,key=value``.
    """
    label_selector = (
        f"app.kubernetes.io/managed-by=adore,app.kubernetes.io/part-of={config.app}"
    )
    if not component:
        return label_selector
    return f"{label_selector},app.kubernetes.io/name={component}"


def name_of(config: Config, variant: str, variant_plan: dict[str, str]) -> str:
    """Make an InferenceService's name, ``app-variant-version-digest``.

    It is short enough for the host name that KServe derives from it (see Config). The digest
    covers the whole specification of the pods, so what is served under a name never
    changes, and an earlier release is still up as it was.

    Args:
        config: how the pods are made.
        variant: the variant's name.
        variant_plan: its ``version`` and ``uri``.

    Returns:
        The name.
    """
    version = variant_plan["version"]
    model_uri = variant_plan["uri"]
    pod_fields = _pod(config, variant, model_uri, "")
    fingerprint = json.dumps([variant, version, pod_fields], sort_keys=True)
    digest = hashlib.sha256(fingerprint.encode()).hexdigest()
    ending = f"-{digest[:6]}"

    # The digest makes the name unique: if the name is too long, the readable part is cut.
    full_name = f"{config.app}-{variant}-{version}".lower()
    readable = re.sub(r"[^a-z0-9]+", "-", full_name)
    length_limit = min(52, config.name_length)
    beginning = readable[: length_limit - len(ending)]
    return beginning.rstrip("-") + ending


def name_services(config: Config, plan: Plan) -> Plan:
    """Add the name of each variant's InferenceService to a plan, as ``service``.

    An experiment without a place for exposures is logged as a warning.

    Args:
        config: how the pods are made.
        plan: from :func:`adore.release.kubernetes.releases.read_plan`.

    Returns:
        A new plan.
    """
    if len(plan["variants"]) > 1 and not config.exposures:
        log_line(
            "WARNING: kubernetes.exposures is empty: exposures are lost with their pods, "
            "and no review can read them"
        )
    variants = {}
    for variant_name, variant_plan in plan["variants"].items():
        service_name = name_of(config, variant_name, variant_plan)
        variants[variant_name] = {**variant_plan, "service": service_name}
    return {**plan, "variants": variants}


def make(config: Config, kind: str, name: str, component: str, **body: Any) -> Object:
    """Make an object with our labels.

    Args:
        config: names the namespace and the app.
        kind: one of :data:`KINDS`.
        name: name of the object.
        component: as in :func:`labels`.
        **body: fields beside its kind and metadata.

    Returns:
        The object.
    """
    metadata = {
        "name": name,
        "namespace": config.namespace,
        "labels": labels(config, component),
    }
    return {"apiVersion": KINDS[kind][0], "kind": kind, "metadata": metadata, **body}


def with_metadata(
    thing: Object,
    *,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
) -> Object:
    """Copy an object, with more labels and other annotations.

    Args:
        thing: from :func:`make`; it is not changed.
        labels: labels to add; None: no label is added.
        annotations: replace all its annotations; None: they stay.

    Returns:
        The copy.
    """
    metadata = {**thing["metadata"]}
    metadata["labels"] = metadata["labels"] | (labels or {})
    if annotations:
        metadata["annotations"] = annotations
    return {**thing, "metadata": metadata}


def resources(pool: Pool) -> Object:
    """Make requests and limits of a container."""
    # Memory has equal request and limit: an overcommitted node would kill the pod.
    return {
        "requests": {"cpu": pool.cpu, "memory": pool.memory},
        "limits": {"cpu": pool.cpu_limit, "memory": pool.memory},
    }


def probe(path: str, **more: int) -> Object:
    """Make an HTTP probe."""
    return {"httpGet": {"path": path, "port": 8080}, "timeoutSeconds": 2, **more}


def container(name: str, image: str, pool: Pool, **more: Any) -> Object:
    """Make a container that serves: with restricted rights, and drained before it stops.

    Args:
        name: name of the container.
        image: image with its tag.
        pool: CPU and memory of the container.
        **more: further fields of the container: arguments, ports, probes.

    Returns:
        The container, without its environment.
    """
    return {
        "name": name,
        "image": image,
        "resources": resources(pool),
        "securityContext": SECURITY,
        "lifecycle": DRAIN,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        **more,
    }


def environment(config: Config) -> Object:
    """Make ``envFrom`` of a container that uses the store; empty with workload identity."""
    if not config.credentials:
        return {}
    return {"envFrom": [{"secretRef": {"name": config.credentials}}]}


def spread(match: dict[str, str]) -> list[Object]:
    """Make constraints that spread pods over zones and nodes if possible."""
    topology_keys = ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    constraint = {
        "maxSkew": 1,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": match},
    }
    return [
        {**constraint, "topologyKey": topology_key} for topology_key in topology_keys
    ]


def _server(config: Config, variant: str, uri: str, name: str) -> Object:
    """Make the server's container.

    The server downloads an ``s3://`` model itself. Otherwise KServe, by STORAGE_URI, adds its
    storage initializer, or mounts a claim, and the model is in /mnt/models. A cluster
    administrator decides on security context and credentials of that initializer.

    Returns:
        The container.
    """
    loads_itself = config.loader == "server" and is_remote(uri)
    model_place = "/mnt/models"
    if loads_itself:
        model_place = uri
    # The root filesystem is read-only: libraries write their caches below HOME.
    environment_variables = [
        {"name": "OMP_NUM_THREADS", "value": str(config.server_threads)},
        {"name": "HOME", "value": "/tmp"},
    ]
    if not loads_itself:
        environment_variables.append({"name": "STORAGE_URI", "value": uri})
    return container(
        "kserve-container",
        config.image("server"),
        config.server,
        args=[
            f"--model={model_place}",
            f"--variant={variant}",
            f"--name={name}",
            "--port=8080",
        ],
        env=environment_variables,
        ports=[{"name": "http1", "containerPort": 8080, "protocol": "TCP"}],
        startupProbe=probe("/v2/health/ready", periodSeconds=2, failureThreshold=90),
        readinessProbe=probe("/v2/health/ready", periodSeconds=2, failureThreshold=2),
        livenessProbe=probe("/v2/health/live", periodSeconds=10, failureThreshold=3),
        volumeMounts=[{"name": "tmp", "mountPath": "/tmp"}],
        **(environment(config) if loads_itself else {}),
    )


def _pod(config: Config, variant: str, uri: str, name: str) -> Object:
    """Make the part of a predictor that specifies its pods.

    The predictor has a container of our own, not a ``model`` with a ServingRuntime: KServe
    takes a model without ``storageUri`` for a multi-model server, and adds a sidecar that
    loads models.

    Source: kserve v0.20.0, controller/v1beta1/inferenceservice/utils (IsMMSPredictor).

    Returns:
        Fields of the predictor.
    """
    pod_fields: Object = {
        "serviceAccountName": f"{config.app}-server",
        "automountServiceAccountToken": False,
        "securityContext": POD_SECURITY,
        "terminationGracePeriodSeconds": GRACE,
        "containers": [_server(config, variant, uri, name)],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": config.disk}}],
    }
    if config.storage_container:
        pod_fields["storageContainerName"] = config.storage_container
    return pod_fields


def _scale(pool: Pool) -> Object:
    """Make the part of a predictor that sets the number of pods.

    Without room between minimum and maximum there is no autoscaler (see
    :func:`inference_services`).

    Returns:
        Fields of the predictor.
    """
    scale_fields: Object = {
        "minReplicas": pool.replicas,
        "maxReplicas": max(pool.replicas, pool.most),
    }
    if pool.most > pool.replicas:
        scale_fields |= {"scaleMetric": "cpu", "scaleTarget": pool.target}
    return scale_fields


def _predictor(config: Config, variant: str, uri: str, name: str) -> Object:
    # A new pod must be ready before an old one stops: serving never loses capacity.
    rolling_update = {"maxUnavailable": 0, "maxSurge": 1}
    return {
        **_scale(config.server),
        **_pod(config, variant, uri, name),
        "topologySpreadConstraints": spread({INFERENCE_SERVICE: name}),
        "deploymentStrategy": {
            "type": "RollingUpdate",
            "rollingUpdate": rolling_update,
        },
    }


def inference_services(config: Config, plan: Plan) -> list[Object]:
    """Make one InferenceService per variant.

    It uses KServe's Standard mode, and is reachable from within the cluster only.

    Args:
        config: how the pods are made, and how many.
        plan: from :func:`name_services`.

    Returns:
        The objects.
    """
    services = []
    scale_fields = _scale(config.server)
    for variant_name, variant_plan in plan["variants"].items():
        predictor = _predictor(
            config, variant_name, variant_plan["uri"], variant_plan["service"]
        )

        # The number of pods is not part of the digest: a rescaled pod is the same pod.
        pod_fields = {
            field_name: field_value
            for field_name, field_value in predictor.items()
            if field_name not in scale_fields
        }
        serialised = json.dumps(pod_fields, sort_keys=True)
        notes = {
            "serving.kserve.io/deploymentMode": "Standard",
            POD: hashlib.sha256(serialised.encode()).hexdigest()[:12],
        }
        if config.server.most <= config.server.replicas:
            notes["serving.kserve.io/autoscalerClass"] = "none"
        variant_labels = {
            f"{GROUP}/variant": variant_name,
            f"{GROUP}/version": variant_plan["version"],
            "networking.kserve.io/visibility": "cluster-local",
        }
        service = make(
            config,
            "InferenceService",
            variant_plan["service"],
            "server",
            spec={"predictor": predictor},
        )
        services.append(
            with_metadata(service, labels=variant_labels, annotations=notes)
        )
    return services


def budget(config: Config, name: str, component: str, match: dict[str, str]) -> Object:
    """Make a PodDisruptionBudget: draining a node evicts one pod at a time.

    Args:
        config: names the namespace and the app.
        name: name of the budget.
        component: as in :func:`labels`.
        match: labels of the pods.

    Returns:
        The object.
    """
    budget_spec = {"maxUnavailable": 1, "selector": {"matchLabels": match}}
    return make(config, "PodDisruptionBudget", name, component, spec=budget_spec)


def servers(config: Config, plan: Plan) -> list[Object]:
    """Make the InferenceServices of a plan's variants, and their budgets.

    Args:
        config: how they are served.
        plan: from :func:`name_services`.

    Returns:
        The objects, in the order in which they are applied.
    """
    services = inference_services(config, plan)
    if not config.budget:
        return services
    budgets = []
    for service in services:
        service_name = service["metadata"]["name"]
        budgets.append(
            budget(config, service_name, "server", {INFERENCE_SERVICE: service_name})
        )
    return [*services, *budgets]
