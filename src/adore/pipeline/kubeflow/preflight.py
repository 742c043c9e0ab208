"""Checks what a run on Kubeflow Pipelines needs in its namespace, before anything starts.

A pod without its Secret or its image waits silently for its whole ``timeout``.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator, Sequence

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
from adore.pipeline.kubeflow.placement import NOTIFY_URL
from adore.pipeline.kubeflow.placement import Config as Placement
from adore.release.kubernetes.client import Cluster
from adore.release.kubernetes.config import Config
from adore.release.kubernetes.objects import GROUP, POD_SECURITY, SECURITY, Object

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
"""Namespace in which an installation for one user runs everything."""
ENDPOINTS = frozenset({"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"})
"""Keys of a Secret that name the endpoint of an object store."""
STORE_SECRET = "mlpipeline-minio-artifact"
"""Secret with the keys of the store that Kubeflow Pipelines installs."""
PATIENCE = 25.0
"""Seconds in which the cluster reports a missing image.

An existing image may take minutes to be pulled, and counts as present."""
EVERY = 0.5
NO_IMAGE = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")


def namespace_of_runs(namespace: str, *, many_users: bool) -> str:
    """Return the namespace of a run's pods.

    Args:
        namespace: the requested namespace.
        many_users: whether the installation has Profiles.

    Returns:
        The namespace.
    """
    return namespace if many_users else HOME


# ---------------------------------------------------------------- Secrets, settings, accounts


def _secret(cluster: Cluster, name: str, keys: Sequence[str]) -> Finding:
    """Check that a Secret exists with its keys."""
    namespace = cluster.config.namespace
    subject = f"Secret {name}"
    live_secret = look_up(cluster, subject, namespaced(cluster, "secrets", name))
    if isinstance(live_secret, Finding):
        return live_secret
    if not live_secret:
        create_command = f"kubectl -n {namespace} create secret generic {name}"
        description = f"not in {namespace}: every step would wait for it"
        return Finding(
            subject, False, f"{description}; {create_command} --from-literal=KEY=…"
        )
    absent_keys = missing_keys(live_secret, keys)
    description = f"in {namespace}, with {', '.join(keys)}"
    if absent_keys:
        description = f"lacks {', '.join(absent_keys)}; add them"
    return Finding(subject, not absent_keys, description)


def _account(cluster: Cluster) -> Finding:
    namespace = cluster.config.namespace
    subject = f"account {ACCOUNT}"
    live_account = look_up(
        cluster, subject, namespaced(cluster, "serviceaccounts", ACCOUNT)
    )
    if isinstance(live_account, Finding):
        return live_account
    if live_account:
        return Finding(subject, True, f"in {namespace}")
    advice = "apply an overlay of manifests/"
    if namespace == HOME:
        advice = "kubectl apply -f manifests/standalone.yaml"
    return Finding(subject, False, f"not in {namespace}; {advice}")


def _launcher(cluster: Cluster, placement: Placement, kind: str) -> Finding:
    """Check that KFP's launcher reaches its store with the steps' own rights.

    The ConfigMap ``kfp-launcher`` configures it. Without the ConfigMap the launcher uses the
    endpoint of the step's environment for ``s3://`` places, and puts the bucket into the host
    name; for its own store it reads a Secret under the step's account.
    Source: kubeflow/pipelines 2.17.0, backend/src/v2/objectstore/object_store.go:278, 305, 391.

    Args:
        cluster: sees the namespace.
        placement: the profile's section ``cluster``.
        kind: ``s3`` for runs that are written to S3, ``minio`` for those on a claim.

    Returns:
        The finding.
    """
    namespace = cluster.config.namespace
    subject = "kfp-launcher"
    launcher_config = look_up(
        cluster, subject, namespaced(cluster, "configmaps", subject)
    )
    if isinstance(launcher_config, Finding):
        return launcher_config
    if kind == "s3" and not _names_endpoint(placement):
        return Finding(subject, True, "not needed: no endpoint but the cloud's own")

    providers = (launcher_config.get("data") or {}).get("providers", "")
    default_provider = _default_provider(providers, kind)
    endpoint = default_provider.get("endpoint", "")
    credentials = default_provider.get("credentials") or {}
    wanted_provider = (
        "{endpoint, region, forcePathStyle: true, credentials: {fromEnv: true}}"
    )
    advice = f"give it providers: {{{kind}: {{default: {wanted_provider}}}}}"
    if kind == "s3" and not endpoint:
        description = f"in {namespace} names no endpoint for s3://"
        return Finding(
            subject,
            False,
            f"{description}: the first step would fail at its end; {advice}",
        )
    if credentials.get("fromEnv") and endpoint:
        return Finding(subject, True, f"{endpoint}, with the steps' own keys")
    secret_name = str(
        (credentials.get("secretRef") or {}).get("secretName") or STORE_SECRET
    )
    return _reads_secret(cluster, secret_name, subject, advice)


def _names_endpoint(placement: Placement) -> bool:
    """Return whether a Secret of the steps names the endpoint of an object store."""
    secret_keys = set[str]()
    for keys in placement.secrets.values():
        secret_keys.update(keys)
    return bool(secret_keys & ENDPOINTS)


def _default_provider(providers: str, kind: str) -> Object:
    """Return the launcher's settings for one kind of store; ``{}`` if none can be read."""
    try:
        by_kind = yaml.safe_load(providers) or {}
        return (by_kind.get(kind) or {}).get("default") or {}
    except (yaml.YAMLError, AttributeError):
        return {}


