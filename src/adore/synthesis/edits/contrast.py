"""Edits of words that are no attribute of their own: contrasts (round, square), offers, prices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from adore.attributes.contrasts import contrast_type, contrasts, is_offer
from adore.attributes.prices import PRICE, Price, read_price
from adore.synthesis.catalogue import Catalogue
from adore.synthesis.edits.base import (
    REAL_ITEM,
    Draft,
    Source,
    rewrite_item,
    shuffled,
    similar_items,
    stems_and_words,
)
from adore.synthesis.edits.registry import register_edit
from adore.synthesis.minimality import types_of_words_in_conflict
from adore.synthesis.surface import insert
from adore.taxonomy import ErrorType

__all__ = [
    "ROUND_PRICES",
    "ask_contrast",
    "ask_contrast_at_end",
    "ask_offer",
    "ask_offer_otherwise",
    "ask_price",
    "ask_price_otherwise",
    "item_price",
    "pick_contrast",
    "pick_price",
    "swap_contrast",
    "swap_contrast_in_item",
    "with_limit",
]

ROUND_PRICES = (
    5,
    10,
    15,
    20,
    25,
    30,
    40,
    50,
    60,
    75,
    100,
    150,
    200,
    300,
    500,
    750,
    1000,
    2000,
    5000,
)
"""Limits that shoppers write."""


def _has_contrasts(error: ErrorType) -> bool:
    """Whether a type is about words of which a product has one only."""
    return bool(error.contrasts)


@dataclass(frozen=True, slots=True)
class _ContrastedWord:
    """A word that the query asks for and the title has.

    Attributes:
        in_query: as the query writes it.
        in_title: as the title writes it.
        contrasts: words that it excludes.
    """

    in_query: str
    in_title: str
    contrasts: list[str]


def _contrasted_words(
    source: Source, catalogue: Catalogue, error_type: str
) -> Iterator[_ContrastedWord]:
    """Words of an error type that the query asks for and the title has."""
    language = catalogue.language
    title_words = dict(stems_and_words(source.item.title, language))
    for match in source.matched("feature"):
        stem = match.asked
        if contrast_type(stem) == error_type and stem in title_words:
            excluded = contrasts(stem, language)
            yield _ContrastedWord(
                in_query=match.asked_quote,
                in_title=title_words[stem],
                contrasts=excluded,
            )


@register_edit(_has_contrasts, picks_items=True)
def pick_contrast(
    source: Source, catalogue: Catalogue, rng: Random, *, error_type: str
) -> Iterator[Draft]:
    """A real item like the good one whose title contradicts the asked word.

    Args:
        source: a good pair. Its query asks for a word of the type, else there is no draft.
        catalogue: has the items; the most similar come first.
        rng: not used.
        error_type: name of the error type.

    Yields:
        Drafts, each with another item.
    """
    features = source.asked_values("feature")
    asked_types = {contrast_type(value.value) for value in features}
    if error_type not in asked_types:
        return

    for item in similar_items(source, catalogue):
        evidence = catalogue.evidence(source.query, source.reading, item.item_id)
        if error_type in types_of_words_in_conflict(evidence):
            yield source.with_pick(item, REAL_ITEM, attribute="feature")


@register_edit(_has_contrasts)
def swap_contrast(
    source: Source, catalogue: Catalogue, rng: Random, *, error_type: str
) -> Iterator[Draft]:
    """The query asks for a contrast of the word that it asked for and the item has.

    Args:
        source: a good pair. Query and title have a word of the type, else there is no
            draft.
        catalogue: has the contrasts, by its language.
        rng: not used.
        error_type: name of the error type.

    Yields:
        Drafts, each with another query.
    """
    for word in _contrasted_words(source, catalogue, error_type):
        for new_word in word.contrasts:
            yield source.with_words(word.in_query, new_word, attribute="feature")


@register_edit(_has_contrasts)
def ask_contrast(
    source: Source, catalogue: Catalogue, rng: Random, *, error_type: str
) -> Iterator[Draft]:
    """The query asks, besides, for a contrast of a word of the item's title.

    Args:
        source: a good pair. Its title has a word of the type that the query does not ask
            for, else there is no draft.
        catalogue: has the contrasts and knows which words are usual.
        rng: not used.
        error_type: name of the error type.

    Yields:
        Drafts, each with another query.
    """
    old_query = source.query.strip()
    for addition in _additions(source, catalogue, error_type):
        query = f"{addition.word} {old_query}"
        yield source.with_query(query, addition.description, attribute="feature")


@register_edit(_has_contrasts, held_out=True)
def ask_contrast_at_end(
    source: Source, catalogue: Catalogue, rng: Random, *, error_type: str
) -> Iterator[Draft]:
    """The query asks for a contrast of a word of the item's title after a comma (``tray, round``).

    Args:
        source: a good pair. Its title has a word of the type that the query does not ask
            for, else there is no draft.
        catalogue: has the contrasts and knows which words are usual.
        rng: not used.
        error_type: name of the error type.

    Yields:
        Drafts, each with another query.
    """
    old_query = source.query.strip()
    for addition in _additions(source, catalogue, error_type):
        query = f"{old_query}, {addition.word}"
        yield source.with_query(query, addition.description, attribute="feature")


@dataclass(frozen=True, slots=True)
class _Addition:
    """A word that a query may ask for besides.

    Attributes:
        word: the word.
        description: what asking for it does, for people.
    """

    word: str
    description: str


def _additions(
    source: Source, catalogue: Catalogue, error_type: str
) -> Iterator[_Addition]:
    """Contrasts of title words that are usual in the item's department."""
    language = catalogue.language
    lexicon = catalogue.lexicon
    query_stems = set(catalogue.stems(source.query))

    # nobody asks for a manual guitar: the word must be usual in the item's department
    steps = source.item.category.split(" > ")
    department = " > ".join(steps[:2])
    usual_stems = lexicon.usual_in(department) or lexicon.frequency.keys()

    for stem, word in stems_and_words(source.item.title, language):
        if contrast_type(stem) != error_type or stem in query_stems:
            continue
        for contrast in contrasts(stem, language):
            contrast_stems = catalogue.stems(contrast)
            if usual_stems.isdisjoint(contrast_stems):
                continue
            lower_word = word.lower()
            description = f"query: + {contrast} (the item is {lower_word})"
            yield _Addition(contrast, description)


