"""Edits that change the value of one attribute: brand, size, colour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from adore.attributes.language import Language
from adore.synthesis.catalogue import ASKABLE, FOR_EVERYBODY, Catalogue
from adore.synthesis.edits.base import (
    REAL_ITEM,
    Draft,
    Source,
    ask_value,
    if_changed,
    rewrite_item,
    sample,
    shopper_word,
    shuffled,
    similar_items,
)
from adore.synthesis.edits.registry import register_edit
from adore.synthesis.surface import insert, resize
from adore.taxonomy import TYPE_OF, ErrorType
from adore.types import Evidence, Value

__all__ = [
    "ask_in_phrase",
    "ask_in_query",
    "ask_partly",
    "ask_partly_in_phrase",
    "pick_item",
    "pick_partly",
    "swap_in_item",
    "swap_in_query",
]


def _names_askable_attribute(error: ErrorType) -> bool:
    """Whether any conflict in an attribute that a shopper can ask for is of this type."""
    # a type of some conflicts only, such as neighbouring sizes, needs edits of its own
    attribute = error.attribute
    return attribute in ASKABLE and TYPE_OF[attribute] == error.name


@register_edit(_names_askable_attribute, "negation", picks_items=True)
def pick_item(
    source: Source, catalogue: Catalogue, rng: Random, *, attribute: str
) -> Iterator[Draft]:
    """A real item like the good one that has another value of the asked attribute.

    Args:
        source: a good pair. Its query asks for the attribute, else there is no draft.
        catalogue: has the items; the most similar come first.
        rng: not used.
        attribute: the attribute.

    Yields:
        Drafts, each with another item.
    """
    if not source.asks(attribute):
        return

    suitable_values = {value.value for value in source.asked_values(attribute)}
    suitable_values |= FOR_EVERYBODY
    for item in similar_items(source, catalogue):
        values = catalogue.item_values(item.item_id, attribute)
        item_values = {value.value for value in values}

        # an item that states both values does not contradict the query
        contradicts = suitable_values.isdisjoint(item_values)
        if contradicts or attribute == "exclusion":
            yield source.with_pick(item, REAL_ITEM, attribute=attribute)


@register_edit(_names_askable_attribute)
def swap_in_query(
    source: Source, catalogue: Catalogue, rng: Random, *, attribute: str
) -> Iterator[Draft]:
    """The query asks for another value of the attribute than the item has.

    Args:
        source: a good pair. It matches in the attribute, else there is no draft.
        catalogue: has the other values, of items of the same category.
        rng: draws which of them are tried.
        attribute: the attribute.

    Yields:
        Drafts, each with another query.
    """
    for match in source.matched(attribute):
        old_words = match.asked_quote
        other_values = catalogue.other_values(attribute, source.item)
        for value in sample(other_values, rng):
            new_words = _in_form_of(old_words, attribute, value)
            if not new_words:
                continue

            draft = source.with_words(old_words, new_words, attribute=attribute)
            yield from if_changed(source, draft)


def _in_form_of(old_words: str, attribute: str, value: Value) -> str:
    """A value as it is written where ``old_words`` are; nothing if it has no such form."""
    if attribute == "size":
        return resize(old_words, value.value)
    return value.quote


@register_edit(_names_askable_attribute)
def ask_in_query(
    source: Source, catalogue: Catalogue, rng: Random, *, attribute: str
) -> Iterator[Draft]:
    """The query asks, besides, for a value of the attribute that the item does not have.

    Args:
        source: a good pair. Its query does not ask for the attribute, else there is no
            draft.
        catalogue: has the values, of items of the same category.
        rng: draws which of them are tried.
        attribute: the attribute.

    Yields:
        Drafts, each with another query.
    """
    language = catalogue.language
    for value in _lacking_values(source, catalogue, rng, attribute):
        query = ask_value(
            query=source.query,
            attribute=attribute,
            value=value,
            language=language,
        )
        description = f"query: + {value.quote}"
        yield source.with_query(query, description, attribute=attribute)


@register_edit(_names_askable_attribute, held_out=True)
def ask_in_phrase(
    source: Source, catalogue: Catalogue, rng: Random, *, attribute: str
) -> Iterator[Draft]:
    """The query asks for a value that the item does not have, in a phrase (``made of oak``).

    Args:
        source: a good pair. Its query does not ask for the attribute, else there is no
            draft.
        catalogue: has the values, of items of the same category, and the phrases.
        rng: draws which values are tried.
        attribute: the attribute.

    Yields:
        Drafts, each with another query.
    """
    language = catalogue.language
    for value in _lacking_values(source, catalogue, rng, attribute):
        for phrase_form in language.says(attribute):
            word = shopper_word(attribute, value, language)
            phrase = phrase_form.format(word)
            query = insert(source.query, phrase, front=False)
            description = f"query: + {phrase}"
            yield source.with_query(query, description, attribute=attribute)


def _lacking_values(
    source: Source, catalogue: Catalogue, rng: Random, attribute: str
) -> Iterator[Value]:
    """Values that the item lacks and the query may ask for, those of good items first."""
    item_values = catalogue.item_values(source.item.item_id, attribute)
    if source.asks(attribute):
        return
    if all(value.where == "bullet_points" for value in item_values):
        return  # neither title nor fields state what the item has

    # a value of another good item gives the query right and wrong items
    of_good_items = _values_of_good_items(source, catalogue, attribute)
    other_values = catalogue.other_values(attribute, source.item)
    random_values = sample(other_values, rng)
    values = [*of_good_items[:2], *random_values]
    yield from _not_in_query(values, source, catalogue)


def _not_in_query(
    values: Iterable[Value], source: Source, catalogue: Catalogue
) -> list[Value]:
    """The values of which the query has no word."""
    query_stems = set(catalogue.stems(source.query))
    new_values: list[Value] = []
    for value in values:
        value_stems = catalogue.stems(value.quote)
        if query_stems.isdisjoint(value_stems):
            new_values.append(value)
    return new_values


def _values_of_good_items(
    source: Source, catalogue: Catalogue, attribute: str
) -> list[Value]:
    """Values that other good items of the query have and this item lacks."""
    values: dict[str, Value] = {}
    for item_id in source.good_ids:
        item_values = catalogue.item_values(item_id, attribute)
        for value in item_values:
            if value.where != "bullet_points":
                values[value.value] = value

    other_values = catalogue.other_values(attribute, source.item)
    allowed = {value.value for value in other_values}
    return [value for name, value in sorted(values.items()) if name in allowed]


@register_edit(_names_askable_attribute)
def swap_in_item(
    source: Source, catalogue: Catalogue, rng: Random, *, attribute: str
) -> Iterator[Draft]:
    """The item, in all its fields, has another value of the attribute than the query asks for.

    Args:
        source: a good pair. It matches in the attribute, else there is no draft.
        catalogue: has the other values, of items of the same category.
        rng: draws which of them are tried.
        attribute: the attribute.

    Yields:
        Drafts, each with another item.
    """
    for match in source.matched(attribute):
        spellings = _spellings(match, catalogue.language)
        other_values = catalogue.other_values(attribute, source.item)
        for value in sample(other_values, rng):
            new_words = _in_form_of(match.found_quote, attribute, value)
            if not new_words:
                continue

            item = source.item
            for old_words in spellings:
                item = rewrite_item(item, old_words, new_words)
            if item != source.item:
                description = f"item: {match.found_quote} -> {new_words}"
                yield source.with_item(item, description, attribute=attribute)


def _spellings(match: Evidence, language: Language) -> list[str]:
    """How the item's texts may write what it has: a colour by any name of its family."""
    if match.attribute != "colour":
        return [match.found_quote]

    spellings = {match.found, match.found_quote}
    for word, family in language.forms["colours"].items():
        if family == match.found:
            spellings.add(word)
    return sorted(spellings)


