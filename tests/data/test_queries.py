"""Splits that the data names in its own words, and those of an earlier round."""

from __future__ import annotations

from adore.data.queries import SplitConfig, read_queries
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
