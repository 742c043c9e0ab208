"""Soft labels of pairs that only the teacher judged are put right by the pairs that people judged as well."""

from __future__ import annotations

import numpy as np
import polars as pl

from adore.student.lists import _as_people


def rows(pairs: list[tuple[list[float], int | None, str]]) -> pl.DataFrame:
    schema = {"probabilities": pl.List(pl.Float64), "human": pl.Int64, "split": pl.String}
    return pl.DataFrame(pairs, schema=schema, orient="row")


def test_a_teacher_that_people_contradict_is_put_right_and_one_that_nobody_checked_is_believed() -> None:
    substitute = [0.0, 0.0, 1.0, 0.0]
    table = _as_people(rows([(substitute, 0, "train")] * 60 + [(substitute, 3, "dev")] * 60))
    assert np.allclose(table.sum(axis=1), 1) and np.allclose(np.array(substitute) @ table, [0.75, 0, 0.25, 0])
    assert np.array_equal(_as_people(rows([(substitute, None, "train")])), np.eye(4))
    assert np.array_equal(_as_people(rows([])), np.eye(4))
