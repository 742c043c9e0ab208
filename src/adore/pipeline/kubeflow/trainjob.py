"""Runs one stage on several nodes, as a TrainJob of Kubeflow Trainer v2.

Source: Kubeflow Trainer 2.3, ``trainer.kubeflow.org/v1alpha1``.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from adore.errors import AdoreError, MissingError, UnavailableError
from adore.pipeline.doctor.lookups import namespaced
from adore.pipeline.kubeflow.placement import Config as Placement
from adore.pipeline.kubeflow.placement import Gpu
from adore.processes import exit_on_sigterm
from adore.progress import log_line
from adore.release.kubernetes.causes import conditions, pod_causes
from adore.release.kubernetes.client import MANAGER, Cluster, api_root
from adore.release.kubernetes.config import Config
from adore.release.kubernetes.objects import (
    GROUP,
    POD_SECURITY,
    SECURITY,
    Object,
    labels,
)

__all__ = ["ACCOUNT", "VERSION", "follow", "run", "train_job"]

VERSION = "trainer.kubeflow.org/v1alpha1"
ACCOUNT = "adore-train"
"""The nodes' service account, of manifests/components/train; it has no token."""
IMAGES = {"align": "teacher", "distil": "student"}
ENDED = ("Complete", "Failed")
INDEX = "batch.kubernetes.io/job-completion-index"


# ---------------------------------------------------------------- the object


def train_job(
    config: Config, place: Placement, stage: str, key: str, command: Sequence[str]
) -> Object:
    """Build the TrainJob in which every node runs ``command`` under torchrun.

    Args:
        config: the profile's section ``kubernetes``.
        place: its section ``cluster``: size, image and patience of the stage, GPUs, secrets,
            claim, nodes.
        stage: the step that the nodes share.
        key: see :func:`adore.artifacts.key_of`; the same key is the same job.
        command: program and arguments.

    Returns:
        The object.
    """
    stage_size = place.stages.get(stage, place.default)
    stage_gpu = place.gpu if stage in place.gpu.stages else None
    gpu_resources = {stage_gpu.type: str(stage_gpu.count)} if stage_gpu else {}
    trainer = {
        "image": stage_size.image or config.image(IMAGES[stage]),
        # Without --, torchrun reads our options.
        "command": ["torchrun", "--no-python", "--", *command],
        "env": _environment(place),
        "numNodes": place.train.nodes,
        "numProcPerNode": stage_gpu.count if stage_gpu else place.train.processes,
        "resourcesPerNode": {
            "requests": {
                "cpu": stage_size.cpu,
                "memory": stage_size.memory,
                **gpu_resources,
            },
            "limits": {
                "cpu": stage_size.cpu_limit,
                "memory": stage_size.memory,
                **gpu_resources,
            },
        },
    }
    job_spec: Object = {
        "runtimeRef": {
            "apiGroup": VERSION.partition("/")[0],
            "kind": "ClusterTrainingRuntime",
            "name": place.train.runtime,
        },
        "trainer": trainer,
        "runtimePatches": [_patch(place, stage, stage_gpu)],
    }
    if stage_size.timeout:
        job_spec["activeDeadlineSeconds"] = stage_size.timeout
    job_labels = dict(labels(config, stage))
    if stage_gpu:
        job_labels |= stage_gpu.queue_labels
    metadata = {
        "name": f"{config.app}-{stage}-{key}",
        "namespace": config.namespace,
        "labels": job_labels,
    }
    return {
        "apiVersion": VERSION,
        "kind": "TrainJob",
        "metadata": metadata,
        "spec": job_spec,
    }


def _environment(place: Placement) -> list[Object]:
    """Every key of the Secrets as an environment variable of the same name."""
    variables = []
    for secret_name, secret_keys in place.secrets.items():
        for key in secret_keys:
            secret_source = {"secretKeyRef": {"name": secret_name, "key": key}}
            variables.append({"name": key, "valueFrom": secret_source})
    return variables


def _patch(place: Placement, stage: str, gpu: Gpu | None) -> Object:
    """Build what the runtime's pods get in addition to the trainer.

    Account, security context, writable volumes and scheduling constraints.

    Returns:
        A runtime patch.
    """
    # The root file system is read-only: libraries write to /tmp.
    volumes: list[Object] = [{"name": "tmp", "emptyDir": {}}]
    mounts = [{"name": "tmp", "mountPath": "/tmp"}]
    if gpu:
        shared_memory = {"medium": "Memory", "sizeLimit": "2Gi"}  # for NCCL
        volumes.append({"name": "shm", "emptyDir": shared_memory})
        mounts.append({"name": "shm", "mountPath": "/dev/shm"})
    claim_name, _, mount_path = place.claim.partition(":")
    if claim_name:
        claim_source = {"claimName": claim_name}
        volumes.append({"name": "claim", "persistentVolumeClaim": claim_source})
        mounts.append({"name": "claim", "mountPath": mount_path})

    node_container = {
        "name": "node",
        "securityContext": SECURITY,
        "volumeMounts": mounts,
    }
    pod_patch: Object = {
        "serviceAccountName": ACCOUNT,
        "securityContext": POD_SECURITY,
        "volumes": volumes,
        "containers": [node_container],
    }
    if gpu and gpu.node_selector:
        pod_patch["nodeSelector"] = gpu.node_selector
    if gpu:
        pod_patch["tolerations"] = [
            toleration.model_dump(exclude_none=True) for toleration in gpu.tolerations
        ]
    our_labels = {
        "app.kubernetes.io/part-of": "adore",
        f"{GROUP}/role": "training",
        f"{GROUP}/stage": stage,
    }
    pod_template = {
        "metadata": {"labels": {**our_labels, **place.labels}},
        "spec": pod_patch,
    }
    job_patch = {"name": "node", "template": {"spec": {"template": pod_template}}}
    return {
        "manager": f"{GROUP}/pipeline",
        "trainingRuntimeSpec": {"template": {"spec": {"replicatedJobs": [job_patch]}}},
    }


