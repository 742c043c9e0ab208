"""Texts that nobody judged: of a file, or by traffic."""

from __future__ import annotations

from adore.data.queries import SplitConfig, read_queries
from adore.data.requests import read_requests
from adore.data.rows import Rows

SHARES = SplitConfig(dev_share=0.4, test_share=0.4)


def rows(*queries: dict[str, object]) -> Rows:
    return Rows(good=list(enumerate(queries, 1)))


def test_a_request_is_a_train_query_unless_its_text_is_known() -> None:
    known = read_queries(
        rows({"query_id": "q", "query": "Red Mug", "split": "test"}), SHARES
    )
    asked = rows(
        {"query": "red  mug"},
        {"query": "blue mug"},
        {"query": "Blue mug"},
        {"query": None},
    )
    assert read_requests(asked, known, 100) == [
        {"query_id": "request:blue mug", "query": "blue mug", "split": "train"}
    ]
    assert [b.reason for b in asked.bad] == ["no query"]


def test_a_request_takes_no_id_of_the_shops() -> None:
    known = [
        {"query_id": q, "query": q, "split": "test"}
        for q in ("request:mug 0", "request:mug 1")
    ]
    found = read_requests(rows(*({"query": f"mug {n}"} for n in range(3))), known, 100)
    assert [q["query_id"] for q in found] == [
        "request:mug 0#2",
        "request:mug 1#2",
        "request:mug 2",
    ]