# ---------------------------------------------------------------- several constraints


@dataclass(frozen=True, slots=True)
class _Constraint:
    """A value of an attribute that a query can ask for."""

    attribute: str
    value: Value


@register_edit("partial-multi-constraint", picks_items=True)
def pick_partly(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """A real item that has all but one of what a query of three constraints or more asks for.

    Args:
        source: a good pair. It matches in three constraints, else there is no draft.
        catalogue: has the items; the most similar come first.
        rng: not used.

    Yields:
        Drafts, each with another item.
    """
    attributes = _met_attributes(source)
    if len(attributes) < 3:
        return
    for attribute in attributes:
        yield from pick_item(source, catalogue, rng, attribute=attribute)


def _met_attributes(source: Source) -> list[str]:
    """The attributes that the query asks for and the item has, once for each asked value."""
    attributes: list[str] = []
    for fact in source.evidence:
        if fact.attribute in ASKABLE and fact.state == "match":
            attributes.append(fact.attribute)
    return attributes


@register_edit("partial-multi-constraint")
def ask_partly(source: Source, catalogue: Catalogue, rng: Random) -> Iterator[Draft]:
    """The query asks for three constraints or more, of which the item meets all but one.

    Args:
        source: a good pair. What its item has is asked for until two constraints are met.
        catalogue: has the value that the item lacks.
        rng: draws the order of the attributes, and which values are tried.

    Yields:
        Drafts, each with another query.
    """
    extra = _unasked_values(source, catalogue)
    for attribute in shuffled(ASKABLE, rng):
        swapped_drafts = swap_in_query(source, catalogue, rng, attribute=attribute)
        yield from _with_two_met(swapped_drafts, source, catalogue, extra)
        asking_drafts = ask_in_query(source, catalogue, rng, attribute=attribute)
        yield from _with_two_met(asking_drafts, source, catalogue, extra)


@register_edit("partial-multi-constraint", held_out=True)
def ask_partly_in_phrase(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """As :func:`ask_partly`, but the value that the item lacks is asked for in a phrase.

    Args:
        source: a good pair. What its item has is asked for until two constraints are met.
        catalogue: has the value that the item lacks, and the phrases.
        rng: draws the order of the attributes, and which values are tried.

    Yields:
        Drafts, each with another query.
    """
    extra = _unasked_values(source, catalogue)
    for attribute in shuffled(ASKABLE, rng):
        asking_drafts = ask_in_phrase(source, catalogue, rng, attribute=attribute)
        yield from _with_two_met(asking_drafts, source, catalogue, extra)


def _with_two_met(
    drafts: Iterator[Draft],
    source: Source,
    catalogue: Catalogue,
    extra: Sequence[_Constraint],
) -> Iterator[Draft]:
    """Drafts of one attribute whose queries also ask for two constraints that the item meets."""
    attributes = _met_attributes(source)
    for draft in drafts:
        same = attributes.count(draft.attribute)
        met = len(attributes) - same
        missing = max(0, 2 - met)

        added: list[_Constraint] = []
        for constraint in extra:
            if constraint.attribute != draft.attribute:
                added.append(constraint)
        added = added[:missing]

        # every draft is made even where too little is met: the edits share one generator
        if met + len(added) >= 2:
            yield _asking_for_more(draft, added, catalogue.language)


def _unasked_values(source: Source, catalogue: Catalogue) -> list[_Constraint]:
    """What the item has and the query does not ask for: the first value of each attribute."""
    constraints: list[_Constraint] = []
    for attribute in ASKABLE:
        if source.asks(attribute):
            continue
        askable = catalogue.askable_values(source.item.item_id, attribute)
        values = _not_in_query(askable, source, catalogue)
        if values:
            constraints.append(_Constraint(attribute, values[0]))
    return constraints


def _asking_for_more(
    draft: Draft, constraints: Sequence[_Constraint], language: Language
) -> Draft:
    """A draft whose query asks for more values, all of which the item has."""
    query = draft.query
    description = draft.description
    for constraint in constraints:
        value = constraint.value
        query = ask_value(
            query=query,
            attribute=constraint.attribute,
            value=value,
            language=language,
        )
        description += f", + {value.quote} (it has it)"
    return replace(draft, query=query, description=description)
