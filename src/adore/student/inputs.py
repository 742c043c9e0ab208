"""A list as the student sees it; the same code in training and in serving, and no torch."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adore.artifacts import read_table
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

__all__ = ["Inputs", "ItemReader", "ListInputs", "save_readings"]

_CACHED = 50_000
_READINGS = "readings.json.gz"
_Texts = tuple[object, ...]
"""All that is read of an item."""


def _content(item: Item) -> str:
    """Names all that is read of an item.

    It is equal for equal texts, whatever the order of the item's attributes.
    """
    texts = (
        item.title,
        item.brand,
        item.category,
        item.description,
        item.bullet_points,
    )
    whole = repr((*texts, sorted(item.attributes.items())))
    return hashlib.blake2b(whole.encode("utf-8", "replace"), digest_size=16).hexdigest()


def save_readings(items: Sequence[Item], evidence: Path, folder: Path) -> None:
    """Write readings of items, so that no loader of the folder reads them again.

    Args:
        items: the catalogue; the first 50,000 are written.
        evidence: the folder of ``evidence``, which read them.
        folder: of the student.
    """
    table = read_table(evidence, "readings")
    of_items = table.filter(kind="item").select("id", "reading")
    said = dict(of_items.iter_rows())

    known = {}
    for item in items[:_CACHED]:
        known[_content(item)] = said[item.item_id]

    # Without a time in it the file is the same whenever it is written.
    text = json.dumps(known)
    packed = gzip.compress(text.encode(), mtime=0)
    (folder / _READINGS).write_bytes(packed)


def _saved_readings(folder: Path) -> dict[str, str]:
    """What :func:`save_readings` wrote; an older student has none."""
    path = folder / _READINGS
    if not path.is_file():
        return {}
    text = gzip.decompress(path.read_bytes())
    return dict(json.loads(text))


class ItemReader:
    """Evidence for a list; an item's reading is remembered by its content.

    Args:
        lexicon: of the catalogue.
        known: readings by content, as :func:`save_readings` wrote them.
    """

    def __init__(
        self, lexicon: Lexicon, known: Mapping[str, str] | None = None
    ) -> None:
        self._reader = Reader(lexicon)
        self._known = known or {}
        self._items: dict[_Texts, Reading] = {}

    def evidence(self, query: str, items: Sequence[Item]) -> list[tuple[Evidence, ...]]:
        """What the query asks against what each item says.

        Args:
            query: the query's text.
            items: the list.

        Returns:
            One tuple an item, in the items' order.
        """
        asked = self._reader.read_query(query)
        return [compare(asked, self._item(item)) for item in items]

    def _item(self, item: Item) -> Reading:
        texts = (
            item.title,
            item.brand,
            item.category,
            item.description,
            item.bullet_points,
        )
        # Cheaper than the content's digest, and asked for in every request.
        key = (*texts, str(item.attributes))
        if key not in self._items:
            if len(self._items) >= _CACHED:
                self._items.clear()
            said = self._known.get(_content(item))
            self._items[key] = (
                Reading.from_json(said) if said else self._reader.read_item(item)
            )
        return self._items[key]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the heads read.

    Args:
        matrix: (items, columns) features.
        meaning: (items, 2 d).
        states: (items, attributes).
    """

    matrix: np.ndarray
    meaning: np.ndarray
    states: np.ndarray


class ListInputs:
    """Computes :class:`Inputs` with what lies in a student's folder.

    Args:
        folder: has the lexicon, the text index, the rule book, the encoder, and the
            catalogue's vectors and readings.
        threads: CPU threads.
        context: False: every item as if it were alone (an ablation).
        precision: which encoder, ``fp32`` or ``int8``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        threads: int = 2,
        context: bool = True,
        precision: str = "fp32",
    ) -> None:
        known = _saved_readings(folder)
        place = folder / "lexicon.json"
        lexicon = Lexicon.from_json(place.read_text("utf-8"))
        self.reader = ItemReader(lexicon, known)

        place = folder / "text_index.json"
        index = TextIndex.from_json(place.read_text("utf-8"))
        rulebook = RuleBook.load(str(folder / "rulebook.yaml"))
        self.features = ListFeatures(index, rulebook)

        self.encoder = OnnxEncoder(folder, threads=threads, precision=precision)
        self._context = context

    def vectors(self, query: str, items: Sequence[Item]) -> Vectors:
        """Unit vectors of the query and of the items' titles and typed texts.

        Args:
            query: the query's text.
            items: the list, not empty.
        """
        titles = [title_text(item) for item in items]
        fulls = [typed_text(item) for item in items]
        own, *of_titles = self.encoder.vectors([query_text(query), *titles])
        return Vectors(
            query=own,
            titles=np.array(of_titles),
            fulls=self.encoder.vectors(fulls),
        )

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
        if evidence is None:
            evidence = self.reader.evidence(query, items)
        vectors = self.vectors(query, items)

        raw = self.features.raw(query, items, evidence, vectors, members)
        reference = raw if members is None else raw[members]
        matrix = with_z(raw, reference)
        if not self._context:
            matrix = self.features.alone(matrix)

        states = np.array([states_of(one) for one in evidence])
        return Inputs(matrix, vectors.products(), states)
