"""A stand-in for the part of the Kubernetes API that a release uses.

Its objects are in memory, and ready unless a test breaks them.
"""

from __future__ import annotations

from typing import Any

import yaml
from tests.kubeflow.trainer import StandIn

Object = dict[str, Any]
READY = {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]}
TWO_UP = {
    "observedGeneration": 1,
    "updatedReplicas": 2,
    "replicas": 2,
    "availableReplicas": 2,
}
UP = {
    "observedGeneration": 1,
    "updatedReplicas": 1,
    "replicas": 1,
    "availableReplicas": 1,
}


class Killed(BaseException):
    """Ends a release as a kill does: nothing is cleared up."""


class ApiServer(StandIn):
    """Objects by plural and name. It merges what it is sent, so it knows no field managers."""

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[tuple[str, str], Object] = {}
        self.broken = ""
        """Part of the name of InferenceServices that never become ready."""

    def names(self, plural: str) -> set[str]:
        return {name for kind, name in self.objects if kind == plural}

    def answer(
        self, method: str, path: str, query: dict[str, list[str]], body: object
    ) -> tuple[int, Any]:
        plural, _, name = path.partition("/namespaces/adore/")[2].partition("/")
        if plural == "events":
            return 200, {"items": []}
        if not name:
            wanted = dict(
                part.split("=") for part in query["labelSelector"][0].split(",")
            )
            of_kind = [o for (p, _), o in self.objects.items() if p == plural]
            return 200, {
                "items": [
                    o
                    for o in of_kind
                    if wanted.items() <= o["metadata"]["labels"].items()
                ]
            }
        old = self.objects.get((plural, name))
        if method == "PATCH":
            return self.patch(plural, name, old, yaml.safe_load(body))  # type: ignore[call-overload]
        if old is None:
            return 404, {"message": "no such object"}
        return 200, self.objects.pop((plural, name)) if method == "DELETE" else old

    def patch(
        self, plural: str, name: str, old: Object | None, new: Object
    ) -> tuple[int, Any]:
        if old is None and "kind" not in new:
            return 404, {"message": "nothing to merge into"}
        if old and "data" in new and new["data"] != old["data"]:
            return 422, {"message": "data is immutable"}
        had = (old or {"metadata": {}})["metadata"].get("annotations") or {}
        notes = {"annotations": had | new["metadata"].get("annotations", {})}
        whole = {
            **(old or {}),
            **new,
            "metadata": {**(old or new)["metadata"], **new["metadata"], **notes},
        }
        replicas = 0 if self.broken and self.broken in name else 1
        if plural in ("inferenceservices", "deployments"):
            whole["status"] = (
                (READY if plural == "inferenceservices" else UP) if replicas else {}
            )
        self.objects[plural, name] = whole
        if plural == "inferenceservices":
            self.objects["deployments", f"{name}-predictor"] = _predictor(
                whole, TWO_UP if replicas else {}
            )
        return 200, whole


def _predictor(service: Object, status: Object) -> Object:
    """The Deployment that KServe makes of a service:
    the service's annotations stand on its pods.
    """
    tags = {"serving.kserve.io/inferenceservice": service["metadata"]["name"]}
    meta = {
        "name": f"{service['metadata']['name']}-predictor",
        "labels": tags,
        "generation": 1,
    }
    template = {
        "metadata": {"labels": tags, "annotations": service["metadata"]["annotations"]}
    }
    spec = {"selector": {"matchLabels": tags}, "template": template}
    return {"kind": "Deployment", "metadata": meta, "spec": spec, "status": status}
