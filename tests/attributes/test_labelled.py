"""The reader against values labelled by hand, and its quotes against every text of the data."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pytest
from bench.teacher import evidence as bench

from adore.attributes.lexicon import Lexicon
from adore.attributes.reader import Reader
from adore.types import Item

pytestmark = pytest.mark.skipif(
    not (bench.DATA / "esci").is_dir(),
    reason="../shared/data is absent: the evidence reader is not scored",
)


@lru_cache(maxsize=1)
def scores() -> dict[str, Any]:
    return bench.scores()


def test_the_fixture_is_large_and_its_quotes_are_real() -> None:
    items = {
        i.item_id: i
        for s in ("esci", "esci_pairs200")
        for i in bench.items_of(bench.DATA / s)
    }
    queries = {(s, r["query_id"]): r["query"] for s in ("esci", "esci_pairs200", "webshop")
               for r in bench.rows_of(bench.DATA / s / "queries.jsonl")}  # fmt: skip
    records = bench.rows_of(bench.LABELLED)[1:]
    assert sum(len(one) == 3 for r in records for one in r["labels"]) >= 200
    for r in records:
        item = items.get(r["id"], Item("", ""))
        colour = str(item.attributes.get("colour", ""))
        text = {
            "query": queries.get((r["set"], r["id"]), ""),
            "title": item.title,
            "attributes.colour": colour,
        }[r["where"]]
        assert all(one[2] in text for one in r["labels"]), r


@pytest.mark.parametrize("half", ["dev", "held"])
@pytest.mark.parametrize("attribute", ["brand", "size", "pack", "colour", "exclusion"])
def test_precision_holds(half: str, attribute: str) -> None:
    found = scores()[half][attribute]
    assert found["precision"]["value"] >= 0.9 and found["recall"]["value"] >= 0.85, (
        found
    )


def test_every_quote_stands_where_it_says() -> None:
    items = bench.items_of(bench.DATA / "esci")
    reader = Reader(Lexicon.mine(items))
    for item in items:
        texts = {"title": [item.title], "brand": [item.brand], "category": [item.category],
                 "description": [item.description],
                 "bullet_points": list(item.bullet_points)}  # fmt: skip
        reading = reader.read_item(item)
        read = (*reading.values.values(), *reading.custom_fields.values())
        for values in read:
            for v in values:
                field = v.where.partition(".")[2]
                assert any(
                    v.quote in t
                    for t in texts.get(v.where) or [str(item.attributes[field])]
                ), (item.item_id, v)
    for row in bench.rows_of(bench.DATA / "esci" / "queries.jsonl"):
        assert all(
            v.quote in row["query"]
            for vs in reader.read_query(row["query"]).values.values()
            for v in vs
        )
