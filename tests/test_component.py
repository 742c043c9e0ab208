"""What stands around a stage in a component,
as the real launcher of Kubeflow Pipelines wants it.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl
from kfp.dsl.types import artifact_types

from adore.artifacts import Manifest, read_manifest
from adore.config import ANSWERS
from adore.errors import DataError, MissingError, UnavailableError
from adore.pipeline import component, runner
from adore.pipeline.kubeflow.placement import RETRIES
from adore.run_record import RunStatus, begin_run, note_failure, read_failures, read_run

SMALL = (
    "demo_data: {items: 48, queries: 12, judged: 8, candidates: 4, users: 4, visits: 1}"
)


@pytest.fixture(autouse=True)
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """KFP's mount of its store, which is ``/minio`` in a pod."""
    monkeypatch.setattr(
        artifact_types, "_MINIO_LOCAL_MOUNT_PREFIX", f"{tmp_path}/minio/"
    )


def artefact(name: str) -> dsl.Dataset:
    """An output as KFP hands it over:
    its URI is under KFP's own root, and its path is where that is mounted.
    """
    return dsl.Dataset(name=name, uri=f"minio://mlpipeline/v2/artifacts/adore/{name}")


@pytest.fixture
def profile(tmp_path: Path) -> str:
    (tmp_path / "small.yaml").write_text(SMALL)
    return str(tmp_path / "small.yaml")


@pytest.fixture
def data(tmp_path: Path, profile: str) -> str:
    place = str(tmp_path / "data")
    runner.run_stage("demo-data", {}, place, profile=profile, seed=0)
    return place


def prepared(
    tmp_path: Path, data: str, profile: str
) -> tuple[dsl.Dataset, dsl.Metrics, str]:
    run = str(tmp_path / "run")
    output, metrics = artefact("output"), dsl.Metrics()
    component.run_component(
        "prepare", run, {"data": data}, output, metrics, profile=profile, seed=0
    )
    return output, metrics, run


def test_an_output_points_to_the_place_and_its_uri_is_left_alone(
    tmp_path: Path, data: str, profile: str
) -> None:
    """kubeflow/pipelines 2.17.0, backend/src/v2/component/launcher_v2.go:820: a URI
    outside KFP's root ends the step, and so does a path at which nothing lies
    (uploadFile).
    """
    output, metrics, run = prepared(tmp_path, data, profile)
    assert output.uri == "minio://mlpipeline/v2/artifacts/adore/output"
    assert (
        Path(output.path).read_text() == f"{run}/prepare" == component.place_of(output)
    )
    assert (
        output.metadata["display_name"] == "prepare" and output.metadata["items"] == 48
    )
    manifest = read_manifest(component.place_of(output))
    assert manifest and output.metadata["content"] == manifest.content
    assert {k: metrics.metadata[k] for k in manifest.metrics} == manifest.metrics


def test_the_next_step_reads_its_inputs_places_from_their_metadata(
    tmp_path: Path, data: str, profile: str
) -> None:
    output, _, run = prepared(tmp_path, data, profile)
    read = artefact("evidence")
    component.run_component(
        "evidence",
        run,
        {"prepared": output},
        read,
        dsl.Metrics(),
        profile=profile,
        seed=0,
    )
    assert component.place_of(read) == f"{run}/evidence"
    one = artefact("judge")
    shards = {"shard": 1, "shards": 2}
    inputs = {"prepared": output, "evidence": read, "teacher": None}
    component.run_component(
        "judge", run, inputs, one, dsl.Metrics(), profile=profile, seed=0, **shards
    )
    assert (
        component.place_of(one) == f"{run}/judge/1"
        and one.metadata["display_name"] == "judge/1"
    )


# ---------------------------------------------------------------- reasons


def test_why_a_step_failed_stands_in_the_run_until_it_runs_again(
    tmp_path: Path, data: str, profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(tmp_path / "run")
    nowhere = {"data": str(tmp_path / "nowhere")}
    with pytest.raises(MissingError):
        component.run_component(
            "prepare",
            run,
            nowhere,
            artefact("o"),
            dsl.Metrics(),
            profile=profile,
            seed=0,
        )
    (failure,) = read_failures(run)
    assert (
        failure.step == "prepare"
        and "nowhere', must be there; check the path" in failure.error
    )
    assert f"prepare           FAILED: {failure.error}" in capsys.readouterr().err
    prepared(tmp_path, data, profile)
    assert read_failures(run) == []


def test_what_is_no_error_of_ours_names_its_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        pytest.raises(OSError, match="full"),
        component.report_failure("distil", str(tmp_path)),
    ):
        raise OSError("disk full")
    assert (
        capsys.readouterr().err
        == "[adore] distil            FAILED: OSError: disk full\n"
    )
    assert [str(failure) for failure in read_failures(str(tmp_path))] == [
        "distil: OSError: disk full"
    ]


