"""Soft labels of pairs that only the teacher judged are put right by the pairs that people judged as well."""

from __future__ import annotations

import numpy as np
import polars as pl

from adore.student.lists import _as_people


def rows(pairs: list[tuple[list[float], int | None, str]]) -> pl.DataFrame:
    schema = {"probabilities": pl.List(pl.Float64), "human": pl.Int64, "split": pl.String}
    return pl.DataFrame(pairs, schema=schema, orient="row")


def test_a_teacher_that_people_contradict_is_put_right_and_one_that_nobody_checked_is_believed() -> None:
    sure = [0.0, 0.0, 1.0, 0.0]
    told = _as_people(rows([(sure, 0, "train")] * 60 + [(sure, 3, "dev")] * 60 + [(sure, None, "train")]))
    assert np.allclose(told["probabilities"].to_list(), [[0.75, 0, 0.25, 0]] * 121)
    assert _as_people(rows([(sure, None, "train")]))["probabilities"].to_list() == [sure]
    assert _as_people(rows([])).is_empty()
