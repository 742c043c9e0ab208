"""One stage on several nodes: a TrainJob of Kubeflow Trainer v2, from its start to its end.

Source: Kubeflow Trainer 2.3, ``trainer.kubeflow.org/v1alpha1``.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from adore.errors import AdoreError, MissingError, UnavailableError
from adore.pipeline.kubeflow.placement import Config as Placement
from adore.pipeline.kubeflow.placement import Gpu
from adore.processes import exit_on_sigterm
from adore.progress import log_line
from adore.release.kubernetes.causes import pod_causes
from adore.release.kubernetes.client import MANAGER, Cluster, api_root
from adore.release.kubernetes.config import Config
from adore.release.kubernetes.objects import GROUP, POD_SECURITY, SECURITY, labels

__all__ = ["ACCOUNT", "VERSION", "follow", "run", "train_job"]

Object = dict[str, Any]
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
    size = place.stages.get(stage, place.default)
    gpu = place.gpu if stage in place.gpu.stages else None
    cards = {gpu.type: str(gpu.count)} if gpu else {}
    trainer = {
        "image": size.image or config.image(IMAGES[stage]),
        # Without --, torchrun reads our options.
        "command": ["torchrun", "--no-python", "--", *command],
        "env": _environment(place),
        "numNodes": place.train.nodes,
        "numProcPerNode": gpu.count if gpu else place.train.processes,
        "resourcesPerNode": {
            "requests": {"cpu": size.cpu, "memory": size.memory, **cards},
            "limits": {"cpu": size.cpu_limit, "memory": size.memory, **cards},
        },
    }
    spec: Object = {
        "runtimeRef": {
            "apiGroup": VERSION.partition("/")[0],
            "kind": "ClusterTrainingRuntime",
            "name": place.train.runtime,
        },
        "trainer": trainer,
        "runtimePatches": [_patch(place, stage, gpu)],
    }
    if size.timeout:
        spec["activeDeadlineSeconds"] = size.timeout
    job_labels = dict(labels(config, stage))
    if gpu and gpu.queue:
        job_labels["kueue.x-k8s.io/queue-name"] = gpu.queue
    if gpu and gpu.priority:
        job_labels["kueue.x-k8s.io/priority-class"] = gpu.priority
    metadata = {
        "name": f"{config.app}-{stage}-{key}",
        "namespace": config.namespace,
        "labels": job_labels,
    }
    return {
        "apiVersion": VERSION,
        "kind": "TrainJob",
        "metadata": metadata,
        "spec": spec,
    }


def _environment(place: Placement) -> list[Object]:
    """Every key of the Secrets as an environment variable of the same name."""
    variables = []
    for name, keys in place.secrets.items():
        for key in keys:
            source = {"secretKeyRef": {"name": name, "key": key}}
            variables.append({"name": key, "valueFrom": source})
    return variables


def _patch(place: Placement, stage: str, gpu: Gpu | None) -> Object:
    """What the runtime's pods get beside the trainer.

    Account, security, a place to write, where they may stand.

    Returns:
        A runtime patch.
    """
    volumes: list[Object] = [{"name": "tmp", "emptyDir": {}}]
    mounts = [{"name": "tmp", "mountPath": "/tmp"}]
    if gpu:
        shared = {"medium": "Memory", "sizeLimit": "2Gi"}  # for NCCL
        volumes.append({"name": "shm", "emptyDir": shared})
        mounts.append({"name": "shm", "mountPath": "/dev/shm"})
    claim, _, mount = place.claim.partition(":")
    if claim:
        source = {"claimName": claim}
        volumes.append({"name": "claim", "persistentVolumeClaim": source})
        mounts.append({"name": "claim", "mountPath": mount})

    node = {"name": "node", "securityContext": SECURITY, "volumeMounts": mounts}
    pod: Object = {
        "serviceAccountName": ACCOUNT,
        "securityContext": POD_SECURITY,
        "volumes": volumes,
        "containers": [node],
    }
    if gpu and gpu.node_selector:
        pod["nodeSelector"] = gpu.node_selector
    if gpu:
        pod["tolerations"] = [
            toleration.model_dump(exclude_none=True) for toleration in gpu.tolerations
        ]
    ours = {
        "app.kubernetes.io/part-of": "adore",
        f"{GROUP}/role": "training",
        f"{GROUP}/stage": stage,
    }
    template = {"metadata": {"labels": {**ours, **place.labels}}, "spec": pod}
    job = {"name": "node", "template": {"spec": {"template": template}}}
    return {
        "manager": f"{GROUP}/pipeline",
        "trainingRuntimeSpec": {"template": {"spec": {"replicatedJobs": [job]}}},
    }


# ---------------------------------------------------------------- its life


def run(cluster: Cluster, thing: Object, *, every: float = 5.0) -> None:
    """Make the TrainJob, or take up the unfinished one of its name; follow it.

    It is deleted, however this ends. A launcher that is killed without a word leaves the job
    running; the next one follows it.

    Args:
        cluster: sees the job's namespace.
        thing: the TrainJob, from :func:`train_job`.
        every: seconds between two looks.

    Raises:
        AdoreError: the job failed, or the cluster refuses or does not know it.
    """
    name = thing["metadata"]["name"]
    live = _live(cluster, name)
    if live and _ended(live):
        _delete(cluster, name)
        while _live(cluster, name):
            time.sleep(every)
        live = None
    if live:
        log_line(f"TrainJob {name} is there already: followed")
    else:
        cluster.request(
            "PATCH",
            _path(cluster, name),
            f"TrainJob {name}",
            body=thing,
            fieldManager=MANAGER,
            force="true",
        )
        log_line(f"TrainJob {name}: made, {thing['spec']['trainer']['numNodes']} nodes")
    with exit_on_sigterm():
        try:
            follow(cluster, name, every=every)
        finally:
            _delete(cluster, name)


def follow(cluster: Cluster, name: str, *, every: float = 5.0) -> None:
    """Log what keeps the pods of a TrainJob, and what its node 0 prints, until it ends.

    Args:
        cluster: sees the job's namespace.
        name: the job's name.
        every: seconds between two looks.

    Raises:
        AdoreError: it failed, or was deleted.
        UnavailableError: the cluster was silent for ``kubernetes.patience`` seconds.
    """
    label_selector = f"jobset.sigs.k8s.io/jobset-name={name}"
    log = _Log(cluster)
    logged_faults = ""
    last_answer = time.monotonic()
    while True:
        try:
            live = _live(cluster, name)
            state: Object = {"type": "Failed", "message": "someone deleted it"}
            if live:
                state = _ended(live)
            faults = "; ".join(
                cause.text for cause in pod_causes(cluster, label_selector)
            )
            log.more(cluster.matching("Pod", label_selector))
            last_answer = time.monotonic()
        except UnavailableError:
            if time.monotonic() - last_answer > cluster.config.patience:
                raise
            state = {}
            faults = logged_faults
        if faults != logged_faults:
            log_line(f"TrainJob {name}: {faults or 'its pods are well'}")
            logged_faults = faults
        if state.get("type") == "Failed":
            reasons = (state.get("reason", ""), state.get("message", ""), faults)
            reason = "; ".join(word for word in reasons if word)
            fault = f"TrainJob {name} == Failed ({reason}), must end well; its log ends with"
            raise AdoreError("\n".join([fault, *log.end]))
        if state:
            return
        time.sleep(every)


class _Log:
    """The log of node 0 as it grows, also when a new pod takes the node over."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.last = ""
        self.end: deque[str] = deque(maxlen=20)

    def more(self, pods: list[Object]) -> None:
        """Print what has been added to it since the last call."""
        main_pods = []
        for pod in pods:
            notes = pod["metadata"].get("annotations") or {}
            phase = pod.get("status", {}).get("phase")
            if notes.get(INDEX) == "0" and phase not in (None, "Pending"):
                main_pods.append(pod["metadata"])
        if not main_pods:
            return
        newest = max(main_pods, key=lambda about: str(about.get("creationTimestamp")))
        name = newest["name"]

        namespace_path = f"{api_root('v1')}/namespaces/{self.cluster.config.namespace}"
        path = f"{namespace_path}/pods/{name}/log"
        query = {"container": "node", "timestamps": "true"}
        if self.last:
            query["sinceTime"] = f"{self.last[:19]}Z"
        try:
            text = self.cluster.request(
                "GET", path, f"log of {name}", body=None, **query
            )
        except UnavailableError:
            raise
        except AdoreError:  # between two starts of its container
            return
        for line in str(text).splitlines():
            timestamp, _, line_text = line.partition(" ")
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
    """The condition that ended it; ``{}`` while it runs."""
    conditions = live.get("status", {}).get("conditions") or []
    for condition in conditions:
        if condition["type"] in ENDED and condition["status"] == "True":
            return dict(condition)
    return {}


def _delete(cluster: Cluster, name: str) -> None:
    """In the foreground, so that the name is free only when its pods are gone."""
    try:
        cluster.request(
            "DELETE",
            _path(cluster, name),
            f"TrainJob {name}",
            propagationPolicy="Foreground",
        )
    except MissingError:
        return
