"""BM25 and coverage from saved word statistics: no corpus is needed at serving time."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from adore.attributes.language import Language
from adore.attributes.language_packs import load_language
from adore.student.fields import full_text, query_text, title_text
from adore.text import word_stems
from adore.types import Item

__all__ = ["TEXT_INDEX", "TextIndex", "TextScores", "WordStatistics"]

TEXT_INDEX = "text_index.json"
"""File of a ranker's folder."""
K1 = 1.2
"""How soon a word that is repeated adds no more."""
B = 0.75
"""How much a long text is held back."""
_MAX_CACHED = 50_000


class TextScores(NamedTuple):
    """Scores of a list's items for one query.

    Attributes:
        bm25: Shape [items].
        coverage: idf-weighted share of the query's words that each item has. Shape [items].
    """

    bm25: np.ndarray
    coverage: np.ndarray


@dataclass(frozen=True, slots=True)
class WordStatistics:
    """Word statistics of one kind of text over a catalogue.

    Attributes:
        frequencies: word to the number of texts that have it, for words of two texts or more.
        mean_length: words per text, at least 1.
    """

    frequencies: dict[str, int]
    mean_length: float


class _WordCounter:
    """Counts words text by text, so that a large catalogue is never in memory at once."""

    def __init__(self) -> None:
        self._text_count = 0
        self._word_count = 0
        self._frequencies = Counter[str]()

    def add(self, words: Sequence[str]) -> None:
        """Count the words of one text."""
        self._text_count += 1
        self._word_count += len(words)
        self._frequencies.update(set(words))

    def statistics(self) -> WordStatistics:
        """What was counted so far, words sorted."""
        # A word of one text needs no entry: an unknown word counts as one text's.
        repeated: dict[str, int] = {}
        for word, frequency in sorted(self._frequencies.items()):
            if frequency > 1:
                repeated[word] = frequency

        # Lengths are divided by the mean, so it is never below 1.
        mean_length = max(self._word_count / max(self._text_count, 1), 1.0)
        return WordStatistics(repeated, mean_length)


@dataclass
class TextIndex:
    """Word statistics of a catalogue's titles and full texts.

    Args:
        item_count: items of the catalogue.
        titles: of the items' titles.
        full_texts: of all their text, see :func:`adore.student.fields.full_text`.
        language_code: of the language that the words were taken with.
    """

    item_count: int
    titles: WordStatistics
    full_texts: WordStatistics
    language_code: str = "en"
    _cache: dict[str, Counter[str]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def language(self) -> Language:
        """Stems the words of every text that is compared with this index."""
        return load_language(self.language_code)

    @staticmethod
    def build(items: Iterable[Item], language: Language) -> TextIndex:
        """Count a catalogue's words.

        Args:
            items: the catalogue; empty: an index that knows no word.
            language: stems the words.

        Returns:
            The index.
        """
        titles = _WordCounter()
        full_texts = _WordCounter()
        item_count = 0
        for item in items:
            item_count += 1
            titles.add(word_stems(title_text(item), language))
            full_texts.add(word_stems(full_text(item), language))
        return TextIndex(
            item_count=item_count,
            titles=titles.statistics(),
            full_texts=full_texts.statistics(),
            language_code=language.code,
        )

    def to_json(self) -> str:
        """Serialise; :meth:`from_json` reads it back equal."""
        fields = {
            "item_count": self.item_count,
            "titles": asdict(self.titles),
            "full_texts": asdict(self.full_texts),
            "language_code": self.language_code,
        }
        return json.dumps(fields, ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> TextIndex:
        """Read what :meth:`to_json` wrote."""
        fields = json.loads(text)
        return TextIndex(
            item_count=fields["item_count"],
            titles=WordStatistics(**fields["titles"]),
            full_texts=WordStatistics(**fields["full_texts"]),
            language_code=fields["language_code"],
        )

    def save(self, folder: Path) -> None:
        """Write the index into a ranker's folder.

        Args:
            folder: the ranker's.
        """
        (folder / TEXT_INDEX).write_text(self.to_json(), "utf-8")

    @staticmethod
    def load(folder: Path) -> TextIndex:
        """Read what :meth:`save` wrote.

        Args:
            folder: the ranker's.

        Returns:
            The index.
        """
        return TextIndex.from_json((folder / TEXT_INDEX).read_text("utf-8"))

    def counts(self, text: str) -> Counter[str]:
        """Word counts of a text, cached."""
        word_counts = self._cache.get(text)
        if word_counts is None:
            if len(self._cache) >= _MAX_CACHED:
                self._cache.clear()
            word_counts = Counter(word_stems(text, self.language))
            self._cache[text] = word_counts
        return word_counts

    def idf(self, word: str, *, full: bool = False) -> float:
        """BM25's inverse document frequency, never negative.

        Args:
            word: a stem of :attr:`language`; an unknown one counts as one text's.
            full: over the full texts instead of the titles.

        Returns:
            0 or more.
        """
        statistics = self.titles
        if full:
            statistics = self.full_texts
        frequency = statistics.frequencies.get(word, 1)
        if self.item_count < frequency:
            return 0.0
        odds = (self.item_count - frequency + 0.5) / (frequency + 0.5)
        return math.log(1 + odds)

    def scores(
        self, query: str, items: Sequence[Item], *, full: bool = False
    ) -> TextScores:
        """Score a list's items by the words that they share with the query.

        Args:
            query: the query's text.
            items: the list.
            full: over the full text instead of the title.

        Returns:
            BM25 and coverage of each item.

        Source: Robertson and Zaragoza 2009, The Probabilistic Relevance Framework, k1 1.2, b 0.75.
        """
        query_words = word_stems(query_text(query), self.language)
        idf = {word: self.idf(word, full=full) for word in query_words}
        idf_total = sum(idf.values()) or 1.0
        text_of = title_text
        mean_length = self.titles.mean_length
        if full:
            text_of = full_text
            mean_length = self.full_texts.mean_length

        bm25 = np.zeros(len(items))
        coverage = np.zeros(len(items))
        for row_number, item in enumerate(items):
            word_counts = self.counts(text_of(item))
            text_length = word_counts.total()

            # A word of a text of mean length is divided by tf + k1; of a longer one by more.
            length_norm = K1 * (1 - B + B * text_length / mean_length)
            for word, weight in idf.items():
                tf = word_counts.get(word, 0)
                if tf:
                    bm25[row_number] += weight * tf * (K1 + 1) / (tf + length_norm)
                    coverage[row_number] += weight / idf_total
        return TextScores(bm25, coverage)
