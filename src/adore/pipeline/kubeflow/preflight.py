"""What a run on Kubeflow Pipelines needs in its namespace, looked at before anything starts.

A pod without its Secret or its image waits for its whole ``timeout`` and tells nobody.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import yaml

from adore.errors import AdoreError
from adore.pipeline.doctor.finding import Finding
from adore.pipeline.doctor.lookups import (
    TrialPods,
    is_allowed,
    look_up,
    may_not_create,
    missing_keys,
    namespaced,
)
from adore.pipeline.kubeflow.placement import Config as Placement
from adore.release.kubernetes.client import Cluster
from adore.release.kubernetes.config import Config
from adore.release.kubernetes.objects import GROUP, POD_SECURITY, SECURITY

__all__ = [
    "ACCOUNT",
    "HOME",
    "examine_images",
    "examine_namespace",
    "images_of",
    "namespace_of_runs",
]

ACCOUNT = "adore-pipeline"
"""The service account of manifests/base."""
HOME = "kubeflow"
"""Where an installation for one user runs everything, whatever namespace it is asked for."""
ENDPOINTS = frozenset({"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"})
"""Keys of a Secret that name the endpoint of an object store."""
NOTIFY_URL = "ADORE_NOTIFY_URL"
STORE_SECRET = "mlpipeline-minio-artifact"
"""Where Kubeflow Pipelines keeps the keys of the store that comes with it."""
PATIENCE = 25.0
"""Seconds for an image that is missing to be told.

One that is there may take minutes to come, and counts as there."""
EVERY = 0.5
NO_IMAGE = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
Object = dict[str, Any]


def namespace_of_runs(namespace: str, *, many_users: bool) -> str:
    """Where the pods of a run are.

    Args:
        namespace: the one that the run is asked for in.
        many_users: whether the installation has Profiles.

    Returns:
        The namespace.
    """
    return namespace if many_users else HOME


# ---------------------------------------------------------------- Secrets, settings, accounts


def _secret(cluster: Cluster, name: str, keys: Sequence[str]) -> Finding:
    """Whether a Secret is there with its keys."""
    namespace = cluster.config.namespace
    title = f"Secret {name}"
    live = look_up(cluster, title, namespaced(cluster, "secrets", name))
    if isinstance(live, Finding):
        return live
    if not live:
        create = f"kubectl -n {namespace} create secret generic {name}"
        text = f"not in {namespace}: every step would wait for it"
        return Finding(title, False, f"{text}; {create} --from-literal=KEY=…")
    missing = missing_keys(live, keys)
    text = f"in {namespace}, with {', '.join(keys)}"
    if missing:
        text = f"lacks {', '.join(missing)}; add them"
    return Finding(title, not missing, text)


def _account(cluster: Cluster) -> Finding:
    namespace = cluster.config.namespace
    title = f"account {ACCOUNT}"
    live = look_up(cluster, title, namespaced(cluster, "serviceaccounts", ACCOUNT))
    if isinstance(live, Finding):
        return live
    if live:
        return Finding(title, True, f"in {namespace}")
    fix = "apply an overlay of manifests/"
    if namespace == HOME:
        fix = "kubectl apply -f manifests/standalone.yaml"
    return Finding(title, False, f"not in {namespace}; {fix}")


def _launcher(cluster: Cluster, placement: Placement, kind: str) -> Finding:
    """Whether KFP's launcher reaches its store with the steps' own rights.

    The ConfigMap ``kfp-launcher`` says so. Without it the launcher takes the endpoint of the
    step's own environment for ``s3://`` places, and puts the bucket into the host's name; for its
    own store it reads a Secret under the step's account.
    Source: kubeflow/pipelines 2.17.0, backend/src/v2/objectstore/object_store.go:278, 305, 391.

    Args:
        cluster: sees the namespace.
        placement: the profile's section ``cluster``.
        kind: ``s3`` for runs that are written there, ``minio`` for those on a claim.

    Returns:
        The finding.
    """
    namespace = cluster.config.namespace
    title = "kfp-launcher"
    live = look_up(cluster, title, namespaced(cluster, "configmaps", title))
    if isinstance(live, Finding):
        return live
    if kind == "s3" and not _names_endpoint(placement):
        return Finding(title, True, "not needed: no endpoint but the cloud's own")

    providers = (live.get("data") or {}).get("providers", "")
    default = _default_provider(providers, kind)
    endpoint = default.get("endpoint", "")
    credentials = default.get("credentials") or {}
    wanted = "{endpoint, region, forcePathStyle: true, credentials: {fromEnv: true}}"
    fix = f"give it providers: {{{kind}: {{default: {wanted}}}}}"
    if kind == "s3" and not endpoint:
        text = f"in {namespace} names no endpoint for s3://"
        return Finding(
            title, False, f"{text}: the first step would fail at its end; {fix}"
        )
    if credentials.get("fromEnv") and endpoint:
        return Finding(title, True, f"{endpoint}, with the steps' own keys")
    secret = str((credentials.get("secretRef") or {}).get("secretName") or STORE_SECRET)
    return _reads_secret(cluster, secret, title, fix)


def _names_endpoint(placement: Placement) -> bool:
    """Whether a Secret of the steps names the endpoint of an object store."""
    named = set[str]()
    for keys in placement.secrets.values():
        named.update(keys)
    return bool(named & ENDPOINTS)


def _default_provider(providers: str, kind: str) -> Object:
    """The launcher's settings for one kind of store; ``{}`` if there are none to be read."""
    try:
        by_kind = yaml.safe_load(providers) or {}
        return (by_kind.get(kind) or {}).get("default") or {}
    except (yaml.YAMLError, AttributeError):
        return {}