def _reads_secret(cluster: Cluster, secret: str, title: str, fix: str) -> Finding:
    """Check that the steps' account may read the Secret that holds the launcher's keys."""
    attributes = {"verb": "get", "resource": "secrets", "name": secret}
    try:
        may_read = is_allowed(cluster, attributes, ACCOUNT)
    except AdoreError:
        description = (
            f"takes its keys from Secret {secret}; "
            f"this account cannot check whether {ACCOUNT} may read it"
        )
        return Finding(title, False, description, needed=False)
    if may_read:
        description = f"keys of Secret {secret}, which {ACCOUNT} may read"
        return Finding(title, True, description)
    description = f"takes its keys from Secret {secret}, which {ACCOUNT} may not read"
    return Finding(title, False, f"{description}; {fix}")


def _profile_namespace(cluster: Cluster) -> Iterator[Finding]:
    """Check what Argo mounts into every pod of an installation for many users."""
    yield _secret(cluster, STORE_SECRET, ("accesskey", "secretkey"))
    namespace = cluster.config.namespace
    subject = "Kubeflow Profile"
    live_namespace = look_up(cluster, subject, f"/api/v1/namespaces/{namespace}")
    if isinstance(live_namespace, Finding):
        yield live_namespace
        return
    namespace_labels = live_namespace.get("metadata", {}).get("labels") or {}
    part_of_label = namespace_labels.get("app.kubernetes.io/part-of")
    if part_of_label == "kubeflow-profile":
        yield Finding(subject, True, f"{namespace} is one", needed=False)
        return
    description = (
        f"{namespace} is none; make it with a Kubeflow Profile, "
        "so that Kubeflow's own network policies and Secrets know it"
    )
    yield Finding(subject, False, description, needed=False)


def _claim(cluster: Cluster, placement: Placement) -> Finding:
    claim_name = placement.claim.partition(":")[0]
    namespace = cluster.config.namespace
    subject = f"claim {claim_name}"
    claim_path = namespaced(cluster, "persistentvolumeclaims", claim_name)
    live_claim = look_up(cluster, subject, claim_path)
    if isinstance(live_claim, Finding):
        return live_claim
    if not live_claim:
        description = f"no such PersistentVolumeClaim in {namespace}; make it"
        return Finding(subject, False, description)
    claim_phase = live_claim.get("status", {}).get("phase", "")
    return Finding(subject, True, f"{claim_phase}; user 10001 must be able to write")


