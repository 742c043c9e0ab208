"""The live experiment is judged by what a real router shipped; shoppers are simulated by one rule."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from tests.serving.conftest import ITEMS

from adore.errors import ConfigError
from adore.release.kubernetes import Release
from adore.release.kubernetes_config import Config
from adore.release.local import LocalTarget
from adore.release.online import judge_live
from adore.serving.router import create_app


@pytest.fixture(scope="module")
def shipped(shop_release: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, object]]:
    """240 users; two in three that see red shoes first (BM25's answer) buy, and one in ten of all."""
    home = tmp_path_factory.mktemp("online")
    with LocalTarget(shop_release, home / "target") as target:
        plan = json.loads((target.work / "router.json").read_text())
        with TestClient(create_app(plan, home / "logs", str(home / "shipped"))) as client:
            for n in range(240):
                body = {"user_id": f"u{n}", "query": "red running shoes", "items": ITEMS}
                top = client.post("/rank", json=body).json()["items"][0]["item_id"]
                event = {"event_id": f"e{n}", "client_id": f"u{n}", "action_name": "purchase", "timestamp": 1}
                if (top in ("i0", "i1") and n % 3) or n % 10 == 0:
                    client.post("/events", json=[event])
    return str(home / "shipped"), plan


def live(place: str, plan: dict[str, object]) -> Release:
    return Release(1, plan, Config(exposures=place), live=True)


def test_a_better_challenger_is_promoted_on_what_was_shipped(shipped: tuple[str, dict[str, object]]) -> None:
    result = judge_live(live(*shipped))
    assert result["exposures"] == 240 and result["torn"] == 0
    assert result["decision"]["action"] == "promote", result


def test_other_experiments_rows_do_not_count(shipped: tuple[str, dict[str, object]]) -> None:
    result = judge_live(live(shipped[0], {**shipped[1], "name": "another"}))
    assert result["exposures"] == 0 and result["decision"]["action"] == "hold"


def test_before_anybody_came_it_holds(shipped: tuple[str, dict[str, object]], tmp_path: Path) -> None:
    shutil.copytree(Path(shipped[0]) / "exposures", tmp_path / "exposures")
    no_events = judge_live(live(str(tmp_path), shipped[1]))
    assert no_events["decision"]["reason"] == "purchases_per_user never happened, so it cannot be compared"
    assert judge_live(live(str(tmp_path / "nowhere"), shipped[1]))["decision"]["action"] == "hold"


def test_a_release_that_ships_nothing_says_what_to_set(shipped: tuple[str, dict[str, object]]) -> None:
    with pytest.raises(ConfigError, match=r"kubernetes.exposures == '', must be a place"):
        judge_live(live("", shipped[1]))
