import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from adore.student.calibration import (
    calibration_error,
    chosen_grades,
    fit_temperature,
    tempered,
)


def _world(rows=4000):
    """True probabilities and grades that are drawn from them."""
    random = np.random.default_rng(5)
    p = random.dirichlet([0.6, 0.4, 0.6, 1.0], size=rows)
    return p, np.array([random.choice(4, p=row) for row in p])


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.0])
def test_the_temperature_that_was_put_in_is_found_and_lowers_log_loss_and_ece(
    sharpness,
):
    p, grades = _world()
    given_p = tempered(p, sharpness)
    found = fit_temperature(given_p, grades)
    assert found == pytest.approx(1 / sharpness, rel=0.06)
    after = tempered(given_p, found)
    assert log_loss(grades, after, labels=range(4)) <= log_loss(
        grades, given_p, labels=range(4)
    )
    assert calibration_error(after, grades) < 0.03
    if sharpness != 1:
        assert calibration_error(given_p, grades) > 0.08


@settings(deadline=None, max_examples=40, database=None)
@given(st.integers(0, 2**32), st.floats(0.5, 2))
def test_a_temperature_keeps_the_likeliest_and_can_be_taken_back(seed, temperature):
    p = (
        0.96 * np.random.default_rng(seed).dirichlet(np.ones(4), size=6) + 0.01
    )  # nothing so small that it is cut
    other = tempered(p, temperature)
    np.testing.assert_allclose(other.sum(1), 1)
    assert (other.argmax(1) == p.argmax(1)).all()
    np.testing.assert_allclose(
        tempered(np.maximum(other, 1e-9), 1 / temperature), p, atol=1e-3
    )


def test_the_calibration_error_by_hand():
    p = np.array(
        [[0.95, 0.05, 0, 0], [0.95, 0.05, 0, 0], [0.35, 0.65, 0, 0], [0.35, 0.65, 0, 0]]
    )
    grades = np.array([0, 1, 1, 1])  # at .95 half are right, at .65 all are
    assert calibration_error(p, grades) == pytest.approx(0.5 * 0.45 + 0.5 * 0.35)
    assert calibration_error(np.eye(4), np.arange(4)) == 0


def test_without_rows_nothing_is_changed_or_claimed():
    none = np.zeros((0, 4)), np.zeros(0, dtype=np.int64)
    assert (fit_temperature(*none), calibration_error(*none)) == (1.0, 0.0)


@settings(deadline=None, max_examples=40, database=None)
@given(st.integers(0, 2**32))
def test_power_0_names_the_likeliest_and_power_1_what_speaks_most_against_the_prior(
    seed,
):
    random = np.random.default_rng(seed)
    prior, likelihood = (
        random.dirichlet([5, 1, 3, 9]) * 0.99 + 0.0025,
        random.uniform(0.1, 1, size=(9, 4)),
    )
    p = likelihood * prior
    p /= p.sum(axis=1, keepdims=True)
    assert (chosen_grades(p, prior, 0.0) == p.argmax(1)).all()
    assert (chosen_grades(p, prior, 1.0) == likelihood.argmax(1)).all()
