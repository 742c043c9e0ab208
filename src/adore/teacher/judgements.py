"""What a judge reads and what it gives back.

It reads a :class:`JudgeInput` and gives a :class:`Judgement`, or a :class:`JudgeFailure`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from adore.teacher.rationale import RationaleSchema
from adore.types import LABELS, Evidence, Grade, Item

__all__ = [
    "Call",
    "Judge",
    "JudgeFailure",
    "JudgeInput",
    "Judgement",
    "Probabilities",
]

Probabilities = tuple[float, float, float, float]
"""P(grade), indexed by grade value; sums to 1."""


@dataclass(frozen=True, slots=True)
class JudgeInput:
    """One pair as a judge reads it: both texts and the evidence that was read out of them."""

    query_id: str
    item_id: str
    query: str
    item: Item
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """How an LLM's answer came about; stored beside the judgements, outside their content hash.

    Attributes:
        key: the cache key: hash of model, revision, prompt, rule book version and decoding.
        cached: nothing was paid for it in this execution.
        prompt: the messages, as JSON.
        raw: the text that came back.
        attempts: calls made, repair included; 0 when cached.
        prompt_tokens: tokens read, of which ``prefix_tokens`` came from the backend's prefix cache.
        completion_tokens: tokens written.
    """

    key: str
    cached: bool
    prompt: str
    raw: str
    attempts: int = 1
    prompt_tokens: int = 0
    prefix_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Judgement:
    """A judge's grade of one item for one query, and why.

    Attributes:
        query_id: the query's id; empty where a text was judged.
        item_id: the item.
        probabilities: P(grade), indexed by the grade's value (I, C, S, E); sums to 1.
        rationale: attribute by attribute, with quotes, rules and error type.
        evidence: each attribute that the query asks for, what the item says of it, and
            where, as it was read out of both texts.
        call: how an LLM's answer came about; None where no LLM read the texts.
    """

    query_id: str
    item_id: str
    probabilities: Probabilities
    rationale: RationaleSchema
    evidence: tuple[Evidence, ...]
    call: Call | None = None

    @property
    def grade(self) -> Grade:
        """Exact, Substitute, Complement or Irrelevant."""
        return LABELS[self.rationale.grade]

    @property
    def reason(self) -> str:
        """What decided the grade, in words."""
        return self.rationale.verdict


@dataclass(frozen=True, slots=True)
class JudgeFailure:
    """No judgement. The pair goes to quarantine.

    Attributes:
        reason: why.
        call: the raw text, if there was one.
        finish: how the backend says that the answer ended (``stop``, ``length``,
            ``content_filter``).
        detail: the endpoint's own words.
    """

    reason: str
    call: Call | None = None
    finish: str = ""
    detail: str = ""


class Judge(Protocol):
    """Anything that judges pairs; ``name`` identifies the bytes of its model."""

    name: str

    def judge(
        self, judge_inputs: Sequence[JudgeInput]
    ) -> list[Judgement | JudgeFailure]:
        """Judge each pair; one judgement or failure a pair, in their order."""
        ...

    def close(self) -> None:
        """Free what was started."""
        ...
