"""A stand-in for KServe's controller, for tests on a cluster that has none. It is not KServe.

For each InferenceService of one namespace it makes the Deployment and the Service that Standard mode makes, under the
same names, from the ServingRuntime that the InferenceService names, with an init container that loads the model from
S3; and it writes the status. It knows no canary, no autoscaling and no Knative.
"""

from __future__ import annotations

import json
import threading
from typing import Any

from kubernetes import client

Object = dict[str, Any]
GROUP = ("serving.kserve.io", "v1beta1")
LOAD = """
import pathlib, shutil, sys
from adore.storage import local_copy
for path in local_copy(sys.argv[1]).iterdir():
    shutil.copyfile(path, pathlib.Path("/mnt/models") / path.name)
"""


def deployment(service: Object, runtime: Object, secret: str) -> Object:
    """What Standard mode makes of both."""
    name, predictor = service["metadata"]["name"], service["spec"]["predictor"]
    if "canary" in service["spec"]:
        raise NotImplementedError("the stand-in knows no canary")
    model = predictor["model"]
    (container,) = json.loads(json.dumps(runtime["spec"]["containers"]).replace("{{.Name}}", name))
    container["args"] += model.get("args", [])
    models = {"name": "models", "mountPath": "/mnt/models"}
    mounts = container["volumeMounts"]
    container["volumeMounts"] = [*mounts, {**models, "readOnly": True}]
    load = {
        "name": "storage-initializer",
        "image": container["image"],
        "command": ["python3", "-c", LOAD, model["storageUri"]],
        "envFrom": [{"secretRef": {"name": secret}}],
        "securityContext": container["securityContext"],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": container["resources"],
        "volumeMounts": [*mounts, models],
    }
    tags = {"app": f"isvc.{name}-predictor", "serving.kserve.io/inferenceservice": name}
    keys = ("serviceAccountName", "automountServiceAccountToken", "securityContext", "terminationGracePeriodSeconds")
    pod = {k: predictor[k] for k in keys}
    pod["initContainers"], pod["containers"] = [load], [container]
    pod["volumes"] = [*runtime["spec"]["volumes"], {"name": "models", "emptyDir": {}}]
    spec = {
        "replicas": predictor["minReplicas"],
        "strategy": predictor["deploymentStrategy"],
        "selector": {"matchLabels": {"app": tags["app"]}},
        "template": {"metadata": {"labels": service["metadata"]["labels"] | tags}, "spec": pod},
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": _meta(service, tags), "spec": spec}


def _meta(service: Object, tags: dict[str, str]) -> Object:
    about = service["metadata"]
    owner = {
        "apiVersion": "/".join(GROUP),
        "kind": "InferenceService",
        "name": about["name"],
        "uid": about["uid"],
        "controller": True,
    }
    labels = {k: v for k, v in about["labels"].items() if not k.startswith("app.kubernetes.io/")} | tags
    return {"name": f"{about['name']}-predictor", "labels": labels, "ownerReferences": [owner]}


def _service(service: Object) -> Object:
    name = service["metadata"]["name"]
    ports = [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]
    spec = {"selector": {"app": f"isvc.{name}-predictor"}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": _meta(service, {}), "spec": spec}


class StandIn:
    """Reconciles until stopped; use as a context manager."""

    def __init__(self, api: Any, namespace: str, secret: str) -> None:
        self.api, self.namespace, self.secret = api, namespace, secret
        self.custom = client.CustomObjectsApi(api)
        self.errors: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> StandIn:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.5):
            found = self.custom.list_namespaced_custom_object(*GROUP, self.namespace, "inferenceservices")
            for service in found["items"]:
                try:
                    self._reconcile(service)
                except client.ApiException as error:
                    if error.status not in (404, 409):  # deleted meanwhile
                        self.errors.append(f"{service['metadata']['name']}: {error.status} {error.body}")

    def _apply(self, path: str, body: Object) -> Object:
        headers = {"Content-Type": "application/apply-patch+yaml", "Accept": "application/json"}
        query = [("fieldManager", "stand-in-kserve"), ("force", "true")]
        path = f"{path}/{body['metadata']['name']}"
        kind = {"body": body, "response_type": "object", "auth_settings": ["BearerToken"]}
        done = self.api.call_api(path, "PATCH", query_params=query, header_params=headers, **kind)
        return dict(done[0])

    def _reconcile(self, service: Object) -> None:
        about, runtimes = service["metadata"], ("serving.kserve.io", "v1alpha1", self.namespace, "servingruntimes")
        runtime = self.custom.get_namespaced_custom_object(*runtimes, service["spec"]["predictor"]["model"]["runtime"])
        self._apply(f"/api/v1/namespaces/{self.namespace}/services", _service(service))
        made = deployment(service, runtime, self.secret)
        live = self._apply(f"/apis/apps/v1/namespaces/{self.namespace}/deployments", made)
        status, want = live.get("status", {}), live["spec"]["replicas"]
        current = status.get("observedGeneration", 0) >= live["metadata"]["generation"]
        counts = [status.get(k, 0) for k in ("updatedReplicas", "replicas", "availableReplicas")]
        ready = "True" if current and counts == [want] * 3 else "False"
        conditions = [{"type": t, "status": ready} for t in ("PredictorReady", "Ready")]
        url = f"http://{about['name']}-predictor.{self.namespace}.svc.cluster.local"
        fresh = {"observedGeneration": about["generation"], "conditions": conditions, "address": {"url": url}}
        old = service.get("status", {})
        if {k: old.get(k) for k in fresh} != fresh:
            parts = (*GROUP, self.namespace, "inferenceservices", about["name"])
            self.custom.patch_namespaced_custom_object_status(*parts, {"status": fresh})