def examine_namespace(
    cluster: Cluster, placement: Placement, *, many_users: bool, remote: bool
) -> Iterator[Finding]:
    """Check account, Secrets, launcher and claim of the namespace in which runs are.

    Args:
        cluster: sees that namespace.
        placement: the profile's section ``cluster``.
        many_users: whether the installation has Profiles.
        remote: whether runs are written to ``s3://``.

    Yields:
        One finding after the other.
    """
    yield _account(cluster)
    for secret_name, secret_keys in placement.secrets.items():
        yield _secret(cluster, secret_name, secret_keys)
    if placement.notify:
        yield _secret(cluster, placement.notify, (NOTIFY_URL,))
    if many_users:
        yield from _profile_namespace(cluster)
    if placement.claim:
        yield _claim(cluster, placement)
    yield _launcher(cluster, placement, "s3" if remote else "minio")


# ---------------------------------------------------------------- images


def images_of(kubernetes: Config, placement: Placement) -> list[str]:
    """List the images that steps of the loop run in.

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
    pod_spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "serviceAccountName": ACCOUNT,
        "securityContext": POD_SECURITY,
        "containers": [container],
    }
    metadata = {
        "name": name,
        "namespace": namespace,
        "labels": {f"{GROUP}/doctor": "image"},
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod_spec}


def _image_state(pod: Object) -> tuple[bool, str] | None:
    """Return whether the image is present, with a reason; None: not known yet."""
    pod_status = pod.get("status", {})
    # A pod that started has its image, whatever becomes of it later.
    if pod_status.get("phase") in ("Running", "Succeeded", "Failed"):
        return True, "there"
    for container in pod_status.get("containerStatuses", []):
        waiting = container["state"].get("waiting") or {}
        if waiting.get("reason") in NO_IMAGE:
            return False, f"{waiting['reason']} {waiting.get('message', '')}"
    return None


def examine_images(cluster: Cluster, images: Iterable[str]) -> Iterator[Finding]:
    """Start a small pod of each image, report images that nodes cannot pull, delete the pods.

    Args:
        cluster: sees the namespace in which runs are.
        images: names with tags.

    Yields:
        One finding per image.
    """
    namespace = cluster.config.namespace
    image_of_pod: dict[str, str] = {}
    with TrialPods(cluster) as trial_pods:
        for image in images:
            pod_name = f"adore-doctor-image-{uuid.uuid4().hex[:8]}"
            try:
                trial_pods.start(
                    _image_pod(image, pod_name, namespace), f"a pod of {image}"
                )
            except AdoreError as error:
                yield _refused_image(image, error)
            else:
                image_of_pod[pod_name] = image

        # All pods wait at the same time, so one deadline is enough.
        deadline = time.monotonic() + PATIENCE
        for pod_name, image in image_of_pod.items():
            yield _image_finding(cluster, pod_name, image, deadline)


def _refused_image(image: str, error: AdoreError) -> Finding:
    subject = f"image {image}"
    if may_not_create(error):
        description = "not tried: this account may not create pods"
        return Finding(subject, False, description, needed=False)
    return Finding(subject, False, str(error))


def _image_finding(cluster: Cluster, name: str, image: str, until: float) -> Finding:
    """Wait until the nodes have an image, refuse it, or the deadline passes."""
    image_state = None
    while image_state is None and time.monotonic() < until:
        time.sleep(EVERY)
        image_state = _image_state(cluster.get("Pod", name) or {})
    if image_state is None:
        likely_reason = "it is being pulled, or its pod waits for a node"
        description = f"not refused in {PATIENCE:g} s: {likely_reason}"
        return Finding(f"image {image}", True, description)
    is_there, description = image_state
    if not is_there:
        description += "; push it, or correct kubernetes.registry and tag"
    return Finding(f"image {image}", is_there, description)
