"""A TrainJob: valid, restricted, made once, followed, cleared away;
the real client against a stand-in for its API.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml
from tests.kubeflow.trainer import StandIn, up
from tests.manifests.policies import all_faults
from tests.manifests.schemas import faults

from adore.errors import AdoreError, ConfigError, MissingError
from adore.pipeline.kubeflow.placement import Config as Placement
from adore.pipeline.kubeflow.trainjob import ACCOUNT, run, train_job
from adore.release.kubernetes.client import Cluster
from adore.release.kubernetes.config import Config

PLACE = Placement(
    secrets={"adore-s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")},
    claim="data:/data",
    gpu={
        "stages": ("distil",),
        "count": 2,
        "node_selector": {"pool": "gpu"},
        "tolerations": ({"key": "t"},),
    },
    stages={"distil": {"cpu": "8", "cpu_limit": "8", "memory": "16Gi", "timeout": 600}},
    train={"stages": ("distil",), "nodes": 3, "processes": 2},
)
COMMAND = ["adore", "distil", "--run", "s3://b/run"]
JOB = train_job(Config(), PLACE, "distil", "abc123", COMMAND)
NAME = "adore-distil-abc123"
SCHEMA = yaml.safe_load("""
definitions:
  some: &some {type: object, minProperties: 1}
  pod: &pod
    additionalProperties: false
    properties:
      serviceAccountName: {type: string}
      securityContext: *some
      nodeSelector: *some
      tolerations: {type: array}
      volumes: {type: array}
      containers:
        items:
          additionalProperties: false
          properties: {name: {const: node}, securityContext: *some, volumeMounts: {type: array}}
required: [runtimeRef]
additionalProperties: false
properties:
  activeDeadlineSeconds: {type: integer, minimum: 1}
  runtimeRef: {additionalProperties: false, required: [name], properties: {apiGroup: {}, kind: {}, name: {}}}
  trainer:
    additionalProperties: false
    properties:
      image: {type: string}
      command: {items: {type: string}}
      env: {items: {required: [name, valueFrom], additionalProperties: false, properties: {name: {}, valueFrom: {}}}}
      numNodes: {type: integer}
      numProcPerNode: {type: integer, minimum: 1}
      resourcesPerNode: {additionalProperties: false, properties: {requests: *some, limits: *some}}
  runtimePatches:
    items:
      required: [manager]
      additionalProperties: false
      properties:
        manager: {type: string, pattern: "^[a-z.]+/[a-z]+$"}
        trainingRuntimeSpec:
          properties:
            template:
              properties:
                spec:
                  properties:
                    replicatedJobs:
                      items:
                        properties:
                          template: {properties: {spec: {properties: {template: {properties: {spec: *pod}}}}}}
""")  # noqa: E501
"""What Kubeflow Trainer 2.3 takes, of that which we write;
its whole CRD is used where ../shared/schemas has it.
"""


def pod_of(job: dict[str, Any]) -> dict[str, Any]:
    """A node's pod, as the controller puts it together; the account has no token."""
    (patch,) = job["spec"]["runtimePatches"][0]["trainingRuntimeSpec"]["template"][
        "spec"
    ]["replicatedJobs"]
    template, trainer = patch["template"]["spec"]["template"], job["spec"]["trainer"]
    more = {k: trainer[k] for k in ("image", "command", "env")} | {
        "resources": trainer["resourcesPerNode"]
    }
    spec = {**template["spec"], "automountServiceAccountToken": False}
    spec["containers"] = [{**spec["containers"][0], **more}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "node", **template["metadata"]},
        "spec": spec,
    }


def test_the_job_says_what_the_profile_says_and_is_valid() -> None:
    jsonschema.validate(JOB["spec"], SCHEMA)
    trainer = JOB["spec"]["trainer"]
    assert (trainer["numNodes"], trainer["numProcPerNode"]) == (3, 2)
    assert trainer["command"] == ["torchrun", "--no-python", "--", *COMMAND]
    assert trainer["resourcesPerNode"]["limits"] == {
        "cpu": "8",
        "memory": "16Gi",
        "nvidia.com/gpu": "2",
    }
    assert (
        JOB["metadata"]["name"] == NAME and JOB["spec"]["activeDeadlineSeconds"] == 600
    )


def test_the_whole_crd_takes_it() -> None:
    assert list(faults(JOB)) == []


