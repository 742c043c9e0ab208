"""A shop's own fields: read whatever they are called,
and held against queries that name their values.
"""

from __future__ import annotations

from typing import Any

import pytest

from adore.attributes.comparison import compare
from adore.attributes.custom_fields import (
    mine_custom_fields,
    read_custom_fields,
    with_unit,
)
from adore.attributes.language_packs import load_language
from adore.attributes.lexicon import Lexicon
from adore.attributes.reader import Reader
from adore.prompts import trace
from adore.teacher.parse import find_quote
from adore.types import Evidence, Item


def item(n: int, title: str, **attributes: Any) -> Item:
    return Item(str(n), title, attributes=attributes)


ITEMS = [
    item(
        0,
        "Flask, type 2",
        seal="Viton",
        is_sterile=True,
        volume_ml=250,
        use=["cell culture", "storage"],
    ),
    item(
        1,
        "Flask",
        seal="EPDM",
        is_sterile=False,
        volume_ml="500",
        use="storage; transport",
    ),
    item(
        2,
        "Jar",
        seal="viton",
        is_sterile="yes",
        extra={"lid": "snap-on"},
        alias="specimen pot",
    ),
    item(
        3,
        "Jar",
        seal="EPDM",
        is_sterile="no",
        extra={"lid": "snap-on"},
        use="cell culture",
    ),
    item(4, "Rack for flasks", extra={"lid": "screw"}),
]
ENGLISH = load_language("en")
READER = Reader(Lexicon.mine(ITEMS))


def evidence(query: str, n: int) -> dict[str, Evidence]:
    return {
        e.attribute: e
        for e in compare(READER.read_query(query), READER.read_item(ITEMS[n]))
    }


@pytest.mark.parametrize(
    ("query", "n", "attribute", "state"),
    [
        ("viton", 0, "feature", "match"),
        ("viton", 1, "feature", "conflict"),
        ("viton", 4, "feature", "unknown"),
        ("sterile", 2, "feature", "match"),
        ("sterile", 3, "feature", "conflict"),
        ("snap-on", 3, "feature", "match"),
        ("snap-on", 4, "feature", "conflict"),
        ("cell culture flask", 0, "feature", "match"),
        ("cell culture flask", 1, "feature", "conflict"),
        ("cell culture flask", 1, "product_type", "match"),
        ("250ml", 0, "size", "match"),
        ("250ml", 1, "size", "conflict"),
        ("pot", 2, "product_type", "match"),
    ],
)
def test_a_query_of_one_word_may_name_a_value_of_any_field(
    query: str, n: int, attribute: str, state: str
) -> None:
    found = evidence(query, n)[attribute]
    assert found.state == state
    assert not found.found_quote or find_quote(found.found_quote, found.where, ITEMS[n])


def test_a_conflict_in_an_own_field_is_told_to_the_teacher() -> None:
    assert "feature match 0 unknown 0 conflict 1\n" in trace(
        list(evidence("viton", 1).values())
    )


def test_words_of_the_title_are_not_taken_from_it_by_a_field() -> None:
    books = [item(n, "Colouring book", is_book=False) for n in range(8)]
    books += [item(8, "Novel", is_book=True), item(9, "Poems", is_book=True)]
    assert "book" not in mine_custom_fields(
        books, ENGLISH
    ) and "sterile" in mine_custom_fields(ITEMS, ENGLISH)


def test_fields_known_by_name_numbers_and_long_texts_are_not_own_values() -> None:
    one = item(
        1,
        "x",
        colour="red",
        price_usd=3,
        stock=7,
        sku="AB-1",
        note="n/a",
        story="Once upon a time there was",
    )
    assert [o.field for o in read_custom_fields(one, ENGLISH)] == [
        "story"
    ] and not mine_custom_fields([one, one], ENGLISH)
    assert (
        with_unit("weight (kg)", 2) == "2 kg"
        and not with_unit("ml", 2)
        and not with_unit("len_mm", "2x3")
    )


def test_a_field_of_ones_and_zeros_is_a_flag_and_one_of_other_numbers_is_not() -> None:
    shop = [item(n, "Seed", heirloom=n % 2, stages=str(n % 3)) for n in range(9)]
    assert mine_custom_fields(shop, ENGLISH) == {"heirloom": ("heirloom",)}


def test_the_lexicon_keeps_them() -> None:
    lexicon = READER.lexicon
    assert (
        lexicon.own["viton"] == ("seal",)
        and Lexicon.from_json(lexicon.to_json()) == lexicon
    )
