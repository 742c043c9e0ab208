"""Edits of words that are no attribute of their own.

Rivals (round, square), offers, price limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random

from adore.attributes.contrasts import contrast_type, contrasts, is_offer
from adore.attributes.prices import PRICE, Price, read_price
from adore.synthesis.catalogue import Catalogue, leaf
from adore.synthesis.edits import REAL, Draft, Source, quotes, rewrite
from adore.synthesis.surface import insert, swap
from adore.types import Evidence

__all__ = [
    "allow_price",
    "ask_offer",
    "ask_price",
    "ask_rival",
    "ask_rival_otherwise",
    "pick_price",
    "pick_rival",
    "swap_rival",
    "swap_rival_in_item",
]

_ROUND = (
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


def _found(
    source: Source, catalogue: Catalogue, kind: str
) -> Iterator[tuple[str, str, list[str]]]:
    """Words of a kind that the query asks and the title says: both as written, and their rivals."""
    language = catalogue.language
    title = dict(quotes(source.item.title, language))
    for match in source.matched("feature"):
        stem = match.asked
        if contrast_type(stem) == kind and stem in title:
            yield match.asked_quote, title[stem], contrasts(stem, language)


def pick_rival(
    source: Source, catalogue: Catalogue, rng: Random, *, kind: str
) -> Iterator[Draft]:
    """A real item like the good one whose title says a rival of the asked word.

    Args:
        source: a good pair; its query asks a word of the kind, else there is no draft.
        catalogue: whose items are picked, the most similar first.
        rng: draws nothing.
        kind: the kind of word, an error type's name.
    """
    features = source.reading.values.get("feature", ())
    if not any(contrast_type(value.value) == kind for value in features):
        return

    good = source.item
    place = leaf(good)[-1:]
    stems = catalogue.words(f"{source.query} {good.title}")
    for item_id in catalogue.near(stems, 60):
        if item_id in source.known or item_id == good.item_id:
            continue

        item = catalogue.items[item_id]
        if leaf(item)[-1:] != place:
            continue

        found = catalogue.evidence(source.query, source.reading, item_id)
        if _conflicts(found, kind):
            yield Draft(source.query, item, "feature", REAL)


def _conflicts(found: Iterable[Evidence], kind: str) -> bool:
    """Whether a word of a kind is in conflict."""
    return any(
        fact.attribute == "feature"
        and fact.state == "conflict"
        and contrast_type(fact.asked) == kind
        for fact in found
    )


def swap_rival(
    source: Source, catalogue: Catalogue, rng: Random, *, kind: str
) -> Iterator[Draft]:
    """The query asks a rival of the word that it asked and the item has.

    Args:
        source: a good pair; query and title have a word of the kind, else there is no
            draft.
        catalogue: its language has the rivals.
        rng: draws nothing.
        kind: the kind of word, an error type's name.
    """
    for asked, _, others in _found(source, catalogue, kind):
        for new in others:
            query = swap(source.query, asked, new)
            edit = f"query: {asked} -> {new}"
            yield Draft(query, source.item, "feature", edit)


def swap_rival_in_item(
    source: Source, catalogue: Catalogue, rng: Random, *, kind: str
) -> Iterator[Draft]:
    """The item, in all its texts, says a rival of the asked word.

    Args:
        source: a good pair; query and title have a word of the kind, else there is no
            draft.
        catalogue: its language has the rivals.
        rng: draws nothing.
        kind: the kind of word, an error type's name.
    """
    for _, said, others in _found(source, catalogue, kind):
        for new in others:
            item = rewrite(source.item, said, new)
            edit = f"item: {said} -> {new}"
            yield Draft(source.query, item, "feature", edit)


def ask_rival(
    source: Source,
    catalogue: Catalogue,
    rng: Random,
    *,
    kind: str,
    form: str = "{new} {query}",
) -> Iterator[Draft]:
    """The query asks, besides, a rival of a word of the item's title.

    Args:
        source: a good pair; its title has a word of the kind that the query does not
            ask, else there is no draft.
        catalogue: its language has the rivals, and its lexicon what is usual.
        rng: draws nothing.
        kind: the kind of word, an error type's name.
        form: the new query, from the rival ``new`` and the old ``query``.
    """
    language = catalogue.language
    lexicon = catalogue.lexicon
    asked = set(catalogue.words(source.query))
    department = " > ".join(source.item.category.split(" > ")[:2])
    usual = lexicon.usual_in(department) or lexicon.frequency.keys()

    for stem, quote in quotes(source.item.title, language):
        if contrast_type(stem) != kind or stem in asked:
            continue
        for new in contrasts(stem, language):
            if not usual & set(catalogue.words(new)):
                continue  # nobody asks for a manual guitar
            query = form.format(new=new, query=source.query.strip())
            edit = f"query: + {new} (the item is {quote.lower()})"
            yield Draft(query, source.item, "feature", edit)


def ask_rival_otherwise(
    source: Source, catalogue: Catalogue, rng: Random, *, kind: str
) -> Iterator[Draft]:
    """The query asks a rival of a word of the item's title after a comma (``tray, round``).

    Args:
        source: as for :func:`ask_rival`.
        catalogue: as there.
        rng: draws nothing.
        kind: the kind of word, an error type's name.
    """
    return ask_rival(source, catalogue, rng, kind=kind, form="{query}, {new}")


def ask_offer(
    source: Source,
    catalogue: Catalogue,
    rng: Random,
    *,
    said: str = "offers",
) -> Iterator[Draft]:
    """The query asks the product used, renewed, rented or as a sample; the item is sold new.

    Args:
        source: a good pair; its query asks for no such offer, else there is no draft.
        catalogue: its language has the words.
        rng: draws their order.
        said: under what name the language keeps them.
    """
    if any(is_offer(word) for word in catalogue.words(source.query)):
        return

    offers = catalogue.language.says(said)
    for offer in rng.sample(offers, len(offers)):
        query = insert(source.query, offer, front=True)
        yield Draft(query, source.item, "feature", f"query: + {offer}")


def _price(source: Source, catalogue: Catalogue) -> Price:
    """What the item costs; 0 where that is unknown or the query has a limit already."""
    unknown = Price(0.0, "")
    for value in source.reading.values.get("feature", ()):
        if value.value.startswith(PRICE):
            return unknown

    values = catalogue.readings[source.item.item_id].values.get("words.price", ())
    if not values:
        return unknown
    return read_price(values[0].value) or unknown


def _limited(query: str, form: str, limit: int, currency: str) -> str:
    """A query with a limit, in dollars where the shop's prices name no other currency."""
    if currency not in ("", "$", "USD"):
        form = form.replace("${limit}", "{limit}")
        form = form.replace(" dollars", "")
        form = form.replace("{limit}", f"{{limit}} {currency}")
    return form.format(query=query.strip(), limit=limit)


