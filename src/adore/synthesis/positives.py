"""Hard positives: the item stays right, the words change."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from random import Random

from adore.attributes.language import Language
from adore.synthesis.catalogue import SAYABLE, Catalogue, leaf
from adore.synthesis.edits import INNER, Draft, Source, add
from adore.synthesis.surface import in_other_units, swap
from adore.text import tokenize
from adore.types import Value

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
    """The good item with another query, unless the query is the same."""
    if query != source.query:
        yield Draft(query, source.item, "", edit)


def other_units(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The size in other units: 500ml -> 0.5 l.

    Args:
        source: a good pair; its query asks a size, else there is no draft.
        catalogue: not asked.
        rng: draws nothing.
    """
    sizes = source.reading.values.get("size", ())
    for value in sizes:
        old = value.quote
        for new in in_other_units(old, value.value):
            query = source.query.replace(old, new, 1)
            edit = f"query: {old} -> {new}"
            yield from _draft(source, query, edit)


def synonyms(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """A word of the same colour family or audience, or an abbreviation.

    Args:
        source: a good pair; its query has a word that can be said otherwise, else there
            is no draft.
        catalogue: its language has the words; the abbreviations are English alone.
        rng: draws which words of a family are tried.
    """
    language = catalogue.language
    tables = (
        ("colour", language.forms["colours"]),
        ("audience", language.forms["audiences"]),
    )
    for name, table in tables:
        for value in source.reading.values.get(name, ()):
            same = _same_meaning(value, table, language)
            for new in rng.sample(same, min(2, len(same))):
                query = swap(source.query, value.quote, new)
                yield from _draft(source, query, f"query: {value.quote} -> {new}")

    if language.code == "en":
        for old, new in _SAME.items():
            query = swap(source.query, old, new)
            yield from _draft(source, query, f"query: {old} -> {new}")


def _same_meaning(
    value: Value, table: Mapping[str, str], language: Language
) -> list[str]:
    """Words of a table (word to what it means) that say a value, but for its own word."""
    own = language.stem(value.quote)
    return [
        word
        for word, meaning in table.items()
        if meaning == value.value and language.stem(word) != own
    ]


def category_word(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The product is called what the shop's own category calls it.

    Args:
        source: a good pair; it matches in the product type, else there is no draft.
        catalogue: knows which words name products.
        rng: draws nothing.
    """
    category = " ".join(leaf(source.item)[-1:])
    heads = [word for word in catalogue.words(category) if word in catalogue.types]
    if not heads or heads[-1] in catalogue.language.audiences:
        return

    head = heads[-1]
    for match in source.matched("product_type"):
        if head == match.asked:
            continue
        old = match.asked_quote
        plural = old.endswith("s") and not head.endswith("s")
        new = f"{head}s" if plural else head
        query = swap(source.query, old, new)
        yield from _draft(source, query, f"query: {old} -> {new}")


def compounds(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """Compounds: t shirt -> tshirt and back, where the catalogue knows the other form.

    Args:
        source: a good pair.
        catalogue: knows how often its texts say a word.
        rng: draws nothing.
    """
    query = source.query
    toks = tokenize(query, catalogue.language)
    known = catalogue.lexicon.frequency

    for one, two in pairwise(toks):
        compound = one.stem + two.stem
        if compound in known:
            joined = query[: one.end] + query[two.start :]
            edit = f"query: {one.stem} {two.stem} -> {compound}"
            yield from _draft(source, joined, edit)

    for token in toks:
        stem = token.stem
        for cut in range(3, len(stem) - 2):
            # both halves must be usual words
            if known.get(stem[:cut], 0) > 4 and known.get(stem[cut:], 0) > 4:
                at = token.start + cut
                apart = f"{query[:at]} {query[at:]}"
                yield from _draft(source, apart, f"query: {stem} split")


def plurals(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The product in the plural or in the singular.

    Args:
        source: a good pair; its query names a product, else there is no draft.
        catalogue: its language tells whether both forms have the same stem.
        rng: draws nothing.
    """
    language = catalogue.language
    for value in source.reading.values.get("product_type", ()):
        old = value.quote
        if not old.isalpha() or len(old) <= 3:
            continue
        if old.endswith("ss"):
            continue  # "dress" is no plural

        new = f"{old}s"
        if old.endswith("s"):
            new = old[:-1]
        if language.stem(new) == language.stem(old):
            query = swap(source.query, old, new)
            edit = f"query: {old} -> {new}"
            yield from _draft(source, query, edit)


def word_order(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The query's words in another order; evidence decides whether they still mean the same.

    Args:
        source: a good pair; its query has three words or more and none of
            :data:`~adore.synthesis.edits.INNER`, else there is no draft.
        catalogue: not asked.
        rng: draws where the query is turned, and which two words are swapped.
    """
    parts = source.query.split()
    if len(parts) < 3 or INNER.search(source.query):
        return

    at = rng.randrange(1, len(parts))
    before = parts[:at]
    after = parts[at:]
    turned = " ".join(after + before)
    edit = "query: words turned round"
    yield from _draft(source, turned, edit)

    at = rng.randrange(len(parts) - 1)
    word = parts.pop(at)
    parts.insert(at + 1, word)
    swapped = " ".join(parts)
    edit = "query: two words swapped"
    yield from _draft(source, swapped, edit)


def _slip(word: str, rng: Random) -> str:
    """A word with a letter left out, or swapped with the next, or written twice."""
    i = rng.randrange(1, len(word) - 2)
    before = word[:i]
    letter = word[i]
    after = word[i + 1 :]

    left_out = before + after
    following = after[0]
    swapped = before + following + letter + after[1:]
    doubled = before + letter + letter + after
    return rng.choice((left_out, swapped, doubled))


def typos(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """One slip of the finger in a long word of the title or of the query.

    Args:
        source: a good pair.
        catalogue: its language tells the words.
        rng: draws the words and the slips.
    """
    for where, text in (("item", source.item.title), ("query", source.query)):
        long = [
            token
            for token in tokenize(text, catalogue.language)
            if token.end - token.start >= 6 and token.stem.isalpha()
        ]
        for token in rng.sample(long, min(3, len(long))):
            old = text[token.start : token.end]
            new = text[: token.start] + _slip(old, rng) + text[token.end :]
            if new == text:
                continue  # two like letters were swapped

            edit = f"{where}: a typo in {old}"
            if where == "query":
                yield Draft(new, source.item, "", edit)
            else:
                yield Draft(source.query, replace(source.item, title=new), "", edit)


def title_order(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The title's segments in another order.

    Args:
        source: a good pair; its item's title has two segments, else there is no draft.
        catalogue: not asked.
        rng: draws nothing.
    """
    parts: list[str] = []
    for segment in re.split(r"\s[-|–]\s|,\s", source.item.title):
        part = segment.strip()
        if part:
            parts.append(part)

    if len(parts) > 1:
        first = parts.pop(0)
        turned = ", ".join([*parts, first])
        item = replace(source.item, title=turned)
        edit = "item: title turned round"
        yield Draft(source.query, item, "", edit)


def shout(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """A seller's shout before the title.

    Args:
        source: a good pair.
        catalogue: not asked.
        rng: draws what is shouted.
    """
    noise = rng.choice(_NOISE)
    title = f"{noise}! {source.item.title}"
    item = replace(source.item, title=title)
    edit = "item: a seller's shout"
    yield Draft(source.query, item, "", edit)


def bare_item(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The item without bullet points and description.

    Args:
        source: a good pair; its item has either, else there is no draft.
        catalogue: not asked.
        rng: draws nothing.
    """
    item = source.item
    if not item.bullet_points and not item.description:
        return
    bare = replace(item, bullet_points=(), description="")
    edit = "item: title only"
    yield Draft(source.query, bare, "", edit)


def ask_what_it_has(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """The query asks, besides, a value that the item has: the twin of the edits that ask
    what it lacks.

    Args:
        source: a good pair.
        catalogue: knows which values of the item a shopper could ask.
        rng: draws the order of the attributes.
    """
    item_id = source.item.item_id
    asked = set(catalogue.words(source.query))
    names = [name for name in SAYABLE if not source.asks(name)]
    for name in rng.sample(names, len(names)):
        values = catalogue.sayable(item_id, name)
        if not values:
            continue

        value = values[0]
        stems = catalogue.words(value.quote)
        if not asked & set(stems):
            query = add(source.query, name, value, catalogue.language)
            edit = f"query: + {value.quote} (it has it)"
            yield from _draft(source, query, edit)


def ask_less(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The query no longer asks one thing that the item has.

    Args:
        source: a good pair; it matches in an attribute, else there is no draft.
        catalogue: not asked.
        rng: draws nothing.
    """
    for name in ("brand", "colour", "size", "material", "model"):
        for match in source.matched(name):
            quote = match.asked_quote
            whole = rf"(?<!\w){re.escape(quote)}(?!\w)"
            rest = re.sub(whole, " ", source.query, count=1)
            query = " ".join(rest.split())
            if not query or query == source.query:
                continue
            if re.search(r"\b(?:of|in|by|for|and|with)$", query):
                continue  # what belonged to the last word is gone

            edit = f"query: - {quote} (it has it)"
            yield Draft(query, source.item, name, edit)
