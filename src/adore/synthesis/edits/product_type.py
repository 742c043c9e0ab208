"""Edits that change the product type.

Other types, accessories, complements, neighbouring types, stuffed titles, questions.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from adore.attributes.language import Language
from adore.synthesis.catalogue import Catalogue
from adore.synthesis.edits.base import REAL_ITEM, Draft, Source, sample, shuffled
from adore.synthesis.edits.near_items import good_steps, near_items, thing_stems
from adore.synthesis.edits.registry import register_edit
from adore.synthesis.surface import match_case
from adore.text import Token, tokenize
from adore.types import Grade, Item

__all__ = [
    "add_head",
    "add_head_in_phrase",
    "ask_to_know",
    "ask_to_know_otherwise",
    "make_accessory",
    "make_other_accessory",
    "pick_accessory",
    "pick_alternative",
    "pick_complement",
    "pick_modifier",
    "pick_other_type",
    "stuff_title",
    "stuff_title_in_front",
    "swap_type",
]

_NEAR_PRODUCT = 200
"""Items nearest to a product word, whose titles show what may follow it."""
_NEAR_CONTEXT = 40
"""Items nearest to a query's other words, which name product types that go with them."""
_STUFFED = "item: of another kind, the query in its title"


@register_edit("category", picks_items=True)
def pick_other_type(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """A real item of another product type that shares words with the query and is not made for it.

    Args:
        source: a good pair.
        catalogue: has the items; the most similar to the query come first.
        rng: not used.

    Yields:
        Drafts, each with another item.
    """
    query_stems = thing_stems(source, catalogue)
    for near_item in near_items(source, catalogue):
        if not near_item.is_other_type or near_item.may_belong:
            continue
        if any(near_item.leaf_grades):
            continue  # people called an item of its category a complement or better

        item = near_item.item
        title_stems = catalogue.title_stems(item.item_id)
        shared_stems = sorted(query_stems & title_stems)
        description = f"{REAL_ITEM} that shares {shared_stems}"
        yield source.with_pick(item, description, attribute="product_type")


@register_edit("accessory", picks_items=True)
def pick_accessory(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """A real item of another product type that is made for, or a part of, the asked product.

    Args:
        source: a good pair.
        catalogue: has the items; the most similar to the query come first.
        rng: not used.

    Yields:
        Drafts, each with another item.
    """
    description = f"{REAL_ITEM}, made for what is asked"
    for near_item in near_items(source, catalogue):
        if near_item.is_other_type and near_item.is_accessory:
            yield source.with_pick(
                near_item.item, description, attribute="product_type"
            )


@register_edit("complement", picks_items=True)
def pick_complement(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """A real item of a category whose items people called complements for this query.

    Args:
        source: a good pair. People graded the query's items, else there is no draft.
        catalogue: has the items; the most similar to the query come first.
        rng: not used.

    Yields:
        Drafts, each with another item.
    """
    description = f"{REAL_ITEM} of a kind that people call a complement"
    for near_item in near_items(source, catalogue):
        if near_item.is_other_type and near_item.is_mostly(Grade.COMPLEMENT):
            yield source.with_pick(
                near_item.item, description, attribute="product_type"
            )


@register_edit("alternative", picks_items=True)
def pick_alternative(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """A real item of a neighbouring category: one that people accept as a substitute, or
    whose title leaves its product type open.

    Args:
        source: a good pair.
        catalogue: has the items; the most similar to the query come first.
        rng: not used.

    Yields:
        Drafts, each with another item.
    """
    description = f"{REAL_ITEM} of a neighbouring kind"
    for near_item in near_items(source, catalogue):
        states = near_item.states
        if near_item.may_belong or states in ((), ("match",)):
            continue
        if not near_item.is_neighbour and not near_item.is_other_type:
            continue

        # a category that nobody graded counts as one of substitutes
        lowest_grade = min(near_item.leaf_grades, default=Grade.SUBSTITUTE)
        is_unknown = states == ("unknown",)
        is_open = (
            near_item.is_neighbour and is_unknown and lowest_grade == Grade.SUBSTITUTE
        )
        if is_open or near_item.is_mostly(Grade.SUBSTITUTE):
            yield source.with_pick(
                near_item.item, description, attribute="product_type"
            )


@register_edit("modifier-as-head", picks_items=True)
def pick_modifier(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """A real item of the type that a word beside the query's head names (``desk`` for ``desk
    lamp``).

    Args:
        source: a good pair. Its query has such a word, else there is no draft.
        catalogue: has the items; the most similar to the query come first.
        rng: not used.

    Yields:
        Drafts, each with another item.
    """
    loose_stems = set[str]()
    for fact in source.evidence:
        if fact.attribute == "feature":
            loose_stems.add(fact.asked)

    for near_item in near_items(source, catalogue):
        item = near_item.item
        leaf_stems = catalogue.leaf_stems(item)
        if not near_item.is_other_type or not leaf_stems:
            continue

        head = leaf_stems[-1]
        title_stems = catalogue.title_stems(item.item_id)
        if head in loose_stems and head in title_stems:
            description = f"{REAL_ITEM}, a {head}"
            yield source.with_pick(item, description, attribute="product_type")


# ---------------------------------------------------------------- other queries


@register_edit("category")
def swap_type(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The query names another product type that goes with the query's other words in the
    catalogue.

    Args:
        source: a good pair. It matches in the product type, and its query has other
            words, else there is no draft.
        catalogue: has the product types, of items near the other words.
        rng: not used.

    Yields:
        Drafts, each with another query.
    """
    steps_of_good = good_steps(source, catalogue)
    query_stems = catalogue.stems(source.query)
    for match in source.matched("product_type"):
        context = [stem for stem in query_stems if stem != match.asked]
        if not context:
            continue

        # a plural is replaced by a plural
        old_word = match.asked_quote
        ending = "s" if old_word.endswith("s") else ""
        for item_id in catalogue.nearest_items(context, _NEAR_CONTEXT):
            item = catalogue.items[item_id]
            steps = catalogue.category_steps(item)
            if not steps_of_good.isdisjoint(steps):
                continue

            head = catalogue.category_head(item)
            title_stems = catalogue.title_stems(item_id)
            if not head or head in context or head not in title_stems:
                continue

            # half of the other words or more go with the new type
            shared_stems = [stem for stem in context if stem in title_stems]
            if len(shared_stems) < len(context) / 2:
                continue

            new_word = head + ending
            yield source.with_words(old_word, new_word, attribute="product_type")


@register_edit("modifier-as-head")
def add_head(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The query asks for a thing named after the product (``water bottle brush``).

    Args:
        source: a good pair. It matches in the product type, else there is no draft.
        catalogue: has the titles that name such things.
        rng: not used.

    Yields:
        Drafts, each with another query.
    """
    for head in _following_heads(source, catalogue):
        compound = f"{head.after} {head.word}"
        yield source.with_words(head.after, compound, attribute="product_type")


@register_edit("modifier-as-head", held_out=True)
def add_head_in_phrase(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """The query asks for a thing for the product (``brush for water bottle``).

    Args:
        source: a good pair. It matches in the product type, else there is no draft.
        catalogue: has the titles that name such things, and the word for "for".
        rng: not used.

    Yields:
        Drafts, each with another query.
    """
    join_words = catalogue.language.says("thing_for")
    if not join_words:
        return

    join = join_words[0]
    product = source.query.strip()
    for head in _following_heads(source, catalogue):
        beginning = f"{head.word} {join}"
        query = f"{beginning} {product}"
        description = f"query: {beginning} it"
        yield source.with_query(query, description, attribute="product_type")


@dataclass(frozen=True, slots=True)
class _FollowingHead:
    """A product word after the query's own, as titles of other types have it.

    Attributes:
        after: the query's own product word, as the query writes it.
        word: the word that follows, as a title writes it, in lower case.
    """

    after: str
    word: str


def _following_heads(source: Source, catalogue: Catalogue) -> Iterator[_FollowingHead]:
    """Product words that follow the query's own in titles of other product types."""
    steps_of_good = good_steps(source, catalogue)
    query_stems = set(catalogue.stems(source.query))
    for match in source.matched("product_type"):
        known_stems = set(query_stems)
        for item_id in catalogue.nearest_items([match.asked], _NEAR_PRODUCT):
            item = catalogue.items[item_id]
            steps = catalogue.category_steps(item)
            if not steps_of_good.isdisjoint(steps):
                continue

            for head in _words_after(match.asked, item.title, catalogue.language):
                stem = head.stem
                if stem in known_stems or stem not in catalogue.product_words:
                    continue

                known_stems.add(stem)
                word = item.title[head.start : head.end]
                yield _FollowingHead(
                    after=match.asked_quote,
                    word=word.lower(),
                )


def _words_after(stem: str, title: str, language: Language) -> Iterator[Token]:
    """The words of a title that follow a stem without a mark between them."""
    tokens = tokenize(title, language)
    for token, following in itertools.pairwise(tokens):
        between = title[token.end : following.start]
        if token.stem == stem and between in (" ", "-"):
            yield following


@register_edit("knowledge-intent")
def ask_to_know(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The query wants to know something about the product.

    Args:
        source: a good pair.
        catalogue: has the questions, by its language.
        rng: draws which of them are asked.

    Yields:
        Drafts, each with another query.
    """
    forms = catalogue.language.says("know")
    yield from _questions(source, forms, rng)


@register_edit("knowledge-intent", held_out=True)
def ask_to_know_otherwise(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """As :func:`ask_to_know`, with questions that training never asks.

    Args:
        source: a good pair.
        catalogue: has the questions, by its language.
        rng: draws which of them are asked.

    Yields:
        Drafts, each with another query.
    """
    forms = catalogue.language.says("know_held")
    yield from _questions(source, forms, rng)


def _questions(source: Source, forms: Sequence[str], rng: Random) -> Iterator[Draft]:
    """Drafts that ask about the query in some of the forms."""
    product = source.query.strip()
    for question_form in sample(forms, rng):
        query = question_form.format(product)
        outline = question_form.format("...")
        description = f"query: {outline}"
        yield source.with_query(query, description, attribute="product_type")


# ---------------------------------------------------------------- other items


@register_edit("accessory")
def make_accessory(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """The item becomes a case or spare parts for what it was.

    Args:
        source: a good pair. Its category has a step above the last, else there is no
            draft.
        catalogue: has the words, by its language.
        rng: draws the order of the accessories.

    Yields:
        Drafts, each with another item.
    """
    accessories = catalogue.language.says("things")
    yield from _accessories(source, catalogue, rng, accessories)


@register_edit("accessory", held_out=True)
def make_other_accessory(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """As :func:`make_accessory`, with accessories that training never makes.

    Args:
        source: a good pair. Its category has a step above the last, else there is no
            draft.
        catalogue: has the words, by its language.
        rng: draws the order of the accessories.

    Yields:
        Drafts, each with another item.
    """
    accessories = catalogue.language.says("things_held")
    yield from _accessories(source, catalogue, rng, accessories)


def _accessories(
    source: Source, catalogue: Catalogue, rng: Random, accessories: Sequence[str]
) -> Iterator[Draft]:
    """Drafts in which the item becomes each of the accessories."""
    item = source.item
    department = item.category.rpartition(" > ")[0]
    if not department:
        return

    join_words = catalogue.language.says("thing_for")
    categories = catalogue.language.says("apart")
    for accessory in shuffled(accessories, rng):
        # "Water Bottle" becomes "Replacement Parts for Water Bottle"
        prefix = match_case(accessory, item.title)
        join = match_case(join_words[0], item.title)
        accessory_item = replace(
            item,
            title=f"{prefix} {join} {item.title}",
            category=f"{department} > {categories[0]}",
            description="",
            bullet_points=(),
        )
        description = f"item: a {accessory.lower()} for it"
        yield source.with_item(accessory_item, description, attribute="product_type")


@register_edit("keyword-stuffing")
def stuff_title(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The title of an item of another product type ends with the whole query.

    Args:
        source: a good pair.
        catalogue: has the items near the query that get the new titles.
        rng: draws which of them.

    Yields:
        Drafts, each with another item.
    """
    for item in _items_to_stuff(source, catalogue, rng):
        words = match_case(source.query, item.title)
        title = f"{item.title} - {words}"
        stuffed = replace(item, title=title)
        yield source.with_item(stuffed, _STUFFED, attribute="product_type")


@register_edit("keyword-stuffing", held_out=True)
def stuff_title_in_front(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """The title of an item of another product type begins with the whole query.

    Args:
        source: a good pair.
        catalogue: has the items near the query that get the new titles.
        rng: draws which of them.

    Yields:
        Drafts, each with another item.
    """
    for item in _items_to_stuff(source, catalogue, rng):
        words = match_case(source.query, item.title)
        title = f"{words} | {item.title}"
        stuffed = replace(item, title=title)
        yield source.with_item(stuffed, _STUFFED, attribute="product_type")


def _items_to_stuff(source: Source, catalogue: Catalogue, rng: Random) -> list[Item]:
    """Some items of other product types near the query."""
    others: list[Item] = []
    for near_item in near_items(source, catalogue):
        if near_item.is_other_type:
            others.append(near_item.item)
    return sample(others, rng)
