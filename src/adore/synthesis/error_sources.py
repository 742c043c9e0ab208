"""Errors per error type, source by source: people's judgements, shoppers, an experiment."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import polars as pl

from adore.artifacts import read_shards, read_table
from adore.errors import check
from adore.synthesis.allocation import GradedPair, count_errors
from adore.synthesis.generator import read_grades
from adore.types import PAIR, Evidence, Grade, SignKind

__all__ = ["ErrorSources", "errors_by_source", "first_answers", "queries_of_split"]


class ErrorSources(TypedDict, total=False):
    """Outputs of the steps that tell errors; each may be missing."""

    scores: Path
    """``distil`` of an earlier run: its student's answers to dev queries.

    It did not learn from them."""
    feedback: Path
    """``feedback``: what shoppers do that the judge's grades contradict.

    They skip or return what was judged exact, or buy what was judged strictly."""
    live: Path
    """``live``: the same of the grades of the ranker in production."""
    experiment: Path
    """``experiment`` of an earlier round: where its challenger lost purchases."""


def queries_of_split(prepared: Path, split: str) -> pl.DataFrame:
    """Select the queries of a split.

    Args:
        prepared: output of ``prepare``.
        split: train, dev or test.

    Returns:
        ``query_id``.
    """
    queries = read_table(prepared, "queries")
    is_in_split = pl.col("split") == split
    return queries.filter(is_in_split).select("query_id")


def first_answers(folders: Sequence[Path]) -> pl.DataFrame:
    """Read the first answer to each pair.

    Args:
        folders: outputs of ``judge``.

    Returns:
        ``query_id, item_id, grade, probabilities``.
    """
    columns = [*PAIR, "grade", "probabilities"]
    every_answer = read_shards(folders, "teacher_judgements", columns)
    return every_answer.unique(PAIR, keep="first", maintain_order=True)


def errors_by_source(
    prepared: Path, evidence: Path, judged: Sequence[Path], sources: ErrorSources
) -> dict[str, dict[str, int]]:
    """Count errors per error type, once for each source that is known.

    Args:
        prepared: output of ``prepare``.
        evidence: output of ``evidence``.
        judged: outputs of ``judge``: the teacher's answers.
        sources: what else tells errors.

    Returns:
        Error type to count, by source: ``teacher`` and ``student`` (the earlier one)
        against people on dev queries; ``online`` (the judge) and ``live`` (the champion)
        against shoppers on train queries; ``experiment``, purchases that the last
        challenger lost.

    Raises:
        ConfigError: ``scores`` of other dev pairs.
        MissingError: a table is not there.
        DataError: a table cannot be read.
    """
    pairs = read_table(evidence, "pairs").select(*PAIR, "evidence")
    dev = queries_of_split(prepared, "dev")
    human_grades = read_grades(prepared, "judgements")
    human_grades = human_grades.join(dev, on="query_id").join(pairs, on=PAIR)

    errors = {"teacher": _offline_errors(human_grades, first_answers(judged))}
    if "scores" in sources:
        student_scores = read_table(sources["scores"], "scores")
        shared = human_grades.join(student_scores, on=PAIR, how="semi")
        check(
            shared.height > 0,
            "synthesise.previous",
            str(sources["scores"]),
            must="of a run on the same dev pairs",
            fix="name another",
        )
        errors["student"] = _offline_errors(human_grades, student_scores)
    if "feedback" in sources:
        signs = read_table(sources["feedback"], "feedback")
        errors["online"] = _online_errors(signs.join(pairs, on=PAIR))
    if "live" in sources:
        signs = read_table(sources["live"], "live_errors")
        errors["live"] = _online_errors(signs.join(pairs, on=PAIR))
    if "experiment" in sources:
        result_file = sources["experiment"] / "result.json"
        result = json.loads(result_file.read_text("utf-8"))
        errors["experiment"] = _lost_purchases(result.get("segments", []))
    return errors


def _lost_purchases(segments: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Purchases that an experiment's challenger lost, per error type of the segment."""
    lost = Counter[str]()
    for segment in segments:
        error_type = segment["error_type"]
        count = round(segment["lost"])
        if error_type and count:
            lost[error_type] += count
    return dict(sorted(lost.items()))


_SHOWN_AND_JUDGED = {
    SignKind.SKIPPED_JUDGED_EXACT: (Grade.IRRELEVANT, Grade.EXACT),
    SignKind.RETURNED_JUDGED_EXACT: (Grade.IRRELEVANT, Grade.EXACT),
    SignKind.BOUGHT_JUDGED_STRICTLY: (Grade.EXACT, Grade.IRRELEVANT),
}
"""Kind of sign to the grade that shoppers show and the grade that teacher or champion gave."""


def _online_errors(signs: pl.DataFrame) -> dict[str, int]:
    """Error types of the pairs on which shoppers and who graded them differ."""
    kinds = [kind.value for kind in _SHOWN_AND_JUDGED]
    is_error = pl.col("kind").is_in(kinds)
    errors = signs.filter(is_error)
    errors = errors.unique(PAIR).sort(PAIR)
    errors = errors.select("kind", "evidence")

    pairs: list[GradedPair] = []
    for kind, evidence_text in errors.iter_rows():
        shown_grade, judged_grade = _SHOWN_AND_JUDGED[SignKind(kind)]
        pair = GradedPair(
            human=shown_grade,
            answered=judged_grade,
            evidence=Evidence.many_from_json(evidence_text),
        )
        pairs.append(pair)
    return count_errors(pairs)


def _offline_errors(
    human_grades: pl.DataFrame, answered: pl.DataFrame
) -> dict[str, int]:
    """Error types of the pairs on which answers and humans differ."""
    answered_grade = pl.col("grade").alias("answered")
    grades = answered.select(*PAIR, answered_grade)
    graded_twice = human_grades.join(grades, on=PAIR)
    graded_twice = graded_twice.sort(PAIR)
    graded_twice = graded_twice.drop_nulls("answered")
    graded_twice = graded_twice.select("grade", "answered", "evidence")

    pairs: list[GradedPair] = []
    for human_grade, other_grade, evidence_text in graded_twice.iter_rows():
        pair = GradedPair(
            human=human_grade,
            answered=other_grade,
            evidence=Evidence.many_from_json(evidence_text),
        )
        pairs.append(pair)
    return count_errors(pairs)