def test_its_pods_are_valid_and_keep_to_the_policies() -> None:
    pod = pod_of(JOB)
    assert [*faults(pod), *all_faults(pod)] == []
    assert pod["spec"]["serviceAccountName"] == ACCOUNT and pod["spec"][
        "nodeSelector"
    ] == {"pool": "gpu"}
    assert {"name": "claim", "mountPath": "/data"} in pod["spec"]["containers"][0][
        "volumeMounts"
    ]


# ---------------------------------------------------------------- its life


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with up(StandIn()) as server:
        yield server


def cluster(stand_in: StandIn) -> Cluster:
    return Cluster(Config(), stand_in.client)


def test_a_job_is_made_followed_and_cleared_away(
    stand_in: StandIn, capfd: pytest.CaptureFixture[str]
) -> None:
    run(cluster(stand_in), JOB, every=0.01)
    out, told = capfd.readouterr()
    assert out.split("\n") == [f"epoch {i}" for i in range(4)] + [""], "each line once"
    assert stand_in.queries[1]["sinceTime"] == ["2026-11-25T10:00:01Z"]
    assert f"TrainJob {NAME}: created, 3 nodes" in told and not stand_in.jobs
    assert [m for m, n in stand_in.calls if n == NAME and m != "GET"] == [
        "PATCH",
        "DELETE",
    ]


def test_a_failed_job_is_said_with_the_end_of_its_log(stand_in: StandIn) -> None:
    stand_in.ends = "Failed"
    with pytest.raises(AdoreError, match=r"Failed \(it is over\)(.|\n)*epoch 3"):
        run(cluster(stand_in), JOB, every=0.01)
    assert not stand_in.jobs


def test_an_unfinished_job_of_the_name_is_followed_and_an_ended_one_made_anew(
    stand_in: StandIn,
) -> None:
    stand_in.jobs[NAME] = {**JOB, "looks": 0}
    run(cluster(stand_in), JOB, every=0.01)
    assert "PATCH" not in {m for m, _ in stand_in.calls}
    stand_in.jobs[NAME] = {**JOB, "looks": 9}
    run(cluster(stand_in), JOB, every=0.01)
    assert [m for m, n in stand_in.calls if n == NAME and m != "GET"] == [
        "DELETE",
        "DELETE",
        "PATCH",
        "DELETE",
    ]


def test_a_stopped_launcher_takes_its_job_with_it(stand_in: StandIn) -> None:
    stand_in.looks = 10**9
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    with pytest.raises(SystemExit) as left:
        run(cluster(stand_in), JOB, every=0.01)
    assert left.value.code == 143 and not stand_in.jobs


@pytest.mark.parametrize(
    ("status", "kind", "word"),
    [(403, ConfigError, "must be valid"), (404, MissingError, "CRD")],
)
def test_what_the_cluster_has_against_it_is_said(
    stand_in: StandIn, status: int, kind: type, word: str
) -> None:
    stand_in.refuses = status
    with pytest.raises(kind, match=word):
        run(cluster(stand_in), JOB, every=0.01)


def test_the_doctor_says_what_training_on_nodes_lacks(stand_in: StandIn) -> None:
    from adore.pipeline.doctor.cluster import examine_cluster

    stand_in.others = {
        "/version": {"major": "1", "minor": "32+", "gitVersion": "v1.32.2"},
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews": {
            "status": {"allowed": False}
        },
        "/apis/trainer.kubeflow.org/v1alpha1/clustertrainingruntimes/torch-distributed": {
            "kind": "x"
        },
        "/openapi/v3/apis/serving.kserve.io/v1beta1": {
            "properties": {"canary": {"trafficPercent": {}}}
        },
    }
    found = {f.name: f for f in examine_cluster(Config(), PLACE, stand_in.client)}
    assert (
        found["KServe"].ok
        and found["trainer.kubeflow.org/v1alpha1"].ok
        and not found[ACCOUNT].ok
    )
    assert (
        found["training"].text
        == "get, create, patch, delete refused; add manifests/components/train to your overlay"
    )
    del stand_in.others[
        "/apis/trainer.kubeflow.org/v1alpha1/clustertrainingruntimes/torch-distributed"
    ]
    (none,) = [
        f
        for f in examine_cluster(Config(), PLACE, stand_in.client)
        if f.name.startswith("trainer.")
    ]
    assert not none.ok and "install Kubeflow Trainer 2.2 or later" in none.text
    assert "trainer.kubeflow.org/v1alpha1" not in {
        f.name for f in examine_cluster(Config(), Placement(), stand_in.client)
    }
