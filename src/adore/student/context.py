"""What the request's list says of each of its items: how like the items are that fit best, how usual its words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["CONTEXT", "Vectors", "context_features"]

CONTEXT = ("centroid", "near_best_title", "near_best_full", "neighbours", "usual_words", "best_words")
_NEIGHBOURS = 5


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
        return np.column_stack([self.titles @ self.query, self.fulls @ self.query]).astype(np.float64)

    def products(self) -> np.ndarray:
        """(items, 2 d): query times title, query times typed text, element by element, each of about unit length."""
        scale = np.float32(np.sqrt(len(self.query)))
        return np.hstack([self.titles * self.query, self.fulls * self.query]).astype(np.float32) * scale


def context_features(
    vectors: Vectors, first: np.ndarray, titles: Sequence[dict[str, float]], members: np.ndarray
) -> np.ndarray:
    """Pseudo-relevance feedback: the items that a first look likes best stand for what is wanted.

    Args:
        vectors: of the list.
        first: (items,) a first look's scores, about unit variance over the list.
        titles: per item, the weight of each word of its title.
        members: (items,) bool: the items that make the list; the others are only measured against it.

    Returns:
        (items, len(CONTEXT)).

    Source: Lavrenko and Croft 2001, Relevance-based language models (the weights), on vectors and on words.
    """
    weight = np.where(members, np.exp(first - first[members].max()), 0.0)
    weight /= weight.sum()
    even = members / members.sum()
    like = vectors.titles @ vectors.titles[members].T
    like[members] -= np.eye(int(members.sum()), dtype=like.dtype)  # an item is not its own neighbour
    k = min(_NEIGHBOURS, max(like.shape[1] - 1, 1))
    columns = [
        vectors.titles @ _unit(even @ vectors.titles),
        vectors.titles @ _unit(weight @ vectors.titles),
        vectors.fulls @ _unit(weight @ vectors.fulls),
        np.sort(like, axis=1)[:, -k:].mean(axis=1),
        _share(titles, even),
        _share(titles, weight),
    ]
    return np.column_stack(columns).astype(np.float64)


def _unit(vector: np.ndarray) -> np.ndarray:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9))


def _share(titles: Sequence[dict[str, float]], weight: np.ndarray) -> np.ndarray:
    """(items,): mean over an item's title of each word's weight times the share of the list that has it."""
    share = defaultdict[str, float](float)
    for words, part in zip(titles, weight, strict=True):
        if part:
            for word in words:
                share[word] += float(part)
    return np.array([sum(w * share[t] for t, w in words.items()) / max(len(words), 1) for words in titles])
