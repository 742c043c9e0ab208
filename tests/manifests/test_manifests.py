"""The rendered overlays: valid, within our policies, as the golden files say;
alarms on metrics that exist.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.manifests.policies import all_faults
from tests.manifests.schemas import faults
from tests.release.test_objects import PLAN

from adore.pipeline.kubeflow.trainjob import ACCOUNT
from adore.release.kubernetes.config import Config
from adore.release.kubernetes.objects import KINDS
from adore.release.kubernetes.releases import render
from adore.serving.exposure import Shipper
from adore.serving.metrics import Metrics

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
OVERLAYS = ("kind", "cpu", "gpu")
MONITORING = ROOT / "manifests" / "components" / "monitoring"


@cache
def rendered(overlay: str) -> str:
    if not shutil.which("kubectl"):
        pytest.skip("SKIPPED manifests: no kubectl on this machine")
    command = ["kubectl", "kustomize", str(ROOT / "manifests" / "overlays" / overlay)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def things(overlay: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(rendered(overlay)))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_is_valid_and_keeps_to_the_policies(overlay: str) -> None:
    found = things(overlay)
    assert [f for t in found for f in (*faults(t), *all_faults(t))] == []
    unscoped = {"Namespace", "PriorityClass"}
    assert {
        t["metadata"].get("namespace") for t in found if t["kind"] not in unscoped
    } == {"adore"}


@pytest.mark.parametrize("overlay", [*OVERLAYS, "release"])
def test_an_overlay_is_what_its_golden_file_says(overlay: str) -> None:
    text = (
        yaml.safe_dump_all(render(Config(), PLAN), sort_keys=False)
        if overlay == "release"
        else rendered(overlay)
    )
    assert text == (GOLDEN / f"{overlay}.yaml").read_text("utf-8"), (
        "if wanted: make golden"
    )


def test_pod_security_is_restricted_and_the_network_closed() -> None:
    found = things("cpu")
    (space,) = [t for t in found if t["kind"] == "Namespace"]
    assert (
        space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        == "restricted"
    )
    policies = {
        t["metadata"]["name"]: t["spec"] for t in found if t["kind"] == "NetworkPolicy"
    }
    assert policies["default-deny"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }
    assert "169.254.169.254/32" in str(policies["storage"])


@pytest.mark.parametrize("prefix", ["adore", "shop2"])
def test_the_network_and_the_monitor_know_the_router_of_every_app(prefix: str) -> None:
    found, made = things("cpu"), render(Config(app=prefix), PLAN)
    policies = {
        t["metadata"]["name"]: t["spec"] for t in found if t["kind"] == "NetworkPolicy"
    }
    (monitor,) = [t["spec"] for t in found if t["kind"] == "ServiceMonitor"]
    (deployment,), (service,) = (
        [t for t in made if t["kind"] == kind] for kind in ("Deployment", "Service")
    )
    pod, tags = (
        deployment["spec"]["template"]["metadata"]["labels"],
        service["metadata"]["labels"],
    )
    (caller, _) = policies["servers"]["ingress"][0]["from"]
    for one in (policies["router"]["podSelector"], caller["podSelector"]):
        assert one["matchLabels"].items() <= pod.items()
    assert monitor["selector"]["matchLabels"].items() <= tags.items() and set(
        monitor["targetLabels"]
    ) <= set(tags)


@pytest.mark.parametrize(
    "name", sorted(p.name for p in (ROOT / "manifests" / "components").iterdir())
)
def test_a_component_alone_gives_valid_objects(name: str, tmp_path: Path) -> None:
    if not shutil.which("kubectl"):
        pytest.skip("SKIPPED manifests: no kubectl on this machine")
    home = os.path.relpath(ROOT / "manifests", tmp_path)
    components = [
        f"{home}/components/{one}"
        for one in (["quota"] if name == "gpu" else []) + [name]
    ]
    wanted = {
        "namespace": "shop",
        "resources": [f"{home}/base"],
        "components": components,
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(wanted))
    command = [
        "kubectl",
        "kustomize",
        "--load-restrictor=LoadRestrictionsNone",
        str(tmp_path),
    ]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    objects = list(yaml.safe_load_all(text))
    assert objects and [f for t in objects for f in (*faults(t), *all_faults(t))] == []


def test_the_release_role_allows_what_a_release_does_and_no_more() -> None:
    (role,) = [
        t
        for t in things("cpu")
        if t["kind"] == "Role" and t["metadata"]["name"] == "adore-release"
    ]
    allowed = {
        (group, r)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for r in rule["resources"]
    }
    needed = {
        (v.rpartition("/")[0] if "/" in v else "", plural)
        for v, plural in KINDS.values()
    }
    assert allowed == needed | {("", "pods/log")}
    bindings = [t for t in things("cpu") if t["kind"] == "RoleBinding"]
    assert [s["name"] for b in bindings for s in b["subjects"]] == [
        "adore-pipeline"
    ] * len(bindings)
    accounts = [t for t in things("cpu") if t["kind"] == "ServiceAccount"]
    tokens = {
        t["metadata"]["name"]: t.get("automountServiceAccountToken") for t in accounts
    }
    assert tokens["adore-router"] is False and tokens["adore-server"] is False


def test_the_train_role_allows_what_a_launcher_does_and_its_nodes_reach_only_each_other() -> (
    None
):
    found = things("gpu")
    (role,) = [
        t
        for t in found
        if t["kind"] == "Role" and t["metadata"]["name"] == "adore-train"
    ]
    allowed = {
        (r, tuple(rule["verbs"])) for rule in role["rules"] for r in rule["resources"]
    }
    assert allowed == {
        ("trainjobs", ("get", "create", "patch", "delete")),
        ("pods", ("list",)),
        ("pods/log", ("get",)),
    }
    (account,) = [
        t
        for t in found
        if t["kind"] == "ServiceAccount" and t["metadata"]["name"] == ACCOUNT
    ]
    assert account["automountServiceAccountToken"] is False
    (policy,) = [
        t["spec"]
        for t in found
        if t["kind"] == "NetworkPolicy" and t["metadata"]["name"] == "training"
    ]
    ours = [{"podSelector": policy["podSelector"]}]
    assert policy["ingress"] == [{"from": ours}] and policy["egress"] == [{"to": ours}]
    assert "trainer.kubeflow.org" not in rendered("cpu")


def test_the_account_of_an_installation_for_one_user_has_our_roles_alone_and_reads_no_secret() -> (
    None
):
    found = list(
        yaml.safe_load_all((ROOT / "manifests" / "standalone.yaml").read_text("utf-8"))
    )
    assert [f for t in found for f in (*faults(t), *all_faults(t))] == []
    assert [t["roleRef"]["name"] for t in found if t["kind"] == "RoleBinding"] == [
        "adore-steps",
        "adore-release",
    ]
    (role,) = [t for t in found if t["kind"] == "Role"]
    assert not any(
        {"secrets", "*"} & {*rule["resources"], *rule["verbs"]}
        for rule in role["rules"]
    )


def test_quota_has_room_for_two_releases() -> None:
    (quota,) = [
        t["spec"]["hard"] for t in things("cpu") if t["kind"] == "ResourceQuota"
    ]
    config = Config()
    pods = 4 * config.server.replicas + 2 * config.router.replicas
    assert pods < int(quota["pods"])
    assert 4 * config.server.replicas * float(config.server.cpu) < float(
        quota["requests.cpu"]
    )
    (cards,) = [
        t["spec"]["hard"] for t in things("gpu") if t["kind"] == "ResourceQuota"
    ]
    assert cards.items() - quota.items() == {("requests.nvidia.com/gpu", "4")}


def used(text: str) -> set[str]:
    return set(re.findall(r"adore_[a-z_]+", text))


@pytest.mark.parametrize("name", ["alerts.yaml", "adore.json"])
def test_alarms_and_dashboard_name_metrics_that_the_router_exports(name: str) -> None:
    metrics = Metrics(["control"], [], Shipper({}, ""))
    metrics.answered("control", "control", matches=True)
    metrics.seconds.labels("control").observe(0.1)
    exported = {s.name for family in metrics.registry.collect() for s in family.samples}
    assert used((MONITORING / name).read_text("utf-8")) <= exported


def test_alarms_cover_what_they_must_and_each_has_its_page() -> None:
    spec = yaml.safe_load((MONITORING / "alerts.yaml").read_text("utf-8"))["spec"]
    rules = spec["groups"][0]["rules"]
    experiment = {
        "AdoreMismatch",
        "AdoreDegraded",
        "AdoreExposureBacklog",
        "AdoreExposuresLost",
    }
    assert {r["alert"] for r in rules} >= {*experiment, "AdoreLatency"}
    guide = (ROOT / "docs" / "operations.md").read_text("utf-8").lower()
    for rule in rules:
        assert f"## {rule['alert'].lower()}" in guide and rule["annotations"][
            "runbook"
        ].endswith(rule["alert"].lower())


def test_the_dashboard_is_one_that_grafana_reads() -> None:
    board = json.loads((MONITORING / "adore.json").read_text("utf-8"))
    assert (
        board["uid"] == "adore"
        and len({p["id"] for p in board["panels"]}) == len(board["panels"]) >= 5
    )
    assert all(t["expr"] for p in board["panels"] for t in p["targets"])


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"securityContext": {}}, "allowPrivilegeEscalation"),
        ({"image": "adore/router:latest"}, "is not fixed"),
        ({"image": "adore/router"}, "is not fixed"),
        ({"resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}, "limits lacks"),
        ({"env": [{"name": "AWS_SECRET_ACCESS_KEY", "value": "abc"}]}, "holds a value"),
    ],
)
def test_the_policies_see_a_fault(change: dict[str, Any], word: str) -> None:
    (deployment,) = [t for t in render(Config(), PLAN) if t["kind"] == "Deployment"]
    deployment["spec"]["template"]["spec"]["containers"][0] |= change
    assert any(word in fault for fault in all_faults(deployment))


def test_the_policies_see_wide_rights() -> None:
    rule = {"apiGroups": ["*"], "resources": ["secrets"], "verbs": ["get", "escalate"]}
    thing = {"kind": "Role", "metadata": {"name": "x"}, "rules": [rule]}
    assert len(all_faults(thing)) == 3
    bound = {"kind": "ClusterRoleBinding", "metadata": {"name": "x"}}
    assert all_faults(bound) == ["ClusterRoleBinding x reaches beyond its namespace"]
