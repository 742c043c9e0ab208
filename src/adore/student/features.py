"""What the student's last head sees of a list: words, meaning, evidence, rules.

Each is there also relative to the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from adore.rulebook import RuleBook
from adore.student.context import CONTEXT, Vectors, context_features
from adore.student.fields import query_text, title_text
from adore.student.text_index import TextIndex
from adore.text import tokenize, word_stems
from adore.types import ATTRIBUTES, STATES, Evidence, Grade, Item

__all__ = ["FEATURES", "ListFeatures", "standardise", "states_of", "with_z"]

_TEXT = (
    "bm25_title",
    "bm25_full",
    "coverage_title",
    "coverage_full",
    "cosine_title",
    "cosine_full",
)
_FIELD = (
    "brand_named",
    "category_coverage",
    "title_words",
    "query_words",
    "extra_share",
)
_SUMS = (
    "weight_match",
    "weight_conflict",
    "weight_unknown",
    "rules_grade",
    "rules_exact",
)
_TITLE = ("first_word", "after_for", "accessory_words", "bigrams", "head_before_for")
FEATURES: tuple[str, ...] = (
    *_TEXT,
    *_FIELD,
    *_SUMS,
    *(f"{name}_{state}" for name in ATTRIBUTES for state in STATES[:2]),
    *_TITLE,
    "first_look",
    *CONTEXT,
)
"""Columns of the raw matrix, in order; :func:`with_z` appends one z-score per column."""


def states_of(evidence: Sequence[Evidence]) -> np.ndarray:
    """(attributes,) of 0 match, 1 conflict, 2 unknown, -1 not asked.

    A conflict outweighs a match.
    """
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
    base = raw
    if reference is not None and len(reference):
        base = reference

    deviation = base.std(axis=0)
    is_flat = deviation < 1e-9
    z = (raw - base.mean(axis=0)) / np.where(is_flat, 1.0, deviation)

    # Far outliers are cut, so that no one feature decides alone.
    z = np.where(is_flat[None, :], 0.0, z)
    return np.clip(z, -6.0, 6.0)


def with_z(raw: np.ndarray, reference: np.ndarray | None = None) -> np.ndarray:
    """The raw values, then their z-scores within the list.

    Args:
        raw: (items, columns).
        reference: see :func:`standardise`.

    Returns:
        (items, 2 columns), float32.
    """
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
        vectors: Vectors,
        members: np.ndarray | None = None,
    ) -> np.ndarray:
        """(items, len(FEATURES)).

        Args:
            query: the query's text.
            items: the list.
            evidence: per item.
            vectors: of the query and of the items.
            members: (items,) bool: the items that make the list; default: all.
        """
        if not items:
            return np.zeros((0, len(FEATURES)))
        if members is None or not members.any():
            members = np.ones(len(items), dtype=bool)

        title, cover_title = self.index.scores(query, items)
        full, cover_full = self.index.scores(query, items, full=True)
        text = np.column_stack(
            [title, full, cover_title, cover_full, vectors.cosines()]
        )

        # The first look at the list: the sum of BM25's and the cosines' z-scores.
        looked_at = text[:, [0, 1, 4, 5]]
        z = standardise(looked_at, looked_at[members])
        first = z.sum(axis=1, keepdims=True)

        titles = []
        for item in items:
            found = self.index.counts(title_text(item))
            titles.append({word: self.index.idf(word) for word in found})
        scores = standardise(first, first[members])[:, 0]
        context = context_features(vectors, scores, titles, members)

        marks = np.array([self._evidence(e) for e in evidence])
        return np.hstack(
            [
                text,
                self._fields(query, items),
                marks,
                self._titles(query, items),
                first,
                context,
            ]
        )

    @staticmethod
    def alone(matrix: np.ndarray) -> np.ndarray:
        """The matrix with zeros for everything that the other items of the list say."""
        kept = matrix.copy()
        kept[:, FEATURES.index("first_look") :] = 0.0
        return kept

    def _titles(self, query: str, items: Sequence[Item]) -> np.ndarray:
        """(items, len(_TITLE)): where in a title the query's words stand.

        An accessory has them after "for".
        """
        language = self.index.language
        asked = word_stems(query_text(query), language)
        pairs = list(pairwise(asked))
        rows = []
        for item in items:
            text = title_text(item)
            stems = [t.stem for t in tokenize(text, language)]
            places = [stems.index(w) for w in asked if w in stems]
            cut = language.before_thing.search(text)
            before = (
                set(word_stems(text[: cut.start()], language)) if cut else set(stems)
            )
            after = (
                set(word_stems(text[cut.end() :], language)) - before if cut else set()
            )
            neighbours = set(pairwise(stems))
            rows.append(
                (
                    min(places) / len(stems) if places else 1.5,
                    sum(w in after for w in asked) / max(len(asked), 1),
                    float(len((before & language.parts) - set(asked))),
                    sum(p in neighbours for p in pairs) / max(len(pairs), 1),
                    float(bool(asked) and asked[-1] in before),
                )
            )
        return np.array(rows)

    def _fields(self, query: str, items: Sequence[Item]) -> np.ndarray:
        language = self.index.language
        asked = set(word_stems(query, language))
        rows = []
        for item in items:
            brand = word_stems(item.brand[:100], language)
            leaf = set(word_stems(item.category.split(">")[-1][:100], language))
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
        """(len(_SUMS) + 2 attributes,): weights by state, the rules' verdict, states one-hot."""
        weights = self.rulebook.weights
        sums = dict.fromkeys(STATES, 0.0)
        for one in evidence:
            sums[one.state] += weights.get(one.attribute, 0.0)
        total = sum(sums.values()) or 1.0
        shares = [sums[state] / total for state in STATES]

        probabilities = self.rulebook.apply(evidence).probabilities
        expected = sum(grade * p for grade, p in enumerate(probabilities))
        rules = [expected, probabilities[Grade.EXACT]]

        # Unknown and not asked are both zeros.
        onehot = []
        for state in states_of(evidence):
            onehot.append(float(state == 0))
            onehot.append(float(state == 1))
        return np.array([*shares, *rules, *onehot])
