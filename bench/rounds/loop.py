"""Rounds of the loop on the small demo shop, each in this process, with what a variation changes.

A variation's shop has a registry of its own, which is what ``adore run --shop`` writes: what a
round starts from is computed by the same code. Every round and every step that is done is kept,
so a bench that was stopped goes on.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.rounds.known_truth import measure_ranker

from adore import __version__
from adore.config import Profile, load_profile
from adore.experiment.metrics import PRIMARY
from adore.pipeline import runner
from adore.pipeline.graph import LOOP
from adore.progress import log_line
from adore.release.simulated_visits import VisitsConfig, pushed_items
from adore.rounds.config import Config
from adore.rounds.ending import end_round
from adore.rounds.entries import Kind, Status
from adore.rounds.made import card_of
from adore.rounds.registry import Draft, append, read_state
from adore.rounds.state import State
from adore.rounds.values import merged, values_of
from adore.storage import write_json

__all__ = ["ROUNDS", "Document", "Variation", "measured_rounds"]

HOME = Path(os.environ.get("ADORE_BENCH_RUNS", "runs/bench-rounds"))
"""Where the runs are; a gigabyte a seed and variation."""
PROFILE = Path(__file__).parent / "profile.yaml"
ROUNDS = 4
FIRST = "first"
"""Name of the shop of a seed's first round, which all variations share."""
RELEASED = ("release", "experiment")
"""Steps of a round that only a passed gate allows."""
ALONE = "production"
"""Step in which the champion serves everybody, because the gate refused."""
Document = dict[str, Any]


@dataclass(frozen=True)
class Variation:
    """What one loop does otherwise than another.

    Args:
        name: folder under the seed's.
        changes: values over the profile, from round two on.
        first_changes: values of the first round's release and experiment.
        drifts: whether the shop drifts once a round.
        reads_logs: whether a round learns from what the earlier ones logged.
    """

    name: str
    changes: Profile = field(default_factory=dict)
    first_changes: Profile = field(default_factory=dict)
    drifts: bool = False
    reads_logs: bool = True


def measured_rounds(variation: Variation, seed: int) -> list[Document]:
    """Run a variation's rounds, or what is left of them.

    Args:
        variation: what it changes.
        seed: of the shop, the shoppers and every stage.

    Returns:
        What was measured in each round.
    """
    home = HOME / f"seed-{seed}"
    first = _Loop(home / FIRST, seed, Variation(FIRST))
    first.run(1)
    loop = _Loop(home / variation.name, seed, variation)
    loop.begin_after(first)
    for number in range(1, ROUNDS + 1):
        loop.run(number)
    return [loop.measure(number) for number in range(1, ROUNDS + 1)]


