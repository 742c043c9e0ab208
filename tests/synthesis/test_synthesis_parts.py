from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adore.artifacts import read_table
from adore.attributes.held_out import HeldOut
from adore.attributes.language_packs import load_language
from adore.attributes.units import read_sizes, same_size
from adore.synthesis.allocation import confusions, mix, quotas
from adore.synthesis.minimality import clean, fault
from adore.synthesis.surface import in_other_units, like, resize, swap
from adore.taxonomy import ERROR_TYPES
from adore.text import word_stems
from adore.types import Evidence, State

WORDS = st.lists(
    st.sampled_from("red blue wool socks men women long thin cotton warm".split()),
    min_size=1,
    max_size=6,
)
TYPES = list(ERROR_TYPES)
ENGLISH = load_language("en")


def ev(attribute: str, state: State, asked: str = "x") -> Evidence:
    return Evidence(attribute, asked, asked, "", "", "title", state)


@pytest.mark.parametrize("name", ["surface", "allocation", "verify", "fluency"])
def test_examples_in_the_docs_hold(name: str) -> None:
    assert (
        doctest.testmod(importlib.import_module(f"adore.synthesis.{name}")).failed == 0
    )


def test_units_agree_with_the_tables() -> None:
    assert in_other_units("16 oz", "mass:453.592") == ["16 ounce", "453.6 g", "1 lb"]
    assert in_other_units("1 l", "volume:1000") == [
        "1000 ml",
        "33.8 fl oz",
    ]  # NIST SP 1038: 33.814 fl oz


@given(
    amount=st.integers(1, 2000),
    unit=st.sampled_from(["ml", "l", "cm", "mm", "inch", "kg", "g", "oz", "lb", "gb"]),
)
def test_other_units_are_the_same_size(amount: int, unit: str) -> None:
    quote = f"{amount} {unit}"
    (value,) = read_sizes(quote, "query")
    for text in in_other_units(quote, value.value):
        (other,) = read_sizes(text, "query")
        assert same_size(value.value, other.value), (quote, text)


@given(
    amount=st.integers(1, 999),
    unit=st.sampled_from(["ml", "cm", "g", "inch"]),
    old=st.integers(1, 999),
)
def test_resize_says_the_value_in_the_old_form(
    amount: int, unit: str, old: int
) -> None:
    (value,) = read_sizes(f"{amount} {unit}", "query")
    assert resize(f"{old}{unit}", value.value) == f"{amount}{unit}"


def test_swaps_are_whole_words_and_keep_case() -> None:
    assert swap("Redmi RED phone", "red", "navy") == "Redmi NAVY phone"
    assert swap("phone", "red", "navy") == "phone"
    assert like("galaxy s9", "Pixel") == "Galaxy S9"


@given(
    texts=st.lists(WORDS, max_size=8),
    text=WORDS,
    threshold=st.sampled_from([0.5, 0.8, 1.0]),
)
def test_near_duplicates_are_those_of_the_definition(
    texts: list[list[str]], text: list[str], threshold: float
) -> None:
    held = HeldOut([" ".join(t) for t in texts], threshold, ENGLISH)
    asked = set(word_stems(" ".join(text), ENGLISH))
    sets = [set(word_stems(" ".join(t), ENGLISH)) for t in texts]
    truth = any(len(asked & s) / len(asked | s) >= threshold for s in sets)
    assert bool(held.near(" ".join(text))) == truth


