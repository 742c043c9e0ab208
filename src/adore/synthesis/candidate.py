"""Candidates: the edited pairs of the table ``candidates``, and their ids."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from adore.synthesis.edits import Draft, Source
from adore.taxonomy import ERROR_TYPES
from adore.types import Evidence

__all__ = ["UNTYPED", "Candidate", "make_candidate", "normalise"]

UNTYPED = "untyped"
"""The ``error_type`` of pairs that were made without one."""


def normalise(text: str) -> str:
    """A text in lower case with single spaces."""
    return " ".join(text.lower().split())


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row of the table ``candidates``.

    Attributes:
        query_id: of the source, or a new one if the query was edited.
        item_id: of the catalogue, or a new one if the item was edited.
        synthetic_id: id of the candidate.
        source_query_id: query of the good pair.
        source_item_id: item of the good pair.
        query: text of the query.
        item: the item as JSON.
        error_type: name of the error type, or :data:`UNTYPED`.
        attribute: the attribute that was edited.
        edit: what was done, for people.
        source_grade: grade of the good pair, 0 to 3.
        intended_grade: grade that the edit means to make, 0 to 3.
        evidence: evidence of the candidate as JSON.
        source_evidence: evidence of the good pair as JSON.
    """

    query_id: str
    item_id: str
    synthetic_id: str
    source_query_id: str
    source_item_id: str
    query: str
    item: str
    error_type: str
    attribute: str
    edit: str
    source_grade: int
    intended_grade: int
    evidence: str
    source_evidence: str

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Candidate:
        """A candidate from a row of ``candidates``; other columns are ignored."""
        columns: dict[str, Any] = {}
        for field in fields(cls):
            columns[field.name] = row[field.name]
        return cls(**columns)

    def to_row(self) -> dict[str, object]:
        """The columns and their values."""
        return asdict(self)


def make_candidate(
    source: Source, draft: Draft, error_type: str, evidence: Sequence[Evidence]
) -> Candidate:
    """A draft as a candidate. What is edited gets a new id, what is real keeps its own.

    Args:
        source: the good pair that was edited.
        draft: the edited pair.
        error_type: name of the error type that the edit makes.
        evidence: the draft's evidence.

    Returns:
        The candidate. Its ids depend on its contents alone.
    """
    # ids are digests of the contents, so that the same edit always has the same id
    columns = asdict(draft.item)
    columns["bullet_points"] = list(draft.item.bullet_points)
    attributes = dict(draft.item.attributes)
    columns["attributes"] = _json(attributes)
    columns["item_id"] = ""

    item_id = draft.item.item_id
    if draft.item != source.item and not draft.picked:
        item_digest = _digest(columns)
        item_id = f"syn-i-{item_digest}"
    columns["item_id"] = item_id

    query_id = source.query_id
    if draft.query != source.query:
        query_digest = _digest(normalise(draft.query))
        query_id = f"syn-q-{query_digest}"

    # the error type is part of the id: two types may make the same pair
    pair_digest = _digest([error_type, query_id, item_id])

    return Candidate(
        query_id=query_id,
        item_id=item_id,
        synthetic_id=f"syn-{pair_digest}",
        source_query_id=source.query_id,
        source_item_id=source.item.item_id,
        query=draft.query,
        item=_json(columns),
        error_type=error_type,
        attribute=draft.attribute,
        edit=draft.description,
        source_grade=source.grade,
        intended_grade=int(ERROR_TYPES[error_type].grade),
        evidence=Evidence.many_to_json(list(evidence)),
        source_evidence=Evidence.many_to_json(source.evidence),
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _digest(value: object) -> str:
    """The first 16 hexadecimal digits of a value's SHA-256."""
    data = _json(value).encode()
    digest = hashlib.sha256(data)
    return digest.hexdigest()[:16]
