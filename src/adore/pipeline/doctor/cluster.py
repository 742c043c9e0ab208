"""What a cluster has, lacks and refuses.

Kinds, rights, accounts, Secrets, autoscaling, GPUs, storage.
"""

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
from adore.pipeline.kubeflow.preflight import (
    examine_images,
    examine_namespace,
    images_of,
    namespace_of_runs,
)
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
    "gateway.networking.k8s.io": (
        "install the Gateway API's CRDs, or set kubernetes.route to ingress"
    ),
}
VERBS = ("get", "list", "create", "patch", "delete")
READ = {"Pod": ("get", "list"), "Event": ("list",)}
"""Kinds that a release only reads."""


def _wanted(config: Config) -> list[str]:
    """Kinds that a release with these settings makes or reads."""
    routes = {"gateway": "Ingress", "ingress": "HTTPRoute"}
    unused = {routes.get(config.route, "")}
    if config.route == "none":
        unused |= {"Ingress", "HTTPRoute"}
    if not config.budget:
        unused.add("PodDisruptionBudget")
    if config.router.most <= config.router.replicas:
        unused.add("HorizontalPodAutoscaler")
    return [kind for kind in KINDS if kind not in unused]


def _version(cluster: Cluster) -> Finding:
    about = cluster.request("GET", "/version", "version")
    major = _number(about["major"])
    minor = _number(about["minor"])
    oldest = ".".join(map(str, LEAST))
    text = f"{about['gitVersion']} ({oldest} or later wanted)"
    return Finding("Kubernetes", (major, minor) >= LEAST, text)


def _number(text: str) -> int:
    """Some providers write ``33+`` for a minor version."""
    digits = re.sub(r"\D", "", text)
    return int(digits or 0)


def _kinds(cluster: Cluster, wanted: list[str]) -> Iterator[Finding]:
    for version in sorted({KINDS[kind][0] for kind in wanted}):
        names = [KINDS[kind][1] for kind in wanted if KINDS[kind][0] == version]
        try:
            answer = cluster.request("GET", api_root(version), version)
            found = {resource["name"] for resource in answer["resources"]}
        except AdoreError:
            found = set()
        missing = [name for name in names if name not in found]
        text = ", ".join(names)
        if missing:
            fix = FIXES.get(version.partition("/")[0], "upgrade the cluster")
            text = f"lacks {', '.join(missing)}; {fix}"
        yield Finding(version, not missing, text)


