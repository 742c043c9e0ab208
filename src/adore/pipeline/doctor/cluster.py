"""Checks what a cluster has, lacks and refuses.

It covers kinds, rights, accounts, Secrets, autoscaling, GPUs and storage.
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
from adore.pipeline.kubeflow.preflight import ACCOUNT as PIPELINE_ACCOUNT
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
"""The oldest Kubernetes version that KServe 0.20's guide supports."""
FIXES = {
    "serving.kserve.io": "install KServe 0.20 or later",
    "gateway.networking.k8s.io": (
        "install the Gateway API's CRDs, or set kubernetes.route to ingress"
    ),
}
STORE_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""Keys of the Secret ``credentials`` that an object store needs."""
VERBS = ("get", "list", "create", "patch", "delete")
READ = {"Pod": ("get", "list"), "Event": ("list",)}
"""Kinds that a release only reads."""


def _wanted(config: Config) -> list[str]:
    """List the kinds that a release with these settings creates or reads."""
    unused_route = {"gateway": "Ingress", "ingress": "HTTPRoute"}
    unused_kinds = {unused_route.get(config.route, "")}
    # Every release needs all other kinds, whatever its settings.
    if config.route == "none":
        unused_kinds |= {"Ingress", "HTTPRoute"}
    if not config.budget:
        unused_kinds.add("PodDisruptionBudget")
    if config.router.most <= config.router.replicas:
        unused_kinds.add("HorizontalPodAutoscaler")
    return [kind for kind in KINDS if kind not in unused_kinds]


def _version(cluster: Cluster) -> Finding:
    server_version = cluster.request("GET", "/version", "version")
    major = _number(server_version["major"])
    minor = _number(server_version["minor"])
    oldest_supported = ".".join(map(str, LEAST))
    description = f"{server_version['gitVersion']} ({oldest_supported} or later wanted)"
    return Finding("Kubernetes", (major, minor) >= LEAST, description)


def _number(text: str) -> int:
    """Parse a version's number; some providers write ``33+`` for a minor version."""
    digits_only = re.sub(r"\D", "", text)
    return int(digits_only or 0)


def _kinds(cluster: Cluster, wanted: list[str]) -> Iterator[Finding]:
    for api_version in sorted({KINDS[kind][0] for kind in wanted}):
        plural_names = [
            KINDS[kind][1] for kind in wanted if KINDS[kind][0] == api_version
        ]
        try:
            resource_list = cluster.request("GET", api_root(api_version), api_version)
            served_names = {resource["name"] for resource in resource_list["resources"]}
        except AdoreError:
            # The API server does not know this group, so every kind of it is missing.
            served_names = set()
        missing_names = [name for name in plural_names if name not in served_names]
        description = ", ".join(plural_names)
        if missing_names:
            fix = FIXES.get(api_version.partition("/")[0], "upgrade the cluster")
            description = f"lacks {', '.join(missing_names)}; {fix}"
        yield Finding(api_version, not missing_names, description)


def _refused_verbs(
    cluster: Cluster, version: str, plural: str, verbs: Sequence[str]
) -> list[str]:
    """List the verbs that this account may not use on a kind."""
    api_group = version.rpartition("/")[0]
    refused_verbs = []
    for verb in verbs:
        if not is_allowed(
            cluster, {"verb": verb, "group": api_group, "resource": plural}
        ):
            refused_verbs.append(verb)
    return refused_verbs


def _rights(cluster: Cluster, wanted: list[str]) -> Finding:
    refused_rights = []
    for kind in wanted:
        version, plural = KINDS[kind]
        refused_verbs = _refused_verbs(cluster, version, plural, READ.get(kind, VERBS))
        if refused_verbs:
            refused_rights.append(f"{plural}: {', '.join(refused_verbs)}")
    if not refused_rights:
        return Finding("rights", True, "all that a release does")
    advice = "bind the Role adore-release of manifests/base to this account"
    return Finding("rights", False, f"{'; '.join(refused_rights)} refused; {advice}")


def _account(cluster: Cluster, name: str) -> Finding:
    namespace = cluster.config.namespace
    live_account = look_up(cluster, name, namespaced(cluster, "serviceaccounts", name))
    if isinstance(live_account, Finding):
        return live_account
    if live_account:
        return Finding(name, True, f"there, in {namespace}")
    advice = "kubectl apply -k manifests/overlays/cpu"
    return Finding(name, False, f"no such account in {namespace}; {advice}")


def _cards(cluster: Cluster, placement: Placement) -> Finding:
    gpu_config = placement.gpu
    try:
        nodes = cluster.request("GET", "/api/v1/nodes", "nodes")["items"]
    except AdoreError as error:
        return Finding("GPUs", False, f"cannot be counted: {error}", needed=False)

    gpus_of_nodes = []
    for node in nodes:
        node_labels = node["metadata"].get("labels") or {}
        if gpu_config.node_selector.items() <= node_labels.items():
            allocatable = node["status"].get("allocatable", {})
            gpus_of_nodes.append(int(allocatable.get(gpu_config.type, 0)))
    most_gpus = max(gpus_of_nodes, default=0)
    description = (
        f"{len(gpus_of_nodes)} nodes fit {gpu_config.node_selector or 'any'}, "
        f"at most {most_gpus} {gpu_config.type} each; {gpu_config.count} wanted"
    )
    return Finding("GPUs", most_gpus >= gpu_config.count, description)


def _training(cluster: Cluster, runtime: str) -> Iterator[Finding]:
    """Check Kubeflow Trainer, its jobs' runtime, the launcher's rights, the nodes' account."""
    yield _runtime(cluster, runtime)
    refused_verbs = _refused_verbs(
        cluster, TRAINER, "trainjobs", ("get", "create", "patch", "delete")
    )
    description = "all that is needed"
    if refused_verbs:
        advice = "add manifests/components/train to your overlay"
        description = f"{', '.join(refused_verbs)} refused; {advice}"
    yield Finding("training", not refused_verbs, description)
    yield _account(cluster, ACCOUNT)


