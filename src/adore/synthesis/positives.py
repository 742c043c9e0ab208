"""Hard positives: the item stays right, the words change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from random import Random

from adore.attributes.text import tokens
from adore.synthesis.candidates import SAYABLE, Catalogue, leaf
from adore.synthesis.edits import INNER, Draft, Source, add
from adore.synthesis.forms import in_other_units, swap

__all__ = [
    "ask_less",
    "ask_what_it_has",
    "bare_item",
    "category_word",
    "compounds",
    "other_units",
    "plurals",
    "shout",
    "synonyms",
    "title_order",
    "typos",
    "word_order",
]

_SAME = {
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


def _draft(source: Source, query: str, edit: str) -> Iterator[Draft]:
    if query != source.query:
        yield Draft(query, source.item, "", edit)


def other_units(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The size in other units: 500ml -> 0.5 l."""
    for value in source.reading.values.get("size", ()):
        for new in in_other_units(value.quote, value.value):
            yield from _draft(
                source,
                source.query.replace(value.quote, new, 1),
                f"query: {value.quote} -> {new}",
            )


def synonyms(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """A word of the same colour family or audience, or an abbreviation."""
    language = catalogue.language
    for name, table in (
        ("colour", language.forms["colours"]),
        ("audience", language.forms["audiences"]),
    ):
        for value in source.reading.values.get(name, ()):
            same = [
                w
                for w, v in table.items()
                if v == value.value and language.stem(w) != language.stem(value.quote)
            ]
            for new in rng.sample(same, min(2, len(same))):
                yield from _draft(
                    source,
                    swap(source.query, value.quote, new),
                    f"query: {value.quote} -> {new}",
                )
    for old, new in _SAME.items() if language.code == "en" else ():
        yield from _draft(
            source, swap(source.query, old, new), f"query: {old} -> {new}"
        )


def category_word(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The product is called what the shop's own category calls it."""
    heads = [
        w
        for w in catalogue.words(" ".join(leaf(source.item)[-1:]))
        if w in catalogue.types
    ]
    for e in source.matched("product_type"):
        if (
            heads
            and heads[-1] != e.asked
            and heads[-1] not in catalogue.language.audiences
        ):
            new = heads[-1] + (
                "s"
                if e.asked_quote.endswith("s") and not heads[-1].endswith("s")
                else ""
            )
            yield from _draft(
                source,
                swap(source.query, e.asked_quote, new),
                f"query: {e.asked_quote} -> {new}",
            )


def compounds(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """Compounds: t shirt -> tshirt and back, where the catalogue knows the other form."""
    toks, known = tokens(source.query, catalogue.language), catalogue.lexicon.frequency
    for a, b in pairwise(toks):
        if a.stem + b.stem in known:
            joined = source.query[: a.end] + source.query[b.start :]
            yield from _draft(
                source, joined, f"query: {a.stem} {b.stem} -> {a.stem + b.stem}"
            )
    for t in toks:
        for cut in range(3, len(t.stem) - 2):
            if known.get(t.stem[:cut], 0) > 4 and known.get(t.stem[cut:], 0) > 4:
                at = t.start + cut
                yield from _draft(
                    source,
                    f"{source.query[:at]} {source.query[at:]}",
                    f"query: {t.stem} split",
                )


def plurals(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The product in the plural or in the singular."""
    for value in source.reading.values.get("product_type", ()):
        quote = value.quote
        new = quote[:-1] if quote.endswith("s") else f"{quote}s"
        same = catalogue.language.stem(new) == catalogue.language.stem(quote)
        if quote.isalpha() and len(quote) > 3 and not quote.endswith("ss") and same:
            yield from _draft(
                source, swap(source.query, quote, new), f"query: {quote} -> {new}"
            )


def word_order(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The query's words in another order; evidence decides whether they still mean the same."""
    parts = source.query.split()
    if len(parts) > 2 and not INNER.search(source.query):
        at = rng.randrange(1, len(parts))
        yield from _draft(
            source, " ".join(parts[at:] + parts[:at]), "query: words turned round"
        )
        i = rng.randrange(len(parts) - 1)
        parts[i], parts[i + 1] = parts[i + 1], parts[i]
        yield from _draft(source, " ".join(parts), "query: two words swapped")


def _slip(word: str, rng: Random) -> str:
    i = rng.randrange(1, len(word) - 2)
    return rng.choice(
        (
            word[:i] + word[i + 1 :],
            word[:i] + word[i + 1] + word[i] + word[i + 2 :],
            word[:i] + word[i:][0] + word[i:],
        )
    )


def typos(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """One slip of the finger in a long word of the title or of the query."""
    for where, text in (("item", source.item.title), ("query", source.query)):
        long = [
            t
            for t in tokens(text, catalogue.language)
            if t.end - t.start >= 6 and t.stem.isalpha()
        ]
        for t in rng.sample(long, min(3, len(long))):
            old = text[t.start : t.end]
            new = text[: t.start] + _slip(old, rng) + text[t.end :]
            query, item = (
                (new, source.item)
                if where == "query"
                else (source.query, replace(source.item, title=new))
            )
            if (query, item) != (source.query, source.item):
                yield Draft(query, item, "", f"{where}: a typo in {old}")


def title_order(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The title's segments in another order."""
    parts = [
        p.strip() for p in re.split(r"\s[-|–]\s|,\s", source.item.title) if p.strip()
    ]
    if len(parts) > 1:
        turned = ", ".join(parts[1:] + parts[:1])
        yield Draft(
            source.query,
            replace(source.item, title=turned),
            "",
            "item: title turned round",
        )


def shout(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """A seller's shout before the title."""
    title = f"{rng.choice(_NOISE)}! {source.item.title}"
    yield Draft(
        source.query, replace(source.item, title=title), "", "item: a seller's shout"
    )


def bare_item(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The item without bullet points and description."""
    if source.item.bullet_points or source.item.description:
        yield Draft(
            source.query,
            replace(source.item, bullet_points=(), description=""),
            "",
            "item: title only",
        )


def ask_what_it_has(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """The query asks, besides, a value that the item has: the twin of the edits that ask what it lacks."""
    names = [n for n in SAYABLE if not source.asks(n)]
    for name in rng.sample(names, len(names)):
        for value in catalogue.sayable(source.item.item_id, name)[:1]:
            if not set(catalogue.words(value.quote)) & set(
                catalogue.words(source.query)
            ):
                yield from _draft(
                    source,
                    add(source.query, name, value, catalogue.language),
                    f"query: + {value.quote} (it has it)",
                )


def ask_less(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The query no longer asks one thing that the item has."""
    for name in ("brand", "colour", "size", "material", "model"):
        for e in source.matched(name):
            query = " ".join(
                re.sub(
                    rf"(?<!\w){re.escape(e.asked_quote)}(?!\w)",
                    " ",
                    source.query,
                    count=1,
                ).split()
            )
            if (
                query
                and query != source.query
                and not re.search(r"\b(?:of|in|by|for|and|with)$", query)
            ):
                yield Draft(
                    query, source.item, name, f"query: - {e.asked_quote} (it has it)"
                )
