"""Hard positives that say more, less, or the same in another order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from random import Random

from adore.synthesis.catalogue import ASKABLE, Catalogue
from adore.synthesis.edits.base import (
    FIXED_ORDER,
    Draft,
    Source,
    ask_value,
    if_changed,
    shuffled,
)
from adore.synthesis.edits.contrast import ROUND_PRICES, item_price, with_limit
from adore.synthesis.edits.registry import register_edit

__all__ = [
    "allow_price",
    "ask_less",
    "ask_what_it_has",
    "bare_item",
    "title_order",
    "uppercase_noise",
    "word_order",
]

_NOISE = ("NEW", "Hot Sale", "Top Quality", "Free Shipping")
_DANGLING_WORD = re.compile(r"\b(?:of|in|by|for|and|with)$")
_SEPARATOR = re.compile(r"\s[-|–]\s|,\s")
"""What separates the segments of a title."""


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
    unasked: list[str] = []
    for attribute in ASKABLE:
        if not source.asks(attribute):
            unasked.append(attribute)

    for attribute in shuffled(unasked, rng):
        values = catalogue.askable_values(item_id, attribute)
        if not values:
            continue

        value = values[0]
        value_stems = catalogue.stems(value.quote)
        if query_stems.isdisjoint(value_stems):
            query = ask_value(
                query=source.query,
                attribute=attribute,
                value=value,
                language=catalogue.language,
            )
            description = f"query: + {value.quote} (it has it)"
            draft = source.with_query(query, description)
            yield from if_changed(source, draft)


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
            escaped = re.escape(quote)
            whole_words = rf"(?<!\w){escaped}(?!\w)"
            rest = re.sub(whole_words, " ", source.query, count=1)
            query = " ".join(rest.split())
            if not query or query == source.query:
                continue
            # "case for" is no query: what its last word belonged to is gone
            if _DANGLING_WORD.search(query):
                continue

            description = f"query: - {quote} (it has it)"
            yield source.with_query(query, description, attribute=attribute)


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

    # the query begins with another of its words
    cut = rng.randrange(1, number)
    before = query_words[:cut]
    after = query_words[cut:]
    rotated = " ".join(after + before)
    draft = source.with_query(rotated, "query: words turned round")
    yield from if_changed(source, draft)

    # a word changes places with the next one
    position = rng.randrange(number - 1)
    word = query_words.pop(position)
    query_words.insert(position + 1, word)
    swapped = " ".join(query_words)
    draft = source.with_query(swapped, "query: two words swapped")
    yield from if_changed(source, draft)


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
        yield source.with_item(item, "item: title turned round")


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
    yield source.with_item(bare, "item: title only")


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
            query = with_limit(
                query=source.query,
                form=form,
                limit=limit,
                currency=currency,
            )
            yield source.with_query(query, f"query: at most {limit}")
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
    # sellers write such words before titles to be seen
    noise = rng.choice(_NOISE)
    title = f"{noise}! {source.item.title}"
    item = replace(source.item, title=title)
    yield source.with_item(item, "item: a seller's shout")
