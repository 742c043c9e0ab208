"""The prompt of an LLM that reads texts.

Rule book and examples come first, the same bytes for every pair; then the pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import BaseModel

from adore.rulebook import RuleBook
from adore.taxonomy import ERROR_TYPES
from adore.teacher.backends.base import Message
from adore.teacher.judgements import JudgeInput
from adore.teacher.rationale import (
    CRITICALITIES,
    LENGTHS,
    MOST_ATTRIBUTES,
    WHERE,
    AskedAttribute,
    RationaleSchema,
)
from adore.teacher.sanitise import find_quote, normalise, sanitise
from adore.types import ATTRIBUTES, STATES, Evidence, Item

__all__ = ["Exemplar", "Prompter", "answer_text", "repair_messages", "user_text"]

_QUERY_LENGTH = 300
_FIELD_LENGTH = 120
_NAME_LENGTH = 40
_BULLET_LENGTH = 200
_TEXT_LENGTHS = {"title": 400, "brand": 100, "category": 200, "description": 800}
"""Most characters of each text of an item."""
_MAX_BULLETS = 8
_MAX_FIELDS = 20
_MAX_EVIDENCE = 12
_VALUE_ENDS = str.maketrans({'"': "\u201d", ";": ","})
"""Characters that end a value within an evidence line, and their replacements."""


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A judged pair that a prompt shows.

    Attributes:
        query_id: of its query.
        query: normalised text of its query.
        user: the pair as text.
        answer: what a judge should answer.
    """

    query_id: str
    query: str
    user: str
    answer: str


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("adore.teacher", "prompts"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )


def _evidence_line(evidence: Evidence, item: Item) -> str:
    value = _evidence_value(evidence.asked)
    quote = _evidence_value(evidence.asked_quote)
    in_query = f'asked {value} "{quote}"'

    in_item = "found nothing"
    if evidence.found:
        in_item = f"found {_evidence_value(evidence.found)}"
        where = _place_of_quote(evidence.found_quote, evidence.where, item)
        if where:
            quote = _evidence_value(evidence.found_quote)
            in_item += f' "{quote}" in {where}'
    return f"{evidence.attribute}: {in_query}; {in_item}; {evidence.state}"


def _evidence_value(text: str) -> str:
    """A stranger's words inside an evidence line, without the marks that end a value there."""
    return sanitise(text, _FIELD_LENGTH).translate(_VALUE_ENDS)


def user_text(judge_input: JudgeInput) -> str:
    """Write one pair as text.

    Every word of the shop and of shoppers is fenced, cut and made visible (see
    :func:`adore.teacher.sanitise.sanitise`).

    Returns:
        The user message.
    """
    item = judge_input.item
    texts: list[tuple[str, str]] = []
    for name, length in _TEXT_LENGTHS.items():
        text = sanitise(getattr(item, name), length)
        if text:
            texts.append((name, text))

    bullets: list[str] = []
    for bullet in item.bullet_points[:_MAX_BULLETS]:
        bullets.append(sanitise(bullet, _BULLET_LENGTH))

    fields: list[str] = []
    for name, raw_value in list(item.attributes.items())[:_MAX_FIELDS]:
        value = sanitise(str(raw_value), _FIELD_LENGTH)
        if value:
            fields.append(f"{sanitise(name, _NAME_LENGTH)}: {value}")

    lines: list[str] = []
    for evidence in judge_input.evidence[:_MAX_EVIDENCE]:
        lines.append(_evidence_line(evidence, item))

    template = _templates().get_template("user.j2")
    return template.render(
        query=sanitise(judge_input.query, _QUERY_LENGTH),
        texts=texts,
        lists=[("bullet_points", bullets), ("attributes", fields)],
        evidence=lines,
    )


