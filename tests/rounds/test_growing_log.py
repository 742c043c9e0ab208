"""A router logs on while a round runs: a round that was killed reads what it read before."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path

import pytest
from tests.rounds.test_begin import write
from tests.rounds.test_state import MADE

from adore.config import load_profile
from adore.pipeline.rounds import Shop, begin_round
from adore.rounds.entries import Kind
from adore.rounds.registry import Draft
from adore.rounds.state import Round
from adore.serving.exposure import Log, Shipper

pytestmark = pytest.mark.slow
TINY = str(Path(__file__).parents[1] / "tiny.yaml")
WHEN = 1_767_225_600_000


def ship(place: Path, name: str, count: int) -> list[Path]:
    """Log exposures with a router's own code; returns the files that are new at the place."""
    before = set(place.rglob("*.jsonl"))
    log = Log(place.parent / "pod" / "exposures.jsonl")
    for number in range(count):
        log.append(
            {
                "exposure_id": f"{name}-{number}",
                "timestamp": WHEN + number,
                "client_id": f"{name}-{number}",
                "session_id": f"{name}-{number}",
                "query_id": name,
                "user_query": name,
                "item_ids": ["b", "a"],
            }
        )
    Shipper({"exposures/e": log}, str(place)).ship()
    log.close()
    return sorted(set(place.rglob("*.jsonl")) - before)


def logged(of_round: Round | None) -> int:
    assert of_round
    production = Path(of_round.run) / "prepare" / "production.json"
    return int(json.loads(production.read_text("utf-8"))["exposures"])


def next_second() -> None:
    """A round is cut at its start, in whole seconds."""
    time.sleep(1.1)


def test_a_place_that_grows_changes_no_figure_of_a_round(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "place"
    ship(place, "before", 10)
    profile = {**load_profile(TINY), "prepare": {"logs": [str(place)]}}
    shop = Shop(str(tmp_path / "shop"), "demo", json.dumps(profile), 0)
    next_second()
    first = begin_round(shop)
    assert first and logged(first) == 10
    manifest = Path(first.run) / "prepare" / "manifest.json"
    written = manifest.read_bytes()
    assert "how the input is understood" in capsys.readouterr().err

    # One file was put aside before the round and comes late; another is of later.
    start = datetime.fromisoformat(first.started.time).timestamp()
    (late,) = ship(place, "late", 2)
    late.rename(late.with_name(f"pod-{int((start - 30) * 1e9)}.jsonl"))
    ship(place, "after", 5)
    resumed = begin_round(shop)
    printed = capsys.readouterr().err
    assert resumed == first and "prepare           kept" in printed
    assert "how the input is understood" not in printed
    assert manifest.read_bytes() == written

    # Done again from its beginning, it reads what was put aside by its start.
    manifest.unlink()
    assert logged(begin_round(shop)) == 12

    write(shop.place, Draft(Kind.ENDED, 1, {**MADE, "run": first.run}))
    next_second()
    assert logged(begin_round(shop)) == 17
