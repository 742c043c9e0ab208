"""Edits of words that are no attribute of their own: rivals (round, square), offers, price limits."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from adore.attributes.prices import PRICE, Price, read_price
from adore.attributes.rivals import is_offer, kind_of, rivals
from adore.synthesis.candidates import Catalogue, leaf
from adore.synthesis.edits import REAL, Draft, Source, quotes, rewrite
from adore.synthesis.forms import insert, swap

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
    title = dict(quotes(source.item.title, catalogue.language))
    for e in source.matched("feature"):
        if kind_of(e.asked) == kind and e.asked in title:
            yield e.asked_quote, title[e.asked], rivals(e.asked, catalogue.language)


def pick_rival(
    source: Source, catalogue: Catalogue, rng: Random, *, kind: str
) -> Iterator[Draft]:
    """A real item like the good one whose title says a rival of the asked word."""
    if not any(
        kind_of(v.value) == kind for v in source.reading.values.get("feature", ())
    ):
        return
    for item_id in catalogue.near(
        catalogue.words(f"{source.query} {source.item.title}"), 60
    ):
        item = catalogue.items[item_id]
        found = catalogue.evidence(source.query, source.reading, item_id)
        wrong = any(
            e.state == "conflict" and kind_of(e.asked) == kind
            for e in found
            if e.attribute == "feature"
        )
        new = item_id not in source.known and item_id != source.item.item_id
        if wrong and new and leaf(item)[-1:] == leaf(source.item)[-1:]:
            yield Draft(source.query, item, "feature", REAL)


def swap_rival(
    source: Source, catalogue: Catalogue, rng: Random, *, kind: str
) -> Iterator[Draft]:
    """The query asks a rival of the word that it asked and the item has."""
    for asked, _, others in _found(source, catalogue, kind):
        for new in others:
            yield Draft(
                swap(source.query, asked, new),
                source.item,
                "feature",
                f"query: {asked} -> {new}",
            )


def swap_rival_in_item(
    source: Source, catalogue: Catalogue, rng: Random, *, kind: str
) -> Iterator[Draft]:
    """The item, in all its texts, says a rival of the asked word."""
    for _, said, others in _found(source, catalogue, kind):
        for new in others:
            yield Draft(
                source.query,
                rewrite(source.item, said, new),
                "feature",
                f"item: {said} -> {new}",
            )


def ask_rival(
    source: Source,
    catalogue: Catalogue,
    rng: Random,
    *,
    kind: str,
    form: str = "{new} {query}",
) -> Iterator[Draft]:
    """The query asks, besides, a rival of a word of the item's title."""
    asked, lexicon = set(catalogue.words(source.query)), catalogue.lexicon
    department = " > ".join(source.item.category.split(" > ")[:2])
    usual = (
        lexicon.usual_in(department) or lexicon.frequency.keys()
    )  # nobody asks for a manual guitar
    for stem, quote in quotes(source.item.title, catalogue.language):
        if kind_of(stem) == kind and stem not in asked:
            for new in (
                n
                for n in rivals(stem, catalogue.language)
                if usual & set(catalogue.words(n))
            ):
                query = form.format(new=new, query=source.query.strip())
                yield Draft(
                    query,
                    source.item,
                    "feature",
                    f"query: + {new} (the item is {quote.lower()})",
                )


def ask_rival_otherwise(
    source: Source, catalogue: Catalogue, rng: Random, *, kind: str
) -> Iterator[Draft]:
    """The query asks a rival of a word of the item's title after a comma (``tray, round``)."""
    return ask_rival(source, catalogue, rng, kind=kind, form="{query}, {new}")


def ask_offer(
    source: Source,
    catalogue: Catalogue,
    rng: Random,
    *,
    said: str = "offers",
) -> Iterator[Draft]:
    """The query asks the product used, renewed, rented or as a sample; the item is sold new."""
    if not any(is_offer(word) for word in catalogue.words(source.query)):
        offers = catalogue.language.says(said)
        for offer in rng.sample(offers, len(offers)):
            yield Draft(
                insert(source.query, offer, front=True),
                source.item,
                "feature",
                f"query: + {offer}",
            )


def _price(source: Source, catalogue: Catalogue) -> Price:
    """What the item costs; 0 where that is unknown or the query has a limit already."""
    values = catalogue.readings[source.item.item_id].values.get("words.price", ())
    limited = any(
        v.value.startswith(PRICE) for v in source.reading.values.get("feature", ())
    )
    return (read_price(values[0].value) if values and not limited else None) or Price(
        0.0, ""
    )


def _limited(query: str, form: str, limit: int, currency: str) -> str:
    """A query with a limit, in dollars where the shop's prices name no other currency."""
    if currency in ("", "$", "USD"):
        return form.format(query=query.strip(), limit=limit)
    told = (
        form.replace("${limit}", "{limit}")
        .replace(" dollars", "")
        .replace("{limit}", f"{{limit}} {currency}")
    )
    return told.format(query=query.strip(), limit=limit)


def ask_price(
    source: Source,
    catalogue: Catalogue,
    rng: Random,
    *,
    form: str = "{query} under ${limit}",
) -> Iterator[Draft]:
    """The query asks it for at most four fifths of what the item costs, in round numbers."""
    price, currency = _price(source, catalogue)
    for limit in [n for n in _ROUND if price / 3 <= n <= 0.8 * price][-2:]:
        query = _limited(source.query, form, limit, currency)
        yield Draft(
            query,
            source.item,
            "feature",
            f"query: at most {limit} (it costs {price:g})",
        )


def allow_price(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The query allows more than the item costs."""
    price, currency = _price(source, catalogue)
    for limit in [n for n in _ROUND if 0 < price <= 0.8 * n][:1]:
        query = _limited(source.query, "{query} under ${limit}", limit, currency)
        yield Draft(query, source.item, "", f"query: at most {limit}")


def pick_price(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """A real item like the good one that costs more than the query allows."""
    return pick_rival(source, catalogue, rng, kind="price-tier")
