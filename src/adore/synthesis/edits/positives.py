"""Hard positives: the item stays right and the words change."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from random import Random

from adore.attributes.language import Language
from adore.synthesis.catalogue import ASKABLE, Catalogue
from adore.synthesis.edits.base import FIXED_ORDER, Draft, Source, ask_value
from adore.synthesis.edits.contrast import ROUND_PRICES, item_price, with_limit
from adore.synthesis.edits.registry import register_edit
from adore.synthesis.surface import in_other_units
from adore.text import Token, tokenize
from adore.types import Value

__all__ = [
    "allow_price",
    "ask_less",
    "ask_what_it_has",
    "bare_item",
    "category_word",
    "compounds",
    "other_units",
    "plurals",
    "synonyms",
    "title_order",
    "typos",
    "uppercase_noise",
    "word_order",
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
_NOISE = ("NEW", "Hot Sale", "Top Quality", "Free Shipping")
_SEPARATOR = re.compile(r"\s[-|–]\s|,\s")
"""What separates the segments of a title."""
_USUAL_WORD = 4
"""A word that more texts than this have is a usual one."""


def _if_changed(source: Source, draft: Draft) -> Iterator[Draft]:
    """A draft, unless its query is the source's own."""
    if draft.query != source.query:
        yield draft


# ---------------------------------------------------------------- other words


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
            draft = source.with_query(query, "", description)
            yield from _if_changed(source, draft)


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
    for attribute, meaning_of in meanings.items():
        for value in source.asked_values(attribute):
            same_meaning = _words_for(value, meaning_of, language)
            number = min(2, len(same_meaning))
            for new_word in rng.sample(same_meaning, number):
                draft = source.with_words(value.quote, new_word, "")
                yield from _if_changed(source, draft)

    if language.code == "en":
        for old_word, new_word in _ABBREVIATIONS.items():
            draft = source.with_words(old_word, new_word, "")
            yield from _if_changed(source, draft)


def _words_for(
    value: Value, meaning_of: Mapping[str, str], language: Language
) -> list[str]:
    """Other words than the value's own that mean the same."""
    own_stem = language.stem(value.quote)
    synonyms_of_value: list[str] = []
    for word, meaning in meaning_of.items():
        if meaning == value.value and language.stem(word) != own_stem:
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
    query = source.query
    tokens = tokenize(query, catalogue.language)
    frequency = catalogue.lexicon.frequency

    for first, second in pairwise(tokens):
        compound = first.stem + second.stem
        if compound in frequency:
            before = query[: first.end]
            after = query[second.start :]
            joined = before + after
            description = f"query: {first.stem} {second.stem} -> {compound}"
            draft = source.with_query(joined, "", description)
            yield from _if_changed(source, draft)

    for token in tokens:
        for cut in _cuts(token, frequency):
            position = token.start + cut
            before = query[:position]
            after = query[position:]
            apart = f"{before} {after}"
            draft = source.with_query(apart, "", f"query: {token.stem} split")
            yield from _if_changed(source, draft)


def _cuts(token: Token, frequency: Mapping[str, int]) -> Iterator[int]:
    """Where a word can be cut into two usual words of three letters or more."""
    stem = token.stem
    shortest = 3
    end = len(stem) - shortest + 1
    for cut in range(shortest, end):
        first_part = stem[:cut]
        second_part = stem[cut:]
        rarer = min(frequency.get(first_part, 0), frequency.get(second_part, 0))
        if rarer > _USUAL_WORD:
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

        old_word = match.asked_quote
        new_word = head
        if old_word.endswith("s") and not head.endswith("s"):
            new_word = f"{head}s"
        draft = source.with_words(old_word, new_word, "")
        yield from _if_changed(source, draft)


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
        if new_title == title:
            continue  # two equal letters were swapped
        item = replace(source.item, title=new_title)
        old_word = title[token.start : token.end]
        description = f"item: a typo in {old_word}"
        yield source.with_item(item, "", description)

    query = source.query
    for token in _long_words(query, language, rng):
        new_query = _mistyped(query, token, rng)
        old_word = query[token.start : token.end]
        draft = source.with_query(new_query, "", f"query: a typo in {old_word}")
        yield from _if_changed(source, draft)


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
    word = text[token.start : token.end]
    last = len(word) - 2
    position = rng.randrange(1, last)
    before = word[:position]
    letter = word[position]
    after = word[position + 1 :]
    following = after[0]
    rest = after[1:]

    left_out = before + after
    swapped = before + following + letter + rest
    doubled = before + letter + letter + after
    new_word = rng.choice((left_out, swapped, doubled))

    text_before = text[: token.start]
    text_after = text[token.end :]
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
        if not old_word.isalpha() or len(old_word) <= 3:
            continue
        if old_word.endswith("ss"):
            continue  # "dress" is no plural

        new_word = f"{old_word}s"
        if old_word.endswith("s"):
            new_word = old_word[:-1]
        if language.stem(new_word) == language.stem(old_word):
            draft = source.with_words(old_word, new_word, "")
            yield from _if_changed(source, draft)


