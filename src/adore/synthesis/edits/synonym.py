"""Hard positives in other words: the item stays right, the query or the title is reworded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from random import Random

from adore.attributes.language import Language
from adore.synthesis.catalogue import Catalogue
from adore.synthesis.edits.base import Draft, Source, if_changed
from adore.synthesis.edits.registry import register_edit
from adore.synthesis.surface import in_other_units
from adore.text import Token, tokenize
from adore.types import Value

__all__ = [
    "category_word",
    "compounds",
    "other_units",
    "plurals",
    "synonyms",
    "typos",
]

_ABBREVIATIONS = {
    "with": "w/",
    "w/": "with",
    "and": "&",
    "&": "and",
    "women": "ladies",
    "womens": "ladies",
    "kids": "children",
    "mens": "men's",
    "pack of": "set of",
    "without": "no",
    "stainless": "ss",
    "large": "lg",
}
_USUAL_WORD = 4
"""A word that more texts than this have is a usual one."""


@register_edit("synonym")
def other_units(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The size in other units: 500ml -> 0.5 l.

    Args:
        source: a good pair. Its query asks for a size, else there is no draft.
        catalogue: not used.
        rng: not used.

    Yields:
        Drafts, each with another query.
    """
    sizes = source.asked_values("size")
    for value in sizes:
        old_words = value.quote
        for new_words in in_other_units(old_words, value.value):
            query = source.query.replace(old_words, new_words, 1)
            description = f"query: {old_words} -> {new_words}"
            draft = source.with_query(query, description)
            yield from if_changed(source, draft)


