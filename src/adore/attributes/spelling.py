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

__all__ = ["Opened", "Spelling"]

_SHORT = 1
"""Letters of a part that is no word of its own: the t of *t shirt*."""
_REST = 4
"""Letters of what a compound's first part belongs to."""


class Opened(NamedTuple):
    """A compound without the part that says for whom it is or of what it is made.

    Attributes:
        token: with the stem of the rest; the whole word's if no part was taken.
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
        self._lexicon, self._language = lexicon, language
        self._types = frozenset(lexicon.types)

    @cached_property
    def joined(self) -> Set[str]:
        """Stems that two words of a query are read as.

        The catalogue writes only those, or one part is no word.
        """
        parts = self._lexicon.parts
        stop = self._language.stop | self._language.breaks
        alone = {
            stem
            for stem in self._lexicon.frequency
            if stem.isalpha() and stem not in parts and stem not in stop
        }
        return alone | {
            stem for stem, both in parts.items() if min(map(len, both)) <= _SHORT
        }

    def other_forms(self, said: TextSpan) -> dict[str, str]:
        """Stems of the other ways to write a text's words, to the words that stand for them.

        The parts of a word that is written as one (*raincoat*: rain, coat), and the joined form of
        two that are written apart (*T-Shirt*: tshirt).
        """
        _, text, toks = said
        parts = self._lexicon.parts
        found: dict[str, str] = {}
        for token in toks:
            for part in parts.get(token.stem, ()):
                found[part] = text[token.start : token.end]
        for place, stem in joined_stems(text, toks, parts).items():
            found[stem] = text[toks[place].start : toks[place].end]
        return found

    def usual_forms(self, forms: Iterable[str], usual: Set[str]) -> Iterator[str]:
        """Those of :meth:`other_forms` that are usual in a category, or whose last part is.

        Args:
            forms: stems, from :meth:`other_forms`.
            usual: stems that titles of the category use.
        """
        parts = self._lexicon.parts
        return (
            stem
            for stem in forms
            if stem in usual or (stem in parts and parts[stem][1] in usual)
        )

    def opened(self, token: Token, text: str) -> Opened:
        """A word that begins with an audience or a material of the language.

        As *Herrenschuhe*, *Lederjacke*.

        Args:
            token: the word.
            text: where it stands.
        """
        language = self._language
        said = text[token.start : token.end].lower()
        for name in ("audiences", "materials"):
            for form, value in language.forms[name].items():
                rest = said.removeprefix(form)
                if rest == said or len(form) < _REST or len(rest) < _REST:
                    continue
                stem = language.stems[rest]
                if stem not in language.not_material:
                    return Opened(
                        token._replace(stem=stem), name.removesuffix("s"), value
                    )
        return Opened(token, "", "")

    def correct_spelling(self, word: str) -> str:
        """A word that the catalogue never uses, as the catalogue spells it (``adapetr``)."""
        frequency = self._lexicon.frequency
        if len(word) < 5 or word in frequency:
            return word
        if word in self._types or word in self._lexicon.parts:
            return word

        # Words with the same first letter, and at most one letter more or fewer.
        near = [
            known
            for known in frequency
            if known[0] == word[0] and abs(len(known) - len(word)) < 2
        ]

        letters = sorted(word)
        for known in near:
            if sorted(known) == letters:
                return known

        close = get_close_matches(word, near, n=1, cutoff=0.9)
        return close[0] if close else word
