from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import f1_score, ndcg_score

from adore.artifacts import hash_tree, read_table
from adore.data.tables import read_judgements
from adore.errors import DataError
from adore.evaluation import evaluate, gate
from adore.evaluation.slices import ALL, SLICES, slice_pairs, slice_queries
from adore.measures import MEASURES, RankingMeasure
from adore.pipeline.graph import LOOP
from adore.report.page import summary_table, write_report
from adore.types import GAINS, Grade, Reading, Value

PAIR = ["query_id", "item_id"]
JUDGED = pl.DataFrame(
    {"query_id": ["a"] * 3, "item_id": ["1", "2", "3"], "grade": [3, 0, 2]}
)
SCORED = JUDGED.select(PAIR).with_columns(
    score=pl.Series([0.1, 0.9, 0.5]), grade=pl.Series([3, 3, 2])
)


def values(frame: pl.DataFrame) -> dict[str, float]:
    return dict(frame.select("measure", "value").iter_rows())


def test_scores_files_are_measured_like_the_oracle() -> None:
    found = values(evaluate.evaluate_scores(SCORED, JUDGED))
    gains = [GAINS[Grade(g)] for g in JUDGED["grade"]]
    assert found["nDCG@10"] == pytest.approx(
        ndcg_score([gains], [SCORED["score"].to_list()], k=10)
    )
    assert found["macro-F1"] == pytest.approx(
        f1_score(
            JUDGED["grade"].to_list(),
            SCORED["grade"].to_list(),
            average="macro",
            zero_division=0,
        )
    )
    assert found["missing pairs"] == found["unjudged pairs"] == 0


def reciprocal_rank(scores: np.ndarray, grades: np.ndarray) -> float:
    ranked = grades[np.argsort(-scores, kind="stable")]
    exact = np.flatnonzero(ranked == Grade.EXACT)
    return 1.0 / (exact[0] + 1) if len(exact) else float("nan")


def test_a_new_ranking_measure_is_measured_without_more() -> None:
    MEASURES.add("MRR", RankingMeasure("higher", "Rank of an exact.", reciprocal_rank))
    try:
        found = values(evaluate.evaluate_scores(SCORED, JUDGED))
    finally:
        MEASURES.remove("MRR")
    assert found["MRR"] == pytest.approx(1 / 3)


def test_missing_and_unjudged_pairs_are_counted_and_a_missing_pair_ranks_last() -> None:
    other = SCORED[0].with_columns(item_id=pl.lit("9"))
    found = values(evaluate.evaluate_scores(pl.concat([SCORED[1:], other]), JUDGED))
    assert (found["missing pairs"], found["unjudged pairs"]) == (1, 1)
    assert found["nDCG@10"] < 0.6


def test_scores_without_grades_give_a_ranking_only_and_ids_may_be_numbers() -> None:
    scores = SCORED.drop("grade").with_columns(pl.col("item_id").cast(pl.Int64))
    assert set(values(evaluate.evaluate_scores(scores, JUDGED))) == {
        "nDCG@10",
        "missing pairs",
        "unjudged pairs",
    }


def test_an_empty_cell_is_no_grade() -> None:
    scores = SCORED.with_columns(grade=pl.Series(["3", "", ""]))
    found = evaluate.evaluate_scores(scores, JUDGED).filter(
        pl.col("measure") == "accuracy"
    )
    assert found.select("value", "n").row(0) == (1.0, 1)


@pytest.mark.parametrize(
    "grades", [["3.0", "", "nan"], [3.0, None, float("nan")], [3, None, None]]
)
def test_whole_numbers_beside_gaps_are_grades(grades: list[object]) -> None:
    scores = SCORED.with_columns(grade=pl.Series(grades, strict=False))
    found = evaluate.evaluate_scores(scores, JUDGED).filter(
        pl.col("measure") == "accuracy"
    )
    assert found.select("value", "n").row(0) == (1.0, 1)


def test_judgements_without_ids_say_what_is_missing(tmp_path: Path) -> None:
    JUDGED.drop("item_id").write_csv(tmp_path / "judgements.csv")
    with pytest.raises(
        DataError, match=r"columns of judgements.csv == .*must be with item_id"
    ):
        read_judgements(str(tmp_path / "judgements.csv"))


def test_many_systems_are_told_apart() -> None:
    both = pl.concat([SCORED.with_columns(system=pl.lit(s)) for s in ("x", "y")])
    assert {"x: nDCG@10", "y: nDCG@10"} <= set(
        values(evaluate.evaluate_scores(both, JUDGED))
    )


