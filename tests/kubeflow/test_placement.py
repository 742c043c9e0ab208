"""The profile's section cluster is found again in the compiled pipelines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from adore.config import load_profile
from adore.pipeline.cluster import MOST_SHARDS
from adore.pipeline.compiler import compile_pipeline, load_pipeline
from adore.pipeline.kubeflow.placement import GROUPS, RETRIES, Config, Stage

ROOT = Path(__file__).parents[2]
PROFILE = """
kubernetes: {registry: r.example/adore, tag: v7}
cluster:
  parallelism: 2
  gpu:
    stages: [judge, align]
    count: 2
    node_selector: {pool: gpu}
    tolerations: [{key: nvidia.com/gpu, effect: NoSchedule}]
    queue: gpus
    priority: low
  stages: {distil: {cpu: "8", cpu_limit: "8", memory: 16Gi, retries: 1, timeout: 600, image: "r/student:7"}}
  secrets: {adore-s3: [AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY]}
  notify: hook
  claim: "data:/data"
  labels: {team: search}
"""  # noqa: E501


def compile_with(folder: Path, *options: str) -> None:
    """Compile both pipelines, in a process of its own:
    the profile is read where a pipeline is traced.
    """
    code = "from adore.cli.main import main; main()"
    command = [sys.executable, "-c", code, "compile", "--output", str(folder), *options]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def compile_text(profile: str, folder: Path) -> None:
    """Compile both pipelines with a profile's text."""
    path = folder / "shop.yaml"
    path.write_text(profile)
    compile_with(folder, "--profile", str(path))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ir")
    compile_text(PROFILE, folder)
    return folder


