"""What the student's last head sees of a list: words, meaning, evidence, rules; each also relative to the list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adore.attributes.text import words
from adore.rulebook import RuleBook
from adore.student.text_index import TextIndex
from adore.types import ATTRIBUTES, Evidence, Grade, Item

__all__ = ["FEATURES", "STATES", "ListFeatures", "standardise", "states_of", "with_z"]

STATES = ("match", "conflict", "unknown")
_TEXT = ("bm25_title", "bm25_full", "coverage_title", "coverage_full", "cosine_title", "cosine_full")
_FIELD = ("brand_named", "category_coverage", "title_words", "query_words", "extra_share")
_SUMS = ("weight_match", "weight_conflict", "weight_unknown", "rules_grade", "rules_exact")
_CROSS = ("cross_exact", "cross_grade", "cross_conflict")
FEATURES: tuple[str, ...] = (
    *_TEXT,
    *_FIELD,
    *_SUMS,
    *(f"{name}_{state}" for name in ATTRIBUTES for state in STATES[:2]),
    *_CROSS,
)
"""Columns of the raw matrix, in order; :func:`with_z` appends one z-score per column."""


def states_of(evidence: Sequence[Evidence]) -> np.ndarray:
    """(attributes,) of 0 match, 1 conflict, 2 unknown, -1 not asked; a conflict outweighs a match."""
    order = {"conflict": 0, "match": 1, "unknown": 2}
    states = np.full(len(ATTRIBUTES), -1, dtype=np.int64)
    names = list(ATTRIBUTES)
    for one in sorted(evidence, key=lambda e: -order[e.state]):
        if one.attribute in ATTRIBUTES:
            states[names.index(one.attribute)] = STATES.index(one.state)
    return states


def standardise(raw: np.ndarray, reference: np.ndarray | None = None) -> np.ndarray:
    """z-scores by column, relative to the list; a constant column gives zeros.

    Args:
        raw: (items, columns).
        reference: the list whose mean and deviation are used; default: ``raw`` itself.
    """
    if not len(raw):
        return raw.copy()
    base = raw if reference is None or not len(reference) else reference
    deviation = base.std(axis=0)
    flat = deviation < 1e-9
    z = (raw - base.mean(axis=0)) / np.where(flat, 1.0, deviation)
    return np.clip(np.where(flat[None, :], 0.0, z), -6.0, 6.0)


def with_z(raw: np.ndarray, reference: np.ndarray | None = None) -> np.ndarray:
    """(items, columns) to (items, 2 columns): the raw values, then their z-scores within the list."""
    return np.hstack([raw, standardise(raw, reference)]).astype(np.float32)


@dataclass(frozen=True)
class ListFeatures:
    """Computes the raw feature matrix of a list.

    Args:
        index: word statistics of the catalogue.
        rulebook: gives attribute weights and the rules' verdict.
    """

    index: TextIndex
    rulebook: RuleBook

    def raw(
        self,
        query: str,
        items: Sequence[Item],
        evidence: Sequence[Sequence[Evidence]],
        *,
        cosines: np.ndarray,
        cross: np.ndarray,
    ) -> np.ndarray:
        """(items, len(FEATURES)).

        Args:
            query: the query's text.
            items: the list.
            evidence: per item.
            cosines: (items, 2): of the title, of the typed text.
            cross: (items, 3): see :func:`adore.student.onnx_models.cross_columns`.
        """
        title, cover_title = self.index.scores(query, items)
        full, cover_full = self.index.scores(query, items, full=True)
        text = np.column_stack([title, full, cover_title, cover_full, cosines])
        fields = self._fields(query, items)
        marks = np.array([self._evidence(e) for e in evidence]).reshape(len(items), -1)
        return np.hstack([text, fields, marks, cross])

    def _fields(self, query: str, items: Sequence[Item]) -> np.ndarray:
        asked = set(words(query))
        rows = []
        for item in items:
            brand, leaf = words(item.brand[:100]), set(words(item.category.split(">")[-1][:100]))
            title = self.index.counts(item.title[:300])
            size = title.total()
            rows.append(
                (
                    sum(w in asked for w in brand) / max(len(brand), 1),
                    len(asked & leaf) / max(len(leaf), 1),
                    float(size),
                    float(len(asked)),
                    sum(n for w, n in title.items() if w not in asked) / max(size, 1),
                )
            )
        return np.array(rows).reshape(len(items), len(_FIELD))

    def _evidence(self, evidence: Sequence[Evidence]) -> np.ndarray:
        weights, sums = self.rulebook.weights, dict.fromkeys(STATES, 0.0)
        for one in evidence:
            sums[one.state] += weights.get(one.attribute, 0.0)
        total = sum(sums.values()) or 1.0
        p = self.rulebook.apply(evidence).probabilities
        states = states_of(evidence)
        onehot = [float(states[i] == s) for i in range(len(ATTRIBUTES)) for s in range(2)]
        rules = [sum(g * x for g, x in enumerate(p)), p[Grade.EXACT]]
        return np.array([*(sums[s] / total for s in STATES), *rules, *onehot])
