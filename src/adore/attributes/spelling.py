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
        parts = self._lexicon.parts
        function_words = self._language.stop | self._language.breaks
        stems = {
            stem
            for stem in self._lexicon.frequency
            if stem.isalpha() and stem not in parts and stem not in function_words
        }
        for stem, both in parts.items():
            if min(len(part) for part in both) <= _SHORT:
                stems.add(stem)
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
        parts = self._lexicon.parts
        word_of: dict[str, str] = {}
        for token in span.tokens:
            for part in parts.get(token.stem, ()):
                word_of[part] = span.written(token)
        for position, stem in joined_stems(span.text, span.tokens, parts).items():
            word_of[stem] = span.written(span.tokens[position])
        return word_of

    def usual_forms(self, forms: Iterable[str], usual: Set[str]) -> Iterator[str]:
        """Yield those of :meth:`other_forms` that are usual in a category, or whose last part is.

        Args:
            forms: stems, from :meth:`other_forms`.
            usual: stems that titles of the category use.

        Yields:
            Stems.
        """
        parts = self._lexicon.parts
        for stem in forms:
            last_part = parts[stem][1] if stem in parts else stem
            if stem in usual or last_part in usual:
                yield stem

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
        word = text[token.start : token.end].lower()
        for table, name in (("audiences", "audience"), ("materials", "material")):
            for form, value in language.forms[table].items():
                if len(form) < _LEAST_PART or not word.startswith(form):
                    continue
                rest = word.removeprefix(form)
                if len(rest) < _LEAST_PART:
                    continue
                stem = language.stems[rest]
                if stem not in language.not_material:
                    return Compound(token._replace(stem=stem), name, value)
        return Compound(token, "", "")

    def correct_spelling(self, word: str) -> str:
        """Spell a word that the catalogue never uses as the catalogue does (``adapetr``).

        Args:
            word: its stem.

        Returns:
            the nearest stem of the catalogue; the word itself if none is near.
        """
        frequency = self._lexicon.frequency
        if len(word) < _LEAST_CORRECTED or word in frequency:
            return word
        if word in self._types or word in self._lexicon.parts:
            return word

        # Words with the same first letter, and at most one letter more or fewer.
        near = [
            known
            for known in frequency
            if known[0] == word[0] and abs(len(known) - len(word)) < 2
        ]

        # Swapped letters are the commonest slip.
        letters = sorted(word)
        for known in near:
            if sorted(known) == letters:
                return known

        close = get_close_matches(word, near, n=1, cutoff=0.9)
        return close[0] if close else word
