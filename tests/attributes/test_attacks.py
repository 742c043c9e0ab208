"""Faked relevance raises no grade of the rules."""

from __future__ import annotations

import random

import pytest

from adore.attributes.attacks import ATTACKS, Attack
from adore.attributes.comparison import compare
from adore.attributes.lexicon import Lexicon
from adore.attributes.reader import Reader
from adore.rulebook import RuleBook
from adore.types import Grade, Item

BOTTLES, PANS = (
    "Kitchen > Drinkware > Water Bottles",
    "Kitchen > Cookware > Frying Pans",
)
ITEMS = [
    *(Item(f"b{n}", f"Acme {c} water bottle 500 ml", "Acme", BOTTLES, attributes={"colour": c})
      for n, c in enumerate(("red", "blue", "green", "black", "white", "red"))),
    *(Item(f"p{n}", f"Zeta {c} frying pan with lid", "Zeta", PANS, "Fits all hobs.",
           ("Washable",), {"colour": c})
      for n, c in enumerate(("red", "blue", "green", "black", "white", "red"))),
    Item("n", "Lonely blue bottle with straw"),
]  # fmt: skip
QUERIES = (
    "red acme water bottle",
    "zeta frying pan without lid",
    "blue bottle 1 l without straw",
    "mens shoes size 9",
)
READER, BOOK = Reader(Lexicon.mine(ITEMS)), RuleBook.load()


def grade(query: str, item: Item) -> Grade:
    return BOOK.apply(compare(READER.read_query(query), READER.read_item(item))).grade


@pytest.mark.parametrize(
    "attack",
    [a for a in ATTACKS if not a.name.startswith("copying")],
    ids=lambda a: a.name,
)
def test_no_grade_is_raised(attack: Attack) -> None:
    rng = random.Random(0)
    for query in QUERIES:
        for item in ITEMS:
            for _ in range(10):
                cheat = attack.apply(query, item, rng)
                assert cheat != item and grade(query, cheat) <= grade(query, item), (
                    query,
                    cheat,
                )


def test_fields_outweigh_a_title_that_copies_the_query() -> None:
    copying = next(a for a in ATTACKS if a.name == "copying")
    for query, item in (
        (QUERIES[0], ITEMS[1]),
        (QUERIES[0], ITEMS[7]),
        (QUERIES[1], ITEMS[0]),
        (QUERIES[1], ITEMS[8]),
    ):
        assert grade(query, copying.apply(query, item, random.Random(1))) <= grade(
            query, item
        )


def test_hidden_words_are_not_read_and_plain_ones_are() -> None:
    for title in (
        "N\u200bi\u200bk\u200be shoe",
        "\u202eredshoes\u202c shoe",
        "shoe " + "".join(chr(0xE0000 + ord(c)) for c in "red"),
    ):
        assert READER.read_item(Item("x", title)).words["title"].line == "shoe=shoe"
    assert (
        "word=word"
        in READER.read_item(Item("x", "\ufeffword shoe")).words["title"].line
    )
