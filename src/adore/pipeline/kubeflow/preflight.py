"""What a run on Kubeflow Pipelines needs in its namespace, looked at before anything starts.

A pod without its Secret or its image waits for its whole ``timeout`` and tells nobody.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import yaml

from adore.errors import AdoreError, ConfigError, MissingError
from adore.pipeline.doctor.finding import Finding
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
    """
    return namespace if many_users else HOME


# ---------------------------------------------------------------- Secrets, settings, accounts


def _live(cluster: Cluster, title: str, plural: str, name: str) -> Object | Finding:
    """An object of the runs' namespace, ``{}`` if there is none; a finding if nobody may look."""
    path = f"/api/v1/namespaces/{cluster.config.namespace}/{plural}/{name}"
    try:
        return dict(cluster.request("GET", path, title))
    except MissingError:
        return {}
    except AdoreError:
        return Finding(title, False, "this account may not look", needed=False)


def _secret(cluster: Cluster, name: str, keys: Iterable[str]) -> Finding:
    """Whether a Secret is there with its keys; its values are not looked at."""
    space = cluster.config.namespace
    title = f"Secret {name}"
    live = _live(cluster, title, "secrets", name)
    if isinstance(live, Finding):
        return live
    if not live:
        fix = f"kubectl -n {space} create secret generic {name} --from-literal=KEY=…"
        return Finding(
            title, False, f"not in {space}: every step would wait for it; {fix}"
        )
    missing = sorted(set(keys) - set(live.get("data") or {}))
    text = (
        f"lacks {', '.join(missing)}; add them"
        if missing
        else f"in {space}, with {', '.join(keys)}"
    )
    return Finding(title, not missing, text)


def _account(cluster: Cluster) -> Finding:
    space = cluster.config.namespace
    title = f"account {ACCOUNT}"
    live = _live(cluster, title, "serviceaccounts", ACCOUNT)
    if isinstance(live, Finding):
        return live
    if live:
        return Finding(title, True, f"in {space}")
    fix = "apply an overlay of manifests/"
    if space == HOME:
        fix = "kubectl apply -f manifests/standalone.yaml"
    return Finding(title, False, f"not in {space}; {fix}")


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
    """
    space = cluster.config.namespace
    title = "kfp-launcher"
    live = _live(cluster, title, "configmaps", title)
    if isinstance(live, Finding):
        return live
    text = (live.get("data") or {}).get("providers", "")
    keys = set[str]()
    for of_secret in placement.secrets.values():
        keys.update(of_secret)
    if kind == "s3" and not keys & {"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"}:
        return Finding(title, True, "not needed: no endpoint but the cloud's own")
    try:
        providers = yaml.safe_load(text) or {}
        default = (providers.get(kind) or {}).get("default") or {}
    except (yaml.YAMLError, AttributeError):
        default = {}
    endpoint = default.get("endpoint", "")
    credentials = default.get("credentials") or {}
    wanted = "{endpoint, region, forcePathStyle: true, credentials: {fromEnv: true}}"
    fix = f"give it providers: {{{kind}: {{default: {wanted}}}}}"
    if kind == "s3" and not endpoint:
        text = (
            f"in {space} names no endpoint for s3://: "
            f"the first step would fail at its end; {fix}"
        )
        return Finding(title, False, text)
    if credentials.get("fromEnv") and endpoint:
        return Finding(title, True, f"{endpoint}, with the steps' own keys")
    secret = str((credentials.get("secretRef") or {}).get("secretName") or STORE_SECRET)
    return _reads_secret(cluster, secret, title, fix)


def _reads_secret(cluster: Cluster, secret: str, title: str, fix: str) -> Finding:
    """Whether the steps' account may read the Secret that the launcher would take its keys from."""
    space = cluster.config.namespace
    wish = {"namespace": space, "verb": "get", "resource": "secrets", "name": secret}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "LocalSubjectAccessReview",
        "metadata": {"namespace": space},
        "spec": {
            "user": f"system:serviceaccount:{space}:{ACCOUNT}",
            "resourceAttributes": wish,
        },
    }
    path = f"/apis/authorization.k8s.io/v1/namespaces/{space}/localsubjectaccessreviews"
    try:
        answer = cluster.request("POST", path, "a question of rights", body=body)
        allowed = answer["status"]["allowed"]
    except AdoreError:
        text = (
            f"takes its keys from Secret {secret}; "
            f"whether {ACCOUNT} may read it cannot be asked by this account"
        )
        return Finding(title, False, text, needed=False)
    if allowed:
        return Finding(
            title, True, f"keys of Secret {secret}, which {ACCOUNT} may read"
        )
    return Finding(
        title,
        False,
        f"takes its keys from Secret {secret}, which {ACCOUNT} may not read; {fix}",
    )


def _profile_namespace(cluster: Cluster) -> Iterator[Finding]:
    """What Argo mounts into every pod of an installation for many users: without it pods hang."""
    yield _secret(cluster, STORE_SECRET, ("accesskey", "secretkey"))
    space = cluster.config.namespace
    path = f"/api/v1/namespaces/{space}"
    try:
        live = cluster.request("GET", path, f"namespace {space}")
        tags = live["metadata"].get("labels") or {}
    except AdoreError:
        yield Finding(
            "Kubeflow Profile", False, "this account may not look", needed=False
        )
        return
    good = tags.get("app.kubernetes.io/part-of") == "kubeflow-profile"
    text = f"{space} is one"
    if not good:
        text = (
            f"{space} is none; make it with a Kubeflow Profile, "
            "so that Kubeflow's own network policies and Secrets know it"
        )
    yield Finding("Kubeflow Profile", good, text, needed=False)


def _claim(cluster: Cluster, placement: Placement) -> Finding:
    name = placement.claim.partition(":")[0]
    space = cluster.config.namespace
    title = f"claim {name}"
    live = _live(cluster, title, "persistentvolumeclaims", name)
    if isinstance(live, Finding):
        return live
    if not live:
        text = f"no such PersistentVolumeClaim in {space}; make it"
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
    """
    space = cluster.config.namespace
    pods = {f"adore-doctor-image-{uuid.uuid4().hex[:8]}": image for image in images}
    started = list[str]()
    try:
        for name, image in pods.items():
            try:
                body = _image_pod(image, name, space)
                cluster.request(
                    "POST",
                    f"/api/v1/namespaces/{space}/pods",
                    f"a pod of {image}",
                    body=body,
                )
                started.append(name)
            except AdoreError as error:
                text = str(error)
                refused = isinstance(error, ConfigError)
                may_not = refused and "cannot create resource" in text
                if may_not:
                    text = "not tried: this account may not create pods"
                yield Finding(f"image {image}", False, text, needed=not may_not)
        until = time.monotonic() + PATIENCE
        for name in started:
            yield _found_image(cluster, name, pods[name], until)
    finally:
        for name in started:
            with suppress(AdoreError):
                cluster.request(
                    "DELETE",
                    f"/api/v1/namespaces/{space}/pods/{name}",
                    "the pod of an image",
                )


def _found_image(cluster: Cluster, name: str, image: str, until: float) -> Finding:
    state = None
    while state is None and time.monotonic() < until:
        time.sleep(EVERY)
        state = _image_state(cluster.get("Pod", name) or {})
    if state is None:
        waits = "it is being pulled, or its pod waits for a node"
        state = (True, f"not refused in {PATIENCE:g} s: {waits}")
    there, text = state
    if not there:
        text += "; push it, or mend kubernetes.registry and tag"
    return Finding(f"image {image}", there, text)