def _reads_secret(cluster: Cluster, secret: str, title: str, fix: str) -> Finding:
    """Whether the steps' account may read the Secret that the launcher would take its keys from."""
    attributes = {"verb": "get", "resource": "secrets", "name": secret}
    try:
        allowed = is_allowed(cluster, attributes, ACCOUNT)
    except AdoreError:
        text = (
            f"takes its keys from Secret {secret}; "
            f"whether {ACCOUNT} may read it cannot be asked by this account"
        )
        return Finding(title, False, text, needed=False)
    if allowed:
        text = f"keys of Secret {secret}, which {ACCOUNT} may read"
        return Finding(title, True, text)
    text = f"takes its keys from Secret {secret}, which {ACCOUNT} may not read"
    return Finding(title, False, f"{text}; {fix}")


def _profile_namespace(cluster: Cluster) -> Iterator[Finding]:
    """What Argo mounts into every pod of an installation for many users: without it pods hang."""
    yield _secret(cluster, STORE_SECRET, ("accesskey", "secretkey"))
    namespace = cluster.config.namespace
    title = "Kubeflow Profile"
    live = look_up(cluster, title, f"/api/v1/namespaces/{namespace}")
    if isinstance(live, Finding):
        yield live
        return
    namespace_labels = live.get("metadata", {}).get("labels") or {}
    part_of = namespace_labels.get("app.kubernetes.io/part-of")
    if part_of == "kubeflow-profile":
        yield Finding(title, True, f"{namespace} is one", needed=False)
        return
    text = (
        f"{namespace} is none; make it with a Kubeflow Profile, "
        "so that Kubeflow's own network policies and Secrets know it"
    )
    yield Finding(title, False, text, needed=False)


def _claim(cluster: Cluster, placement: Placement) -> Finding:
    name = placement.claim.partition(":")[0]
    namespace = cluster.config.namespace
    title = f"claim {name}"
    path = namespaced(cluster, "persistentvolumeclaims", name)
    live = look_up(cluster, title, path)
    if isinstance(live, Finding):
        return live
    if not live:
        text = f"no such PersistentVolumeClaim in {namespace}; make it"
        return Finding(title, False, text)
    phase = live.get("status", {}).get("phase", "")
    return Finding(title, True, f"{phase}; user 10001 must be able to write")


