"""Whether a query reads like one: a word-bigram model of the catalogue, with real queries as the yardstick."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from adore.attributes.language import Language
from adore.attributes.text import words

__all__ = ["Fluency"]

_BIGRAM, _WORD = 0.6, 0.3
"""Shares of the bigram's and the word's own frequency; the rest is the same for every word."""


class Fluency:
    """Mean log-probability of a word given the one before, counted from the catalogue's texts.

    A text is refused if it reads worse than nearly all real queries, and worse than the query that it was made of.
    The real queries are no part of the counts, so what they score is what unseen queries score.

    Args:
        texts: titles and category paths.
        queries: real queries.
        quantile: share of the real queries that reads worse than the threshold.
        language: takes their words.

    Example:
        >>> from adore.attributes.language_packs import load_language
        >>> titles = ["steel water bottle with handle", "water bottle for kids"] * 9
        >>> queries = ["steel bottle", "water bottle with handle", "kids water bottle"]
        >>> fluent = Fluency(titles, queries, 0.4, load_language("en"))
        >>> fluent.score("steel water bottle") > fluent.score("bottle steel handle water")
        True
        >>> fluent.salad("handle with for water", "water bottle"), fluent.salad("steel water bottle", "water bottle")
        (True, False)
    """

    def __init__(
        self,
        texts: Iterable[str],
        queries: Iterable[str],
        quantile: float,
        language: Language,
    ) -> None:
        self._language = language
        self._words, self._pairs = Counter[str](), Counter[tuple[str, str]]()
        for text in texts:
            stems = ["", *words(text, self._language)]
            self._words.update(stems)
            self._pairs.update(pairwise(stems))
        self._all = max(1, self._words.total())
        scores = sorted(self.score(query) for query in queries)
        self.threshold = scores[int(quantile * len(scores))] if scores else -math.inf

    def score(self, text: str) -> float:
        """Mean log-probability of the text's words; 0 for a text without words."""
        stems = ["", *words(text, self._language)]
        logs = [math.log(self._probability(a, b)) for a, b in pairwise(stems)]
        return sum(logs) / len(logs) if logs else 0.0

    def _probability(self, before: str, word: str) -> float:
        bigram = (
            self._pairs[before, word] / self._words[before]
            if self._words[before]
            else 0.0
        )
        rest = (1 - _BIGRAM - _WORD) / (len(self._words) + 1)
        return _BIGRAM * bigram + _WORD * self._words[word] / self._all + rest

    def salad(self, text: str, source: str) -> bool:
        """True if ``text``, made of the query ``source``, reads like no query."""
        score = self.score(text)
        return score < self.threshold and score < self.score(source)
