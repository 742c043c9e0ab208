from __future__ import annotations

from collections.abc import Iterator

import pytest

from adore.attributes.contrasts import contrasts
from adore.attributes.language_packs import load_language
from adore.errors import ConfigError
from adore.taxonomy import ERROR_TYPES, TYPE_OF, ErrorType, register_error_type
from adore.types import ATTRIBUTES, Grade


@pytest.fixture
def scent() -> Iterator[ErrorType]:
    yield ErrorType(
        name="scent",
        definition="The item has another scent than asked.",
        attribute="feature",
        grade=Grade.SUBSTITUTE,
    )
    if "scent" in ERROR_TYPES:
        ERROR_TYPES.remove("scent")


def test_every_key_attribute_but_loose_words_has_an_error_type() -> None:
    assert set(TYPE_OF) == set(ATTRIBUTES) - {"feature"}
    assert TYPE_OF["product_type"] == "category"
    for name, error in ERROR_TYPES.items():
        assert error.name == name
        assert error.level == ATTRIBUTES.get(error.attribute, 0)


def test_a_type_is_registered_once_and_last(scent: ErrorType) -> None:
    register_error_type(scent)
    assert list(ERROR_TYPES)[-1] == "scent"
    assert not scent.positive
    with pytest.raises(ConfigError, match="error type == 'brand', must be a new name"):
        register_error_type(
            ErrorType(name="brand", definition="Twice.", grade=Grade.EXACT)
        )


def test_an_unknown_attribute_is_refused() -> None:
    taste = ErrorType(
        name="taste", definition="Bad.", grade=Grade.EXACT, attribute="taste"
    )
    with pytest.raises(ConfigError, match="attribute of error type taste == 'taste'"):
        register_error_type(taste)
    assert "taste" not in ERROR_TYPES


def test_an_unknown_type_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        ConfigError, match=r"error type == 'taste'.*category, accessory"
    ):
        ERROR_TYPES["taste"]


def test_a_word_excludes_one_group_and_english_can_write_it() -> None:
    words = [
        word
        for error in ERROR_TYPES.values()
        for group in error.contrasts
        for word in group
    ]
    assert len(words) == len(set(words))
    english = load_language("en")
    assert set(words) == set(english.contrasts.values())
    for word in words:
        assert contrasts(english.stem(word), english)
