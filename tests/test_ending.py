"""How a run ended, for each of the words that an exit task is given;
told to record, page and hook.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl
from kfp.dsl.types import artifact_types

from adore.errors import DataError
from adore.pipeline import ending
from adore.pipeline.ending import finish, finish_on_cluster, withdraw
from adore.run_record import RUN, RunStatus, begin_run, note_failure
from adore.storage import write_json

ABOUT: dict[str, Any] = {"data": "demo", "profile": "shop", "seed": 0}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    place = tmp_path / "run"
    begin_run(str(place), **ABOUT, job="j-1")
    return place


def gate(run: Path, *, passed: bool) -> None:
    (run / "gate").mkdir(exist_ok=True)
    verdict = {
        "passed": passed,
        "champion": "bm25",
        "baseline": "bm25",
        "reasons": ["nDCG@10 +0.01, must be +0.02"],
    }
    write_json(verdict, run / "gate" / "gate.json")


def record(run: Path) -> dict[str, Any]:
    return dict(json.loads((run / RUN).read_text()))


@pytest.mark.parametrize("word", ["COMPLETE", "SUCCEEDED"])
@pytest.mark.parametrize(
    ("passed", "status"), [(True, RunStatus.PASSED), (False, RunStatus.REFUSED)]
)
def test_every_step_ended_well(
    run: Path, word: str, passed: bool, status: RunStatus
) -> None:
    """kubeflow/pipelines 2.17.0, backend/src/v2/driver/resolve.go:471: an exit task is
    told COMPLETE; kfp.local says SUCCEEDED.
    """
    gate(run, passed=passed)
    finish(str(run), word)
    assert (record(run)["status"], record(run)["error"]) == (status, "")


@pytest.mark.parametrize("word", ["FAILED", "RUNNING", "COMPLETE"])
def test_a_step_failed_and_said_why(run: Path, word: str) -> None:
    note_failure(
        str(run), "evidence", DataError("rows == 0, must be 1 or more; fill it")
    )
    finish(str(run), word)
    assert record(run)["status"] == RunStatus.FAILED
    assert record(run)["error"] == "evidence: rows == 0, must be 1 or more; fill it"
    assert "rows == 0, must be 1 or more; fill it" in (run / "index.html").read_text()


def test_a_pod_died_without_a_word_and_the_cluster_says_why(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def causes(job: str) -> list[str]:
        asked.append(job)
        return ["pod adore-x: main OOMKilled, exit status 137 (memory limit 48Mi)"]

    monkeypatch.setattr("adore.pipeline.kubeflow.pods.causes_of_run", causes)
    finish(str(run), "RUNNING")
    assert asked == ["j-1"] and record(run)["status"] == RunStatus.FAILED
    assert (
        "OOMKilled" in record(run)["error"]
        and "OOMKilled" in (run / "index.html").read_text()
    )


def test_nobody_knows_why_it_ended(run: Path) -> None:
    finish(str(run), "RUNNING")
    assert (
        record(run)["status"] == RunStatus.STOPPED
        and "cancelled" in record(run)["error"]
    )


def test_a_run_whose_first_step_did_not_start_has_its_page_and_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifact_types, "_MINIO_LOCAL_MOUNT_PREFIX", f"{tmp_path}/")
    page = dsl.HTML(uri="minio://page.html")
    run = tmp_path / "never"
    run.mkdir()
    finish_on_cluster(
        str(run),
        "RUNNING",
        "",
        page,
        {**ABOUT, "profile": "s3://b/r/shop.yaml", "job": "j-9"},
    )
    text = Path(page.path).read_text()
    assert (
        page.uri == "minio://page.html"
        and page.metadata["place"] == f"{run}/index.html"
    )
    for word in ("profile shop", "seed 0", "data demo", str(run), "stopped"):
        assert word in text, word


def test_where_the_gate_said_no_nothing_of_an_earlier_pass_is_left(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate(run, passed=False)
    for step in ("release", "experiment", "distil"):
        (run / step).mkdir()
        (run / step / "manifest.json").write_text("{}")
    withdraw(str(run), str(run / "gate"))
    assert (
        not (run / "release").exists()
        and not (run / "experiment").exists()
        and (run / "distil").exists()
    )
    assert (
        "the gate refused the student: nDCG@10 +0.01, must be +0.02"
        in capsys.readouterr().err
    )


def test_outside_a_cluster_nobody_is_asked_for_pods() -> None:
    assert ending._lost_pods("j-1") == "" and ending._lost_pods("") == ""
