"""Previews the changes of a release on its cluster.

Every object is sent as a dry run, so the cluster's admission webhooks are applied too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from adore.errors import AdoreError
from adore.release.kubernetes.client import Cluster, title
from adore.release.kubernetes.objects import Object

__all__ = ["Change", "preview"]

SERVERS_OWN = (
    "creationTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "uid",
    "selfLink",
)
"""Metadata that the API server sets."""


@dataclass(frozen=True, slots=True)
class Change:
    """Planned change of one object.

    Args:
        name: kind and name of the object.
        action: what would be done.
        text: the fields that change, or why the cluster refuses the object.
    """

    name: str
    action: Literal["create", "change", "keep", "refused"]
    text: str = ""

    def __str__(self) -> str:
        return f"{self.action:<8} {self.name}  {self.text}".rstrip()


def preview(cluster: Cluster, things: list[Object]) -> list[Change]:
    """Compare objects with the cluster, in order; nothing is stored.

    Args:
        cluster: the cluster with the current objects.
        things: objects as they would be applied.

    Returns:
        One change per object.
    """
    return [_change(cluster, thing) for thing in things]


def _change(cluster: Cluster, thing: Object) -> Change:
    object_title = title(thing)
    try:
        live_object = cluster.get(thing["kind"], thing["metadata"]["name"])
        # A dry run fills in the cluster's defaults, so that they do not look like changes.
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
    """Copy an object without the fields that the cluster sets."""
    metadata = {}
    for field_name, field_value in thing["metadata"].items():
        if field_name not in SERVERS_OWN:
            metadata[field_name] = field_value
    declared = {**thing, "metadata": metadata}
    declared.pop("status", None)
    return declared


def _differences(before: Any, after: Any, path: str = "") -> list[str]:
    """List paths of values that differ, such as ``spec.replicas``."""
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
