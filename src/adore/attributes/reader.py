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
from adore.attributes.query_draft import QueryDraft
from adore.attributes.spans import (
    TextSpan,
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
_IDLE_THINGS = ("top", "set")
"""Words that ask for nothing among others, but that may be the product."""


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
            article_quote = text[article.start : article.end]
            product_type = f"{ARTICLE}{article.code}"
            article_value = Value(product_type, article_quote, "query")
            return Reading({"product_type": (article_value,)})

        collector = ValueCollector()
        plain_tokens = tokenize(text, language)
        tokens = self._query_tokens(text, plain_tokens, collector)
        query_span = TextSpan("query", text, tokens)
        query = QueryDraft(query_span, collector)

        # Phrases first: the words that they use say nothing else any more.
        self._read_absences(plain_tokens, query)
        for easy_phrase in language.easy.finditer(text):
            start, end = easy_phrase.span()
            query.use(start, end)
        for price_limit in find_limits(text, self.lexicon.priced):
            start = price_limit.start
            end = price_limit.end
            query.add("feature", price_limit.value, start, end)
        self._read_quantities(query)
        for name_start, name_end in option_names(text):
            query.use(name_start, name_end)

        self._read_names(query)
        self._read_words(query)
        question = language.knowledge.match(text)
        if question:
            question_quote = question.group().strip()
            collector.add("product_type", GUIDE, question_quote, "query")
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
        if word in self.lexicon.frequency:
            return True
        if word in self._types:
            return True
        return word in self._brands or word in self._series

    def _query_tokens(
        self,
        text: str,
        plain_tokens: list[Token],
        collector: ValueCollector,
    ) -> list[Token]:
        """The query's words as the catalogue writes them.

        Who and what they are for or of is read out of compounds.

        Returns:
            The words, in the order of the query.
        """
        joined_tokens = join_tokens(
            text,
            plain_tokens,
            self._spelling.joined,
            never=self._idle,
        )
        if not self.language.links:
            return joined_tokens

        rest_tokens: list[Token] = []
        for token in joined_tokens:
            compound = self._spelling.split_compound(token, text)
            rest_tokens.append(compound.token)
            if compound.name:
                quote = text[token.start : token.end]
                collector.add(compound.name, compound.value, quote, "query")
        return rest_tokens

    def _read_absences(self, plain_tokens: list[Token], query: QueryDraft) -> None:
        """What the query does not want."""
        text = query.span.text
        visible_text = visible(text)
        for absence in find_absences(visible_text, plain_tokens, self.language):
            start = absence.start
            end = absence.end
            quote = text[start:end]
            query.collector.add("exclusion", absence.value, quote, "query")

            # The quote may be shorter than the words that deny it (*without a handle*).
            first_token = plain_tokens[absence.first]
            last_token = plain_tokens[absence.stop - 1]
            query.use(first_token.start, last_token.end)

    def _read_quantities(self, query: QueryDraft) -> None:
        """Packs, batteries and sizes, which share no character and no word that is used already."""
        text = query.span.text
        used_before = set(query.used)
        used_characters = set[int]()
        kinds = (
            ("pack", find_packs(text)),
            ("size", find_batteries(text)),
            ("size", find_sizes(text)),
        )
        for attribute, quantities in kinds:
            # Values of one kind may overlap each other (the sides of 8 x 10 cm).
            free_quantities = [
                quantity
                for quantity in quantities
                if used_characters.isdisjoint(range(quantity.start, quantity.end))
            ]
            for value, start, end in free_quantities:
                positions = tokens_within(query.span.tokens, start, end)
                if used_before.isdisjoint(positions):
                    query.add(attribute, value, start, end)
                    used_characters.update(range(start, end))

    def _asked_parts(self, collector: ValueCollector) -> dict[str, tuple[str, ...]]:
        """What the asked words are made of, for items that write the parts alone."""
        parts_by_word: dict[str, tuple[str, ...]] = {}
        for attribute in ("product_type", "feature"):
            for query_value in collector.values.get(attribute, ()):
                word = query_value.value
                parts = self.lexicon.parts.get(word)
                if parts:
                    parts_by_word[word] = parts
        return parts_by_word

    # -------------------------------------------------------------- names

    def _read_names(self, query: QueryDraft) -> None:
        """Devices, article numbers, brands, series, and values of the shop's own fields."""
        self._read_query_devices(query)
        self._read_codes(query)

        tokens = query.span.tokens
        used = query.used
        for brand_span in find_phrases(tokens, self._brands, used):
            query.add_phrase("brand", brand_span)
        for series_span in find_phrases(tokens, self._series, used):
            query.add_phrase("model", series_span)

        # The phrase is matched with those fields alone that have it as a value.
        for value_span in find_phrases(tokens, self._custom_values, used):
            query.add_phrase("feature", value_span)
            phrase = query.span.phrase(value_span)
            query.asked_fields[phrase] = self.lexicon.own[phrase]

    def _read_query_devices(self, query: QueryDraft) -> None:
        """Devices that the asked thing is for, or that are asked themselves."""
        tokens = query.span.tokens
        accessories = self.language.accessories
        has_accessory = any(token.stem in accessories for token in tokens)
        for device_span in device_spans(query.span, self._devices, query.used):
            if has_accessory or self._follows_for(tokens, device_span.first):
                query.add_phrase("compatibility", device_span)
                continue

            written = query.span.quote(device_span)
            device = parse_device(written)
            if device is None or not device.is_model:
                continue

            # The name of its family is left over: it is the product that is asked.
            query.collector.add_phrase("model", query.span, device_span)
            for position in device_span.positions:
                device_word = tokens[position].stem
                if not is_head(device_word):
                    query.used.add(position)

    def _follows_for(self, tokens: list[Token], position: int) -> bool:
        """Whether a word follows *for*, or another word that a device follows."""
        if position == 0:
            return False
        previous = tokens[position - 1]
        return previous.stem in self.language.before_device

    def _read_codes(self, query: QueryDraft) -> None:
        """Article numbers among other words."""
        text = query.span.text
        tokens = query.span.tokens
        for code, start, end in find_codes(text, self._codes):
            positions = tokens_within(tokens, start, end)
            if not query.used.isdisjoint(positions):
                continue
            written = text[start:end].lower()
            if self._is_word(written):
                continue
            model = code.lower()
            query.add("model", model, start, end)

    # -------------------------------------------------------------- words

    def _read_words(self, query: QueryDraft) -> None:
        """Colours, audiences, materials and models among the single words."""
        for position, token in enumerate(query.span.tokens):
            if position in query.used:
                continue
            word_value = self._word_value(query.span, position)
            if word_value.name:
                query.add_word(word_value.name, word_value.value, position)
                continue

            # Letters with digits name a model, unless they are a unit (*m2*).
            stem = token.stem
            if _MODEL.fullmatch(stem) and stem not in UNITS:
                query.add_word("model", stem, position)

    def _read_features(self, query: QueryDraft) -> None:
        """Words that are left over and mean something."""
        query_span = query.span
        for position, token in enumerate(query_span.tokens):
            stem = token.stem
            if position in query.used:
                continue
            if stem in self._idle:
                continue
            if len(stem) > 1:
                written = query_span.written(token)
                query.collector.add("feature", stem, written, "query")

    def _read_product_type(self, query: QueryDraft) -> None:
        """The head noun of the first phrase, or the material that stands for a thing (*glass*)."""
        head_position = self._head_noun(query)
        if head_position is None:
            return
        head_stem = query.span.tokens[head_position].stem
        product_type = self._spelling.correct_spelling(head_stem)
        query.add_word("product_type", product_type, head_position)

    def _head_noun(self, query: QueryDraft) -> int | None:
        """The position of the word that names the product, if there is one."""
        tokens = query.span.tokens
        phrase = self._first_phrase(query)
        candidates: list[int] = []
        for position in phrase:
            if position in query.used:
                continue
            stem = tokens[position].stem
            if not stem.isdigit():
                candidates.append(position)
        if not candidates:
            return self._material_thing(tokens, phrase)

        nouns: list[int] = []
        for position in candidates:
            if self._may_be_noun(query.span, position):
                nouns.append(position)
        return self._choose_head(tokens, nouns or candidates)

    def _material_thing(self, tokens: list[Token], phrase: list[int]) -> int | None:
        """The position of a material that stands for a thing, if there is one."""
        language = self.language
        things: list[int] = []
        for position in phrase:
            stem = tokens[position].stem
            if stem in language.no_thing:
                continue
            if stem in language.materials:
                things.append(position)

        if not things:
            return None
        if language.head_first:
            return things[0]
        return things[-1]

    def _choose_head(self, tokens: list[Token], candidates: list[int]) -> int:
        """The last candidate, in languages where the head noun is last.

        Unless a known product word comes before it, and the last word is not beside that or is
        unknown. Where the head noun is first: the first known product word, else the first word.

        Returns:
            The position of the word.
        """
        product_words: list[int] = []
        for position in candidates:
            stem = tokens[position].stem
            if stem in self._types:
                product_words.append(position)
        if self.language.head_first:
            ordered = product_words or candidates
            return ordered[0]

        last_position = candidates[-1]
        if not product_words:
            return last_position
        last_product = product_words[-1]
        is_beside = last_product >= last_position - 1
        if is_beside and self._is_known(tokens[last_position]):
            return last_position
        return last_product

    def _is_known(self, token: Token) -> bool:
        """Whether a word is a plural, and so a noun, or a word of the catalogue."""
        stem = token.stem
        written_length = token.end - token.start
        is_plural = written_length > len(stem)
        if is_plural or stem in self._types:
            return True
        corrected = self._spelling.correct_spelling(stem)
        return corrected in self.lexicon.frequency

    def _first_phrase(self, query: QueryDraft) -> list[int]:
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

            stem = token.stem
            is_idle = stem in self._idle and stem not in _IDLE_THINGS
            if is_idle or self._is_holder(tokens, position):
                continue
            phrase.append(position)
            if position not in query.used or stem in materials:
                has_begun = True
        return phrase

    def _ends_phrase(self, query: QueryDraft, position: int) -> bool:
        """Whether a word begins something new: it is a preposition, or follows a comma."""
        tokens = query.span.tokens
        if self._joins_words(query, position):
            return False
        if tokens[position].stem in self._breaks:
            return True
        if position == 0:
            return False

        previous = tokens[position - 1]
        token = tokens[position]
        between = query.span.text[previous.end : token.start]
        return not _PUNCTUATION.isdisjoint(between)

    def _joins_words(self, query: QueryDraft, position: int) -> bool:
        """Whether a word joins two values (*black and white*) or ends a verb (*slip on*)."""
        language = self.language
        tokens = query.span.tokens
        stem = tokens[position].stem

        if stem in language.joins:
            neighbours = {position - 1, position + 1}
            if neighbours <= query.used:
                return True

        if stem not in language.on or position == 0:
            return False
        previous = tokens[position - 1]
        return previous.stem in language.particles

    def _is_holder(self, tokens: list[Token], position: int) -> bool:
        """Whether a word only holds what follows (*box of tea*)."""
        language = self.language
        if tokens[position].stem not in language.holders:
            return False
        if position + 1 == len(tokens):
            return False
        following = tokens[position + 1]
        return following.stem in language.of

    def _may_be_noun(self, span: TextSpan, position: int) -> bool:
        """Whether a word may be a product.

        Adjectives are known by their stem, or as they are written where words have endings.

        Returns:
            False for an adjective.
        """
        language = self.language
        token = span.tokens[position]
        if token.stem in self._types:
            return True
        if language.adjective.fullmatch(token.stem):
            return False
        if not language.inflected:
            return True

        # Stemming takes away the ending that an adjective is known by.
        written = span.written(token).lower()
        return language.adjective.fullmatch(written) is None
