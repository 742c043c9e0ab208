"""Compares the product type that a query asks with what an item is.

The category decides. A title counts only where titles of its category use the word, because
sellers also name what a thing goes with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from adore.attributes.codes import ARTICLE
from adore.attributes.outcomes import (
    BODY,
    UNKNOWN,
    Outcome,
    first_mention,
)
from adore.types import Reading, Relation, Value

__all__ = ["GUIDE", "KEYWORD_STUFFED", "compare_product_type"]

GUIDE = "guide"
"""The product type that a query asks which wants to know something."""

KEYWORD_STUFFED = "stuffed title"
"""The evidence's value of a product type where the title is stuffed with keywords.

No evidence of such an item can be trusted.
"""

_ACCESSORY = "accessory"
"""The last word of a category of accessories, as a stem."""

_LEAST_ENDING = 4
"""Letters of a word that may be the last part of a compound."""


def compare_product_type(word: str, query: Reading, item: Reading) -> Outcome:
    """Compare a product type with an item.

    Args:
        word: the product type; :data:`GUIDE`, or an article number behind its prefix.
        query: that asks it.
        item: to compare with.

    Returns:
        The outcome.
    """
    category = item.words_of("category")
    if word == GUIDE:
        return _compare_guide(item, category)
    if word.startswith(ARTICLE):
        code = word.removeprefix(ARTICLE)
        return _compare_article(code, item)

    if word in category:
        return _match(word, category, "category")
    return _compare_name(word, query, item)


def _match(stem: str, words: Mapping[str, str], place: str) -> Outcome:
    """A match with a word of one place, as it is written there."""
    value = Value(stem, words[stem], place)
    return Outcome("match", value)


def _compare_name(word: str, query: Reading, item: Reading) -> Outcome:
    """Whether an item is called so whose category is called otherwise."""
    if item.stuffed:
        stuffed = Value(KEYWORD_STUFFED, "", "title")
        return Outcome("conflict", stuffed, "stuffing")

    accessory = _find_accessory(word, query, item)
    if accessory:
        return Outcome("conflict", accessory, "accessory")

    outcome = _compare_title(word, item)
    if outcome.state == "match":
        return outcome
    parts = query.parts.get(word)
    if not parts:
        return outcome
    outcome_of_parts = _compare_parts(parts, item)
    return outcome_of_parts or outcome


def _compare_guide(item: Reading, category: Mapping[str, str]) -> Outcome:
    """Only something to read or watch answers a question."""
    title = item.words_of("title")
    for place, words in (("category", category), ("title", title)):
        for stem in item.terms.guides:
            if stem in words:
                return _match(stem, words, place)

    if category:
        return _other_category(category)
    no_guide = Value("no guide", "", "title")
    return Outcome("conflict", no_guide)


def _other_category(category: Mapping[str, str]) -> Outcome:
    """A conflict with a category; one that is called *Accessories* says that the item is one."""
    last_word = _last_word(category)
    relation: Relation = "value"
    if last_word.value == _ACCESSORY:
        relation = "accessory"
    return Outcome("conflict", last_word, relation)


def _last_word(category: Mapping[str, str]) -> Value:
    """The last word of a category, which an index has first; nothing without a category."""
    for stem, word in category.items():
        return Value(stem, word, "category")
    return Value("", "", "category")


def _compare_article(code: str, item: Reading) -> Outcome:
    """Only the article that has the number, in whatever field."""
    for item_code in item.codes:
        if item_code.value == code:
            return Outcome("match", item_code)
    other_article = Value("another article", "", "title")
    return Outcome("conflict", other_article)


def _compare_title(word: str, item: Reading) -> Outcome:
    """Whether the title, or else titles of the same category, or the texts name the item so."""
    name = _ends_with(word, item.terms.names)
    if name:
        title = item.words_of("title")
        return _match(name, title, "title")

    category = item.words_of("category")
    category_word = _ends_with(word, category)
    if category_word:
        return _match(category_word, category, "category")

    if word in item.terms.field_heads:
        field_words = item.words_of("attributes")
        written = field_words.get(word, "")
        value = Value(word, written, "attributes")
        return Outcome("match", value)
    return _compare_unnamed(word, item, category)


def _compare_unnamed(word: str, item: Reading, category: Mapping[str, str]) -> Outcome:
    """What speaks for or against a name that neither title nor category has."""
    if word in item.terms.category_names:
        last_word = _last_word(category)
        return Outcome("unknown", last_word)

    for place in BODY:
        body_words = item.words_of(place)
        if word in body_words:
            written = body_words[word]
            value = Value(word, written, place)
            return Outcome("unknown", value)

    if category:
        return _other_category(category)
    return UNKNOWN


def _ends_with(word: str, stems: Iterable[str]) -> str:
    """The word itself if it is one of the stems, or else the first stem that ends with it."""
    if word in stems:
        return word
    if len(word) < _LEAST_ENDING:
        return ""
    for stem in stems:
        if stem.endswith(word):
            return stem
    return ""


def _compare_parts(parts: tuple[str, ...], item: Reading) -> Outcome | None:
    """Whether both parts of a compound name an item that the compound does not.

    The last part alone may mean it.

    Returns:
        None if the parts do not name the item.
    """
    mention = first_mention(parts, item)
    if mention and mention.where not in BODY:
        return Outcome("match", mention)

    # A *raincoat* is a coat, but not every coat is one.
    last_part = parts[-1]
    outcome = _compare_title(last_part, item)
    if outcome.state == "match":
        return Outcome("unknown", outcome.value)
    return None


def _find_accessory(word: str, query: Reading, item: Reading) -> Value | None:
    """Where an item says that it goes *with* the product.

    Nothing if the query asks for such a thing.

    Returns:
        What says so, or None.
    """
    if word not in item.terms.names:
        return None
    fits = item.words_of("fits")
    if word in fits:
        written = fits[word]
        return Value(f"accessory {word}", written, "title")

    accessories = item.terms.accessories
    if not accessories:
        return None

    # A query for *phone case* wants the accessory.
    for attribute in ("feature", "product_type"):
        for query_value in query.values.get(attribute, ()):
            if query_value.value in accessories:
                return None

    first_accessory = accessories[0]
    title = item.words_of("title")
    written = title.get(first_accessory, "")
    return Value(f"accessory {first_accessory}", written, "title")
