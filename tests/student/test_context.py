import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from adore.student import context
from adore.student.context import CONTEXT, Vectors, context_features

WORDS = [{"mug": 2.0, "red": 1.0}, {"mug": 2.0}, {"cup": 1.0}]


def _column(found, name):
    return found[:, CONTEXT.index(name)]


def test_three_items_by_hand():
    vectors = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    first = np.log([2.0, 1.0, 1.0])  # so the items weigh 1/2, 1/4, 1/4
    found = context_features(
        Vectors(vectors[0], vectors, vectors[::-1]),
        first,
        WORDS,
        np.ones(3, dtype=bool),
    )
    np.testing.assert_allclose(
        _column(found, "centroid"), [0.6 / 3.6**0.5, 1.4 / 2**0.5, 0.8 / 3.2**0.5]
    )
    best = [0.6 / 3.6**0.5, 0.5 / 0.3125**0.5, 0.2 / 0.4625**0.5]
    np.testing.assert_allclose(_column(found, "near_best_title"), best)
    best = [0.8 / 3.2**0.5, 0.55 / 0.3125**0.5, 0.15 / 0.5125**0.5]
    np.testing.assert_allclose(_column(found, "near_best_full"), best)
    np.testing.assert_allclose(_column(found, "neighbours"), [0.3, 0.7, 0.4])
    np.testing.assert_allclose(_column(found, "usual_words"), [0.5, 1.0, 0.0])
    np.testing.assert_allclose(
        _column(found, "best_words"), [0.5, 4 / 3, 0.0], atol=1e-12
    )


def test_an_item_alone_has_no_others():
    vectors = np.array([[0.6, 0.8]])
    found = context_features(
        Vectors(vectors[0], vectors, vectors),
        np.zeros(1),
        WORDS[:1],
        np.ones(1, dtype=bool),
    )
    np.testing.assert_allclose(found, np.zeros((1, len(CONTEXT))), atol=1e-9)


def test_a_long_list_is_read_in_blocks(monkeypatch):
    random = np.random.default_rng(2)
    query, titles, fulls = (
        v / np.linalg.norm(v, axis=1, keepdims=True)
        for v in random.normal(size=(3, 50, 8))
    )
    members = random.random(50) < 0.7
    many = (
        Vectors(query[0], titles, fulls),
        random.normal(size=50),
        [WORDS[0]] * 50,
        members,
    )
    whole = context_features(*many)
    near = titles @ titles.T - 2 * np.eye(50)
    by_hand = [np.sort(row[members])[-5:].mean() for row in near]
    np.testing.assert_allclose(_column(whole, "neighbours"), by_hand)
    monkeypatch.setattr(context, "_CHUNK", 7)
    np.testing.assert_allclose(context_features(*many), whole)


def test_products_sum_to_the_cosines_and_each_half_is_of_about_unit_length():
    random = np.random.default_rng(1)
    query, titles, fulls = (
        v / np.linalg.norm(v, axis=1, keepdims=True)
        for v in random.normal(size=(3, 40, 384))
    )
    vectors = Vectors(query[0], titles, fulls)
    products = vectors.products().reshape(40, 2, 384)
    np.testing.assert_allclose(products.sum(2), vectors.cosines() * 384**0.5, atol=1e-4)
    assert 0.8 < np.linalg.norm(products, axis=2).mean() < 1.2


@st.composite
def _lists(draw):
    """A list's vectors, first look and words; which items are its members; another order."""
    size = draw(st.integers(2, 9))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    vectors = random.normal(size=(2, size, 5))
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    titles = [
        {w: random.uniform(0.1, 3) for w in random.choice(list("abcdef"), 3)}
        for _ in range(size)
    ]
    members = np.array(
        draw(st.lists(st.booleans(), min_size=size, max_size=size).filter(any))
    )
    return (
        vectors[0],
        vectors[1],
        random.normal(size=size),
        titles,
        members,
        draw(st.permutations(range(size))),
    )


def _features(titles, fulls, first, words, members, rows):
    rows = list(rows)
    vectors = Vectors(titles[0], titles[rows], fulls[rows])
    return context_features(
        vectors, first[rows], [words[i] for i in rows], members[rows]
    )


@settings(deadline=None, max_examples=60, database=None)
@given(_lists())
def test_who_is_no_member_changes_nobody_elses_features(one):
    *given_list, _ = one
    members = np.flatnonzero(one[4])
    every = _features(*given_list, range(len(one[4])))
    np.testing.assert_allclose(
        every[members], _features(*given_list, members), atol=1e-9
    )


@settings(deadline=None, max_examples=60, database=None)
@given(_lists())
def test_another_order_of_the_list_gives_the_same_rows_in_that_order(one):
    *given_list, order = one
    every = _features(*given_list, range(len(order)))
    np.testing.assert_allclose(_features(*given_list, order), every[order], atol=1e-9)
