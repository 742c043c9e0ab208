"""Features of a list's items: words, vectors, evidence, the rule book's verdict.

Each feature is there also relative to the list.
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
from adore.types import ATTRIBUTES, STATES, Evidence, Grade, Item, State

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
_RANKING_COLUMNS = [0, 1, 4, 5]
"""Columns of ``_TEXT`` that make the first ranking: BM25 and cosines, no coverage."""


_PRECEDENCE: dict[State, int] = {"unknown": 0, "match": 1, "conflict": 2}
"""Of two states of one attribute the higher one counts."""
_COLUMN_OF = {name: number for number, name in enumerate(ATTRIBUTES)}
_STATE_NUMBER = {state: number for number, state in enumerate(STATES)}
_Z_LIMIT = 6.0


def _precedence(evidence: Evidence) -> int:
    return _PRECEDENCE[evidence.state]


def states_of(evidence: Sequence[Evidence]) -> np.ndarray:
    """State of each key attribute of one item; a conflict outweighs a match.

    Args:
        evidence: of one query and item.

    Returns:
        0 match, 1 conflict, 2 unknown, -1 not asked. Integers, shape [attributes].
    """
    states = np.full(len(ATTRIBUTES), -1, dtype=np.int64)

    # The last one written stays.
    for statement in sorted(evidence, key=_precedence):
        column = _COLUMN_OF.get(statement.attribute)
        if column is not None:
            states[column] = _STATE_NUMBER[statement.state]
    return states


def standardise(raw: np.ndarray, reference: np.ndarray | None = None) -> np.ndarray:
    """z-scores by column, relative to the list; a constant column gives zeros.

    Args:
        raw: Shape [items, columns].
        reference: the list whose mean and deviation are used; default: ``raw`` itself.

    Returns:
        Shape [items, columns], cut at 6 deviations.
    """
    if not len(raw):
        return raw.copy()
    base_rows = raw
    if reference is not None and len(reference):
        base_rows = reference

    deviation = base_rows.std(axis=0)
    is_flat = deviation < 1e-9
    z_scores = (raw - base_rows.mean(axis=0)) / np.where(is_flat, 1.0, deviation)

    # Far outliers are cut, so that no one feature decides alone.
    z_scores = np.where(is_flat[None, :], 0.0, z_scores)
    return np.clip(z_scores, -_Z_LIMIT, _Z_LIMIT)


def with_z(raw: np.ndarray, reference: np.ndarray | None = None) -> np.ndarray:
    """The raw values, then their z-scores within the list.

    Args:
        raw: Shape [items, columns].
        reference: see :func:`standardise`.

    Returns:
        float32, shape [items, 2 columns].
    """
    raw_and_z = np.hstack([raw, standardise(raw, reference)])
    return raw_and_z.astype(np.float32)


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
        states: np.ndarray,
        vectors: Vectors,
        members: np.ndarray | None = None,
    ) -> np.ndarray:
        """Compute the features of a list.

        Args:
            query: the query's text.
            items: the list.
            evidence: per item.
            states: per item, see :func:`states_of`. Shape [items, attributes].
            vectors: of the query and of the items.
            members: the items that make the list; default: all. Boolean, shape [items].

        Returns:
            Shape [items, len(FEATURES)].
        """
        if not items:
            return np.zeros((0, len(FEATURES)))
        if members is None or not members.any():
            members = np.ones(len(items), dtype=bool)

        in_title = self.index.scores(query, items)
        in_full = self.index.scores(query, items, full=True)
        text_features = np.column_stack(
            [
                in_title.bm25,
                in_full.bm25,
                in_title.coverage,
                in_full.coverage,
                vectors.cosines(),
            ]
        )

        # The first ranking of the list: the sum of the z-scores of BM25 and the cosines.
        columns = text_features[:, _RANKING_COLUMNS]
        z_scores = standardise(columns, columns[members])
        first_scores = z_scores.sum(axis=1, keepdims=True)

        title_idfs = []
        for item in items:
            title_words = self.index.counts(title_text(item))
            title_idfs.append({word: self.index.idf(word) for word in title_words})
        standardised = standardise(first_scores, first_scores[members])[:, 0]
        context = context_features(vectors, standardised, title_idfs, members)

        evidence_rows = []
        for of_item, states_row in zip(evidence, states, strict=True):
            evidence_rows.append(self._evidence(of_item, states_row))
        evidence_features = np.array(evidence_rows)
        return np.hstack(
            [
                text_features,
                self._fields(query, items),
                evidence_features,
                self._titles(query, items),
                first_scores,
                context,
            ]
        )

    @staticmethod
    def alone(matrix: np.ndarray) -> np.ndarray:
        """The matrix with zeros for everything that the other items of the list say."""
        isolated = matrix.copy()
        isolated[:, FEATURES.index("first_look") :] = 0.0
        return isolated

    def _titles(self, query: str, items: Sequence[Item]) -> np.ndarray:
        """(items, len(_TITLE)): where in a title the query's words are."""
        language = self.index.language
        query_words = word_stems(query_text(query), language)
        query_set = set(query_words)
        bigrams = list(pairwise(query_words))
        word_count = max(len(query_words), 1)
        bigram_count = max(len(bigrams), 1)

        feature_rows = []
        for item in items:
            title = title_text(item)
            title_stems = [token.stem for token in tokenize(title, language)]

            # No word of the query in the title counts as beyond its end.
            positions = [
                title_stems.index(word) for word in query_words if word in title_stems
            ]
            first_position = 1.5
            if positions:
                first_position = min(positions) / len(title_stems)

            # "Case for Acme phone": the case stands before, what it is for after.
            words_before = set(title_stems)
            following_words = set[str]()
            purpose = language.before_thing.search(title)
            if purpose:
                words_before = set(word_stems(title[: purpose.start()], language))
                following_words = (
                    set(word_stems(title[purpose.end() :], language)) - words_before
                )

            title_bigrams = set(pairwise(title_stems))
            words_after = sum(word in following_words for word in query_words)
            shared_bigrams = sum(bigram in title_bigrams for bigram in bigrams)
            accessory_words = (words_before & language.parts) - query_set
            is_head_before = bool(query_words) and query_words[-1] in words_before
            feature_rows.append(
                (
                    first_position,
                    words_after / word_count,
                    float(len(accessory_words)),
                    shared_bigrams / bigram_count,
                    float(is_head_before),
                )
            )
        return np.array(feature_rows)

    def _fields(self, query: str, items: Sequence[Item]) -> np.ndarray:
        """(items, len(_FIELD)): the query's words in brand and category, and lengths."""
        language = self.index.language
        query_words = set(word_stems(query, language))
        query_size = float(len(query_words))

        feature_rows = []
        for item in items:
            brand_words = word_stems(item.brand[:100], language)
            named_words = sum(word in query_words for word in brand_words)

            leaf_text = item.category.split(">")[-1][:100]
            leaf_words = set(word_stems(leaf_text, language))
            shared_words = query_words & leaf_words

            title_words = self.index.counts(item.title[:300])
            title_size = title_words.total()
            extra_words = 0
            for word, count in title_words.items():
                if word not in query_words:
                    extra_words += count
            feature_rows.append(
                (
                    named_words / max(len(brand_words), 1),
                    len(shared_words) / max(len(leaf_words), 1),
                    float(title_size),
                    query_size,
                    extra_words / max(title_size, 1),
                )
            )
        return np.array(feature_rows).reshape(len(items), len(_FIELD))

    def _evidence(self, evidence: Sequence[Evidence], states: np.ndarray) -> np.ndarray:
        """(len(_SUMS) + 2 attributes,): weights by state, the rules' verdict, states one-hot."""
        weights = self.rulebook.weights
        weight_sums = dict.fromkeys(STATES, 0.0)
        for statement in evidence:
            weight_sums[statement.state] += weights.get(statement.attribute, 0.0)
        total_weight = sum(weight_sums.values()) or 1.0
        weight_shares = [weight_sums[state] / total_weight for state in STATES]

        probabilities = self.rulebook.apply(evidence).probabilities
        expected_grade = 0.0
        for grade, probability in enumerate(probabilities):
            expected_grade += grade * probability
        verdict = [expected_grade, probabilities[Grade.EXACT]]

        # Unknown and not asked are both zeros.
        one_hot = []
        for state in states:
            one_hot.append(float(state == 0))
            one_hot.append(float(state == 1))
        return np.array([*weight_shares, *verdict, *one_hot])