def test_fault_names_what_else_moved() -> None:
    before = [ev("brand", "match"), ev("colour", "match"), ev("feature", "unknown")]
    assert fault("brand", "brand", before, [ev("brand", "conflict"), *before[1:]]) == ""
    assert (
        fault("brand", "brand", before, before)
        == "brand has 0 conflicts, not one more than before"
    )
    moved = [ev("brand", "conflict"), ev("colour", "unknown"), before[2]]
    assert fault("brand", "brand", before, moved) == "colour was match and no longer is"
    assert (
        fault(
            "colour",
            "colour",
            before[:1],
            [ev("brand", "match"), ev("colour", "conflict")],
        )
        == ""
    )
    assert (
        fault("synonym", "", before, [*before, ev("size", "unknown")])
        == "size is asked anew and is unknown"
    )
    assert fault("over-strict", "brand", before, before[1:]) == ""  # no longer asked
    assert (
        fault("over-strict", "brand", before, [ev("brand", "conflict"), *before[1:]])
        == "brand is in conflict"
    )
    assert fault("alternative", "product_type", [], [ev("product_type", "match")]) != ""
    assert (
        fault("style", "feature", [], [ev("feature", "conflict", "firm")])
        == "the word in conflict is of ['degree']"
    )
    assert not clean([]) and clean(before) and not clean(moved)


def test_weights_follow_the_errors() -> None:
    graded = [
        (3, 2, [ev("brand", "conflict")]),
        (3, 3, [ev("size", "conflict")]),
        (3, 1, [ev("pack", "conflict")]),
    ]
    wrong = confusions([*graded, (3, 2, [ev("brand", "match")]), (0, 2, [])])
    assert wrong == {"over-strict": 2, "synonym": 1}
    kinds = [ev("product_type", "conflict"), ev("feature", "conflict", "round")]
    met = [ev("brand", "conflict"), ev("size", "match"), ev("colour", "match")]
    assert confusions([(0, 3, kinds), (2, 3, kinds[:1])]) == {
        "alternative": 1,
        "category": 1,
        "style": 1,
    }
    assert confusions([(2, 3, met)]) == {"brand": 1, "partial-multi-constraint": 1}
    shares = mix({}, {"brand": 3, "size": 1}, {"brand": 1}, {})
    assert shares["brand"] == pytest.approx(
        0.5 / len(ERROR_TYPES) + 0.25 * (0.75 + 1)
    ) and sum(shares.values()) == pytest.approx(1)
    assert set(mix({}, {}).values()) == {1 / len(ERROR_TYPES)}
    strict = mix({}, {"over-strict": 9, "brand": 1})
    assert strict["over-strict"] + strict["synonym"] == pytest.approx(0.25) and sum(
        strict.values()
    ) == pytest.approx(1)
    assert strict["over-strict"] > strict["brand"] > strict["size"]


@given(
    weights=st.fixed_dictionaries({n: st.integers(0, 5) for n in TYPES}).filter(
        lambda w: sum(w.values()) > 0
    ),
    available=st.fixed_dictionaries({n: st.integers(0, 50) for n in TYPES}),
    total=st.integers(1, 200),
    per_type=st.integers(1, 40),
)
def test_quotas_fill_up_and_never_overflow(
    weights: dict[str, int], available: dict[str, int], total: int, per_type: int
) -> None:
    shares = mix({n: float(w) for n, w in weights.items()}, {})
    taken = quotas(shares, total=total, per_type=per_type, available=available)
    room = {n: min(available[n], per_type) for n in TYPES if shares[n] > 0}
    assert all(0 <= taken[n] <= room[n] for n in taken)
    assert sum(taken.values()) == min(total, sum(room.values()))


def test_parts_are_nouns_that_come_with_things(synthesis_shop: Path) -> None:
    from adore.synthesis.generator import EditContext

    catalogue = EditContext(
        synthesis_shop / "prepare", synthesis_shop / "evidence"
    ).catalogue
    assert set(catalogue.parts) == {"handle", "straw"}
    assert catalogue.near(["galaxy", "s9"], 2) == ["case00", "case03"]
    assert {v.value for v in catalogue.others("brand", catalogue.items["runm00"])} == {
        "adida",
        "asic",
    }  # stems
    assert read_table(synthesis_shop / "prepare", "items").height == len(
        catalogue.items
    )
