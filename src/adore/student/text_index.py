"""BM25 and coverage from saved word statistics: no corpus is needed at serving time."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from adore.attributes.language import Language
from adore.attributes.language_packs import load_language
from adore.student.fields import full_text, query_text, title_text
from adore.text import word_stems
from adore.types import Item

__all__ = ["TextIndex"]

K1, B = 1.2, 0.75
_CACHED = 50_000


@dataclass
class TextIndex:
    """Document frequencies and mean lengths of a catalogue's titles and full texts.

    Args:
        size: items counted.
        lengths: mean words of a title, of a full text.
        titles: word to the number of titles that have it.
        fulls: the same for full texts; words of one item alone are left out.
        code: of the language that the words were taken with.
    """

    size: int
    lengths: tuple[float, float]
    titles: dict[str, int]
    fulls: dict[str, int]
    code: str = "en"
    _cache: dict[str, Counter[str]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def language(self) -> Language:
        """What takes the words out of every text that is held against this index."""
        return load_language(self.code)

    @staticmethod
    def build(items: Iterable[Item], language: Language) -> TextIndex:
        """Count a catalogue's words.

        Args:
            items: the catalogue; empty: an index that knows no word.
            language: takes the words out.
        """
        titles, fulls = _Counted(), _Counted()
        size = 0
        for item in items:
            size += 1
            titles.add(word_stems(title_text(item), language))
            fulls.add(word_stems(full_text(item), language))
        lengths = (titles.mean_length(size), fulls.mean_length(size))
        return TextIndex(
            size, lengths, titles.repeated(), fulls.repeated(), language.code
        )

    def to_json(self) -> str:
        """Serialise; :meth:`from_json` reads it back equal."""
        kept = {
            "size": self.size,
            "lengths": self.lengths,
            "titles": self.titles,
            "fulls": self.fulls,
        }
        return json.dumps({**kept, "language": self.code}, ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> TextIndex:
        """Read what :meth:`to_json` wrote."""
        loaded = json.loads(text)
        code = loaded.get("language", "en")  # an older student was English
        return TextIndex(
            loaded["size"],
            tuple(loaded["lengths"]),
            loaded["titles"],
            loaded["fulls"],
            code,
        )

    def counts(self, text: str) -> Counter[str]:
        """Word counts of a text, remembered."""
        found = self._cache.get(text)
        if found is None:
            if len(self._cache) >= _CACHED:
                self._cache.clear()
            found = self._cache[text] = Counter(word_stems(text, self.language))
        return found

    def idf(self, word: str, *, full: bool = False) -> float:
        """BM25's inverse document frequency, never negative.

        Args:
            word: as :attr:`language` takes it out of a text; an unknown one counts once.
            full: over the full texts instead of the titles.
        """
        frequencies = self.fulls if full else self.titles
        n = frequencies.get(word, 1)
        if self.size < n:
            return 0.0
        return math.log(1 + (self.size - n + 0.5) / (n + 0.5))

    def scores(
        self, query: str, items: Sequence[Item], *, full: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """BM25 and the idf-weighted share of the query's words that each item has.

        Args:
            query: the query's text.
            items: the list.
            full: over the full text instead of the title.

        Returns:
            two arrays (items,).

        Source: Robertson and Zaragoza 2009, The Probabilistic Relevance Framework, k1 1.2, b 0.75.
        """
        asked = word_stems(query_text(query), self.language)
        idf = {word: self.idf(word, full=full) for word in asked}
        total = sum(idf.values()) or 1.0
        text_of = full_text if full else title_text
        mean_length = self.lengths[int(full)]

        bm25 = np.zeros(len(items))
        covered = np.zeros(len(items))
        for i, item in enumerate(items):
            counts = self.counts(text_of(item))
            length = counts.total()
            # A text of mean length is divided by tf + k1; a longer one by more.
            norm = K1 * (1 - B + B * length / mean_length)
            for word, weight in idf.items():
                tf = counts.get(word, 0)
                if tf:
                    bm25[i] += weight * tf * (K1 + 1) / (tf + norm)
                    covered[i] += weight / total
        return bm25, covered


class _Counted:
    """Words of one kind of text, over a catalogue."""

    def __init__(self) -> None:
        self.words = 0
        self.frequencies: Counter[str] = Counter()
        """Word to the number of texts that have it."""

    def add(self, text: Sequence[str]) -> None:
        self.words += len(text)
        self.frequencies.update(set(text))

    def mean_length(self, size: int) -> float:
        """Words of a text; at least 1, as lengths are divided by it."""
        return max(self.words / max(size, 1), 1.0)

    def repeated(self) -> dict[str, int]:
        """Words of two texts or more, sorted; any other counts as one text's."""
        return {word: n for word, n in sorted(self.frequencies.items()) if n > 1}
