from __future__ import annotations

import json
from pathlib import Path

import polars as pl
from tests.synthesis.shop import synthesise_shop, verify_shop, write_answers

from adore.artifacts import read_table, write_table
from adore.synthesis import verify


def test_the_untyped_comparator_knows_no_error_type(
    synthesis_shop: Path, tmp_path: Path
) -> None:
    synthesise_shop(
        synthesis_shop, tmp_path / "synthesise", strategy="untyped", total=20
    )
    rows = read_table(tmp_path / "synthesise", "candidates")
    assert set(rows["error_type"]) == {"untyped"} and set(rows["intended_grade"]) == {
        0,
        3,
    }
    write_answers(tmp_path / "synthesise", tmp_path / "answers")
    metrics = verify_shop(synthesis_shop, tmp_path / "synthesise", tmp_path / "out")
    assert (
        metrics["accepted"] > 0
        and metrics["yield_untyped"] == metrics["accepted"] / metrics["made"]
    )


def test_verified_pairs_are_graded_as_intended(
    made: Path, synthesis_shop: Path, tmp_path: Path
) -> None:
    metrics = verify_shop(synthesis_shop, made, tmp_path / "out")
    kept, rejected = (
        read_table(tmp_path / "out", name) for name in ("synthetic", "rejected")
    )
    assert (
        metrics["made"] == kept.height + rejected.height
        and metrics["accepted"] == kept.height > 50
    )
    assert ((kept["answered_grade"] == 3) == (kept["intended_grade"] == 3)).all()
    assert set(rejected["reason"]) <= set(verify.REASONS)
    summary = json.loads((tmp_path / "out" / "yield.json").read_text("utf-8"))
    assert (
        sum(t["accepted"] for t in summary["types"])
        == summary["accepted"]
        == kept.height
    )
    assert all(len(t["examples"]) <= 3 for t in summary["types"])


def test_held_out_queries_do_not_leak(
    made: Path, synthesis_shop: Path, tmp_path: Path
) -> None:
    rows = read_table(made, "candidates").head(3)
    leaky = rows.with_columns(
        pl.lit("Running SHOES,  adidas").alias("query")
    )  # q6 of dev, turned round
    write_table(leaky, tmp_path, "candidates")
    (tmp_path / "out").mkdir()
    verify_shop(
        synthesis_shop, tmp_path, tmp_path / "out", answers=made.parent / "answers"
    )
    assert (
        read_table(tmp_path / "out", "rejected")["reason"].to_list() == ["leakage"] * 3
    )


def test_each_fault_has_its_reason(
    made: Path, synthesis_shop: Path, tmp_path: Path
) -> None:
    kept = (
        verify_shop(synthesis_shop, made, tmp_path / "ok")
        and read_table(tmp_path / "ok", "synthetic").to_dicts()
    )
    row = next(r for r in kept if r["error_type"] == "brand")
    row.pop("answered_grade")
    faulty = [
        row,
        {**row, "synthetic_id": "syn-z1"},
        {**row, "synthetic_id": "syn-z2", "query": "x" * 500},
        {
            **row,
            "synthetic_id": "syn-z3",
            "query": "nike running shoes",
            "evidence": row["source_evidence"],
        },
        {
            **row,
            "synthetic_id": "syn-z4",
            "query": "running shoes for women",
            "item_id": "nobody judged me",
        },
        {
            **row,
            "synthetic_id": "syn-z5",
            "query": "nike running shoes for women",
            "intended_grade": 3,
        },
        {**row, "synthetic_id": "syn-z6", "query": "for women with no of the"},
    ]
    write_table(faulty, tmp_path, "candidates")
    (tmp_path / "out").mkdir()
    verify_shop(
        synthesis_shop, tmp_path, tmp_path / "out", answers=made.parent / "answers"
    )
    reasons = (
        read_table(tmp_path / "out", "rejected")
        .sort("synthetic_id")["reason"]
        .to_list()
    )
    assert reasons == [
        "duplicate",
        "text",
        "attribute",
        "unanswered",
        "judge",
        "fluency",
    ]


def test_judges_vote(made: Path, synthesis_shop: Path, tmp_path: Path) -> None:
    right = read_table(made.parent / "answers", "teacher_judgements")
    wrong = right.with_columns((3 - pl.col("grade")).alias("grade"))
    for name, frame in (("a", right), ("b", right), ("c", wrong)):
        (tmp_path / name).mkdir()
        write_table(frame, tmp_path / name, "teacher_judgements")
    accepted = {}
    for names in ("a", "abc", "acc"):
        (tmp_path / f"out-{names}").mkdir()
        folders = [tmp_path / name for name in names]
        places = synthesis_shop / "prepare", synthesis_shop / "evidence", made
        metrics = verify.run(
            verify.Config(agreement=0.6), *places, folders, tmp_path / f"out-{names}"
        )
        accepted[names] = metrics["accepted"]
    assert (
        accepted["a"] == accepted["abc"] > accepted["acc"]
    )  # two of three carry it, one of three does not