def test_what_failed_before_this_pass_began_does_not_count(tmp_path: Path) -> None:
    note_failure(
        str(tmp_path), "judge/3", DataError("rows == 0, must be 1 or more; fill it")
    )
    (failure,) = read_failures(str(tmp_path))
    assert (
        failure.step == "judge/3"
        and read_failures(str(tmp_path), failure.time + 1) == []
    )


def test_a_failure_is_kept_in_a_store_and_a_store_that_is_away_hides_no_error(
    s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError), component.report_failure("verify", f"{s3}/failing"):
        raise DataError("rows == 0, must be 1 or more; fill it")
    assert [f.step for f in read_failures(f"{s3}/failing")] == ["verify"]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with (
        pytest.raises(DataError, match="rows == 0"),
        component.report_failure("verify", f"{s3}/failing"),
    ):
        raise DataError("rows == 0, must be 1 or more; fill it")


# ---------------------------------------------------------------- retries


def manifest() -> Manifest:
    return Manifest("s", "1", "c", {}, {}, {}, "x", {}, {}, 0.0, 0.0)


@pytest.mark.parametrize(
    ("retries", "faults", "ends_well"),
    [("2", 2, True), ("2", 3, False), ("0", 1, False)],
)
def test_what_was_unavailable_is_tried_again(
    retries: str, faults: int, ends_well: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setenv(RETRIES, retries)
    monkeypatch.setattr(component.time, "sleep", waits.append)
    left = [faults]

    def call() -> Manifest:
        if left[0]:
            left[0] -= 1
            raise UnavailableError("store == away, must answer; wait")
        return manifest()

    if ends_well:
        assert component.retried("judge/0", call) == manifest() and waits == [
            15.0,
            30.0,
        ]
    else:
        with pytest.raises(UnavailableError):
            component.retried("judge/0", call)


def test_what_is_wrong_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RETRIES, "5")
    calls: list[int] = []

    def call() -> Manifest:
        calls.append(1)
        raise DataError("rows == 0, must be 1 or more; fill it")

    with pytest.raises(DataError):
        component.retried("prepare", call)
    assert calls == [1]


# ---------------------------------------------------------------- what else is around it


def test_paid_answers_are_kept_with_the_run_where_the_pods_disk_ends_with_it(
    tmp_path: Path, data: str, profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from adore.teacher.backends.cache import SqliteCache, open_cache

    monkeypatch.delenv(ANSWERS, raising=False)
    monkeypatch.setenv(component.RUN_PID, "1")
    prepared(tmp_path, data, profile)
    import os

    assert ANSWERS not in os.environ, "a run on this machine has this machine's cache"
    monkeypatch.delenv(component.RUN_PID)
    monkeypatch.setenv(ANSWERS, "")
    monkeypatch.delenv(ANSWERS)
    _, _, run = prepared(tmp_path, data, profile)
    assert os.environ.pop(ANSWERS) == f"{run}/.answers"
    monkeypatch.setenv(ANSWERS, f"{run}/.answers")
    kept = open_cache("")
    assert isinstance(kept, SqliteCache) and str(kept._path).startswith(
        f"{run}/.answers"
    )


def test_the_log_of_a_step_has_our_lines_alone() -> None:
    names = ("botocore.credentials", "botocore.regions", "kfp")
    logging.getLogger().setLevel(logging.INFO)
    try:
        component.quiet()
        assert [
            logging.getLogger(name).isEnabledFor(logging.INFO) for name in names
        ] == [False] * 3
        assert logging.getLogger("botocore.credentials").isEnabledFor(logging.WARNING)
    finally:
        logging.getLogger().setLevel(logging.WARNING)


def test_a_run_remembers_its_first_start_and_whose_it_is(tmp_path: Path) -> None:
    common: dict[str, Any] = {"data": "demo", "profile": "laptop", "seed": 0}
    first = begin_run(str(tmp_path), **common, job="j-1")
    again = begin_run(str(tmp_path), **common, job="j-2")
    assert again["started"] == first["started"] and again["owner"] == {"job": "j-2"}
    assert read_run(str(tmp_path))["status"] == RunStatus.RUNNING
