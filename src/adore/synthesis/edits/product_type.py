"""Edits that change the product type.

Other types, accessories, complements, neighbouring types, stuffed titles, questions.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from adore.synthesis.catalogue import Catalogue, is_accessory, leaf_path
from adore.synthesis.edits.base import REAL_ITEM, Draft, Source, sample
from adore.synthesis.edits.registry import register_edit
from adore.synthesis.surface import match_case, swap
from adore.text import tokenize
from adore.types import Evidence, Grade, Item

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

_NAMING_ATTRIBUTES = ("product_type", "brand", "model", "compatibility")
_ACCESSORY_CATEGORIES = frozenset(["accessory", "replacement"])
_STUFFED = "item: of another kind, the query in its title"
_NEAR_QUERY = 200
"""Items nearest to a query, among which an edit picks."""
_NEAR_CONTEXT = 40
"""Items nearest to a query's other words, which name product types that go with them."""


def _thing_stems(source: Source, catalogue: Catalogue) -> frozenset[str]:
    """The query's words that may name a thing; people (``for women``) are no thing."""
    language = catalogue.language
    stems = frozenset(
        stem
        for stem in catalogue.stems(source.query)
        if stem.isalpha() and len(stem) > 2
    )
    return stems - language.absence.stems - language.stop - language.audiences.keys()


def _right_steps(source: Source, catalogue: Catalogue) -> set[str]:
    """The category steps of the query's good items."""
    steps = set[str]()
    for item_id in source.good_ids:
        steps |= catalogue.category_steps(catalogue.items[item_id])
    return steps


# ---------------------------------------------------------------- items near the query


@dataclass(frozen=True, slots=True)
class _NearItem:
    """An item that shares a word with the query.

    Attributes:
        item: the item.
        states: what the evidence says of the product type.
        is_other_type: it shares no category step with a good item, and its product type
            contradicts the query.
        is_neighbour: it shares a category step with a good item, but not the last one.
        may_belong: it may be a part of, or made for, something in the query.
        is_accessory: it is, for the very product, brand, model or device that is asked for.
        leaf_grades: grades that people gave other items of its last category step.
    """

    item: Item
    states: tuple[str, ...]
    is_other_type: bool
    is_neighbour: bool
    may_belong: bool
    is_accessory: bool
    leaf_grades: tuple[int, ...]

    def is_mostly(self, grade: Grade) -> bool:
        """Whether people gave its category this grade in the majority, and never exact."""
        if Grade.EXACT in self.leaf_grades:
            return False
        return 2 * self.leaf_grades.count(grade) > len(self.leaf_grades)


def _near_items(source: Source, catalogue: Catalogue) -> list[_NearItem]:
    """Items near the query that no one judged, searched once for all of its good pairs."""
    key = ("near items", source.query_id, source.excluded)
    if key not in catalogue.memo:
        catalogue.memo[key] = list(_search(source, catalogue))
    near_items: list[_NearItem] = catalogue.memo[key]
    return near_items


def _search(source: Source, catalogue: Catalogue) -> Iterator[_NearItem]:
    """Items that share a word of their title with the query, the most similar first."""
    thing_stems = _thing_stems(source, catalogue)
    naming_stems = _naming_stems(source)
    right_steps = _right_steps(source, catalogue)
    right_leaves = {
        leaf_path(catalogue.items[item_id])[-1:] for item_id in source.good_ids
    }

    grades_by_leaf: dict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
    for item_id, grade in source.graded.items():
        leaf = leaf_path(catalogue.items[item_id])[-1:]
        grades_by_leaf[leaf][item_id] = grade

    for item_id in catalogue.nearest_items(thing_stems, _NEAR_QUERY):
        item = catalogue.items[item_id]
        title_stems = catalogue.title_stems(item_id)
        steps = catalogue.category_steps(item)
        if item_id in source.excluded or not steps or not thing_stems & title_stems:
            continue

        evidence = catalogue.evidence(source.query, source.reading, item_id)
        facts = [fact for fact in evidence if fact.attribute == "product_type"]
        states = tuple(fact.state for fact in facts)

        leaf = leaf_path(item)[-1:]
        shares_step = bool(right_steps & steps)
        for_the_product = _may_belong(naming_stems, catalogue, item, facts)

        # the item's own grade is left out, so that an audit by it is fair
        leaf_grades: list[int] = []
        for other_id, grade in grades_by_leaf[leaf].items():
            if other_id != item_id:
                leaf_grades.append(grade)

        yield _NearItem(
            item,
            states,
            is_other_type=not shares_step and "conflict" in states,
            is_neighbour=shares_step and leaf not in right_leaves,
            may_belong=_may_belong(thing_stems, catalogue, item, facts),
            is_accessory=for_the_product and bool(naming_stems & title_stems),
            leaf_grades=tuple(leaf_grades),
        )


