"""Whether a query reads like one.

A word-bigram model of the catalogue, with real queries as the yardstick.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from adore.attributes.language import Language
from adore.text import word_stems

__all__ = ["Fluency"]

_BIGRAM = 0.6
"""Share of the bigram's frequency."""
_WORD = 0.3
"""Share of the word's own frequency; the rest is the same for every word."""


class Fluency:
    """Mean log-probability of a word given the one before, counted from the catalogue's texts.

    A text is refused if it reads worse than nearly all real queries, and worse than the
    query that it was made of. The real queries are no part of the counts, so what they
    score is what unseen queries score.

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
        >>> fluent.salad("handle with for water", "water bottle")
        True
        >>> fluent.salad("steel water bottle", "water bottle")
        False
    """

    def __init__(
        self,
        texts: Iterable[str],
        queries: Iterable[str],
        quantile: float,
        language: Language,
    ) -> None:
        self._language = language
        self._words = Counter[str]()
        self._pairs = Counter[tuple[str, str]]()
        for text in texts:
            stems = self._stems(text)
            self._words.update(stems)
            self._pairs.update(pairwise(stems))
        self._all = max(1, self._words.total())

        self.threshold = -math.inf
        scores = sorted(self.score(query) for query in queries)
        if scores:
            position = int(quantile * len(scores))
            self.threshold = scores[position]

    def _stems(self, text: str) -> list[str]:
        """A text's stems after an empty one, which marks where a text begins."""
        return ["", *word_stems(text, self._language)]

    def score(self, text: str) -> float:
        """Mean log-probability of the text's words; 0 for a text without words."""
        logs: list[float] = []
        for before, word in pairwise(self._stems(text)):
            probability = self._probability(before, word)
            logs.append(math.log(probability))

        if not logs:
            return 0.0
        return sum(logs) / len(logs)

    def _probability(self, before: str, word: str) -> float:
        """Linear interpolation of three estimates, so that no word has probability 0."""
        count_before = self._words[before]
        count = self._words[word]
        bigram = 0.0
        if count_before:
            bigram = self._pairs[before, word] / count_before

        # the uniform estimate has one share more, for the words that nobody counted
        shares = len(self._words) + 1
        rest = 1 - _BIGRAM - _WORD

        from_bigram = _BIGRAM * bigram
        from_word = _WORD * count / self._all
        return from_bigram + from_word + rest / shares

    def salad(self, text: str, source: str) -> bool:
        """True if ``text``, made of the query ``source``, reads like no query.

        Args:
            text: an edited query.
            source: the query that it was made of.
        """
        score = self.score(text)
        return score < self.threshold and score < self.score(source)
