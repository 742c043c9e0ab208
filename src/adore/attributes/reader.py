"""Reads key attributes out of queries, and of items, and quotes where each stood."""

from __future__ import annotations

import re

from adore.attributes.codes import ARTICLE, asked_article, find_codes
from adore.attributes.comparison import GUIDE
from adore.attributes.compounds import join_tokens
from adore.attributes.devices import device_spans, is_head, parse_device
from adore.attributes.item_reader import ItemReader
from adore.attributes.negation import find_absences
from adore.attributes.options import find_batteries, option_names
from adore.attributes.packs import find_packs
from adore.attributes.prices import find_limits
from adore.attributes.spans import (
    TextSpan,
    TokenSpan,
    ValueCollector,
    find_phrases,
    tokens_within,
)
from adore.attributes.units import UNITS, find_sizes
from adore.text import Token, tokenize, visible
from adore.types import Reading, Value

__all__ = ["Reader"]

_MODEL = re.compile(r"(?!\d+x\d+$)(?=.*\d)(?=.*[a-z])[a-z\d]{2,}")
_PUNCTUATION = frozenset(".,;:|?!")
"""Ends a phrase."""


class _QueryDraft:
    """A query on its way to a reading.

    Attributes:
        span: its text and words.
        used: indexes of the words that say something already.
        collector: the values that were read.
        asked_fields: phrases to the shop's own fields whose values they are.
    """

    __slots__ = ("asked_fields", "collector", "span", "used")

    def __init__(self, span: TextSpan, collector: ValueCollector) -> None:
        self.span = span
        self.used: set[int] = set()
        self.collector = collector
        self.asked_fields: dict[str, tuple[str, ...]] = {}

    def use(self, start: int, end: int) -> None:
        """Mark the words of ``text[start:end]`` as used."""
        self.used.update(tokens_within(self.span.tokens, start, end))

    def add(self, attribute: str, value: str, start: int, end: int) -> None:
        """Keep what ``text[start:end]`` says, and mark its words as used."""
        self.collector.add(attribute, value, self.span.text[start:end], "query")
        self.use(start, end)

    def add_word(self, attribute: str, value: str, position: int) -> None:
        """Keep what one word says, and mark it as used."""
        token = self.span.tokens[position]
        written = self.span.written(token)
        self.collector.add(attribute, value, written, "query")
        self.used.add(position)

    def add_phrase(self, attribute: str, phrase: TokenSpan) -> None:
        """Keep a phrase as a value, and mark its words as used."""
        self.collector.add_phrase(attribute, self.span, phrase)
        self.used.update(phrase.positions)


