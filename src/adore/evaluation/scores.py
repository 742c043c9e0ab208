"""Tables of scores and of human judgements, checked before anything is measured."""

from __future__ import annotations

import polars as pl

from adore.errors import DataError, check
from adore.types import PAIR, Grade

__all__ = [
    "check_no_duplicates",
    "check_scores",
    "judged_scores",
    "parse_judgements",
    "values_by_system",
]

_GRADES = [float(grade) for grade in Grade]


def check_scores(scores: pl.DataFrame) -> pl.DataFrame:
    """Check a table of scores.

    Args:
        scores: columns query_id, item_id, score, optionally grade (0 to 3 or empty) and
            system.

    Returns:
        One row per system and pair, with finite scores, and known grades or none.

    Raises:
        DataError: a column is missing, a score is not finite, a grade is unknown, or a
            system has a pair twice.
    """
    absent_columns: list[str] = []
    for column_name in (*PAIR, "score"):
        if column_name not in scores.columns:
            absent_columns.append(column_name)
    check(
        not absent_columns,
        "columns of scores",
        scores.columns,
        must=f"with {absent_columns}",
        fix="add them",
        error=DataError,
    )
    if "system" not in scores.columns:
        scores = scores.with_columns(system=pl.lit("scores"))
    scores = _cast(scores)

    is_number = pl.col("score").is_not_null() & pl.col("score").is_finite()
    not_finite = scores.filter(~is_number)
    check(
        not not_finite.height,
        "score",
        not_finite.head(1).to_dicts(),
        must="finite",
        fix="correct these rows",
        error=DataError,
    )

    # A missing grade is null here, and passes: a baseline claims none.
    is_known = pl.col("grade").is_in(_GRADES)
    unknown_rows = scores.filter(~is_known)
    check(
        not unknown_rows.height,
        "grade",
        unknown_rows.head(1).to_dicts(),
        must="0 to 3 or empty",
        fix="map the labels",
        error=DataError,
    )
    scores = scores.with_columns(pl.col("grade").cast(pl.Int64))
    check_no_duplicates(scores, ["system", *PAIR], "scores")
    return scores


def _cast(scores: pl.DataFrame) -> pl.DataFrame:
    """Ids as text, scores and grades as floats; grades are empty where there are none."""
    grade_column = pl.lit(None)
    if "grade" in scores.columns:
        grade_column = pl.col("grade")
    if scores.schema.get("grade") == pl.String:
        # An empty cell of a CSV file: a baseline claims no grade.
        grade_column = grade_column.replace("", None)
    try:
        return scores.select(
            pl.col("system", *PAIR).cast(pl.String),
            pl.col("score").cast(pl.Float64),
            # Integers beside gaps are written as 3.0 and NaN.
            grade_column.cast(pl.Float64).fill_nan(None).alias("grade"),
        )
    except pl.exceptions.PolarsError as error:
        column_types = {}
        for column_name in ("score", "grade"):
            if column_name in scores.columns:
                column_types[column_name] = str(scores[column_name].dtype)
        raise DataError(
            f"kinds of scores == {column_types}, must be numbers, grades 0 to 3; map labels first"
        ) from error


def parse_judgements(judgements: pl.DataFrame) -> pl.DataFrame:
    """Check human judgements.

    Args:
        judgements: columns query_id, item_id, grade.

    Returns:
        One row per pair, ids as text, grades as integers.

    Raises:
        DataError: a grade is unknown, or a pair is there twice.
    """
    pair_ids = pl.col(*PAIR).cast(pl.String)
    grade_column = pl.col("grade").cast(pl.Float64)
    judgements = judgements.with_columns(pair_ids, grade_column)

    is_known = pl.col("grade").is_not_null() & pl.col("grade").is_in(_GRADES)
    unknown_rows = judgements.filter(~is_known)
    check(
        not unknown_rows.height,
        "grade",
        unknown_rows.head(1).to_dicts(),
        must="0 to 3",
        fix="map the labels",
        error=DataError,
    )
    judgements = judgements.with_columns(pl.col("grade").cast(pl.Int64))
    check_no_duplicates(judgements, PAIR, "judgements")
    return judgements


def check_no_duplicates(frame: pl.DataFrame, keys: list[str], name: str) -> None:
    """Refuse a table in which the same key is there twice.

    Args:
        frame: the table.
        keys: columns that together name one row.
        name: what the table is called in the error text.

    Raises:
        DataError: a key is there twice.
    """
    is_duplicate = frame.select(keys).is_duplicated()
    duplicates = frame.filter(is_duplicate).select(keys)
    check(
        not duplicates.height,
        f"duplicate rows of {name}",
        duplicates.head(1).to_dicts(),
        must="none",
        fix="keep one row per pair",
        error=DataError,
    )


def judged_scores(
    judgements: pl.DataFrame, scores: pl.DataFrame, system: str
) -> pl.DataFrame:
    """Put one system's scores beside the human grades.

    Args:
        judgements: the judged pairs.
        scores: of every system.
        system: whose scores are taken.

    Returns:
        Every judged pair with ``grade``, ``score`` and ``predicted``; the last two are
        empty where the system did not score the pair.
    """
    of_system = scores.filter(system=system)
    score_columns = of_system.select(*PAIR, "score", predicted="grade")

    human_grades = judgements.select(*PAIR, "grade")
    joined = human_grades.join(score_columns, on=PAIR, how="left")
    return joined.sort(PAIR)


def values_by_system(per_query: pl.DataFrame) -> pl.DataFrame:
    """Put the values of all systems side by side.

    Args:
        per_query: columns system, query_id, value; of one split and slice.

    Returns:
        A row per query, a column per system. A query that one system lacks is left out.
    """
    by_system = per_query.pivot(on="system", index="query_id", values="value")
    return by_system.sort("query_id").drop_nulls()
