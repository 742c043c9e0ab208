"""Judges that read evidence, not texts.

The rule book itself, or the tiny LM that was trained on evidence traces.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from adore.attributes.compare import asks_article, is_stuffed
from adore.rulebook import RuleBook
from adore.teacher.backends.base import BACKENDS, JudgeBackend
from adore.teacher.judgements import JudgeFailure, JudgeInput, Judgement, Probabilities
from adore.teacher.rationale import rationale
from adore.types import Evidence, Grade

__all__ = ["EvidenceJudge", "Grader", "RulesGrader"]


class Grader(Protocol):
    """Gives P(grade) from the evidence alone."""

    name: str

    def grade(self, many: Sequence[tuple[Evidence, ...]]) -> list[Probabilities]:
        """One distribution a pair, in order."""
        ...


class RulesGrader:
    """The rule book applied to the evidence: no model, the baseline and the fallback."""

    name = "rules"

    def __init__(self, rulebook: RuleBook) -> None:
        self._rulebook = rulebook

    def grade(self, many: Sequence[tuple[Evidence, ...]]) -> list[Probabilities]:
        """See :class:`Grader`."""
        return [self._rulebook.apply(evidence).probabilities for evidence in many]


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

    def judge(self, cases: Sequence[JudgeInput]) -> list[Judgement | JudgeFailure]:
        """See :class:`adore.teacher.judgements.Judge`."""
        given = self._grader.grade([c.evidence for c in cases])
        return [
            self._answer(case, self._trusted(case, p))
            for case, p in zip(cases, given, strict=True)
        ]

    def _trusted(self, case: JudgeInput, p: Probabilities) -> Probabilities:
        by_rules = is_stuffed(case.evidence) or asks_article(case.evidence)
        return self._rulebook.apply(case.evidence).probabilities if by_rules else p

    def close(self) -> None:
        """Nothing to free."""

    def _answer(self, case: JudgeInput, p: Probabilities) -> Judgement:
        grade = Grade(max(range(4), key=lambda g: p[g]))
        return Judgement(p, rationale(case.evidence, self._rulebook, grade, p[grade]))


BACKENDS.add("auto", JudgeBackend())
BACKENDS.add("rules", JudgeBackend())
