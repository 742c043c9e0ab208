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
    name = title(thing)
    try:
        live = cluster.get(thing["kind"], thing["metadata"]["name"])
        after = cluster.apply(thing, dry_run=True)
    except AdoreError as error:
        return Change(name, "refused", str(error))
    if live is None:
        return Change(name, "create")
    paths = _differences(_declared(live), _declared(after))
    if not paths:
        return Change(name, "keep")
    return Change(name, "change", ", ".join(paths))


def _declared(thing: Object) -> Object:
    """An object without what the cluster writes of its own."""
    metadata = {}
    for key, value in thing["metadata"].items():
        if key not in SERVERS_OWN:
            metadata[key] = value
    declared = {**thing, "metadata": metadata}
    declared.pop("status", None)
    return declared


def _differences(before: Any, after: Any, path: str = "") -> list[str]:
    """Paths of the values that differ, as ``spec.replicas``."""
    if isinstance(before, dict) and isinstance(after, dict):
        differences = []
        for key in sorted(before.keys() | after.keys()):
            inner_path = f"{path}.{key}" if path else key
            differences += _differences(before.get(key), after.get(key), inner_path)
        return differences
    if before == after:
        return []
    return [path]
