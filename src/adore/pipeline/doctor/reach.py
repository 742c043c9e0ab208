"""What our pods reach on this cluster.

Tried by pods that carry our labels, accounts, Secrets and images.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

from adore.errors import AdoreError
from adore.pipeline.doctor.finding import Finding
from adore.pipeline.doctor.lookups import TrialPods, may_not_create
from adore.release.kubernetes.causes import pod_causes
from adore.release.kubernetes.client import Cluster
from adore.release.kubernetes.config import Config
from adore.release.kubernetes.objects import (
    GROUP,
    INFERENCE_SERVICE,
    POD_SECURITY,
    SECURITY,
    environment,
    labels,
)

__all__ = ["examine_reach"]

Object = dict[str, Any]
PATIENCE = 90.0
"""Seconds that a pod has, the pull of its image included."""
EVERY = 0.5
DOCTOR = f"{GROUP}/doctor"
"""Label of our pods, by which they are found and deleted again."""


def _tags(config: Config, kind: str) -> dict[str, str]:
    """Labels that the network's policies know.

    No Service, budget or autoscaler of a live app selects them.

    Returns:
        Label to value.
    """
    doctor_labels = labels(config, kind) | {"app.kubernetes.io/part-of": "adore-doctor"}
    if kind == "server":
        return doctor_labels | {INFERENCE_SERVICE: "adore-doctor"}
    if kind == "step":
        return doctor_labels | {"workflows.argoproj.io/workflow": "adore-doctor"}
    return doctor_labels


def _questions(config: Config, kind: str) -> list[str]:
    wanted = ["--name=kubernetes.default.svc", "--store"]
    if kind == "router" and config.exposures:
        wanted.append(f"--write={config.exposures}")
    if kind == "step":
        wanted.append("--address=kubernetes.default.svc:443")
    return wanted


def _pod(config: Config, kind: str, run: str) -> Object:
    image = config.image("server" if kind == "server" else "router")
    account = "adore-pipeline" if kind == "step" else f"{config.app}-{kind}"
    container = {
        "name": "doctor",
        "image": image,
        "command": ["python3", "-m", "adore.serving.reach", *_questions(config, kind)],
        "env": [{"name": "HOME", "value": "/tmp"}],
        "securityContext": SECURITY,
        "resources": {
            "requests": {"cpu": "50m", "memory": "128Mi"},
            "limits": {"cpu": "1", "memory": "256Mi"},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        **environment(config),
    }
    spec = {
        "restartPolicy": "Never",
        "serviceAccountName": account,
        "automountServiceAccountToken": False,
        "securityContext": POD_SECURITY,
        "activeDeadlineSeconds": int(2 * PATIENCE),
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}],
    }
    meta = {"name": f"adore-doctor-{kind}-{run}", "namespace": config.namespace}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta | {"labels": _tags(config, kind) | {DOCTOR: run}},
        "spec": spec,
    }


def _answers(cluster: Cluster, kind: str, pod: Object) -> Iterator[Finding]:
    """Wait for one pod, and read what it found."""
    name = pod["metadata"]["name"]
    deadline = time.monotonic() + PATIENCE
    phase = ""
    while phase not in ("Succeeded", "Failed") and time.monotonic() < deadline:
        time.sleep(EVERY)
        live = cluster.get("Pod", name) or {}
        phase = live.get("status", {}).get("phase", "")
    lines = cluster.log(name, "doctor", 20).splitlines()
    results = [json.loads(line) for line in lines if line.startswith("{")]
    for result in results:
        text = result["text"] if result["ok"] else _with_fix(result)
        yield Finding(f"{kind}: {result['check']}", result["ok"], text)
    if not results:
        yield Finding(f"{kind}: its pod", False, _silence(cluster, pod))


def _silence(cluster: Cluster, pod: Object) -> str:
    """Why a pod said nothing, as far as the cluster knows."""
    metadata = pod["metadata"]
    name = metadata["name"]
    run = metadata["labels"][DOCTOR]
    found_causes = pod_causes(cluster, f"{DOCTOR}={run}")
    causes = "; ".join(cause.text for cause in found_causes)

    # The run has several pods, and each part begins with the pod that it is of.
    parts = causes.split("; pod ")
    parts_of_pod = "; ".join(part for part in parts if name in part)
    return parts_of_pod or causes or f"pod {name} said nothing in {PATIENCE:g} s"


def _with_fix(result: dict[str, Any]) -> str:
    advice = {
        "names": (
            "no way to the cluster's DNS: "
            "see the components dns-openshift and dns-node of manifests/"
        ),
        "address": "no way to the API server: see the policy pipeline of manifests/base",
        "store": (
            "no way to the store: "
            "see the components storage-inside and storage-outside of manifests/"
        ),
        "write": (
            "check the Secret of kubernetes.credentials, "
            "or the account's workload identity, and the bucket"
        ),
    }
    return f"{result['text']}; {advice[result['check']]}"


def examine_reach(cluster: Cluster, config: Config) -> Iterator[Finding]:
    """Start a pod as router, one as server and one as pipeline step; read what each reaches.

    All are deleted.

    Args:
        cluster: sees the namespace of the release.
        config: the profile's section ``kubernetes``.

    Yields:
        One finding after the other.
    """
    run = uuid.uuid4().hex[:6]
    started: dict[str, Object] = {}
    with TrialPods(cluster) as pods:
        for kind in ("router", "server", "step"):
            pod = _pod(config, kind, run)
            try:
                pods.start(pod, f"a pod of the {kind}")
            except AdoreError as error:
                if may_not_create(error):
                    fix = "ask an administrator to run this"
                    text = f"not tried: this account may not create pods; {fix}"
                    yield Finding("reach", False, text, needed=False)
                    return
                yield Finding(f"{kind}: its pod", False, str(error))
            else:
                started[kind] = pod
        for kind, pod in started.items():
            yield from _answers(cluster, kind, pod)
