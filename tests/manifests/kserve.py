"""What a real KServe refuses, as checks of rendered objects;
each names where upstream says so (v0.20.0).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Object = dict[str, Any]

LABEL = 63
RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def kserve_faults(thing: Object) -> Iterator[str]:
    """What its webhooks, its reconcilers or Pod Security have against an object."""
    if thing["kind"] == "InferenceService":
        for rule in (_name, _predictor, _containers, _mode, _scale, _visibility):
            for fault in rule(thing):
                yield f"InferenceService {thing['metadata']['name']}: {fault}"


def _name(service: Object) -> Iterator[str]:
    """reconcilers/raw/raw_kube_reconciler.go createRawURL,
    reconcilers/ingress/domain.go:61: each label of the host
    ``{name}-predictor-{namespace}`` of the default domainTemplate has at most 63
    characters.
    """
    host = f"{service['metadata']['name']}-predictor-{service['metadata']['namespace']}"
    if len(host) > LABEL:
        yield f"host {host} has {len(host)} characters"


def _predictor(service: Object) -> Iterator[str]:
    """pkg/apis/serving/v1beta1/inference_service_validation.go:143, validatePredictor."""
    predictor = service["spec"]["predictor"]
    standard = [
        kind
        for kind in ("model", "sklearn", "onnx", "huggingface")
        if predictor.get(kind, {}).get("name")
    ]
    if standard:
        yield "the 'name' field is not allowed in standard predictor"
    if set(service["spec"]) != {"predictor"}:
        yield (
            f"spec has {sorted(service['spec'])}: a canary splits by replicas, "
            "and keeps no user on one side"
        )


def _mode(service: Object) -> Iterator[str]:
    """pkg/constants/constants.go:
    without the annotation the installation's default counts, Knative as shipped.
    """
    if (
        service["metadata"]["annotations"].get("serving.kserve.io/deploymentMode")
        != "Standard"
    ):
        yield "deploymentMode is not Standard"


def _scale(service: Object) -> Iterator[str]:
    """deployment_reconciler.go: only with autoscalerClass none are the replicas ours;
    otherwise KServe makes an HPA, and inference_service_validation.go wants a target of
    1 to 100 percent for cpu.
    """
    predictor, notes = service["spec"]["predictor"], service["metadata"]["annotations"]
    alone = notes.get("serving.kserve.io/autoscalerClass") == "none"
    if alone != (predictor["minReplicas"] == predictor["maxReplicas"]):
        yield "an autoscaler where there is nothing to scale, or none where there is"
    if not alone and not 1 <= predictor["scaleTarget"] <= 100:
        yield f"scaleTarget == {predictor['scaleTarget']}"


def _visibility(service: Object) -> Iterator[str]:
    """reconcilers/ingress/kube_ingress_reconciler.go, httproute_reconciler.go:
    no public route with this label.
    """
    if (
        service["metadata"]["labels"].get("networking.kserve.io/visibility")
        != "cluster-local"
    ):
        yield "KServe makes it a public route"


def _containers(service: Object) -> Iterator[str]:
    """controller/v1beta1/inferenceservice/utils/utils.go IsMMSPredictor: a model
    without storageUri gets the sidecar ``agent``, which no one here asked for;
    predictor_custom.go: our container has the one name that KServe looks for.
    """
    predictor = service["spec"]["predictor"]
    if "model" in predictor and "storageUri" not in predictor["model"]:
        yield "KServe adds its agent to a model without storageUri"
    for container in predictor.get("containers", []):
        if container["name"] != "kserve-container":
            yield f"container {container['name']} is not the predictor's"
        for key, value in RESTRICTED.items():
            if container["securityContext"].get(key) != value:
                yield f"{container['name']}: {key} == {container['securityContext'].get(key)}"


def storage_uri(service: Object) -> str:
    """The place from which KServe itself loads; empty if it loads nothing."""
    (container,) = service["spec"]["predictor"]["containers"]
    return next(
        (e["value"] for e in container["env"] if e["name"] == "STORAGE_URI"), ""
    )


def initializer_faults(
    service: Object, storage_container: Object | None
) -> Iterator[str]:
    """Whether Pod Security ``restricted`` takes the pod
    with the storage initializer that KServe adds.

    pkg/utils/storage.go CreateInitContainerWithConfig,
    config/storagecontainers/default.yaml: its security context is that of the
    ClusterStorageContainer alone; ``pvc://`` and a model without storageUri have no
    initializer.
    """
    uri = storage_uri(service)
    if not uri or uri.startswith("pvc://"):
        return
    security = (
        (storage_container or {})
        .get("spec", {})
        .get("container", {})
        .get("securityContext", {})
    )
    for key, value in RESTRICTED.items():
        if security.get(key) != value:
            yield f"storage-initializer: {key} == {security.get(key)}"
