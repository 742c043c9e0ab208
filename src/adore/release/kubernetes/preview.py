"""What a release would change on its cluster.

Every object is sent as a dry run, past the real admission webhooks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from adore.errors import AdoreError
from adore.release.kubernetes.client import Cluster, title

__all__ = ["Change", "preview"]

Object = dict[str, Any]
SERVERS_OWN = (
    "creationTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "uid",
    "selfLink",
)
"""Metadata that the API server writes."""


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one object.

    Args:
        name: its kind and name.
        action: what would be done.
        text: the fields that change, or the cluster's words of refusal.
    """

    name: str
    action: Literal["create", "change", "keep", "refused"]
    text: str = ""

    def __str__(self) -> str:
        return f"{self.action:<8} {self.name}  {self.text}".rstrip()


def preview(cluster: Cluster, things: list[Object]) -> list[Change]:
    """Compare objects with the cluster, in their order; nothing is stored.

    Args:
        cluster: what the objects are compared with.
        things: objects as they would be applied.

    Returns:
        The changes.
    """
    return [_change(cluster, thing) for thing in things]


def _change(cluster: Cluster, thing: Object) -> Change:
    object_title = title(thing)
    try:
        live_object = cluster.get(thing["kind"], thing["metadata"]["name"])
        applied_object = cluster.apply(thing, dry_run=True)
    except AdoreError as error:
        return Change(object_title, "refused", str(error))
    if live_object is None:
        return Change(object_title, "create")
    changed_paths = _differences(_declared(live_object), _declared(applied_object))
    if not changed_paths:
        return Change(object_title, "keep")
    return Change(object_title, "change", ", ".join(changed_paths))


def _declared(thing: Object) -> Object:
    """An object without what the cluster writes of its own."""
    metadata = {}
    for field_name, field_value in thing["metadata"].items():
        if field_name not in SERVERS_OWN:
            metadata[field_name] = field_value
    declared = {**thing, "metadata": metadata}
    declared.pop("status", None)
    return declared


def _differences(before: Any, after: Any, path: str = "") -> list[str]:
    """Paths of the values that differ, as ``spec.replicas``."""
    if isinstance(before, dict) and isinstance(after, dict):
        differences = []
        for field_name in sorted(before.keys() | after.keys()):
            inner_path = f"{path}.{field_name}" if path else field_name
            differences += _differences(
                before.get(field_name), after.get(field_name), inner_path
            )
        return differences
    if before == after:
        return []
    return [path]
