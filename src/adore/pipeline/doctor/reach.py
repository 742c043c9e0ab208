"""Checks what our pods reach on this cluster.

Trial pods with our labels, accounts, Secrets and images try it.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator

from adore.errors import AdoreError
from adore.pipeline.doctor.finding import Finding
from adore.pipeline.doctor.lookups import TrialPods, may_not_create
from adore.pipeline.kubeflow.preflight import ACCOUNT
from adore.release.kubernetes.causes import pod_causes
from adore.release.kubernetes.client import Cluster
from adore.release.kubernetes.config import Config
from adore.release.kubernetes.objects import (
    GROUP,
    INFERENCE_SERVICE,
    POD_SECURITY,
    SECURITY,
    Object,
    environment,
    labels,
)

__all__ = ["examine_reach"]

PATIENCE = 90.0
"""Seconds for a pod to finish, including the pull of its image."""
EVERY = 0.5
DOCTOR = f"{GROUP}/doctor"
"""Label of the trial pods, by which they are selected and deleted."""


def _tags(config: Config, kind: str) -> dict[str, str]:
    """Build labels that the network policies select.

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
    arguments = ["--name=kubernetes.default.svc", "--store"]
    if kind == "router" and config.exposures:
        arguments.append(f"--write={config.exposures}")
    if kind == "step":
        arguments.append("--address=kubernetes.default.svc:443")
    return arguments


def _pod(config: Config, kind: str, run: str) -> Object:
    pod_image = config.image("server" if kind == "server" else "router")
    service_account = ACCOUNT if kind == "step" else f"{config.app}-{kind}"
    container = {
        "name": "doctor",
        "image": pod_image,
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
    pod_spec = {
        "restartPolicy": "Never",
        "serviceAccountName": service_account,
        "automountServiceAccountToken": False,
        "securityContext": POD_SECURITY,
        "activeDeadlineSeconds": int(2 * PATIENCE),
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}],
    }
    metadata = {"name": f"adore-doctor-{kind}-{run}", "namespace": config.namespace}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata | {"labels": _tags(config, kind) | {DOCTOR: run}},
        "spec": pod_spec,
    }


def _answers(cluster: Cluster, kind: str, pod: Object) -> Iterator[Finding]:
    """Wait for one pod, and read its results."""
    pod_name = pod["metadata"]["name"]
    deadline = time.monotonic() + PATIENCE
    phase = ""
    while phase not in ("Succeeded", "Failed") and time.monotonic() < deadline:
        time.sleep(EVERY)
        live_pod = cluster.get("Pod", pod_name) or {}
        phase = live_pod.get("status", {}).get("phase", "")
    log_lines = cluster.log(pod_name, "doctor", 20).splitlines()
    results = [
        json.loads(printed_line)
        for printed_line in log_lines
        if printed_line.startswith("{")
    ]
    for result in results:
        description = result["text"] if result["ok"] else _with_fix(result)
        yield Finding(f"{kind}: {result['check']}", result["ok"], description)
    if not results:
        yield Finding(f"{kind}: its pod", False, _silence(cluster, pod))


def _silence(cluster: Cluster, pod: Object) -> str:
    """Explain why a pod printed no result, as far as the cluster knows."""
    metadata = pod["metadata"]
    pod_name = metadata["name"]
    doctor_run = metadata["labels"][DOCTOR]
    found_causes = pod_causes(cluster, f"{DOCTOR}={doctor_run}")
    cause_texts = "; ".join(cause.text for cause in found_causes)

    # The run has several pods, and each part begins with the pod that it is of.
    pod_parts = cause_texts.split("; pod ")
    parts_of_pod = "; ".join(pod_part for pod_part in pod_parts if pod_name in pod_part)
    return (
        parts_of_pod
        or cause_texts
        or f"pod {pod_name} printed nothing in {PATIENCE:g} s"
    )


def _with_fix(result: Object) -> str:
    advice_of_check = {
        "names": (
            "cannot reach the cluster's DNS: "
            "see the components dns-openshift and dns-node of manifests/"
        ),
        "address": "cannot reach the API server: see the policy pipeline of manifests/base",
        "store": (
            "cannot reach the store: "
            "see the components storage-inside and storage-outside of manifests/"
        ),
        "write": (
            "check the Secret of kubernetes.credentials, "
            "or the account's workload identity, and the bucket"
        ),
    }
    return f"{result['text']}; {advice_of_check[result['check']]}"


def examine_reach(cluster: Cluster, config: Config) -> Iterator[Finding]:
    """Start pods as router, server and pipeline step, and read what each reaches.

    All pods are deleted.

    Args:
        cluster: sees the namespace of the release.
        config: the profile's section ``kubernetes``.

    Yields:
        One finding after the other.
    """
    doctor_run = uuid.uuid4().hex[:6]
    started_pods: dict[str, Object] = {}
    with TrialPods(cluster) as trial_pods:
        for pod_kind in ("router", "server", "step"):
            trial_pod = _pod(config, pod_kind, doctor_run)
            try:
                trial_pods.start(trial_pod, f"a pod of the {pod_kind}")
            except AdoreError as error:
                if may_not_create(error):
                    advice = "ask an administrator to run this"
                    description = (
                        f"not tried: this account may not create pods; {advice}"
                    )
                    yield Finding("reach", False, description, needed=False)
                    return
                yield Finding(f"{pod_kind}: its pod", False, str(error))
            else:
                started_pods[pod_kind] = trial_pod
        # All pods start before the first is read, so that they wait at the same time.
        for pod_kind, trial_pod in started_pods.items():
            yield from _answers(cluster, pod_kind, trial_pod)
