"""One stage on several nodes: a TrainJob of Kubeflow Trainer v2, made or found again, followed, cleared away.

Source: Kubeflow Trainer 2.3, ``trainer.kubeflow.org/v1alpha1``.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from adore.errors import AdoreError, MissingError, UnavailableError
from adore.pipeline.kubeflow.placement import Config as Placement
from adore.pipeline.kubeflow.placement import Gpu
from adore.progress import say
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


def train_job(config: Config, place: Placement, stage: str, key: str, command: Sequence[str]) -> Object:
    """The TrainJob in which every node runs ``command`` under torchrun.

    Args:
        config: the profile's section ``kubernetes``.
        place: its section ``cluster``: size, image and patience of the stage, GPUs, secrets, claim, nodes.
        key: see :func:`adore.artifacts.key_of`; the same key is the same job.
    """
    size = place.stages.get(stage, place.default)
    gpu = place.gpu if stage in place.gpu.stages else None
    cards = {gpu.type: str(gpu.count)} if gpu else {}
    trainer = {
        "image": size.image or config.image(IMAGES[stage]),
        "command": ["torchrun", "--no-python", "--", *command],  # without --, torchrun reads our options
        "env": [_secret(name, k) for name, keys in place.secrets.items() for k in keys],
        "numNodes": place.train.nodes,
        "numProcPerNode": gpu.count if gpu else place.train.processes,
        "resourcesPerNode": {
            "requests": {"cpu": size.cpu, "memory": size.memory, **cards},
            "limits": {"cpu": size.cpu_limit, "memory": size.memory, **cards},
        },
    }
    spec = {
        "runtimeRef": {
            "apiGroup": VERSION.partition("/")[0],
            "kind": "ClusterTrainingRuntime",
            "name": place.train.runtime,
        },
        "trainer": trainer,
        "runtimePatches": [_patch(place, stage, gpu)],
        **({"activeDeadlineSeconds": size.timeout} if size.timeout else {}),
    }
    queue = {"kueue.x-k8s.io/queue-name": gpu.queue, "kueue.x-k8s.io/priority-class": gpu.priority} if gpu else {}
    tags = {**labels(config, stage), **{k: v for k, v in queue.items() if v}}
    meta = {"name": f"{config.app}-{stage}-{key}", "namespace": config.namespace, "labels": tags}
    return {"apiVersion": VERSION, "kind": "TrainJob", "metadata": meta, "spec": spec}


def _secret(name: str, key: str) -> Object:
    return {"name": key, "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}


def _patch(place: Placement, stage: str, gpu: Gpu | None) -> Object:
    """What the runtime's pods get beside the trainer: account, security, a place to write, where they may stand."""
    claim, _, mount = place.claim.partition(":")
    volumes: list[Object] = [{"name": "tmp", "emptyDir": {}}]
    volumes += [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}}] if gpu else []  # for NCCL
    volumes += [{"name": "claim", "persistentVolumeClaim": {"claimName": claim}}] if claim else []
    paths = {"tmp": "/tmp", "shm": "/dev/shm", "claim": mount}
    mounts = [{"name": v["name"], "mountPath": paths[v["name"]]} for v in volumes]
    pod = {
        "serviceAccountName": ACCOUNT,
        "securityContext": POD_SECURITY,
        "volumes": volumes,
        "containers": [{"name": "node", "securityContext": SECURITY, "volumeMounts": mounts}],
        **({"nodeSelector": gpu.node_selector} if gpu and gpu.node_selector else {}),
        **({"tolerations": [t.model_dump(exclude_none=True) for t in gpu.tolerations]} if gpu else {}),
    }
    ours = {"app.kubernetes.io/part-of": "adore", f"{GROUP}/role": "training", f"{GROUP}/stage": stage}
    template = {"metadata": {"labels": {**ours, **place.labels}}, "spec": pod}
    job = {"name": "node", "template": {"spec": {"template": template}}}
    return {"manager": f"{GROUP}/pipeline", "trainingRuntimeSpec": {"template": {"spec": {"replicatedJobs": [job]}}}}


# ---------------------------------------------------------------- its life


