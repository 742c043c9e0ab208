"""What a cluster has, lacks and refuses: kinds, rights, accounts, Secrets, autoscaling, GPUs, storage."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from adore.errors import AdoreError, MissingError
from adore.pipeline.doctor.finding import Finding
from adore.pipeline.doctor.kserve import examine_kserve
from adore.pipeline.doctor.reach import examine_reach
from adore.pipeline.kubeflow.client import Server
from adore.pipeline.kubeflow.placement import Config as Placement
from adore.pipeline.kubeflow.preflight import examine_images, examine_namespace, images_of, namespace_of_runs
from adore.pipeline.kubeflow.trainjob import ACCOUNT
from adore.pipeline.kubeflow.trainjob import VERSION as TRAINER
from adore.release.kubernetes.client import Cluster, api_root
from adore.release.kubernetes.config import Config
from adore.release.kubernetes.objects import KINDS

__all__ = ["examine_cluster"]

LEAST = (1, 32)
"""The oldest Kubernetes that KServe 0.20's guide names."""
FIXES = {
    "serving.kserve.io": "install KServe 0.20 or later",
    "gateway.networking.k8s.io": "install the Gateway API's CRDs, or set kubernetes.route to ingress",
}
VERBS = ("get", "list", "create", "patch", "delete")
READ = {"Pod": ("get", "list"), "Event": ("list",)}
"""Kinds that a release only reads."""


def _wanted(config: Config) -> list[str]:
    """Kinds that a release with these settings makes or reads."""
    routes = {"gateway": "Ingress", "ingress": "HTTPRoute"}
    unused = {routes.get(config.route, ""), "" if config.budget else "PodDisruptionBudget"}
    unused |= {"Ingress", "HTTPRoute"} if config.route == "none" else set()
    unused |= {"HorizontalPodAutoscaler"} if config.router.most <= config.router.replicas else set()
    return [kind for kind in KINDS if kind not in unused]


def _version(cluster: Cluster) -> Finding:
    about = cluster.request("GET", "/version", "version")
    have = tuple(int(re.sub(r"\D", "", about[k]) or 0) for k in ("major", "minor"))
    text = f"{about['gitVersion']} ({LEAST[0]}.{LEAST[1]} or later wanted)"
    return Finding("Kubernetes", have >= LEAST, text)


def _kinds(cluster: Cluster, wanted: list[str]) -> Iterator[Finding]:
    for version in sorted({KINDS[kind][0] for kind in wanted}):
        names = [KINDS[kind][1] for kind in wanted if KINDS[kind][0] == version]
        try:
            found = {r["name"] for r in cluster.request("GET", api_root(version), version)["resources"]}
        except AdoreError:
            found = set()
        missing = [n for n in names if n not in found]
        fix = FIXES.get(version.partition("/")[0], "upgrade the cluster")
        yield Finding(version, not missing, f"lacks {', '.join(missing)}; {fix}" if missing else ", ".join(names))


def _may(cluster: Cluster, verb: str, version: str, plural: str) -> bool:
    group = version.rpartition("/")[0]
    asked = {"namespace": cluster.config.namespace, "verb": verb, "group": group, "resource": plural}
    kind_of = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
    review = {**kind_of, "spec": {"resourceAttributes": asked}}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    return bool(cluster.request("POST", path, "access review", body=review)["status"]["allowed"])


def _rights(cluster: Cluster, wanted: list[str]) -> Finding:
    refused = []
    for kind in wanted:
        verbs = [v for v in READ.get(kind, VERBS) if not _may(cluster, v, *KINDS[kind])]
        refused += [f"{KINDS[kind][1]}: {', '.join(verbs)}"] if verbs else []
    fix = "bind the Role adore-release of manifests/base to this account"
    text = f"{'; '.join(refused)} refused; {fix}" if refused else "all that a release does"
    return Finding("rights", not refused, text)


def _account(cluster: Cluster, name: str) -> Finding:
    space = cluster.config.namespace
    path = f"/api/v1/namespaces/{space}/serviceaccounts/{name}"
    try:
        cluster.request("GET", path, f"account {name}")
        return Finding(name, True, f"there, in {space}")
    except MissingError:
        return Finding(name, False, f"no such account in {space}; kubectl apply -k manifests/overlays/cpu")
    except AdoreError:
        return Finding(name, False, "this account may not look", needed=False)


def _cards(cluster: Cluster, placement: Placement) -> Finding:
    gpu = placement.gpu
    try:
        nodes = cluster.request("GET", "/api/v1/nodes", "nodes")["items"]
    except AdoreError as error:
        return Finding("GPUs", False, f"cannot be counted: {error}", needed=False)
    fits = [n for n in nodes if gpu.node_selector.items() <= (n["metadata"].get("labels") or {}).items()]
    most = max((int(n["status"].get("allocatable", {}).get(gpu.type, 0)) for n in fits), default=0)
    text = f"{len(fits)} nodes fit {gpu.node_selector or 'any'}, at most {most} {gpu.type} each; {gpu.count} wanted"
    return Finding("GPUs", most >= gpu.count, text)


