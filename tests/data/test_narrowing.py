"""What shoppers see narrows to a brand, and people did not say so: an alarm."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from adore.artifacts import write_table
from adore.data.narrowing import narrowing

ITEMS = [
    {"item_id": f"{brand}{n}", "title": "Mug", "brand": brand, "category": "", "description": "",
     "bullet_points": [], "attributes": "{}"}
    for brand in ("acme", "bolt", "core") for n in range(10)
]  # fmt: skip


def events(
    brands: str, clients: int = 60, first: int = 0, deep: str = "ccc"
) -> list[dict[str, object]]:
    """Lists of items of brands, by their letters; behind the first page are others."""
    names = {"a": "acme", "b": "bolt", "c": "core"}
    rows = []
    for client in range(first, first + clients):
        places = [*enumerate(brands, 1), *enumerate(deep, 11)]
        for place, letter in places:
            item = f"{names[letter]}{(client + place) % 10}"
            rows.append(
                {
                    "event_id": f"{client}-{place}",
                    "query_id": f"q{client % 6}",
                    "session_id": f"c{client}",
                    "client_id": f"c{client}",
                    "action_name": "impression",
                    "timestamp": 1_767_225_600_000 + client,
                    "object_id": item,
                    "position": place,
                    "pair_position": None,
                }
            )
    return rows


def tables(
    rows: list[dict[str, object]], exact: str = "abc"
) -> dict[str, pl.DataFrame]:
    names = {"a": "acme0", "b": "bolt0", "c": "core0"}
    judgements = [
        {"query_id": f"j{n}", "item_id": names[letter], "grade": 3}
        for n, letter in enumerate(exact)
    ]
    judgements.append({"query_id": "j", "item_id": "core1", "grade": 0})
    return {
        "items": pl.DataFrame(ITEMS),
        "judgements": pl.DataFrame(judgements),
        "events": pl.DataFrame(rows),
    }


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    for name, frame in tables(events("abcabc")).items():
        write_table(frame, tmp_path, name)
    return tmp_path


def test_a_first_round_has_shares_and_no_alarm() -> None:
    report = narrowing(tables(events("aabc")), None, 0.1)
    assert report["alarm"] == "" and report["new_impressions"] == 4 * 60
    assert report["top_brand"] == {
        "name": "acme",
        "share": 0.5,
        "before": None,
        "z": None,
        "human": pytest.approx(1 / 3, abs=1e-4),
        "human_before": None,
    }
    assert report["top_item"]["share"] < 0.1
    assert narrowing(tables([])| {"events": tables(events("a"))["events"].head(0)}, None, 0.1) == {
        "top_brand": None, "top_item": None, "new_impressions": 0, "alarm": "",
    }  # fmt: skip


def test_a_brand_that_is_shown_more_raises_it_unless_people_say_so(
    earlier: Path,
) -> None:
    new = [*events("abcabc"), *events("aaabca", first=100)]
    report = narrowing(tables(new), earlier, 0.1)
    assert report["new_impressions"] == 6 * 60, "what the earlier round knew is not new"
    assert report["top_brand"]["share"] == pytest.approx(4 / 6, abs=1e-3)
    assert report["top_brand"]["before"] == pytest.approx(1 / 3, abs=1e-3)
    assert "most shown brand (acme) has 67%" in report["alarm"]
    assert narrowing(tables(new), earlier, 0.4)["alarm"] == ""

    by_people = narrowing(tables(new, exact="aaab"), earlier, 0.1)
    assert by_people["top_brand"]["human"] == 0.75 and by_people["alarm"] == ""


def test_few_shoppers_other_queries_and_what_is_behind_the_first_page_raise_none(
    earlier: Path,
) -> None:
    few = narrowing(tables(events("aaabca", clients=6, first=100)), earlier, 0.1)
    assert few["alarm"] == "" and few["top_brand"]["z"] is None
    deep = narrowing(tables(events("abcabc", first=100, deep="aaaaa")), earlier, 0.1)
    assert deep["alarm"] == "" and deep["top_brand"]["before"] is not None
    other = [{**row, "query_id": "other"} for row in events("aaabca", first=100)]
    assert narrowing(tables(other), earlier, 0.1)["top_brand"]["before"] is None


def test_a_query_that_is_searched_more_often_raises_none(tmp_path: Path) -> None:
    """Acme is right for one query, which most of the new shoppers search."""

    def searches(shares: dict[str, int], first: int) -> list[dict[str, object]]:
        rows = []
        for query_id, clients in shares.items():
            brands = "aaaaaa" if query_id == "q0" else "bcbcbc"
            for row in events(brands, clients, first):
                rows.append({**row, "query_id": query_id})
            first += clients
        return rows

    old = tables(searches({"q0": 30, "q1": 30}, 0))
    for name, frame in old.items():
        write_table(frame, tmp_path, name)
    new = narrowing(
        tables(searches({"q0": 300, "q1": 30, "q2": 30}, 100)), tmp_path, 0.1
    )
    assert new["top_brand"]["name"] == "acme" and new["alarm"] == ""
    assert new["top_brand"]["share"] == new["top_brand"]["before"]


def test_an_item_that_is_shown_more_raises_it(earlier: Path) -> None:
    new = events("abcabc", first=100)
    for row in new:
        if row["position"] in (1, 2):
            row["object_id"] = "bolt3"
    report = narrowing(tables(new), earlier, 0.1)
    assert report["top_item"]["name"] == "bolt3"
    assert "most shown item (bolt3)" in report["alarm"]
