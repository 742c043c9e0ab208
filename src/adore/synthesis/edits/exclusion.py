"""Edits of what a query excludes: a part that the item has or lacks (``without handle``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from random import Random

from adore.synthesis.catalogue import Catalogue
from adore.synthesis.edits.base import (
    Draft,
    Source,
    sample,
    stems_and_words,
)
from adore.synthesis.edits.registry import register_edit
from adore.synthesis.surface import match_case

__all__ = ["affirm_in_item", "exclude_in_front", "exclude_in_query"]


@register_edit("negation")
def exclude_in_query(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """The query excludes a part that the item has (``… without handle``).

    Args:
        source: a good pair. Its query excludes nothing, else there is no draft.
        catalogue: knows the parts, and has the words for "without".
        rng: draws which parts are tried, and in which words.

    Yields:
        Drafts, each with another query.
    """
    phrase_forms = catalogue.language.says("excluded")
    if not phrase_forms:
        return

    old_query = source.query.strip()
    for part in _named_parts(source, catalogue, rng):
        phrase_form = rng.choice(phrase_forms)
        phrase = phrase_form.format(part)
        query = f"{old_query} {phrase}"
        description = f"query: + {phrase}"
        yield source.with_query(query, description, attribute="exclusion")


@register_edit("negation", held_out=True)
def exclude_in_front(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """The query excludes a part that the item has (``handle-free …``).

    Args:
        source: a good pair. Its query excludes nothing, else there is no draft.
        catalogue: knows the parts, and has the words for "free".
        rng: draws which parts are tried.

    Yields:
        Drafts, each with another query.
    """
    phrase_forms = catalogue.language.says("free")
    if not phrase_forms:
        return

    old_query = source.query.strip()
    form = phrase_forms[0]
    for part in _named_parts(source, catalogue, rng):
        phrase = form.format(part)
        query = f"{phrase} {old_query}"
        description = f"query: + {phrase}"
        yield source.with_query(query, description, attribute="exclusion")


def _named_parts(source: Source, catalogue: Catalogue, rng: Random) -> list[str]:
    """Some of the parts that the item's title names and the query does not."""
    if source.asks("exclusion"):
        return []

    item = source.item
    # what the query asks for, and what the item is, are no parts of it
    other_texts = (source.query, item.brand, item.category)
    other_stems = set(catalogue.stems(" ".join(other_texts)))

    part_words: list[str] = []
    for stem, word in stems_and_words(item.title, catalogue.language):
        if stem in catalogue.parts and stem not in other_stems:
            part_words.append(word.lower())
    return sample(part_words, rng)


@register_edit("negation")
def affirm_in_item(
    source: Source, catalogue: Catalogue, rng: Random
) -> Iterator[Draft]:
    """The item's title says that it has what the query excludes.

    Args:
        source: a good pair. Its query excludes something, else there is no draft.
        catalogue: has the words for "with" and "without".
        rng: not used.

    Yields:
        Drafts, each with another title.
    """
    language = catalogue.language
    old_title = source.item.title
    without_words = map(re.escape, language.says("lacking"))
    without = "|".join(without_words)

    for with_form in language.says("having"):
        for value in source.asked_values("exclusion"):
            # "without straw" becomes "with straw"; any other title gets it at the end
            part = value.quote
            part_pattern = re.escape(part)
            denial_pattern = rf"\b(?:{without})\b(?=\W+{part_pattern})"
            title = re.sub(denial_pattern, with_form, old_title, flags=re.IGNORECASE)
            if title == old_title:
                with_word = match_case(with_form, old_title)
                part_word = match_case(part, old_title)
                title = f"{old_title} {with_word} {part_word}"

            item = replace(source.item, title=title)
            description = f"item: + {with_form} {part}"
            yield source.with_item(item, description, attribute="exclusion")