def ask_price(
    source: Source,
    catalogue: Catalogue,
    rng: Random,
    *,
    form: str = "{query} under ${limit}",
) -> Iterator[Draft]:
    """The query asks it for at most four fifths of what the item costs, in round numbers.

    Args:
        source: a good pair; its query has no limit and its item a price, else there is
            no draft.
        catalogue: knows the price.
        rng: draws nothing.
        form: the new query, from the old ``query`` and the ``limit`` in dollars.
    """
    price, currency = _price(source, catalogue)
    # well below the price, but not out of all proportion
    lowest = price / 3
    highest = 0.8 * price
    limits = [limit for limit in _ROUND if lowest <= limit <= highest]
    for limit in limits[-2:]:
        query = _limited(source.query, form, limit, currency)
        edit = f"query: at most {limit} (it costs {price:g})"
        yield Draft(query, source.item, "feature", edit)


def allow_price(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The query allows more than the item costs.

    Args:
        source: a good pair; its query has no limit and its item a price, else there is
            no draft.
        catalogue: knows the price.
        rng: draws nothing.
    """
    price, currency = _price(source, catalogue)
    if price <= 0:
        return

    for limit in _ROUND:
        # the lowest one of which the price is at most four fifths
        if price <= 0.8 * limit:
            query = _limited(source.query, "{query} under ${limit}", limit, currency)
            yield Draft(query, source.item, "", f"query: at most {limit}")
            return


def pick_price(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """A real item like the good one that costs more than the query allows.

    Args:
        source: a good pair; its query has a limit, else there is no draft.
        catalogue: whose items are picked, the most similar first.
        rng: draws nothing.
    """
    return pick_rival(source, catalogue, rng, kind="price-tier")
