"""A query while it is read: what it asks so far, and which of its words are used."""

from __future__ import annotations

from adore.attributes.spans import (
    TextSpan,
    TokenSpan,
    ValueCollector,
    tokens_within,
)

__all__ = ["QueryDraft"]


class QueryDraft:
    """A query on its way to a reading.

    Args:
        span: its text and words.
        collector: keeps the values that are read.

    Attributes:
        span: its text and words.
        used: positions of the words that say something already.
        collector: the values that were read.
        asked_fields: phrases to the shop's own fields whose values they are.
    """

    __slots__ = ("asked_fields", "collector", "span", "used")

    def __init__(self, span: TextSpan, collector: ValueCollector) -> None:
        self.span = span
        self.collector = collector
        self.used: set[int] = set()
        self.asked_fields: dict[str, tuple[str, ...]] = {}

    def use(self, start: int, end: int) -> None:
        """Mark the words of ``text[start:end]`` as used.

        Args:
            start: of the part of the text.
            end: of it.
        """
        positions = tokens_within(self.span.tokens, start, end)
        self.used.update(positions)

    def add(
        self,
        attribute: str,
        value: str,
        start: int,
        end: int,
    ) -> None:
        """Keep what ``text[start:end]`` says, and mark its words as used.

        Args:
            attribute: of the value.
            value: in its canonical form.
            start: of the part of the text.
            end: of it.
        """
        quote = self.span.text[start:end]
        self.collector.add(attribute, value, quote, "query")
        self.use(start, end)

    def add_word(
        self,
        attribute: str,
        value: str,
        position: int,
    ) -> None:
        """Keep what one word says, and mark it as used.

        Args:
            attribute: of the value.
            value: in its canonical form.
            position: of the word.
        """
        token = self.span.tokens[position]
        quote = self.span.written(token)
        self.collector.add(attribute, value, quote, "query")
        self.used.add(position)

    def add_phrase(self, attribute: str, phrase: TokenSpan) -> None:
        """Keep a phrase as a value, and mark its words as used.

        Args:
            attribute: of the value.
            phrase: its words.
        """
        self.collector.add_phrase(attribute, self.span, phrase)
        self.used.update(phrase.positions)