@pytest.mark.parametrize(
    ("scores", "judged", "words"),
    [
        (pl.concat([SCORED, SCORED[:1]]), JUDGED, "duplicate rows of scores"),
        (SCORED, pl.concat([JUDGED, JUDGED[:1]]), "duplicate rows of judgements"),
        (SCORED.drop("score"), JUDGED, "columns of scores"),
        (
            SCORED.with_columns(score=pl.lit(float("nan"))),
            JUDGED,
            "score == .*must be finite",
        ),
        (SCORED.with_columns(score=pl.lit("high")), JUDGED, "must be numbers"),
        (SCORED.with_columns(grade=pl.lit(7)), JUDGED, "grade == .*0 to 3 or empty"),
        (SCORED.with_columns(grade=pl.lit(2.7)), JUDGED, "grade == .*0 to 3 or empty"),
        (SCORED, JUDGED.with_columns(grade=pl.lit(2.7)), "grade == .*0 to 3"),
        (SCORED.with_columns(grade=pl.lit("Exact")), JUDGED, "must be numbers"),
        (SCORED, JUDGED.with_columns(grade=pl.lit(9)), "grade == .*0 to 3"),
        (SCORED.with_columns(query_id=pl.lit("z")), JUDGED, "use the same ids"),
        (SCORED[:0], JUDGED, "rows of scores"),
    ],
)
def test_bad_files_are_refused_in_words(
    scores: pl.DataFrame, judged: pl.DataFrame, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        evaluate.evaluate_scores(scores, judged)


def test_slices_follow_readings_evidence_and_length(full_run: Path) -> None:
    queries = pl.DataFrame(
        {
            "query_id": ["a", "b"],
            "query": ["red mug", "a mug of a very big size"],
            "split": ["test"] * 2,
        }
    )
    asked = Reading({"colour": (Value("red", "red", "query"),)}).to_json()
    readings = pl.DataFrame(
        {"kind": ["query", "item"], "id": ["a", "b"], "reading": [asked, asked]}
    )
    found = slice_queries(queries, readings)
    assert (found[ALL], found["asks colour"], found["short query"]) == (
        {"a", "b"},
        {"a"},
        {"a"},
    )
    assert found["long query"] == {"b"} and found["asks brand"] == set()
    conflicts = slice_pairs(read_table(full_run / "evidence", "pairs"))
    wrong = (
        read_table(full_run / "prepare", "judgements")
        .filter(pl.col("grade") < 3)
        .select(PAIR)
    )
    assert (
        conflicts["colour conflict"] == set(wrong.iter_rows())
        and not conflicts["brand conflict"]
    )


def test_the_stage_measures_both_splits_and_says_who_wins(full_run: Path) -> None:
    measures = read_table(full_run / "evaluate", "measures")
    hard = {"adversarial": 0.9, "adversarial: colour": 0.9, "adversarial: size": 0.9}
    assert set(measures["split"]) == {"dev", "test"} and set(measures["slice"]) <= set(
        SLICES
    ) | set(hard)
    sides = measures.filter(pl.col("slice").is_in(list(hard)))
    assert dict(sides.select("slice", "value").iter_rows()) == hard and set(
        sides["measure"]
    ) == {"right side of exact"}
    assert (measures["low"] <= measures["value"] + 1e-9).all() and (
        measures["value"] <= measures["high"] + 1e-9
    ).all()
    told = json.loads((full_run / "evaluate" / "comparisons.json").read_text("utf-8"))
    assert [c["system"] for c in told["against"]] == ["hybrid", "random"] and told[
        "queries"
    ] == 12
    assert {c["winner"] for c in told["against"]} == {"student"}


def test_the_stage_is_deterministic_and_never_counts_train(
    full_run: Path, tmp_path: Path
) -> None:
    folders = [full_run / n for n in ("prepare", "evidence", "score")]
    evaluate.run(evaluate.Config(draws=300), *folders, output=tmp_path)
    assert hash_tree(tmp_path) == hash_tree(full_run / "evaluate")
    seen = set(pl.read_parquet(tmp_path / "per_query.parquet")["query_id"])
    train = read_table(full_run / "prepare", "queries").filter(
        pl.col("split") == "train"
    )["query_id"]
    assert seen and not seen & set(train)


def test_no_judgements_is_a_result(full_run: Path, tmp_path: Path) -> None:
    bare, out, verdict = tmp_path / "bare", tmp_path / "out", tmp_path / "gate"
    for folder in (bare, out, verdict):
        folder.mkdir()
    (bare / "queries.parquet").write_bytes(
        (full_run / "prepare" / "queries.parquet").read_bytes()
    )
    read_table(full_run / "prepare", "judgements")[:0].write_parquet(
        bare / "judgements.parquet"
    )
    read_table(full_run / "score", "adversarial_scores")[:0].write_parquet(
        bare / "adversarial_scores.parquet"
    )
    read_table(full_run / "score", "scores").write_parquet(bare / "scores.parquet")
    assert (
        evaluate.run(evaluate.Config(), bare, full_run / "evidence", bare, output=out)[
            "queries"
        ]
        == 0
    )
    assert gate.run(gate.Config(), out, output=verdict)["passed"] == 0
    assert (
        "no baseline"
        in json.loads((verdict / "gate.json").read_text("utf-8"))["reasons"][0]
    )
    out.rename(tmp_path / "evaluate")
    text = write_report(tmp_path, LOOP).read_text("utf-8")
    assert "did not pass its gate" in text and "no held-out query is judged" in text
    assert summary_table(tmp_path).endswith("gate: stopped against no baseline")