def _runtime(cluster: Cluster, runtime: str) -> Finding:
    runtime_path = f"{api_root(TRAINER)}/clustertrainingruntimes/{runtime}"
    live_runtime = look_up(cluster, TRAINER, runtime_path)
    if isinstance(live_runtime, Finding):
        return live_runtime
    if live_runtime:
        return Finding(TRAINER, True, f"has runtime {runtime}")
    advice = "install Kubeflow Trainer 2.2 or later with its runtimes"
    return Finding(TRAINER, False, f"lacks runtime {runtime}; {advice}")


def _pipelines(
    config: Config, placement: Placement, api: Any, *, reach: bool
) -> Iterator[Finding]:
    """Check that Kubeflow Pipelines at KFP_HOST answers, and the namespace of its runs."""
    subject = "Kubeflow Pipelines"
    server_address = os.environ.get("KFP_HOST", "")
    if not server_address:
        yield Finding(
            subject, False, "not checked; set KFP_HOST to its address", needed=False
        )
        return
    try:
        has_profiles = Server(server_address, config.namespace).many_users()
    except AdoreError as error:
        yield Finding(subject, False, str(error))
        return
    runs_namespace = namespace_of_runs(config.namespace, many_users=has_profiles)
    installation = "many users" if has_profiles else "one user"
    yield Finding(subject, True, f"has {installation}: runs are in {runs_namespace}")
    # Runs may be in another namespace than the release.
    runs_config = config.model_copy(update={"namespace": runs_namespace})
    cluster = Cluster(runs_config, api)
    yield from examine_namespace(
        cluster, placement, many_users=has_profiles, remote=not placement.claim
    )
    if reach:
        yield from examine_images(cluster, images_of(runs_config, placement))


def _secret(cluster: Cluster, config: Config) -> Finding:
    """Check that the Secret of ``credentials`` exists with the keys of a store."""
    secret_name = config.credentials
    subject = "credentials"
    if not secret_name:
        description = "none: workload identity of the accounts"
        return Finding(subject, True, description, needed=False)

    live_secret = look_up(cluster, subject, namespaced(cluster, "secrets", secret_name))
    if isinstance(live_secret, Finding):
        return live_secret
    if not live_secret:
        create_command = (
            f"kubectl -n {config.namespace} create secret generic {secret_name}"
        )
        advice = f"{create_command} --from-env-file=s3.env"
        return Finding(
            subject, False, f"no Secret {secret_name} in {config.namespace}; {advice}"
        )
    absent_keys = missing_keys(live_secret, STORE_KEYS)
    description = f"Secret {secret_name}"
    if absent_keys:
        description = f"Secret {secret_name} lacks {', '.join(absent_keys)}"
    return Finding(subject, not absent_keys, description)


def _autoscaling(cluster: Cluster, config: Config) -> Finding:
    """Check for CPU metrics: without them an autoscaler never adds a pod."""
    subject = "autoscaling"
    scaled_pools = []
    for pool_name, pool_config in (
        ("server", config.server),
        ("router", config.router),
    ):
        if pool_config.most > pool_config.replicas:
            scaled_pools.append(pool_name)
    if not scaled_pools:
        return Finding(subject, True, "none: most equals replicas")

    pool_names = ", ".join(scaled_pools)
    try:
        cluster.request("GET", "/apis/metrics.k8s.io/v1beta1", "metrics")
    except AdoreError:
        advice = "install metrics-server, or set most to replicas"
        description = (
            f"{pool_names} would never get more pods: no metrics.k8s.io; {advice}"
        )
        return Finding(subject, False, description)
    return Finding(subject, True, f"of {pool_names}, by metrics.k8s.io")


def _storage(cluster: Cluster) -> Finding:
    classes_path = "/apis/storage.k8s.io/v1/storageclasses"
    try:
        storage_classes = cluster.request("GET", classes_path, "storage classes")[
            "items"
        ]
    except AdoreError as error:
        return Finding("storage", False, f"cannot be listed: {error}", needed=False)

    default_classes = []
    for storage_class in storage_classes:
        metadata = storage_class["metadata"]
        annotations = metadata.get("annotations") or {}
        if annotations.get("storageclass.kubernetes.io/is-default-class") == "true":
            default_classes.append(metadata["name"])
    description = "no default StorageClass; a claim must name its own"
    if default_classes:
        description = f"default class {default_classes[0]}"
    return Finding("storage", bool(default_classes), description, needed=False)


def examine_cluster(
    config: Config, placement: Placement, api: Any = None, *, reach: bool = True
) -> Iterator[Finding]:
    """Check everything that a release and a run need on the cluster, with this account's rights.

    Args:
        config: the profile's section ``kubernetes``.
        placement: its section ``cluster``.
        api: an ``ApiClient``; None: the kubeconfig's, or the pod's.
        reach: start three small pods that try DNS, store and API server as ours would.

    Yields:
        One finding for each check.
    """
    cluster = Cluster(config, api)
    wanted_kinds = _wanted(config)
    yield _version(cluster)
    yield from _kinds(cluster, wanted_kinds)
    yield _rights(cluster, wanted_kinds)
    for account_name in (
        f"{config.app}-server",
        f"{config.app}-router",
        PIPELINE_ACCOUNT,
    ):
        yield _account(cluster, account_name)
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
    no_exposures = (
        "none: the experiment cannot be read from the cluster; set kubernetes.exposures"
    )
    description = config.exposures or no_exposures
    yield Finding("exposures", bool(config.exposures), description, needed=False)