def run(cluster: Cluster, thing: Object, *, every: float = 5.0) -> None:
    """Make the TrainJob, or take up the unfinished one of its name; follow it; delete it, however this ends.

    A launcher that is killed without a word leaves the job running; the next one follows it.

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
        say(f"TrainJob {name} is there already: followed")
    else:
        cluster.request(
            "PATCH", _path(cluster, name), f"TrainJob {name}", body=thing, fieldManager=MANAGER, force="true"
        )
        say(f"TrainJob {name}: made, {thing['spec']['trainer']['numNodes']} nodes")
    with _stoppable():
        try:
            follow(cluster, name, every=every)
        finally:
            _delete(cluster, name)


def follow(cluster: Cluster, name: str, *, every: float = 5.0) -> None:
    """Until the TrainJob ends: say what keeps its pods, and the log of node 0.

    Raises:
        AdoreError: it failed, or was deleted, or the cluster is silent for ``kubernetes.patience`` seconds.
    """
    log, said, heard = _Log(cluster), "", time.monotonic()
    while True:
        try:
            live = _live(cluster, name)
            state = _ended(live) if live else {"type": "Failed", "message": "someone deleted it"}
            match = f"jobset.sigs.k8s.io/jobset-name={name}"
            faults = "; ".join(cause.text for cause in pod_causes(cluster, match))
            log.more(cluster.matching("Pod", match))
            heard = time.monotonic()
        except UnavailableError:
            if time.monotonic() - heard > cluster.config.patience:
                raise
            state, faults = {}, said
        if faults != said:
            say(f"TrainJob {name}: {faults or 'its pods are well'}")
            said = faults
        if state.get("type") == "Failed":
            why = "; ".join(w for w in (state.get("reason", ""), state.get("message", ""), faults) if w)
            raise AdoreError(
                "\n".join([f"TrainJob {name} == Failed ({why}), must end well; its log ends with", *log.end])
            )
        if state:
            return
        time.sleep(every)


class _Log:
    """The log of node 0, as it grows; a new pod of the same node is gone over to."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.last = cluster, ""
        self.end: deque[str] = deque(maxlen=20)

    def more(self, pods: list[Object]) -> None:
        mine = [p for p in pods if (p["metadata"].get("annotations") or {}).get(INDEX) == "0"]
        mine = [p for p in mine if p.get("status", {}).get("phase") not in (None, "Pending")]
        if not mine:
            return
        newest = max(mine, key=lambda p: str(p["metadata"].get("creationTimestamp")))["metadata"]["name"]
        path = f"{api_root('v1')}/namespaces/{self.cluster.config.namespace}/pods/{newest}/log"
        asked = {
            "container": "node",
            "timestamps": "true",
            **({"sinceTime": f"{self.last[:19]}Z"} if self.last else {}),
        }
        try:
            text = self.cluster.request("GET", path, f"log of {newest}", body=None, **asked)
        except UnavailableError:
            raise
        except AdoreError:  # between two starts of its container
            return
        for line in str(text).splitlines():
            stamp, _, words = line.partition(" ")
            if stamp > self.last:
                self.last = stamp
                self.end.append(words)
                print(words, flush=True)


def _path(cluster: Cluster, name: str) -> str:
    return f"{api_root(VERSION)}/namespaces/{cluster.config.namespace}/trainjobs/{name}"


def _live(cluster: Cluster, name: str) -> Object | None:
    try:
        return dict(cluster.request("GET", _path(cluster, name), f"TrainJob {name}"))
    except MissingError:
        return None


def _ended(live: Object) -> Object:
    """The condition that ended it, or nothing."""
    found = live.get("status", {}).get("conditions") or []
    return next((c for c in found if c["type"] in ENDED and c["status"] == "True"), {})


def _delete(cluster: Cluster, name: str) -> None:
    """In the foreground, so that the name is free only when its pods are gone."""
    try:
        cluster.request("DELETE", _path(cluster, name), f"TrainJob {name}", propagationPolicy="Foreground")
    except MissingError:
        return


@contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM, as a stopped run or a drained node sends it, leaves the block as an exception."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
