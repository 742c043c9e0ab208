"""How one language writes: its words, its endings, what its shops say of absence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adore.attributes.stemming import Stems

__all__ = ["AbsenceWords", "Language"]


@dataclass(frozen=True, slots=True)
class AbsenceWords:
    """How a text says that something is not there.

    Attributes:
        words: lower-case words before what is absent (*without*).
        stems: their stems, to pass most words over at once.
        phrases: markers of several words or with marks (*free of*, *w/o*).
        numbered: words that before a number deny nothing (*no 7*).
        reach: words after the marker that may name what is absent.
        ends: stems that end it.
        also: stems after which another absent thing follows (*no lid or cap*).
        no_noun: stems that name no thing (*no more*).
        hints: lower-case parts without which neither ``free`` nor ``less`` matches.
        free: *sugar-free*; group 1 is what is absent.
        free_but: what such a word may name without denying a part (*hands-free*).
        less: *strapless*; group 1 is what is absent.
    """

    words: frozenset[str]
    stems: frozenset[str]
    phrases: re.Pattern[str]
    numbered: frozenset[str]
    reach: int
    ends: frozenset[str]
    also: frozenset[str]
    no_noun: frozenset[str]
    hints: tuple[str, ...]
    free: re.Pattern[str]
    free_but: frozenset[str]
    less: re.Pattern[str]


@dataclass(frozen=True)
class Language:
    """The words of one language. Sets and keys are stems, but for those that are called forms.

    Attributes:
        code: ISO 639-1.
        name: in English.
        packed: whether there is a pack; without one all lists are empty.
        stems: word to stem.
        inflected: colour words have endings; else a word with an ending is a product
            (*wine glasses*, *whites*).
        head_first: a product's name begins with what it is (*tasse à café*).
        links: what may join the parts of a word that is written as one (``s`` of *Handlungsraum*);
            empty: words are not taken apart.
        stop, request, breaks, joins: words that say nothing; of a request; that end a noun phrase;
            that join two.
        holders, of: *a box of X* asks for X.
        particles, on: *slip on shoes* goes on after *on*.
        adjective: a word that hardly is a product.
        absence: how something is said not to be there.
        colours: to the family's English name; two words of one family do not conflict.
        colour_forms: lower-case forms of a colour, as the pack lists them.
        vague: colour words that more often name a taste, scent or thing.
        colour_words: *colour*, *coloured*.
        not_colour, not_audience: pairs of words whose first is none.
        materials: to the material's English name.
        material_forms: lower-case forms, as the pack lists them.
        not_material: words after which a material is none (*wood glue*).
        no_thing: materials that are never a product (*glass* may be).
        audiences: to the audience's English name.
        ages: words beside a number that is an age.
        accessories: words that make a thing a part or an addition.
        fits: before what an item is used with.
        before_thing: words in a title after which it says what an item is for.
        parts: words that name a part or an accessory when they stand before that.
        before_device: words before a device that a thing is made for.
        adds_part, ends_part: before a part that an item has or lacks; what ends the part's name.
        goes_with: words that before those say that the item is for a thing.
        guides: what answers a question.
        easy: phrases whose next word is no wish of its own.
        knowledge: begins a query that wants to know something.
        fields: kind of field to parts of its names in this language or in English, in lower case.
        contrasts, offers: to their English names, see :mod:`adore.attributes.contrasts`.
        field_names: any of those parts.
        forms: lower-case forms to value, of ``audiences``, ``materials`` and ``colours``.
        written: every list as the pack has it, for who writes queries.
    """

    code: str
    name: str
    packed: bool
    stems: Stems
    inflected: bool
    head_first: bool
    links: tuple[str, ...]
    stop: frozenset[str]
    request: frozenset[str]
    breaks: frozenset[str]
    joins: frozenset[str]
    holders: frozenset[str]
    of: frozenset[str]
    particles: frozenset[str]
    on: frozenset[str]
    adjective: re.Pattern[str]
    absence: AbsenceWords
    colours: Mapping[str, str]
    colour_forms: frozenset[str]
    vague: frozenset[str]
    colour_words: frozenset[str]
    not_colour: frozenset[tuple[str, str]]
    materials: Mapping[str, str]
    material_forms: frozenset[str]
    not_material: frozenset[str]
    no_thing: frozenset[str]
    audiences: Mapping[str, str]
    not_audience: frozenset[tuple[str, str]]
    ages: frozenset[str]
    accessories: frozenset[str]
    fits: re.Pattern[str]
    before_thing: re.Pattern[str]
    parts: frozenset[str]
    before_device: frozenset[str]
    adds_part: frozenset[str]
    ends_part: frozenset[str]
    goes_with: frozenset[str]
    guides: frozenset[str]
    easy: re.Pattern[str]
    knowledge: re.Pattern[str]
    fields: Mapping[str, tuple[str, ...]]
    field_names: re.Pattern[str]
    contrasts: Mapping[str, str]
    offers: Mapping[str, str]
    forms: Mapping[str, Mapping[str, str]]
    written: Mapping[str, Any]

    def stem(self, word: str) -> str:
        """Return the stem of one word."""
        return self.stems[word]

    def says(self, name: str) -> tuple[str, ...]:
        """Return how shoppers and sellers say something; nothing without a pack.

        Args:
            name: a key of the pack's ``say``.

        Returns:
            Phrases as they are written.
        """
        section: Mapping[str, str] = self.written.get("say", {})
        written = section.get(name, "")
        phrases: list[str] = []
        for part in written.split(","):
            phrase = part.strip()
            if phrase:
                phrases.append(phrase)
        return tuple(phrases)

    def people(self, audience: str) -> str:
        """Return an audience's word for a query.

        Args:
            audience: its English name.

        Returns:
            The English name where the language has no word.

        Example:
            >>> from adore.attributes.language_packs import load_language
            >>> load_language("en").people("women"), load_language("de").people("women")
            ('women', 'damen')
        """
        audiences: Mapping[str, str] = self.written.get("audiences", {})
        words = self.says("people")

        # The pack lists the words in the order of its audiences, and may end early.
        word_of = dict(zip(audiences, words, strict=False))
        return word_of.get(audience, audience)
