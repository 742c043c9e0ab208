"""``adore doctor --cluster`` and ``adore release apply --plan`` on a healthy cluster
and on each kind of broken one.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import SMALL, impersonate, kubectl, settings, shop_namespace
from typer.testing import CliRunner

from adore.cli.main import app
from adore.pipeline.doctor.cluster import examine_cluster
from adore.pipeline.doctor.finding import Finding
from adore.pipeline.kubeflow.placement import Config as Placement
from adore.pipeline.kubeflow.placement import Gpu
from adore.release.kubernetes.client import Cluster
from adore.release.kubernetes.config import Config, Pool
from adore.release.kubernetes.releases import read_plan
from adore.release.kubernetes.target import KubernetesTarget

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def shop(
    store: dict[str, str], host: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Config]:
    """A namespace with nothing released."""
    name = f"adore-{uuid.uuid4().hex[:6]}"
    with shop_namespace(name, store, host, tmp_path_factory.mktemp("doctor")) as space:
        yield settings(space)


def look(
    config: Config,
    api: Any = None,
    *,
    reach: bool = False,
    placement: Placement | None = None,
) -> dict[str, Finding]:
    found = examine_cluster(config, placement or Placement(), api, reach=reach)
    return {finding.name: finding for finding in found}


def bad(found: dict[str, Finding]) -> dict[str, str]:
    return {f.name: f.text for f in found.values() if f.needed and not f.ok}


def test_a_healthy_cluster(shop: Config, api: Any) -> None:
    found = look(shop, api, reach=True)
    assert bad(found) == {}
    assert {
        "router: names",
        "router: store",
        "router: write",
        "server: store",
        "step: address",
    } <= set(found)
    assert found["a whole release"].text.startswith("all ") and found[
        "names"
    ].text.startswith("longest DNS label")
    left = kubectl(
        "-n", shop.namespace, "get", "pods", "-l", "adore.dev/doctor", "-o", "name"
    ).split()
    gone = [
        p
        for p in left
        if "deletionTimestamp" in kubectl("-n", shop.namespace, "get", p, "-o", "yaml")
    ]
    assert left == gone


def test_an_account_without_rights(shop: Config) -> None:
    found = look(shop, impersonate("adore-router", shop.namespace), reach=True)
    assert "bind the Role adore-release" in bad(found)["rights"]
    assert not found["reach"].ok and "may not create pods" in found["reach"].text
    fine = look(shop, impersonate("adore-pipeline", shop.namespace))
    assert fine["rights"].ok and fine["a whole release"].ok


def test_gpus_that_are_not_there(shop: Config, api: Any) -> None:
    cards = Placement(gpu=Gpu(stages=("judge",), node_selector={"pool": "gpu"}))
    assert "GPUs" in bad(look(shop, api, placement=cards))


def test_an_image_that_the_nodes_do_not_have(shop: Config, api: Any) -> None:
    found = bad(look(Config(**{**shop.model_dump(), "tag": "nope"}), api, reach=True))
    assert (
        "router:nope" in found["router: its pod"]
        and "server:nope" in found["server: its pod"]
    )


def test_a_secret_that_is_missing(shop: Config, api: Any) -> None:
    found = bad(
        look(
            Config(**{**shop.model_dump(), "credentials": "none-such"}), api, reach=True
        )
    )
    assert (
        "no Secret none-such" in found["credentials"]
        and "none-such" in found["router: its pod"]
    )


def test_an_autoscaler_without_figures(shop: Config, api: Any) -> None:
    from adore.errors import AdoreError

    try:
        Cluster(shop, api).request("GET", "/apis/metrics.k8s.io/v1beta1", "metrics")
        pytest.skip("SKIPPED autoscaling: this cluster has a metrics server")
    except AdoreError:
        wide = Config(
            **{**shop.model_dump(), "server": Pool(replicas=1, most=3, **SMALL)}
        )
    assert "install metrics-server" in bad(look(wide, api))["autoscaling"]


@pytest.mark.parametrize(
    ("policy", "check", "word"),
    [
        ("dns", "router: names", "dns-openshift"),
        ("test-store", "server: store", "storage-inside"),
    ],
)
def test_a_policy_that_closes_a_way(
    shop: Config, api: Any, policy: str, check: str, word: str
) -> None:
    text = kubectl("-n", shop.namespace, "get", "networkpolicy", policy, "-o", "json")
    kubectl("-n", shop.namespace, "delete", "networkpolicy", policy)
    try:
        assert word in bad(look(shop, api, reach=True))[check]
    finally:
        kubectl("-n", shop.namespace, "create", "-f", "-", stdin=_fresh(text))


def _fresh(text: str) -> str:
    import json

    thing = json.loads(text)
    thing["metadata"] = {"name": thing["metadata"]["name"]}
    return json.dumps(thing)


def test_pod_security_and_kserves_own_container(shop: Config, api: Any) -> None:
    security = kubectl(
        "get",
        "clusterstoragecontainer",
        "default",
        "-o",
        "jsonpath={.spec.container.securityContext}",
    )
    if security:
        pytest.skip(
            "SKIPPED Pod Security: this installation gives KServe's storage "
            "initializer a security context"
        )
    found = bad(look(Config(**{**shop.model_dump(), "loader": "kserve"}), api))
    assert (
        "violates PodSecurity" in found["pods of the server"]
        and "storage-initializer" in found["pods of the server"]
    )
    missing = Config(
        **{**shop.model_dump(), "loader": "kserve", "storage_container": "none-such"}
    )
    assert (
        "no ClusterStorageContainer 'none-such'"
        in bad(look(missing, api))["model loading"]
    )


def test_a_namespace_that_is_not_there(api: Any) -> None:
    found = bad(look(settings("no-such-namespace"), api))
    assert "adore-router" in found and "a whole release" in found


def test_a_plan_says_what_would_change_and_changes_nothing(
    shop: Config, api: Any, places: list[str], tmp_path: Path
) -> None:
    target = KubernetesTarget(shop, Cluster(shop, api))
    changes = target.preview(read_plan(shop, places[0]))
    assert {c.action for c in changes} == {"create"} and len(changes) > 8
    assert target.releases() == [] and not target.cluster.ours("InferenceService")
    profile = tmp_path / "shop.yaml"
    profile.write_text(
        f"kubernetes: {{credentials: adore-s3, registry: {shop.registry}, tag: '{shop.tag}'}}"
    )
    words = [
        "release",
        "apply",
        places[0],
        "--plan",
        "--profile",
        str(profile),
        "--namespace",
    ]
    fine = CliRunner().invoke(app, [*words, shop.namespace])
    assert (
        fine.exit_code == 0
        and "create   InferenceService adore-control-" in fine.stdout
    )
    refused = CliRunner().invoke(app, [*words, "no-such-namespace"])
    assert refused.exit_code == 1 and "refused" in refused.stdout


def test_a_plan_of_what_is_live_keeps_everything(
    target: KubernetesTarget, config: Config, first: int, api: Any
) -> None:
    live = target.live()
    plan = {
        **live.plan,
        "variants": {k: dict(v) for k, v in live.plan["variants"].items()},
    }
    changes = KubernetesTarget(live.config, Cluster(live.config, api)).preview(plan)
    assert {c.action for c in changes} == {"keep"}, [
        str(c) for c in changes if c.action != "keep"
    ]
    wider = Config(
        **{**live.config.model_dump(), "server": Pool(replicas=2, most=5, **SMALL)}
    )
    actions = {
        c.name.split()[0]: c
        for c in KubernetesTarget(wider, Cluster(wider, api)).preview(plan)
    }
    assert (
        actions["InferenceService"].action == "change"
        and "maxReplicas" in actions["InferenceService"].text
    )
