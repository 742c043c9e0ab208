"""Reading dirty text: values, quotes, states."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adore.artifacts import read_table, write_table
from adore.attributes.comparison import compare
from adore.attributes.evidence import Config, run
from adore.attributes.language_packs import load_language
from adore.attributes.lexicon import Lexicon
from adore.attributes.negation import find_absences
from adore.attributes.packs import read_packs
from adore.attributes.reader import Reader
from adore.attributes.units import UNITS, read_sizes, same_size
from adore.text import tokenize, visible
from adore.types import Evidence, Item, Reading

ITEMS = [
    Item(
        "1",
        "🔥 ACME Red Water Bottle 500ml with Straw",
        "ACME",
        "Kitchen > Water Bottles",
        attributes={"colour": "Red"},
    ),
    Item(
        "2",
        "Zeta blue bottle, no straw, 16.9 fl oz (pack of 2)",
        "Zeta",
        "Kitchen > Water Bottles",
    ),
    Item("3", "Case for Acme Bottle &amp; Cup", "Zeta", "Kitchen > Cases"),
    Item("4", "Women's Running Shoes leather", "Stride", "Shoes > Running Shoes"),
]
ENGLISH = load_language("en")
READER = Reader(Lexicon.mine([*ITEMS, *ITEMS]))


def states(query: str, item: Item) -> dict[str, str]:
    return {
        e.attribute: e.state
        for e in compare(READER.read_query(query), READER.read_item(item))
    }


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
def test_what_is_asked_and_found(
    query: str, n: int, attribute: str, state: str
) -> None:
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
        ("Queen Bed", "bed:queen"),
        ("X-Large", "letter:xl"),
        ("5x large", "letter:5xl"),
        ("size 9.5", "number:9.5"),
        ("3-6 Months", "age:3-6"),
    ],
)
def test_units_have_one_form(text: str, value: str) -> None:
    assert [v.value for v in read_sizes(text, "title")] == [value]


def test_equal_amounts_and_packs() -> None:
    assert same_size("volume:500", "volume:499.792") and not same_size(
        "volume:500", "volume:750"
    )
    assert [v.value for v in read_packs("12-pack, set of 3, 6 ct", "title")] == [
        "12",
        "3",
        "6",
    ]
    assert [
        v.value for v in read_packs("two pack, 1 dozen, 2-pocket, one piece", "title")
    ] == ["2", "12"]


def test_sides_share_their_unit_and_look_alikes_are_no_sizes() -> None:
    assert [v.value for v in read_sizes("8 x 10 cm", "t")] == [
        "length:80",
        "length:100",
    ]
    assert [v.value for v in read_sizes("31W x 32L pants", "t")] == [
        "number:31",
        "number:32",
    ]
    assert [
        *read_sizes("3M tape, 5G, 2-in-1, L-shaped, small dogs, full HD", "t")
    ] == []


@given(
    st.integers(1, 9_999),
    st.sampled_from(["ml", "g", "mm", "cm", "kg", "l", "inch", "oz"]),
)
def test_a_size_is_the_same_in_other_units(n: int, unit: str) -> None:
    dimension, factor = UNITS[unit]
    (first,) = read_sizes(f"{n} {unit}", "t")
    for other, (of, size) in UNITS.items():
        if of == dimension and n * factor / size >= 0.1:
            amount = f"{n * factor / size:.4f}"
            assert any(
                same_size(first.value, v.value)
                for v in read_sizes(f"x {amount} {other} y", "t")
            ), other


@pytest.mark.parametrize(
    ("text", "absent"),
    [
        ("bottle no straw or lid", ["straw", "lid"]),
        ("sugar-free gum, gluten free", ["sugar", "gluten"]),
        ("strapless bra", ["strap"]),
        (
            "stainless no 7 serum, hands free, free shipping, no. 2 pencil, not only red",
            [],
        ),
        ("tea without added sugar, red", ["added sugar"]),
    ],
)
def test_what_is_absent(text: str, absent: list[str]) -> None:
    assert [
        a.value for a in find_absences(text, tokenize(text, ENGLISH), ENGLISH)
    ] == absent


def test_a_taste_is_no_colour_and_plurals_are_products() -> None:
    assert (
        "colour" not in READER.read_query("olive oil with cream and lemon scent").values
    )
    assert (
        READER.read_query("mint green wine glasses").values["colour"][0].value
        == "green"
    )
    assert "material" not in READER.read_query("wine glasses").values
    assert (
        READER.read_query("i am looking for a bottel").values["product_type"][0].value
        == "bottle"
    )


def test_a_denial_that_the_item_contradicts_is_not_believed() -> None:
    item = Item("x", "Acme bottle no straw", bullet_points=("The straw is washable",))
    assert states("bottle without straw", item)["exclusion"] == "conflict"


ODD = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(
            "\u200b\u200d\u202e\u202c\ufeff\u00adNike red 5cm x 3 ½＝ﬁ③²ſμ"
        ),
        st.characters(),
    ),
    max_size=120,
)


@settings(max_examples=150, deadline=None)
@given(ODD, ODD)
def test_quotes_stand_in_the_text(query: str, title: str) -> None:
    asked, found = READER.read_query(query), READER.read_item(Item("x", title))
    for values in asked.values.values():
        assert all(v.quote in query for v in values)
    for values in (*found.values.values(), *found.custom_fields.values()):
        assert all(v.quote in title for v in values)
    assert (
        len(visible(title)) == len(title)
        and READER.read_query(query) == asked
        and Reading.from_json(asked.to_json()) == asked
    )
    evidence = compare(asked, found)
    assert Evidence.many_from_json(Evidence.many_to_json(evidence)) == evidence


@pytest.mark.parametrize(
    "text",
    [
        "③",
        "²",
        "٣",
        "5²",
        "9" * 5_000,
        "ſix pack",
        "5 lbſ",
        "5 μg",
        "X-ſmall",
        "½/² in",
    ],
)
def test_odd_digits_and_letters_stop_nothing(text: str) -> None:
    fields = dict.fromkeys(
        ("items_per_pack", "size", "colour", "model", "audience"), text
    )
    found = READER.read_item(Item("x", text, attributes=fields)).values
    assert Reading.from_json(READER.read_query(text).to_json()) == READER.read_query(
        text
    )
    assert [v.value for v in found.get("pack", ())] == {
        "٣": ["3"],
        "ſix pack": ["6"],
    }.get(text, [])


def test_a_huge_title_does_not_hang() -> None:
    assert (
        READER.read_item(Item("x", "red bottle " * 100_000)).values["colour"][0].value
        == "red"
    )


def test_the_lexicon_survives_json() -> None:
    assert Lexicon.from_json(READER.lexicon.to_json()) == READER.lexicon
    assert "acme" in READER.lexicon.brands and "bottle" in READER.lexicon.types


def test_stage_writes_evidence_for_every_known_pair(tmp_path: Path) -> None:
    prepared, output = tmp_path / "prepared", tmp_path / "out"
    prepared.mkdir()
    output.mkdir()
    rows = [{"item_id": i.item_id, "title": i.title, "brand": i.brand,
             "category": i.category, "description": "",
             "bullet_points": [], "attributes": "{}"} for i in ITEMS]  # fmt: skip
    write_table(rows, prepared, "items")
    write_table(
        [{"query_id": "q", "query": "red bottle", "split": "train"}],
        prepared,
        "queries",
    )
    judged = [{"query_id": "q", "item_id": i.item_id, "grade": 3} for i in ITEMS]
    for name, table in (("judgements", judged), ("truth", judged[:2]), ("events", [])):
        write_table(table, prepared, name)
    assert run(Config(), prepared=prepared, output=output)["pairs"] == 4
    assert (
        read_table(output, "pairs").height == 4
        and read_table(output, "readings").height == 5
    )