@dataclass(frozen=True)
class _Loop:
    """One shop's rounds."""

    place: Path
    seed: int
    variation: Variation

    @property
    def shop(self) -> str:
        return str(self.place.absolute())

    def data(self, number: int) -> str:
        """The input of a round: the seed's demo shop, drifted once a round if it drifts."""
        drifts = number - 1 if self.variation.drifts else 0
        folder = (HOME / f"seed-{self.seed}" / f"shop-{drifts}").absolute()
        base = load_profile(str(PROFILE))
        section = {**base["demo_data"], "drift_round": drifts}
        profile = json.dumps({**base, "demo_data": section})
        runner.run_stage("demo-data", {}, str(folder), profile=profile, seed=self.seed)
        return str(folder)

    def begin_after(self, first: _Loop) -> None:
        """Begin with another shop's first round, or with one that only serves otherwise."""
        if (self.place / "registry").is_dir():
            return
        if not self.variation.first_changes:
            shutil.copytree(first.place / "registry", self.place / "registry")
            return
        run = self.place / "rounds" / "0001"
        run.mkdir(parents=True, exist_ok=True)
        for name in LOOP:
            if name not in (*RELEASED, ALONE) and not (run / name).exists():
                step = first.place.absolute() / "rounds" / "0001" / name
                (run / name).symlink_to(step)

    def run(self, number: int) -> None:
        """Run a round; nothing if it has ended."""
        state = read_state(self.shop)
        if state.ended >= number:
            return
        log_line(f"bench: {self.place.name}, seed {self.seed}, round {number}")
        state = append(self.shop, lambda state: self._start(state, number))
        current_round = state.rounds[number - 1]
        run = current_round.run
        profile = json.dumps(
            merged(
                current_round.started.details["base"],
                current_round.started.details["values"],
            )
        )
        data = self.data(number)

        def run_steps(names: Iterable[str]) -> None:
            for name in names:
                runner.run_step(name, run, data=data, profile=profile, seed=self.seed)

        run_steps(name for name in LOOP if name not in (*RELEASED, ALONE))
        status = Status.PASSED if _passed(run) else Status.REFUSED
        if status is Status.REFUSED and current_round.champion is None:
            raise RuntimeError(f"{run}: the first round's gate refused; nothing serves")
        run_steps(RELEASED if status is Status.PASSED else [ALONE])
        end_round(Config(shop=self.shop, number=number), run, status)

    def _start(self, state: State, number: int) -> Draft | None:
        if state.unfinished:
            return None
        variation = self.variation
        changes = variation.changes if number > 1 else variation.first_changes
        base = merged(load_profile(str(PROFILE)), changes)
        values = values_of(state, self.shop, number, base)
        if not variation.reads_logs:
            values.get("prepare", {}).pop("logs", None)
        details = {
            "run": str(Path(self.shop) / "rounds" / f"{number:04d}"),
            "data": self.data(number),
            "profile": PROFILE.stem,
            "seed": self.seed,
            "version": __version__,
            "base": base,
            "values": values,
        }
        return Draft(Kind.STARTED, number, details)

    def measure(self, number: int) -> Document:
        """Read or compute what is known of a round that has ended."""
        state = read_state(self.shop)
        ended_round = state.rounds[number - 1]
        later_rounds = state.rounds[number:]
        champion = later_rounds[0].champion if later_rounds else state.champion
        kept = self.place / f"measured-{number}.json"
        if kept.is_file():
            return dict(json.loads(kept.read_text("utf-8")))

        run = Path(ended_round.run)
        prepared = run / "prepare"
        proof = ALONE if ended_round.status is Status.REFUSED else "experiment"
        result = json.loads((run / proof / "result.json").read_text("utf-8"))
        control = run / "release" / "variants" / "control"
        if ended_round.champion:
            control = Path(ended_round.champion.place)
        rankers = {
            "served": control,
            "student": run / "distil",
            "serves": Path(champion.place) if champion else control,
            "first student": Path(state.rounds[0].run) / "distil",
        }
        brand = pushed_items(
            VisitsConfig(bots=0.1), Path(state.rounds[0].run) / "prepare"
        )[0]
        measured = {
            "round": number,
            "status": str(ended_round.status),
            "action": str(ended_round.action or ""),
            "gate": ended_round.made["gate"],
            "teacher": ended_round.made["teacher"],
            "effect": result["metrics"].get(PRIMARY, {}),
            "seconds": seconds_of(run),
            "brand": brand,
            "rankers": {},
        }
        # Two names often stand for one ranker.
        by_version: dict[str, Document] = {}
        for name, folder in rankers.items():
            version = card_of(str(folder))["version"]
            if version not in by_version:
                by_version[version] = measure_ranker(prepared, folder, brand)
            measured["rankers"][name] = by_version[version]
        write_json(measured, kept)
        return measured


def seconds_of(run: Path) -> float:
    """Seconds that the steps of a round took, without what lies between them."""
    seconds = 0.0
    for manifest_file in [
        *run.glob("*/manifest.json"),
        *run.glob("*/[0-9]*/manifest.json"),
    ]:
        seconds += json.loads(manifest_file.read_text("utf-8"))["seconds"]
    return round(seconds, 1)


def _passed(run: str) -> bool:
    verdict = json.loads((Path(run) / "gate" / "gate.json").read_text("utf-8"))
    return bool(verdict["passed"])
