"""The objects of a release: valid, within our policies, named so that versions live side by side."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from tests.manifests.policies import all_faults
from tests.manifests.schemas import faults
from typer.testing import CliRunner

from adore.cli import app
from adore.errors import ConfigError
from adore.release.kubernetes.config import Config, Pool
from adore.release.kubernetes.objects import inference_services, name_of, named, promoted, router_config, runtime
from adore.release.kubernetes.target import read_plan, render

PLAN: dict[str, Any] = {
    "name": "bm25-vs-student",
    "salt": "s",
    "weights": {"control": 0.7, "challenger": 0.3},
    "variants": {
        "control": {"version": "bm25-e9cbd9e11ca1", "kind": "bm25", "uri": "s3://b/r/variants/control"},
        "challenger": {"version": "student-12638d523f43", "kind": "student", "uri": "s3://b/r/variants/challenger"},
    },
}
NAMED = named(Config(), PLAN)
CONFIGS = {
    "default": Config(),
    "knative": Config(mode="Knative", route="none"),
    "ingress": Config(route="ingress", gateway="nginx", host="search.example.com", credentials="adore-s3"),
    "fixed": Config(router=Pool(replicas=2, most=2), budget=False, exposures="s3://b/exposures", port=8080),
}


def one(things: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = [t for t in things if t["kind"] == kind]
    return found


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_every_object_is_valid_and_keeps_to_the_policies(config: Config) -> None:
    things = render(config, PLAN)
    assert [f for t in things for f in (*faults(t), *all_faults(t))] == []
    for thing in things:
        assert thing["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "adore", thing["kind"]


def test_the_router_has_what_a_roll_out_without_loss_needs() -> None:
    deployment = one(render(Config(), PLAN, 4), "Deployment")
    spec, pod = deployment["spec"], deployment["spec"]["template"]["spec"]
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0 and "replicas" not in spec
    (container,) = pod["containers"]
    drain = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert 5 <= drain < pod["terminationGracePeriodSeconds"]
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)
    assert {t["topologyKey"] for t in pod["topologySpreadConstraints"]} >= {"kubernetes.io/hostname"}
    assert pod["volumes"][0]["configMap"]["name"] == "adore-experiment-4"
    assert one(render(CONFIGS["fixed"], PLAN), "Deployment")["spec"]["replicas"] == 2


@pytest.mark.parametrize("threads", [1, 2])
def test_a_server_computes_with_the_threads_that_the_profile_gives(threads: int) -> None:
    made = runtime(Config(server_threads=threads))
    (container,) = made["spec"]["containers"]
    assert {"name": "OMP_NUM_THREADS", "value": str(threads)} in container["env"]
    assert (made["metadata"]["name"] == runtime(Config())["metadata"]["name"]) == (threads == 1)


def test_the_router_finds_what_kserve_makes() -> None:
    config = router_config(Config(namespace="shop", timeout=0.2), NAMED, 3)
    assert (config["timeout"], config["release"]) == (0.2, 3)
    name = NAMED["variants"]["challenger"]["service"]
    assert config["variants"]["challenger"]["url"] == (
        f"http://{name}-predictor.shop.svc.cluster.local/v1/models/{name}:predict"
    )
    assert {s["metadata"]["name"] for s in inference_services(Config(), NAMED)} >= {name}
    assert ":8080/" in router_config(CONFIGS["fixed"], NAMED, 1)["variants"]["control"]["ready"]


def test_what_is_served_under_a_name_never_changes() -> None:
    about = PLAN["variants"]["control"]
    changed = [{**about, "uri": "s3://b/elsewhere"}, {**about, "version": "V_1"}, {**about, "version": "v-1" * 30}]
    names = {name_of(Config(), "control", one) for one in (about, *changed)}
    names |= {name_of(Config(tag="2"), "control", about), name_of(Config(), "challenger", about)}
    assert len(names) == 6
    assert all(re.fullmatch("adore-[a-z]+-[-a-z0-9]+-[0-9a-f]{6}", n) and len(n) <= 52 for n in names)


@pytest.mark.parametrize("mode", ["Standard", "Knative"])
def test_a_changed_predictor_of_the_same_model_can_start_as_a_canary(mode: Any) -> None:
    old, new = Config(mode=mode), Config(mode=mode, tag="2", canary=10)
    before = named(old, PLAN)
    live = {s["metadata"]["name"]: s for s in inference_services(old, before)}
    same = new.model_copy(update={"tag": old.tag})
    assert inference_services(same, named(same, PLAN, before), live) == list(live.values())
    for service in inference_services(new, named(new, PLAN, before), live):
        spec, was = service["spec"], live[service["metadata"]["name"]]["spec"]
        assert list(faults(service)) == []
        if mode == "Knative":
            assert spec["predictor"]["canaryTrafficPercent"] == 10 and "canary" not in spec
        else:
            assert spec["predictor"] == was["predictor"] and spec["canary"][0]["trafficPercent"] == 10
            assert spec["canary"][0]["predictor"] != was["predictor"]


def test_an_experiment_that_no_review_can_read_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    named(Config(), promoted(NAMED, "challenger"))
    named(CONFIGS["fixed"], PLAN)
    assert capsys.readouterr().err == ""
    named(Config(), PLAN)
    assert "WARNING: kubernetes.exposures is empty" in capsys.readouterr().err


def test_promotion_gives_the_challengers_model_to_all() -> None:
    plan = promoted(NAMED, "challenger")
    assert plan["weights"] == {"control": 1.0} and plan["variants"]["control"] == PLAN["variants"]["challenger"]
    with pytest.raises(ConfigError, match="variant == 'x', must be one of"):
        promoted(PLAN, "x")


def test_a_plan_is_read_from_a_release_that_the_cluster_can_read(shop_release: Path) -> None:
    claimed = Config(claim=f"data:{shop_release.parent}")
    plan = read_plan(claimed, str(shop_release))
    assert plan["variants"]["control"]["uri"] == f"pvc://data/{shop_release.name}/variants/control"
    assert plan["weights"] == json.loads((shop_release / "experiment.json").read_text())["weights"]
    with pytest.raises(ConfigError, match=r"release == .* must be an s3:// place"):
        read_plan(Config(), str(shop_release))


def test_a_tag_that_moves_is_refused() -> None:
    with pytest.raises(ValidationError, match="must name one build"):
        Config(tag="latest")


def test_a_dry_run_prints_every_object_and_needs_no_cluster(shop_release: Path, tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(f'kubernetes: {{claim: "data:{shop_release.parent}", tag: "7"}}')
    words = ["release", "apply", str(shop_release), "--dry-run", "--profile", str(tmp_path / "shop.yaml")]
    done = CliRunner().invoke(app, [*words, "--namespace", "shop"])
    assert done.exit_code == 0, done.output
    things = list(yaml.safe_load_all(done.stdout))
    assert {t["metadata"]["namespace"] for t in things} == {"shop"}
    kinds = [t["kind"] for t in things]
    assert kinds.count("InferenceService") == 2 and "HTTPRoute" in kinds and "PodDisruptionBudget" in kinds
    assert "adore/router:7" in done.output
