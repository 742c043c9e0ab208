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
from adore.attributes.text import words
from adore.student.fields import full_text, query_text, title_text
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
        """Count a catalogue's words."""
        counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        lengths, size = [0, 0], 0
        for item in items:
            size += 1
            for i, text in enumerate((title_text(item), full_text(item))):
                found = words(text, language)
                lengths[i] += len(found)
                counts[i].update(set(found))
        means = (
            max(lengths[0] / max(size, 1), 1.0),
            max(lengths[1] / max(size, 1), 1.0),
        )
        titles, fulls = ({w: n for w, n in sorted(c.items()) if n > 1} for c in counts)
        return TextIndex(size, means, titles, fulls, language.code)

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
            found = self._cache[text] = Counter(words(text, self.language))
        return found

    def idf(self, word: str, *, full: bool = False) -> float:
        """BM25's inverse document frequency, never negative."""
        n = (self.fulls if full else self.titles).get(word, 1)
        return (
            math.log(1 + (self.size - n + 0.5) / (n + 0.5)) if self.size >= n else 0.0
        )

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
        idf = {
            w: self.idf(w, full=full)
            for w in dict.fromkeys(words(query_text(query), self.language))
        }
        total = sum(idf.values()) or 1.0
        bm25, covered = np.zeros(len(items)), np.zeros(len(items))
        for i, item in enumerate(items):
            counts = self.counts(full_text(item) if full else title_text(item))
            norm = K1 * (1 - B + B * counts.total() / self.lengths[int(full)])
            for word, weight in idf.items():
                if tf := counts.get(word, 0):
                    bm25[i] += weight * tf * (K1 + 1) / (tf + norm)
                    covered[i] += weight / total
        return bm25, covered
