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
from adore.attributes.comparison import compare
from adore.attributes.lexicon import Lexicon
from adore.attributes.reader import Reader
from adore.rulebook import RULEBOOK_FILE, RuleBook
from adore.student.context import Vectors
from adore.student.features import ListFeatures, states_of, with_z
from adore.student.fields import query_text, title_text, typed_text
from adore.student.onnx_models import OnnxEncoder
from adore.student.text_index import TextIndex
from adore.types import Evidence, Item, Reading

__all__ = ["Inputs", "ItemReader", "ListInputs", "save_readings"]

_MAX_CACHED = 50_000
_READINGS = "readings.json.gz"
_Texts = tuple[object, ...]
"""Everything that is read of an item."""


def _texts(item: Item) -> _Texts:
    """Everything that is read of an item but its attributes."""
    return (
        item.title,
        item.brand,
        item.category,
        item.description,
        item.bullet_points,
    )


def _content_hash(item: Item) -> str:
    """Hash of everything that is read of an item, whatever the order of its attributes."""
    in_order = sorted(item.attributes.items())
    content = repr((*_texts(item), in_order))
    encoded = content.encode("utf-8", "replace")
    return hashlib.blake2b(encoded, digest_size=16).hexdigest()


def save_readings(items: Sequence[Item], evidence: Path, folder: Path) -> None:
    """Write readings of items, so that no loader of the folder reads them again.

    Args:
        items: the catalogue; the first 50,000 are written.
        evidence: the folder of ``evidence``, which read them.
        folder: of the student.

    Raises:
        MissingError: a table is not there.
        DataError: a table cannot be read.
    """
    reading_table = read_table(evidence, "readings")
    of_items = reading_table.filter(kind="item").select("id", "reading")
    reading_of = dict(of_items.iter_rows())

    readings = {}
    for item in items[:_MAX_CACHED]:
        readings[_content_hash(item)] = reading_of[item.item_id]

    # Without a time in it the file is the same whenever it is written.
    readings_text = json.dumps(readings)
    compressed = gzip.compress(readings_text.encode(), mtime=0)
    (folder / _READINGS).write_bytes(compressed)


def _saved_readings(folder: Path) -> dict[str, str]:
    """What :func:`save_readings` wrote; nothing where the folder has no such file."""
    readings_path = folder / _READINGS
    if not readings_path.is_file():
        return {}
    readings_text = gzip.decompress(readings_path.read_bytes())
    return dict(json.loads(readings_text))


class ItemReader:
    """Evidence for a list; an item's reading is cached by its content.

    Args:
        lexicon: of the catalogue.
        known: readings by content, as :func:`save_readings` wrote them.
    """

    def __init__(
        self, lexicon: Lexicon, known: Mapping[str, str] | None = None
    ) -> None:
        self._reader = Reader(lexicon)
        self._known = known or {}
        self._cache: dict[_Texts, Reading] = {}

    def evidence(self, query: str, items: Sequence[Item]) -> list[tuple[Evidence, ...]]:
        """Compare what the query asks with what each item says.

        Args:
            query: the query's text.
            items: the list.

        Returns:
            One tuple per item, in the items' order.
        """
        query_reading = self._reader.read_query(query)
        return [compare(query_reading, self._read(item)) for item in items]

    def _read(self, item: Item) -> Reading:
        """The reading of an item, cached."""
        # Cheaper than the content's hash, and needed in every request.
        cache_key = (*_texts(item), str(item.attributes))
        cached = self._cache.get(cache_key)
        if cached is not None:
            return cached

        if len(self._cache) >= _MAX_CACHED:
            self._cache.clear()
        self._cache[cache_key] = self._read_new(item)
        return self._cache[cache_key]

    def _read_new(self, item: Item) -> Reading:
        """The reading of an item that is not cached: the folder's, or a new one."""
        saved = self._known.get(_content_hash(item))
        if saved:
            return Reading.from_json(saved)
        return self._reader.read_item(item)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the net and the forest read.

    Args:
        matrix: features with their z-scores. Shape [items, columns].
        semantic: see :meth:`adore.student.context.Vectors.products`. Shape [items, 2 d].
        states: see :func:`adore.student.features.states_of`. Shape [items, attributes].
    """

    matrix: np.ndarray
    semantic: np.ndarray
    states: np.ndarray


class ListInputs:
    """Computes :class:`Inputs` from the files of a student's folder.

    Args:
        folder: has the lexicon, the text index, the rule book, the encoder, and the
            catalogue's vectors and readings.
        threads: CPU threads.
        context: False: every item as if it were alone (an ablation).
        precision: which encoder, ``fp32`` or ``int8``.

    Raises:
        MissingError: a file of the folder is not there.
        ConfigError: the rule book is not valid.
    """

    def __init__(
        self,
        folder: Path,
        *,
        threads: int = 2,
        context: bool = True,
        precision: str = "fp32",
    ) -> None:
        lexicon_text = (folder / "lexicon.json").read_text("utf-8")
        lexicon = Lexicon.from_json(lexicon_text)
        self.reader = ItemReader(lexicon, _saved_readings(folder))

        index = TextIndex.load(folder)
        rulebook = RuleBook.load(str(folder / RULEBOOK_FILE))
        self.features = ListFeatures(index, rulebook)

        self.encoder = OnnxEncoder(folder, threads=threads, precision=precision)
        self._has_context = context

    def vectors(self, query: str, items: Sequence[Item]) -> Vectors:
        """Unit vectors of the query and of the items' titles and typed texts.

        Args:
            query: the query's text.
            items: the list, not empty.

        Returns:
            The vectors.
        """
        titles = [title_text(item) for item in items]
        typed_texts = [typed_text(item) for item in items]
        query_vector, *title_vectors = self.encoder.vectors(
            [query_text(query), *titles]
        )
        return Vectors(
            query=query_vector,
            titles=np.array(title_vectors),
            typed_texts=self.encoder.vectors(typed_texts),
        )

    def compute(
        self,
        query: str,
        items: Sequence[Item],
        evidence: Sequence[Sequence[Evidence]] | None = None,
        members: np.ndarray | None = None,
    ) -> Inputs:
        """Compute the inputs of a list that is not empty.

        Args:
            query: the query's text.
            items: the list.
            evidence: per item; default: read now.
            members: the items that make the list; default: all. Boolean, shape [items].

        Returns:
            One row per item.
        """
        if evidence is None:
            evidence = self.reader.evidence(query, items)
        vectors = self.vectors(query, items)
        states = np.array([states_of(of_item) for of_item in evidence])

        raw_features = self.features.raw(
            query, items, evidence, states, vectors, members
        )
        reference = raw_features
        if members is not None:
            reference = raw_features[members]
        matrix = with_z(raw_features, reference)
        if not self._has_context:
            matrix = self.features.alone(matrix)
        return Inputs(matrix, vectors.products(), states)
