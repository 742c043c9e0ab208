"""What a cluster has, lacks and refuses.

Kinds, rights, accounts, Secrets, autoscaling, GPUs, storage.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

from adore.errors import AdoreError
from adore.pipeline.doctor.finding import Finding
from adore.pipeline.doctor.kserve import examine_kserve
from adore.pipeline.doctor.lookups import (
    is_allowed,
    look_up,
    missing_keys,
    namespaced,
)
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
STORE_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""Keys of the Secret ``credentials`` that an object store asks for."""
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
    version = cluster.request("GET", "/version", "version")
    major = _number(version["major"])
    minor = _number(version["minor"])
    oldest = ".".join(map(str, LEAST))
    text = f"{version['gitVersion']} ({oldest} or later wanted)"
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
            known = {resource["name"] for resource in answer["resources"]}
        except AdoreError:
            known = set()
        missing = [name for name in names if name not in known]
        text = ", ".join(names)
        if missing:
            fix = FIXES.get(version.partition("/")[0], "upgrade the cluster")
            text = f"lacks {', '.join(missing)}; {fix}"
        yield Finding(version, not missing, text)


def _refused_verbs(
    cluster: Cluster, version: str, plural: str, verbs: Sequence[str]
) -> list[str]:
    """The verbs that this account may not use on a kind."""
    group = version.rpartition("/")[0]
    refused = []
    for verb in verbs:
        if not is_allowed(cluster, {"verb": verb, "group": group, "resource": plural}):
            refused.append(verb)
    return refused


def _rights(cluster: Cluster, wanted: list[str]) -> Finding:
    refused = []
    for kind in wanted:
        version, plural = KINDS[kind]
        verbs = _refused_verbs(cluster, version, plural, READ.get(kind, VERBS))
        if verbs:
            refused.append(f"{plural}: {', '.join(verbs)}")
    if not refused:
        return Finding("rights", True, "all that a release does")
    fix = "bind the Role adore-release of manifests/base to this account"
    return Finding("rights", False, f"{'; '.join(refused)} refused; {fix}")


def _account(cluster: Cluster, name: str) -> Finding:
    namespace = cluster.config.namespace
    live = look_up(cluster, name, namespaced(cluster, "serviceaccounts", name))
    if isinstance(live, Finding):
        return live
    if live:
        return Finding(name, True, f"there, in {namespace}")
    fix = "kubectl apply -k manifests/overlays/cpu"
    return Finding(name, False, f"no such account in {namespace}; {fix}")


def _cards(cluster: Cluster, placement: Placement) -> Finding:
    gpu = placement.gpu
    try:
        nodes = cluster.request("GET", "/api/v1/nodes", "nodes")["items"]
    except AdoreError as error:
        return Finding("GPUs", False, f"cannot be counted: {error}", needed=False)

    cards = []
    for node in nodes:
        node_labels = node["metadata"].get("labels") or {}
        if gpu.node_selector.items() <= node_labels.items():
            allocatable = node["status"].get("allocatable", {})
            cards.append(int(allocatable.get(gpu.type, 0)))
    largest = max(cards, default=0)
    text = (
        f"{len(cards)} nodes fit {gpu.node_selector or 'any'}, "
        f"at most {largest} {gpu.type} each; {gpu.count} wanted"
    )
    return Finding("GPUs", largest >= gpu.count, text)


def _training(cluster: Cluster, runtime: str) -> Iterator[Finding]:
    """Kubeflow Trainer, its jobs' runtime, the launcher's rights, the nodes' account."""
    yield _runtime(cluster, runtime)
    refused = _refused_verbs(
        cluster, TRAINER, "trainjobs", ("get", "create", "patch", "delete")
    )
    text = "all that is needed"
    if refused:
        fix = "add manifests/components/train to your overlay"
        text = f"{', '.join(refused)} refused; {fix}"
    yield Finding("training", not refused, text)
    yield _account(cluster, ACCOUNT)


