"""Finds why pods of one run of Kubeflow Pipelines ended without leaving an error."""

from __future__ import annotations

from pathlib import Path

from adore.release.kubernetes.causes import pod_causes
from adore.release.kubernetes.client import Cluster
from adore.release.kubernetes.config import Config

__all__ = ["RUN_LABEL", "causes_of_run", "own_namespace"]

RUN_LABEL = "pipeline/runid"
"""Label of every pod of a run: its id.

Source: kubeflow/pipelines 2.17.0, backend/src/common/util/consts.go:48."""
NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def own_namespace() -> str:
    """Return the namespace of the pod that this process runs in; empty outside a cluster."""
    if not NAMESPACE.is_file():
        return ""
    return NAMESPACE.read_text("utf-8").strip()


def causes_of_run(job: str) -> list[str]:
    """Find why pods of a run failed: out of memory, image missing, evicted.

    Args:
        job: the run's id.

    Returns:
        The causes; none outside a cluster.

    Raises:
        ConfigError: this account may not look at pods.
        UnavailableError: the API server does not answer.
    """
    namespace = own_namespace()
    if not namespace:
        return []
    config = Config.model_validate({"namespace": namespace})
    causes = pod_causes(Cluster(config), f"{RUN_LABEL}={job}")
    return [cause.text for cause in causes]