@register_edit(_has_contrasts)
def swap_contrast_in_item(
    source: Source, catalogue: Catalogue, rng: Random, *, error_type: str
) -> Iterator[Draft]:
    """The item, in all its texts, has a contrast of the asked word.

    Args:
        source: a good pair. Query and title have a word of the type, else there is no
            draft.
        catalogue: has the contrasts, by its language.
        rng: not used.
        error_type: name of the error type.

    Yields:
        Drafts, each with another item.
    """
    for word in _contrasted_words(source, catalogue, error_type):
        for new_word in word.contrasts:
            item = rewrite_item(source.item, word.in_title, new_word)
            description = f"item: {word.in_title} -> {new_word}"
            yield source.with_item(item, description, attribute="feature")


# ---------------------------------------------------------------- offers


@register_edit("offer-type")
def ask_offer(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The query asks for the product used, renewed, rented or as a sample; the item is sold new.

    Args:
        source: a good pair. Its query asks for no such offer, else there is no draft.
        catalogue: has the words, by its language.
        rng: draws their order.

    Yields:
        Drafts, each with another query.
    """
    offers = catalogue.language.says("offers")
    yield from _asking_for(offers, source, catalogue, rng)


@register_edit("offer-type", held_out=True)
def ask_offer_otherwise(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """As :func:`ask_offer`, in words that training never uses.

    Args:
        source: a good pair. Its query asks for no such offer, else there is no draft.
        catalogue: has the words, by its language.
        rng: draws their order.

    Yields:
        Drafts, each with another query.
    """
    offers = catalogue.language.says("offers_held")
    yield from _asking_for(offers, source, catalogue, rng)


def _asking_for(
    offers: tuple[str, ...], source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """Drafts whose query asks for one of the offers."""
    query_stems = catalogue.stems(source.query)
    if any(is_offer(stem) for stem in query_stems):
        return

    for offer in shuffled(offers, rng):
        query = insert(source.query, offer, front=True)
        description = f"query: + {offer}"
        yield source.with_query(query, description, attribute="feature")


# ---------------------------------------------------------------- prices


_UNKNOWN_PRICE = Price(0.0, "")


def item_price(source: Source, catalogue: Catalogue) -> Price:
    """What the item costs; 0 if that is unknown or the query has a limit already.

    Args:
        source: a good pair.
        catalogue: knows the price.

    Returns:
        Amount and currency.
    """
    for value in source.asked_values("feature"):
        if value.value.startswith(PRICE):
            return _UNKNOWN_PRICE

    price = catalogue.readings[source.item.item_id].price
    if price is None:
        return _UNKNOWN_PRICE
    return read_price(price.value) or _UNKNOWN_PRICE


def with_limit(query: str, form: str, limit: int, currency: str) -> str:
    """A query with a limit, in dollars unless the shop's prices name another currency.

    Args:
        query: the query before.
        form: the new query, with places for ``query`` and ``limit``.
        limit: the highest price that the query allows.
        currency: of the shop's prices; empty if they name none.

    Returns:
        The new query.
    """
    # the forms are written for dollars
    if currency not in ("", "$", "USD"):
        form = form.replace("${limit}", "{limit}")
        form = form.replace(" dollars", "")
        form = form.replace("{limit}", f"{{limit}} {currency}")
    return form.format(query=query.strip(), limit=limit)


@register_edit("price-tier", picks_items=True)
def pick_price(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """A real item like the good one that costs more than the query allows.

    Args:
        source: a good pair. Its query has a limit, else there is no draft.
        catalogue: has the items; the most similar come first.
        rng: not used.

    Returns:
        Drafts, each with another item.
    """
    return pick_contrast(source, catalogue, rng, error_type="price-tier")


@register_edit("price-tier")
def ask_price(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The query allows at most four fifths of what the item costs, in round numbers.

    Args:
        source: a good pair. Its query has no limit and its item has a price, else there
            is no draft.
        catalogue: knows the price.
        rng: not used.

    Returns:
        Drafts, each with another query.
    """
    return _too_low_limits(source, catalogue, "{query} under ${limit}")


@register_edit("price-tier", held_out=True)
def ask_price_otherwise(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """As :func:`ask_price`, in a phrase that training never uses.

    Args:
        source: a good pair. Its query has no limit and its item has a price, else there
            is no draft.
        catalogue: knows the price.
        rng: not used.

    Returns:
        Drafts, each with another query.
    """
    return _too_low_limits(source, catalogue, "{query} cheaper than {limit} dollars")


def _too_low_limits(source: Source, catalogue: Catalogue, form: str) -> Iterator[Draft]:
    """Drafts with the two highest round limits that the item's price clearly exceeds."""
    price, currency = item_price(source, catalogue)
    # well below the price, but not out of all proportion
    lowest = price / 3
    highest = 0.8 * price
    limits = [limit for limit in ROUND_PRICES if lowest <= limit <= highest]
    two_highest = limits[-2:]
    for limit in two_highest:
        query = with_limit(
            query=source.query,
            form=form,
            limit=limit,
            currency=currency,
        )
        description = f"query: at most {limit} (it costs {price:g})"
        yield source.with_query(query, description, attribute="feature")
