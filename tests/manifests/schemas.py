"""Every object against its schema:
Kubernetes' own by kubernetes-validate, the CRDs from ../shared/schemas.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

SCHEMAS = Path(__file__).parents[2].parent / "shared" / "schemas"
VERSION = "1.32"
Object = dict[str, Any]


def _closed(schema: Any) -> Any:
    """The schema with unknown keys refused, as the API server's strict validation refuses them."""
    if isinstance(schema, list):
        return [_closed(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    out = {k: _closed(v) for k, v in schema.items() if k != "x-kubernetes-validations"}
    if "properties" in out and not out.get("x-kubernetes-preserve-unknown-fields"):
        out.setdefault("additionalProperties", False)
    return out


@cache
def crd_schemas() -> dict[tuple[str, str], Object]:
    """``(apiVersion, kind)`` to schema, of the CRDs that are there."""
    found = {}
    for path in sorted(SCHEMAS.glob("*.yaml")):
        for crd in yaml.safe_load_all(path.read_text("utf-8")):
            group, kind = crd["spec"]["group"], crd["spec"]["names"]["kind"]
            for version in crd["spec"]["versions"]:
                schema = _closed(version["schema"]["openAPIV3Schema"])
                schema["properties"]["metadata"] = {"type": "object"}
                found[f"{group}/{version['name']}", kind] = schema
    return found


KNOWN_ELSEWHERE = {"ServiceMonitor", "PrometheusRule", "Gateway"}
"""CRDs without a schema file here; their own tests look at what matters in them."""


def faults(thing: Object) -> Iterator[str]:
    """What a schema has against an object;
    skips, by name, where the CRDs' schemas are not there.
    """
    kind, version = thing["kind"], thing["apiVersion"]
    if kind in KNOWN_ELSEWHERE:
        return
    if ".kserve.io/" in version or version.startswith(("gateway.", "trainer.")):
        if (version, kind) not in crd_schemas():
            pytest.skip(f"SKIPPED {kind}: no schema of its CRD in {SCHEMAS}")
        schema = crd_schemas()[version, kind]
        for error in jsonschema.Draft7Validator(schema).iter_errors(thing):
            yield f"{kind} {thing['metadata']['name']} {error.json_path}: {error.message[:200]}"
        return
    import kubernetes_validate

    try:
        kubernetes_validate.validate(thing, VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        yield f"{kind} {thing['metadata']['name']} {error.path}: {error.message[:200]}"