# ---------------------------------------------------------------- running it


def run(cluster: Cluster, thing: Object, *, every: float = 5.0) -> None:
    """Create the TrainJob, or resume the unfinished one of its name, and follow it to its end.

    The job is always deleted at the end. A launcher that is killed leaves the job running; the
    next launcher follows it.

    Args:
        cluster: sees the job's namespace.
        thing: the TrainJob, from :func:`train_job`.
        every: seconds between two requests.

    Raises:
        AdoreError: the job failed, or the cluster refused it.
    """
    job_name = thing["metadata"]["name"]
    live_job = _live(cluster, job_name)
    # A job that ended is not started again by an update: it must be deleted first.
    if live_job and _ended(live_job):
        _delete(cluster, job_name)
        while _live(cluster, job_name):
            time.sleep(every)
        live_job = None
    if live_job:
        log_line(f"TrainJob {job_name} exists already: following it")
    else:
        cluster.request(
            "PATCH",
            _path(cluster, job_name),
            f"TrainJob {job_name}",
            body=thing,
            fieldManager=MANAGER,
            force="true",
        )
        log_line(
            f"TrainJob {job_name}: created, {thing['spec']['trainer']['numNodes']} nodes"
        )
    with exit_on_sigterm():
        try:
            follow(cluster, job_name, every=every)
        finally:
            _delete(cluster, job_name)


def follow(cluster: Cluster, name: str, *, every: float = 5.0) -> None:
    """Log faults of a TrainJob's pods and the output of node 0 until the job ends.

    Args:
        cluster: sees the job's namespace.
        name: the job's name.
        every: seconds between two requests.

    Raises:
        AdoreError: it failed, or was deleted.
        UnavailableError: the cluster did not answer for ``kubernetes.patience`` seconds.
    """
    label_selector = f"jobset.sigs.k8s.io/jobset-name={name}"
    node_log = _Log(cluster)
    logged_faults = ""
    last_answer = time.monotonic()
    while True:
        try:
            live_job = _live(cluster, name)
            end_state: Object = {"type": "Failed", "message": "someone deleted it"}
            if live_job:
                end_state = _ended(live_job)
            pod_faults = "; ".join(
                cause.text for cause in pod_causes(cluster, label_selector)
            )
            node_log.more(cluster.matching("Pod", label_selector))
            last_answer = time.monotonic()
        except UnavailableError:
            if time.monotonic() - last_answer > cluster.config.patience:
                raise
            end_state = {}
            pod_faults = logged_faults
        if pod_faults != logged_faults:
            log_line(f"TrainJob {name}: {pod_faults or 'its pods are healthy'}")
            logged_faults = pod_faults
        if end_state.get("type") == "Failed":
            reason_words = (
                end_state.get("reason", ""),
                end_state.get("message", ""),
                pod_faults,
            )
            failure_reason = "; ".join(word for word in reason_words if word)
            failure_text = (
                f"TrainJob {name} == Failed ({failure_reason}), "
                "must end well; its log ends with"
            )
            raise AdoreError("\n".join([failure_text, *node_log.end]))
        if end_state:
            return
        time.sleep(every)


class _Log:
    """Prints the log of node 0 as it grows, also when a new pod replaces the node."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.last = ""
        self.end: deque[str] = deque(maxlen=20)

    def more(self, pods: list[Object]) -> None:
        """Print what was added since the last call."""
        main_pods = []
        for live_pod in pods:
            annotations = live_pod["metadata"].get("annotations") or {}
            pod_phase = live_pod.get("status", {}).get("phase")
            if annotations.get(INDEX) == "0" and pod_phase not in (None, "Pending"):
                main_pods.append(live_pod["metadata"])
        if not main_pods:
            return
        newest_pod = max(
            main_pods, key=lambda about: str(about.get("creationTimestamp"))
        )
        pod_name = newest_pod["name"]

        log_path = f"{namespaced(self.cluster, 'pods', pod_name)}/log"
        log_options = {"container": "node", "timestamps": "true"}
        if self.last:
            log_options["sinceTime"] = f"{self.last[:19]}Z"
        try:
            log_text = self.cluster.request(
                "GET", log_path, f"log of {pod_name}", body=None, **log_options
            )
        except UnavailableError:
            raise
        except AdoreError:  # between two starts of its container
            return
        # ``sinceTime`` has whole seconds, so lines of the last second come again.
        for printed_line in str(log_text).splitlines():
            timestamp, _, line_text = printed_line.partition(" ")
            if timestamp > self.last:
                self.last = timestamp
                self.end.append(line_text)
                print(line_text, flush=True)


def _path(cluster: Cluster, name: str) -> str:
    return f"{api_root(VERSION)}/namespaces/{cluster.config.namespace}/trainjobs/{name}"


def _live(cluster: Cluster, name: str) -> Object | None:
    try:
        return dict(cluster.request("GET", _path(cluster, name), f"TrainJob {name}"))
    except MissingError:
        return None


def _ended(live: Object) -> Object:
    """Return the condition that ended the job; ``{}`` while it runs."""
    for condition in conditions(live):
        if condition["type"] in ENDED and condition["status"] == "True":
            return dict(condition)
    return {}


def _delete(cluster: Cluster, name: str) -> None:
    """Delete in the foreground: the name is free only when the pods are gone."""
    try:
        cluster.request(
            "DELETE",
            _path(cluster, name),
            f"TrainJob {name}",
            propagationPolicy="Foreground",
        )
    except MissingError:
        return
