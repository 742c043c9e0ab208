"""The objects of a release: valid, within our policies,
named so that versions live side by side.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from tests.manifests.kserve import initializer_faults, kserve_faults, storage_uri
from tests.manifests.policies import all_faults
from tests.manifests.schemas import faults
from typer.testing import CliRunner

from adore.cli.main import app
from adore.errors import ConfigError
from adore.release.kubernetes.config import Config, Pool
from adore.release.kubernetes.objects import (
    POD,
    inference_services,
    name_of,
    name_services,
)
from adore.release.kubernetes.records import promote_variant, router_config
from adore.release.kubernetes.releases import read_plan, render

PLAN: dict[str, Any] = {
    "name": "bm25-vs-student",
    "salt": "s",
    "weights": {"control": 0.7, "challenger": 0.3},
    "variants": {
        "control": {
            "version": "bm25-e9cbd9e11ca1",
            "kind": "bm25",
            "uri": "s3://b/r/variants/control",
        },
        "challenger": {
            "version": "student-12638d523f43",
            "kind": "student",
            "uri": "s3://b/r/variants/challenger",
        },
    },
}
NAMED = name_services(Config(), PLAN)
CONFIGS = {
    "default": Config(),
    "alone": Config(route="none", budget=False),
    "kserve loads": Config(
        loader="kserve", storage_container="ours", credentials="adore-s3"
    ),
    "longest namespace": Config(namespace="n" * 36, app="a-shop-with-a-name20"),
    "ingress": Config(
        route="ingress",
        gateway="nginx",
        host="search.example.com",
        credentials="adore-s3",
    ),
    "fixed": Config(
        router=Pool(replicas=2, most=2),
        server=Pool(replicas=3, most=3),
        exposures="s3://b/exposures",
        port=8080,
    ),
}


def one(things: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (match,) = [t for t in things if t["kind"] == kind]
    return match


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_every_object_is_valid_and_keeps_to_the_policies(config: Config) -> None:
    things = render(config, PLAN)
    assert [
        f for t in things for f in (*faults(t), *all_faults(t), *kserve_faults(t))
    ] == []
    for thing in things:
        assert thing["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "adore", (
            thing["kind"]
        )


def test_the_router_has_what_a_roll_out_without_loss_needs() -> None:
    deployment = one(render(Config(), PLAN, 4), "Deployment")
    spec, pod = deployment["spec"], deployment["spec"]["template"]["spec"]
    assert (
        spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
        and "replicas" not in spec
    )
    (container,) = pod["containers"]
    drain = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert 5 <= drain < pod["terminationGracePeriodSeconds"]
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)
    assert {t["topologyKey"] for t in pod["topologySpreadConstraints"]} >= {
        "kubernetes.io/hostname"
    }
    assert pod["volumes"][0]["configMap"]["name"] == "adore-experiment-4"
    assert one(render(CONFIGS["fixed"], PLAN), "Deployment")["spec"]["replicas"] == 2


@pytest.mark.parametrize("threads", [1, 2])
def test_a_server_computes_with_the_threads_that_the_profile_gives(
    threads: int,
) -> None:
    config = Config(server_threads=threads)
    service = inference_services(config, name_services(config, PLAN))[0]
    (container,) = service["spec"]["predictor"]["containers"]
    assert {"name": "OMP_NUM_THREADS", "value": str(threads)} in container["env"]


def test_the_router_finds_what_kserve_makes() -> None:
    config = router_config(Config(namespace="shop", timeout=0.2), NAMED, 3)
    assert (config["timeout"], config["release"]) == (0.2, 3)
    name = NAMED["variants"]["challenger"]["service"]
    assert config["variants"]["challenger"]["url"] == (
        f"http://{name}-predictor.shop.svc/v1/models/{name}:predict"
    )
    assert {s["metadata"]["name"] for s in inference_services(Config(), NAMED)} >= {
        name
    }
    assert (
        ":8080/"
        in router_config(CONFIGS["fixed"], NAMED, 1)["variants"]["control"]["ready"]
    )


def test_what_is_served_under_a_name_never_changes() -> None:
    about = PLAN["variants"]["control"]
    changed = [
        {**about, "uri": "s3://b/elsewhere"},
        {**about, "version": "V_1"},
        {**about, "version": "v-1" * 30},
    ]
    names = {name_of(Config(), "control", one) for one in (about, *changed)}
    pods = [
        {"tag": "2"},
        {"server_threads": 2},
        {"disk": "9Gi"},
        {"credentials": "s"},
        {"loader": "kserve"},
    ]
    names |= {name_of(Config(**one), "control", about) for one in pods}
    names |= {
        name_of(Config(), "challenger", about),
        name_of(Config(app="shop"), "control", about),
    }
    assert len(names) == 11
    assert all(
        re.fullmatch("(adore|shop)-[a-z]+-[-a-z0-9]+-[0-9a-f]{6}", n) and len(n) <= 52
        for n in names
    )


@pytest.mark.parametrize("change", [{"replicas": 3}, {"most": 9}, {"target": 50}])
def test_more_pods_are_the_same_service(change: dict[str, int]) -> None:
    about, config = PLAN["variants"]["control"], Config(server=Pool(**change))
    assert name_of(config, "control", about) == NAMED["variants"]["control"]["service"]
    (before, _), (after, _) = (
        inference_services(Config(), NAMED),
        inference_services(config, NAMED),
    )
    assert (
        before != after
        and before["metadata"]["annotations"][POD]
        == after["metadata"]["annotations"][POD]
    )


def test_a_name_fits_the_host_that_kserve_makes_of_it() -> None:
    for length in (1, 8, 14, 36):
        config = Config(namespace="n" * length, app="a-shop-with-a-name20")
        plan = name_services(config, PLAN)
        for service in inference_services(config, plan):
            assert list(kserve_faults(service)) == []
    with pytest.raises(
        ValidationError, match="namespace has 37 characters, must have at most 36"
    ):
        Config(namespace="n" * 37)


def test_two_apps_with_the_longest_names_do_not_share_a_service() -> None:
    apps = [f"a-shop-with-a-name2{n}" for n in range(2)]
    names = [
        name_services(Config(namespace="n" * 36, app=app), PLAN)["variants"]["control"][
            "service"
        ]
        for app in apps
    ]
    assert len(set(names)) == 2


def test_without_room_for_more_pods_there_is_no_autoscaler() -> None:
    (fixed, _), (free, _) = (
        inference_services(CONFIGS[k], NAMED) for k in ("fixed", "default")
    )
    key = "serving.kserve.io/autoscalerClass"
    assert (
        fixed["metadata"]["annotations"][key] == "none"
        and key not in free["metadata"]["annotations"]
    )
    assert (
        "scaleMetric" not in fixed["spec"]["predictor"]
        and free["spec"]["predictor"]["scaleTarget"] == 70
    )


def test_servers_and_router_each_have_their_budget() -> None:
    things = render(Config(), PLAN)
    budgets = {
        t["metadata"]["name"]: t["spec"]
        for t in things
        if t["kind"] == "PodDisruptionBudget"
    }
    services = [
        t["metadata"]["name"] for t in things if t["kind"] == "InferenceService"
    ]
    assert set(budgets) == {*services, "adore-router"}
    for name in services:
        assert budgets[name]["selector"] == {
            "matchLabels": {"serving.kserve.io/inferenceservice": name}
        }
    assert not [
        t
        for t in render(Config(budget=False), PLAN)
        if t["kind"] == "PodDisruptionBudget"
    ]


def test_the_server_loads_its_model_or_kserve_does() -> None:
    ours, theirs = Config(credentials="adore-s3"), CONFIGS["kserve loads"]
    (own, _), (other, _) = (
        inference_services(c, name_services(c, PLAN)) for c in (ours, theirs)
    )
    uri = PLAN["variants"]["control"]["uri"]
    (server,), (plain,) = (s["spec"]["predictor"]["containers"] for s in (own, other))
    assert server["args"][0] == f"--model={uri}" and storage_uri(own) == ""
    assert server["envFrom"] == [{"secretRef": {"name": "adore-s3"}}]
    assert (
        plain["args"][0] == "--model=/mnt/models"
        and storage_uri(other) == uri
        and "envFrom" not in plain
    )
    assert other["spec"]["predictor"]["storageContainerName"] == "ours"
    assert (
        list(initializer_faults(own, None)) == []
        and len(list(initializer_faults(other, None))) == 2
    )
    with pytest.raises(ValidationError, match="storage_container needs loader kserve"):
        Config(storage_container="ours")


def test_a_claim_is_mounted_by_kserve_whoever_loads() -> None:
    plan = {
        **PLAN,
        "variants": {
            "control": {**PLAN["variants"]["control"], "uri": "pvc://data/r/control"}
        },
    }
    (service,) = inference_services(Config(), name_services(Config(), plan))
    assert (
        storage_uri(service) == "pvc://data/r/control"
        and list(initializer_faults(service, None)) == []
    )


def test_an_experiment_that_no_review_can_read_is_warned_of(
    capsys: pytest.CaptureFixture[str],
) -> None:
    name_services(Config(), promote_variant(NAMED, "challenger"))
    name_services(CONFIGS["fixed"], PLAN)
    assert capsys.readouterr().err == ""
    name_services(Config(), PLAN)
    assert "WARNING: kubernetes.exposures is empty" in capsys.readouterr().err


def test_promotion_gives_the_challengers_model_to_all() -> None:
    plan = promote_variant(NAMED, "challenger")
    assert (
        plan["weights"] == {"control": 1.0}
        and plan["variants"]["control"] == PLAN["variants"]["challenger"]
    )
    with pytest.raises(ConfigError, match="variant == 'x', must be one of"):
        promote_variant(PLAN, "x")


def test_a_plan_is_read_from_a_release_that_the_cluster_can_read(
    shop_release: Path,
) -> None:
    claimed = Config(claim=f"data:{shop_release.parent}")
    plan = read_plan(claimed, str(shop_release))
    assert (
        plan["variants"]["control"]["uri"]
        == f"pvc://data/{shop_release.name}/variants/control"
    )
    assert (
        plan["weights"]
        == json.loads((shop_release / "experiment.json").read_text())["weights"]
    )
    with pytest.raises(ConfigError, match=r"release == .* must be an s3:// place"):
        read_plan(Config(), str(shop_release))


def test_a_tag_that_moves_is_refused() -> None:
    with pytest.raises(ValidationError, match="must name one build"):
        Config(tag="latest")


def test_a_dry_run_prints_every_object_and_needs_no_cluster(
    shop_release: Path, tmp_path: Path
) -> None:
    (tmp_path / "shop.yaml").write_text(
        f'kubernetes: {{claim: "data:{shop_release.parent}", tag: "7"}}'
    )
    words = [
        "release",
        "apply",
        str(shop_release),
        "--dry-run",
        "--profile",
        str(tmp_path / "shop.yaml"),
    ]
    done = CliRunner().invoke(app, [*words, "--namespace", "shop"])
    assert done.exit_code == 0, done.output
    things = list(yaml.safe_load_all(done.stdout))
    assert {t["metadata"]["namespace"] for t in things} == {"shop"}
    kinds = [t["kind"] for t in things]
    assert (
        kinds.count("InferenceService") == 2
        and kinds.count("PodDisruptionBudget") == 3
        and "HTTPRoute" in kinds
    )
    assert "adore/router:7" in done.output
