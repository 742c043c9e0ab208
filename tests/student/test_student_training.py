from dataclasses import replace

import numpy as np
import pytest
import torch

from adore.errors import ConfigError, DataError
from adore.student import training
from adore.student.training import (
    ListRows,
    Plan,
    mean_ndcg,
    net_probabilities,
    train_net,
    train_net_in,
)
from adore.types import ATTRIBUTES

PLAN = Plan(epochs=8, rate=1e-2, patience=8, lists=2, seed=3)
ASKED = 2
GAINS = np.array([0.0, 0.01, 0.1, 1.0])


def _list(number, *, size=10, sign=1.0):
    """Pairs whose grade follows from the first feature
    and whose second attribute follows from the second one.
    """
    random = np.random.default_rng(number)
    matrix = random.normal(size=(size, 6)).astype(np.float32)
    states = np.full((size, len(ATTRIBUTES)), -1)
    states[:, ASKED] = np.where(matrix[:, 1] > 0, 0, 1)
    targets = np.eye(4)[np.digitize(sign * matrix[:, 0], [-0.6, 0, 0.6])]
    meaning = random.normal(size=(size, 8)).astype(np.float32)
    return ListRows(
        str(number),
        matrix,
        meaning,
        targets,
        np.ones(size),
        states,
        np.ones(size, dtype=bool),
    )


TRAIN = [_list(n) for n in range(7)]
DEV = [_list(n) for n in range(100, 104)]


def _same(one, other):
    return all(
        torch.equal(a, b)
        for a, b in zip(
            one.state_dict().values(), other.state_dict().values(), strict=True
        )
    )


def test_what_can_be_learnt_is_learnt_grade_and_attribute():
    net, curve = train_net(TRAIN, DEV, replace(PLAN, epochs=30, patience=30))
    assert curve.losses[-1] < 0.6 * curve.losses[0]
    assert mean_ndcg(net_probabilities(net, DEV), DEV) == max(curve.dev) > 0.95
    fresh = _list(200, size=80)
    states = net(*training._inputs(fresh))[1][:, ASKED].argmax(1).numpy()
    assert (states == fresh.states[:, ASKED]).mean() > 0.85


def test_the_same_plan_gives_the_same_bits_and_another_seed_others():
    net, curve = train_net(TRAIN, DEV, PLAN)
    again, same = train_net(TRAIN, DEV, PLAN)
    assert _same(net, again) and curve == same
    assert not _same(net, train_net(TRAIN, DEV, replace(PLAN, seed=4))[0])


@pytest.mark.parametrize("after", [1, 5, 8])
def test_a_training_that_broke_off_goes_on_bit_for_bit(after, tmp_path, monkeypatch):
    whole, curve = train_net(TRAIN, DEV, PLAN)
    epoch = training._epoch

    def breaks(state, train, plan, number):
        if number > after:
            raise KeyboardInterrupt
        return epoch(state, train, plan, number)

    if after < PLAN.epochs:
        monkeypatch.setattr(training, "_epoch", breaks)
        with pytest.raises(KeyboardInterrupt):
            train_net(TRAIN, DEV, PLAN, tmp_path / "net.pt")
        monkeypatch.undo()
    else:
        train_net(TRAIN, DEV, PLAN, tmp_path / "net.pt")
    torch.manual_seed(99)  # what another process draws does not matter
    net, resumed = train_net(TRAIN, DEV, PLAN, tmp_path / "net.pt")
    assert _same(net, whole) and resumed == curve
    assert [p.name for p in tmp_path.iterdir()] == ["net.pt"]


def test_a_checkpoint_of_another_plan_or_of_other_lists_is_refused(tmp_path):
    train_net(TRAIN, DEV, replace(PLAN, epochs=1), tmp_path / "net.pt")
    for train, plan in (
        (TRAIN, PLAN),
        (TRAIN[1:] + TRAIN[:1], replace(PLAN, epochs=1)),
    ):
        with pytest.raises(
            ConfigError, match=r"checkpoint == .*must be of the same plan and lists"
        ):
            train_net(train, DEV, plan, tmp_path / "net.pt")


def test_training_stops_early_and_keeps_the_best_dev_epoch():
    against = [
        _list(n, sign=-1.0) for n in range(100, 104)
    ]  # the more is learnt, the worse
    net, curve = train_net(TRAIN, against, replace(PLAN, epochs=20, patience=3))
    assert len(curve.dev) == curve.kept + 3 < 20
    assert curve.dev[curve.kept - 1] == max(curve.dev)
    assert _same(
        net, train_net(TRAIN, [], replace(PLAN, epochs=20, stop=curve.kept))[0]
    )
    assert mean_ndcg(net_probabilities(net, against), against) == max(curve.dev)


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_the_grade_sees_the_attribute_heads_unless_their_weight_is_0(weight):
    net, _ = train_net(TRAIN, [], replace(PLAN, attribute_weight=weight))
    features, meaning, asked = training._inputs(DEV[0])
    one, other = net(features, meaning, asked)[0], net(features, meaning, 1 - asked)[0]
    assert torch.equal(one, other) is (weight == 0)


def test_a_pair_without_trust_teaches_nothing():
    blind = [
        replace(one, weights=np.where(np.arange(10) < 5, 1.0, 0.0)) for one in TRAIN
    ]
    noise = [
        replace(one, targets=np.vstack([one.targets[:5], np.eye(4)[[0] * 5]]))
        for one in blind
    ]
    assert _same(train_net(blind, [], PLAN)[0], train_net(noise, [], PLAN)[0])


def test_no_lists_and_lists_that_processes_cannot_share_are_refused():
    with pytest.raises(DataError, match="train lists == 0"):
        train_net([], DEV, PLAN)
    with pytest.raises(ConfigError, match="lists == 3, must be a multiple of 2"):
        train_net_in(2, TRAIN, DEV, replace(PLAN, lists=3))


def test_two_processes_learn_what_one_learns(tmp_path):
    plan = replace(PLAN, epochs=3)
    net, curve = train_net(TRAIN, DEV, plan)
    both, shared = train_net_in(2, TRAIN, DEV, plan, tmp_path / "net.pt")
    np.testing.assert_allclose(shared.losses, curve.losses, rtol=1e-4)
    assert shared.kept == curve.kept and (tmp_path / "net.pt").is_file()
    for name, one in net.state_dict().items():
        torch.testing.assert_close(
            both.state_dict()[name], one, rtol=1e-4, atol=1e-5, msg=name
        )
