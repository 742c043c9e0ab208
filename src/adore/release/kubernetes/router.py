"""The router on a cluster: Deployment, Service, autoscaler, disruption budget, route.

They are pure functions to dicts.
"""

from __future__ import annotations

from adore.release.kubernetes.config import Config
from adore.release.kubernetes.objects import (
    GRACE,
    GROUP,
    POD_SECURITY,
    Object,
    budget,
    container,
    environment,
    labels,
    make,
    probe,
    spread,
    tagged,
)
from adore.release.kubernetes.records import record_name

__all__ = ["router"]


def router(config: Config, number: int) -> list[Object]:
    """Everything of the router, the Deployment first.

    Args:
        config: how it is served.
        number: of the release whose record it mounts.

    Returns:
        The Deployment first, then what goes with it.
    """
    objects = [_deployment(config, number), _service(config)]
    if config.router.most > config.router.replicas:
        objects.append(_autoscaler(config))
    if config.budget:
        match = labels(config, "router")
        objects.append(budget(config, f"{config.app}-router", "router", match))
    if config.route == "gateway":
        objects.append(_http_route(config))
    elif config.route == "ingress":
        objects.append(_ingress(config))
    return objects


def _of(config: Config, kind: str, spec: Object) -> Object:
    return make(config, kind, f"{config.app}-router", "router", spec=spec)


def _router_container(config: Config) -> Object:
    args = [
        "--config=/etc/adore/experiment.json",
        "--logs=/var/adore",
        "--host=0.0.0.0",
        "--port=8080",
    ]
    if config.exposures:
        args.append(f"--ship={config.exposures}")
    return container(
        "router",
        config.image("router"),
        config.router,
        args=args,
        env=[{"name": "HOME", "value": "/tmp"}],
        ports=[{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        # a new pod must reach a variant; one that runs stays in, to answer unranked rather
        # than not at all
        startupProbe=probe("/readyz", periodSeconds=1, failureThreshold=60),
        readinessProbe=probe("/healthz", periodSeconds=2, failureThreshold=2),
        livenessProbe=probe("/healthz", periodSeconds=10, failureThreshold=3),
        volumeMounts=[
            {"name": "config", "mountPath": "/etc/adore", "readOnly": True},
            {"name": "logs", "mountPath": "/var/adore"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
        **environment(config),
    )


def _deployment(config: Config, number: int) -> Object:
    match = labels(config, "router")
    volumes = [
        {"name": "config", "configMap": {"name": record_name(config, number)}},
        {"name": "logs", "emptyDir": {"sizeLimit": "4Gi"}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},
    ]
    pod = {
        "serviceAccountName": f"{config.app}-router",
        "automountServiceAccountToken": False,
        "securityContext": POD_SECURITY,
        "terminationGracePeriodSeconds": GRACE,
        "topologySpreadConstraints": spread(match),
        "containers": [_router_container(config)],
        "volumes": volumes,
    }
    release = {f"{GROUP}/release": str(number)}
    spec: Object = {
        "selector": {"matchLabels": match},
        "minReadySeconds": 2,
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "100%"},
        },
        "template": {
            "metadata": {"labels": match, "annotations": release},
            "spec": pod,
        },
    }
    if config.router.most <= config.router.replicas:
        spec["replicas"] = config.router.replicas  # else the autoscaler's own field
    return tagged(_of(config, "Deployment", spec), annotations=release)


def _service(config: Config) -> Object:
    ports = [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]
    spec = {"selector": labels(config, "router"), "ports": ports, "type": "ClusterIP"}
    return _of(config, "Service", spec)


def _autoscaler(config: Config) -> Object:
    pool = config.router
    use = {"type": "Utilization", "averageUtilization": pool.target}
    spec = {
        "scaleTargetRef": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": f"{config.app}-router",
        },
        "minReplicas": pool.replicas,
        "maxReplicas": pool.most,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": use}}],
    }
    return _of(config, "HorizontalPodAutoscaler", spec)


PATHS = ("/rank", "/events")
"""What the world may reach; the page, metrics and health stay inside."""


def _http_route(config: Config) -> Object:
    space, _, name = config.gateway.rpartition("/")
    parent = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": name}
    if space:
        parent["namespace"] = space
    rule = {
        "matches": [{"path": {"type": "Exact", "value": path}} for path in PATHS],
        "backendRefs": [
            {"kind": "Service", "name": f"{config.app}-router", "port": 80}
        ],
    }
    spec: Object = {
        "parentRefs": [parent],
        "rules": [rule],
    }
    if config.host:
        spec["hostnames"] = [config.host]
    return _of(config, "HTTPRoute", spec)


def _ingress(config: Config) -> Object:
    backend = {"service": {"name": f"{config.app}-router", "port": {"name": "http"}}}
    paths = [{"path": path, "pathType": "Exact", "backend": backend} for path in PATHS]
    rule: Object = {"http": {"paths": paths}}
    if config.host:
        rule["host"] = config.host
    spec = {
        "ingressClassName": config.gateway,
        "rules": [rule],
    }
    return _of(config, "Ingress", spec)
