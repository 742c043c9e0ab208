"""Reads key attributes out of queries, and of items, and quotes where each stood."""

from __future__ import annotations

import re

from adore.attributes.codes import ARTICLE, asked_article, find_codes
from adore.attributes.compare import GUIDE
from adore.attributes.compounds import join_tokens
from adore.attributes.devices import device_spans, is_head, parse_device
from adore.attributes.item_reader import ItemReader, reading_of
from adore.attributes.negation import find_absences
from adore.attributes.options import find_batteries, option_names
from adore.attributes.packs import find_packs
from adore.attributes.prices import find_limits
from adore.attributes.spans import (
    Found,
    TextSpan,
    add,
    grams,
    inside,
    quote,
)
from adore.attributes.units import UNITS, find_sizes
from adore.text import Token, tokenize, visible
from adore.types import Reading

__all__ = ["Reader"]

_DIGIT = re.compile(r"\d")
_MODEL = re.compile(r"(?!\d+x\d+$)(?=.*\d)(?=.*[a-z])[a-z\d]{2,}")
_CODE = re.compile(r"(?<![\w-])[A-Z]{1,3}-?[A-Z]{0,2}\d{3,6}[A-Z]{0,3}(?![\w-])")
"""A maker's number: ``DW1361``."""
_SEPARATORS = re.compile(r"[,()\[\]{}/|;:–—]| - |【|】")


