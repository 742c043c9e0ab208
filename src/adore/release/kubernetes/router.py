"""Kubernetes objects of the router: Deployment, Service, autoscaler, budget, route.

The functions are pure and return dicts.
"""

from __future__ import annotations

from adore.release.kubernetes.config import Config
from adore.release.kubernetes.objects import (
    GRACE,
    POD_SECURITY,
    Object,
    budget,
    container,
    environment,
    labels,
    make,
    probe,
    spread,
    with_metadata,
)
from adore.release.kubernetes.records import RELEASE_LABEL, record_name

__all__ = ["router"]


def router(config: Config, number: int) -> list[Object]:
    """Make all objects of the router.

    Args:
        config: how the router is served.
        number: number of the release whose record it mounts.

    Returns:
        The Deployment, then all other objects.
    """
    objects = [_deployment(config, number), _service(config)]
    if config.router.most > config.router.replicas:
        objects.append(_autoscaler(config))
    if config.budget:
        pod_labels = labels(config, "router")
        objects.append(budget(config, f"{config.app}-router", "router", pod_labels))
    if config.route == "gateway":
        objects.append(_http_route(config))
    elif config.route == "ingress":
        objects.append(_ingress(config))
    return objects


def _of(config: Config, kind: str, spec: Object) -> Object:
    return make(config, kind, f"{config.app}-router", "router", spec=spec)


def _router_container(config: Config) -> Object:
    arguments = [
        "--config=/etc/adore/experiment.json",
        "--logs=/var/adore",
        "--host=0.0.0.0",
        "--port=8080",
    ]
    if config.exposures:
        arguments.append(f"--ship={config.exposures}")
    return container(
        "router",
        config.image("router"),
        config.router,
        args=arguments,
        env=[{"name": "HOME", "value": "/tmp"}],
        ports=[{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        # A new pod must reach a variant. A running pod stays in service without one: an
        # unranked list is better than an error.
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
    pod_labels = labels(config, "router")
    volumes = [
        {"name": "config", "configMap": {"name": record_name(config, number)}},
        {"name": "logs", "emptyDir": {"sizeLimit": "4Gi"}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},
    ]
    pod_spec = {
        "serviceAccountName": f"{config.app}-router",
        "automountServiceAccountToken": False,
        "securityContext": POD_SECURITY,
        "terminationGracePeriodSeconds": GRACE,
        "topologySpreadConstraints": spread(pod_labels),
        "containers": [_router_container(config)],
        "volumes": volumes,
    }
    release_note = {RELEASE_LABEL: str(number)}
    deployment_spec: Object = {
        "selector": {"matchLabels": pod_labels},
        "minReadySeconds": 2,
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "100%"},
        },
        "template": {
            "metadata": {"labels": pod_labels, "annotations": release_note},
            "spec": pod_spec,
        },
    }
    # An autoscaler owns the field; to set it as well would undo its scaling.
    if config.router.most <= config.router.replicas:
        deployment_spec["replicas"] = config.router.replicas
    return with_metadata(
        _of(config, "Deployment", deployment_spec), annotations=release_note
    )


def _service(config: Config) -> Object:
    ports = [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]
    service_spec = {
        "selector": labels(config, "router"),
        "ports": ports,
        "type": "ClusterIP",
    }
    return _of(config, "Service", service_spec)


def _autoscaler(config: Config) -> Object:
    router_pool = config.router
    target_usage = {"type": "Utilization", "averageUtilization": router_pool.target}
    autoscaler_spec = {
        "scaleTargetRef": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": f"{config.app}-router",
        },
        "minReplicas": router_pool.replicas,
        "maxReplicas": router_pool.most,
        "metrics": [
            {"type": "Resource", "resource": {"name": "cpu", "target": target_usage}}
        ],
    }
    return _of(config, "HorizontalPodAutoscaler", autoscaler_spec)


PATHS = ("/rank", "/events")
"""Paths that are reachable from outside; page, metrics and health are internal."""


def _http_route(config: Config) -> Object:
    gateway_namespace, _, gateway_name = config.gateway.rpartition("/")
    gateway_reference = {
        "group": "gateway.networking.k8s.io",
        "kind": "Gateway",
        "name": gateway_name,
    }
    if gateway_namespace:
        gateway_reference["namespace"] = gateway_namespace
    route_rule = {
        "matches": [{"path": {"type": "Exact", "value": path}} for path in PATHS],
        "backendRefs": [
            {"kind": "Service", "name": f"{config.app}-router", "port": 80}
        ],
    }
    route_spec: Object = {
        "parentRefs": [gateway_reference],
        "rules": [route_rule],
    }
    if config.host:
        route_spec["hostnames"] = [config.host]
    return _of(config, "HTTPRoute", route_spec)


def _ingress(config: Config) -> Object:
    backend = {"service": {"name": f"{config.app}-router", "port": {"name": "http"}}}
    rule_paths = [
        {"path": path, "pathType": "Exact", "backend": backend} for path in PATHS
    ]
    ingress_rule: Object = {"http": {"paths": rule_paths}}
    if config.host:
        ingress_rule["host"] = config.host
    ingress_spec = {
        "ingressClassName": config.gateway,
        "rules": [ingress_rule],
    }
    return _of(config, "Ingress", ingress_spec)
