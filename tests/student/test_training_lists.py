"""Soft labels of pairs that only the teacher judged are put right
by the pairs that people judged as well.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl

from adore.artifacts import read_table, write_table
from adore.pipeline.runner import run_stage
from adore.student.training_lists import Sources, _corrected, load_training_lists


def rows(pairs: list[tuple[list[float], int | None, str]]) -> pl.DataFrame:
    schema = {
        "probabilities": pl.List(pl.Float64),
        "human": pl.Int64,
        "split": pl.String,
    }
    return pl.DataFrame(pairs, schema=schema, orient="row")


def test_a_teacher_that_people_contradict_is_put_right_and_one_that_nobody_checked_is_believed() -> (  # noqa: E501
    None
):
    sure = [0.0, 0.0, 1.0, 0.0]
    told = _corrected(
        rows(
            [(sure, 0, "train")] * 60
            + [(sure, 3, "dev")] * 60
            + [(sure, None, "train")]
        )
    )
    assert np.allclose(told["probabilities"].to_list(), [[0.75, 0, 0.25, 0]] * 121)
    assert _corrected(rows([(sure, None, "train")]))["probabilities"].to_list() == [
        sure
    ]
    assert _corrected(rows([])).is_empty()


def test_a_human_grade_counts_where_the_teachers_answer_was_refused(
    shop: Path, tmp_path: Path
) -> None:
    answers, keys = (
        read_table(shop / "judge", "teacher_judgements"),
        ["query_id", "item_id"],
    )
    judged = read_table(shop / "prepare", "judgements")
    refused = answers.join(judged, on=keys, how="anti")
    refused.write_parquet(tmp_path / "teacher_judgements.parquet")
    trust = {
        "teacher_weight": 0.3,
        "synthetic_weight": 0.0,
        "max_pairs": 10**6,
        "seed": 0,
    }
    folders = [shop / n for n in ("prepare", "evidence", "judge", "verify", "retrieve")]
    whole, few = (
        load_training_lists(Sources(*folders[:2], [answered], *folders[3:]), **trust)  # type: ignore[arg-type]
        for answered in (folders[2], tmp_path)
    )
    for one, other in zip([*whole[0], *whole[1]], [*few[0], *few[1]], strict=True):
        assert (one.list_id, one.items) == (other.list_id, other.items)
        human = one.weights == 1
        assert (one.targets[human] == other.targets[human]).all() and (
            other.weights == one.weights
        ).all()


def test_kept_scores_of_half_a_query_are_not_mixed_with_others(
    shop: Path, student: Path, tmp_path: Path
) -> None:
    marked = shutil.copytree(student, tmp_path / "distil")
    told = read_table(student, "scores").with_columns(score=pl.lit(7.0))
    told[1:].write_parquet(marked / "scores.parquet")
    places = {
        "prepared": str(shop / "prepare"),
        "student": str(marked),
        "adversarial": str(shop / "verify"),
    }
    run_stage("score", places, str(tmp_path / "score"))
    found = read_table(tmp_path / "score", "scores").filter(
        system="student", query_id=told["query_id"][0]
    )
    assert found.height > 1 and found["score"].max() <= 1  # type: ignore[operator]


def test_what_several_people_disagree_on_is_learnt_as_their_shares(
    shop: Path, tmp_path: Path
) -> None:
    prepared = shutil.copytree(shop / "prepare", tmp_path / "prepare")
    queries = read_table(prepared, "queries").filter(split="train")
    pair = (
        read_table(prepared, "judgements")
        .join(queries, on="query_id")
        .sort("query_id", "item_id")
        .row(0, named=True)
    )
    votes = [
        {
            "query_id": pair["query_id"],
            "item_id": pair["item_id"],
            "grade": g,
            "votes": n,
        }
        for g, n in ((0, 2), (3, 1))
    ]
    write_table(votes, prepared, "votes")
    folders = [shop / n for n in ("evidence", "judge", "verify", "retrieve")]
    sources = Sources(prepared, folders[0], [folders[1]], *folders[2:])
    train, _ = load_training_lists(
        sources, teacher_weight=0.3, synthetic_weight=0.0, max_pairs=10**6, seed=0
    )
    (mine,) = [one for one in train if one.list_id == pair["query_id"]]
    at = [item.item_id for item in mine.items].index(pair["item_id"])
    assert np.allclose(mine.targets[at], [2 / 3, 0, 0, 1 / 3]) and mine.weights[at] == 1
    assert all(
        sorted(t) == [0, 0, 0, 1]
        for n, t in enumerate(mine.targets)
        if n != at and mine.weights[n] == 1
    )
