"""Statistics of prepared tables: counts are of what the tables hold, also where they are empty."""

from __future__ import annotations

import polars as pl

from adore.data.statistics import PairsPerQuery, SplitStatistics, summarise_tables

ITEMS = pl.DataFrame(
    {
        "title": ["Mug", "Cup"],
        "brand": ["acme", ""],
        "category": ["", ""],
        "description": ["", "x"],
        "bullet_points": [["a"], []],
    }
)
QUERIES = pl.DataFrame(
    {"query_id": ["a", "b", "c"], "split": ["train", "test", "test"]}
)
EVENTS = pl.DataFrame({"action_name": ["purchase", "click", "click"]})
JUDGEMENTS = pl.DataFrame(
    {
        "query_id": ["a", "b", "b", "b"],
        "item_id": ["1", "1", "2", "3"],
        "grade": [3, 3, 0, 1],
    }
)


def test_the_tables_are_counted() -> None:
    tables = {
        "items": ITEMS,
        "queries": QUERIES,
        "events": EVENTS,
        "judgements": JUDGEMENTS,
    }
    bad = [{"table": "events", "reason": "no timestamp"}] * 2
    statistics = summarise_tables(
        tables, [*bad, {"table": "items", "reason": "no title"}]
    )
    assert statistics.rows == {"items": 2, "queries": 3, "events": 3, "judgements": 4}
    assert list(statistics.labels.items()) == [("E", 2), ("S", 0), ("C", 1), ("I", 1)]
    assert statistics.coverage == {
        "title": 1.0,
        "brand": 0.5,
        "category": 0.0,
        "description": 0.5,
        "bullet_points": 0.5,
    }
    assert statistics.judged_per_query == PairsPerQuery(min=1, median=2.0, max=3)
    assert statistics.splits["test"] == SplitStatistics(2, 1, 3)
    assert statistics.splits["dev"] == SplitStatistics(0, 0, 0)
    assert list(statistics.actions) == ["click", "purchase"]
    assert list(statistics.quarantine.items()) == [
        ("events: no timestamp", 2),
        ("items: no title", 1),
    ]
    assert statistics.to_json()["splits"]["train"]["judged_queries"] == 1


def test_nothing_judged_is_no_error() -> None:
    tables = {
        "items": ITEMS,
        "queries": QUERIES,
        "events": EVENTS.clear(),
        "judgements": JUDGEMENTS.clear(),
    }
    statistics = summarise_tables(tables, [])
    assert statistics.judged_per_query == PairsPerQuery(min=0, median=0.0, max=0)
    assert not statistics.actions and not any(statistics.labels.values())
