"""Who visits: the same for one seed, others for the next round, and bots beside people."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from adore.data import demo_data, prepare
from adore.data.requests import RequestConfig
from adore.release.simulated_visits import (
    Searches,
    Visit,
    VisitsConfig,
    plan_visits,
    pushed_items,
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data, output = (tmp_path_factory.mktemp(name) for name in ("data", "prepared"))
    demo_data.run(
        demo_data.Config(items=120, queries=40, judged=20, candidates=8, users=9),
        output=data,
    )
    prepare.run(prepare.Config(), data=data, output=output)
    return output


def visits_of(prepared: Path, **settings: Any) -> tuple[list[Visit], list[Visit]]:
    config = VisitsConfig(users=30, **settings)
    searches = Searches.read(prepared, config.list_size)
    return plan_visits(config, searches, pushed_items(config, prepared)[1])


def test_a_round_draws_anew_from_the_same_shoppers(prepared: Path) -> None:
    first, again = (visits_of(prepared, traffic=100) for _ in range(2))
    later = visits_of(prepared, traffic=100, first_visit=50)
    assert first == again
    for visits, later_visits in zip(first, later, strict=True):
        assert {v.client for v in visits} == {v.client for v in later_visits}
        assert not {v.session for v in visits} & {v.session for v in later_visits}
        assert [v.query_id for v in visits] != [v.query_id for v in later_visits]


def test_traffic_is_of_other_shoppers_over_all_queries(prepared: Path) -> None:
    searches = Searches.read(prepared, 40)
    measured, traffic = visits_of(prepared, traffic=2000, new_texts=0.5)
    assert {searches.splits[v.query_id] for v in measured} == {"test"}
    assert {searches.splits[v.query_id] for v in traffic} == {"train", "dev", "test"}
    assert not {v.client for v in measured} & {v.client for v in traffic}
    counts = Counter(v.query_id for v in traffic).most_common()
    assert counts[0][1] > 4 * counts[len(counts) // 2][1]

    known = set(searches.texts.values())
    new = [v for v in traffic if v.text not in known]
    assert {searches.splits[v.query_id] for v in new} == {"train"}
    assert 0.1 < len(new) / len(traffic) < 0.5
    assert all(v.search_id == v.text for v in new)
    assert all(v.search_id == v.query_id for v in traffic if v.text in known)


def test_a_few_new_texts_are_typed_by_many(prepared: Path) -> None:
    """Else hardly any would ever have the clients that a request needs; the same every round."""
    known = set(Searches.read(prepared, 40).texts.values())
    clients: dict[str, set[str]] = {}
    for first_visit in (100, 200):
        for visit in visits_of(prepared, traffic=1200, first_visit=first_visit)[1]:
            if visit.text not in known:
                clients.setdefault(visit.text, set()).add(visit.client)
    counts = sorted(map(len, clients.values()), reverse=True)
    assert counts[2] >= RequestConfig().min_searchers
    assert counts[0] > 3 * counts[len(counts) // 2]


def test_bots_push_their_brand_and_change_no_person(prepared: Path) -> None:
    people = visits_of(prepared, traffic=400)[1]
    config = VisitsConfig(bots=0.1)
    brand, pushed = pushed_items(config, prepared)
    assert brand and pushed and pushed_items(VisitsConfig(), prepared)[0] == ""
    mixed = visits_of(prepared, traffic=400, bots=0.1)[1]
    clients = {v.client for v in people}
    bots = [v for v in mixed if v.client not in clients]
    assert 20 <= len(bots) <= 60
    assert [v for v in mixed if v.client in clients] == people[: 400 - len(bots)]

    grades = Searches.read(prepared, 40).lists[bots[0].query_id]
    events = bots[0].events(sorted(grades), grades)
    bought = {e["object_id"] for e in events if e["action_name"] == "purchase"}
    assert pushed & set(grades) <= bought
