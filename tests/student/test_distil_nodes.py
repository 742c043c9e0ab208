"""A stage's own command under torchrun:
two processes make the output of one, and go on from what was kept.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from kfp import dsl
from tests.kubeflow.trainer import StandIn, up

from adore import storage
from adore.artifacts import read_manifest, read_table
from adore.pipeline.component import run_component
from adore.release.kubernetes import client as kubernetes_client

pytestmark = pytest.mark.slow
CODE = "from adore.cli.main import main; main()"


@pytest.fixture(scope="module")
def run_folder(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop as a run that lacks ``distil``."""
    home = tmp_path_factory.mktemp("nodes") / "run"
    for name in ("prepare", "evidence", "verify"):
        shutil.copytree(shop / name, home / name)
    shutil.copytree(shop / "judge", home / "judge-again" / "0")
    settings = {
        "distil": {"net": {"epochs": 60, "patience": 60}, "forest": {"trees": 8}},
        "retrieve": {"backbone": "tiny"},
    }
    (home / "profile.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    subprocess.run(
        [sys.executable, "-c", CODE, "retrieve", *options(home)],
        check=True,
        timeout=300,
    )
    return home


def options(home: Path) -> list[str]:
    return ["--run", str(home), "--profile", str(home / "profile.yaml")]


def under_torchrun(home: Path, out: Path) -> subprocess.Popen[bytes]:
    """``adore distil`` in two processes."""
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "--no-python",
        "--",
    ]
    command += [sys.executable, "-c", CODE, "distil", *options(home)]
    with out.open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def kill_all(running: subprocess.Popen[bytes]) -> None:
    """SIGKILL to torchrun and its workers, each of which leads a session of its own."""
    workers = subprocess.run(
        ["pgrep", "-P", str(running.pid)], capture_output=True, text=True, check=False
    ).stdout
    for pid in (running.pid, *map(int, workers.split())):
        os.kill(pid, signal.SIGKILL)
    running.wait()


def test_two_processes_make_the_student_of_one_also_when_killed_between(
    run_folder: Path, tmp_path: Path
) -> None:
    subprocess.run(
        [sys.executable, "-c", CODE, "distil", *options(run_folder)],
        check=True,
        timeout=300,
    )
    (run_folder / "distil").rename(tmp_path / "alone")
    running, until = (
        under_torchrun(run_folder, tmp_path / "log"),
        time.monotonic() + 240,
    )
    while (
        not list(run_folder.glob(".unfinished-*/net.*"))
        and time.monotonic() < until
        and running.poll() is None
    ):
        time.sleep(0.02)
    kill_all(running)
    assert list(run_folder.glob(".unfinished-*/net.*")) and not read_manifest(
        run_folder / "distil"
    )
    assert under_torchrun(run_folder, tmp_path / "log").wait(timeout=300) == 0, (
        tmp_path / "log"
    ).read_text()[-3000:]
    assert not list(run_folder.glob(".unfinished-*")), (
        "what is whole needs no checkpoint"
    )
    one, two = (
        json.loads((f / "curve.json").read_text())
        for f in (tmp_path / "alone", run_folder / "distil")
    )
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=1e-3)
    np.testing.assert_allclose(two["dev"], one["dev"], atol=0.02)
    a, b = (
        read_table(f, "scores").sort("query_id", "item_id")
        for f in (tmp_path / "alone", run_folder / "distil")
    )
    np.testing.assert_allclose(b["score"].to_numpy(), a["score"].to_numpy(), atol=2e-3)
    assert under_torchrun(run_folder, tmp_path / "log").wait(timeout=300) == 0
    assert (tmp_path / "log").read_text().count("kept") >= 1


def test_the_first_process_failing_ends_all(run_folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "run"
    shutil.copytree(run_folder, broken)
    (broken / "verify" / "synthetic.parquet").unlink()
    shutil.rmtree(broken / "distil", ignore_errors=True)
    assert under_torchrun(broken, tmp_path / "log").wait(timeout=300) != 0
    assert "error: table ==" in (tmp_path / "log").read_text()


def test_a_component_has_a_train_job_make_its_output_in_the_store(
    run_folder: Path,
    tmp_path: Path,
    s3: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    place = f"{s3}/run"
    for path in (
        p for p in run_folder.rglob("*") if p.is_file() and p.parts[-2] != "distil"
    ):
        storage.copy_file(path, f"{place}/{path.relative_to(run_folder)}")
    profile = tmp_path / "profile.yaml"
    distil = {"net": {"epochs": 2}, "forest": {"trees": 8}}
    profile.write_text(
        yaml.safe_dump({"distil": distil, "cluster": {"train": {"stages": ["distil"]}}})
    )

    def nodes(job: dict[str, Any]) -> subprocess.Popen[bytes]:
        command = job["spec"]["trainer"]["command"]
        assert command[:4] == ["torchrun", "--no-python", "--", "adore"]
        launch = [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node",
            "2",
            "--no-python",
        ]
        with (tmp_path / "log").open("wb") as log:
            return subprocess.Popen(
                [*launch, "--", sys.executable, "-c", CODE, *command[4:]],
                stdout=log,
                stderr=log,
            )

    inputs = {
        "prepared": "prepare",
        "evidence": "evidence",
        "synthetic": "verify",
        "retrieved": "retrieve",
    }
    given: dict[str, Any] = {k: f"{place}/{v}" for k, v in inputs.items()}
    given["judged"] = [f"{place}/judge-again/0"]
    with up(StandIn()) as api:
        api.starts, api.looks = nodes, 10**9
        monkeypatch.setattr(kubernetes_client, "connect", lambda: api.client)
        for word in ("created, 2 nodes", "kept"):
            output = dsl.Model(uri=str(tmp_path / "output"))
            metrics = dsl.Metrics()
            run_component(
                "distil", place, given, output, metrics, profile=str(profile), seed=0
            )
            assert word in capfd.readouterr().err, (tmp_path / "log").read_text()[
                -3000:
            ]
            assert (
                output.metadata["place"] == f"{place}/distil"
                and metrics.metadata["pairs"] > 0
            )
        assert not api.jobs and [m for m, n in api.calls if m == "PATCH"] == ["PATCH"]
    names = {
        p.relative_to(storage.local_copy(place)).parts[0]
        for p in storage.local_copy(place).rglob("*")
    }
    assert "distil" in names and not [n for n in names if n.startswith(".unfinished")]
