"""Every Kubernetes object of a release, as pure functions to dicts; nothing here talks to a cluster."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from adore.errors import check
from adore.progress import say
from adore.release.kubernetes.config import Config, Pool

__all__ = [
    "GROUP",
    "KINDS",
    "Plan",
    "container",
    "inference_services",
    "labels",
    "make",
    "name_of",
    "named",
    "probe",
    "promoted",
    "record",
    "record_name",
    "resources",
    "router_config",
    "runtime",
    "selector",
    "spread",
    "tagged",
]

GROUP = "adore.dev"
Object = dict[str, Any]
Plan = dict[str, Any]
"""An ``experiment.json``: name, salt, weights, design; per variant version, kind, ``uri``, ``service`` (see named)."""

KINDS = {
    "ConfigMap": ("v1", "configmaps"),
    "Deployment": ("apps/v1", "deployments"),
    "HTTPRoute": ("gateway.networking.k8s.io/v1", "httproutes"),
    "HorizontalPodAutoscaler": ("autoscaling/v2", "horizontalpodautoscalers"),
    "InferenceService": ("serving.kserve.io/v1beta1", "inferenceservices"),
    "Ingress": ("networking.k8s.io/v1", "ingresses"),
    "Pod": ("v1", "pods"),
    "PodDisruptionBudget": ("policy/v1", "poddisruptionbudgets"),
    "Service": ("v1", "services"),
    "ServingRuntime": ("serving.kserve.io/v1alpha1", "servingruntimes"),
}
"""Kind to API version and plural."""

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
DRAIN: Object = {"preStop": {"exec": {"command": ["sleep", "8"]}}}
"""Time for every proxy to forget the pod before it stops listening."""


def labels(config: Config, component: str) -> dict[str, str]:
    """The labels by which an object is known to be ours."""
    return {
        "app.kubernetes.io/name": component,
        "app.kubernetes.io/part-of": config.app,
        "app.kubernetes.io/managed-by": "adore",
    }


def selector(config: Config, component: str = "") -> str:
    """Label selector of everything that is ours, or of one component."""
    text = f"app.kubernetes.io/managed-by=adore,app.kubernetes.io/part-of={config.app}"
    return f"{text},app.kubernetes.io/name={component}" if component else text


def name_of(config: Config, variant: str, about: dict[str, str]) -> str:
    """``app-variant-version-digest``, at most 52 characters of a DNS label: KServe appends ``-predictor``.

    The digest is of the place and the runtime: what is served under a name never changes, so that an earlier
    release is still up as it was.
    """
    exact = f"{about['version']}|{about['uri']}|{runtime(config)['metadata']['name']}"
    plain = re.sub(r"[^a-z0-9]+", "-", f"{config.app}-{variant}-{about['version']}".lower())
    return f"{plain[:45].rstrip('-')}-{hashlib.sha256(exact.encode()).hexdigest()[:6]}"


def named(config: Config, plan: Plan, live: Plan | None = None) -> Plan:
    """The plan with each variant's InferenceService as ``service``.

    Args:
        live: with ``config.canary``, a variant of the same model as there keeps its name, and so changes in place.
    """
    if len(plan["variants"]) > 1 and not config.exposures:
        say("WARNING: kubernetes.exposures is empty: exposures end with their pods, and no review can read them")
    variants = {}
    for variant, about in plan["variants"].items():
        before = (live or {"variants": {}})["variants"].get(variant, {})
        same = all(before.get(k) == about[k] for k in ("version", "uri"))
        keep = bool(config.canary) and same
        variants[variant] = {**about, "service": before["service"] if keep else name_of(config, variant, about)}
    return {**plan, "variants": variants}


def make(config: Config, kind: str, name: str, component: str, **body: Any) -> Object:
    """One of our objects; ``body`` is everything beside its kind and metadata."""
    meta = {"name": name, "namespace": config.namespace, "labels": labels(config, component)}
    return {"apiVersion": KINDS[kind][0], "kind": kind, "metadata": meta, **body}


def tagged(thing: Object, *, labels: dict[str, str] | None = None, annotations: dict[str, str] | None = None) -> Object:
    """The object with more labels and annotations."""
    meta = {**thing["metadata"], "labels": thing["metadata"]["labels"] | (labels or {})}
    return {**thing, "metadata": meta | ({"annotations": annotations} if annotations else {})}


def resources(pool: Pool) -> Object:
    """Requests and limits; memory is not overcommitted."""
    return {
        "requests": {"cpu": pool.cpu, "memory": pool.memory},
        "limits": {"cpu": pool.cpu_limit, "memory": pool.memory},
    }


def probe(path: str, **more: int) -> Object:
    """An HTTP probe."""
    return {"httpGet": {"path": path, "port": 8080}, "timeoutSeconds": 2, **more}


def container(name: str, image: str, pool: Pool, **more: Any) -> Object:
    """A container that serves: restricted, and drained before it stops."""
    return {
        "name": name,
        "image": image,
        "resources": resources(pool),
        "securityContext": SECURITY,
        "lifecycle": DRAIN,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        **more,
    }


def runtime(config: Config) -> Object:
    """The ServingRuntime of our server; its name changes with its content, so that old variants keep theirs."""
    server = container(
        "kserve-container",
        config.image("server"),
        config.server,
        args=["--model=/mnt/models", "--name={{.Name}}", "--port=8080"],
        env=[{"name": "OMP_NUM_THREADS", "value": str(config.server_threads)}, {"name": "HOME", "value": "/tmp"}],
        ports=[{"name": "http1", "containerPort": 8080, "protocol": "TCP"}],
        startupProbe=probe("/v2/health/ready", periodSeconds=2, failureThreshold=90),
        readinessProbe=probe("/v2/health/ready", periodSeconds=2, failureThreshold=2),
        livenessProbe=probe("/v2/health/live", periodSeconds=10, failureThreshold=3),
        volumeMounts=[{"name": "tmp", "mountPath": "/tmp"}],
    )
    spec = {
        "supportedModelFormats": [{"name": "adore", "version": "1", "autoSelect": False}],
        "protocolVersions": ["v1", "v2"],
        "containers": [server],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}}],
    }
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:8]
    return make(config, "ServingRuntime", f"{config.app}-server-{digest}", "runtime", spec=spec)


def spread(match: dict[str, str]) -> list[Object]:
    """Over zones and nodes where that can be done."""
    keys = ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    one = {"maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {"matchLabels": match}}
    return [{**one, "topologyKey": key} for key in keys]


def _predictor(config: Config, variant: str, uri: str, name: str) -> Object:
    pool = config.server
    model = {
        "name": "kserve-container",
        "modelFormat": {"name": "adore", "version": "1"},
        "protocolVersion": "v1",
        "runtime": runtime(config)["metadata"]["name"],
        "storageUri": uri,
        "args": [f"--variant={variant}"],
    }
    predictor = {
        "minReplicas": pool.replicas,
        "maxReplicas": max(pool.replicas, pool.most),
        "scaleMetric": "cpu",
        "scaleTarget": pool.target,
        "serviceAccountName": f"{config.app}-server",
        "automountServiceAccountToken": False,
        "securityContext": POD_SECURITY,
        "terminationGracePeriodSeconds": 45,
        "topologySpreadConstraints": spread({"serving.kserve.io/inferenceservice": name}),
        "model": model,
    }
    if config.mode == "Standard":
        calm = {"maxUnavailable": 0, "maxSurge": 1}
        return {**predictor, "deploymentStrategy": {"type": "RollingUpdate", "rollingUpdate": calm}}
    knative = ("scaleMetric", "scaleTarget", "topologySpreadConstraints")
    return {k: v for k, v in predictor.items() if k not in knative}


def _covers(whole: Any, part: Any) -> bool:
    """Whether a live value has everything of ours; the API server adds defaults of its own."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(k in whole and _covers(whole[k], v) for k, v in part.items())
    if isinstance(part, list):
        return isinstance(whole, list) and len(whole) == len(part) and all(map(_covers, whole, part))
    return bool(whole == part)


