"""Fluency of a query: a bigram model of the catalogue, compared with real queries."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from adore.attributes.language import Language
from adore.text import word_stems

__all__ = ["Fluency"]

_BIGRAM_WEIGHT = 0.6
_UNIGRAM_WEIGHT = 0.3
"""Weights of the interpolated estimates; the rest goes to the uniform one."""


class Fluency:
    """Mean log-probability of a word given the one before, counted from the catalogue's texts.

    A text is disfluent if it scores lower than nearly all real queries, and lower than the
    query that it was made of. The real queries are no part of the counts, so their scores
    are those of unseen queries.

    Args:
        texts: titles and category paths.
        queries: real queries.
        quantile: share of the real queries that score lower than the threshold.
        language: stems their words.

    Example:
        >>> from adore.attributes.language_packs import load_language
        >>> titles = ["steel water bottle with handle", "water bottle for kids"] * 9
        >>> queries = ["steel bottle", "water bottle with handle", "kids water bottle"]
        >>> fluent = Fluency(titles, queries, 0.4, load_language("en"))
        >>> fluent.score("steel water bottle") > fluent.score("bottle steel handle water")
        True
        >>> fluent.is_disfluent("handle with for water", "water bottle")
        True
        >>> fluent.is_disfluent("steel water bottle", "water bottle")
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
        self._total = max(1, self._words.total())

        self.threshold = -math.inf
        # real queries set the scale: a quantile of their scores is the threshold
        scores = [self.score(query) for query in queries]
        scores.sort()
        if scores:
            position = int(quantile * len(scores))
            self.threshold = scores[position]

    def _stems(self, text: str) -> list[str]:
        """A text's stems after an empty one, which marks where a text begins."""
        return ["", *word_stems(text, self._language)]

    def score(self, text: str) -> float:
        """Mean log-probability of the text's words; 0 for a text without words."""
        log_probabilities: list[float] = []
        for previous, stem in pairwise(self._stems(text)):
            probability = self._probability(previous, stem)
            log_probabilities.append(math.log(probability))

        if not log_probabilities:
            return 0.0
        return sum(log_probabilities) / len(log_probabilities)

    def _probability(self, previous: str, stem: str) -> float:
        """Linear interpolation of three estimates, so that no word has probability 0."""
        # Jelinek-Mercer smoothing: bigram, unigram and uniform estimate, weighted
        previous_count = self._words[previous]
        bigram = 0.0
        if previous_count:
            bigram = self._pairs[previous, stem] / previous_count

        # the uniform estimate has one share more, for all words without a count
        shares = len(self._words) + 1
        uniform_weight = 1 - _BIGRAM_WEIGHT - _UNIGRAM_WEIGHT

        from_bigram = _BIGRAM_WEIGHT * bigram
        count = self._words[stem]
        from_unigram = _UNIGRAM_WEIGHT * count / self._total
        from_uniform = uniform_weight / shares
        return from_bigram + from_unigram + from_uniform

    def is_disfluent(self, text: str, source: str) -> bool:
        """Whether ``text``, made of the query ``source``, reads like no query.

        Args:
            text: an edited query.
            source: the query that it was made of.

        Returns:
            True if it scores below the threshold and below its source.
        """
        score = self.score(text)
        if score >= self.threshold:
            return False
        return score < self.score(source)
