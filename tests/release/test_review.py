"""The live experiment is judged by what a real router logged;
shoppers are simulated by one rule.
"""

from __future__ import annotations

import json
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.serving.conftest import ITEMS

from adore.errors import ConfigError
from adore.release import review
from adore.release.kubernetes.config import Config
from adore.release.kubernetes.releases import Release, read_plan
from adore.release.local import LocalTarget
from adore.release.release import shop_actions
from adore.serving.router import create_app
from adore.storage import write_json

START = time.time()
LATER = START + 25 * 3600
"""When every shopper was watched for a day."""


def analysed(release: Release, **clock: float) -> dict[str, Any]:
    """The live experiment's result and decision, as they are written."""
    return review.analyse_live(release, **clock).to_json()


def ship(
    rows: list[dict[str, Any] | str], place: Path, log: str, piece: str = "p0"
) -> None:
    """Put rows where a router ships them to."""
    folder = place / log / datetime.fromtimestamp(START, UTC).date().isoformat()
    folder.mkdir(parents=True, exist_ok=True)
    lines = [r if isinstance(r, str) else json.dumps(r) for r in rows]
    (folder / f"{piece}.jsonl").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def shipped(
    shop_release: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """260 users; nearly all that see red shoes first (BM25's answer) buy, and one in ten of all."""
    home = tmp_path_factory.mktemp("live")
    with LocalTarget(shop_release, home / "target") as target:
        plan = json.loads((target.work / "router.json").read_text())
        with TestClient(create_app(plan, home / "logs")) as client:
            for n in range(260):
                body = {
                    "user_id": f"u{n}",
                    "query": "red running shoes",
                    "items": ITEMS,
                }
                top = client.post("/rank", json=body).json()["items"][0]["item_id"]
                event = {
                    "event_id": f"e{n}",
                    "client_id": f"u{n}",
                    "action_name": "purchase",
                }
                if (top in ("i0", "i1") and n % 8) or n % 10 == 0:
                    client.post(
                        "/events",
                        json=[{**event, "timestamp": int(1000 * time.time())}],
                    )
    for log, folder in (
        ("exposures", f"exposures/{plan['name']}"),
        ("events", "events"),
    ):
        ship(
            (home / "logs" / f"{log}.jsonl").read_text().splitlines(),
            home / "shipped",
            folder,
        )
    return home / "shipped", plan


def live(place: Path | str, plan: dict[str, Any], number: int = 1) -> Release:
    created = datetime.fromtimestamp(START, UTC).isoformat()
    return Release(
        number, plan, Config(exposures=str(place)), live=True, created=created
    )


def test_a_better_challenger_is_promoted_on_what_was_shipped(
    shipped: tuple[Path, dict[str, Any]],
) -> None:
    result = analysed(live(*shipped), now=LATER)
    assert result["exposures"] == 260 and result["left_out"] == {
        "exposures": 0,
        "events": 0,
    }
    assert result["decision"]["action"] == "promote", result
    assert "however often one looks" in result["decision"]["method"]


def test_nobody_counts_before_being_watched_for_a_day(
    shipped: tuple[Path, dict[str, Any]],
) -> None:
    decision = analysed(live(*shipped), now=START + 3600)["decision"]
    assert decision["action"] == "hold" and "watched for 24 hours" in decision["reason"]


def test_one_odd_row_spoils_no_other(
    shipped: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    shutil.copytree(shipped[0], tmp_path / "place")
    plain = {
        "client_id": "somebody",
        "action_name": "click",
        "timestamp": int(1000 * START),
    }
    odd: list[dict[str, Any] | str] = [
        {**plain, "event_id": f"c{n}"} for n in range(150)
    ]
    odd.append(
        {
            **plain,
            "event_id": "m",
            "message": "thanks",
            "event_attributes": {"a": [1, {"b": 2}]},
        }
    )
    odd.append({**plain, "event_id": "o", "object_id": {"id": 1}, "position": "first"})
    odd += [
        {**plain, "event_id": "t", "timestamp": 10**30},
        {**plain, "event_id": None},
        "[1]",
        '{"event_id": "cu',
    ]
    ship(odd, tmp_path / "place", "events", "p1")
    ship(
        ["\x00\x00", '{"exposure_id": "x"}'],
        tmp_path / "place",
        f"exposures/{shipped[1]['name']}",
        "p1",
    )
    before = analysed(live(*shipped), now=LATER)
    after = analysed(live(tmp_path / "place", shipped[1]), now=LATER)
    assert after["left_out"] == {"exposures": 2, "events": 3 + 153}
    assert after["left_out_reasons"]["events"] == {
        "cannot be read": 3,
        "of users who were never exposed": 153,
    }
    assert (
        after["metrics"] == before["metrics"]
        and after["decision"] == before["decision"]
    )


def test_a_ramp_is_an_epoch_of_its_own(
    shipped: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    rows = [
        r
        for p in shipped[0].rglob("exposures/**/*.jsonl")
        for r in map(json.loads, p.read_text().splitlines())
    ]
    small = [
        {
            **r,
            "release": 1,
            "variant": "control",
            "exposure_id": f"{r['exposure_id']}-1",
        }
        for r in rows
    ]
    large = [{**r, "release": 2, "exposure_id": f"{r['exposure_id']}-2"} for r in rows]
    ship([*small, *large], tmp_path, f"exposures/{shipped[1]['name']}")
    shutil.copytree(shipped[0] / "events", tmp_path / "events")
    assert (
        analysed(live(tmp_path, shipped[1], 2), now=LATER)["decision"]["action"]
        == "promote"
    )
    assert (
        "mixed salts" in analysed(live(tmp_path, shipped[1], 1), now=LATER)["refusal"]
    )


def test_a_dead_challenger_is_rolled_back_at_once(
    shipped: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    rows = [
        r
        for p in shipped[0].rglob("exposures/**/*.jsonl")
        for r in map(json.loads, p.read_text().splitlines())
    ]
    version = shipped[1]["variants"]["control"]["version"]
    ship(
        [{**r, "served": "control", "model_version": version} for r in rows],
        tmp_path,
        f"exposures/{rows[0]['experiment']}",
    )
    assert (
        analysed(live(tmp_path, shipped[1]), now=START + 60)["decision"]["action"]
        == "roll back"
    )


def test_the_plans_design_is_kept(
    shipped: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    design = {"alpha": 0.01, "min_users": 500, "window_hours": 0.01}
    folders = {
        n: {**v, "folder": f"variants/{n}"} for n, v in shipped[1]["variants"].items()
    }
    write_json(
        {"name": "shop", "actions": {"kauf": "purchase"}}, tmp_path / "dataset.json"
    )
    plan = {
        **shipped[1],
        "design": design,
        "actions": shop_actions(tmp_path),
        "variants": folders,
    }
    (tmp_path / "experiment.json").write_text(json.dumps(plan))
    plan = read_plan(Config(claim=f"runs:{tmp_path.parent}"), str(tmp_path))
    result = analysed(live(shipped[0], plan), now=START + 3600)
    assert plan["actions"] == {"kauf": "purchase"}
    assert (
        result["design"]["alpha"] == 0.01
        and "at least 500 each are needed" in result["refusal"]
    )


def test_other_experiments_rows_do_not_count(
    shipped: tuple[Path, dict[str, Any]],
) -> None:
    result = analysed(live(shipped[0], {**shipped[1], "name": "another"}), now=LATER)
    assert result["exposures"] == 0 and result["decision"]["action"] == "hold"


def test_before_anybody_came_it_holds(
    shipped: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    shutil.copytree(shipped[0] / "exposures", tmp_path / "exposures")
    no_events = analysed(live(tmp_path, shipped[1]), now=LATER)
    assert (
        no_events["decision"]["reason"]
        == "purchases_per_user never happened, so it cannot be compared"
    )
    assert (
        analysed(live(tmp_path / "nowhere", shipped[1]))["decision"]["action"] == "hold"
    )


def with_events(shipped: tuple[Path, dict[str, Any]], place: Path, change: Any) -> Path:
    """The shipped logs with every event changed."""
    shutil.copytree(shipped[0] / "exposures", place / "exposures")
    rows = [
        r
        for p in shipped[0].rglob("events/**/*.jsonl")
        for r in map(json.loads, p.read_text().splitlines())
    ]
    ship([change(row) for row in rows], place, "events")
    return place


def ubi(row: dict[str, Any]) -> dict[str, Any]:
    """An event as UBI 1.3 has it: no id, a time in words, and the shop's name for a purchase."""
    when = datetime.fromtimestamp(row["timestamp"] / 1000, UTC).isoformat(
        sep=" ", timespec="milliseconds"
    )
    more = {
        "event_attributes": {"object": {"object_id": "i0"}, "position": {"ordinal": 1}}
    }
    return {
        "client_id": row["client_id"],
        "action_name": "kauf",
        "timestamp": when.replace("+00:00", " UTC"),
        **more,
    }


def test_the_shops_words_hold_online_and_times_are_read_as_in_training(
    shipped: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    place, plan = (
        with_events(shipped, tmp_path, ubi),
        {**shipped[1], "actions": {"kauf": "purchase"}},
    )
    plain, translated = (
        analysed(live(*shipped), now=LATER),
        analysed(live(place, plan), now=LATER),
    )
    assert translated["metrics"] == plain["metrics"] and translated["left_out"] == {
        "exposures": 0,
        "events": 0,
    }
    for name, times in (
        ("seconds", lambda ms: ms // 1000 + 1),
        ("microseconds", lambda ms: ms * 1000),
    ):
        change = lambda r, of=times: {**r, "timestamp": of(r["timestamp"])}  # noqa: E731
        other = with_events(shipped, tmp_path / name, change)
        assert (
            analysed(live(other, shipped[1]), now=LATER)["decision"]["action"]
            == "promote"
        )
    alias = with_events(
        shipped, tmp_path / "alias", lambda r: {**r, "action_name": "product_purchase"}
    )
    assert (
        analysed(live(alias, shipped[1]), now=LATER)["decision"]["action"] == "promote"
    )


def test_events_that_count_for_nothing_are_counted_and_told(
    shipped: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    unknown = analysed(
        live(with_events(shipped, tmp_path / "a", ubi), shipped[1]), now=LATER
    )
    assert (
        unknown["left_out"]["events"] > 100
        and "of the unknown action 'kauf'" in unknown["decision"]["reason"]
    )
    assert "never happened" not in unknown["decision"]["reason"]
    others = with_events(
        shipped, tmp_path / "b", lambda r: {**r, "client_id": f"x-{r['client_id']}"}
    )
    strangers = analysed(live(others, shipped[1]), now=LATER)
    assert "of users who were never exposed" in strangers["decision"]["reason"]


def test_a_release_that_ships_nothing_says_what_to_set(
    shipped: tuple[Path, dict[str, Any]],
) -> None:
    with pytest.raises(
        ConfigError, match=r"kubernetes.exposures == '', must be a place"
    ):
        analysed(live("", shipped[1]))
