"""The adversarial set is frozen,
and neither its items nor its queries nor its wordings are training's.
"""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from adore.artifacts import read_table, write_table
from adore.synthesis.adversarial import COLUMNS, adversarial
from adore.synthesis.edits import EDITS, adversarial_edits, training_edits
from adore.synthesis.generator import is_reserved
from adore.taxonomy import ERROR_TYPES


@pytest.fixture(scope="session")
def hard(synthesis_shop: Path) -> pl.DataFrame:
    return adversarial(synthesis_shop / "prepare", synthesis_shop / "evidence")


def test_it_is_the_same_every_time(hard: pl.DataFrame, synthesis_shop: Path) -> None:
    again = adversarial(
        synthesis_shop / "prepare", synthesis_shop / "evidence", query_ids=["q7", "q9"]
    )
    assert hard.height > 20 and hard.schema == COLUMNS and again.equals(hard)
    less = adversarial(
        synthesis_shop / "prepare", synthesis_shop / "evidence", per_type=1
    )
    assert not less.equals(hard) and less["error_type"].is_unique().all()


def test_its_rows_say_what_they_are(hard: pl.DataFrame) -> None:
    for row in hard.iter_rows(named=True):
        assert row["intended_grade"] == ERROR_TYPES[row["error_type"]].grade
        assert json.loads(row["item"])["item_id"] == row["item_id"]
    assert set(hard["source_query_id"]) == {"q9"}  # nobody called an item of q7 exact


def test_items_queries_and_wordings_are_its_own(
    hard: pl.DataFrame, synthesis_shop: Path
) -> None:
    assert all(map(is_reserved, hard["source_item_id"]))
    real = set(read_table(synthesis_shop / "prepare", "items")["item_id"])
    assert all(is_reserved(i) for i in hard["item_id"] if i in real)
    train = read_table(synthesis_shop / "prepare", "queries").filter(
        pl.col("split") == "train"
    )
    assert not set(train["query"]) & set(hard["query"])

    for edit in EDITS.values():
        assert not (edit.picks_items and edit.held_out), edit.name
    for name in ERROR_TYPES:
        training = [edit.func for edit in training_edits(name).rewrites]  # type: ignore[attr-defined]
        held_out = [edit.func for edit in adversarial_edits(name).rewrites]  # type: ignore[attr-defined]
        assert not set(training) & set(held_out), name


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
    again = adversarial(tmp_path, synthesis_shop / "evidence").filter(
        pl.col("query_id") == "q9"
    )
    assert (
        contradicted
        not in again.filter(pl.col("intended_grade") < 3)["item_id"].to_list()
    )
    assert set(again.filter(pl.col("item_id") == confirmed)["human_grade"]) == {2}
