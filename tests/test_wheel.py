"""The built wheel alone runs the loop: an empty folder, no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # a clean tree: a build writes beside what it builds
    subprocess.run(
        ["git", "clone", "-q", "--depth", "1", ROOT.as_uri(), str(source)], check=True
    )
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps"]
    command += ["--no-build-isolation", "-w", str(folder), str(source)]
    subprocess.run(command, check=True)
    return next(folder.glob("*.whl"))


@pytest.mark.slow
def test_the_wheel_holds_what_the_checkout_reads(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "src/adore", "components", "pipelines"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    for name in tracked:
        in_wheel = name.removeprefix("src/")
        if in_wheel == name:
            in_wheel = f"adore/_kfp/{name}"
        assert in_wheel in names, name


@pytest.mark.slow
def test_an_installed_wheel_runs_the_loop_in_an_empty_folder(
    wheel: Path, tmp_path: Path
) -> None:
    home = tmp_path / "venv"
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(home)], check=True
    )
    python = home / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q"]
    subprocess.run([*install, "--no-deps", "--no-index", str(wheel)], check=True)
    # The packages that ADORE needs are those of this environment; a folder that a .pth
    # names is not searched for further .pth files, so the checkout stays out of sight.
    site = next(home.glob("lib/python*/site-packages"))
    (site / "here.pth").write_text(sysconfig.get_path("purelib") + "\n")
    empty = tmp_path / "empty"
    empty.mkdir()
    clean = {
        k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "ADORE"))
    }

    where = [str(python), "-c", "import adore; print(adore.__file__)"]
    shown = subprocess.run(
        where, cwd=empty, env=clean, capture_output=True, text=True, check=True
    )
    assert shown.stdout.startswith(str(home))

    profile = ROOT / "tests" / "tiny.yaml"
    command = [str(home / "bin" / "adore"), "run", "--data", "demo"]
    command += ["--profile", str(profile), "--out", "first"]
    done = subprocess.run(
        command, cwd=empty, env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (empty / "first" / "index.html").is_file()
