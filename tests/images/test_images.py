"""Images as they are built: no torch, no root, no compiler, labels, SBOM;
the server and the router serve.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from tests.serving.conftest import ITEMS, write_release

from adore.release.local import free_port

pytestmark = pytest.mark.containers
ROOT = Path(__file__).parents[2]
TAG = "test"
BASE = os.environ.get("BASE", "python:3.11-slim-bookworm")
HARD = (
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--memory=1g",
)
KINDS = {"router": 90, "server": 400}
"""Kind to the most megabytes that its image may add to its base."""


def docker(*arguments: str) -> str:
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


@pytest.fixture(scope="session")
def images() -> str:
    """Builds both; the printed sizes."""
    if (
        not shutil.which("docker")
        or subprocess.run(
            ["docker", "info"], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip(
            "SKIPPED containers: no docker engine (docker on PATH, DOCKER_HOST)"
        )
    environment = {**os.environ, "TAG": TAG}
    command = [str(ROOT / "images" / "build"), *KINDS]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    print(done.stdout)
    return done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_is_small(images: str, kind: str) -> None:
    sizes = [
        int(docker("image", "inspect", "-f", "{{.Size}}", one))
        for one in (f"adore/{kind}:{TAG}", BASE)
    ]
    assert (sizes[0] - sizes[1]) / 1e6 <= KINDS[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_can_do_no_more_than_it_must(images: str, kind: str) -> None:
    image = f"adore/{kind}:{TAG}"
    about = json.loads(docker("image", "inspect", image))[0]["Config"]
    assert (
        about["User"] == "10001:10001"
        and about["Labels"]["org.opencontainers.image.version"] == TAG
    )
    tools = (
        "for t in gcc cc g++ make ld; do command -v $t; done; id -u; "
        "touch /x 2>/dev/null && echo writable"
    )
    assert (
        docker(
            "run", "--rm", *HARD, "--entrypoint", "sh", image, "-c", f"{tools}; true"
        )
        == "10001"
    )
    unwanted = ("torch", "transformers", "polars", "pyarrow", "pip")
    code = (
        f"import importlib.util as u; print([m for m in {unwanted} if u.find_spec(m)])"
    )
    found = docker(
        "run",
        "--rm",
        *HARD,
        "--entrypoint",
        "/opt/adore/bin/python",
        image,
        "-Ic",
        code,
    )
    assert found == "[]"
    bom = json.loads((ROOT / "build" / "sbom" / f"{kind}.cdx.json").read_text("utf-8"))
    names = {c["name"] for c in bom["components"]}
    assert (
        bom["bomFormat"] == "CycloneDX"
        and {"adore-relevance", "boto3"} <= names
        and not names & set(unwanted)
    )


def _wait(url: str) -> None:
    """Until the router says that every variant is ready; it is ready itself with one."""
    until = time.monotonic() + 90
    while time.monotonic() < until:
        with suppress(httpx.HTTPError):
            answer = httpx.get(url, timeout=2, trust_env=False)
            if answer.status_code == 200 and all(answer.json().values()):
                return
        time.sleep(0.3)
    pytest.fail(f"{url} did not become ready")


@pytest.fixture
def network() -> Iterator[str]:
    docker("network", "create", "adore-test")
    yield "adore-test"
    docker("network", "rm", "adore-test")


def test_server_and_router_serve_together(
    images: str, network: str, tmp_path: Path
) -> None:
    release = write_release(tmp_path / "release")
    plan = json.loads((release / "experiment.json").read_text()) | {"timeout": 10}
    for name, variant in plan["variants"].items():
        variant["url"] = f"http://{name}:8080/v1/models/{name}:predict"
        variant["ready"] = f"http://{name}:8080/v2/models/{name}/ready"
    (release / "experiment.json").write_text(
        json.dumps({k: v for k, v in plan.items() if k != "catalogue"})
    )
    for path in (tmp_path, release, *release.rglob("*")):
        path.chmod(0o755)
    port, started = free_port(), list[str]()
    try:
        for name in plan["variants"]:
            mount = f"{release}/variants/{name}:/mnt/models:ro"
            more = (
                "--network",
                network,
                "--network-alias",
                name,
                "-v",
                mount,
                f"adore/server:{TAG}",
            )
            words = ("--model=/mnt/models", f"--name={name}", f"--variant={name}")
            started.append(docker("run", "-d", *HARD, *more, *words))
        more = (
            "--network",
            network,
            "-p",
            f"127.0.0.1:{port}:8080",
            "-v",
            f"{release}:/etc/adore:ro",
        )
        words = (
            "--config=/etc/adore/experiment.json",
            "--logs=/tmp/logs",
            "--host=0.0.0.0",
        )
        started.append(docker("run", "-d", *HARD, *more, f"adore/router:{TAG}", *words))
        _wait(f"http://127.0.0.1:{port}/readyz")
        body = {"user_id": "u", "query": "red shoes", "items": ITEMS}
        answer = httpx.post(
            f"http://127.0.0.1:{port}/rank", json=body, timeout=30, trust_env=False
        ).json()
        assert answer["variant"] == answer["served"] and len(answer["items"]) == len(
            ITEMS
        )
    finally:
        for one in started:
            docker("rm", "-f", one)
