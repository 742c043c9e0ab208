"""What a shop does before its next round: wait, leave a cluster's run alone, or run beside."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from tests.rounds.test_state import (
    CHALLENGER,
    CONTROL,
    FIRST,
    MADE,
    PROMOTED,
    STUDENT,
    decided,
    started,
)
from typer.testing import CliRunner

from adore.artifacts import Manifest
from adore.cli.main import app
from adore.errors import ConfigError, MissingError
from adore.pipeline.ending import finish
from adore.pipeline.rounds import Shop, begin_round, choose_shop
from adore.report.timeline import ROUNDS
from adore.rounds.entries import Action, Kind, Status
from adore.rounds.registry import Draft, append, read_state
from adore.run_record import begin_run
from adore.storage import write_json


def write(shop: str, *drafts: Draft) -> None:
    for draft in drafts:
        append(shop, lambda _, draft=draft: draft)  # type: ignore[misc]


@pytest.mark.parametrize("action", [Action.HOLD, None])
def test_a_shop_may_wait_for_a_decision(
    tmp_path: Path, action: Action | None, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = str(tmp_path / "shop")
    held = [decided(1, action, CONTROL)] if action else []
    write(shop, *FIRST, *held, Draft(Kind.ENDED, 1, MADE))
    profile = json.dumps({"rounds": {"on_hold": "wait"}})
    before = read_state(shop)
    assert begin_round(Shop(shop, "demo", profile, 0)) is None
    assert read_state(shop) == before
    assert "round 1 is undecided" in capsys.readouterr().err


def test_a_round_that_a_cluster_runs_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop, run = str(tmp_path / "shop"), str(tmp_path / "run")
    draft = started(1)
    draft.details["run"] = run
    write(shop, draft)
    begin_run(run, data="demo", profile="tiny", seed=0, job="j-7")
    assert begin_round(Shop(shop, "demo", "laptop", 0)) is None
    assert "run j-7 does it on the cluster" in capsys.readouterr().err


def test_a_runs_end_is_entered_once_and_is_on_its_page(tmp_path: Path) -> None:
    shop, run = str(tmp_path / "shop"), tmp_path / "run"
    draft = started(1)
    draft.details["run"] = str(run)
    write(shop, draft)
    profile = json.dumps({"rounds": {"shop": shop, "number": 1}})
    begin_run(str(run), data="demo", profile="tiny", seed=0)
    verdict: dict[str, object] = {
        "passed": False,
        "champion": "bm25",
        "baseline": "bm25",
    }
    verdict["reasons"] = ["too bad"]
    write_json(verdict, run / "gate" / "gate.json")
    for _ in range(2):
        finish(str(run), "SUCCEEDED", profile=profile)
    state = read_state(shop)
    assert (state.last, state.rounds[0].status) == (2, Status.REFUSED)
    (row,) = json.loads((run / ROUNDS).read_text("utf-8"))
    assert row["gate"]["reasons"] == ["too bad"] and row["status"] == "refused"
    assert "<h2>Rounds</h2>" in (run / "index.html").read_text("utf-8")


def write_prepare(run: str) -> None:
    done = Manifest("prepare", "0", "0", {}, {}, {}, "0", {}, {}, 1.0, 0.0, {})
    write_json(asdict(done), f"{run}/prepare/manifest.json")


@pytest.mark.parametrize("prepared", [False, True])
def test_an_unfinished_round_begins_again_with_what_is_corrected(
    tmp_path: Path, prepared: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = str(tmp_path / "shop")
    if prepared:
        write_prepare(f"{shop}/rounds/0001")
    places = []
    for name in ("nowhere", "nor here"):
        with pytest.raises(MissingError, match=name):
            begin_round(Shop(shop, str(tmp_path / name), "laptop", 0))
        state = read_state(shop)
        (only_round,) = state.rounds
        places.append(only_round.started.details["data"])
        assert only_round.number == 1 and state.unfinished == only_round
    assert places == [str(tmp_path / "nowhere"), str(tmp_path / "nor here")]
    assert "round 1 begins again with another data" in capsys.readouterr().err
    # The same arguments add nothing.
    with pytest.raises(MissingError):
        begin_round(Shop(shop, str(tmp_path / "nor here"), "laptop", 0))
    assert read_state(shop) == state


def test_a_round_that_a_cluster_runs_goes_on_as_it_began(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop, run = str(tmp_path / "shop"), str(tmp_path / "run")
    draft = started(1)
    draft.details["run"] = run
    write(shop, draft)
    begin_run(run, data="demo", profile="tiny", seed=0, job="j-7")
    begin_round(Shop(shop, "demo", "laptop", 3))
    assert read_state(shop).last == 1
    printed = capsys.readouterr().err
    assert "another profile and seed counts from the next round on" in printed


def test_a_round_that_is_decided_goes_on_as_it_began(tmp_path: Path) -> None:
    shop = str(tmp_path / "shop")
    draft = started(1)
    draft.details["run"] = str(tmp_path / "run")
    draft.details["data"] = str(tmp_path / "nowhere")
    write(shop, draft, decided(1, Action.PROMOTE, CHALLENGER))
    with pytest.raises(MissingError, match="nowhere"):
        begin_round(Shop(shop, "demo", "laptop", 0))
    assert read_state(shop).last == 2


def test_a_run_whose_profile_only_names_a_shop_is_no_round(tmp_path: Path) -> None:
    shop, run = str(tmp_path / "shop"), tmp_path / "run"
    profile = json.dumps({"rounds": {"shop": shop}})
    begin_run(str(run), data="demo", profile="tiny", seed=0)
    verdict = {"passed": True, "champion": "bm25", "baseline": "bm25", "reasons": []}
    write_json(verdict, run / "gate" / "gate.json")
    control = run / "release" / "variants" / "control"
    write_json({"version": "bm25-1", "kind": "bm25"}, control / "card.json")
    finish(str(run), "SUCCEEDED", profile=profile)
    assert read_state(shop).last == 0


def test_two_folders_of_one_name_are_two_shops(tmp_path: Path) -> None:
    place = Path(choose_shop("one/shop", "laptop", 0, tmp_path))
    assert place == tmp_path / "shop-shop-laptop-0"
    draft = started(1)
    draft.details["data"] = str(Path("one/shop").absolute())
    write(str(place), draft)
    assert choose_shop("one/shop", "laptop", 0, tmp_path) == str(place)
    with pytest.raises(ConfigError, match="two/shop"):
        choose_shop("two/shop", "laptop", 0, tmp_path)


def test_a_shop_without_the_files_of_its_rounds_still_has_a_history(
    tmp_path: Path,
) -> None:
    shop = tmp_path / "shop"
    write(str(shop), *PROMOTED)
    shown = CliRunner().invoke(app, ["run", "--shop", str(shop), "--rounds", "1"])
    assert shown.exit_code == 0, shown.output
    assert f"champion: {STUDENT}" in shown.output
