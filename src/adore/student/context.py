"""What the request's list says of each of its items: how like the items are that fit best, how usual its words."""

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
        """(items, 2 d): query times title, query times typed text, element by element, each of about unit length."""
        scale = np.float32(np.sqrt(len(self.query)))
        return (
            np.hstack([self.titles * self.query, self.fulls * self.query]).astype(
                np.float32
            )
            * scale
        )


def context_features(
    vectors: Vectors,
    first: np.ndarray,
    titles: Sequence[dict[str, float]],
    members: np.ndarray,
) -> np.ndarray:
    """Pseudo-relevance feedback: the *other* items that a first look likes best stand for what is wanted.

    Args:
        vectors: of the list.
        first: (items,) a first look's scores, about unit variance over the list.
        titles: per item, the weight of each word of its title.
        members: (items,) bool: the items that make the list; the others are only measured against it.

    Returns:
        (items, len(CONTEXT)); zeros where there is no other member.

    Source: Lavrenko and Croft 2001, Relevance-based language models (the weights), on vectors and on words.
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
    others, own = titles[members], np.cumsum(members) - 1
    k = min(_NEIGHBOURS, max(len(others) - 1, 1))
    means = []
    for a in range(0, len(titles), _ROWS):
        like, rows = (
            titles[a : a + _ROWS] @ others.T,
            np.flatnonzero(members[a : a + _ROWS]),
        )
        like[rows, own[a + rows]] -= 1  # an item is not its own neighbour
        nearest = np.partition(like, -k, axis=1)[:, -k:]
        means.append(
            np.sort(nearest, axis=1).mean(axis=1)
        )  # in order, so that sums do not depend on the partition
    return np.concatenate(means)


def _to_centre(vectors: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(items,): cosine of each vector with the weighted centre of the others."""
    centres = weight @ vectors - weight[:, None] * vectors
    lengths = np.linalg.norm(centres, axis=1)
    found = (vectors * centres).sum(axis=1) / np.maximum(lengths, 1e-9)
    return np.asarray(np.where(lengths > 1e-6, found, 0.0))


def _share(titles: Sequence[dict[str, float]], weight: np.ndarray) -> np.ndarray:
    """(items,): mean over an item's title of each word's weight times the share of the other members that have it."""
    share = defaultdict[str, float](float)
    for words, part in zip(titles, weight, strict=True):
        if part:
            for word in words:
                share[word] += float(part)
    return np.array(
        [
            sum(w * (share[t] - part) for t, w in words.items())
            / (max(len(words), 1) * max(1.0 - part, 1e-9))
            for words, part in zip(titles, weight.tolist(), strict=True)
        ]
    )
