"""Look-ups on a live cluster that the doctor and the preflight of a run share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from adore.errors import AdoreError, MissingError
from adore.pipeline.doctor.finding import Finding
from adore.release.kubernetes.client import Cluster
from adore.release.kubernetes.objects import Object

__all__ = [
    "TrialPods",
    "is_allowed",
    "look_up",
    "may_not_create",
    "missing_keys",
    "namespaced",
]

REVIEWS = "authorization.k8s.io/v1"
NO_RIGHT = "cannot create resource"
"""What the API server writes if an account may not create an object."""


def namespaced(cluster: Cluster, plural: str, name: str = "") -> str:
    """Build the path of core objects in the cluster's namespace.

    Args:
        cluster: its config names the namespace.
        plural: the kind's name in paths (``secrets``).
        name: of one object; empty: all of them.

    Returns:
        A path of the API server.
    """
    plural_path = f"/api/v1/namespaces/{cluster.config.namespace}/{plural}"
    return f"{plural_path}/{name}" if name else plural_path


def look_up(cluster: Cluster, title: str, path: str) -> Object | Finding:
    """Read one object.

    Args:
        cluster: where it is.
        title: name of the object in errors and findings.
        path: its path at the API server.

    Returns:
        The object; ``{}`` if there is none; a finding if this account may not look.
    """
    try:
        return dict(cluster.request("GET", path, title))
    except MissingError:
        return {}
    except AdoreError:
        return Finding(title, False, "this account may not look", needed=False)


def missing_keys(secret: Object, keys: Iterable[str]) -> list[str]:
    """List the keys that a Secret lacks; its values are not read.

    Args:
        secret: the live object.
        keys: those that it must have.

    Returns:
        Names, sorted.
    """
    return sorted(set(keys) - set(secret.get("data") or {}))


def is_allowed(
    cluster: Cluster, attributes: Mapping[str, str], account: str = ""
) -> bool:
    """Ask whether an account may do something in the cluster's namespace.

    Args:
        cluster: sends the request.
        attributes: ``verb``, ``group``, ``resource`` and ``name`` of what is to be done.
        account: a service account of the namespace; empty: the one of this process.

    Returns:
        The API server's answer.
    """
    namespace = cluster.config.namespace
    review_spec: Object = {"resourceAttributes": {"namespace": namespace, **attributes}}
    if not account:
        review_path = f"/apis/{REVIEWS}/selfsubjectaccessreviews"
        review = {
            "apiVersion": REVIEWS,
            "kind": "SelfSubjectAccessReview",
            "spec": review_spec,
        }
    else:
        review_path = (
            f"/apis/{REVIEWS}/namespaces/{namespace}/localsubjectaccessreviews"
        )
        review_spec["user"] = f"system:serviceaccount:{namespace}:{account}"
        review = {
            "apiVersion": REVIEWS,
            "kind": "LocalSubjectAccessReview",
            "metadata": {"namespace": namespace},
            "spec": review_spec,
        }
    review_result = cluster.request("POST", review_path, "access review", body=review)
    return bool(review_result["status"]["allowed"])


# ---------------------------------------------------------------- small pods


def may_not_create(error: AdoreError) -> bool:
    """Return whether an error says that this account may not create such objects."""
    return NO_RIGHT in str(error)


class TrialPods:
    """Small pods in the cluster's namespace; use as a context manager, which deletes them.

    Args:
        cluster: where they are started.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.names: list[str] = []

    def start(self, pod: Object, title: str) -> None:
        """Create one pod.

        Args:
            pod: the object.
            title: name of the pod in errors.
        """
        pod_name = pod["metadata"]["name"]
        pods_path = namespaced(self.cluster, "pods")
        self.cluster.request("POST", pods_path, title, body=pod)
        # Only a pod that the API server took is there to be deleted.
        self.names.append(pod_name)

    def __enter__(self) -> TrialPods:
        return self

    def __exit__(self, *_error: object) -> None:
        for pod_name in self.names:
            pod_path = namespaced(self.cluster, "pods", pod_name)
            # An error would hide the findings; the pods end by their own deadline anyway.
            with suppress(AdoreError):
                self.cluster.request("DELETE", pod_path, f"pod {pod_name}")