def examine_namespace(
    cluster: Cluster, placement: Placement, *, many_users: bool, remote: bool
) -> Iterator[Finding]:
    """Account, Secrets, launcher and claim of the namespace in which runs are.

    Args:
        cluster: sees that namespace.
        placement: the profile's section ``cluster``.
        many_users: whether the installation has Profiles.
        remote: whether runs are written to ``s3://``.

    Yields:
        One finding after the other.
    """
    yield _account(cluster)
    for name, keys in placement.secrets.items():
        yield _secret(cluster, name, keys)
    if placement.notify:
        yield _secret(cluster, placement.notify, (NOTIFY_URL,))
    if many_users:
        yield from _profile_namespace(cluster)
    if placement.claim:
        yield _claim(cluster, placement)
    yield _launcher(cluster, placement, "s3" if remote else "minio")


# ---------------------------------------------------------------- images


def images_of(kubernetes: Config, placement: Placement) -> list[str]:
    """Every image that a step of the loop runs in.

    Args:
        kubernetes: the profile's section ``kubernetes``, which names ours.
        placement: its section ``cluster``, where a stage may have another image.

    Returns:
        Names with tags, sorted.
    """
    images = {kubernetes.image(kind) for kind in ("student", "teacher")}
    for stage in placement.stages.values():
        if stage.image:
            images.add(stage.image)
    return sorted(images)


def _image_pod(image: str, name: str, namespace: str) -> Object:
    container = {
        "name": "image",
        "image": image,
        "command": ["python3", "-c", "0"],
        "securityContext": SECURITY,
        "resources": {
            "requests": {"cpu": "10m", "memory": "32Mi"},
            "limits": {"cpu": "1", "memory": "128Mi"},
        },
    }
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "serviceAccountName": ACCOUNT,
        "securityContext": POD_SECURITY,
        "containers": [container],
    }
    meta = {
        "name": name,
        "namespace": namespace,
        "labels": {f"{GROUP}/doctor": "image"},
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def _image_state(pod: Object) -> tuple[bool, str] | None:
    """Whether the image is there, and in what words; None: not known yet."""
    status = pod.get("status", {})
    if status.get("phase") in ("Running", "Succeeded", "Failed"):
        return True, "there"
    for container in status.get("containerStatuses", []):
        waiting = container["state"].get("waiting") or {}
        if waiting.get("reason") in NO_IMAGE:
            return False, f"{waiting['reason']} {waiting.get('message', '')}"
    return None


def examine_images(cluster: Cluster, images: Iterable[str]) -> Iterator[Finding]:
    """Start a small pod of each image, and say which the nodes cannot have; the pods are deleted.

    Args:
        cluster: sees the namespace in which runs are.
        images: names with tags.

    Yields:
        One finding an image.
    """
    namespace = cluster.config.namespace
    started: dict[str, str] = {}
    with TrialPods(cluster) as pods:
        for image in images:
            name = f"adore-doctor-image-{uuid.uuid4().hex[:8]}"
            try:
                pods.start(_image_pod(image, name, namespace), f"a pod of {image}")
            except AdoreError as error:
                yield _refused_image(image, error)
            else:
                started[name] = image

        until = time.monotonic() + PATIENCE
        for name, image in started.items():
            yield _image_finding(cluster, name, image, until)


def _refused_image(image: str, error: AdoreError) -> Finding:
    title = f"image {image}"
    if may_not_create(error):
        text = "not tried: this account may not create pods"
        return Finding(title, False, text, needed=False)
    return Finding(title, False, str(error))


def _image_finding(cluster: Cluster, name: str, image: str, until: float) -> Finding:
    """Wait until the nodes have an image, refuse it, or the time is up."""
    state = None
    while state is None and time.monotonic() < until:
        time.sleep(EVERY)
        state = _image_state(cluster.get("Pod", name) or {})
    if state is None:
        reason = "it is being pulled, or its pod waits for a node"
        text = f"not refused in {PATIENCE:g} s: {reason}"
        return Finding(f"image {image}", True, text)
    there, text = state
    if not there:
        text += "; push it, or correct kubernetes.registry and tag"
    return Finding(f"image {image}", there, text)
