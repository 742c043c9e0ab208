"""The whole pipeline, each step a container of the student's image,
under kfp.local's DockerRunner.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.containers, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
RUN = """
import os, sys
from kfp import local
from adore.pipeline.compiler import load_pipeline

root, profile = sys.argv[1:]
hard = {"read_only": True, "tmpfs": {"/tmp": "exec"}, "cap_drop": ["ALL"], "network_mode": "none"}
local.init(runner=local.DockerRunner(user=f"{os.getuid()}:{os.getgid()}", **hard), pipeline_root=root)
load_pipeline()(run=f"{root}/run", profile=profile, shard_ids=[0, 1], shards=2)
"""  # noqa: E501


def test_the_demo_runs_in_containers_without_a_network(tmp_path: Path) -> None:
    if (
        not shutil.which("docker")
        or subprocess.run(
            ["docker", "info"], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip(
            "SKIPPED containers: no docker engine (docker on PATH, DOCKER_HOST)"
        )
    environment = {
        **os.environ,
        "TAG": "test",
        "ADORE_TAG": "test",
        "ADORE_REGISTRY": "adore",
    }
    subprocess.run(
        [str(ROOT / "images" / "build"), "student"],
        capture_output=True,
        env=environment,
        check=True,
    )
    # the tiny teacher needs no CUDA:
    # the student's image has what it needs, under the teacher's name
    subprocess.run(
        ["docker", "tag", "adore/student:test", "adore/teacher:test"], check=True
    )
    shutil.copy(ROOT / "tests" / "tiny.yaml", tmp_path)
    command = [sys.executable, "-c", RUN, str(tmp_path), str(tmp_path / "tiny.yaml")]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
    decision = json.loads(
        (tmp_path / "run" / "experiment" / "decision.json").read_text()
    )
    assert decision["action"] in ("promote", "hold", "roll back")
    assert "simulated shoppers" in (tmp_path / "run" / "index.html").read_text()
