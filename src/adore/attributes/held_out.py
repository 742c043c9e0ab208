"""Keeps the held-out queries out of what is trained on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from adore.attributes.language import Language
from adore.text import word_stems

__all__ = ["HeldOut"]


class HeldOut:
    """Finds held-out queries that equal a text or nearly do (Jaccard index of their word stems).

    Exact, not hashed: an inverted index makes it cheap for a million queries.

    Args:
        queries: texts that must not leak.
        threshold: smallest Jaccard index that counts as the same query.
        language: takes their words.

    Example:
        >>> from adore.attributes.language_packs import load_language
        >>> held_out = HeldOut(["red wool socks for men"], 0.8, load_language("en"))
        >>> held_out.near("Socks for MEN, red wool"), held_out.near("red cotton socks for women")
        ('red wool socks for men', '')
    """

    def __init__(
        self, queries: Iterable[str], threshold: float, language: Language
    ) -> None:
        self._language = language
        self.threshold = threshold
        self._queries = sorted(set(queries))
        self._stems: list[frozenset[str]] = []
        self._postings: dict[str, list[int]] = defaultdict(list)
        for query_row, query in enumerate(self._queries):
            query_stems = frozenset(word_stems(query, language))
            self._stems.append(query_stems)
            for stem in query_stems:
                self._postings[stem].append(query_row)

    def near(self, text: str) -> str:
        """Return the held-out query that a text repeats, or ``""``."""
        text_stems = frozenset(word_stems(text, self._language))
        shared_count = Counter[int]()
        for stem in text_stems:
            shared_count.update(self._postings.get(stem, ()))

        # Jaccard index: stems that both texts have, of the stems that either has.
        for query_row in sorted(shared_count):
            union = text_stems | self._stems[query_row]
            similarity = shared_count[query_row] / len(union)
            if similarity >= self.threshold:
                return self._queries[query_row]
        return ""
