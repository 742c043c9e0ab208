"""What is stored of a comparison, and what an item is to the asked product."""

from __future__ import annotations

import json

from adore.attributes.comparison import compare, is_stuffed
from adore.attributes.lexicon import Lexicon
from adore.attributes.reader import Reader
from adore.types import Evidence, Item, Reading

BOTTLES = [
    Item(f"b{row}", f"Acme {colour} water bottle 500 ml", "Acme", "Kitchen > Bottles")
    for row, colour in enumerate(("red", "blue", "green"))
]
CASE = Item("c", "Zeta case for water bottle", "Zeta", "Kitchen > Cases")
STUFFED = Item(
    "s", "Water bottle red blue green black white", category="Kitchen > Lids"
)
SPARE = Item("p", "Omega spare lids", "Omega", "Kitchen > Accessories")
READER = Reader(Lexicon.mine([*BOTTLES, CASE, STUFFED, SPARE]))


def product_type(query: str, item: Item) -> Evidence:
    evidence = compare(READER.read_query(query), READER.read_item(item))
    return next(fact for fact in evidence if fact.attribute == "product_type")


def test_an_evidence_says_what_was_found() -> None:
    assert product_type("water bottle", BOTTLES[0]).relation == "value"
    accessory = product_type("water bottle", CASE)
    assert accessory.relation == "accessory"
    assert accessory.state == "conflict"
    assert product_type("water bottle", SPARE).relation == "accessory"
    stuffed = product_type("water bottle", STUFFED)
    assert stuffed.relation == "stuffing"
    assert is_stuffed([stuffed])
    assert not is_stuffed([accessory])


def test_the_usual_relation_is_not_stored_and_all_are_read_back() -> None:
    evidence = [
        product_type("water bottle", BOTTLES[0]),
        product_type("water bottle", CASE),
    ]
    stored = Evidence.many_to_json(evidence)
    assert ["relation" in row for row in json.loads(stored)] == [False, True]
    assert list(Evidence.many_from_json(stored)) == evidence


def test_a_stored_reading_has_its_fields_by_name_and_no_empty_ones() -> None:
    item = Item(
        "1",
        "Red mug without handle",
        attributes={"price": "12 EUR", "gtin": "4006381333931", "seal": "Viton"},
    )
    reading = READER.read_item(item)
    stored = json.loads(reading.to_json())
    assert set(stored) == {
        "values",
        "words",
        "terms",
        "custom_fields",
        "price",
        "codes",
    }
    assert stored["words"]["title"] == "handle=handle without=without mug=mug red=Red"
    assert stored["terms"]["absent"] == ["handle"]
    assert stored["price"][0] == "12 EUR"
    assert stored["codes"][1][0] == "4006381333931"
    assert stored["custom_fields"] == {"seal": [["viton", "Viton", "attributes.seal"]]}
    assert Reading.from_json(reading.to_json()) == reading
