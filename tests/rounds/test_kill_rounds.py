"""kill -9 in the second round, then the same command: the registry says the same."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from adore.config import load_profile
from adore.rounds.entries import Document
from adore.rounds.registry import read_entries, read_state

pytestmark = pytest.mark.slow
TINY = str(Path(__file__).parents[1] / "tiny.yaml")
ADORE = [sys.executable, "-c", "from adore.cli import main; main()"]


def command(shop: Path, profile: Path, rounds: int) -> list[str]:
    arguments = ["run", "--profile", str(profile), "--shop", str(shop)]
    return [*ADORE, *arguments, "--rounds", str(rounds)]


def run_rounds(shop: Path, profile: Path, rounds: int) -> str:
    done = subprocess.run(
        command(shop, profile, rounds), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def kill_when(shop: Path, profile: Path, step: str) -> None:
    """Kill the command and all that it started as soon as a step runs."""
    child = subprocess.Popen(
        command(shop, profile, 2),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert child.stderr
    seen = _until(child.stderr, step)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    child.stderr.close()
    assert step in seen[-1], f"{step} never ran: {seen[-5:]}"


def _until(lines: Iterable[str], step: str) -> list[str]:
    seen = list[str]()
    for line in lines:
        seen.append(line)
        if line.startswith(step) and " runs" in line:
            break
    return seen


def figures(shop: Path) -> list[Document]:
    """Everything that the registry says, without when it was written."""
    written = [entry.to_json() for entry in read_entries(str(shop))]
    for entry in written:
        del entry["time"]
    return written


def test_a_killed_round_gives_the_same_figures(tmp_path: Path) -> None:
    profile = tmp_path / "tiny.yaml"
    sections = load_profile(TINY)
    sections["experiment"]["traffic"] = 120
    profile.write_text(yaml.safe_dump(sections))
    shop, first = tmp_path / "shop", tmp_path / "first"
    run_rounds(shop, profile, 1)
    shutil.copytree(shop, first, symlinks=True)
    printed = run_rounds(shop, profile, 2)
    undisturbed = figures(shop)
    assert read_state(str(shop)).ended == 2
    assert "* measured on simulated shoppers" in printed
    assert len({entry["number"] for entry in undisturbed}) == len(undisturbed)
    kinds = [entry["kind"] for entry in undisturbed]
    assert kinds.count("round-ended") == 2 and "decision" in kinds

    # At the same place, so that paths in the registry are the same.
    shutil.rmtree(shop)
    first.rename(shop)
    for step in ("align", "experiment"):
        kill_when(shop, profile, step)
    assert read_state(str(shop)).unfinished
    run_rounds(shop, profile, 2)
    assert figures(shop) == undisturbed
    assert (
        "2 ended rounds, 2 are wanted"
        in subprocess.run(
            command(shop, profile, 2), capture_output=True, text=True, check=True
        ).stderr
    )