class Reader(ItemReader):
    """Reads queries and items with one catalogue's lexicon; safe to share between threads.

    Args:
        lexicon: of the catalogue.

    Example:
        >>> from adore.attributes.lexicon import Lexicon
        >>> reader = Reader(Lexicon.mine([]))
        >>> reading = reader.read_query("red mug without handle, 300 ml")
        >>> {name: values[0].value for name, values in reading.values.items()}
        {'exclusion': 'handle', 'size': 'volume:300', 'colour': 'red', 'product_type': 'mug'}
    """

    def read_query(self, text: str) -> Reading:
        """Read every key attribute that a query asks; ``feature`` has the words left over.

        Args:
            text: the query.

        Returns:
            The reading; attributes that the query does not ask are left out.
        """
        language = self.language
        article = asked_article(text, self._codes, self._is_word, language)
        if article.code:
            quote = text[article.start : article.end]
            value = Value(f"{ARTICLE}{article.code}", quote, "query")
            return Reading({"product_type": (value,)})

        collector = ValueCollector()
        plain_tokens = tokenize(text, language)
        tokens = self._query_tokens(text, plain_tokens, collector)
        query = _QueryDraft(TextSpan("query", text, tokens), collector)

        self._read_absences(plain_tokens, query)
        for phrase in language.easy.finditer(text):
            query.use(phrase.start(), phrase.end())
        for limit in find_limits(text, self.lexicon.priced):
            query.add("feature", limit.value, limit.start, limit.end)
        self._read_quantities(query)
        for start, end in option_names(text):
            query.use(start, end)

        self._read_names(query)
        self._read_words(query)
        question = language.knowledge.match(text)
        if question:
            collector.add("product_type", GUIDE, question.group().strip(), "query")
            query.use(0, question.end())
        else:
            self._read_product_type(query)
        self._read_features(query)

        return Reading(
            collector.collected(),
            asked_fields=query.asked_fields,
            parts=self._asked_parts(collector),
        )

    def _is_word(self, word: str) -> bool:
        """Whether the catalogue uses a stem as a word."""
        return (
            word in self.lexicon.frequency
            or word in self._types
            or word in self._brands
            or word in self._series
        )

    def _query_tokens(
        self, text: str, plain_tokens: list[Token], collector: ValueCollector
    ) -> list[Token]:
        """The query's words as the catalogue writes them.

        Who and what they are for or of is read out of compounds.

        Returns:
            The words, in the order of the query.
        """
        joined = join_tokens(
            text, plain_tokens, self._spelling.joined, never=self._idle
        )
        if not self.language.links:
            return joined

        tokens: list[Token] = []
        for token in joined:
            compound = self._spelling.split_compound(token, text)
            tokens.append(compound.token)
            if compound.name:
                quote = text[token.start : token.end]
                collector.add(compound.name, compound.value, quote, "query")
        return tokens

    def _read_absences(self, plain_tokens: list[Token], query: _QueryDraft) -> None:
        """What the query does not want."""
        text = query.span.text
        for absence in find_absences(visible(text), plain_tokens, self.language):
            quote = text[absence.start : absence.end]
            query.collector.add("exclusion", absence.value, quote, "query")
            begin = plain_tokens[absence.first].start
            end = plain_tokens[absence.stop - 1].end
            query.use(begin, end)

    def _read_quantities(self, query: _QueryDraft) -> None:
        """Packs, batteries and sizes, which share no character and no word that is used already."""
        text, tokens = query.span.text, query.span.tokens
        used_before = set(query.used)
        taken = set[int]()
        kinds = (
            ("pack", find_packs(text)),
            ("size", find_batteries(text)),
            ("size", find_sizes(text)),
        )
        for attribute, quantities in kinds:
            # Values of one kind may overlap each other (the sides of 8 x 10 cm).
            free = [
                quantity
                for quantity in quantities
                if taken.isdisjoint(range(quantity.start, quantity.end))
            ]
            for value, start, end in free:
                if used_before.isdisjoint(tokens_within(tokens, start, end)):
                    query.add(attribute, value, start, end)
                    taken.update(range(start, end))

    def _asked_parts(self, collector: ValueCollector) -> dict[str, tuple[str, ...]]:
        """What the asked words are made of, for items that write the parts alone."""
        parts_of: dict[str, tuple[str, ...]] = {}
        for attribute in ("product_type", "feature"):
            for asked in collector.values.get(attribute, ()):
                parts = self.lexicon.parts.get(asked.value)
                if parts:
                    parts_of[asked.value] = parts
        return parts_of

    # -------------------------------------------------------------- names

    def _read_names(self, query: _QueryDraft) -> None:
        """Devices, article numbers, brands, series, and values of the shop's own fields."""
        self._read_query_devices(query)
        self._read_codes(query)

        tokens = query.span.tokens
        for span in find_phrases(tokens, self._brands, query.used):
            query.add_phrase("brand", span)
        for span in find_phrases(tokens, self._series, query.used):
            query.add_phrase("model", span)

        for span in find_phrases(tokens, self._custom_values, query.used):
            query.add_phrase("feature", span)
            words = tokens[span.first : span.stop]
            phrase = " ".join(word.stem for word in words)
            query.asked_fields[phrase] = self.lexicon.own[phrase]

    def _read_query_devices(self, query: _QueryDraft) -> None:
        """Devices that the asked thing is for, or that are asked themselves."""
        language = self.language
        tokens = query.span.tokens
        has_accessory = any(token.stem in language.accessories for token in tokens)
        for span in device_spans(query.span, self._devices, query.used):
            start = tokens[span.first].start
            end = tokens[span.stop - 1].end
            device = parse_device(query.span.text[start:end])

            follows_for = (
                span.first > 0 and tokens[span.first - 1].stem in language.before_device
            )
            if has_accessory or follows_for:
                query.add_phrase("compatibility", span)
            elif device and device.is_model:
                # The name of its family is left over: it is the product that is asked.
                query.collector.add_phrase("model", query.span, span)
                for position in span.positions:
                    if not is_head(tokens[position].stem):
                        query.used.add(position)

    def _read_codes(self, query: _QueryDraft) -> None:
        """Article numbers among other words."""
        text = query.span.text
        tokens = query.span.tokens
        for article in find_codes(text, self._codes):
            code, start, end = article
            written = text[start:end].lower()
            positions = tokens_within(tokens, start, end)
            is_free = query.used.isdisjoint(positions)
            if is_free and not self._is_word(written):
                query.add("model", code.lower(), start, end)

    # -------------------------------------------------------------- words

    def _read_words(self, query: _QueryDraft) -> None:
        """Colours, audiences, materials and models among the single words."""
        for position, token in enumerate(query.span.tokens):
            if position in query.used:
                continue
            attribute, value = self._word_value(query.span, position)
            if (
                not attribute
                and _MODEL.fullmatch(token.stem)
                and token.stem not in UNITS
            ):
                attribute, value = "model", token.stem
            if attribute:
                query.add_word(attribute, value, position)

    def _read_features(self, query: _QueryDraft) -> None:
        """Words that are left over and mean something."""
        span = query.span
        for position, token in enumerate(span.tokens):
            stem = token.stem
            if position in query.used or stem in self._idle:
                continue
            if len(stem) > 1:
                written = span.written(token)
                query.collector.add("feature", stem, written, "query")

    def _read_product_type(self, query: _QueryDraft) -> None:
        """The head noun of the first phrase, or the material that stands for a thing (*glass*)."""
        head = self._head_noun(query)
        if head is None:
            return
        stem = query.span.tokens[head].stem
        query.add_word("product_type", self._spelling.correct_spelling(stem), head)

    def _head_noun(self, query: _QueryDraft) -> int | None:
        """The place of the word that names the product, if there is one."""
        language = self.language
        tokens = query.span.tokens
        phrase = self._first_phrase(query)
        free = [
            position
            for position in phrase
            if position not in query.used and not tokens[position].stem.isdigit()
        ]
        if free:
            nouns = [
                position for position in free if self._may_be_noun(query.span, position)
            ]
            return self._head(tokens, nouns or free)

        things = [
            position
            for position in phrase
            if tokens[position].stem in language.materials
            and tokens[position].stem not in language.no_thing
        ]
        if not things:
            return None
        return things[0] if language.head_first else things[-1]

    def _head(self, tokens: list[Token], free: list[int]) -> int:
        """The last free word, in languages where the head noun is last.

        Unless a known product word stands before it, and the last word is not beside that or is
        unknown. Where the head noun is first: the first known product word, else the first word.

        Returns:
            The index of the word.
        """
        known = [position for position in free if tokens[position].stem in self._types]
        if self.language.head_first:
            return known[0] if known else free[0]

        last = free[-1]
        if not known:
            return last
        is_beside = known[-1] >= last - 1
        return last if is_beside and self._is_known(tokens[last]) else known[-1]

    def _is_known(self, token: Token) -> bool:
        """Whether a word is a plural, and so a noun, or a word of the catalogue."""
        is_plural = token.end - token.start > len(token.stem)
        if is_plural or token.stem in self._types:
            return True
        spelling = self._spelling.correct_spelling(token.stem)
        return spelling in self.lexicon.frequency

    def _first_phrase(self, query: _QueryDraft) -> list[int]:
        """The words of the first noun phrase.

        It goes from the first word that asks for something to a preposition, comma or full stop.

        Returns:
            Indexes of the words.
        """
        materials = self.language.materials
        tokens = query.span.tokens
        phrase: list[int] = []
        has_begun = False
        for position, token in enumerate(tokens):
            if has_begun and self._ends_phrase(query, position):
                break

            is_idle = token.stem in self._idle and token.stem not in ("top", "set")
            if is_idle or self._is_holder(tokens, position):
                continue
            phrase.append(position)
            if position not in query.used or token.stem in materials:
                has_begun = True
        return phrase

    def _ends_phrase(self, query: _QueryDraft, position: int) -> bool:
        """Whether a word begins something new: it is a preposition, or follows a comma."""
        tokens = query.span.tokens
        if self._joins_words(query, position):
            return False
        if tokens[position].stem in self._breaks:
            return True
        if position == 0:
            return False
        gap = query.span.text[tokens[position - 1].end : tokens[position].start]
        return not _PUNCTUATION.isdisjoint(gap)

    def _joins_words(self, query: _QueryDraft, position: int) -> bool:
        """Whether a word joins two values (*black and white*) or ends a verb (*slip on*)."""
        language = self.language
        tokens = query.span.tokens
        stem = tokens[position].stem
        if stem in language.joins and {position - 1, position + 1} <= query.used:
            return True
        return (
            stem in language.on
            and position > 0
            and tokens[position - 1].stem in language.particles
        )

    def _is_holder(self, tokens: list[Token], position: int) -> bool:
        """Whether a word only holds what follows (*box of tea*)."""
        language = self.language
        if position + 1 == len(tokens) or tokens[position + 1].stem not in language.of:
            return False
        return tokens[position].stem in language.holders

    def _may_be_noun(self, span: TextSpan, position: int) -> bool:
        """Whether a word may be a product.

        Adjectives are known by their stem, or as they are written where words have endings.

        Returns:
            False for an adjective.
        """
        token = span.tokens[position]
        if token.stem in self._types:
            return True
        pattern = self.language.adjective
        if pattern.fullmatch(token.stem):
            return False
        if not self.language.inflected:
            return True
        return pattern.fullmatch(span.written(token).lower()) is None