def _runtime(cluster: Cluster, runtime: str) -> Finding:
    path = f"{api_root(TRAINER)}/clustertrainingruntimes/{runtime}"
    live = look_up(cluster, TRAINER, path)
    if isinstance(live, Finding):
        return live
    if live:
        return Finding(TRAINER, True, f"has runtime {runtime}")
    fix = "install Kubeflow Trainer 2.2 or later with its runtimes"
    return Finding(TRAINER, False, f"lacks runtime {runtime}; {fix}")


def _pipelines(
    config: Config, placement: Placement, api: Any, *, reach: bool
) -> Iterator[Finding]:
    """Whether Kubeflow Pipelines at KFP_HOST answers, and what its namespace of runs lacks."""
    name = "Kubeflow Pipelines"
    host = os.environ.get("KFP_HOST", "")
    if not host:
        yield Finding(
            name, False, "not asked; set KFP_HOST to its address", needed=False
        )
        return
    try:
        has_profiles = Server(host, config.namespace).many_users()
    except AdoreError as error:
        yield Finding(name, False, str(error))
        return
    runs_namespace = namespace_of_runs(config.namespace, many_users=has_profiles)
    users = "many users" if has_profiles else "one user"
    yield Finding(name, True, f"has {users}: runs are in {runs_namespace}")
    runs_config = config.model_copy(update={"namespace": runs_namespace})
    cluster = Cluster(runs_config, api)
    yield from examine_namespace(
        cluster, placement, many_users=has_profiles, remote=not placement.claim
    )
    if reach:
        yield from examine_images(cluster, images_of(runs_config, placement))


def _secret(cluster: Cluster, config: Config) -> Finding:
    """Whether the Secret of ``credentials`` is there, with the keys of a store."""
    name = config.credentials
    title = "credentials"
    if not name:
        text = "none: workload identity of the accounts"
        return Finding(title, True, text, needed=False)

    live = look_up(cluster, title, namespaced(cluster, "secrets", name))
    if isinstance(live, Finding):
        return live
    if not live:
        create = f"kubectl -n {config.namespace} create secret generic {name}"
        fix = f"{create} --from-env-file=s3.env"
        return Finding(title, False, f"no Secret {name} in {config.namespace}; {fix}")
    missing = missing_keys(live, STORE_KEYS)
    text = f"Secret {name}"
    if missing:
        text = f"Secret {name} lacks {', '.join(missing)}"
    return Finding(title, not missing, text)


def _autoscaling(cluster: Cluster, config: Config) -> Finding:
    """An autoscaler without CPU figures never adds a pod."""
    title = "autoscaling"
    scaled = []
    for name, pool in (("server", config.server), ("router", config.router)):
        if pool.most > pool.replicas:
            scaled.append(name)
    if not scaled:
        return Finding(title, True, "none: most equals replicas")

    names = ", ".join(scaled)
    try:
        cluster.request("GET", "/apis/metrics.k8s.io/v1beta1", "metrics")
    except AdoreError:
        fix = "install metrics-server, or set most to replicas"
        text = f"{names} would never get more pods: no metrics.k8s.io; {fix}"
        return Finding(title, False, text)
    return Finding(title, True, f"of {names}, by metrics.k8s.io")


def _storage(cluster: Cluster) -> Finding:
    path = "/apis/storage.k8s.io/v1/storageclasses"
    try:
        classes = cluster.request("GET", path, "storage classes")["items"]
    except AdoreError as error:
        return Finding("storage", False, f"cannot be listed: {error}", needed=False)

    default = []
    for storage_class in classes:
        meta = storage_class["metadata"]
        annotations = meta.get("annotations") or {}
        if annotations.get("storageclass.kubernetes.io/is-default-class") == "true":
            default.append(meta["name"])
    text = "no default StorageClass; a claim must name its own"
    if default:
        text = f"default class {default[0]}"
    return Finding("storage", bool(default), text, needed=False)


def examine_cluster(
    config: Config, placement: Placement, api: Any = None, *, reach: bool = True
) -> Iterator[Finding]:
    """Look at everything that a release and a run need on the cluster, as this account sees it.

    Args:
        config: the profile's section ``kubernetes``.
        placement: its section ``cluster``.
        api: an ``ApiClient``; None: the kubeconfig's, or the pod's.
        reach: start three small pods that try names, store and API server as ours would.

    Yields:
        What was looked at, one thing after the other.
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
