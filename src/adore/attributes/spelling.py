"""One word however it is written.

As the catalogue spells it, joined or apart, alone or inside a compound.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from difflib import get_close_matches
from functools import cached_property
from typing import NamedTuple

from adore.attributes.compounds import joined_stems
from adore.attributes.language import Language
from adore.attributes.lexicon import Lexicon
from adore.attributes.spans import TextSpan
from adore.text import Token

__all__ = ["Compound", "Spelling"]

_SHORT = 1
"""Letters of a part that is no word of its own: the t of *t shirt*."""
_LEAST_PART = 4
"""Letters of each part of a compound."""
_LEAST_CORRECTED = 5
"""Letters of a word whose spelling is corrected."""
_LEAST_SIMILARITY = 0.9
"""Of two spellings of one word, as :mod:`difflib` measures it."""
_FIRST_PARTS = (("audiences", "audience"), ("materials", "material"))
"""Tables of the language whose words may begin a compound, and the attribute of each."""


class Compound(NamedTuple):
    """A word without the part that says for whom it is or of what it is made.

    Attributes:
        token: with the stem of the rest; the whole word's if it has no such part.
        name: ``audience``, ``material`` or nothing.
        value: of that attribute.
    """

    token: Token
    name: str
    value: str


class Spelling:
    """How one catalogue writes its words.

    Args:
        lexicon: of the catalogue.
        language: the lexicon's.
    """

    def __init__(self, lexicon: Lexicon, language: Language) -> None:
        self._lexicon = lexicon
        self._language = language
        self._types = frozenset(lexicon.types)

    @cached_property
    def joined(self) -> Set[str]:
        """Stems that two words of a query are read as.

        The catalogue writes only those, or one part is no word.
        """
        parts_of = self._lexicon.parts
        function_words = self._language.stop | self._language.breaks
        stems = set[str]()
        for stem in self._lexicon.frequency:
            if not stem.isalpha() or stem in function_words:
                continue
            if stem not in parts_of:
                stems.add(stem)

        # The catalogue writes these apart, too, but a query's *t shirt* is one word.
        for whole, parts in parts_of.items():
            shortest = min(len(part) for part in parts)
            if shortest <= _SHORT:
                stems.add(whole)
        return stems

    def other_forms(self, span: TextSpan) -> dict[str, str]:
        """Map the stems of other ways to write a text's words to the words in the text.

        The parts of a word that is written as one (*raincoat*: rain, coat), and the joined form of
        two that are written apart (*T-Shirt*: tshirt).

        Args:
            span: the text and its words.

        Returns:
            Stems to written words.
        """
        tokens = span.tokens
        parts_of = self._lexicon.parts
        written_words: dict[str, str] = {}
        for token in tokens:
            for part in parts_of.get(token.stem, ()):
                written_words[part] = span.written(token)

        joined = joined_stems(span.text, tokens, parts_of)
        for position, joined_stem in joined.items():
            second_word = tokens[position]
            written_words[joined_stem] = span.written(second_word)
        return written_words

    def usual_forms(self, forms: Iterable[str], usual: Set[str]) -> Iterator[str]:
        """Yield those of :meth:`other_forms` that are usual in a category, or whose last part is.

        Args:
            forms: stems, from :meth:`other_forms`.
            usual: stems that titles of the category use.

        Yields:
            Stems.
        """
        parts_of = self._lexicon.parts
        for form in forms:
            if form in usual:
                yield form
            elif form in parts_of:
                last_part = parts_of[form][1]
                if last_part in usual:
                    yield form

    def split_compound(self, token: Token, text: str) -> Compound:
        """Split a word that begins with an audience or a material of the language.

        As *Herrenschuhe*, *Lederjacke*.

        Args:
            token: the word.
            text: that has the word.

        Returns:
            The rest of the word, and what was split off.
        """
        language = self._language
        written = text[token.start : token.end]
        word = written.lower()
        for table, attribute in _FIRST_PARTS:
            for first_part, value in language.forms[table].items():
                if not word.startswith(first_part) or len(first_part) < _LEAST_PART:
                    continue

                # Without a rest of some length it is the plain word, or its plural.
                last_part = word.removeprefix(first_part)
                if len(last_part) < _LEAST_PART:
                    continue
                last_stem = language.stems[last_part]
                if last_stem not in language.not_material:
                    last_token = token._replace(stem=last_stem)
                    return Compound(last_token, attribute, value)
        return Compound(token, "", "")

    def correct_spelling(self, word: str) -> str:
        """Spell a word that the catalogue never uses as the catalogue does (``adapetr``).

        Args:
            word: its stem.

        Returns:
            the nearest stem of the catalogue; the word itself if none is near.
        """
        frequency = self._lexicon.frequency
        if len(word) < _LEAST_CORRECTED:
            return word
        if word in frequency:
            return word
        if word in self._types or word in self._lexicon.parts:
            return word

        # Only words with the same first letter, and at most one letter more or fewer.
        candidates = [
            known
            for known in frequency
            if known[0] == word[0] and abs(len(known) - len(word)) < 2
        ]

        # Swapped letters are the commonest slip.
        letters = sorted(word)
        for candidate in candidates:
            if sorted(candidate) == letters:
                return candidate

        closest = get_close_matches(
            word,
            candidates,
            n=1,
            cutoff=_LEAST_SIMILARITY,
        )
        if closest:
            return closest[0]
        return word