class Reader(ItemReader):
    """Reads queries and items with one catalogue's lexicon.

    Stateless but for it, so safe to share.
    """

    def read_query(self, text: str) -> Reading:
        """What a query asks: every key attribute, with ``feature`` for the words left over."""
        used: set[int] = set()
        found: Found = {}
        article, start, end = asked_article(
            text, self._codes, self._is_word, self.language
        )
        if article:
            add(found, "product_type", f"{ARTICLE}{article}", text[start:end], "query")
            return reading_of(found)
        language = self.language
        plain = tokenize(text, language)
        toks = self._query_tokens(text, plain, found)
        for absence in find_absences(visible(text), plain, language):
            add(
                found,
                "exclusion",
                absence.value,
                text[absence.start : absence.end],
                "query",
            )
            used.update(
                inside(toks, plain[absence.first].start, plain[absence.stop - 1].end)
            )
        for m in language.easy.finditer(text):
            used.update(inside(toks, m.start(), m.end()))
        for limit in find_limits(text, self.lexicon.priced):
            add(found, "feature", limit.value, text[limit.start : limit.end], "query")
            used.update(inside(toks, limit.start, limit.end))
        self._query_sizes(text, toks, found, used)
        for start, end in option_names(text):
            used.update(inside(toks, start, end))
        said = TextSpan("query", text, toks)
        self._query_names(said, found, used)
        for i in range(len(toks)):
            if i not in used:
                self._query_word(said, i, found, used)
        knows = language.knowledge.match(text)
        if knows:
            add(found, "product_type", GUIDE, knows.group().strip(), "query")
            used.update(inside(toks, 0, knows.end()))
        else:
            self._query_type(text, toks, found, used)
        for i, token in enumerate(toks):
            if i not in used and token.stem not in self._idle and len(token.stem) > 1:
                add(
                    found, "feature", token.stem, text[token.start : token.end], "query"
                )
        self._query_parts(found)
        return reading_of(found)

    def _is_word(self, word: str) -> bool:
        """Whether the catalogue uses a stem as a word."""
        return (
            word in self.lexicon.frequency
            or word in self._types
            or word in self._brands
            or word in self._series
        )

    def _query_tokens(self, text: str, plain: list[Token], found: Found) -> list[Token]:
        """The query's words as the catalogue writes them.

        Who and what they are for or of is read out of compounds.
        """
        toks = join_tokens(text, plain, self._spelling.joined, never=self._idle)
        if not self.language.links:
            return toks
        opened = [self._spelling.opened(token, text) for token in toks]
        for one in opened:
            if one.name:
                add(
                    found,
                    one.name,
                    one.value,
                    text[one.token.start : one.token.end],
                    "query",
                )
        return [one.token for one in opened]

    def _query_parts(self, found: Found) -> None:
        """What the asked words are made of, for items that write the parts alone."""
        for name in ("product_type", "feature"):
            for asked in found.get(name, ()):
                parts = self.lexicon.parts.get(asked.value)
                if parts:
                    add(
                        found,
                        f"parts.{asked.value}",
                        " ".join(parts),
                        asked.quote,
                        "query",
                    )

    def _query_sizes(
        self, text: str, toks: list[Token], found: Found, used: set[int]
    ) -> None:
        taken, places = set(used), set[int]()
        kinds = (
            ("pack", find_packs(text)),
            ("size", find_batteries(text)),
            ("size", find_sizes(text)),
        )
        for name, values in kinds:
            spans = [
                (value, start, end)
                for value, start, end in values
                if not places & set(range(start, end))
            ]
            for value, start, end in spans:
                if not taken & inside(toks, start, end):
                    add(found, name, value, text[start:end], "query")
                    used |= inside(toks, start, end)
                    places |= set(range(start, end))

    def _query_names(self, said: TextSpan, found: Found, used: set[int]) -> None:
        """Devices, article numbers, brands, series, and values of the shop's own fields."""
        self._query_devices(said, found, used)
        self._query_codes(said, found, used)

        toks = said.toks
        for name, phrases in (("brand", self._brands), ("model", self._series)):
            for span in grams(toks, phrases, used):
                quote(found, name, said, span)
                used.update(range(*span))

        for span in grams(toks, self._own, used):
            quote(found, "feature", said, span)
            first, stop = span
            phrase = " ".join(token.stem for token in toks[first:stop])
            for field in self.lexicon.own[phrase]:
                add(found, f"own.{phrase}", field, "", "query")
            used.update(range(first, stop))

    def _query_devices(self, said: TextSpan, found: Found, used: set[int]) -> None:
        """Devices that the asked thing is for, or that are asked themselves."""
        toks = said.toks
        before_device = self.language.before_device
        kinds = {token.stem for token in toks} & self.language.accessories
        for span in device_spans(said, self._devices, used):
            first, stop = span
            places = range(first, stop)
            start = toks[first].start
            end = toks[stop - 1].end
            device = parse_device(said.text[start:end])

            is_for = first > 0 and toks[first - 1].stem in before_device
            if kinds or is_for:
                quote(found, "compatibility", said, span)
                used.update(places)
            elif device and device.is_model:
                # The name of its family is left over: it is the product that is asked.
                quote(found, "model", said, span)
                used.update(i for i in places if not is_head(toks[i].stem))

    def _query_codes(self, said: TextSpan, found: Found, used: set[int]) -> None:
        """Article numbers among other words."""
        for code, start, end in find_codes(said.text, self._codes):
            places = inside(said.toks, start, end)
            written = said.text[start:end]
            if places & used or self._is_word(written.lower()):
                continue
            add(found, "model", code.lower(), written, "query")
            used |= places

    def _query_word(self, said: TextSpan, i: int, found: Found, used: set[int]) -> None:
        _, text, toks = said
        token = toks[i]
        name, value = self._kind(text, toks, i)
        if not name and _MODEL.fullmatch(token.stem) and token.stem not in UNITS:
            name, value = "model", token.stem
        if name:
            add(found, name, value, text[token.start : token.end], "query")
            used.add(i)

    def _query_type(
        self, text: str, toks: list[Token], found: Found, used: set[int]
    ) -> None:
        """The head noun.

        The last known product word before a preposition or full stop, else the last free word.
        """
        language = self.language
        span = self._first_phrase(text, toks, used)
        free = [i for i in span if i not in used and not toks[i].stem.isdigit()]
        nouns = [
            i
            for i in free
            if toks[i].stem in self._types or not self._is_adjective(text, toks[i])
        ]
        free = nouns or free
        known = [i for i in free if toks[i].stem in self._types]
        things = [
            i
            for i in span
            if toks[i].stem in language.materials
            and toks[i].stem not in language.no_thing
        ]
        if free or things:
            head = (
                self._head(toks, free, known)
                if free
                else things[0 if language.head_first else -1]
            )
            token = toks[head]
            add(
                found,
                "product_type",
                self._spelling.correct_spelling(token.stem),
                text[token.start : token.end],
                "query",
            )
            used.add(head)

    def _head(self, toks: list[Token], free: list[int], known: list[int]) -> int:
        """The last free word.

        Unless a known product word stands before it and it is apart or unheard of.
        Where what a product is comes first: the first known product word, else the first free word.
        """
        if self.language.head_first:
            return known[0] if known else free[0]
        token = toks[free[-1]]
        last = token.stem
        plural = token.end - token.start > len(last)  # so it is a noun
        heard = (
            plural
            or self._spelling.correct_spelling(last) in self.lexicon.frequency
            or last in self._types
        )
        if not known or (known[-1] >= free[-1] - 1 and heard):
            return free[-1]
        return known[-1]

    def _first_phrase(self, text: str, toks: list[Token], used: set[int]) -> list[int]:
        """The places of the first noun phrase.

        It goes from the first wish to a preposition, comma or full stop.
        """
        language = self.language
        span: list[int] = []
        for i, token in enumerate(toks):
            begun = any(
                j not in used or toks[j].stem in language.materials for j in span
            )
            gap = text[toks[i - 1].end : token.start] if i else ""
            joins = (
                token.stem in language.joins and {i - 1, i + 1} <= used
            )  # black and white
            joins |= (
                token.stem in language.on
                and i > 0
                and toks[i - 1].stem in language.particles
            )
            if (
                begun
                and not joins
                and (token.stem in self._breaks or any(c in gap for c in ".,;:|?!"))
            ):
                break
            of = (
                i + 1 < len(toks)
                and toks[i + 1].stem in language.of
                and token.stem in language.holders
            )
            if not of and (
                token.stem in ("top", "set") or token.stem not in self._idle
            ):
                span.append(i)
        return span

    def _is_adjective(self, text: str, token: Token) -> bool:
        """Whether a word hardly is a product.

        Told by its stem, or as it is written where words have endings.
        """
        pattern = self.language.adjective
        if pattern.fullmatch(token.stem):
            return True
        if not self.language.inflected:
            return False

        said = text[token.start : token.end].lower()
        return pattern.fullmatch(said) is not None
