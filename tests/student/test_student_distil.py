import json
import shutil

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from adore.artifacts import read_manifest, read_table
from adore.errors import DataError
from adore.student.lists import Sources, learn_from
from adore.student.rankers import load_ranker
from adore.student.training import ndcg

GAINS = np.array([0.0, 0.01, 0.1, 1.0])


@pytest.fixture(scope="module")
def sources(shop):
    return Sources(shop / "prepare", shop / "evidence", [shop / "judge"], shop / "verify")


def test_the_same_seed_gives_the_same_bytes(shop, student, distilled, tmp_path):
    again = distilled(shop, tmp_path / "again")
    assert again.content == read_manifest(student).content


def test_the_card_tells_what_was_learnt_and_the_ranker_bears_its_version(student):
    card = json.loads((student / "card.json").read_text("utf-8"))
    manifest = read_manifest(student)
    assert sum(card["data"].values()) == manifest.metrics["pairs"] + card["data"]["lists"]
    assert card["data"]["synthetic"] == card["data"]["lists"] > 0
    assert card["teacher"] == ["rules"]
    assert load_ranker(student).version == card["version"]
    assert card["version"] in (student / "card.md").read_text("utf-8")


def _without(prepared, folder, **frames):
    shutil.copytree(prepared, folder)
    (folder / "manifest.json").unlink()
    for name, frame in frames.items():
        frame.write_parquet(folder / f"{name}.parquet")
    return str(folder)


def test_a_shop_without_any_human_label_still_gets_a_student(shop, distilled, catalogue, tmp_path):
    none = read_table(shop / "prepare", "judgements").clear()
    prepared = _without(shop / "prepare", tmp_path / "prepare", judgements=none)
    manifest = distilled(shop, tmp_path / "distil", prepared=prepared)
    card = json.loads((tmp_path / "distil" / "card.json").read_text("utf-8"))
    assert (card["data"]["human"], manifest.metrics["dev_ndcg"]) == (0, 0.0)
    assert len(load_ranker(tmp_path / "distil").rank("red shoes", catalogue)) == len(catalogue)


def test_a_shop_without_train_queries_is_refused(shop, distilled, tmp_path):
    test = read_table(shop / "prepare", "queries").with_columns(split=pl.lit("test"))
    prepared = _without(shop / "prepare", tmp_path / "prepare", queries=test)
    with pytest.raises(DataError, match="train lists == 0"):
        distilled(shop, tmp_path / "distil", prepared=prepared)


def test_lists_hold_train_pairs_and_dev_lists_human_ones_never_test(sources):
    split = dict(read_table(sources.prepared, "queries").select("query_id", "split").iter_rows())
    train, dev = learn_from(sources, teacher_weight=0.3, synthetic_weight=0.2, max_pairs=10**6, seed=0)
    assert {split[one.list_id] for one, _ in train} == {"train"}
    assert {split[one.list_id] for one in dev} == {"dev"}
    for one, evidence in train:
        np.testing.assert_allclose(one.targets.sum(1), 1)
        assert set(one.weights[~one.real]) == {0.2}
        assert len(evidence) == len(one.items) == len(one.states)
    assert all((one.weights == 1).all() and one.real.all() for one in dev)


def test_the_cap_drops_whole_lists_unjudged_ones_first(sources):
    weights = {"teacher_weight": 0.3, "synthetic_weight": 0.2}
    every, _ = learn_from(sources, **weights, max_pairs=10**6, seed=0)
    most = len(every[0][0].items) * 2 + 2
    some, _ = learn_from(sources, **weights, max_pairs=most, seed=0)
    full = {one.list_id: len(one.items) for one, _ in every}
    assert 0 < len(some) < len(every)
    assert sum(len(one.items) for one, _ in some) <= most
    assert all(len(one.items) == full[one.list_id] for one, _ in some)


@settings(deadline=None, max_examples=40, database=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.floats(-5, 5, width=32)), min_size=2, max_size=25, unique_by=lambda t: t[1]
    )
)
def test_ndcg_is_sklearns(rows):
    grades, scores = (np.array(column) for column in zip(*rows, strict=True))
    if grades.max() == 0:
        assert np.isnan(ndcg(scores, grades))
    else:
        assert ndcg(scores, grades) == pytest.approx(ndcg_score(GAINS[grades][None], scores[None], k=10))