def _with_canary(config: Config, spec: Object, live: Object | None) -> Object:
    """Beside a live, other predictor, the new one takes ``config.canary`` percent, as each mode spells it."""
    if not config.canary or not live or _covers(live["spec"]["predictor"], spec["predictor"]):
        return spec
    if config.mode == "Knative":
        return {"predictor": {**spec["predictor"], "canaryTrafficPercent": config.canary}}
    fresh = {"predictor": spec["predictor"], "trafficPercent": config.canary}
    return {"predictor": live["spec"]["predictor"], "canary": [fresh]}


def inference_services(config: Config, plan: Plan, live: dict[str, Object] | None = None) -> list[Object]:
    """One InferenceService a variant.

    Args:
        live: InferenceServices of the cluster by name; with ``config.canary`` a changed one shares its traffic.
    """
    found = []
    for variant, about in plan["variants"].items():
        name = about["service"]
        spec = {"predictor": _predictor(config, variant, about["uri"], name)}
        spec = _with_canary(config, spec, (live or {}).get(name))
        tags = {f"{GROUP}/variant": variant, f"{GROUP}/version": about["version"]}
        mode: dict[str, str] = {"serving.kserve.io/deploymentMode": config.mode}
        service = make(config, "InferenceService", name, "server", spec=spec)
        found.append(tagged(service, labels=tags, annotations=mode))
    return found


def router_config(config: Config, plan: Plan, number: int) -> Object:
    """The router's ``experiment.json``: the plan with the variants' addresses in the cluster, deadline and release."""
    variants = {}
    for variant, about in plan["variants"].items():
        name = about["service"]
        base = f"http://{name}-predictor.{config.namespace}.svc.cluster.local"
        base = base if config.port == 80 else f"{base}:{config.port}"
        urls = {"url": f"{base}/v1/models/{name}:predict", "ready": f"{base}/v2/models/{name}/ready"}
        variants[variant] = {**about, **urls}
    more = {"variants": variants, "timeout": config.timeout, "release": number}
    return {k: plan[k] for k in ("name", "salt", "weights")} | more


def promoted(plan: Plan, variant: str) -> Plan:
    """The plan in which one variant's model is the control and serves everybody."""
    check(variant in plan["variants"], "variant", variant, must=f"one of {sorted(plan['variants'])}", fix="name one")
    about = plan["variants"][variant]
    about = {k: v for k, v in about.items() if k != "service"}
    name = f"{about['version']}-alone"
    return {"name": name, "salt": plan["salt"], "weights": {"control": 1.0}, "variants": {"control": about}}


def record_name(config: Config, number: int) -> str:
    """Name of a release's ConfigMap."""
    return f"{config.app}-experiment-{number}"


def record(config: Config, plan: Plan, number: int) -> Object:
    """The experiment ConfigMap: what the router mounts, and all that is needed to make this release again."""
    data = {
        "experiment.json": json.dumps(router_config(config, plan, number), indent=1),
        "plan.json": json.dumps(plan),
        "config.json": config.model_dump_json(),
    }
    thing = make(config, "ConfigMap", record_name(config, number), "experiment", immutable=True, data=data)
    return tagged(thing, labels={f"{GROUP}/release": str(number)})
