"""Words that exclude each other, offers, price limits and questions, read and compared."""

from __future__ import annotations

import pytest

from adore.attributes.comparison import compare
from adore.attributes.lexicon import Lexicon
from adore.attributes.reader import Reader
from adore.types import Item

ITEMS = [
    Item(
        f"i{n}",
        title,
        category="Home > Kitchen > Trays",
        attributes={"price_usd": 25.5},
    )
    for n, title in enumerate(
        (
            "Round Serving Tray",
            "Square Serving Tray",
            "Renewed Oval Serving Tray",
            "Tray Guide",
        )
    )
]
READER = Reader(Lexicon.mine(ITEMS))


@pytest.mark.parametrize(
    ("query", "states"),
    [
        ("round tray", ["match", "conflict", "conflict", "unknown"]),
        ("circular tray", ["match", "conflict", "conflict", "unknown"]),
        ("refurbished tray", ["conflict", "conflict", "match", "conflict"]),
        ("tray under $30", ["match"] * 4),
        ("tray, price lower than 20.00 dollars", ["conflict"] * 4),
        ("tray under 30 inches", []),
    ],
)
def test_words_contradict(query: str, states: list[str]) -> None:
    asked = READER.read_query(query)
    found = [
        [
            e.state
            for e in compare(asked, READER.read_item(i))
            if e.attribute == "feature"
        ]
        for i in ITEMS
    ]
    assert [s for many in found for s in many] == states


def test_a_question_asks_no_product() -> None:
    asked = READER.read_query("how to clean a round tray")
    states = [
        next(
            e.state
            for e in compare(asked, READER.read_item(i))
            if e.attribute == "product_type"
        )
        for i in ITEMS
    ]
    assert states == ["conflict", "conflict", "conflict", "match"]
    assert READER.read_query("how tall tray").values["product_type"][0].value == "tray"
