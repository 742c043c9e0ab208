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

_LETTER_SIZES = {letters: letters for letters in "xs s m l xl xxl xxxl 2xl 3xl".split()}
_RIVALS = 4
"""So many rival values of one attribute in a row make a title stuffed."""
_BULLETS = 6
"""Bullet points that are read."""
_BULLET_LETTERS = 300
"""Letters of a bullet point that are read."""
_DESCRIPTION_LETTERS = 500
"""Letters of the description that are read."""
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

    def phrase(self, span: TokenSpan) -> str:
        """Stems of some of its words, joined by one space."""
        return " ".join(token.stem for token in self.tokens[span.first : span.stop])

    def quote(self, span: TokenSpan) -> str:
        """Some of its words as they are written, with what stands between them."""
        first_token = self.tokens[span.first]
        last_token = self.tokens[span.stop - 1]
        begin = first_token.start
        end = last_token.end
        return self.text[begin:end]


def text_span(where: str, text: str, language: Language) -> TextSpan:
    """Cut a text into words.

    Args:
        where: the place that the text is of.
        text: as the shop has it.
        language: stems the words.

    Returns:
        The text with its words.
    """
    tokens = tokenize(text, language)
    return TextSpan(where, text, tokens)


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
    by_first_word: dict[str, set[str]] = {}
    for phrase in phrases:
        first_word = phrase.split(" ", 1)[0]
        same_beginning = by_first_word.setdefault(first_word, set())
        same_beginning.add(phrase)
    return by_first_word


def find_phrases(
    tokens: list[Token],
    phrases: Mapping[str, set[str]],
    used: set[int],
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

        # The longest phrase is tried first: *iphone 15 pro* before *iphone 15*.
        last_stop = min(len(tokens), first + _LONGEST_PHRASE)
        for stop in range(last_stop, first, -1):
            phrase = " ".join(token.stem for token in tokens[first:stop])
            if phrase not in candidates:
                continue
            if used.isdisjoint(range(first, stop)):
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
        position
        for position, token in enumerate(tokens)
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

    def add(
        self,
        attribute: str,
        value: str,
        quote: str,
        where: str,
    ) -> None:
        """Keep a value, unless it is empty or is known already.

        Args:
            attribute: of the attribute.
            value: in its canonical form.
            quote: as the text has it.
            where: the place that the text is of.
        """
        values = self.values.setdefault(attribute, [])
        if not value:
            return
        for known_value in values:
            if known_value.value == value:
                return
        new_value = Value(value, quote, where)
        values.append(new_value)

    def extend(self, attribute: str, values: Iterable[Value]) -> None:
        """Keep every value that is new.

        Args:
            attribute: of the attribute.
            values: of it.
        """
        for value in values:
            self.add(attribute, value.value, value.quote, value.where)

    def add_phrase(
        self,
        attribute: str,
        text_span: TextSpan,
        span: TokenSpan,
    ) -> None:
        """Keep a phrase of a text as a value.

        Args:
            attribute: of the attribute.
            text_span: that has the phrase.
            span: the words of the phrase.
        """
        value = text_span.phrase(span)
        quote = text_span.quote(span)
        self.add(attribute, value, quote, text_span.where)

    def collected(self) -> dict[str, tuple[Value, ...]]:
        """Return attribute to values; attributes without a value are left out."""
        collected: dict[str, tuple[Value, ...]] = {}
        for attribute, values in self.values.items():
            if values:
                collected[attribute] = tuple(values)
        return collected


def written_words(
    texts: Iterable[TextSpan],
    others: Mapping[str, str],
) -> dict[str, str]:
    """Map every stem to its first written form.

    Args:
        texts: whose words.
        others: other stems and the words that stand for them; they come first.

    Returns:
        Stems in the order of the texts.
    """
    words_by_stem = dict(others)
    for item_text in texts:
        for token in item_text.tokens:
            written = item_text.written(token)
            words_by_stem.setdefault(token.stem, written)
    return words_by_stem


def absent_stems(
    texts: Iterable[TextSpan],
    untrusted: TextSpan,
    language: Language,
) -> set[str]:
    """Find stems that the texts say are absent and that no text says are there.

    Args:
        texts: what is trusted.
        untrusted: what is not trusted, but may say that something is there.
        language: of the texts.

    Returns:
        The stems, in no order.
    """
    # What is not trusted may only take away from what is absent.
    present = {token.stem for token in untrusted.tokens}
    absent = set[str]()
    for item_text in texts:
        visible_text = visible(item_text.text)
        absences = find_absences(visible_text, item_text.tokens, language)

        denied_positions = set[int]()
        for absence in absences:
            absent_words = absence.value.split()
            absent.update(absent_words)
            denied_positions.update(range(absence.first, absence.stop))

        for position, token in enumerate(item_text.tokens):
            if position not in denied_positions:
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
    rival_tables = (
        language.colours,
        language.audiences,
        _LETTER_SIZES,
    )
    return any(_lists_rivals(title.tokens, table) for table in rival_tables)


def _lists_rivals(tokens: list[Token], table: Mapping[str, str]) -> bool:
    """Whether so many different values of a table follow each other, at most one word apart."""
    rivals = set[str]()
    words_between = 0
    for token in tokens:
        value = table.get(token.stem)
        if value is None:
            words_between += 1
            # Two other words end the row: it was no list.
            if words_between > 1:
                rivals.clear()
            continue

        words_between = 0
        rivals.add(value)
        if len(rivals) >= _RIVALS:
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
    title_span = text_span("title", title, language)

    bullet_spans: list[TextSpan] = []
    untrusted_texts: list[str] = []
    for bullet_point in item.bullet_points:
        # Bullet points that are not read may still address the judge.
        bullet_text = bullet_point[:_BULLET_LETTERS]
        if not is_trustworthy(bullet_text):
            untrusted_texts.append(bullet_text)
        elif bullet_text and len(bullet_spans) < _BULLETS:
            bullet_span = text_span("bullet_points", bullet_text, language)
            bullet_spans.append(bullet_span)

    texts = [title_span, *bullet_spans]
    description = item.description[:_DESCRIPTION_LETTERS]
    if not is_trustworthy(description):
        untrusted_texts.append(description)
    elif description:
        description_span = text_span("description", description, language)
        texts.append(description_span)

    untrusted_text = " ".join(untrusted_texts)
    return texts, text_span("untrusted", untrusted_text, language)
