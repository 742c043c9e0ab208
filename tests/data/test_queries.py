"""Splits that the data names in its own words, and requests that nobody judged."""

from __future__ import annotations

from adore.data.queries import SplitConfig, read_queries, read_requests
from adore.data.tables import Rows, to_grade

SHARES = SplitConfig(dev_share=0.5, test_share=0.5)


def rows(*queries: dict[str, object]) -> Rows:
    return Rows(good=list(enumerate(queries, 1)))


def test_a_dev_split_of_the_data_is_kept_and_no_train_query_is_taken_for_it() -> None:
    given = [{"query_id": n, "query": f"mug {n}", "split": "train"} for n in range(20)]
    got = read_queries(rows(*given, {"query_id": "v", "query": "cup", "split": "Validation"}), SHARES)
    assert [q["split"] for q in got].count("train") == 20 and got[-1]["split"] == "dev"


def test_a_request_is_a_train_query_unless_its_text_is_known() -> None:
    known = read_queries(rows({"query_id": "q", "query": "Red Mug", "split": "test"}), SHARES)
    asked = rows({"query": "red  mug"}, {"query": "blue mug"}, {"query": "Blue mug"}, {"query": None})
    assert read_requests(asked, known, 100) == [{"query_id": "request:2", "query": "blue mug", "split": "train"}]
    assert [b.reason for b in asked.bad] == ["no query"]


def test_labels_in_words_and_as_numbers_beside_gaps() -> None:
    assert [to_grade(v, {}) for v in ("Exact", "irrelevant", "2.0", 1.0, "4", "good")] == [3, 0, 2, 1, None, None]
    assert to_grade("2.0", {"2.0": 0}) == 0
