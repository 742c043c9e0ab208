"""kill -9 in the middle of any stage, then the same command:
the same result, and nothing half-written is ever read.
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

import pytest

from adore.artifacts import read_manifest, read_table
from adore.pipeline.graph import STEPS
from adore.pipeline.runner import inputs_of, run_stage
from adore.pipeline.settings import shards

pytestmark = pytest.mark.slow
PROFILE = str(Path(__file__).parents[1] / "tiny.yaml")
TIMED = ("exposure_id", "timestamp", "latency_ms")


def places(name: str, run: Path) -> list[Path]:
    return (
        [run / name / str(i) for i in range(shards(PROFILE))]
        if STEPS[name].sharded
        else [run / name]
    )


def make(name: str, run: Path) -> None:
    inputs = inputs_of(name, str(run), data="demo", profile=PROFILE)
    count = len(places(name, run))
    for i, place in enumerate(places(name, run)):
        more = {"shard": i, "shards": count} if STEPS[name].sharded else {}
        run_stage(name, inputs, str(place), profile=PROFILE, **more)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of every step, made once."""
    run = tmp_path_factory.mktemp("whole")
    for name in STEPS:
        make(name, run)
    return run


def result(name: str, place: Path) -> object:
    """What a step made, without wall-clock columns."""
    if name == "experiment":
        shown = (
            read_table(place, "exposures")
            .drop(TIMED)
            .sort("client_id", "session_id")
            .to_dicts()
        )
        return shown, json.loads((place / "decision.json").read_text())
    manifest = read_manifest(place)
    assert manifest
    if name == "evidence":  # has a measured speed among its metrics
        return manifest.content
    return manifest.content, manifest.metrics


def kill_in_the_middle(name: str, code: str) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, start_new_session=True
    )
    assert child.stderr
    for line in child.stderr:
        if b" runs" in line:
            break
    time.sleep(
        0.0 if STEPS[name].sharded else 0.05
    )  # a shard of the tiny shop is judged in some 50 ms
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    child.stderr.close()


@pytest.mark.parametrize("name", list(STEPS))
def test_killed_stage_gives_the_same_result(
    name: str, whole: Path, tmp_path: Path
) -> None:
    for other in STEPS:
        if other != name:
            (tmp_path / other).symlink_to(whole / other)
    if STEPS[name].sharded:
        (tmp_path / name).mkdir()
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); "
        "from pathlib import Path; import test_kill_and_resume as t; "
        f"t.make({name!r}, Path({str(tmp_path)!r}))"
    )
    for _ in range(10):
        kill_in_the_middle(name, code)
        if read_manifest(places(name, tmp_path)[0]) is None:
            break
        for place in places(
            name, tmp_path
        ):  # a busy machine let the stage end before the signal came
            shutil.rmtree(place)
    assert read_manifest(places(name, tmp_path)[0]) is None, (
        "a killed stage must not look whole"
    )
    make(name, tmp_path)
    for ours, theirs in zip(places(name, tmp_path), places(name, whole), strict=True):
        assert result(name, ours) == result(name, theirs)


def test_second_run_does_nothing(
    whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {p: p.stat().st_mtime_ns for p in whole.rglob("manifest.json")}
    for name in STEPS:
        make(name, whole)
    assert {p: p.stat().st_mtime_ns for p in whole.rglob("manifest.json")} == before
    assert " runs" not in capsys.readouterr().err


def test_every_step_says_what_it_read(whole: Path) -> None:
    for name in STEPS:
        for place in places(name, whole):
            manifest = read_manifest(place)
            assert manifest and set(manifest.sources) == set(STEPS[name].inputs)
