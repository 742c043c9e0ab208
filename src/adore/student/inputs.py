"""A list as the student sees it; the same code in training and in serving, and no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adore.attributes.compare import compare
from adore.attributes.lexicon import Lexicon
from adore.attributes.reader import Reader
from adore.rulebook import RuleBook
from adore.student.context import Vectors
from adore.student.features import ListFeatures, states_of, with_z
from adore.student.fields import query_text, title_text, typed_text
from adore.student.onnx_models import OnnxEncoder
from adore.student.text_index import TextIndex
from adore.types import Evidence, Item, Reading

__all__ = ["Inputs", "ItemReader", "ListInputs"]

_CACHED = 50_000


class ItemReader:
    """Evidence for a list; an item's reading is remembered by its content."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._reader = Reader(lexicon)
        self._items: dict[tuple[Any, ...], Reading] = {}

    def evidence(self, query: str, items: Sequence[Item]) -> list[tuple[Evidence, ...]]:
        """What the query asks against what each item says."""
        asked = self._reader.read_query(query)
        return [compare(asked, self._item(item)) for item in items]

    def _item(self, item: Item) -> Reading:
        texts = (item.item_id, item.title, item.brand, item.category, item.description, item.bullet_points)
        key = (*texts, str(item.attributes))
        if key not in self._items:
            if len(self._items) >= _CACHED:
                self._items.clear()
            self._items[key] = self._reader.read_item(item)
        return self._items[key]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the heads read: features (items, columns), meaning (items, 2 d), states (items, attributes)."""

    matrix: np.ndarray
    meaning: np.ndarray
    states: np.ndarray


class ListInputs:
    """Computes :class:`Inputs` with what lies in a student's folder.

    Args:
        folder: has the lexicon, the text index, the rule book, and the encoder with the catalogue's vectors.
        threads: CPU threads.
        context: False: every item as if it were alone (an ablation).
    """

    def __init__(self, folder: Path, *, threads: int = 2, context: bool = True, precision: str = "fp32") -> None:
        self.reader = ItemReader(Lexicon.from_json((folder / "lexicon.json").read_text("utf-8")))
        index = TextIndex.from_json((folder / "text_index.json").read_text("utf-8"))
        self.features = ListFeatures(index, RuleBook.load(str(folder / "rulebook.yaml")))
        self.encoder = OnnxEncoder(folder, threads=threads, precision=precision)
        self._context = context

    def vectors(self, query: str, items: Sequence[Item]) -> Vectors:
        """Unit vectors of the query and of the items' titles and typed texts."""
        own, *titles = self.encoder.vectors([query_text(query), *map(title_text, items)])
        return Vectors(own, np.array(titles), self.encoder.vectors([typed_text(i) for i in items]))

    def of(
        self,
        query: str,
        items: Sequence[Item],
        evidence: Sequence[Sequence[Evidence]] | None = None,
        members: np.ndarray | None = None,
    ) -> Inputs:
        """Inputs of a list that is not empty.

        Args:
            query: the query's text.
            items: the list.
            evidence: per item; default: read now.
            members: (items,) bool: the items that make the list; default: all.
        """
        given = self.reader.evidence(query, items) if evidence is None else evidence
        vectors = self.vectors(query, items)
        raw = self.features.raw(query, items, given, vectors, members)
        matrix = with_z(raw, None if members is None else raw[members])
        if not self._context:
            matrix = self.features.alone(matrix)
        return Inputs(matrix, vectors.products(), np.array([states_of(e) for e in given]))
