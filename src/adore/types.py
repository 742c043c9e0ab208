"""The records that travel between rooms, and the columns of every table they are stored in.

Records are frozen dataclasses; tables are plain ``{column: dtype}`` maps that
:mod:`adore.artifacts` turns into Polars schemas, so importing this module costs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from typing import Any, Literal, TypeVar

__all__ = [
    "ATTRIBUTES",
    "GAINS",
    "LABELS",
    "PAIR",
    "STATES",
    "TABLES",
    "Evidence",
    "Grade",
    "Item",
    "Query",
    "Reading",
    "Score",
    "State",
    "Value",
    "by_letter",
    "item_from_row",
]

T = TypeVar("T")

PAIR = ["query_id", "item_id"]
"""Columns that together name one pair, in the order of every join."""

State = Literal["match", "conflict", "unknown"]
STATES: tuple[State, ...] = ("match", "conflict", "unknown")
"""What an item can say of an attribute that a query asks for; heads and features use this order."""

ATTRIBUTES: dict[str, int] = {
    "product_type": 1,
    "brand": 2,
    "model": 2,
    "compatibility": 2,
    "audience": 2,
    "exclusion": 2,
    "colour": 3,
    "size": 3,
    "material": 3,
    "pack": 3,
    "feature": 3,
}
"""Key attributes and their level (1 weighs most). ``exclusion`` is what a query asks *not* to get;
``feature`` is any other content word of the query."""


class Grade(IntEnum):
    """Relevance of an item to a query, ESCI's four grades."""

    IRRELEVANT = 0
    COMPLEMENT = 1
    SUBSTITUTE = 2
    EXACT = 3

    @property
    def letter(self) -> str:
        """One of ``I C S E``."""
        return "ICSE"[self]


LABELS: dict[str, Grade] = {g.letter: g for g in Grade}
GAINS: dict[Grade, float] = {
    Grade.EXACT: 1.0,
    Grade.SUBSTITUTE: 0.1,
    Grade.COMPLEMENT: 0.01,
    Grade.IRRELEVANT: 0.0,
}
"""ESCI's nDCG gains. Source: Reddy et al. 2022, arXiv 2206.06588, section 5."""


def by_letter(values: Sequence[T]) -> dict[str, T]:
    """Name one value per grade by the grade's letter.

    Args:
        values: indexed by grade value. Shape [4].

    Returns:
        Value by letter.

    Example:
        >>> by_letter([0.1, 0.2, 0.3, 0.4])
        {'I': 0.1, 'C': 0.2, 'S': 0.3, 'E': 0.4}
    """
    return {grade.letter: values[grade] for grade in Grade}


@dataclass(frozen=True, slots=True)
class Query:
    """One query: its id and text."""

    query_id: str
    query: str


@dataclass(frozen=True, slots=True)
class Item:
    """One catalogue item. Unknown text is ``""``; ``attributes`` are the shop's own fields."""

    item_id: str
    title: str
    brand: str = ""
    category: str = ""
    description: str = ""
    bullet_points: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Value:
    """One attribute value as it was read.

    ``value`` is canonical, ``quote`` is what stood there, ``where`` says where it stood.
    """

    value: str
    quote: str
    where: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read out of one query or one item: attribute name to values (possibly several)."""

    values: Mapping[str, tuple[Value, ...]]

    def to_json(self) -> str:
        """Serialise; :meth:`from_json` reads it back equal."""
        return json.dumps(
            {
                k: [[v.value, v.quote, v.where] for v in vs]
                for k, vs in self.values.items()
            }
        )

    @staticmethod
    def from_json(text: str) -> Reading:
        """Read what :meth:`to_json` wrote."""
        return Reading(
            {k: tuple(Value(*v) for v in vs) for k, vs in json.loads(text).items()}
        )


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a query asks of one attribute and what the item says of it, quoted.

    ``asked``/``found`` are canonical values (``""`` = nothing found), ``state`` is ``match``,
    ``conflict`` or ``unknown``. Only asked attributes have an Evidence.
    """

    attribute: str
    asked: str
    asked_quote: str
    found: str
    found_quote: str
    where: str
    state: State

    @staticmethod
    def many_to_json(many: tuple[Evidence, ...] | list[Evidence]) -> str:
        """Serialise the evidence of one pair."""
        fields = [asdict(evidence) for evidence in many]
        return json.dumps(fields, ensure_ascii=False)

    @staticmethod
    def many_from_json(text: str) -> tuple[Evidence, ...]:
        """Read what :meth:`many_to_json` wrote."""
        return tuple(Evidence(**fields) for fields in json.loads(text))


@dataclass(frozen=True, slots=True)
class Score:
    """A ranker's answer for one item.

    ``score`` orders, ``probabilities`` are indexed by grade value.
    """

    item_id: str
    score: float
    grade: Grade
    probabilities: tuple[float, float, float, float]
    attributes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


