"""The tasks of a run on Kubeflow Pipelines, read from its Argo Workflow.

The API's own ``task_details`` are not read: once a Workflow exceeds 1 MiB, Argo packs its nodes
and stops updating the details.
Source: kubeflow/pipelines 2.17.0, backend/src/apiserver/server/api_converter.go:1833.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adore.progress import LOG_PREFIX

__all__ = ["Task", "reason_in_log", "tasks_of"]

Node = dict[str, Any]
"""An Argo object: a Workflow, its status, or one of its nodes."""
EXECUTOR = "executor"
"""Argo's task that runs a component, within the template of the task's own name.

Source: kubeflow/pipelines 2.17.0, backend/src/v2/compiler/argocompiler/container.go:410.
"""
DRIVER = "-driver"
"""End of the name of the task that prepares another one. Source: there, dag.go:220."""
SHARD = re.compile(r"\((\d+):")
"""``iteration-iterations(3:3)``: the fourth pass of a loop. Source: there, dag.go:430."""
LONGEST = 253 - 10 - 1
"""Characters of a pod's name before its hash.

Source: argoproj/argo-workflows v4.0.5, workflow/util/pod_name.go:12."""
ENDED = frozenset({"Succeeded", "Failed", "Error", "Skipped", "Omitted"})
BAD = frozenset({"Failed", "Error"})


@dataclass(frozen=True, slots=True)
class Task:
    """One step of a run as the cluster has it.

    Args:
        name: the step's name, with its shard as in ``judge/3``.
        phase: Argo's phase: Pending, Running, Succeeded, Failed, Error, Skipped, Omitted.
        message: Argo's message: why it waits, or why it failed.
        pod: its pod.
        seconds: from start to end; 0 until then.
    """

    name: str
    phase: str
    message: str
    pod: str
    seconds: float

    @property
    def ended(self) -> bool:
        """Whether the task has ended."""
        return self.phase in ENDED

    @property
    def failed(self) -> bool:
        """Whether the task ended with an error."""
        return self.phase in BAD


def tasks_of(manifest: str) -> list[Task]:
    """List every task of a run that has a pod, in the order in which they began.

    A task that was retried is listed once, as it is now.

    Args:
        manifest: an Argo Workflow in JSON, as Kubeflow Pipelines keeps it; its nodes may be
            packed.

    Returns:
        The tasks.
    """
    workflow = json.loads(manifest or "{}")
    metadata = workflow.get("metadata", {})
    workflow_name = str(metadata.get("name", ""))
    display_names = _display_names(workflow)
    nodes_by_id = _nodes(workflow.get("status", {}))

    # A driver's node is replaced by that of the task which it prepared, and a try by
    # the next: they come later.
    newest_tasks: dict[str, Task] = {}
    for node in sorted(_pods(nodes_by_id), key=_start_of):
        task = _task(node, workflow_name, display_names)
        newest_tasks.pop(task.name, None)
        newest_tasks[task.name] = task
    return list(newest_tasks.values())


def _start_of(node: Node) -> str:
    """Return when a task began, in ISO 8601; empty while it waits."""
    return str(node.get("startedAt") or "")


def _display_names(workflow: Node) -> dict[str, str]:
    """Names that the pipeline gave to tasks, by their keys: ``judge-2`` is called ``judge-again``.

    Source: the components in a Workflow's arguments, as in kubeflow/pipelines 2.17.0,
    test_data/compiled-workflows.

    Returns:
        Display name by the task's key.
    """
    display_names = {}
    arguments = workflow.get("spec", {}).get("arguments", {})
    for parameter in arguments.get("parameters", []):
        if not str(parameter.get("name")).startswith("components-"):
            continue
        component = json.loads(parameter.get("value") or "{}")
        dag_tasks = component.get("dag", {}).get("tasks", {})
        for task_key, dag_task in dag_tasks.items():
            task_info = dag_task.get("taskInfo", {})
            display_names[task_key] = str(task_info.get("name") or task_key)
    return display_names


def _nodes(status: Node) -> dict[str, Node]:
    # Argo packs the nodes of a large Workflow.
    packed_nodes = status.get("compressedNodes")
    if not packed_nodes:
        return dict(status.get("nodes") or {})
    compressed = base64.b64decode(packed_nodes)
    return dict(json.loads(gzip.decompress(compressed)))


def _pods(nodes: dict[str, Node]) -> Iterator[Node]:
    """Yield nodes that run a component in their own pod, and drivers that failed."""
    for node in nodes.values():
        if node.get("type") != "Pod":
            continue
        last_part = _path_of(node)[-1]
        is_driver = last_part.endswith(DRIVER)
        if not is_driver or node.get("phase") in BAD:
            yield node


def _path_of(node: Node) -> list[str]:
    """Return a node's path through the pipeline's DAGs, without loop and retry numbers."""
    return [path_part.partition("(")[0] for path_part in str(node["name"]).split(".")]


def _task(node: Node, workflow_name: str, display_names: dict[str, str]) -> Task:
    return Task(
        name=_step_name(node, display_names),
        phase=str(node.get("phase", "")),
        message=str(node.get("message") or ""),
        pod=_pod_name(node, workflow_name),
        seconds=_seconds(node),
    )


def _step_name(node: Node, display_names: dict[str, str]) -> str:
    """The step's name as the pipeline gives it, with the shard of the innermost loop."""
    node_path = _path_of(node)
    task_key = node_path[-1].removesuffix(DRIVER)
    # An executor is named after the task that it runs, one level up.
    if task_key == EXECUTOR and len(node_path) > 1:
        task_key = node_path[-2]
    step_name = display_names.get(task_key, task_key)

    loops_path, _, _ = str(node["name"]).rpartition(".")
    shard_indices = SHARD.findall(loops_path)
    if not shard_indices:
        return step_name
    return f"{step_name}/{shard_indices[-1]}"


def _pod_name(node: Node, workflow_name: str) -> str:
    """The name that Argo gives to a node's pod."""
    template = node.get("templateName", "")
    name_prefix = f"{workflow_name}-{template}"

    node_id = str(node.get("id", ""))
    # A long name is cut, but the hash at its end is whole.
    node_hash = node_id.rpartition("-")[2]
    return f"{name_prefix[:LONGEST]}-{node_hash}"


def _seconds(node: Node) -> float:
    started_at = node.get("startedAt")
    finished_at = node.get("finishedAt")
    if not started_at or not finished_at:
        return 0.0
    duration = datetime.fromisoformat(finished_at) - datetime.fromisoformat(started_at)
    return duration.total_seconds()


def reason_in_log(log: str) -> str:
    """Find a step's own error in its pod's log.

    Args:
        log: what the pod printed.

    Returns:
        The reason in the last line of ours with FAILED; empty if there is none.

    Example:
        >>> line = "[adore] prepare           FAILED: rows == 0, must be 1 or more; fill it"
        >>> reason_in_log(f"x\\n{line}\\ny")
        'rows == 0, must be 1 or more; fill it'
    """
    reason = ""
    for printed_line in log.splitlines():
        if LOG_PREFIX not in printed_line:
            continue
        _, is_failure, failure_text = printed_line.partition(" FAILED: ")
        if is_failure:
            reason = failure_text.strip()
    return reason
