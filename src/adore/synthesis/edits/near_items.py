"""Items near a query, with what tells whether they are of another product type."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from adore.synthesis.catalogue import Catalogue, is_accessory, leaf_step
from adore.synthesis.edits.base import Source
from adore.types import Evidence, Grade, Item

__all__ = ["NearItem", "good_steps", "near_items", "thing_stems"]

_NAMING_ATTRIBUTES = ("product_type", "brand", "model", "compatibility")
_ACCESSORY_CATEGORIES = frozenset(["accessory", "replacement"])
_NEAR_QUERY = 200
"""Items nearest to a query, among which an edit picks."""


def thing_stems(source: Source, catalogue: Catalogue) -> frozenset[str]:
    """The query's words that may name a thing; people (``for women``) are no thing.

    Args:
        source: a good pair.
        catalogue: has the language.

    Returns:
        Stems.
    """
    language = catalogue.language
    words = set[str]()
    for stem in catalogue.stems(source.query):
        if stem.isalpha() and len(stem) > 2:
            words.add(stem)

    words -= language.absence.stems
    words -= language.stop
    words -= language.audiences.keys()
    return frozenset(words)


def good_steps(source: Source, catalogue: Catalogue) -> set[str]:
    """The category steps of the query's good items.

    Args:
        source: a good pair.
        catalogue: has the items.

    Returns:
        Steps that name a kind of product.
    """
    steps = set[str]()
    for item_id in source.good_ids:
        item = catalogue.items[item_id]
        steps |= catalogue.category_steps(item)
    return steps


@dataclass(frozen=True, slots=True)
class NearItem:
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
        number = self.leaf_grades.count(grade)
        return 2 * number > len(self.leaf_grades)


def near_items(source: Source, catalogue: Catalogue) -> list[NearItem]:
    """Items that share a word with the query, searched once for all of its good pairs.

    Args:
        source: a good pair.
        catalogue: has the items.

    Returns:
        Items that no one excluded, the most similar first.
    """
    # an audit excludes other items, so they are part of the key
    key = ("near items", source.query_id, source.excluded)
    if key not in catalogue.memo:
        found_items = _search(source, catalogue)
        catalogue.memo[key] = list(found_items)
    items: list[NearItem] = catalogue.memo[key]
    return items


def _search(source: Source, catalogue: Catalogue) -> Iterator[NearItem]:
    """Items that share a word of their title with the query, the most similar first."""
    query_stems = thing_stems(source, catalogue)
    naming_stems = _naming_stems(source)
    steps_of_good = good_steps(source, catalogue)
    leaves_of_good = _good_leaves(source, catalogue)
    grades_by_leaf = _grades_by_leaf(source, catalogue)

    for item_id in catalogue.nearest_items(query_stems, _NEAR_QUERY):
        item = catalogue.items[item_id]
        steps = catalogue.category_steps(item)
        if item_id in source.excluded or not steps:
            continue
        title_stems = catalogue.title_stems(item_id)
        if query_stems.isdisjoint(title_stems):
            continue

        facts: list[Evidence] = []
        states: list[str] = []
        for fact in catalogue.evidence(source.query, source.reading, item_id):
            if fact.attribute == "product_type":
                facts.append(fact)
                states.append(fact.state)

        # a shared category step outweighs a title that names another product
        shares_step = not steps_of_good.isdisjoint(steps)
        is_other_type = not shares_step and "conflict" in states

        last_step = leaf_step(item)
        is_neighbour = shares_step and last_step not in leaves_of_good

        # "strap for watch" belongs to a watch; it must also name the watch that is asked for
        for_the_product = _may_belong(naming_stems, catalogue, item, facts)
        names_the_product = not naming_stems.isdisjoint(title_stems)

        # the item's own grade is left out, so that an audit by it is fair
        grades_of_leaf = grades_by_leaf.get(last_step, {})
        leaf_grades: list[int] = []
        for other_id, grade in grades_of_leaf.items():
            if other_id != item_id:
                leaf_grades.append(grade)

        yield NearItem(
            item=item,
            states=tuple(states),
            is_other_type=is_other_type,
            is_neighbour=is_neighbour,
            may_belong=_may_belong(query_stems, catalogue, item, facts),
            is_accessory=for_the_product and names_the_product,
            leaf_grades=tuple(leaf_grades),
        )


def _good_leaves(source: Source, catalogue: Catalogue) -> set[str]:
    """The last category steps of the query's good items."""
    leaves = set[str]()
    for item_id in source.good_ids:
        item = catalogue.items[item_id]
        leaves.add(leaf_step(item))
    return leaves


def _grades_by_leaf(
    source: Source, catalogue: Catalogue
) -> Mapping[str, Mapping[str, int]]:
    """Last category step to the human grades of its items for the query."""
    grades: dict[str, dict[str, int]] = defaultdict(dict)
    for item_id, grade in source.graded.items():
        item = catalogue.items[item_id]
        leaf = leaf_step(item)
        grades[leaf][item_id] = grade
    return grades


def _naming_stems(source: Source) -> frozenset[str]:
    """The words of the product, brand, model and device that the query asks for."""
    stems = set[str]()
    for attribute in _NAMING_ATTRIBUTES:
        for value in source.asked_values(attribute):
            stems.update(value.value.split())
    return frozenset(stems)


def _may_belong(
    stems: frozenset[str], catalogue: Catalogue, item: Item, facts: Sequence[Evidence]
) -> bool:
    """Whether an item may be a part of, or made for, something that the stems name."""
    for fact in facts:
        if is_accessory(fact):
            return True
    category_stems = catalogue.stems(item.category)
    if not _ACCESSORY_CATEGORIES.isdisjoint(category_stems):
        return True
    made_for = catalogue.made_for(item.item_id)
    return not stems.isdisjoint(made_for)
