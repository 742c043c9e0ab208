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
from adore.rounds.entries import Document, Status
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


def kill_when(shop: Path, profile: Path, step: str, rounds: int = 2) -> None:
    """Kill the command and all that it started as soon as a step runs."""
    child = subprocess.Popen(
        command(shop, profile, rounds),
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


def test_a_refused_student_starves_no_shop(tmp_path: Path) -> None:
    """The champion goes on alone, and what it logs is new to the round after."""
    profile = tmp_path / "tiny.yaml"
    sections = load_profile(TINY)
    sections["experiment"]["traffic"] = 120
    profile.write_text(yaml.safe_dump(sections))
    shop = tmp_path / "shop"
    run_rounds(shop, profile, 1)

    sections["gate"]["margin"] = -10.0  # no student passes
    profile.write_text(yaml.safe_dump(sections))
    kill_when(shop, profile, "production")
    printed = run_rounds(shop, profile, 2)
    state = read_state(str(shop))
    assert state.rounds[1].status is Status.REFUSED
    assert state.rounds[1].made["production"]["value"] > 0
    assert "* measured on simulated shoppers" in printed

    run_rounds(shop, profile, 3)
    second, third = read_state(str(shop)).rounds[1:]
    assert third.status is Status.REFUSED
    before, after = (
        made_round.made["data"]["production"]["exposures"]
        for made_round in (second, third)
    )
    # Each round has 60 measured visits and the traffic.
    assert after == before + 180
    assert third.champion and third.champion == second.champion


def test_before_a_first_release_a_shop_says_why_nothing_is_new(tmp_path: Path) -> None:
    profile = tmp_path / "tiny.yaml"
    sections = load_profile(TINY)
    sections["gate"]["margin"] = -10.0
    profile.write_text(yaml.safe_dump(sections))
    done = subprocess.run(
        command(tmp_path / "shop", profile, 2),
        capture_output=True,
        text=True,
        check=True,
    )
    state = read_state(str(tmp_path / "shop"))
    statuses = [ended_round.status for ended_round in state.rounds]
    assert statuses == [Status.REFUSED, Status.UNCHANGED]
    assert "no round has passed its gate yet, so nothing serves" in done.stderr