def _naming_stems(source: Source) -> frozenset[str]:
    """The words of the product, brand, model and device that the query asks for."""
    stems = set[str]()
    for attribute in _NAMING_ATTRIBUTES:
        for value in source.reading.values.get(attribute, ()):
            stems.update(value.value.split())
    return frozenset(stems)


def _may_belong(
    stems: frozenset[str], catalogue: Catalogue, item: Item, facts: Sequence[Evidence]
) -> bool:
    """Whether an item may be a part of, or made for, something that the stems name."""
    if any(is_accessory(fact) for fact in facts):
        return True
    if _ACCESSORY_CATEGORIES & set(catalogue.stems(item.category)):
        return True
    return bool(stems & catalogue.made_for(item.item_id))


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
    thing_stems = _thing_stems(source, catalogue)
    for near_item in _near_items(source, catalogue):
        if not near_item.is_other_type or near_item.may_belong:
            continue
        if any(near_item.leaf_grades):
            continue  # people called an item of its category a complement or better

        item = near_item.item
        shared_stems = sorted(thing_stems & catalogue.title_stems(item.item_id))
        edit = f"{REAL_ITEM} that shares {shared_stems}"
        yield Draft(source.query, item, "product_type", edit, picked=True)


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
    edit = f"{REAL_ITEM}, made for what is asked"
    for near_item in _near_items(source, catalogue):
        if near_item.is_other_type and near_item.is_accessory:
            yield Draft(source.query, near_item.item, "product_type", edit, picked=True)


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
    edit = f"{REAL_ITEM} of a kind that people call a complement"
    for near_item in _near_items(source, catalogue):
        if near_item.is_other_type and near_item.is_mostly(Grade.COMPLEMENT):
            yield Draft(source.query, near_item.item, "product_type", edit, picked=True)


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
    edit = f"{REAL_ITEM} of a neighbouring kind"
    for near_item in _near_items(source, catalogue):
        if near_item.may_belong or near_item.states in ((), ("match",)):
            continue
        if not near_item.is_neighbour and not near_item.is_other_type:
            continue

        is_unknown = near_item.is_neighbour and near_item.states == ("unknown",)
        # a category that nobody graded counts as one of substitutes
        lowest_grade = min(near_item.leaf_grades, default=Grade.SUBSTITUTE)
        is_open = is_unknown and lowest_grade == Grade.SUBSTITUTE
        if is_open or near_item.is_mostly(Grade.SUBSTITUTE):
            yield Draft(source.query, near_item.item, "product_type", edit, picked=True)


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
    loose_stems = {
        fact.asked for fact in source.evidence if fact.attribute == "feature"
    }
    for near_item in _near_items(source, catalogue):
        leaf_stems = _leaf_stems(near_item.item, catalogue)
        if not near_item.is_other_type or not leaf_stems:
            continue

        head = leaf_stems[-1]
        title_stems = catalogue.title_stems(near_item.item.item_id)
        if head in loose_stems and head in title_stems:
            edit = f"{REAL_ITEM}, a {head}"
            yield Draft(source.query, near_item.item, "product_type", edit, picked=True)


