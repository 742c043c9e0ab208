"""The baselines: random order, BM25, the bi-encoder, and the hybrid of the last two."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from adore.attributes.language_packs import load_language
from adore.errors import MissingError
from adore.student.features import standardise
from adore.student.fields import query_text, title_text, typed_text
from adore.student.onnx_models import copy_encoder
from adore.student.ranker_kinds import (
    RANKERS,
    BaselineSource,
    RankerFolder,
    RankerKind,
)
from adore.student.text_index import TextIndex
from adore.types import Grade, Item, Score

__all__ = [
    "Baseline",
    "BiEncoderBaseline",
    "Bm25Baseline",
    "HybridBaseline",
    "RandomBaseline",
]

_EVEN = (0.25, 0.25, 0.25, 0.25)


class Baseline:
    """Orders a list by one score per item; it claims no grade, so its P(grade) is uniform.

    Args:
        folder: the baseline's folder.
    """

    def __init__(self, folder: RankerFolder) -> None:
        self.kind = folder.kind
        self.name = folder.name
        self.version = folder.version

    def scores(self, query: str, items: Sequence[Item]) -> np.ndarray:
        """Score a list that is not empty.

        Args:
            query: the query's text.
            items: the list.

        Returns:
            Higher ranks first. Shape [items].

        Raises:
            NotImplementedError: a subclass has to say how.
        """
        raise NotImplementedError

    def rank(self, query: str, items: Sequence[Item]) -> list[Score]:
        """See :class:`adore.student.ranker_kinds.Ranker`.

        Args:
            query: the query's text.
            items: the list; empty: no score.

        Returns:
            One score per item, in the items' order.
        """
        if not items:
            return []
        ranked = []
        for item, score in zip(items, self.scores(query, items), strict=True):
            ranked.append(Score(item.item_id, float(score), Grade.EXACT, _EVEN))
        return ranked


class RandomBaseline(Baseline):
    """A random order that depends on the query and the item alone."""

    def scores(self, query: str, items: Sequence[Item]) -> np.ndarray:
        """Uniform numbers in [0, 1), from a hash of query and item id.

        Args:
            query: the query's text.
            items: the list.

        Returns:
            Shape [items].
        """
        numbers = []
        for item in items:
            pair_text = f"{query}|{item.item_id}".encode("utf-8", "replace")
            digest = hashlib.sha256(pair_text).digest()
            numbers.append(int.from_bytes(digest[:8], "big") / 2**64)
        return np.array(numbers)


class Bm25Baseline(Baseline):
    """BM25 over the items' full texts.

    Args:
        folder: the baseline's folder, with the text index.
    """

    def __init__(self, folder: RankerFolder) -> None:
        super().__init__(folder)
        self.index = folder.text_index()

    def scores(self, query: str, items: Sequence[Item]) -> np.ndarray:
        """BM25 of each item.

        Args:
            query: the query's text.
            items: the list.

        Returns:
            Shape [items].
        """
        return self.index.scores(query, items, full=True).bm25


class BiEncoderBaseline(Baseline):
    """Cosine of query and title under the text encoder.

    Args:
        folder: the baseline's folder, with the encoder.

    Raises:
        MissingError: the folder has no encoder.
    """

    def __init__(self, folder: RankerFolder) -> None:
        super().__init__(folder)
        self.encoder = folder.encoder()

    def scores(self, query: str, items: Sequence[Item]) -> np.ndarray:
        """Cosine of each item's title with the query.

        Args:
            query: the query's text.
            items: the list.

        Returns:
            Shape [items].
        """
        titles = [title_text(item) for item in items]
        return self.encoder.cosines(query_text(query), titles)


class HybridBaseline(Baseline):
    """Sum of the z-scores of BM25 and cosine, over titles and over whole items.

    Args:
        folder: the baseline's folder, with the text index and the encoder.

    Raises:
        MissingError: the folder has no encoder.
    """

    def __init__(self, folder: RankerFolder) -> None:
        super().__init__(folder)
        self.index = folder.text_index()
        self.encoder = folder.encoder()

    def scores(self, query: str, items: Sequence[Item]) -> np.ndarray:
        """Sum of four z-scores within the list.

        Args:
            query: the query's text.
            items: the list.

        Returns:
            Shape [items].
        """
        titles = [title_text(item) for item in items]
        typed_texts = [typed_text(item) for item in items]
        clean_query = query_text(query)

        # The four scores have no common scale; their z-scores have.
        columns = np.column_stack(
            [
                self.index.scores(query, items).bm25,
                self.index.scores(query, items, full=True).bm25,
                self.encoder.cosines(clean_query, titles),
                self.encoder.cosines(clean_query, typed_texts),
            ]
        )
        return np.asarray(standardise(columns).sum(axis=1))


def _write_text_index(source: BaselineSource, folder: Path) -> None:
    """Write BM25's statistics of the catalogue."""
    language = load_language(source.language)
    TextIndex.build(source.items, language).save(folder)


def _write_encoder(source: BaselineSource, folder: Path) -> None:
    """Copy the student's encoder, which is the backbone without further training."""
    if source.encoder is None:
        raise MissingError(
            "encoder of the baseline == None, must be a student's folder; distil one first"
        )
    copy_encoder(source.encoder, folder)


def _write_both(source: BaselineSource, folder: Path) -> None:
    """Write the text index and the encoder."""
    _write_text_index(source, folder)
    _write_encoder(source, folder)


RANKERS.add("random", RankerKind(RandomBaseline, is_baseline=True))
RANKERS.add("bm25", RankerKind(Bm25Baseline, is_baseline=True, write=_write_text_index))
RANKERS.add(
    "bi-encoder", RankerKind(BiEncoderBaseline, is_baseline=True, write=_write_encoder)
)
RANKERS.add("hybrid", RankerKind(HybridBaseline, is_baseline=True, write=_write_both))
