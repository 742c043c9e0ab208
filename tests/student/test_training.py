from dataclasses import replace

import numpy as np
import pytest
import torch

from adore.errors import ConfigError, DataError
from adore.student import training
from adore.student.settings import NetConfig
from adore.student.training import (
    ListRows,
    mean_ndcg,
    net_probabilities,
    train_net,
    train_net_in,
)
from adore.types import ATTRIBUTES

CONFIG = NetConfig(epochs=8, learning_rate=1e-2, patience=8, lists_per_step=2)
SEED = 3
ASKED = 2


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


def fitted(train, dev, *, seed=SEED, stop=0, checkpoint="", **settings):
    """:func:`train_net` with some settings of its own."""
    config = CONFIG.model_copy(update=settings)
    return train_net(train, dev, config, seed=seed, stop=stop, checkpoint=checkpoint)


def _same(one, other):
    return all(
        torch.equal(a, b)
        for a, b in zip(
            one.state_dict().values(), other.state_dict().values(), strict=True
        )
    )


def test_what_can_be_learnt_is_learnt_grade_and_attribute():
    net, curve = fitted(TRAIN, DEV, epochs=30, patience=30)
    assert curve.losses[-1] < 0.6 * curve.losses[0]
    assert mean_ndcg(net_probabilities(net, DEV), DEV) == max(curve.dev) > 0.95
    fresh = _list(200, size=80)
    states = net(*training._net_inputs(fresh))[1][:, ASKED].argmax(1).numpy()
    assert (states == fresh.states[:, ASKED]).mean() > 0.85


def test_the_same_settings_give_the_same_bits_and_another_seed_others():
    net, curve = fitted(TRAIN, DEV)
    again, same = fitted(TRAIN, DEV)
    assert _same(net, again) and curve == same
    assert not _same(net, fitted(TRAIN, DEV, seed=4)[0])


@pytest.mark.parametrize("after", [1, 5, 8])
def test_a_training_that_broke_off_goes_on_bit_for_bit(after, tmp_path, monkeypatch):
    whole, curve = fitted(TRAIN, DEV)
    epoch = training._epoch

    def breaks(state, train, number):
        if number > after:
            raise KeyboardInterrupt
        return epoch(state, train, number)

    if after < CONFIG.epochs:
        monkeypatch.setattr(training, "_epoch", breaks)
        with pytest.raises(KeyboardInterrupt):
            fitted(TRAIN, DEV, checkpoint=tmp_path / "net.pt")
        monkeypatch.undo()
    else:
        fitted(TRAIN, DEV, checkpoint=tmp_path / "net.pt")
    torch.manual_seed(99)  # what another process draws does not matter
    net, resumed = fitted(TRAIN, DEV, checkpoint=tmp_path / "net.pt")
    assert _same(net, whole) and resumed == curve
    assert [p.name for p in tmp_path.iterdir()] == ["net.pt"]


def test_a_checkpoint_of_other_settings_or_other_lists_is_refused(tmp_path):
    fitted(TRAIN, DEV, epochs=1, checkpoint=tmp_path / "net.pt")
    for train, epochs in (
        (TRAIN, CONFIG.epochs),
        (TRAIN[1:] + TRAIN[:1], 1),
    ):
        with pytest.raises(
            ConfigError, match=r"checkpoint == .*must be of the same settings and lists"
        ):
            fitted(train, DEV, epochs=epochs, checkpoint=tmp_path / "net.pt")


def test_training_stops_early_and_takes_the_best_dev_epoch():
    against = [
        _list(n, sign=-1.0) for n in range(100, 104)
    ]  # the more is learnt, the worse
    net, curve = fitted(TRAIN, against, epochs=20, patience=3)
    assert len(curve.dev) == curve.best_epoch + 3 < 20
    assert curve.dev[curve.best_epoch - 1] == max(curve.dev)
    assert _same(net, fitted(TRAIN, [], epochs=20, stop=curve.best_epoch)[0])
    assert mean_ndcg(net_probabilities(net, against), against) == max(curve.dev)


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_the_grade_sees_the_attribute_heads_unless_their_weight_is_0(weight):
    net, _ = fitted(TRAIN, [], attribute_weight=weight)
    features, meaning, asked = training._net_inputs(DEV[0])
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
    assert _same(fitted(blind, [])[0], fitted(noise, [])[0])


def test_no_lists_and_lists_that_processes_cannot_share_are_refused():
    with pytest.raises(DataError, match="train lists == 0"):
        fitted([], DEV)
    with pytest.raises(
        ConfigError, match="lists_per_step == 3, must be a multiple of 2"
    ):
        train_net_in(2, TRAIN, DEV, CONFIG.model_copy(update={"lists_per_step": 3}))


def test_two_processes_learn_what_one_learns(tmp_path):
    config = CONFIG.model_copy(update={"epochs": 3})
    net, curve = train_net(TRAIN, DEV, config, seed=SEED)
    both, shared = train_net_in(
        2, TRAIN, DEV, config, seed=SEED, checkpoint=tmp_path / "net.pt"
    )
    np.testing.assert_allclose(shared.losses, curve.losses, rtol=1e-4)
    assert shared.best_epoch == curve.best_epoch and (tmp_path / "net.pt").is_file()
    for name, one in net.state_dict().items():
        torch.testing.assert_close(
            both.state_dict()[name], one, rtol=1e-4, atol=1e-5, msg=name
        )


def test_the_weight_of_the_listwise_loss_is_a_setting():
    net, _ = fitted(TRAIN, [], epochs=1)
    without, _ = fitted(TRAIN, [], epochs=1, list_weight=0.0)
    assert not _same(net, without)
