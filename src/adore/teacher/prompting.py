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
    RationaleSchema,
)
from adore.teacher.sanitise import find_quote, normalise, sanitise
from adore.types import ATTRIBUTES, STATES, Evidence, Item

__all__ = ["Exemplar", "Prompter", "answer_text", "repair_messages", "user_text"]

_QUERY, _FIELD, _NAME = 300, 120, 40
_LENGTHS = {"title": 400, "brand": 100, "category": 200, "description": 800}
_ENDS = str.maketrans({'"': "\u201d", ";": ","})
_BULLETS, _BULLET, _FIELDS, _EVIDENCE = 8, 200, 20, 12


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A judged pair that a prompt shows.

    Its query (id and normalised text), the pair as text, the answer.
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
    wanted = _value(evidence.asked)
    wanted_quote = _value(evidence.asked_quote)
    asked = f'asked {wanted} "{wanted_quote}"'

    found = "found nothing"
    if evidence.found:
        found = f"found {_value(evidence.found)}"
        where = _where(evidence.found_quote, evidence.where, item)
        if where:
            found += f' "{_value(evidence.found_quote)}" in {where}'
    return f"{evidence.attribute}: {asked}; {found}; {evidence.state}"


def _value(text: str) -> str:
    """A stranger's words inside an evidence line, without the marks that end a value there."""
    return sanitise(text, _FIELD).translate(_ENDS)


def user_text(case: JudgeInput) -> str:
    """One pair as text.

    Every word of the shop and of shoppers is fenced, cut and made visible (see
    :func:`adore.teacher.sanitise.sanitise`).
    """
    item = case.item
    texts = list[tuple[str, str]]()
    for name, length in _LENGTHS.items():
        text = sanitise(getattr(item, name), length)
        if text:
            texts.append((name, text))

    bullets = [sanitise(one, _BULLET) for one in item.bullet_points[:_BULLETS]]
    fields = list[str]()
    for name, given in list(item.attributes.items())[:_FIELDS]:
        value = sanitise(str(given), _FIELD)
        if value:
            fields.append(f"{sanitise(name, _NAME)}: {value}")

    template = _templates().get_template("user.j2")
    return template.render(
        query=sanitise(case.query, _QUERY),
        texts=texts,
        lists=[("bullet_points", bullets), ("attributes", fields)],
        evidence=[_evidence_line(one, item) for one in case.evidence[:_EVIDENCE]],
    )


def answer_text(why: RationaleSchema, item: Item) -> str:
    """A rationale as an LLM should write it: for examples, and for an LLM to be trained on.

    Args:
        why: from ``rationale`` or a judge.
        item: where its quotes are looked up; evidence calls a description ``bullet_points``.
    """
    ranked = sorted(why.attributes, key=lambda a: CRITICALITIES.index(a.criticality))[
        :MOST_ATTRIBUTES
    ]
    short = {"confidence": round(why.confidence, 1), **_short(why)}
    attributes = [
        a.model_copy(
            update={**_short(a), "where": _where(a.found_quote, a.where, item)}
        )
        for a in ranked
    ]
    return why.model_copy(update={**short, "attributes": attributes}).model_dump_json()


def _short(record: BaseModel) -> dict[str, str]:
    return {k: sanitise(v, LENGTHS[k]) for k, v in record if k in LENGTHS}


def _where(quote: str, claimed: str, item: Item) -> str:
    """The text that really holds the quote, without the name of the shop's own field."""
    places = (
        w
        for w in (claimed, "description", "title")
        if quote and find_quote(quote, w, item)
    )
    return next(places, "").split(".")[0]


def repair_messages(
    messages: Sequence[Message], bad: str, reason: str, detail: str
) -> list[Message]:
    """The conversation that asks for a second answer.

    Args:
        messages: the first prompt.
        bad: the answer that it got.
        reason: what is wrong with it.
        detail: where, in the answer's own words.
    """
    ask = (
        _templates()
        .get_template("repair.j2")
        .render(reason=reason, detail=sanitise(detail, 200))
    )
    said = bad[:4000].translate({ord("<"): "\u2039", ord(">"): "\u203a"}) or "{}"
    return [
        *messages,
        {"role": "assistant", "content": said},
        {"role": "user", "content": ask},
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

    def messages(self, case: JudgeInput) -> list[Message]:
        """System and user message of one pair.

        The system message is the same for nearly all pairs.
        """
        query = normalise(case.query)
        exemplars: list[Exemplar] = []
        for exemplar in self._exemplars:
            if exemplar.query_id != case.query_id and exemplar.query != query:
                exemplars.append(exemplar)

        system = self._system(tuple(exemplars))
        return [
            {"role": "system", "content": system},
            {"role": "user", "content": user_text(case)},
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
