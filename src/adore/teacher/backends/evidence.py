"""Judges that read evidence, not texts.

The rule book itself, or the tiny LM that was trained on evidence traces.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from adore.attributes.comparison import asks_article, is_stuffed
from adore.rulebook import RuleBook
from adore.teacher.backends.base import BACKENDS, JudgeBackend
from adore.teacher.judgements import JudgeFailure, JudgeInput, Judgement, Probabilities
from adore.teacher.rationale import rationale
from adore.types import Evidence, Grade

__all__ = ["EvidenceJudge", "Grader", "RulesGrader", "is_left_to_rules"]


class Grader(Protocol):
    """Gives P(grade) from the evidence alone."""

    name: str

    def grade(self, pairs: Sequence[tuple[Evidence, ...]]) -> list[Probabilities]:
        """One distribution for each pair's evidence, in their order."""
        ...


class RulesGrader:
    """The rule book applied to the evidence: no model, the baseline and the fallback."""

    name = "rules"

    def __init__(self, rulebook: RuleBook) -> None:
        self._rulebook = rulebook

    def grade(self, pairs: Sequence[tuple[Evidence, ...]]) -> list[Probabilities]:
        """See :class:`Grader`."""
        distributions: list[Probabilities] = []
        for evidence in pairs:
            verdict = self._rulebook.apply(evidence)
            distributions.append(verdict.probabilities)
        return distributions


def is_left_to_rules(evidence: Sequence[Evidence]) -> bool:
    """Whether the rule book alone judges a pair, whatever a grader says.

    Args:
        evidence: of the pair.

    Returns:
        True for an item that was caught cheating, or a query that is an article number.
    """
    return is_stuffed(evidence) or asks_article(evidence)


class EvidenceJudge:
    """A judge that reads evidence, not texts.

    The rationale is written from the evidence and the rule book. An item that was
    caught cheating, or a query that is an article number, is judged by the rule book
    alone: no grader has learnt such evidence.
    """

    def __init__(self, grader: Grader, rulebook: RuleBook) -> None:
        self.name = grader.name
        self._grader = grader
        self._rulebook = rulebook

    def judge(
        self, judge_inputs: Sequence[JudgeInput]
    ) -> list[Judgement | JudgeFailure]:
        """See :class:`adore.teacher.judgements.Judge`."""
        distributions = self._grader.grade(
            [judge_input.evidence for judge_input in judge_inputs]
        )
        judgements: list[Judgement | JudgeFailure] = []
        for judge_input, probabilities in zip(judge_inputs, distributions, strict=True):
            judgements.append(self._judgement(judge_input, probabilities))
        return judgements

    def close(self) -> None:
        """Nothing to free."""

    def _judgement(
        self, judge_input: JudgeInput, probabilities: Probabilities
    ) -> Judgement:
        evidence = judge_input.evidence
        if is_left_to_rules(evidence):
            verdict = self._rulebook.apply(evidence)
            probabilities = verdict.probabilities

        grade = max(Grade, key=lambda grade: probabilities[grade])
        explanation = rationale(evidence, self._rulebook, grade, probabilities[grade])
        return Judgement(
            judge_input.query_id,
            judge_input.item_id,
            probabilities,
            explanation,
            evidence,
        )


BACKENDS.add("auto", JudgeBackend())
BACKENDS.add("rules", JudgeBackend())
