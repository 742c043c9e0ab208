"""Where the champion's grades and shoppers' behaviour differ."""

from __future__ import annotations

import json

import polars as pl
import pytest

from adore.artifacts import read_table, write_table
from adore.pipeline.runner import run_stage
from adore.student.rankers import save_baseline
from adore.student.score import score_pairs

PAIR = ["query_id", "item_id"]


@pytest.fixture(scope="module")
def graded(shop, student):
    """The student's own grades of all known pairs of two train queries, list by list."""
    queries = read_table(shop / "prepare", "queries").filter(split="train")
    pairs = read_table(shop / "evidence", "pairs").select(PAIR).sort(PAIR)
    first = queries.sort("query_id").head(4).select("query_id")
    pairs = pairs.join(first, on="query_id", how="semi")
    items = read_table(shop / "prepare", "items")
    grades = score_pairs(student, items, queries.select("query_id", "query"), pairs)
    return grades.select(*PAIR, "grade").with_row_index("n")


@pytest.fixture(scope="module")
def feedback(graded, tmp_path_factory):
    """Every second pair is one on which shoppers and the student differ."""
    folder = tmp_path_factory.mktemp("feedback")
    exact = pl.col("grade") == 3
    wanted = pl.when(pl.col("n") % 2 == 0).then(exact).otherwise(~exact)
    left = pl.when(pl.col("n") % 3 == 0).then(pl.lit("returned"))
    clear = graded.with_columns(wanted_exact=wanted).with_columns(
        behaviour=pl.when("wanted_exact")
        .then(pl.lit("bought"))
        .otherwise(left.otherwise(pl.lit("skipped"))),
        p_exact=pl.lit(0.5),
        kept=pl.lit(0),
        returned=pl.lit(0),
        clients=pl.lit(3),
    )
    write_table(clear.drop("n", "grade"), folder, "clear_pairs")
    return folder


def live(shop, feedback, output, **settings):
    inputs = {
        "prepared": str(shop / "prepare"),
        "evidence": str(shop / "evidence"),
        "feedback": str(feedback),
    }
    profile = str(shop / "profile.yaml")
    made = run_stage("live", inputs, str(output), profile=profile, **settings)
    about = json.loads((output / "live.json").read_text("utf-8"))
    return made, read_table(output, "live_errors"), about


def test_errors_are_the_clear_pairs_that_the_champion_graded_otherwise(
    shop, student, graded, feedback, tmp_path
):
    made, errors, about = live(shop, feedback, tmp_path / "live", champion=str(student))
    odd = graded.filter(pl.col("n") % 2 == 1)
    assert errors.select(*PAIR, "grade").equals(odd.drop("n").sort(PAIR))
    assert made.metrics == {"pairs": graded.height, "errors": odd.height}

    called = {3: "exact"}
    behaviour = dict(
        read_table(feedback, "clear_pairs")
        .select(pl.concat_str(PAIR), "behaviour")
        .iter_rows()
    )
    for query_id, item_id, grade, kind in errors.iter_rows():
        did = behaviour[query_id + item_id]
        assert kind == f"{did}, judged {called.get(grade, 'strictly')}"
        assert (did == "bought") is (grade != 3)
    assert sum(about["errors"].values()) == odd.height and about["champion"]


def test_without_a_champion_nothing_is_compared(shop, feedback, tmp_path):
    made, errors, about = live(shop, feedback, tmp_path / "live")
    assert errors.is_empty() and made.metrics == {"pairs": 0, "errors": 0}
    assert "no champion" in about["note"]


def test_a_baseline_grades_nothing(shop, catalogue, feedback, tmp_path):
    (tmp_path / "bm25").mkdir()
    save_baseline("bm25", catalogue, tmp_path / "bm25")
    _, errors, about = live(
        shop, feedback, tmp_path / "live", champion=str(tmp_path / "bm25")
    )
    assert errors.is_empty() and "baseline" in about["note"] and about["champion"]
