import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier

from adore.student.head import Head, HeadPlan, fit_head

PLAN = HeadPlan(trees=12, leaf=5, seed=3)


def _data(present):
    random = np.random.default_rng(7)
    matrix = random.normal(size=(200, 10)).astype(np.float32)
    cuts = np.quantile(matrix[:, 0] + matrix[:, 1], np.linspace(0, 1, len(present) + 1)[1:-1])
    return matrix, np.array(present)[np.searchsorted(cuts, matrix[:, 0] + matrix[:, 1])]


@pytest.mark.parametrize("present", [[0, 1, 2, 3], [0, 2, 3], [0, 3], [1, 2]])
def test_the_numpy_trees_give_sklearns_probabilities(present, tmp_path):
    matrix, grades = _data(present)
    oracle = GradientBoostingClassifier(
        n_estimators=PLAN.trees,
        max_depth=PLAN.depth,
        learning_rate=PLAN.rate,
        subsample=PLAN.subsample,
        max_features=0.3,
        min_samples_leaf=PLAN.leaf,
        random_state=PLAN.seed,
    ).fit(matrix, grades)
    fit_head(matrix, np.eye(4)[grades], np.ones(len(grades)), PLAN).save(tmp_path / "head.safetensors")
    p = Head.load(tmp_path / "head.safetensors").probabilities(matrix)
    assert p.shape == (200, 4)
    np.testing.assert_allclose(p.sum(1), 1)
    assert p[:, [g for g in range(4) if g not in present]].max(initial=0) < 1e-3
    np.testing.assert_allclose(p[:, present], oracle.predict_proba(matrix), atol=1e-4)


def test_one_grade_alone_gives_that_grade_everywhere():
    head = fit_head(np.zeros((9, 3), np.float32), np.tile(np.eye(4)[2], (9, 1)), np.ones(9), PLAN)
    assert (head.probabilities(np.ones((5, 3), np.float32)).argmax(1) == 2).all()


def test_no_rows_give_no_probabilities():
    matrix, grades = _data([0, 3])
    head = fit_head(matrix, np.eye(4)[grades], np.ones(200), PLAN)
    assert head.probabilities(matrix[:0]).shape == (0, 4)


def test_soft_grades_pull_the_mean_probability_to_their_mean():
    matrix, grades = _data([0, 1, 2, 3])
    soft = 0.7 * np.eye(4)[grades] + 0.3 / 4
    p = fit_head(matrix, soft, np.ones(200), PLAN).probabilities(matrix)
    np.testing.assert_allclose(p.mean(0), soft.mean(0), atol=0.03)


def test_a_row_without_trust_is_not_learnt():
    matrix, grades = _data([0, 3])
    trust = np.concatenate([np.ones(150), np.zeros(50)])
    one = fit_head(matrix, np.eye(4)[grades], trust, PLAN)
    other = fit_head(matrix[:150], np.eye(4)[grades[:150]], np.ones(150), PLAN)
    np.testing.assert_array_equal(one.logits(matrix), other.logits(matrix))
