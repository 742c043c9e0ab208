"""Reading dirty text: values, quotes, states."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adore.artifacts import read_table, write_table
from adore.attributes.compare import compare
from adore.attributes.evidence import Config, run
from adore.attributes.lexicon import Lexicon
from adore.attributes.reader import Reader
from adore.attributes.units import read_packs, read_sizes, same_size
from adore.types import Evidence, Item, Reading

ITEMS = [
    Item(
        "1",
        "🔥 ACME Red Water Bottle 500ml with Straw",
        "ACME",
        "Kitchen > Water Bottles",
        attributes={"colour": "Red"},
    ),
    Item("2", "Zeta blue bottle, no straw, 16.9 fl oz (pack of 2)", "Zeta", "Kitchen > Water Bottles"),
    Item("3", "Case for Acme Bottle &amp; Cup", "Zeta", "Kitchen > Cases"),
    Item("4", "Women's Running Shoes leather", "Stride", "Shoes > Running Shoes"),
]
READER = Reader(Lexicon.mine([*ITEMS, *ITEMS]))


def states(query: str, item: Item) -> dict[str, str]:
    return {e.attribute: e.state for e in compare(READER.read_query(query), READER.read_item(item))}


@pytest.mark.parametrize(
    ("query", "n", "attribute", "state"),
    [
        ("acme bottle", 0, "brand", "match"),
        ("acme bottle", 1, "brand", "conflict"),
        ("red bottle", 0, "colour", "match"),
        ("red bottle", 1, "colour", "conflict"),
        ("500 ml bottle", 1, "size", "match"),
        ("0.5 L bottle", 0, "size", "match"),
        ("1 liter bottle", 0, "size", "conflict"),
        ("bottle without straw", 0, "exclusion", "conflict"),
        ("bottle without straw", 1, "exclusion", "match"),
        ("bottle", 2, "product_type", "conflict"),
        ("womens shoes", 3, "audience", "match"),
        ("mens shoes", 3, "audience", "conflict"),
        ("shoes", 0, "product_type", "conflict"),
        ("bottle pack of 2", 1, "pack", "match"),
        ("leather shoes", 3, "material", "match"),
    ],
)
def test_what_is_asked_and_found(query: str, n: int, attribute: str, state: str) -> None:
    assert states(query, ITEMS[n])[attribute] == state


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500ml", "volume:500"),
        ("0.5 L", "volume:500"),
        ("16.9 fl oz", "volume:499.792"),
        ('1/2"', "length:12.7"),
        ("1-1/2 inch", "length:38.1"),
        ("1,000 g", "mass:1000"),
        ("Queen", "bed:queen"),
    ],
)
def test_units_have_one_form(text: str, value: str) -> None:
    assert [v.value for v in read_sizes(text, "title")] == [value]


def test_equal_amounts_and_packs() -> None:
    assert same_size("volume:500", "volume:499.792") and not same_size("volume:500", "volume:750")
    assert [v.value for v in read_packs("12-pack, set of 3, 6 ct", "title")] == ["12", "3", "6"]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=120), st.text(max_size=120))
def test_quotes_stand_in_the_text(query: str, title: str) -> None:
    asked, found = READER.read_query(query), READER.read_item(Item("x", title))
    for values in asked.values.values():
        assert all(v.quote in query for v in values)
    for name, values in found.values.items():
        assert name.startswith("words.") or all(v.quote in title for v in values)
    assert READER.read_query(query) == asked and Reading.from_json(asked.to_json()) == asked
    evidence = compare(asked, found)
    assert Evidence.many_from_json(Evidence.many_to_json(evidence)) == evidence


def test_a_huge_title_does_not_hang() -> None:
    assert READER.read_item(Item("x", "red bottle " * 100_000)).values["colour"][0].value == "red"


def test_the_lexicon_survives_json() -> None:
    assert Lexicon.from_json(READER.lexicon.to_json()) == READER.lexicon
    assert "acme" in READER.lexicon.brands and "bottle" in READER.lexicon.types


def test_stage_writes_evidence_for_every_known_pair(tmp_path: Path) -> None:
    prepared, output = tmp_path / "prepared", tmp_path / "out"
    prepared.mkdir()
    output.mkdir()
    rows = [{"item_id": i.item_id, "title": i.title, "brand": i.brand, "category": i.category, "description": "",
             "bullet_points": [], "attributes": "{}"} for i in ITEMS]  # fmt: skip
    write_table(rows, prepared, "items")
    write_table([{"query_id": "q", "query": "red bottle", "split": "train"}], prepared, "queries")
    judged = [{"query_id": "q", "item_id": i.item_id, "grade": 3} for i in ITEMS]
    for name, table in (("judgements", judged), ("truth", judged[:2]), ("events", [])):
        write_table(table, prepared, name)
    assert run(Config(), prepared=prepared, output=output)["pairs"] == 4
    assert read_table(output, "pairs").height == 4 and read_table(output, "readings").height == 5
