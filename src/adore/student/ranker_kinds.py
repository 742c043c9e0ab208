"""What a ranker is, what its folder holds, and the registry of ranker kinds.

The kind is a field of the folder's ``card.json``. A kind says how such a folder is loaded,
and, for a baseline, what is written into it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from adore.errors import DataError, MissingError
from adore.registry import Registry
from adore.student.export import CARD
from adore.student.onnx_models import OnnxEncoder
from adore.student.text_index import TextIndex
from adore.types import Item, Score

__all__ = [
    "RANKERS",
    "BaselineSource",
    "Ranker",
    "RankerFolder",
    "RankerKind",
    "baseline_kinds",
]


class Ranker(Protocol):
    """Gives every item of a list a score; ``version`` names the exact bytes that did it."""

    kind: str
    name: str
    version: str

    def rank(self, query: str, items: Sequence[Item]) -> list[Score]:
        """Score a list of items for one query.

        Args:
            query: the query's text.
            items: the list; empty: no score.

        Returns:
            One score per item, in the items' order.
        """
        ...


@dataclass(frozen=True, slots=True)
class RankerFolder:
    """A ranker's folder, with its card read once.

    Attributes:
        path: the folder.
        card: what ``card.json`` says: ``kind``, ``name``, ``version``, and more by kind.
        threads: CPU threads of the models that are loaded from it.
    """

    path: Path
    card: dict[str, Any]
    threads: int = 2

    @staticmethod
    def open(path: Path, *, threads: int = 2) -> RankerFolder:
        """Read the card of a folder.

        Args:
            path: the folder.
            threads: CPU threads of the models.

        Returns:
            The folder with its card.

        Raises:
            MissingError: there is no ``card.json``.
            DataError: the card is not a whole JSON object.
        """
        card_path = path / CARD
        if not card_path.is_file():
            raise MissingError(
                f"ranker == {str(path)!r}, must have a {CARD}; "
                "give a student's or variant's folder"
            )
        card_text = card_path.read_text("utf-8")
        try:
            card = dict(json.loads(card_text))
        except (ValueError, TypeError) as error:
            raise DataError(
                f"card == {str(card_path)!r}, must be a whole {CARD}; "
                f"copy the ranker's folder again ({error})"
            ) from error
        return RankerFolder(path, card, threads)

    @property
    def kind(self) -> str:
        """Name of the kind in :data:`RANKERS`."""
        return str(self.card.get("kind"))

    @property
    def name(self) -> str:
        """The ranker's name in tables of scores."""
        return str(self.card["name"])

    @property
    def version(self) -> str:
        """The name and a hash over every file of the folder."""
        return str(self.card["version"])

    def text_index(self) -> TextIndex:
        """BM25's statistics of the catalogue."""
        return TextIndex.load(self.path)

    def encoder(self) -> OnnxEncoder:
        """The text encoder in full precision.

        Returns:
            The encoder.

        Raises:
            MissingError: the folder has no encoder.
        """
        return OnnxEncoder(self.path, threads=self.threads)


@dataclass(frozen=True, slots=True)
class BaselineSource:
    """What a baseline's folder is written from.

    Attributes:
        items: the catalogue.
        language: code of the catalogue's language pack.
        encoder: folder whose encoder is copied, a student's; None: there is none.
    """

    items: Sequence[Item]
    language: str = "en"
    encoder: Path | None = None


@dataclass(frozen=True, slots=True)
class RankerKind:
    """One kind of ranker.

    Attributes:
        load: makes the ranker of a folder of this kind.
        is_baseline: ``score`` runs it on every judged query, the gate compares it with the
            student, and its grades are not read. Its folder is written from the catalogue.
        write: puts the files of a baseline into its folder; None: it needs no file.
    """

    load: Callable[[RankerFolder], Ranker]
    is_baseline: bool = False
    write: Callable[[BaselineSource, Path], None] | None = None


RANKERS = Registry[RankerKind]("ranker kind")
"""Ranker kinds by the word that stands in the folder's card."""


def baseline_kinds() -> tuple[str, ...]:
    """Names of the kinds that are baselines."""
    return tuple(name for name, kind in RANKERS.items() if kind.is_baseline)
