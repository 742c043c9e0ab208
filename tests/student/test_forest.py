import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adore.student.forest import export_forest, fit_forest
from adore.student.settings import ForestConfig

CONFIG = ForestConfig(trees=12, min_leaf=2, column_share=0.5)


def _grown(matrix, targets):
    weights = np.ones(len(matrix))
    return fit_forest(matrix, targets, weights, CONFIG, seed=3, threads=1)


def _data(rows=120, columns=6):
    random = np.random.default_rng(7)
    matrix = random.normal(size=(rows, columns)).round(1).astype(np.float32)
    grades = np.digitize(matrix[:, 0] + matrix[:, 1], [-1, 0, 1])
    return matrix, np.eye(4)[grades]


def _exported(forest, matrix, folder):
    export_forest(forest, folder / "forest.onnx")
    session = onnxruntime.InferenceSession(folder / "forest.onnx")
    return session.run(None, {"features": matrix})[0]


@pytest.mark.parametrize("softness", [0.0, 0.3])
def test_the_exported_trees_give_sklearns_probabilities(softness, tmp_path):
    matrix, targets = _data()
    targets = (1 - softness) * targets + softness / 4
    forest = _grown(matrix, targets)
    fresh = np.random.default_rng(8).normal(size=(300, 6)).astype(np.float32)
    found = _exported(forest, fresh, tmp_path)
    np.testing.assert_allclose(found, forest.predict(fresh), atol=1e-5)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)
    assert found.min() >= softness / 4 - 1e-5


def test_a_value_on_a_threshold_and_beside_it_goes_the_way_it_goes_in_sklearn(tmp_path):
    matrix, targets = _data()
    forest = _grown(matrix, targets)
    cuts = np.concatenate(
        [
            one.tree_.threshold[one.tree_.children_left >= 0]
            for one in forest.estimators_
        ]
    )
    on = np.resize(cuts.astype(np.float32), (len(cuts), 6))
    beside = np.vstack(
        [on, np.nextafter(on, np.float32(-9)), np.nextafter(on, np.float32(9)), matrix]
    )
    np.testing.assert_allclose(
        _exported(forest, beside, tmp_path), forest.predict(beside), atol=1e-5
    )


def test_a_single_grade_is_that_grade_everywhere(tmp_path):
    matrix, _ = _data()
    forest = _grown(matrix, np.tile(np.eye(4)[2], (len(matrix), 1)))
    np.testing.assert_allclose(
        _exported(forest, matrix + 5, tmp_path), np.tile(np.eye(4)[2], (len(matrix), 1))
    )


@settings(deadline=None, max_examples=10, database=None)
@given(st.integers(0, 2**31), st.integers(2, 30))
def test_trust_decides_where_two_grades_are_given_to_the_same_row(seed, rows):
    trust = np.random.default_rng(seed).uniform(0.1, 1, size=(2, rows))
    matrix, grades = (
        np.ones((2 * rows, 3), np.float32),
        np.repeat(np.eye(4)[[0, 3]], rows, axis=0),
    )
    forest = fit_forest(
        matrix,
        grades,
        trust.ravel(),
        ForestConfig(trees=2, min_leaf=1),
        seed=seed,
        threads=1,
    )
    found = forest.predict(matrix[:1])[0]
    np.testing.assert_allclose(found[[0, 3]], trust.sum(1) / trust.sum())


def test_several_threads_give_the_same_bits_every_time():
    matrix, targets = _data(400)
    soft = targets / 3 + 1 / 6
    forest = fit_forest(matrix, soft, np.ones(400), ForestConfig(trees=60), threads=2)
    first = forest.predict(matrix)
    assert all((forest.predict(matrix) == first).all() for _ in range(5))