def answer_text(why: RationaleSchema, item: Item) -> str:
    """Write a rationale as an LLM should: for examples, and for an LLM to be trained on.

    Args:
        why: from ``rationale`` or a judge.
        item: where its quotes are looked up; evidence calls a description ``bullet_points``.

    Returns:
        JSON.
    """
    # the most critical attributes come first, since only some are kept
    ranked = sorted(
        why.attributes, key=lambda attribute: CRITICALITIES.index(attribute.criticality)
    )
    attributes: list[AskedAttribute] = []
    for attribute in ranked[:MOST_ATTRIBUTES]:
        where = _place_of_quote(attribute.found_quote, attribute.where, item)
        changes = {**_shortened(attribute), "where": where}
        attributes.append(attribute.model_copy(update=changes))

    answer = why.model_copy(
        update={
            **_shortened(why),
            "confidence": round(why.confidence, 1),
            "attributes": attributes,
        }
    )
    return answer.model_dump_json()


def _shortened(record: BaseModel) -> dict[str, str]:
    """The fields of a record that have a maximal length, cut to it."""
    texts: dict[str, str] = {}
    for name, length in LENGTHS.items():
        if name in type(record).model_fields:
            texts[name] = sanitise(getattr(record, name), length)
    return texts


def _place_of_quote(quote: str, claimed: str, item: Item) -> str:
    """The text that really holds the quote, without the name of the shop's own field."""
    if not quote:
        return ""
    for name in (claimed, "description", "title"):
        if find_quote(quote, name, item):
            return name.split(".")[0]
    return ""


def repair_messages(
    messages: Sequence[Message], bad: str, reason: str, detail: str
) -> list[Message]:
    """Write the conversation that asks for a second answer.

    Args:
        messages: the first prompt.
        bad: the answer that it got.
        reason: what is wrong with it.
        detail: where, in the answer's own words.

    Returns:
        The first prompt, its answer and the request for a better one.
    """
    template = _templates().get_template("repair.j2")
    request = template.render(reason=reason, detail=sanitise(detail, 200))
    # what it wrote may hold no tag of ours, either
    visible = bad[:4000].translate({ord("<"): "\u2039", ord(">"): "\u203a"})
    return [
        *messages,
        {"role": "assistant", "content": visible or "{}"},
        {"role": "user", "content": request},
    ]


class Prompter:
    """Writes the prompt of any pair.

    Args:
        rulebook: what the answers obey.
        exemplars: judged pairs to show; a pair whose query is among theirs does not get
            to see those.
    """

    def __init__(self, rulebook: RuleBook, exemplars: Sequence[Exemplar] = ()) -> None:
        self.rulebook = rulebook
        self._exemplars = tuple(exemplars)
        self._systems: dict[tuple[Exemplar, ...], str] = {}
        self._cacheable: dict[str, str] = {}

    def messages(self, judge_input: JudgeInput) -> list[Message]:
        """System and user message of one pair."""
        # a pair never sees an example of its own query; all others share one system message
        query = normalise(judge_input.query)
        exemplars: list[Exemplar] = []
        for exemplar in self._exemplars:
            if exemplar.query_id != judge_input.query_id and exemplar.query != query:
                exemplars.append(exemplar)

        system = self._system(tuple(exemplars))
        return [
            {"role": "system", "content": system},
            {"role": "user", "content": user_text(judge_input)},
        ]

    def without_error_types(self, messages: Sequence[Message]) -> list[Message]:
        """A prompt without its list of error types, for the key of a cached answer.

        Args:
            messages: of :meth:`messages`, or a conversation that begins with them.

        Returns:
            The same messages, the first with an empty list.
        """
        shortened: list[Message] = []
        for message in messages:
            content = message["content"]
            content = self._cacheable.get(content, content)
            shortened.append({"role": message["role"], "content": content})
        return shortened

    def _system(self, exemplars: tuple[Exemplar, ...]) -> str:
        if exemplars not in self._systems:
            text = self._render(exemplars, list(ERROR_TYPES))
            self._systems[exemplars] = text
            self._cacheable[text] = self._render(exemplars, [])
        return self._systems[exemplars]

    def _render(self, exemplars: Sequence[Exemplar], error_types: list[str]) -> str:
        template = _templates().get_template("system.j2")
        return template.render(
            rulebook=self.rulebook.render(),
            attributes=list(ATTRIBUTES),
            criticalities=CRITICALITIES,
            states=STATES,
            most=MOST_ATTRIBUTES,
            grades=list(self.rulebook.grades),
            where=WHERE,
            error_types=error_types,
            exemplars=exemplars,
        )