def parts(
    folder: Path, name: str = "adore"
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The spec, its executors, and what Kubernetes adds to each."""
    spec, platform = yaml.safe_load_all((folder / f"{name}.yaml").read_text("utf-8"))
    executors = spec["deploymentSpec"]["executors"]
    return (
        spec,
        executors,
        platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"],
    )


def test_gpu_stages_get_cards_nodes_tolerations_and_their_queue(compiled: Path) -> None:
    _, executors, extras = parts(compiled)
    with_cards = {
        k
        for k, v in executors.items()
        if "accelerator" in v["container"].get("resources", {})
    }
    assert with_cards == {"exec-judge", "exec-judge-2", "exec-judge-3", "exec-align"}
    for name in with_cards:
        card = executors[name]["container"]["resources"]["accelerator"]
        assert (card["resourceType"], card["resourceCount"]) == ("nvidia.com/gpu", "2")
        assert extras[name]["nodeSelector"]["labels"] == {"pool": "gpu"}
        assert extras[name]["tolerations"] == [
            {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
        ]
        (shm,) = extras[name]["emptyDirMounts"]
        assert (shm["mountPath"], shm["medium"], shm["sizeLimit"]) == (
            "/dev/shm",
            "Memory",
            "2Gi",
        )
        tags = extras[name]["podMetadata"]["labels"]
        assert (
            tags["kueue.x-k8s.io/queue-name"],
            tags["kueue.x-k8s.io/priority-class"],
        ) == ("gpus", "low")
    assert "nodeSelector" not in extras["exec-distil"]


def test_every_stage_gets_resources_labels_secrets_and_its_patience(
    compiled: Path,
) -> None:
    spec, executors, extras = parts(compiled)
    for name, executor in executors.items():
        resources = executor["container"]["resources"]
        assert {
            "resourceCpuRequest",
            "resourceCpuLimit",
            "resourceMemoryRequest",
            "resourceMemoryLimit",
        } <= set(resources)
        tags = extras[name]["podMetadata"]["labels"]
        assert tags["adore.dev/role"] == "pipeline" and tags["team"] == "search"
        assert {s["secretName"] for s in extras[name]["secretAsEnv"]} >= {"adore-s3"}
        assert extras[name]["pvcMount"][0]["mountPath"] == "/data"
        user = {"runAsUser": "10001", "runAsGroup": "10001", "runAsNonRoot": True}
        assert extras[name]["securityContext"] == user, (
            "Kubeflow Pipelines adds the rest of the restricted profile"
        )
    distil = executors["exec-distil"]["container"]
    assert (
        distil["image"] == "r/student:7"
        and distil["resources"]["resourceMemoryLimit"] == "16Gi"
    )
    assert executors["exec-gate"]["container"]["image"] == "r.example/adore/student:v7"
    assert extras["exec-distil"]["activeDeadlineSeconds"] == "600"
    tasks = {
        k: t
        for c in spec["components"].values()
        for k, t in c.get("dag", {}).get("tasks", {}).items()
    }
    assert (
        tasks["distil"]["retryPolicy"]["maxRetryCount"] == 1
        and tasks["gate"]["retryPolicy"]["maxRetryCount"] == 2
    )
    assert all(
        not t.get("cachingOptions")
        for k, t in tasks.items()
        if k in ("distil", "gate", "judge")
    )
    limits = [
        t["iteratorPolicy"]["parallelismLimit"]
        for k, t in tasks.items()
        if k.startswith("for-loop")
    ]
    assert limits == [2, 2, 2]

    tries = {k: v["container"]["env"] for k, v in executors.items()}
    assert tries["exec-distil"] == [{"name": RETRIES, "value": "1"}]
    assert tries["exec-gate"] == [{"name": RETRIES, "value": "2"}]


def tasks_in(spec: dict[str, Any]) -> set[str]:
    """Names of all tasks of a compiled pipeline that run a container."""
    return {name.removeprefix("exec-") for name in spec["deploymentSpec"]["executors"]}


def test_small_stages_that_share_a_pod_are_one_task_and_all_others_are_as_they_were(
    compiled: Path, tmp_path: Path
) -> None:
    groups = "  shared_pods: [read, listen, examine, prove]\n  parallelism"
    compile_text(PROFILE.replace("  parallelism", groups), tmp_path)
    alone, shared = (tasks_in(parts(folder)[0]) for folder in (compiled, tmp_path))
    assert alone - shared == set().union(*GROUPS.values()) and shared - alone == set(
        GROUPS
    )


def test_a_stage_within_a_group_cannot_be_sized_alone() -> None:
    with pytest.raises(
        ValueError,
        match=r"shared_pods: read runs evidence in its own pod; size stages\.read instead",
    ):
        Config(shared_pods=("read",), stages={"evidence": Stage(cpu="2")})


def test_a_stage_that_nodes_share_leaves_a_small_launcher_without_cards(
    tmp_path: Path,
) -> None:
    shared = PROFILE.replace("align]", "distil]").replace(
        "cluster:\n", "cluster:\n  train: {stages: [distil]}\n"
    )
    compile_text(f"distil: {{net: {{lists_per_step: 4}}}}\n{shared}", tmp_path)
    _, executors, extras = parts(tmp_path)
    resources = executors["exec-distil"]["container"]["resources"]
    assert resources["resourceMemoryLimit"] == "2Gi" and "accelerator" not in resources
    assert (
        extras["exec-distil"]["activeDeadlineSeconds"] == "600"
        and "nodeSelector" not in extras["exec-distil"]
    )


def test_only_the_exit_handler_knows_the_hook_and_no_secret_has_a_value(
    compiled: Path,
) -> None:
    _, _, extras = parts(compiled)
    assert [k for k, v in extras.items() if "hook" in str(v["secretAsEnv"])] == [
        "exec-report"
    ]
    assert set(parts(compiled, "review")[1]) == {"exec-review"}


def test_one_process_compiles_each_profile_with_its_own_images_and_sizes(
    tmp_path: Path,
) -> None:
    pipeline = load_pipeline()
    images, limits = [], []
    for tag, memory in (("v1", "3Gi"), ("v2", "5Gi")):
        profile = tmp_path / f"{tag}.yaml"
        profile.write_text(
            f"kubernetes: {{registry: r.example, tag: {tag}}}\n"
            f"cluster: {{default: {{memory: {memory}}}}}\n"
        )
        compile_pipeline("adore", str(tmp_path / tag), str(profile))
        container = parts(tmp_path / tag)[1]["exec-prepare"]["container"]
        images.append(container["image"])
        limits.append(container["resources"]["resourceMemoryLimit"])

    assert images == ["r.example/student:v1", "r.example/student:v2"]
    assert limits == ["3Gi", "5Gi"]
    assert load_pipeline() is pipeline, "what a run holds is left as it was"


def test_the_gpu_profile_asks_for_the_cards_that_its_engine_uses(
    tmp_path: Path,
) -> None:
    compile_with(tmp_path, "--profile", "gpu")
    _, executors, extras = parts(tmp_path)
    asked = {
        k: v["container"]["resources"].get("accelerator", {}).get("resourceCount")
        for k, v in executors.items()
    }
    cards = str(load_profile("gpu")["judge"]["engine"]["tensor_parallel_size"])
    assert (
        asked["exec-judge"] == asked["exec-align"] == cards
        and asked["exec-distil"] is None
    )
    assert (
        extras["exec-judge"]["tolerations"]
        and "tolerations" not in extras["exec-distil"]
    )


def test_without_a_profile_nothing_is_placed(tmp_path: Path) -> None:
    compile_with(tmp_path)
    assert (
        len(list(yaml.safe_load_all((tmp_path / "adore.yaml").read_text("utf-8")))) == 1
    )


def test_the_pipeline_leaves_a_workflow_room_for_its_shards(compiled: Path) -> None:
    """Kubernetes takes an object of 1 MiB, and a run is one.

    Measured on Kubeflow Pipelines 2.17.0 with Argo 4.0.5: a pipeline of 105 kB made a Workflow of
    264 kB, and 12 kB more with each shard.
    """
    pipeline = (compiled / "adore.yaml").stat().st_size
    workflow = 264 / 105 * pipeline + MOST_SHARDS * 12_000
    assert workflow < 0.9 * 2**20
