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
        >>> held = HeldOut(["red wool socks for men"], 0.8, load_language("en"))
        >>> held.near("Socks for MEN, red wool"), held.near("red cotton socks for women")
        ('red wool socks for men', '')
    """

    def __init__(
        self, queries: Iterable[str], threshold: float, language: Language
    ) -> None:
        self._language = language
        self.threshold = threshold
        self._texts = sorted(set(queries))
        self._sets = [frozenset(word_stems(text, language)) for text in self._texts]
        self._postings: dict[str, list[int]] = defaultdict(list)
        for i, stems in enumerate(self._sets):
            for stem in stems:
                self._postings[stem].append(i)

    def near(self, text: str) -> str:
        """The held-out query that ``text`` repeats, or ``""``."""
        stems = frozenset(word_stems(text, self._language))
        shared = Counter[int]()
        for stem in stems:
            shared.update(self._postings.get(stem, ()))

        # Jaccard index: stems that both texts have, of the stems that either has.
        for i in sorted(shared):
            either = len(stems | self._sets[i])
            if shared[i] / either >= self.threshold:
                return self._texts[i]
        return ""