# ---------------------------------------------------------------- more, less, another order


@register_edit("over-strict")
def ask_what_it_has(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """The query asks, besides, for a value that the item has: the counterpart of the edits
    that ask for what it lacks.

    Args:
        source: a good pair.
        catalogue: knows which values of the item a shopper could ask for.
        rng: draws the order of the attributes.

    Yields:
        Drafts, each with another query.
    """
    item_id = source.item.item_id
    query_stems = set(catalogue.stems(source.query))
    unasked = [name for name in ASKABLE if not source.asks(name)]
    for attribute in rng.sample(unasked, len(unasked)):
        values = catalogue.askable_values(item_id, attribute)
        if not values:
            continue

        value = values[0]
        value_stems = catalogue.stems(value.quote)
        if query_stems.isdisjoint(value_stems):
            query = ask_value(source.query, attribute, value, catalogue.language)
            description = f"query: + {value.quote} (it has it)"
            draft = source.with_query(query, "", description)
            yield from _if_changed(source, draft)


@register_edit("over-strict")
def ask_less(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The query no longer asks for one thing that the item has.

    Args:
        source: a good pair. It matches in an attribute, else there is no draft.
        catalogue: not used.
        rng: not used.

    Yields:
        Drafts, each with another query.
    """
    for attribute in ("brand", "colour", "size", "material", "model"):
        for match in source.matched(attribute):
            quote = match.asked_quote
            whole_words = rf"(?<!\w){re.escape(quote)}(?!\w)"
            rest = re.sub(whole_words, " ", source.query, count=1)
            query = " ".join(rest.split())
            if not query or query == source.query:
                continue
            if re.search(r"\b(?:of|in|by|for|and|with)$", query):
                continue  # what the last word belonged to is gone

            description = f"query: - {quote} (it has it)"
            yield source.with_query(query, attribute, description)


@register_edit("over-strict")
def word_order(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The query's words in another order; evidence decides whether they still mean the same.

    Args:
        source: a good pair. Its query has three words or more and none of
            :data:`~adore.synthesis.edits.base.FIXED_ORDER`, else there is no draft.
        catalogue: not used.
        rng: draws where the query is cut, and which two words are swapped.

    Yields:
        Drafts, each with another query.
    """
    query_words = source.query.split()
    number = len(query_words)
    if number < 3 or FIXED_ORDER.search(source.query):
        return

    cut = rng.randrange(1, number)
    before = query_words[:cut]
    after = query_words[cut:]
    rotated = " ".join(after + before)
    draft = source.with_query(rotated, "", "query: words turned round")
    yield from _if_changed(source, draft)

    # a word changes places with the next one
    position = rng.randrange(number - 1)
    word = query_words.pop(position)
    query_words.insert(position + 1, word)
    swapped = " ".join(query_words)
    draft = source.with_query(swapped, "", "query: two words swapped")
    yield from _if_changed(source, draft)


@register_edit("over-strict")
def title_order(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The title's segments in another order.

    Args:
        source: a good pair. Its item's title has two segments, else there is no draft.
        catalogue: not used.
        rng: not used.

    Yields:
        A draft with another title.
    """
    segments: list[str] = []
    for part in _SEPARATOR.split(source.item.title):
        segment = part.strip()
        if segment:
            segments.append(segment)

    if len(segments) > 1:
        first = segments.pop(0)
        segments.append(first)
        title = ", ".join(segments)
        item = replace(source.item, title=title)
        yield source.with_item(item, "", "item: title turned round")


@register_edit("over-strict")
def bare_item(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The item without bullet points and description.

    Args:
        source: a good pair. Its item has either, else there is no draft.
        catalogue: not used.
        rng: not used.

    Yields:
        A draft with less text.
    """
    item = source.item
    if not item.bullet_points and not item.description:
        return
    bare = replace(item, bullet_points=(), description="")
    yield source.with_item(bare, "", "item: title only")


@register_edit("over-strict")
def allow_price(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The query allows more than the item costs.

    Args:
        source: a good pair. Its query has no limit and its item has a price, else there
            is no draft.
        catalogue: knows the price.
        rng: not used.

    Yields:
        A draft with another query.
    """
    price, currency = item_price(source, catalogue)
    if price <= 0:
        return

    form = "{query} under ${limit}"
    for limit in ROUND_PRICES:
        # the lowest limit of which the price is at most four fifths
        if price <= 0.8 * limit:
            query = with_limit(source.query, form, limit, currency)
            yield source.with_query(query, "", f"query: at most {limit}")
            return


@register_edit("over-strict", held_out=True)
def uppercase_noise(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """A seller's advertisement before the title (``Hot Sale!``).

    Args:
        source: a good pair.
        catalogue: not used.
        rng: draws the advertisement.

    Yields:
        A draft with another title.
    """
    noise = rng.choice(_NOISE)
    title = f"{noise}! {source.item.title}"
    item = replace(source.item, title=title)
    yield source.with_item(item, "", "item: a seller's shout")
