"""Simulated shoppers have the taste, the position bias and the bots that they say they have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from adore.data.shoppers import (
    CLICK_PROBABILITY,
    PURCHASE_PROBABILITY,
    RETURN_PROBABILITY,
    Attack,
    Shoppers,
)
from adore.tables import TABLES

LIST = [f"i{n:02d}" for n in range(12)]
# which lists were explored is what the router knows, not the shopper
COLUMNS = set(TABLES["events"]) - {"pair_position"}


def visits(
    shoppers: Shoppers, grade: int, users: range, lists: int = 4
) -> Iterator[dict[str, object]]:
    grades = dict.fromkeys(LIST, grade)
    for user in users:
        for visit in range(lists):
            for row in shoppers.visit(user, f"q{visit}", LIST, grades, visit=visit):
                yield {**row, "user": user}


def near(hits: int, trials: int, p: float) -> bool:
    return abs(hits / trials - p) < 4.5 * (p * (1 - p) / trials) ** 0.5


def test_a_visit_depends_on_its_arguments_alone() -> None:
    grades = {item: n % 4 for n, item in enumerate(LIST)}
    one, other = Shoppers(seed=3), Shoppers(seed=3)
    first = one.visit(20, "q", LIST, grades, visit=1)
    for user in range(40, 0, -1):
        other.visit(user, "q", LIST, grades, visit=1)
    assert other.visit(20, "q", LIST, grades, visit=1) == first
    assert set(first[0]) == COLUMNS
    differing = [
        Shoppers(seed=4).visit(20, "q", LIST, grades, visit=1),
        one.visit(20, "q", LIST, grades, visit=2),
    ]
    assert all(rows != first for rows in differing)
    assert one.visit(20, "q", [], {}, visit=1) == []


@pytest.mark.parametrize("eta", [0.0, 0.7, 1.0])
def test_clicks_fall_with_position_as_the_known_bias_says(eta: float) -> None:
    shoppers = Shoppers(seed=1, users=500, bots=0.0, eta=eta)
    rows = Counter(
        (r["position"], r["action_name"]) for r in visits(shoppers, 3, range(500))
    )
    assert shoppers.propensity(1) == 1 and shoppers.propensity(4) == pytest.approx(
        4**-eta
    )
    for k in range(1, len(LIST) + 1):
        assert rows[k, "impression"] == 2000
        assert near(rows[k, "click"], 2000, CLICK_PROBABILITY[3] * k**-eta)


@pytest.mark.parametrize("grade", [0, 1, 2, 3])
def test_clicks_purchases_and_returns_follow_the_grade(grade: int) -> None:
    shoppers = Shoppers(seed=2, users=1500, bots=0.0, eta=0.0)
    strict = {u for u in range(1500) if not shoppers.is_tolerant(u)}
    rows = Counter(
        r["action_name"]
        for r in visits(shoppers, grade, range(1500))
        if r["user"] in strict
    )
    assert near(rows["click"], len(strict) * 4 * len(LIST), CLICK_PROBABILITY[grade])
    assert near(rows["purchase"], rows["click"], PURCHASE_PROBABILITY[grade])
    assert near(rows["return"], rows["purchase"], RETURN_PROBABILITY[grade])
    assert rows["add_to_cart"] >= rows["purchase"] >= rows["return"]


def test_tolerant_shoppers_buy_substitutes() -> None:
    shoppers = Shoppers(seed=5, users=2000, bots=0.0, eta=0.0)
    tolerant = {u for u in range(2000) if shoppers.is_tolerant(u)}
    assert near(len(tolerant), 2000, 0.25)
    rows = Counter(
        (r["user"] in tolerant, r["action_name"])
        for r in visits(shoppers, 2, range(2000))
    )
    assert near(
        rows[True, "purchase"], rows[True, "click"], PURCHASE_PROBABILITY[3] * 0.85
    )
    assert near(rows[False, "purchase"], rows[False, "click"], PURCHASE_PROBABILITY[2])


def test_bots_burst_and_do_not_care_for_relevance() -> None:
    shoppers = Shoppers(seed=6, users=100, bots=0.1)
    assert [u for u in range(100) if shoppers.is_bot(u)] == list(range(10))
    assert len({shoppers.client(u) for u in range(100)}) == 100
    bad, good = (list(visits(shoppers, g, range(10))) for g in (0, 3))
    assert bad == good and any(r["action_name"] == "purchase" for r in bad)
    stamps = sorted(int(str(r["timestamp"])) for r in bad if r["user"] == 0)
    people = sorted(
        int(str(r["timestamp"])) for r in visits(shoppers, 0, range(50, 51))
    )
    assert stamps[-1] - stamps[0] < 60_000 < people[-1] - people[0]


def test_purchases_follow_a_click_and_event_ids_are_unique() -> None:
    rows = list(visits(Shoppers(seed=7, users=60, bots=0.05), 3, range(60)))
    ids = [r["event_id"] for r in rows]
    assert len(set(ids)) == len(ids)
    did: dict[tuple[object, object], list[object]] = {}
    for r in rows:
        did.setdefault((r["session_id"], r["object_id"]), []).append(r["action_name"])
    order = ["impression", "click", "add_to_cart", "purchase", "return"]
    assert all(actions == order[: len(actions)] for actions in did.values())


@pytest.mark.parametrize("kind", ["fast", "patient", "ring"])
def test_an_attack_pushes_its_items_at_its_own_pace(kind: str) -> None:
    lists = {"q0": {i: n % 4 for n, i in enumerate(LIST)}, "q1": {"other": 3}}
    attack = Attack(kind, frozenset(LIST[:3]), Shoppers(seed=8, users=50))
    rows = attack.log(lists, 2000)
    assert rows == attack.log(lists, 2000) and 2000 <= len(rows) < 2100
    assert {r["query_id"] for r in rows} == {"q0"} and set(rows[0]) == COLUMNS
    assert len({r["event_id"] for r in rows}) == len(rows)
    shown = Counter(r["object_id"] for r in rows if r["action_name"] == "impression")
    bought = Counter(r["object_id"] for r in rows if r["action_name"] == "purchase")
    assert all(bought[i] == shown[i] > 0 for i in LIST[:3])
    browsed = {r["object_id"] for r in rows if r["action_name"] == "click"} - set(
        LIST[:3]
    )
    assert bool(browsed) == (kind == "patient") and (set(shown) == set(LIST[:3])) == (
        kind == "ring"
    )
    stamps = [
        int(r["timestamp"]) for r in rows if r["session_id"] == rows[0]["session_id"]
    ]
    assert stamps[1] - stamps[0] == (50 if kind == "fast" else 4_000)
    honest = {attack.shoppers.client(u) for u in range(50)}
    assert not honest & {r["client_id"] for r in rows}
    assert attack.log({"q1": {"other": 3}}, 10) == []
