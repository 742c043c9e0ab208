"""What the other items of a request's list say of each item.

Features compare an item with the items that fit the query best, and its words with theirs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["CONTEXT", "Vectors", "context_features"]

CONTEXT = (
    "centroid",
    "near_best_title",
    "near_best_full",
    "neighbours",
    "usual_words",
    "best_words",
)
_NEIGHBOURS = 5
_CHUNK = 1024
"""Rows of the cosine table that are computed at once; it has a column per member."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """Unit vectors of one query and of a list's items.

    Args:
        query: Shape [d].
        titles: of each item's title. Shape [items, d].
        typed_texts: of each item's typed text. Shape [items, d].
    """

    query: np.ndarray
    titles: np.ndarray
    typed_texts: np.ndarray

    def cosines(self) -> np.ndarray:
        """Cosine of the query with each title and each typed text. Shape [items, 2]."""
        with_titles = self.titles @ self.query
        with_typed_texts = self.typed_texts @ self.query
        columns = np.column_stack([with_titles, with_typed_texts])
        return columns.astype(np.float64)

    def products(self) -> np.ndarray:
        """Elementwise products of query and title, then of query and typed text.

        Returns:
            Rows of about unit length. Shape [items, 2 d].
        """
        with_titles = self.titles * self.query
        with_typed_texts = self.typed_texts * self.query
        products = np.hstack([with_titles, with_typed_texts])

        # An element of a unit vector is about 1 / sqrt(d), a product of two is about 1 / d.
        width = len(self.query)
        scale = np.float32(np.sqrt(width))
        return products.astype(np.float32) * scale


def context_features(
    vectors: Vectors,
    first_scores: np.ndarray,
    title_idfs: Sequence[dict[str, float]],
    members: np.ndarray,
) -> np.ndarray:
    """Pseudo-relevance feedback: the best *other* items of a first ranking show what fits.

    Args:
        vectors: of the list.
        first_scores: scores of a first ranking, of about unit variance. Shape [items].
        title_idfs: per item, the idf of each word of its title.
        members: the items that make the list; the others are only compared with it.
            Boolean, shape [items].

    Returns:
        Shape [items, len(CONTEXT)]; zeros where there is no other member.

    Source: Lavrenko and Croft 2001, Relevance-based language models (the weights), on
    vectors and on words.
    """
    # A softmax over the members: the better the first score, the more an item counts.
    best_score = first_scores[members].max()
    relevance = np.where(members, np.exp(first_scores - best_score), 0.0)
    relevance /= relevance.sum()

    uniform = members / members.sum()
    columns = [
        _centroid_cosines(vectors.titles, uniform),
        _centroid_cosines(vectors.titles, relevance),
        _centroid_cosines(vectors.typed_texts, relevance),
        _neighbour_cosines(vectors.titles, members),
        _word_shares(title_idfs, uniform),
        _word_shares(title_idfs, relevance),
    ]
    return np.column_stack(columns).astype(np.float64)


def _neighbour_cosines(titles: np.ndarray, members: np.ndarray) -> np.ndarray:
    """(items,): mean cosine of each title with the nearest of the other members' titles."""
    member_titles = titles[members]
    member_column = np.cumsum(members) - 1
    neighbours = min(_NEIGHBOURS, max(len(member_titles) - 1, 1))

    means = []
    for start in range(0, len(titles), _CHUNK):
        end = start + _CHUNK
        cosines = titles[start:end] @ member_titles.T

        # An item is not its own neighbour.
        member_rows = np.flatnonzero(members[start:end])
        columns = member_column[start + member_rows]
        cosines[member_rows, columns] -= 1

        # Sorted, so that the sum does not depend on how the partition left them.
        partitioned = np.partition(cosines, -neighbours, axis=1)
        nearest = np.sort(partitioned[:, -neighbours:], axis=1)
        means.append(nearest.mean(axis=1))
    return np.concatenate(means)


def _centroid_cosines(vectors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(items,): cosine of each vector with the weighted centroid of the others."""
    # Each item's share is taken out of the sum of all.
    shares = weights[:, None] * vectors
    centroids = weights @ vectors - shares

    lengths = np.linalg.norm(centroids, axis=1)
    products = (vectors * centroids).sum(axis=1)
    cosines = products / np.maximum(lengths, 1e-9)

    # Without others the centroid is rounding error, and has no direction.
    has_centroid = lengths > 1e-6
    return np.asarray(np.where(has_centroid, cosines, 0.0))


def _word_shares(
    title_idfs: Sequence[dict[str, float]], weights: np.ndarray
) -> np.ndarray:
    """(items,): how usual the words of an item's title are among the other members."""
    # The mean over a title of each word's idf times the share of others that have it.
    share_of = defaultdict[str, float](float)
    for word_idfs, weight in zip(title_idfs, weights, strict=True):
        if weight:
            for word in word_idfs:
                share_of[word] += float(weight)

    means = []
    for word_idfs, weight in zip(title_idfs, weights.tolist(), strict=True):
        # The item's weight is taken out; those of the others sum to 1 - weight.
        others = max(1.0 - weight, 1e-9)
        title_length = max(len(word_idfs), 1)
        shared = 0.0
        for word, idf in word_idfs.items():
            shared += idf * (share_of[word] - weight)
        means.append(shared / (title_length * others))
    return np.array(means)
