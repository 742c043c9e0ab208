"""The adversarial set is frozen,
and neither its items nor its queries nor its wordings are training's.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from adore.artifacts import read_table, write_table
from adore.synthesis.adversarial import COLUMNS, adversarial, content_hash
from adore.synthesis.generator import reserved
from adore.synthesis.registry import EDITS, HELD_OUT_EDITS
from adore.taxonomy import ERROR_TYPES


@pytest.fixture(scope="session")
def hard(synthesis_shop: Path) -> pl.DataFrame:
    return adversarial(synthesis_shop / "prepare", synthesis_shop / "evidence")


def test_it_is_the_same_every_time(hard: pl.DataFrame, synthesis_shop: Path) -> None:
    again = adversarial(
        synthesis_shop / "prepare", synthesis_shop / "evidence", query_ids=["q7", "q9"]
    )
    assert (
        hard.height > 20
        and hard.schema == COLUMNS
        and content_hash(again) == content_hash(hard)
    )
    less = adversarial(
        synthesis_shop / "prepare", synthesis_shop / "evidence", per_type=1
    )
    assert (
        content_hash(less) != content_hash(hard)
        and less["error_type"].is_unique().all()
    )


def test_its_rows_say_what_they_are(hard: pl.DataFrame) -> None:
    for row in hard.iter_rows(named=True):
        assert row["intended_grade"] == ERROR_TYPES[row["error_type"]].grade
        assert json.loads(row["item"])["item_id"] == row["item_id"]
    assert set(hard["source_query_id"]) == {"q9"}  # nobody called an item of q7 exact


def test_items_queries_and_wordings_are_its_own(
    hard: pl.DataFrame, synthesis_shop: Path
) -> None:
    assert all(map(reserved, hard["source_item_id"]))
    real = set(read_table(synthesis_shop / "prepare", "items")["item_id"])
    assert all(reserved(i) for i in hard["item_id"] if i in real)
    train = read_table(synthesis_shop / "prepare", "queries").filter(
        pl.col("split") == "train"
    )
    assert not set(train["query"]) & set(hard["query"])

    def wording(edit: object) -> object:
        return (edit.func, str(edit.keywords)) if isinstance(edit, partial) else edit

    assert all(
        {*map(wording, EDITS[n])}.isdisjoint(map(wording, HELD_OUT_EDITS[n]))
        for n in HELD_OUT_EDITS
    )


def test_people_have_the_last_word(
    hard: pl.DataFrame, synthesis_shop: Path, tmp_path: Path
) -> None:
    real = hard.filter(
        ~pl.col("item_id").str.starts_with("syn-"), pl.col("query_id") == "q9"
    )
    contradicted, confirmed = real["item_id"].unique().sort().to_list()[:2]
    for name in ("items", "queries"):
        write_table(read_table(synthesis_shop / "prepare", name), tmp_path, name)
    graded = read_table(synthesis_shop / "prepare", "judgements")
    more = pl.DataFrame(
        [("q9", contradicted, 3), ("q9", confirmed, 2)],
        schema=graded.schema,
        orient="row",
    )
    write_table(pl.concat([graded, more]), tmp_path, "judgements")
    found = adversarial(tmp_path, synthesis_shop / "evidence").filter(
        pl.col("query_id") == "q9"
    )
    assert (
        contradicted
        not in found.filter(pl.col("intended_grade") < 3)["item_id"].to_list()
    )
    assert set(found.filter(pl.col("item_id") == confirmed)["human_grade"]) == {2}
