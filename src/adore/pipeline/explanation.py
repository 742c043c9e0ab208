"""The explanation of an item's rank, as records, as JSON and as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from adore.types import Evidence

__all__ = [
    "AppliedRules",
    "Call",
    "Explanation",
    "LineageStep",
    "PairJudgement",
    "QueryMatch",
    "ServedScore",
    "render",
]

Document = dict[str, Any]
"""A JSON object."""


@dataclass(frozen=True, slots=True)
class QueryMatch:
    """The explained query, and the shop's queries of the same text."""

    text: str
    query_id: str
    """Ids of the shop's queries, by commas; empty: the shop has none."""
    split: str
    """``train``, ``dev``, ``test``, or ``unseen``."""


@dataclass(frozen=True, slots=True)
class ServedScore:
    """The student's score of the item, and its rank in the query's known list."""

    model: str
    score: float
    grade: str
    probabilities: dict[str, float]
    """By the grade's letter."""
    rank: int
    of: int
    """How many items were ranked."""
    attributes: dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class AppliedRules:
    """What the rule book makes of the evidence."""

    rulebook: str
    grade: str
    reason: str
    applied: dict[str, str]
    """Guideline of each rule that applied, by the rule's id."""


@dataclass(frozen=True, slots=True)
class Call:
    """One answer of an LLM: its exact prompt, its raw text, and what it took."""

    fields: Document
    """A row of the stage's table ``_calls``; its prompt is a list of messages."""

    @property
    def key(self) -> str:
        """The call's key in the answer cache."""
        return str(self.fields["key"])

    @property
    def origin(self) -> str:
        """Whether the answer came from the cache, or how much it took."""
        if self.fields["cached"]:
            return "from the cache"
        prompt_tokens = self.fields["prompt_tokens"]
        completion_tokens = self.fields["completion_tokens"]
        attempts = self.fields["attempts"]
        tokens = f"{prompt_tokens} + {completion_tokens} tokens"
        return f"asked in that run: {attempts} call(s), {tokens}"

    def lines(self) -> Iterator[str]:
        """Yield prompt and raw answer, as text."""
        for message in self.fields["prompt"]:
            yield f"    prompt, {message['role']}"
            yield from _indented(message["content"])
        yield "    raw answer"
        yield from _indented(self.fields["raw"])


@dataclass(frozen=True, slots=True)
class PairJudgement:
    """One judgement of the pair, or why a judge gave none, and the folder that holds it."""

    by: str
    source: str
    grade: str = ""
    """The grade's letter; empty: there is none."""
    refused: str = ""
    """Why the answer went to quarantine."""
    details: Document = field(default_factory=dict)
    """Of a teacher: its rule book, rules and verdict."""
    call: Call | None = None
    prompt: str = ""
    """The evidence trace, where it was the prompt."""

    def to_json(self) -> Document:
        """Return the known fields as a JSON object."""
        document: Document = {"by": self.by}
        if self.grade:
            document["grade"] = self.grade
        if self.refused:
            document["refused"] = self.refused
        # Unknown fields have no key, so readers need not distinguish empty from absent.
        document["source"] = self.source
        document.update(self.details)
        if self.call:
            document["call"] = self.call.fields
        if self.prompt:
            document["prompt"] = self.prompt
        return document


@dataclass(frozen=True, slots=True)
class LineageStep:
    """One step that contributed to the score, or an input that no step made."""

    step: str
    place: str
    content: str
    """First digits of the content hash."""
    code: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that is known of one pair, from the served score back to its sources."""

    query: QueryMatch
    item: dict[str, str]
    served: ServedScore | None
    """None: there is no student yet."""
    evidence: list[Evidence]
    rules: AppliedRules
    judgements: list[PairJudgement]
    feedback: list[Document]
    synthetic: list[Document]
    lineage: list[LineageStep]
    """The last step first."""

    def to_json(self) -> Document:
        """Return the explanation as a JSON object; ``served`` is empty without a student."""
        return {
            "query": asdict(self.query),
            "item": self.item,
            "served": asdict(self.served) if self.served else {},
            "evidence": [asdict(evidence) for evidence in self.evidence],
            "rules": asdict(self.rules),
            "judgements": [judgement.to_json() for judgement in self.judgements],
            "feedback": self.feedback,
            "synthetic": self.synthetic,
            "lineage": [asdict(step) for step in self.lineage],
        }


# ---------------------------------------------------------------- text


def render(explanation: Explanation) -> str:
    """Write an explanation as text for a terminal."""
    return "\n".join(_lines(explanation))


def _lines(explanation: Explanation) -> Iterator[str]:
    query = explanation.query
    item = explanation.item
    yield f"query   {query.text!r} ({query.query_id or 'new'}, {query.split})"
    yield f"item    {item['item_id']}  {item['title'][:90]}"
    yield _served_line(explanation.served)
    yield "evidence"
    for evidence in explanation.evidence:
        yield _evidence_line(evidence)

    applied_rules = explanation.rules
    yield f"rules   {applied_rules.grade} by {applied_rules.rulebook}: {applied_rules.reason}"
    for rule_id, guideline in applied_rules.applied.items():
        yield f"  [{rule_id}] {guideline}"
    yield from _judgement_lines(explanation.judgements)

    for feedback in explanation.feedback:
        event_ids = ", ".join(feedback["events"][:3])
        desirable = feedback["desirable"]
        yield f"feedback  {feedback['kind']} (desirable: {desirable}), events {event_ids}"
    for synthetic_pair in explanation.synthetic:
        error_type = synthetic_pair["error_type"]
        yield f"synthetic {synthetic_pair['id']} {error_type}: {synthetic_pair['edit']}"
    yield "made by"
    for lineage_step in explanation.lineage:
        yield f"  {lineage_step.step:<11} {lineage_step.content}  {lineage_step.place}"


def _served_line(served: ServedScore | None) -> str:
    if not served:
        return "served  not yet: no student"
    return (
        f"served  rank {served.rank} of {served.of}, score {served.score}, "
        f"grade {served.grade}, P {served.probabilities}, by {served.model}"
    )


def _evidence_line(evidence: Evidence) -> str:
    finding = "nothing"
    if evidence.found:
        quote = evidence.found_quote or evidence.found
        finding = f"{quote!r} in {evidence.where}"
    beginning = f"  {evidence.state:<9} {evidence.attribute:<13}"
    return f"{beginning} asked {evidence.asked_quote!r}, found {finding}"


def _judgement_lines(judgements: list[PairJudgement]) -> Iterator[str]:
    if not judgements:
        yield "judgements: none for this pair"
        return
    yield "judgements"
    printed_keys = set[str]()
    for judgement in judgements:
        verdict = f"none: {judgement.refused}"
        if judgement.grade:
            verdict = f"{judgement.grade} by {judgement.by}"
        yield f"  {verdict}, {judgement.source}"
        if judgement.prompt:
            yield "    prompt (evidence trace)"
            yield from _indented(judgement.prompt)
        call = judgement.call
        if not call:
            continue
        yield f"    {call.origin}; key {call.key[:12]}"
        # Several shards may share one cached answer: it is printed once.
        if call.key in printed_keys:
            yield "    prompt and raw answer as above"
            continue
        printed_keys.add(call.key)
        yield from call.lines()


def _indented(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield f"      | {line}"