def _leaf_stems(item: Item, catalogue: Catalogue) -> list[str]:
    """The stems of the last step of an item's category."""
    leaf = " ".join(leaf_path(item)[-1:])
    return catalogue.stems(leaf)


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
    right_steps = _right_steps(source, catalogue)
    query_stems = catalogue.stems(source.query)
    for match in source.matched("product_type"):
        context = [stem for stem in query_stems if stem != match.asked]
        if not context:
            continue

        old_word = match.asked_quote
        for item_id in catalogue.nearest_items(context, _NEAR_CONTEXT):
            item = catalogue.items[item_id]
            if right_steps & catalogue.category_steps(item):
                continue

            head = _head_of(item, catalogue)
            title_stems = catalogue.title_stems(item_id)
            if not head or head in context or head not in title_stems:
                continue

            # half of the other words or more go with the new type
            shared_stems = [stem for stem in context if stem in title_stems]
            if 2 * len(shared_stems) < len(context):
                continue

            new_word = head
            if old_word.endswith("s"):
                new_word = f"{head}s"
            query = swap(source.query, old_word, new_word)
            edit = f"query: {old_word} -> {new_word}"
            yield Draft(query, source.item, "product_type", edit)


def _head_of(item: Item, catalogue: Catalogue) -> str:
    """The last product word of an item's last category step; empty if it has none."""
    for stem in reversed(_leaf_stems(item, catalogue)):
        if stem in catalogue.product_words:
            return stem
    return ""


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
        query = swap(source.query, head.after, compound)
        edit = f"query: {head.after} -> {compound}"
        yield Draft(query, source.item, "product_type", edit)


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
    joins = catalogue.language.says("thing_for")
    if not joins:
        return

    join = joins[0]
    for head in _following_heads(source, catalogue):
        query = f"{head.word} {join} {source.query.strip()}"
        edit = f"query: {head.word} {join} it"
        yield Draft(query, source.item, "product_type", edit)


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
    right_steps = _right_steps(source, catalogue)
    query_stems = set(catalogue.stems(source.query))
    for match in source.matched("product_type"):
        known_stems = set(query_stems)
        for item_id in catalogue.nearest_items([match.asked], _NEAR_QUERY):
            item = catalogue.items[item_id]
            if right_steps & catalogue.category_steps(item):
                continue

            tokens = tokenize(item.title, catalogue.language)
            for token, head in itertools.pairwise(tokens):
                between = item.title[token.end : head.start]
                if token.stem != match.asked or between not in (" ", "-"):
                    continue
                if head.stem not in catalogue.product_words or head.stem in known_stems:
                    continue

                known_stems.add(head.stem)
                word = item.title[head.start : head.end].lower()
                yield _FollowingHead(match.asked_quote, word)


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
    for form in sample(forms, rng):
        query = form.format(source.query.strip())
        outline = form.format("...")
        yield Draft(query, source.item, "product_type", f"query: {outline}")


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

    joins = catalogue.language.says("thing_for")
    categories = catalogue.language.says("apart")
    for accessory in rng.sample(accessories, len(accessories)):
        # "Water Bottle" becomes "Replacement Parts for Water Bottle"
        prefix = match_case(accessory, item.title)
        join = match_case(joins[0], item.title)
        accessory_item = replace(
            item,
            title=f"{prefix} {join} {item.title}",
            category=f"{department} > {categories[0]}",
            description="",
            bullet_points=(),
        )
        edit = f"item: a {accessory.lower()} for it"
        yield Draft(source.query, accessory_item, "product_type", edit)


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
        stuffed = replace(item, title=f"{item.title} - {words}")
        yield Draft(source.query, stuffed, "product_type", _STUFFED)


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
        stuffed = replace(item, title=f"{words} | {item.title}")
        yield Draft(source.query, stuffed, "product_type", _STUFFED)


def _items_to_stuff(source: Source, catalogue: Catalogue, rng: Random) -> list[Item]:
    """Some items of other product types near the query."""
    others: list[Item] = []
    for near_item in _near_items(source, catalogue):
        if near_item.is_other_type:
            others.append(near_item.item)
    return sample(others, rng)
