"""Exploration shows the right share of lists in a random order, loses no item,
and logs what it showed.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.serving.conftest import ITEMS
from tests.serving.test_metrics import samples

from adore.release.local import LocalTarget
from adore.serving.exploration import PROPENSITY, explore
from adore.serving.exposure import read_log
from adore.serving.router import create_app

DRAWS = 4000
SEARCH_FIELDS = ("client_id", "session_id", "query_id")


@pytest.mark.parametrize("length", [0, 1, 2, 3, 8, 9])
def test_no_item_is_lost_doubled_or_moved_by_more_than_one(length: int) -> None:
    ranked = list(range(length))
    for draw in range(200):
        shown = explore(ranked, share=1.0, search=str(draw))
        assert sorted(shown.items) == ranked
        moved = [abs(item - place) for place, item in enumerate(shown.items)]
        assert max(moved, default=0) <= 1
        assert shown.explored == (length > 1)
        if shown.first_pair == 2:
            assert shown.items[0] == 0, "the first item is in no pair"


def test_every_pair_is_swapped_with_the_propensity_that_is_logged() -> None:
    begins, swapped = Counter[int](), Counter[tuple[int, int]]()
    for draw in range(DRAWS):
        shown = explore(range(7), share=1.0, search=f"e{draw}")
        begins[shown.first_pair] += 1
        for upper in range(shown.first_pair - 1, 6, 2):
            swapped[shown.first_pair, upper] += shown.items[upper] == upper + 1
    assert begins[1] / DRAWS == pytest.approx(0.5, abs=0.03)
    assert set(swapped) == {(1, 0), (1, 2), (1, 4), (2, 1), (2, 3), (2, 5)}
    for (first_pair, _), count in swapped.items():
        assert count / begins[first_pair] == pytest.approx(PROPENSITY, abs=0.05)


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_the_share_of_lists_is_explored_and_an_id_gives_one_order(share: float) -> None:
    lists = [explore("abcd", share=share, search=str(n)) for n in range(DRAWS)]
    explored = sum(shown.explored for shown in lists) / DRAWS
    assert explored == pytest.approx(share, abs=0.02)
    assert lists[7] == explore("abcd", share=share, search="7")


def asked(config: dict[str, Any], folder: Path) -> tuple[list[Any], list[Any], Any]:
    """Answers, exposures and metrics of a router that is asked 60 times."""
    body = {"query": "red shoes", "items": ITEMS}
    with TestClient(create_app(config, folder)) as client:
        answers = [
            client.post("/rank", json={"user_id": f"u{n}", **body}).json()
            for n in range(60)
        ]
        metrics = samples(client.get("/metrics").text)
    return answers, read_log(folder / "exposures.jsonl")[0], metrics


def test_the_router_shows_what_it_logs_and_keeps_each_items_score(
    target: LocalTarget, tmp_path: Path
) -> None:
    config = json.loads((target.work / "router.json").read_text())
    answers, exposures, metrics = asked({**config, "explore": 0.5}, tmp_path)

    by_id = {answer["exposure_id"]: answer["items"] for answer in answers}
    explored = Counter[str]()
    for exposure in exposures:
        items = by_id[exposure["exposure_id"]]
        assert [item["item_id"] for item in items] == exposure["item_ids"]
        ranked = sorted(items, key=lambda item: -item["score"])
        again = explore(
            ranked,
            share=float(exposure["explored"]),
            search="|".join(
                (config["salt"], *(exposure[name] for name in SEARCH_FIELDS))
            ),
        )
        assert exposure.get("first_pair", 0) == again.first_pair
        assert exposure.get("propensity") == (0.5 if exposure["explored"] else None)
        scores = [item["score"] for item in items]
        assert exposure["explored"] or scores == sorted(scores, reverse=True)
        explored[exposure["variant"]] += exposure["explored"]
    assert 15 < explored.total() < 45 and min(explored.values()) > 3
    for variant, count in explored.items():
        assert metrics["adore_explored_total", variant] == count


def test_lists_that_no_variant_ranked_and_those_of_a_router_without_it_stay(
    target: LocalTarget, tmp_path: Path
) -> None:
    config = json.loads((target.work / "router.json").read_text())
    _, exposures, metrics = asked(config, tmp_path / "off")
    assert not any(exposure["explored"] for exposure in exposures)
    assert metrics["adore_explored_total", "control"] == 0

    for variant in config["variants"].values():
        variant["url"] = "http://127.0.0.1:9/"
    answers, exposures, _ = asked({**config, "explore": 1.0}, tmp_path / "dead")
    assert {answer["served"] for answer in answers} == {"none"}
    for exposure in exposures:
        assert exposure["item_ids"] == [item["item_id"] for item in ITEMS]
        assert not exposure["explored"]
