"""The stage that makes the two variants of an experiment."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from adore.artifacts import write_table
from adore.errors import ConfigError
from adore.release import release
from adore.storage import write_json
from adore.student.rankers import load_ranker, save_baseline
from adore.types import Item

ITEMS = [Item(f"i{n}", f"{colour} mug") for n, colour in enumerate(("red", "blue"))]


def ranker(folder: Path, kind: str) -> Path:
    folder.mkdir()
    save_baseline(kind, ITEMS, folder)
    write_json({"stage": "distil"}, folder / "manifest.json")
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """What release reads: items, a ranker in the student's place, a passed gate."""
    (tmp_path / "prepare").mkdir()
    row = {"brand": "", "category": "", "description": "", "bullet_points": []}
    write_table(
        [
            {"item_id": i.item_id, "title": i.title, **row, "attributes": "{}"}
            for i in ITEMS
        ],
        tmp_path / "prepare",
        "items",
    )
    ranker(tmp_path / "distil", "bm25")
    (tmp_path / "gate").mkdir()
    verdict = {"passed": True, "champion": "champion", "baseline": "bm25"}
    write_json(verdict, tmp_path / "gate" / "gate.json")
    return tmp_path


def released(run: Path, champion: Path | None) -> dict[str, dict[str, str]]:
    output = run / "release"
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir()
    folders = (run / "prepare", run / "distil", run / "gate")
    release.run(release.Config(), *folders, output=output, champion=champion)
    plan = json.loads((output / "experiment.json").read_text("utf-8"))
    for name, variant in plan["variants"].items():
        served = load_ranker(output / variant["folder"])
        assert (served.kind, served.version) == (variant["kind"], variant["version"])
        assert not (output / "variants" / name / "manifest.json").exists()
    return {"name": plan["name"], **plan["variants"]}


def test_the_champion_becomes_the_control(run: Path) -> None:
    champion = ranker(run / "champion", "random")
    card = json.loads((champion / "card.json").read_text("utf-8"))
    plan = released(run, champion)
    assert plan["control"]["version"] == card["version"]
    assert plan["name"] == f"random-vs-{plan['challenger']['version']}"


def test_without_a_champion_the_best_baseline_is_the_control(run: Path) -> None:
    assert released(run, None)["control"]["kind"] == "bm25"


@pytest.mark.parametrize("lost", ["card.json", "text_index.json"])
def test_a_champion_that_cannot_serve_is_refused(run: Path, lost: str) -> None:
    champion = ranker(run / "champion", "bm25")
    (champion / lost).unlink()
    with pytest.raises(ConfigError, match=r"release.champion == .*must be a ranker"):
        released(run, champion)