_PAIR = {"query_id": "str", "item_id": "str"}

TABLES: dict[str, dict[str, str]] = {
    # prepare
    "items": {
        "item_id": "str",
        "title": "str",
        "brand": "str",
        "category": "str",
        "description": "str",
        "bullet_points": "list[str]",
        "attributes": "str",  # JSON object
    },
    "queries": {
        "query_id": "str",
        "query": "str",
        "split": "str",
    },  # train | dev | test
    "judgements": {**_PAIR, "grade": "int"},  # human
    "votes": {
        **_PAIR,
        "grade": "int",
        "votes": "int",
    },  # of pairs that several people judged; only where they differ
    "truth": {**_PAIR, "grade": "int"},  # only simulated shoppers may read it
    "events": {
        "event_id": "str",
        "query_id": "str",
        "session_id": "str",
        "client_id": "str",
        "action_name": "str",  # impression | click | add_to_cart | purchase | return
        "timestamp": "int",  # ms since the epoch
        "object_id": "str",  # item
        "position": "int",  # 1 = top
    },
    "quarantine": {"table": "str", "line": "int", "reason": "str", "row": "str"},
    # evidence
    "readings": {"kind": "str", "id": "str", "reading": "str"},  # kind: query | item
    "pairs": {**_PAIR, "evidence": "str"},
    # judge
    "teacher_judgements": {
        **_PAIR,
        "grade": "int",
        "probabilities": "list[float]",
        "rationale": "str",
        "judge": "str",
        "rulebook": "str",
    },
    # feedback
    "feedback": {
        **_PAIR,
        "prompt": "str",
        "completion": "str",
        "desirable": "bool",
        "kind": "str",
        "event_ids": "list[str]",
    },
    "dev_signs": {  # signs of dev queries, which never teach
        **_PAIR,
        "kind": "str",
        "wanted_exact": "bool",
        "event_ids": "list[str]",
    },
    "untrusted_clients": {
        "client_id": "str",
        "reason": "str",
        "targets": "list[str]",
        "events": "int",
    },
    # synthesise; verify writes the same columns as `synthetic`, plus `rejected`
    "candidates": {
        **_PAIR,
        "synthetic_id": "str",
        "source_query_id": "str",
        "source_item_id": "str",
        "query": "str",
        "item": "str",  # JSON of a row of `items`
        "error_type": "str",
        "attribute": "str",
        "edit": "str",
        "source_grade": "int",
        "intended_grade": "int",
        "evidence": "str",
    },
    # score
    "scores": {
        **_PAIR,
        "system": "str",
        "score": "float",
        "grade": "int",
        "p_E": "float",
        "p_S": "float",
        "p_C": "float",
        "p_I": "float",
    },
    "adversarial_scores": {
        **_PAIR,
        "error_type": "str",
        "intended_grade": "int",
        "source_query_id": "str",
        "grade": "int",
    },
    # evaluate
    "measures": {
        "system": "str",
        "split": "str",  # dev | test
        "measure": "str",
        "slice": "str",
        "value": "float",
        "low": "float",
        "high": "float",
        "n": "int",
    },
    # experiment
    "exposures": {
        "exposure_id": "str",
        "timestamp": "int",
        "client_id": "str",
        "session_id": "str",
        "query_id": "str",
        "experiment": "str",
        "variant": "str",  # assigned
        "served": "str",  # variant that answered
        "model_version": "str",
        "item_ids": "list[str]",
        "degraded": "bool",
        "latency_ms": "float",
    },
}
TABLES["synthetic"] = TABLES["candidates"]
TABLES["adversarial"] = {
    **_PAIR,
    "query": "str",
    "item": "str",  # a catalogue row, as JSON
    "error_type": "str",
    "intended_grade": "int",
    "human_grade": "int",  # where a person graded this pair
    "source_query_id": "str",
    "source_item_id": "str",
    "edit": "str",
}
TABLES["rejected"] = {**TABLES["candidates"], "reason": "str"}


def item_from_row(row: Mapping[str, Any]) -> Item:
    """Build an :class:`Item` from a row of the ``items`` table or from a request's JSON.

    Args:
        row: mapping with ``item_id`` and ``title``; other fields may be absent;
            ``attributes`` may be an object or its JSON text.

    Returns:
        The item.
    """
    attributes = row.get("attributes") or {}
    if isinstance(attributes, str):
        attributes = json.loads(attributes)
    return Item(
        item_id=str(row["item_id"]),
        title=row.get("title") or "",
        brand=row.get("brand") or "",
        category=row.get("category") or "",
        description=row.get("description") or "",
        bullet_points=tuple(row.get("bullet_points") or ()),
        attributes={
            name: value for name, value in attributes.items() if value is not None
        },
    )
