import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch.nn.functional import cross_entropy

from adore.student.losses import (
    LEVEL_WEIGHTS,
    attribute_loss,
    grade_loss,
    listwise_loss,
    odds_of_exact,
)
from adore.types import ATTRIBUTES

quick = settings(deadline=None, max_examples=25, database=None)
WIDTH = len(ATTRIBUTES)


def numbers(*shape, low=-8, high=8):
    return arrays("float64", shape, elements=st.floats(low, high, width=32)).map(
        torch.from_numpy
    )


@quick
@given(numbers(5, 4), numbers(5, 4, low=0.015625), numbers(5, low=0))
def test_grade_loss_is_never_negative(logits, targets, weights):
    assert grade_loss(logits, targets / targets.sum(1, keepdim=True), weights) >= 0


@quick
@given(
    numbers(6, 4),
    st.lists(st.integers(0, 3), min_size=6, max_size=6),
    numbers(6, low=0.125),
)
def test_grade_loss_of_one_hot_grades_is_torchs_cross_entropy(logits, grades, weights):
    grade = torch.tensor(grades)
    each = cross_entropy(logits, grade, reduction="none")
    loss = grade_loss(logits, torch.eye(4, dtype=torch.float64)[grade], weights)
    torch.testing.assert_close(loss, (each * weights).mean())
    equal = grade_loss(logits, torch.eye(4, dtype=torch.float64)[grade], torch.ones(6))
    torch.testing.assert_close(equal, cross_entropy(logits, grade))


@quick
@given(numbers(6, 4), numbers(6, low=0.125, high=1), st.floats(0.0625, 1))
def test_a_list_of_half_the_trust_counts_half_in_every_loss(logits, trust, part):
    targets, states = (
        torch.softmax(logits.flip(0), 1),
        torch.zeros(6, WIDTH, dtype=torch.int64),
    )
    heads = logits[:, :1, None].expand(6, WIDTH, 3) * torch.tensor([1.0, 2.0, 3.0])
    for loss in (
        lambda w: grade_loss(logits, targets, w),
        lambda w: listwise_loss(logits[:, 0], targets[:, 3], w),
        lambda w: attribute_loss(heads, states, w),
    ):
        torch.testing.assert_close(loss(trust * part), loss(trust) * part)


def test_grade_loss_of_no_trust_is_zero_and_pairs_without_trust_do_not_count():
    logits, targets = torch.randn(3, 4), torch.eye(4)[:3]
    assert grade_loss(logits, targets, torch.zeros(3)) == 0
    kept = grade_loss(logits[:2], targets[:2], torch.ones(2))
    torch.testing.assert_close(
        grade_loss(logits, targets, torch.tensor([1.0, 1.0, 0.0])), kept
    )


@quick
@given(numbers(7), numbers(7, low=0, high=1), st.floats(-50, 50))
def test_listwise_loss_does_not_change_when_all_scores_shift(scores, gains, shift):
    weights = torch.ones(7)
    one, other = (
        listwise_loss(scores, gains, weights),
        listwise_loss(scores + shift, gains, weights),
    )
    torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-9)
    assert one >= 0


def test_listwise_loss_is_soft_cross_entropy_over_the_list():
    scores, gains = torch.randn(5), torch.tensor([1.0, 0.125, 0.0, 1.0, 0.0])
    torch.testing.assert_close(
        listwise_loss(scores, gains, torch.ones(5)),
        cross_entropy(scores[None], (gains / gains.sum())[None]),
    )


def test_listwise_loss_of_a_list_without_gain_is_zero_and_can_be_differentiated():
    scores = torch.randn(4, requires_grad=True)
    loss = listwise_loss(scores, torch.zeros(4), torch.ones(4))
    loss.backward()
    assert loss == 0
    assert (scores.grad == 0).all()


@quick
@given(numbers(3, WIDTH, 3), numbers(3, WIDTH, 3), st.integers(0, WIDTH - 1))
def test_attribute_loss_ignores_what_is_not_asked(logits, noise, asked):
    states = torch.full((3, WIDTH), -1)
    states[:, asked] = torch.tensor([0, 1, 2])
    other = logits + noise
    other[:, asked] = logits[:, asked]
    loss = attribute_loss(logits, states, torch.ones(3))
    torch.testing.assert_close(loss, attribute_loss(other, states, torch.ones(3)))
    torch.testing.assert_close(loss, cross_entropy(logits[:, asked], states[:, asked]))


def test_attribute_loss_with_nothing_asked_is_zero():
    assert (
        attribute_loss(
            torch.randn(2, WIDTH, 3), torch.full((2, WIDTH), -1), torch.ones(2)
        )
        == 0
    )


def test_attribute_loss_weighs_product_type_above_brand_above_colour():
    assert LEVEL_WEIGHTS[1] > LEVEL_WEIGHTS[2] > LEVEL_WEIGHTS[3]
    loss = {}
    for name in ("product_type", "brand", "colour"):
        logits = torch.zeros(1, WIDTH, 3)
        logits[0, list(ATTRIBUTES).index(name), 1] = (
            5.0  # wrong here, right everywhere else
        )
        states = torch.zeros(1, WIDTH, dtype=torch.int64)
        loss[name] = float(attribute_loss(logits, states, torch.ones(1)))
    assert loss["product_type"] > loss["brand"] > loss["colour"]


@quick
@given(numbers(4, 4))
def test_odds_of_exact_are_the_logit_of_its_probability(logits):
    p = torch.softmax(logits, dim=1)[:, 3]
    torch.testing.assert_close(
        odds_of_exact(logits), torch.logit(p), atol=1e-4, rtol=1e-4
    )
    assert odds_of_exact(torch.zeros(1, 4)).item() == pytest.approx(-1.0986, abs=1e-4)