def _training(cluster: Cluster, runtime: str) -> Iterator[Finding]:
    """Kubeflow Trainer, the runtime that its jobs name, the launcher's rights, the nodes' account."""
    name, path = f"runtime {runtime}", f"{api_root(TRAINER)}/clustertrainingruntimes/{runtime}"
    try:
        cluster.request("GET", path, name)
        yield Finding(TRAINER, True, f"has {name}")
    except MissingError:
        yield Finding(TRAINER, False, f"lacks {name}; install Kubeflow Trainer 2.2 or later with its runtimes")
    except AdoreError:
        yield Finding(TRAINER, False, f"{name}: this account may not look", needed=False)
    refused = [v for v in ("get", "create", "patch", "delete") if not _may(cluster, v, TRAINER, "trainjobs")]
    fix = "add manifests/components/train to your overlay"
    yield Finding("training", not refused, f"{', '.join(refused)} refused; {fix}" if refused else "all that is needed")
    yield _account(cluster, ACCOUNT)


def _pipelines(config: Config, placement: Placement, api: Any, *, reach: bool) -> Iterator[Finding]:
    """Kubeflow Pipelines at KFP_HOST: whether it answers, and what its namespace of runs has and lacks."""
    name, host = "Kubeflow Pipelines", os.environ.get("KFP_HOST", "")
    if not host:
        yield Finding(name, False, "not asked; set KFP_HOST to its address", needed=False)
        return
    try:
        many = Server(host, config.namespace).many_users()
    except AdoreError as error:
        yield Finding(name, False, str(error))
        return
    space = namespace_of_runs(config.namespace, many_users=many)
    users = "many users" if many else "one user"
    yield Finding(name, True, f"has {users}: runs are in {space}")
    there = config.model_copy(update={"namespace": space})
    cluster = Cluster(there, api)
    yield from examine_namespace(cluster, placement, many_users=many, remote=not placement.claim)
    if reach:
        yield from examine_images(cluster, images_of(there, placement))


def _secret(cluster: Cluster, config: Config) -> Finding:
    """Whether the Secret of ``credentials`` is there, with the keys of a store; its values are not looked at."""
    name, title = config.credentials, "credentials"
    if not name:
        return Finding(title, True, "none: workload identity of the accounts", needed=False)
    path = f"/api/v1/namespaces/{config.namespace}/secrets/{name}"
    try:
        keys = set(cluster.request("GET", path, f"Secret {name}").get("data") or {})
    except MissingError:
        fix = f"kubectl -n {config.namespace} create secret generic {name} --from-env-file=s3.env"
        return Finding(title, False, f"no Secret {name} in {config.namespace}; {fix}")
    except AdoreError:
        return Finding(title, False, f"Secret {name}: this account may not look", needed=False)
    missing = sorted({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} - keys)
    return Finding(title, not missing, f"Secret {name} lacks {', '.join(missing)}" if missing else f"Secret {name}")


def _autoscaling(cluster: Cluster, config: Config) -> Finding:
    """An autoscaler without CPU figures never adds a pod."""
    scaled = [name for name in ("server", "router") if getattr(config, name).most > getattr(config, name).replicas]
    if not scaled:
        return Finding("autoscaling", True, "none: most equals replicas")
    try:
        cluster.request("GET", "/apis/metrics.k8s.io/v1beta1", "metrics")
        return Finding("autoscaling", True, f"of {', '.join(scaled)}, by metrics.k8s.io")
    except AdoreError:
        fix = "install metrics-server, or set most to replicas"
        return Finding("autoscaling", False, f"{', '.join(scaled)} would never get more pods: no metrics.k8s.io; {fix}")


def _storage(cluster: Cluster) -> Finding:
    try:
        found = cluster.request("GET", "/apis/storage.k8s.io/v1/storageclasses", "storage classes")["items"]
    except AdoreError as error:
        return Finding("storage", False, f"cannot be listed: {error}", needed=False)
    key = "storageclass.kubernetes.io/is-default-class"
    default = [c["metadata"]["name"] for c in found if (c["metadata"].get("annotations") or {}).get(key) == "true"]
    text = f"default class {default[0]}" if default else "no default StorageClass; a claim must name its own"
    return Finding("storage", bool(default), text, needed=False)


def examine_cluster(config: Config, placement: Placement, api: Any = None, *, reach: bool = True) -> Iterator[Finding]:
    """Look at everything that a release and a run need on the cluster, as the account that asks.

    Args:
        reach: start three small pods that try names, store and API server as ours would.
        config: the profile's section ``kubernetes``.
        placement: its section ``cluster``.
        api: an ``ApiClient``; None: the kubeconfig's, or the pod's.
    """
    cluster, wanted = Cluster(config, api), _wanted(config)
    yield _version(cluster)
    yield from _kinds(cluster, wanted)
    yield _rights(cluster, wanted)
    for name in (f"{config.app}-server", f"{config.app}-router", "adore-pipeline"):
        yield _account(cluster, name)
    yield _secret(cluster, config)
    yield _autoscaling(cluster, config)
    yield from examine_kserve(cluster, config)
    if reach:
        yield from examine_reach(cluster, config)
    if placement.gpu.stages:
        yield _cards(cluster, placement)
    if placement.train.stages:
        yield from _training(cluster, placement.train.runtime)
    yield _storage(cluster)
    yield from _pipelines(config, placement, api, reach=reach)
    shipped = config.exposures or "none: the experiment cannot be read from the cluster; set kubernetes.exposures"
    yield Finding("exposures", bool(config.exposures), shipped, needed=False)
