from __future__ import annotations

from adore.attributes.language_packs import load_language
from adore.attributes.lexicon import Lexicon
from adore.synthesis.parts import count_parts
from adore.types import Item

ENGLISH = load_language("en")


def parts_of(titles: list[str]) -> dict[str, int]:
    items = [Item(str(at), title) for at, title in enumerate(titles)]
    return count_parts(titles, Lexicon.mine(items), ENGLISH)


def test_a_part_is_named_after_with_or_without_in_two_titles() -> None:
    titles = [
        "Steel bottle with wide handle, blue",
        "Glass bottle without handle",
        "Mug with lid",
    ]
    assert parts_of(titles) == {"handle": 2}


def test_a_word_that_is_mostly_used_elsewhere_is_no_part() -> None:
    elsewhere = [f"Cotton sheet, size {number}" for number in range(30)]
    named = ["Bag with size", "Box with size"]
    assert parts_of([*elsewhere, *named]) == {}


def test_colours_and_people_are_no_parts() -> None:
    assert parts_of(["Shirt with red", "Shoe with red", "Set with kids"] * 2) == {}
