import numpy as np
import pytest

from adore.attributes.language_packs import load_language
from adore.rulebook import RuleBook
from adore.student.context import Vectors
from adore.student.features import (
    FEATURES,
    ListFeatures,
    standardise,
    states_of,
    with_z,
)
from adore.student.inputs import ListInputs
from adore.student.text_index import TextIndex
from adore.types import ATTRIBUTES, Evidence, Item

TITLES = (
    "Leather case for iPhone 12 Pro",
    "iPhone 12 64 GB",
    "Pan of 12 inch, fits iPhone holder",
    "",
    "鞋 \ud83d 👟 12",
)
ITEMS = [Item(str(n), title) for n, title in enumerate(TITLES)]
QUERY = "red running shoes for women"


@pytest.fixture(scope="module")
def features():
    return ListFeatures(
        TextIndex.build(ITEMS, load_language("en")), RuleBook.load("general")
    )


def _raw(features, query, items, evidence=None):
    vectors = np.full((max(len(items), 1), 4), 0.5)[: len(items)]
    evidence = evidence or [()] * len(items)
    return features.raw(
        query,
        items,
        evidence,
        np.array([states_of(of_item) for of_item in evidence]),
        Vectors(np.full(4, 0.5), vectors, vectors),
    )


@pytest.mark.parametrize(
    ("query", "wanted"),
    [  # first_word, after_for, accessory_words, bigrams, head_before_for
        (
            "iphone 12",
            [
                (3 / 6, 1, 1, 1, 0),
                (0, 0, 0, 1, 1),
                (2 / 7, 0.5, 0, 0, 1),
                (1.5, 0, 0, 0, 0),
            ],
        ),
        (
            "case for iphone",
            [
                (1 / 6, 1 / 3, 0, 1, 0),
                (0, 0, 0, 0, 1),
                (5 / 7, 1 / 3, 0, 0, 0),
                (1.5, 0, 0, 0, 0),
            ],
        ),
        (
            "pans",
            [(1.5, 0, 1, 0, 0), (1.5, 0, 0, 0, 0), (0, 0, 0, 0, 1), (1.5, 0, 0, 0, 0)],
        ),
    ],
)
def test_where_a_title_has_the_querys_words_by_hand(features, query, wanted):
    raw = _raw(features, query, ITEMS)
    at = FEATURES.index("first_word")
    np.testing.assert_allclose(raw[:4, at : at + 5], wanted)


@pytest.mark.parametrize("query", ["", " ", "!!! …", "\ud83d", "ﷺ" * 400, "\x00\u202e"])
def test_a_query_without_words_finds_nothing_and_breaks_nothing(features, query):
    raw = _raw(features, query, ITEMS)
    assert np.isfinite(raw).all() and raw.shape == (len(ITEMS), len(FEATURES))
    for name in ("bm25_title", "bm25_full", "after_for", "bigrams", "head_before_for"):
        assert (raw[:, FEATURES.index(name)] == 0).all()


def test_an_empty_list_has_no_rows(features):
    assert with_z(_raw(features, "iphone", [])).shape == (0, 2 * len(FEATURES))


def test_z_scores_are_relative_to_the_list_or_to_its_members_and_flat_columns_are_zero():
    column = np.array([[1.0, 5.0], [3.0, 5.0]])
    np.testing.assert_allclose(standardise(column), [[-1, 0], [1, 0]])
    np.testing.assert_allclose(standardise(np.array([[5.0, 7.0]]), column), [[3, 0]])
    np.testing.assert_allclose(with_z(column), [[1, 5, -1, 0], [3, 5, 1, 0]])


def test_states_and_sums_of_evidence_by_hand(features):
    said = (("brand", "match"), ("brand", "conflict"), ("colour", "unknown"))
    evidence = [
        Evidence(name, "a", "a", "b", "b", "title", state) for name, state in said
    ]
    states = dict(zip(ATTRIBUTES, states_of(evidence).tolist(), strict=True))
    assert {name: s for name, s in states.items() if s >= 0} == {
        "brand": 1,
        "colour": 2,
    }
    row = dict(
        zip(FEATURES, _raw(features, "x", ITEMS[:1], [evidence])[0], strict=True)
    )
    brand, colour = (features.rulebook.weights[name] for name in ("brand", "colour"))
    assert (
        row["weight_match"]
        == row["weight_conflict"]
        == pytest.approx(brand / (2 * brand + colour))
    )
    assert (row["brand_conflict"], row["brand_match"], row["colour_conflict"]) == (
        1,
        0,
        0,
    )


def test_alone_an_item_is_seen_as_in_a_list_of_itself(student, catalogue):
    inputs, context = ListInputs(student, context=False), ListInputs(student)
    together, apart = (
        inputs.compute(QUERY, catalogue),
        [inputs.compute(QUERY, [item]) for item in catalogue],
    )
    np.testing.assert_allclose(
        together.matrix, np.vstack([one.matrix for one in apart]), atol=1e-5
    )
    np.testing.assert_array_equal(
        together.semantic, context.compute(QUERY, catalogue).semantic
    )
    at = FEATURES.index("first_look")
    np.testing.assert_array_equal(
        together.matrix[:, :at], context.compute(QUERY, catalogue).matrix[:, :at]
    )
    assert (together.matrix[:, at:] == 0).all() and (
        context.compute(QUERY, catalogue).matrix[:, at:] != 0
    ).any()


def test_an_item_that_is_no_member_is_only_measured_against_the_list(
    student, catalogue
):
    inputs, members = ListInputs(student), np.array([True] * 11 + [False])
    with_other = inputs.compute(QUERY, catalogue, members=members)
    np.testing.assert_allclose(
        with_other.matrix[:11], inputs.compute(QUERY, catalogue[:11]).matrix, atol=1e-5
    )
    nobody = inputs.compute(QUERY, catalogue, members=~np.ones(12, dtype=bool))
    np.testing.assert_array_equal(
        nobody.matrix, inputs.compute(QUERY, catalogue).matrix
    )
