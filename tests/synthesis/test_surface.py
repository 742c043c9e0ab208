from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from adore.attributes.units import read_sizes, same_size
from adore.synthesis.surface import in_other_units, match_case, resize, swap


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
    assert match_case("galaxy s9", "Pixel") == "Galaxy S9"
