"""The fold of a registry, what the next round starts from, and the table for people."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path

import pytest

from adore.artifacts import Manifest
from adore.rounds.ending import decide, set_champion
from adore.rounds.entries import Action, Document, Entry, Kind
from adore.rounds.registry import Draft, append, read_state
from adore.rounds.state import State, fold
from adore.rounds.table import history, render
from adore.rounds.values import merged, values_of
from adore.storage import write_json

STUDENT = "student-0123456789ab"
CONTROL: Document = {
    "version": "bm25-00112233",
    "kind": "bm25",
    "place": "s/champions/bm25-00112233",
    "run": "",
}
CHALLENGER: Document = {
    "version": STUDENT,
    "kind": "student",
    "place": f"s/champions/{STUDENT}",
    "run": "s/rounds/0001",
}
MADE: Document = {
    "status": "passed",
    "run": "s/rounds/0001",
    "data": {"rows": {"events": 10534.0}, "production": {}},
    "lexicon": "aa",
    "rulebook": "general@bb",
    "teacher": {"promoted": True, "kept_previous": False},
    "student": {"version": STUDENT, "kind": "student"},
    "gate": {"passed": True, "difference": 0.1034},
    "experiment": {
        "simulated": True,
        "control": 1.1,
        "effect": 0.251,
        "low": -0.064,
        "high": 0.567,
    },
}


def entries(*drafts: Draft) -> list[Entry]:
    return [
        Entry(
            number,
            f"2026-11-{number:02d}T03:00:00+00:00",
            draft.kind,
            draft.round,
            draft.details,
        )
        for number, draft in enumerate(drafts, 1)
    ]


def started(number: int) -> Draft:
    return Draft(
        Kind.STARTED,
        number,
        {
            "run": f"s/rounds/{number:04d}",
            "data": "demo",
            "profile": "tiny",
            "seed": 0,
            "base": {},
            "values": {},
        },
    )


def decided(number: int, action: Action, champion: Document) -> Draft:
    details = {"action": action.value, "by": "test", "champion": champion}
    return Draft(Kind.DECISION, number, details)


FIRST = (started(1), decided(1, Action.SET, CONTROL))
PROMOTED = (
    *FIRST,
    decided(1, Action.PROMOTE, CHALLENGER),
    Draft(Kind.ENDED, 1, MADE),
)


def test_a_promoted_challenger_is_the_champion_and_a_refused_round_changes_nothing() -> (
    None
):
    state = fold(entries(*PROMOTED))
    assert state.champion and state.champion.version == STUDENT
    assert (state.champion.since, state.champion.run) == (1, "s/rounds/0001")
    assert (state.teacher, state.lexicon, state.rulebook) == (
        "s/rounds/0001",
        "aa",
        "general@bb",
    )

    refused = {**MADE, "status": "refused", "run": "s/rounds/0002"}
    refused["teacher"] = {"promoted": False, "kept_previous": False}
    later = fold(entries(*PROMOTED, started(2), Draft(Kind.ENDED, 2, refused)))
    assert later.champion == state.champion
    assert later.teacher == "s/rounds/0001"
    assert (later.ended, later.unfinished) == (2, None)


@pytest.mark.parametrize("action", [Action.HOLD, Action.ROLL_BACK])
def test_what_is_not_promoted_leaves_the_control(action: Action) -> None:
    state = fold(
        entries(*FIRST, decided(1, action, CONTROL), Draft(Kind.ENDED, 1, MADE))
    )
    assert state.champion and state.champion.kind == "bm25"
    assert state.rounds[0].action is action


def test_a_live_experiment_lasts_until_it_is_decided() -> None:
    live = {**MADE, "live": "s/rounds/0001/release"}
    begun = (*FIRST, Draft(Kind.ENDED, 1, live))
    state = fold(entries(*begun))
    assert state.experiment and state.experiment.round == 1
    held = fold(entries(*begun, decided(1, Action.HOLD, CONTROL)))
    assert held.experiment == state.experiment
    ended = fold(entries(*begun, decided(1, Action.PROMOTE, CHALLENGER)))
    assert ended.experiment is None


def test_an_unfinished_round_is_found() -> None:
    state = fold(entries(*PROMOTED, started(2)))
    assert state.unfinished and state.unfinished.number == 2
    assert state.ended == 1
    assert state.rounds[1].champion and state.rounds[1].champion.version == STUDENT


def test_the_next_round_starts_from_what_is_in_force(tmp_path: Path) -> None:
    """Only what is there is named: the first run was deleted, its champion was kept."""
    state = fold(entries(*PROMOTED))
    base = {"release": {"explore": 0.3}, "prepare": {"window_days": 30}}
    values = values_of(state, "s", 2, base)
    assert values["release"] == {"champion": CHALLENGER["place"]}
    assert values["score"] == values["live"] == values["release"]
    assert values["align"] == {"previous": "s/rounds/0001"}
    assert values["rounds"] == {"shop": "s", "number": 2}
    assert "prepare" not in values and "synthesise" not in values
    profile = merged(base, values)
    assert profile["release"] == {"explore": 0.3, **values["release"]}
    assert profile["prepare"] == {"window_days": 30}
    assert base["release"] == {"explore": 0.3}


def test_where_the_last_challenger_lost_weighs_the_next_synthesis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    proof = tmp_path / "s" / "rounds" / "0001" / "experiment"
    proof.mkdir(parents=True)
    done = Manifest("experiment", "0", "0", {}, {}, {}, "0", {}, {}, 1.0, 0.0, {})
    write_json(asdict(done), proof / "manifest.json")
    values = values_of(fold(entries(*PROMOTED)), "s", 2, {})
    assert values["synthesise"] == {"experiment": "s/rounds/0001/experiment"}


def write_log(place: Path, exposures: int) -> None:
    place.mkdir(parents=True)
    rows = {"exposures": exposures}
    done = Manifest(place.name, "0", "0", {}, {}, {}, "0", rows, {}, 1.0, 0.0, {})
    write_json(asdict(done), place / "manifest.json")


REFUSED: Document = {
    **MADE,
    "status": "refused",
    "experiment": {},
    "production": {"value": 0.9, "low": 0.8, "high": 1.0, "simulated": True},
}


def test_a_refused_round_leaves_the_log_of_its_champion_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rounds = tmp_path / "s" / "rounds"
    # A pass of round two that was refused before left its log: the round passed since.
    for log in ("0001/experiment", "0002/experiment", "0002/production"):
        write_log(rounds / log, 9)
    write_log(rounds / "0003" / "production", 9)
    write_log(rounds / "0004" / "production", 0)
    passed = Draft(Kind.ENDED, 2, {**MADE, "run": "s/rounds/0002"})
    refused = [Draft(Kind.ENDED, number, REFUSED) for number in (3, 4)]
    later = (started(2), passed, started(3), refused[0], started(4), refused[1])
    state = fold(entries(*PROMOTED, *later))
    values = values_of(state, "s", 5, {"release": {"explore": 0.3}})
    logs = ["0001/experiment", "0002/experiment", "0003/production"]
    assert values["prepare"]["logs"] == [f"s/rounds/{log}" for log in logs]
    assert values["experiment"]["champion"] == CHALLENGER["place"]
    assert values["experiment"]["explore"] == 0.3
    assert history(state)[2]["bought"]["value"] == 0.9
    assert " 0.90* " in render(state).splitlines()[3]

    # Of a cluster's real shoppers the simulated ones say nothing.
    base = {"rounds": {"deploy": True}, "kubernetes": {"exposures": "s3://b/logs"}}
    values = values_of(state, "s", 5, base)
    assert values["prepare"]["logs"] == ["s3://b/logs"]
    assert "champion" not in values["experiment"]


def test_every_round_draws_other_visits_of_the_same_shoppers() -> None:
    first = values_of(State(), "s", 1, {})
    second = values_of(fold(entries(*PROMOTED)), "s", 2, {})
    visits = [one["experiment"]["first_visit"] for one in (first, second)]
    assert visits == [100, 200]
    assert "score" not in first and "align" not in first


def test_the_table_fits_106_columns() -> None:
    state = fold(entries(*PROMOTED, started(2)))
    lines = render(state).splitlines()
    assert max(map(len, lines[:4])) <= 106
    assert (
        lines[1].split()
        == (
            "1 2026-11-04 10534 - promoted 01234567 +0.103 yes 1.10* +0.25 [-0.06, +0.57]* "
            "promote 01234567"
        ).split()
    )
    assert lines[2].split()[0] == "2"
    assert "simulated" in lines[3]
    rows = history(state)
    assert [row["status"] for row in rows] == ["passed", "unfinished"]
    assert rows[0]["serves"] == {"version": STUDENT, "kind": "student"}


def test_a_promoted_challenger_outlives_its_run(tmp_path: Path) -> None:
    shop, run = str(tmp_path / "shop"), tmp_path / "run"
    draft = started(1)
    draft.details["run"] = str(run)
    append(shop, lambda state: draft)
    challenger = run / "release" / "variants" / "challenger"
    challenger.mkdir(parents=True)
    card = {"version": STUDENT, "kind": "student", "name": "x"}
    write_json(card, challenger / "card.json")
    (challenger / "net.onnx").write_bytes(b"net")

    for _ in range(2):  # the same decision is written once
        state = decide(shop, 1, Action.PROMOTE, by="test", reason="it is better")
    assert state.last == 2
    assert state.champion and state.champion.place == f"{shop}/champions/{STUDENT}"
    assert (Path(state.champion.place) / "net.onnx").read_bytes() == b"net"
    assert decide(shop, 1, Action.ROLL_BACK, by="test").champion == state.champion
    assert read_state(shop).rounds[0].action is Action.ROLL_BACK


def test_a_student_that_serves_again_is_the_champion_again(tmp_path: Path) -> None:
    shop, run = str(tmp_path / "shop"), tmp_path / "run"
    draft = started(1)
    draft.details["run"] = str(run)
    append(shop, lambda state: draft)
    challenger = run / "release" / "variants" / "challenger"
    card = {"version": STUDENT, "kind": "student"}
    write_json(card, challenger / "card.json")
    decide(shop, 1, Action.PROMOTE, by="test")
    set_champion(shop, CONTROL, by="test", reason="by hand")
    shutil.rmtree(run)

    for _ in range(2):
        state = decide(shop, 1, Action.PROMOTE, by="cluster")
        assert state.champion and state.champion.version == STUDENT
        assert state.last == 4


def test_a_copy_that_was_killed_is_made_again(tmp_path: Path) -> None:
    shop, run = str(tmp_path / "shop"), tmp_path / "run"
    draft = started(1)
    draft.details["run"] = str(run)
    append(shop, lambda state: draft)
    challenger = run / "release" / "variants" / "challenger"
    card = {"version": STUDENT, "kind": "student"}
    write_json(card, challenger / "card.json")
    (challenger / "net.onnx").write_bytes(b"net")
    # Of a store's folder the card came first, and the rest never.
    copy = tmp_path / "shop" / "champions" / STUDENT
    write_json(card, copy / "card.json")

    decide(shop, 1, Action.PROMOTE, by="test")
    assert (copy / "net.onnx").read_bytes() == b"net"
