"""P(grade) of an LLM's answer: from token probabilities, from samples, or from its confidence."""

from __future__ import annotations

from collections.abc import Sequence

from adore.teacher.judgements import Probabilities
from adore.teacher.rationale import RationaleSchema
from adore.types import LABELS, Grade

__all__ = ["soft_labels"]


def soft_labels(
    grade: Probabilities | None, answers: Sequence[RationaleSchema]
) -> tuple[Probabilities, RationaleSchema]:
    """P(grade), and the answer that represents it. Its grade is always the likeliest.

    The first of these that is there:

    1. The probabilities of the grade token. If no answer has their likeliest grade, that
       grade and the written one swap their probabilities: the label stays as uncertain,
       and agrees with the reasons.
    2. The share of each grade among several samples.
    3. The confidence of the one sample. The rest is spread over the other grades, nearer
       ones first.

    Args:
        grade: P(grade) at the grade token, or None if the backend does not return it.
        answers: valid answers, one a sample.

    Returns:
        P(grade), indexed by grade value, and one of the answers.
    """
    grades = [LABELS[answer.grade] for answer in answers]
    if grade:
        best_grade, probabilities = _agree_with_written(grade, grades)
    else:
        best_grade = max(grades, key=grades.count)
        if len(answers) > 1:
            probabilities = [grades.count(value) / len(answers) for value in Grade]
        else:
            probabilities = _spread(best_grade, answers[0].confidence)

    irrelevant, complement, substitute, exact = probabilities
    label = (irrelevant, complement, substitute, exact)
    return label, answers[grades.index(best_grade)]


def _agree_with_written(
    token: Probabilities, written: Sequence[Grade]
) -> tuple[Grade, list[float]]:
    """The likeliest grade that was written, and P(grade) with that one as likeliest."""
    first_grade = written[0]
    # of equally likely grades the one that was written
    likeliest = max(Grade, key=lambda grade: (token[grade], grade == first_grade))
    best_grade = first_grade
    if likeliest in written:
        best_grade = likeliest

    probabilities = list(token)
    probabilities[best_grade] = token[likeliest]
    probabilities[likeliest] = token[best_grade]
    return best_grade, probabilities


def _spread(best_grade: Grade, confidence: float) -> list[float]:
    """P(grade) of one sample: its confidence, the rest over the other grades."""
    certain = min(0.99, max(0.4, confidence))

    # A neighbour gets 1/2, the next 1/3: near mistakes are likelier than far ones.
    weights: list[float] = []
    for grade in Grade:
        distance = abs(grade - best_grade)
        weights.append(1.0 / (1 + distance))
    weights[best_grade] = 0.0
    weight_sum = sum(weights)

    shares = [(1 - certain) * weight / weight_sum for weight in weights]
    shares[best_grade] = certain
    return shares
