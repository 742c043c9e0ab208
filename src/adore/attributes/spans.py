"""A text with its words, phrases in it, and what is collected out of texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from adore.attributes.language import Language
from adore.attributes.negation import find_absences
from adore.text import MAX_TEXT, Token, is_trustworthy, tokenize, visible
from adore.types import Item, Value

__all__ = [
    "TextSpan",
    "TokenSpan",
    "ValueCollector",
    "absent_stems",
    "find_phrases",
    "is_stuffed_title",
    "item_texts",
    "phrases_by_first_word",
    "text_span",
    "tokens_within",
    "written_words",
]

_LETTER_SIZES = {size: size for size in "xs s m l xl xxl xxxl 2xl 3xl".split()}
_RIVALS = 4
"""So many rival values of one attribute in a row make a title stuffed."""
_BULLETS = 6
"""Bullet points that are read."""
_LONGEST_PHRASE = 5
"""Words of a phrase."""


class TextSpan(NamedTuple):
    """A text, the place of the item (or ``query``) that it is of, and its words."""

    where: str
    text: str
    tokens: list[Token]

    def written(self, token: Token) -> str:
        """One of its words as it is written."""
        return self.text[token.start : token.end]


def text_span(where: str, text: str, language: Language) -> TextSpan:
    """Cut a text into words.

    Args:
        where: the place that the text is of.
        text: as the shop has it.
        language: stems the words.

    Returns:
        The text with its words.
    """
    return TextSpan(where, text, tokenize(text, language))


class TokenSpan(NamedTuple):
    """Words ``tokens[first:stop]`` of a text."""

    first: int
    stop: int

    @property
    def positions(self) -> range:
        """Positions of its words."""
        return range(self.first, self.stop)


def phrases_by_first_word(phrases: Iterable[str]) -> dict[str, set[str]]:
    """Group phrases by their first word, so that most words of a text are passed over at once."""
    table: dict[str, set[str]] = {}
    for phrase in phrases:
        first_word = phrase.split(" ", 1)[0]
        table.setdefault(first_word, set()).add(phrase)
    return table


def find_phrases(
    tokens: list[Token], phrases: Mapping[str, set[str]], used: set[int]
) -> Iterator[TokenSpan]:
    """Yield the longest known phrases, left to right, that do not overlap.

    Args:
        tokens: the text's words.
        phrases: known phrases by their first word, from :func:`phrases_by_first_word`.
        used: indexes of words that no phrase may have.

    Yields:
        the words of each phrase.
    """
    first = 0
    while first < len(tokens):
        candidates = phrases.get(tokens[first].stem)
        if not candidates:
            first += 1
            continue

        longest = min(len(tokens), first + _LONGEST_PHRASE)
        for stop in range(longest, first, -1):
            phrase = " ".join(token.stem for token in tokens[first:stop])
            if phrase in candidates and not used.intersection(range(first, stop)):
                yield TokenSpan(first, stop)
                first = stop - 1
                break
        first += 1


def tokens_within(tokens: list[Token], start: int, end: int) -> set[int]:
    """Find the words that ``text[start:end]`` touches.

    Args:
        tokens: the text's words.
        start: of the part of the text.
        end: of it.

    Returns:
        their indexes.
    """
    return {
        index
        for index, token in enumerate(tokens)
        if token.start < end and token.end > start
    }


class ValueCollector:
    """Collects the values of attributes; each is kept once, where it was first read.

    Attributes:
        values: attribute to its values.

    Example:
        >>> collector = ValueCollector()
        >>> collector.add("colour", "red", "Red", "title")
        >>> collector.add("colour", "red", "rouge", "description")
        >>> collector.collected()
        {'colour': (Value(value='red', quote='Red', where='title'),)}
    """

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: dict[str, list[Value]] = {}

    def add(self, attribute: str, value: str, quote: str, where: str) -> None:
        """Keep a value, unless it is empty or is known already.

        Args:
            attribute: of the attribute.
            value: in its canonical form.
            quote: as the text has it.
            where: the place that the text is of.
        """
        values = self.values.setdefault(attribute, [])
        if not value or any(known.value == value for known in values):
            return
        values.append(Value(value, quote, where))

    def extend(self, attribute: str, values: Iterable[Value]) -> None:
        """Keep every value that is new.

        Args:
            attribute: of the attribute.
            values: of it.
        """
        for value in values:
            self.add(attribute, value.value, value.quote, value.where)

    def add_phrase(self, attribute: str, text_span: TextSpan, span: TokenSpan) -> None:
        """Keep a phrase of a text as a value.

        Args:
            attribute: of the attribute.
            text_span: that has the phrase.
            span: the words of the phrase.
        """
        words = text_span.tokens[span.first : span.stop]
        stems = [word.stem for word in words]
        value = " ".join(stems)

        start = words[0].start
        end = words[-1].end
        quote = text_span.text[start:end]
        self.add(attribute, value, quote, text_span.where)

    def collected(self) -> dict[str, tuple[Value, ...]]:
        """Return attribute to values; attributes without a value are left out."""
        return {
            attribute: tuple(values)
            for attribute, values in self.values.items()
            if values
        }


def written_words(
    texts: Iterable[TextSpan], others: Mapping[str, str]
) -> dict[str, str]:
    """Map every stem to its first written form.

    Args:
        texts: whose words.
        others: other stems and the words that stand for them; they come first.

    Returns:
        Stems in the order of the texts.
    """
    word_of = dict(others)
    for span in texts:
        text = span.text
        for token in span.tokens:
            word_of.setdefault(token.stem, text[token.start : token.end])
    return word_of


def absent_stems(
    texts: Iterable[TextSpan], untrusted: TextSpan, language: Language
) -> set[str]:
    """Find stems that the texts say are absent and that no text says are there.

    Args:
        texts: what is trusted.
        untrusted: what is not trusted, but may say that something is there.
        language: of the texts.

    Returns:
        The stems, in no order.
    """
    absent = set[str]()
    present = {token.stem for token in untrusted.tokens}
    for span in texts:
        denied = set[int]()
        for absence in find_absences(visible(span.text), span.tokens, language):
            absent.update(absence.value.split())
            denied.update(range(absence.first, absence.stop))

        for index, token in enumerate(span.tokens):
            if index not in denied:
                present.add(token.stem)
    return absent - present


def is_stuffed_title(title: TextSpan, language: Language) -> bool:
    """Whether a title is written to look relevant.

    It hides words, or lists four or more rival values of one attribute, at most one word apart.

    Args:
        title: its text and words.
        language: whose colours and audiences are counted; letters of sizes are in any.

    Returns:
        Whether nothing in the title should count as a match.
    """
    if visible(title.text) != title.text:
        return True
    tables = (language.colours, language.audiences, _LETTER_SIZES)
    return any(_lists_rivals(title.tokens, table) for table in tables)


def _lists_rivals(tokens: list[Token], table: Mapping[str, str]) -> bool:
    """Whether so many different values of a table follow each other, at most one word apart."""
    run = set[str]()
    gap = 0
    for token in tokens:
        value = table.get(token.stem)
        if value is None:
            gap += 1
            if gap > 1:
                run.clear()
            continue

        gap = 0
        run.add(value)
        if len(run) >= _RIVALS:
            return True
    return False


def item_texts(item: Item, language: Language) -> tuple[list[TextSpan], TextSpan]:
    """Cut the texts of an item into words.

    Args:
        item: of the catalogue.
        language: stems the words.

    Returns:
        the texts to read, the title first; and, as one text, what is not trusted because it
        addresses the judge.
    """
    title = item.title[:MAX_TEXT]
    texts = [text_span("title", title, language)]
    untrusted: list[str] = []
    for bullet in item.bullet_points:
        text = bullet[:300]
        if not is_trustworthy(text):
            untrusted.append(text)
        elif text and len(texts) <= _BULLETS:  # the title is one of them
            texts.append(text_span("bullet_points", text, language))

    description = item.description[:500]
    if not is_trustworthy(description):
        untrusted.append(description)
    elif description:
        texts.append(text_span("description", description, language))
    return texts, text_span("untrusted", " ".join(untrusted), language)
