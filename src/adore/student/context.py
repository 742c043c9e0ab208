"""What the request's list says of each of its items.

How like is an item to those that fit best, and how usual are its words?
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
_ROWS = 1024
"""Items whose neighbours are sought together: the table has a column a member."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """Unit vectors of one query and of a list's items.

    Args:
        query: (d,).
        titles: (items, d), of each item's title.
        fulls: (items, d), of each item's typed text.
    """

    query: np.ndarray
    titles: np.ndarray
    fulls: np.ndarray

    def cosines(self) -> np.ndarray:
        """(items, 2): cosine of the query with each title and each typed text."""
        return np.column_stack(
            [self.titles @ self.query, self.fulls @ self.query]
        ).astype(np.float64)

    def products(self) -> np.ndarray:
        """(items, 2 d): query times title, query times typed text, element by element.

        Each is of about unit length.
        """
        with_title = self.titles * self.query
        with_full = self.fulls * self.query
        both = np.hstack([with_title, with_full])

        # Of unit vectors an element is about 1 / sqrt(d), a product 1 / d.
        width = len(self.query)
        scale = np.float32(np.sqrt(width))
        return both.astype(np.float32) * scale


def context_features(
    vectors: Vectors,
    first: np.ndarray,
    titles: Sequence[dict[str, float]],
    members: np.ndarray,
) -> np.ndarray:
    """Pseudo-relevance feedback.

    The *other* items that a first look likes best stand for what is wanted.

    Args:
        vectors: of the list.
        first: (items,) a first look's scores, about unit variance over the list.
        titles: per item, the weight of each word of its title.
        members: (items,) bool: the items that make the list; the others are only measured
            against it.

    Returns:
        (items, len(CONTEXT)); zeros where there is no other member.

    Source: Lavrenko and Croft 2001, Relevance-based language models (the weights), on
    vectors and on words.
    """
    weight = np.where(members, np.exp(first - first[members].max()), 0.0)
    weight /= weight.sum()
    even = members / members.sum()
    columns = [
        _to_centre(vectors.titles, even),
        _to_centre(vectors.titles, weight),
        _to_centre(vectors.fulls, weight),
        _neighbours(vectors.titles, members),
        _share(titles, even),
        _share(titles, weight),
    ]
    return np.column_stack(columns).astype(np.float64)


def _neighbours(titles: np.ndarray, members: np.ndarray) -> np.ndarray:
    """(items,): mean cosine of each title with the nearest of the other members' titles."""
    others = titles[members]
    own = np.cumsum(members) - 1
    k = min(_NEIGHBOURS, max(len(others) - 1, 1))
    means = []
    for start in range(0, len(titles), _ROWS):
        end = start + _ROWS
        cosines = titles[start:end] @ others.T

        # An item is not its own neighbour.
        rows = np.flatnonzero(members[start:end])
        columns = own[start + rows]
        cosines[rows, columns] -= 1

        # In order, so that sums do not depend on the partition.
        nearest = np.partition(cosines, -k, axis=1)[:, -k:]
        nearest = np.sort(nearest, axis=1)
        means.append(nearest.mean(axis=1))
    return np.concatenate(means)


def _to_centre(vectors: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(items,): cosine of each vector with the weighted centre of the others."""
    # Each item's own part is taken out of the sum of all.
    own = weight[:, None] * vectors
    centres = weight @ vectors - own

    lengths = np.linalg.norm(centres, axis=1)
    products = (vectors * centres).sum(axis=1)
    cosines = products / np.maximum(lengths, 1e-9)

    # Without others the centre is rounding error, and has no direction.
    has_centre = lengths > 1e-6
    return np.asarray(np.where(has_centre, cosines, 0.0))


def _share(titles: Sequence[dict[str, float]], weight: np.ndarray) -> np.ndarray:
    """(items,): how usual the words of an item's title are among the other members.

    It is the mean over the title of each word's weight times the share of the other members
    that have it.
    """
    share = defaultdict[str, float](float)
    for words, part in zip(titles, weight, strict=True):
        if part:
            for word in words:
                share[word] += float(part)

    means = []
    for words, part in zip(titles, weight.tolist(), strict=True):
        # The item's own part is taken out of the share; the others' parts sum to 1 - part.
        others = max(1.0 - part, 1e-9)
        length = max(len(words), 1)
        shared = sum(idf * (share[word] - part) for word, idf in words.items())
        means.append(shared / (length * others))
    return np.array(means)