@register_edit("synonym")
def synonyms(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """A word of the same colour family or audience, or an abbreviation.

    Args:
        source: a good pair. Its query has a word that has a synonym, else there is no
            draft.
        catalogue: has the words, by its language. The abbreviations are English only.
        rng: draws which words of a family are tried.

    Yields:
        Drafts, each with another query.
    """
    language = catalogue.language
    meanings = {
        "colour": language.forms["colours"],
        "audience": language.forms["audiences"],
    }
    # a word means the same as others of its colour family or audience
    for attribute, meaning_of in meanings.items():
        for value in source.asked_values(attribute):
            same_meaning = _words_for(value, meaning_of, language)
            number = min(2, len(same_meaning))
            for new_word in rng.sample(same_meaning, number):
                draft = source.with_words(value.quote, new_word)
                yield from if_changed(source, draft)

    if language.code == "en":
        for old_word, new_word in _ABBREVIATIONS.items():
            draft = source.with_words(old_word, new_word)
            yield from if_changed(source, draft)


def _words_for(
    value: Value, meaning_of: Mapping[str, str], language: Language
) -> list[str]:
    """Other words than the value's own that mean the same."""
    own_stem = language.stem(value.quote)
    synonyms_of_value: list[str] = []
    for word, meaning in meaning_of.items():
        if meaning != value.value:
            continue
        if language.stem(word) != own_stem:
            synonyms_of_value.append(word)
    return synonyms_of_value


@register_edit("synonym")
def compounds(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """Compounds: t shirt -> tshirt and back, where the catalogue knows the other form.

    Args:
        source: a good pair.
        catalogue: knows in how many texts a word is.
        rng: not used.

    Yields:
        Drafts, each with another query.
    """
    tokens = tokenize(source.query, catalogue.language)
    frequency = catalogue.lexicon.frequency

    for first, second in pairwise(tokens):
        compound = first.stem + second.stem
        if compound in frequency:
            draft = _joined(source, first, second)
            yield from if_changed(source, draft)

    for token in tokens:
        for cut in _cuts(token, frequency):
            draft = _split(source, token, cut)
            yield from if_changed(source, draft)


def _joined(source: Source, first: Token, second: Token) -> Draft:
    """A draft that writes two words of the query as one."""
    query = source.query
    before = query[: first.end]
    after = query[second.start :]
    joined = before + after

    apart = f"{first.stem} {second.stem}"
    compound = first.stem + second.stem
    description = f"query: {apart} -> {compound}"
    return source.with_query(joined, description)


def _split(source: Source, token: Token, cut: int) -> Draft:
    """A draft that writes a word of the query as two."""
    query = source.query
    position = token.start + cut
    before = query[:position]
    after = query[position:]
    apart = f"{before} {after}"
    description = f"query: {token.stem} split"
    return source.with_query(apart, description)


def _cuts(token: Token, frequency: Mapping[str, int]) -> Iterator[int]:
    """Where a word can be cut into two usual words of three letters or more."""
    stem = token.stem
    shortest = 3
    end = len(stem) - shortest + 1
    for cut in range(shortest, end):
        first_part = stem[:cut]
        second_part = stem[cut:]
        first_count = frequency.get(first_part, 0)
        second_count = frequency.get(second_part, 0)
        if min(first_count, second_count) > _USUAL_WORD:
            yield cut


@register_edit("synonym")
def category_word(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The product is called what the shop's own category calls it.

    Args:
        source: a good pair. It matches in the product type, else there is no draft.
        catalogue: knows which words name products.
        rng: not used.

    Yields:
        Drafts, each with another query.
    """
    head = catalogue.category_head(source.item)
    if not head or head in catalogue.language.audiences:
        return

    for match in source.matched("product_type"):
        if head == match.asked:
            continue

        # a plural stays a plural
        old_word = match.asked_quote
        new_word = head
        is_plural = old_word.endswith("s")
        if is_plural and not head.endswith("s"):
            new_word = f"{head}s"
        draft = source.with_words(old_word, new_word)
        yield from if_changed(source, draft)


@register_edit("synonym")
def typos(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """One typing error in a long word of the title or of the query.

    Args:
        source: a good pair.
        catalogue: has the language that cuts the words.
        rng: draws the words and the errors.

    Yields:
        Drafts, each with another title or another query.
    """
    language = catalogue.language
    title = source.item.title
    for token in _long_words(title, language, rng):
        new_title = _mistyped(title, token, rng)
        # nothing changes if two equal letters were swapped
        if new_title == title:
            continue

        item = replace(source.item, title=new_title)
        old_word = title[token.start : token.end]
        description = f"item: a typo in {old_word}"
        yield source.with_item(item, description)

    query = source.query
    for token in _long_words(query, language, rng):
        new_query = _mistyped(query, token, rng)
        old_word = query[token.start : token.end]
        description = f"query: a typo in {old_word}"
        draft = source.with_query(new_query, description)
        yield from if_changed(source, draft)


def _long_words(text: str, language: Language, rng: Random) -> list[Token]:
    """At most three words of six letters or more, in random order."""
    long_words: list[Token] = []
    for token in tokenize(text, language):
        length = token.end - token.start
        if length >= 6 and token.stem.isalpha():
            long_words.append(token)

    number = min(3, len(long_words))
    return rng.sample(long_words, number)


def _mistyped(text: str, token: Token, rng: Random) -> str:
    """A text with one letter of a word left out, swapped with the next, or doubled."""
    text_before = text[: token.start]
    word = text[token.start : token.end]
    text_after = text[token.end :]

    last = len(word) - 2
    position = rng.randrange(1, last)
    before = word[:position]
    letter = word[position]
    after = word[position + 1 :]
    following = after[0]
    rest = after[1:]

    # the first and the last letter stay: people seldom mistype them
    left_out = before + after
    swapped = before + following + letter + rest
    doubled = before + letter + letter + after
    new_word = rng.choice((left_out, swapped, doubled))
    return text_before + new_word + text_after


@register_edit("synonym", held_out=True)
def plurals(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The product in the plural or in the singular.

    Args:
        source: a good pair. Its query names a product, else there is no draft.
        catalogue: has the language that stems both forms.
        rng: not used.

    Yields:
        Drafts, each with another query.
    """
    language = catalogue.language
    for value in source.asked_values("product_type"):
        old_word = value.quote
        if not old_word.isalpha():
            continue
        # "dress" is no plural, and "gas" is too short for one
        if old_word.endswith("ss") or len(old_word) <= 3:
            continue

        new_word = f"{old_word}s"
        if old_word.endswith("s"):
            new_word = old_word[:-1]
        if language.stem(new_word) == language.stem(old_word):
            draft = source.with_words(old_word, new_word)
            yield from if_changed(source, draft)
