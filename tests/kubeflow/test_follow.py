"""What is told of a run's tasks: read from the Workflow that Kubeflow Pipelines keeps of it."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from tests.kubeflow.conftest import StandIn

from adore.pipeline.graph import LOOP, STEPS
from adore.pipeline.kubeflow.client import Server
from adore.pipeline.kubeflow.follow import follow
from adore.pipeline.kubeflow.tasks import reason_in_log, tasks_of

ROOT = "adore-x.root.exit-handler-1"
SHARDS = f"{ROOT}.for-loop-2.iteration-iterations"
IMPL = "metadata-0-3-retry-system-container-impl"


def node(
    path: str,
    phase: str,
    message: str = "",
    *,
    kind: str = "Pod",
    start: int = 0,
    end: int = 0,
) -> dict[str, Any]:
    """A node as Argo writes it: the id is the Workflow's name and a hash of the node's own name."""
    return {
        "id": f"adore-x-{abs(hash(path)) % 10**9}",
        "name": path,
        "type": kind,
        "phase": phase,
        "message": message,
        "templateName": "system-container-driver" if path.endswith("-driver") else IMPL,
        "startedAt": f"2026-01-01T00:{start:02}:00Z",
        "finishedAt": f"2026-01-01T00:{end:02}:00Z" if end else None,
    }


def pod_of(one: dict[str, Any]) -> str:
    """The name of a node's pod, as Argo makes it of the node's id."""
    return f"adore-x-{IMPL}-{one['id'].removeprefix('adore-x-')}"


def workflow(*nodes: dict[str, Any], packed: bool = False) -> dict[str, Any]:
    """A Workflow with a loop over shards whose second judge is called judge-again."""
    tasks = {
        "judge-2": {"taskInfo": {"name": "judge-again"}},
        "prepare": {"taskInfo": {"name": "prepare"}},
    }
    argument = {
        "name": "components-comp-for-loop-2",
        "value": json.dumps({"dag": {"tasks": tasks}}),
    }
    by_id = {n["id"]: n for n in nodes}
    status: dict[str, Any] = {"nodes": by_id}
    if packed:
        status = {
            "compressedNodes": base64.b64encode(
                gzip.compress(json.dumps(by_id).encode())
            ).decode()
        }
    arguments = {
        "parameters": [argument, {"name": "kubernetes-comp-judge", "value": "{}"}]
    }
    return {
        "metadata": {"name": "adore-x"},
        "spec": {"arguments": arguments},
        "status": status,
    }


@pytest.mark.parametrize("packed", [False, True])
def test_every_task_is_seen_once_by_its_name_and_shard_packed_or_not(
    packed: bool,
) -> None:
    """argoproj/argo-workflows v4.0.5, util/file/fileutil.go:91:
    nodes of a large Workflow are base64 of gzip.
    """
    shards = [
        node(
            f"{SHARDS}({i}:{i}).iteration-item.judge-2.executor(0)", "Running", start=2
        )
        for i in range(40)
    ]
    dag = node(f"{ROOT}.prepare", "Succeeded", kind="DAG", end=1)
    driver = node(f"{ROOT}.prepare-driver", "Succeeded", end=1)
    prepared = node(f"{ROOT}.prepare.executor(0)", "Succeeded", start=1, end=2)
    found = tasks_of(
        json.dumps(workflow(dag, driver, prepared, *shards, packed=packed))
    )
    assert {task.name for task in found} == {
        "prepare",
        *(f"judge-again/{i}" for i in range(40)),
    }
    assert [(t.phase, t.seconds) for t in found if t.name == "prepare"] == [
        ("Succeeded", 60.0)
    ]
    assert len(found) == 41


def test_a_task_that_was_tried_again_is_as_its_last_try_is() -> None:
    tries = [
        node(
            f"{ROOT}.distil.executor(0)",
            "Failed",
            "OOMKilled (exit code 137)",
            start=1,
            end=2,
        ),
        node(f"{ROOT}.distil.executor(1)", "Running", start=3),
    ]
    (task,) = tasks_of(json.dumps(workflow(*tries)))
    assert (task.name, task.phase, task.message) == ("distil", "Running", "")


def test_a_pod_is_named_as_argo_names_it() -> None:
    """argoproj/argo-workflows v4.0.5, workflow/util/pod_name.go:38."""
    one = node(f"{ROOT}.distil.executor(0)", "Failed")
    (task,) = tasks_of(json.dumps(workflow(one)))
    assert task.pod == pod_of(one) and task.failed and task.ended


def test_what_failed_before_its_task_began_is_seen_too() -> None:
    (task,) = tasks_of(
        json.dumps(workflow(node(f"{ROOT}.align-driver", "Error", "quota exceeded")))
    )
    assert (task.name, task.message, task.failed) == ("align", "quota exceeded", True)


def test_a_run_that_has_no_workflow_yet_has_no_tasks() -> None:
    assert tasks_of("") == tasks_of("{}") == []


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (
            "[adore] prepare           FAILED: a == 1, must be 2; change it\nTraceback",
            "a == 1, must be 2; change it",
        ),
        ("nothing of ours FAILED: here\n", ""),
        ("", ""),
    ],
)
def test_a_steps_own_words_are_found_in_its_log(log: str, reason: str) -> None:
    assert reason_in_log(log) == reason


# ---------------------------------------------------------------- told


def told(api: StandIn, capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    status = follow(Server(api.url, "shop"), "r1", every=0.01)
    return status, capfd.readouterr().err


def test_a_failed_steps_own_reason_is_the_last_thing_told(
    api: StandIn, capfd: pytest.CaptureFixture[str]
) -> None:
    bad = node(f"{ROOT}.prepare.executor(0)", "Failed", "Error (exit code 1)", end=1)
    api.workflow, api.states = workflow(bad), ["RUNNING", "FAILED"]
    pod = pod_of(bad)
    api.logs[pod] = (
        "[adore] prepare           FAILED: rows == 0, must be 1 or more; fill it\n"
    )
    status, said = told(api, capfd)
    assert status == 1
    assert (
        said.count("prepare           FAILED: rows == 0, must be 1 or more; fill it")
        == 1
    )
    assert (
        said.splitlines()[-1]
        == "[adore] run r1: failed; prepare: rows == 0, must be 1 or more; fill it"
    )


def test_a_pod_that_left_no_word_is_told_by_argo(
    api: StandIn, capfd: pytest.CaptureFixture[str]
) -> None:
    bad = node(
        f"{ROOT}.evidence.executor(0)", "Failed", "OOMKilled (exit code 137)", end=1
    )
    api.workflow, api.states = workflow(bad), ["FAILED"]
    status, said = told(api, capfd)
    assert status == 1 and "run r1: failed; evidence: OOMKilled (exit code 137)" in said


def test_a_log_that_is_gone_is_no_log(
    api: StandIn, capfd: pytest.CaptureFixture[str]
) -> None:
    """kubeflow/pipelines 2.17.0 answers 200 and an object with ``error_message``,
    where a log would be text.
    """
    bad = node(
        f"{ROOT}.evidence.executor(0)", "Failed", "OOMKilled (exit code 137)", end=1
    )
    api.workflow, api.states = workflow(bad), ["FAILED"]
    pod = pod_of(bad)
    api.logs[pod] = {"error_message": "BadRequestError: Failed to read logs"}
    _, said = told(api, capfd)
    assert (
        said.splitlines()[-1]
        == "[adore] run r1: failed; evidence: OOMKilled (exit code 137)"
    )


def test_what_a_task_waits_for_is_told_once(
    api: StandIn, capfd: pytest.CaptureFixture[str]
) -> None:
    starts = node(f"{ROOT}.judge.executor(0)", "Pending", "PodInitializing")
    waits = node(
        f"{ROOT}.align.executor(0)",
        "Pending",
        "Unschedulable: 0/1 nodes are available: Insufficient cpu",
    )
    api.workflow, api.states = (
        workflow(starts, waits),
        ["RUNNING", "RUNNING", "RUNNING", "SUCCEEDED"],
    )
    _, said = told(api, capfd)
    assert (
        said.count(
            "align             waits: Unschedulable: 0/1 nodes are available: Insufficient cpu"
        )
        == 1
    )
    assert "PodInitializing" not in said


def test_a_gate_that_said_no_is_no_failure(
    api: StandIn, capfd: pytest.CaptureFixture[str]
) -> None:
    api.workflow = workflow(
        node(
            f"{ROOT}.condition-branches-6.condition-8.refused.executor(0)",
            "Succeeded",
            end=1,
        )
    )
    status, said = told(api, capfd)
    assert (
        status == 0
        and "run r1: the gate refused the student: nothing is released" in said
    )


def test_a_cancelled_run_ends_as_failed_and_only_its_history_says_so(
    api: StandIn, capfd: pytest.CaptureFixture[str]
) -> None:
    """kubeflow/pipelines 2.17.0,
    backend/src/apiserver/resource/resource_manager.go: TerminateRun.
    """
    api.states, api.history = ["FAILED"], ["PENDING", "RUNNING", "CANCELING", "FAILED"]
    api.workflow = workflow(
        node(f"{ROOT}.align.executor(0)", "Failed", "Step exceeded its deadline", end=1)
    )
    status, said = told(api, capfd)
    assert "FAILED" not in said
    assert status == 1 and "run r1: stopped, because somebody cancelled it" in said


def test_a_real_runs_packed_workflow_has_each_step_once() -> None:
    """As Kubeflow Pipelines 2.17.0 with Argo 4.0.5 kept it after a run of
    tests/tiny.yaml with --deploy, cut down to the fields that are read. The step live is
    younger than the record.
    """
    found = tasks_of((Path(__file__).parent / "workflow.json").read_text("utf-8"))
    shards = {
        f"{step}/{i}"
        for step in ("judge", "judge-again", "judge-candidates")
        for i in (0, 1)
    }
    whole = {name for name in LOOP if not STEPS[name].sharded}
    # It is older than one step, and the other runs only where the gate refused.
    whole -= {"live", "production"}
    assert {task.name for task in found} == shards | whole | {"deploy", "report"}
    assert len(found) == len({task.name for task in found}) == 21
    assert all(task.phase == "Succeeded" and task.seconds > 0 for task in found)
