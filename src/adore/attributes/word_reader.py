"""What a single word says by itself: a colour, an audience or a material."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from typing import NamedTuple

from adore.attributes.codes import CodeSet
from adore.attributes.language_packs import listed_in_all_packs, load_language
from adore.attributes.lexicon import Lexicon
from adore.attributes.spans import TextSpan, phrases_by_first_word, text_span
from adore.attributes.spelling import Spelling
from adore.text import Token, word_stems
from adore.types import Value

__all__ = ["NO_VALUE", "WordReader", "WordValue"]

_SEPARATORS = re.compile(r"[,()\[\]{}/|;:–—]| - |【|】")


class WordValue(NamedTuple):
    """An attribute and its value; two empty texts where a word says nothing by itself."""

    name: str
    value: str


NO_VALUE = WordValue("", "")


class WordReader:
    """Reads words with one catalogue's lexicon; has no other state, so is safe to share.

    Args:
        lexicon: of the catalogue.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.language = load_language(lexicon.language)
        self._spelling = Spelling(lexicon, self.language)
        self._codes = CodeSet(lexicon.codes)

        # A word before a size asks for nothing by itself.
        size_words = listed_in_all_packs("size_words")
        self._breaks = self.language.breaks.union(size_words)
        self._idle = self.language.request | self._breaks

        self._types = set(lexicon.types)

        # Tables of phrases: most words of a text begin none, and cost one look-up.
        self._brands = phrases_by_first_word(lexicon.brands)
        self._devices = phrases_by_first_word(lexicon.devices)
        self._series = phrases_by_first_word(lexicon.series)
        self._custom_values = phrases_by_first_word(lexicon.own)

        # The catalogue's own colours stand for themselves, the language's for their family.
        catalogue_colours = {colour: colour for colour in lexicon.colours}
        self._colours = {**catalogue_colours, **self.language.colours}

    def _stems(self, text: str) -> list[str]:
        return word_stems(text, self.language)

    def _text_span(self, where: str, text: str) -> TextSpan:
        return text_span(where, text, self.language)

    def _word_value(self, span: TextSpan, position: int) -> WordValue:
        """Colour, audience or material of one word."""
        language = self.language
        tokens = span.tokens
        stem = tokens[position].stem

        # Most words say nothing: they leave at once.
        colour = self._colours.get(stem)
        audience = language.audiences.get(stem)
        material = language.materials.get(stem)
        if colour is None and audience is None and material is None:
            return NO_VALUE

        following = ""
        if position + 1 < len(tokens):
            following = tokens[position + 1].stem
        word_pair = (stem, following)
        written = span.written(tokens[position]).lower()

        if colour is not None and word_pair not in language.not_colour:
            is_base_form = language.inflected or _is_base_form(
                stem,
                written,
                language.colour_forms,
            )
            is_clear = stem not in language.vague
            if is_base_form and (is_clear or self._is_colour(span, position)):
                return WordValue("colour", colour)

        if audience is not None and word_pair not in language.not_audience:
            return WordValue("audience", audience)

        if material is None or following in language.not_material:
            return NO_VALUE
        if _is_base_form(stem, written, language.material_forms):
            return WordValue("material", material)
        return NO_VALUE

    def _is_colour(self, span: TextSpan, position: int) -> bool:
        """Whether a word that may be a taste or scent is a colour.

        It is if it stands beside a colour word, or is set apart.

        Returns:
            False for what is rather a taste or scent.
        """
        tokens = span.tokens
        for neighbour in (position - 1, position + 1):
            if not 0 <= neighbour < len(tokens):
                continue
            neighbour_stem = tokens[neighbour].stem
            if self._speaks_of_colour(neighbour_stem):
                return True

        # The first word of a text is rather what the thing is.
        if position == 0:
            return False
        return _is_set_apart(span.text, tokens[position])

    def _speaks_of_colour(self, stem: str) -> bool:
        """Whether a word is a colour for certain, or a word like *coloured*."""
        language = self.language
        if stem in language.colour_words:
            return True
        return stem in self._colours and stem not in language.vague

    def _audiences(self, text: str, where: str) -> Iterator[Value]:
        """Every audience that a text names."""
        audiences = self.language.audiences
        span = self._text_span(where, text)
        for token in span.tokens:
            audience = audiences.get(token.stem)
            if audience is not None:
                written = span.written(token)
                yield Value(audience, written, where)


def _is_set_apart(text: str, token: Token) -> bool:
    """Whether separators leave a word alone, or with one other word."""
    separators_before = list(_SEPARATORS.finditer(text, 0, token.start))
    separator_after = _SEPARATORS.search(text, token.end)
    if not separators_before and not separator_after:
        return False

    begin = 0
    if separators_before:
        begin = separators_before[-1].end()
    end = len(text)
    if separator_after:
        end = separator_after.start()

    segment = text[begin:end]
    return len(segment.split()) <= 2


def _is_base_form(stem: str, written: str, forms: Set[str]) -> bool:
    """Whether a word has no ending: with one it is a product (*glasses*, *whites*)."""
    return written == stem or written in forms