def _may(cluster: Cluster, verb: str, version: str, plural: str) -> bool:
    """Whether this account may do that in the namespace."""
    asked = {
        "namespace": cluster.config.namespace,
        "verb": verb,
        "group": version.rpartition("/")[0],
        "resource": plural,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": asked},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    answer = cluster.request("POST", path, "access review", body=review)
    return bool(answer["status"]["allowed"])


def _rights(cluster: Cluster, wanted: list[str]) -> Finding:
    refused = []
    for kind in wanted:
        version, plural = KINDS[kind]
        lacks = [
            verb
            for verb in READ.get(kind, VERBS)
            if not _may(cluster, verb, version, plural)
        ]
        if lacks:
            refused.append(f"{plural}: {', '.join(lacks)}")
    text = "all that a release does"
    if refused:
        fix = "bind the Role adore-release of manifests/base to this account"
        text = f"{'; '.join(refused)} refused; {fix}"
    return Finding("rights", not refused, text)


def _account(cluster: Cluster, name: str) -> Finding:
    space = cluster.config.namespace
    path = f"/api/v1/namespaces/{space}/serviceaccounts/{name}"
    try:
        cluster.request("GET", path, f"account {name}")
        return Finding(name, True, f"there, in {space}")
    except MissingError:
        return Finding(
            name,
            False,
            f"no such account in {space}; kubectl apply -k manifests/overlays/cpu",
        )
    except AdoreError:
        return Finding(name, False, "this account may not look", needed=False)


def _cards(cluster: Cluster, placement: Placement) -> Finding:
    gpu = placement.gpu
    try:
        nodes = cluster.request("GET", "/api/v1/nodes", "nodes")["items"]
    except AdoreError as error:
        return Finding("GPUs", False, f"cannot be counted: {error}", needed=False)
    cards = []
    for node in nodes:
        tags = node["metadata"].get("labels") or {}
        if gpu.node_selector.items() <= tags.items():
            cards.append(int(node["status"].get("allocatable", {}).get(gpu.type, 0)))
    most = max(cards, default=0)
    text = (
        f"{len(cards)} nodes fit {gpu.node_selector or 'any'}, "
        f"at most {most} {gpu.type} each; {gpu.count} wanted"
    )
    return Finding("GPUs", most >= gpu.count, text)


def _training(cluster: Cluster, runtime: str) -> Iterator[Finding]:
    """Kubeflow Trainer, its jobs' runtime, the launcher's rights, the nodes' account."""
    name = f"runtime {runtime}"
    path = f"{api_root(TRAINER)}/clustertrainingruntimes/{runtime}"
    try:
        cluster.request("GET", path, name)
        yield Finding(TRAINER, True, f"has {name}")
    except MissingError:
        yield Finding(
            TRAINER,
            False,
            f"lacks {name}; install Kubeflow Trainer 2.2 or later with its runtimes",
        )
    except AdoreError:
        yield Finding(
            TRAINER, False, f"{name}: this account may not look", needed=False
        )
    refused = [
        verb
        for verb in ("get", "create", "patch", "delete")
        if not _may(cluster, verb, TRAINER, "trainjobs")
    ]
    text = "all that is needed"
    if refused:
        fix = "add manifests/components/train to your overlay"
        text = f"{', '.join(refused)} refused; {fix}"
    yield Finding("training", not refused, text)
    yield _account(cluster, ACCOUNT)


def _pipelines(
    config: Config, placement: Placement, api: Any, *, reach: bool
) -> Iterator[Finding]:
    """Kubeflow Pipelines at KFP_HOST.

    Whether it answers, and what its namespace of runs has and lacks.
    """
    name = "Kubeflow Pipelines"
    host = os.environ.get("KFP_HOST", "")
    if not host:
        yield Finding(
            name, False, "not asked; set KFP_HOST to its address", needed=False
        )
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
    yield from examine_namespace(
        cluster, placement, many_users=many, remote=not placement.claim
    )
    if reach:
        yield from examine_images(cluster, images_of(there, placement))


def _secret(cluster: Cluster, config: Config) -> Finding:
    """Whether the Secret of ``credentials`` is there, with the keys of a store.

    Its values are not looked at.
    """
    name = config.credentials
    title = "credentials"
    if not name:
        return Finding(
            title, True, "none: workload identity of the accounts", needed=False
        )
    path = f"/api/v1/namespaces/{config.namespace}/secrets/{name}"
    try:
        keys = set(cluster.request("GET", path, f"Secret {name}").get("data") or {})
    except MissingError:
        fix = (
            f"kubectl -n {config.namespace} create secret generic {name} "
            "--from-env-file=s3.env"
        )
        return Finding(title, False, f"no Secret {name} in {config.namespace}; {fix}")
    except AdoreError:
        return Finding(
            title, False, f"Secret {name}: this account may not look", needed=False
        )
    missing = sorted({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} - keys)
    return Finding(
        title,
        not missing,
        f"Secret {name} lacks {', '.join(missing)}" if missing else f"Secret {name}",
    )


def _autoscaling(cluster: Cluster, config: Config) -> Finding:
    """An autoscaler without CPU figures never adds a pod."""
    scaled = [
        name
        for name in ("server", "router")
        if getattr(config, name).most > getattr(config, name).replicas
    ]
    if not scaled:
        return Finding("autoscaling", True, "none: most equals replicas")
    try:
        cluster.request("GET", "/apis/metrics.k8s.io/v1beta1", "metrics")
        return Finding(
            "autoscaling", True, f"of {', '.join(scaled)}, by metrics.k8s.io"
        )
    except AdoreError:
        fix = "install metrics-server, or set most to replicas"
        return Finding(
            "autoscaling",
            False,
            f"{', '.join(scaled)} would never get more pods: no metrics.k8s.io; {fix}",
        )


def _storage(cluster: Cluster) -> Finding:
    try:
        found = cluster.request(
            "GET", "/apis/storage.k8s.io/v1/storageclasses", "storage classes"
        )["items"]
    except AdoreError as error:
        return Finding("storage", False, f"cannot be listed: {error}", needed=False)
    key = "storageclass.kubernetes.io/is-default-class"
    default = []
    for storage_class in found:
        about = storage_class["metadata"]
        if (about.get("annotations") or {}).get(key) == "true":
            default.append(about["name"])
    text = "no default StorageClass; a claim must name its own"
    if default:
        text = f"default class {default[0]}"
    return Finding("storage", bool(default), text, needed=False)


def examine_cluster(
    config: Config, placement: Placement, api: Any = None, *, reach: bool = True
) -> Iterator[Finding]:
    """Look at everything that a release and a run need on the cluster, as the account that asks.

    Args:
        config: the profile's section ``kubernetes``.
        placement: its section ``cluster``.
        api: an ``ApiClient``; None: the kubeconfig's, or the pod's.
        reach: start three small pods that try names, store and API server as ours would.
    """
    cluster = Cluster(config, api)
    wanted = _wanted(config)
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
    lacks = (
        "none: the experiment cannot be read from the cluster; set kubernetes.exposures"
    )
    text = config.exposures or lacks
    yield Finding("exposures", bool(config.exposures), text, needed=False)
