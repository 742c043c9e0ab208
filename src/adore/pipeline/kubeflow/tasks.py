"""The tasks of a run on Kubeflow Pipelines, from its Argo Workflow: the one source that stays true.

The API's own ``task_details`` are not read: once a Workflow is over 1 MiB Argo packs its nodes,
and they are never brought up to date again.
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
        phase: Argo's word: Pending, Running, Succeeded, Failed, Error, Skipped, Omitted.
        message: Argo's words on it: why it waits, or why it failed.
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
        """Whether it will not change any more."""
        return self.phase in ENDED

    @property
    def failed(self) -> bool:
        """Whether it ended badly."""
        return self.phase in BAD


def tasks_of(manifest: str) -> list[Task]:
    """Every task of a run that has a pod, in the order in which they began.

    A retried one once, as it is now.

    Args:
        manifest: an Argo Workflow in JSON, as Kubeflow Pipelines keeps it; its nodes may be
            packed.
    """
    workflow = json.loads(manifest or "{}")
    metadata = workflow.get("metadata", {})
    named = str(metadata.get("name", ""))
    names = _display_names(workflow)
    newest: dict[str, tuple[str, Task]] = {}
    nodes = _nodes(workflow.get("status", {}))
    for node in _pods(nodes):
        task = _task(node, named, names)
        began = str(node.get("startedAt") or "")
        before = newest.get(task.name)
        # A driver's node is replaced by that of the task which it prepared, and a try by
        # the next.
        if before is None or began >= before[0]:
            newest[task.name] = (began, task)
    in_order = sorted(newest.values(), key=_by_start)
    return [task for _, task in in_order]


def _by_start(found: tuple[str, Task]) -> tuple[str, str]:
    """When a task began, then its name."""
    began, task = found
    return began, task.name


def _display_names(workflow: dict[str, Any]) -> dict[str, str]:
    """Names that the pipeline gave to tasks, by their keys: ``judge-2`` is called ``judge-again``.

    Source: the components in a Workflow's arguments, as in kubeflow/pipelines 2.17.0,
    test_data/compiled-workflows.
    """
    names = {}
    for argument in workflow.get("spec", {}).get("arguments", {}).get("parameters", []):
        if not str(argument.get("name")).startswith("components-"):
            continue
        component = json.loads(argument.get("value") or "{}")
        for key, task in component.get("dag", {}).get("tasks", {}).items():
            names[key] = str(task.get("taskInfo", {}).get("name") or key)
    return names


def _nodes(status: dict[str, Any]) -> dict[str, Node]:
    packed = status.get("compressedNodes")
    if packed:
        return dict(json.loads(gzip.decompress(base64.b64decode(packed))))
    return dict(status.get("nodes") or {})


def _pods(nodes: dict[str, Node]) -> Iterator[Node]:
    """Nodes with pods of their own: what runs a component.

    Of what prepares one, only what went wrong.
    """
    for node in nodes.values():
        if node.get("type") != "Pod":
            continue
        prepares = _last(node).endswith(DRIVER)
        if not prepares or node.get("phase") in BAD:
            yield node


def _last(node: Node) -> str:
    """The last part of a node's path, without the number of a try."""
    return str(node["name"]).rsplit(".", 1)[-1].split("(")[0]


def _task(node: Node, workflow: str, names: dict[str, str]) -> Task:
    path = str(node["name"]).split(".")
    key = _last(node).removesuffix(DRIVER)
    if key == EXECUTOR and len(path) > 1:
        key = path[-2].split("(")[0]
    step = names.get(key, key)
    shards = []
    for part in path[:-1]:
        shards += SHARD.findall(part)
    if shards:
        step = f"{step}/{shards[-1]}"
    prefix = f"{workflow}-{node.get('templateName', '')}"[:LONGEST]
    digest = str(node.get("id", "")).rsplit("-", 1)[-1]
    return Task(
        step,
        str(node.get("phase", "")),
        str(node.get("message") or ""),
        f"{prefix}-{digest}",
        _seconds(node),
    )


def _seconds(node: Node) -> float:
    began = node.get("startedAt")
    ended = node.get("finishedAt")
    if not began or not ended:
        return 0.0
    took = datetime.fromisoformat(ended) - datetime.fromisoformat(began)
    return took.total_seconds()


def reason_in_log(log: str) -> str:
    """Why a step failed, in its own words, from its pod's log.

    Our last line that says FAILED; empty if there is none.

    Example:
        >>> line = "[adore] prepare           FAILED: rows == 0, must be 1 or more; fill it"
        >>> reason_in_log(f"x\\n{line}\\ny")
        'rows == 0, must be 1 or more; fill it'
    """
    said = [
        line.split(" FAILED: ", 1)[1]
        for line in log.splitlines()
        if LOG_PREFIX in line and " FAILED: " in line
    ]
    return said[-1].strip() if said else ""
