"""Splits that the data names in its own words, and requests that nobody judged."""

from __future__ import annotations

from adore.data.queries import SplitConfig, read_queries, read_requests
from adore.data.rows import Rows

SHARES = SplitConfig(dev_share=0.4, test_share=0.4)


def rows(*queries: dict[str, object]) -> Rows:
    return Rows(good=list(enumerate(queries, 1)))


def test_only_splits_that_the_data_does_not_name_are_taken_from_its_train_queries() -> (
    None
):
    train = [{"query_id": n, "query": f"mug {n}", "split": "train"} for n in range(20)]
    dev, test = (
        {"query_id": s, "query": s, "split": s} for s in ("Validation", "test")
    )
    for given, taken in (
        ([], {"dev", "test"}),
        ([dev], {"test"}),
        ([test], {"dev"}),
        ([dev, test], set()),
    ):
        got = {
            q["query_id"]: q["split"]
            for q in read_queries(rows(*train, *given), SHARES)
        }
        assert {got[str(n)] for n in range(20)} - {"train"} == taken
        assert (
            got.get("Validation", "dev") == "dev" and got.get("test", "test") == "test"
        )


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
        {"query_id": "request:2", "query": "blue mug", "split": "train"}
    ]
    assert [b.reason for b in asked.bad] == ["no query"]


def test_a_request_takes_no_id_of_the_shops() -> None:
    known = [
        {"query_id": q, "query": q, "split": "test"} for q in ("request:1", "request:2")
    ]
    found = read_requests(rows(*({"query": f"mug {n}"} for n in range(3))), known, 100)
    assert [q["query_id"] for q in found] == ["request:3", "request:4", "request:5"]
