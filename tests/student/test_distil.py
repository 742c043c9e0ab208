import json
import shutil
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from adore.artifacts import read_manifest, read_table
from adore.errors import DataError
from adore.pipeline.runner import run_stage
from adore.student.distil import Config
from adore.student.fitting import rows_of
from adore.student.inputs import ListInputs
from adore.student.rankers import load_ranker
from adore.student.training_lists import PairList, Sources, load_training_lists
from adore.types import item_from_row


@pytest.fixture(scope="module")
def sources(shop):
    return Sources(
        shop / "prepare",
        shop / "evidence",
        [shop / "judge"],
        shop / "verify",
        shop / "retrieve",
    )


def test_the_same_seed_gives_the_same_bytes(shop, student, distilled, tmp_path):
    again = distilled(shop, tmp_path / "again")
    assert again.content == read_manifest(student).content


def test_the_card_tells_what_was_learnt_and_the_ranker_bears_its_version(shop, student):
    card = json.loads((student / "card.json").read_text("utf-8"))
    manifest = read_manifest(student)
    assert (
        sum(card["data"].values()) == manifest.metrics["pairs"] + card["data"]["lists"]
    )
    train = read_table(shop / "prepare", "queries").filter(split="train").height
    assert (
        card["data"]["synthetic"] == train < card["data"]["lists"]
    )  # dev lists are learnt at the end
    assert card["teacher"] == ["rules"]
    assert load_ranker(student).version == card["version"]
    assert card["version"] in (student / "card.md").read_text("utf-8")


def _without(prepared, folder, **frames):
    shutil.copytree(prepared, folder)
    (folder / "manifest.json").unlink()
    for name, frame in frames.items():
        frame.write_parquet(folder / f"{name}.parquet")
    return str(folder)


def test_a_shop_without_any_human_label_still_gets_a_student(
    shop, distilled, catalogue, tmp_path
):
    none = read_table(shop / "prepare", "judgements").clear()
    prepared = _without(shop / "prepare", tmp_path / "prepare", judgements=none)
    manifest = distilled(shop, tmp_path / "distil", prepared=prepared)
    card = json.loads((tmp_path / "distil" / "card.json").read_text("utf-8"))
    assert (card["data"]["human"], manifest.metrics["dev_ndcg"]) == (0, 0.0)
    assert len(load_ranker(tmp_path / "distil").rank("red shoes", catalogue)) == len(
        catalogue
    )


def test_a_shop_without_train_queries_is_refused(shop, distilled, tmp_path):
    test = read_table(shop / "prepare", "queries").with_columns(split=pl.lit("test"))
    prepared = _without(shop / "prepare", tmp_path / "prepare", queries=test)
    with pytest.raises(DataError, match="train lists == 0"):
        distilled(shop, tmp_path / "distil", prepared=prepared)


def test_lists_hold_train_pairs_and_dev_lists_human_ones_never_test(sources):
    split = dict(
        read_table(sources.prepared, "queries").select("query_id", "split").iter_rows()
    )
    train, dev = load_training_lists(
        sources, teacher_weight=0.3, synthetic_weight=0.2, max_pairs=10**6, seed=0
    )
    assert {split[one.list_id] for one in train} == {"train"}
    assert {split[one.list_id] for one in dev} == {"dev"}
    for one in train:
        np.testing.assert_allclose(one.targets.sum(1), 1)
        assert set(one.weights[~one.real]) == {0.2}
        assert len(one.evidence) == len(one.items) == len(one.queries) == len(one.real)
    assert all((one.weights == 1).all() and one.real.all() for one in dev)


def test_the_cap_drops_whole_lists_unjudged_ones_first(sources):
    weights = {"teacher_weight": 0.3, "synthetic_weight": 0.2}
    every, _ = load_training_lists(sources, **weights, max_pairs=10**6, seed=0)
    most = len(every[0].items) * 2 + 2
    some, _ = load_training_lists(sources, **weights, max_pairs=most, seed=0)
    full = {one.list_id: len(one.items) for one in every}
    assert 0 < len(some) < len(every)
    assert sum(len(one.items) for one in some) <= most
    assert all(len(one.items) == full[one.list_id] for one in some)


@pytest.mark.parametrize("without", ["teacher_weight", "synthetic_weight"])
def test_a_kind_of_pairs_without_trust_is_left_out_and_no_other(sources, without):
    trust = {"teacher_weight": 0.3, "synthetic_weight": 0.2}
    every, _ = load_training_lists(sources, **trust, max_pairs=10**6, seed=0)
    some, _ = load_training_lists(
        sources, **{**trust, without: 0.0}, max_pairs=10**6, seed=0
    )
    full = {one.list_id: one for one in every}
    assert trust[without] in np.concatenate([one.weights for one in every])
    for one in some:
        assert one.weights.tolist() == [
            w for w in full[one.list_id].weights if w != trust[without]
        ]
    judged = {one.list_id for one in every if 1 in one.weights}
    assert {one.list_id for one in some} == (
        judged if without == "teacher_weight" else set(full)
    )


@pytest.fixture(scope="module")
def unlearnt(shop, distilled, tmp_path_factory):
    """A student that did not learn from dev queries in the end."""
    folder = tmp_path_factory.mktemp("unlearnt") / "distil"
    distilled(shop, folder, {"refit": False})
    return folder


def _lists_of(pairs, prepared):
    items = {
        row["item_id"]: item_from_row(row)
        for row in read_table(prepared, "items").iter_rows(named=True)
    }
    texts = dict(
        read_table(prepared, "queries").select("query_id", "query").iter_rows()
    )
    for query_id, rows in pairs.group_by("query_id", maintain_order=True):
        yield texts[query_id[0]], [items[i] for i in rows["item_id"]], rows


def test_kept_dev_scores_are_served_to_the_digit_by_a_student_without_refit(
    shop, student, unlearnt
):
    """The table comes from torch, scikit-learn and the evidence stage;
    serving has ONNX and reads for itself.
    """
    told = read_table(unlearnt, "scores")
    ranker = load_ranker(unlearnt)
    for query, items, rows in _lists_of(told, shop / "prepare"):
        served = ranker.rank(query, items)
        p = rows.select("p_I", "p_C", "p_S", "p_E").to_numpy()
        np.testing.assert_allclose([s.probabilities for s in served], p, atol=1e-4)
        np.testing.assert_allclose([s.score for s in served], rows["score"], atol=1e-4)
        assert [int(s.grade) for s in served] == rows["grade"].to_list()
    np.testing.assert_allclose(
        told["score"], read_table(student, "scores")["score"], atol=1e-9
    )
    cards = [
        json.loads((folder / "card.json").read_text("utf-8"))
        for folder in (unlearnt, student)
    ]
    assert [card["training"]["refit"] for card in cards] == [False, True]
    assert (
        cards[0]["data"]["lists"] + told["query_id"].n_unique()
        == cards[1]["data"]["lists"]
    )


def test_kept_scores_are_of_every_judged_dev_pair_and_of_no_other_and_score_uses_them(
    shop, student, tmp_path
):
    told, keys = read_table(student, "scores"), ["query_id", "item_id"]
    split = read_table(shop / "prepare", "queries").select("query_id", "split")
    judged = read_table(shop / "prepare", "judgements").join(split, on="query_id")
    assert (
        told.select(keys)
        .sort(keys)
        .equals(judged.filter(split="dev").select(keys).sort(keys))
    )
    marked = shutil.copytree(student, tmp_path / "distil")
    gone = told.head(1).with_columns(query_id=pl.lit("no longer held out"))
    pl.concat([told, gone]).with_columns(score=pl.lit(7.0)).write_parquet(
        marked / "scores.parquet"
    )
    places = {
        "prepared": str(shop / "prepare"),
        "student": str(marked),
        "adversarial": str(shop / "verify"),
    }
    run_stage("score", places, str(tmp_path / "score"))
    scored = (
        read_table(tmp_path / "score", "scores")
        .filter(system="student")
        .join(split, on="query_id", how="left")
    )
    assert sorted(scored["split"].unique()) == ["dev", "test"]
    assert set(scored.filter(split="dev")["score"]) == {7.0}
    assert scored.filter(split="test")["score"].max() <= 1


def test_what_is_learnt_of_a_real_list_is_what_serving_sees(sources, student):
    train, _ = load_training_lists(
        sources, teacher_weight=0.3, synthetic_weight=0.0, max_pairs=10**6, seed=0
    )
    inputs = ListInputs(student)
    for one in train:
        learnt, served = (
            rows_of(one, inputs, Config()),
            ListInputs(student).compute(one.queries[0], one.items),
        )
        np.testing.assert_array_equal(learnt.states, served.states)
        np.testing.assert_allclose(learnt.matrix, served.matrix, atol=1e-4)
        np.testing.assert_allclose(learnt.semantic, served.semantic, atol=1e-5)


@pytest.mark.parametrize("context", [3, 100])
def test_a_made_pair_with_a_query_of_its_own_stands_among_the_real_items(
    sources, student, context
):
    (one, *_), _ = load_training_lists(
        sources, teacher_weight=0.3, synthetic_weight=0.2, max_pairs=10**6, seed=0
    )
    inputs, query, last = ListInputs(student), "quiet blue kettle", len(one.items) - 1
    evidence = [*one.evidence[:last], *inputs.reader.evidence(query, one.items[last:])]
    edited = replace(one, queries=[*one.queries[:last], query], evidence=evidence)
    learnt = rows_of(edited, inputs, Config(context=context))
    real = [item for item, is_real in zip(one.items, one.real, strict=True) if is_real]
    around = (
        real
        if context > len(real)
        else [real[int(at)] for at in np.linspace(0, len(real) - 1, context)]
    )
    served = inputs.compute(
        query,
        [*around, one.items[last]],
        members=np.array([True] * len(around) + [False]),
    )
    np.testing.assert_allclose(learnt.matrix[last], served.matrix[-1], atol=1e-5)
    assert (
        np.abs(
            learnt.matrix[last] - inputs.compute(query, one.items[last:]).matrix[0]
        ).max()
        > 0.1
    )
    unedited = rows_of(one, inputs, Config(context=context))
    np.testing.assert_array_equal(learnt.matrix[:last], unedited.matrix[:last])


def test_a_list_of_made_pairs_alone_is_still_a_list(sources, student):
    (one, *_), _ = load_training_lists(
        sources, teacher_weight=0.3, synthetic_weight=0.2, max_pairs=10**6, seed=0
    )
    parts = {
        k: getattr(one, k)[-1:]
        for k in ("queries", "items", "evidence", "targets", "weights", "real")
    }
    rows = rows_of(PairList(one.list_id, **parts), ListInputs(student), Config())
    assert np.isfinite(rows.matrix).all() and rows.matrix.shape[0] == 1


def test_a_checkpoint_changes_nothing_and_goes_when_the_student_is_whole(
    shop, student, distilled, tmp_path
):
    distilled(shop, tmp_path / "distil", {"checkpoint": str(tmp_path / "net.pt")})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["distil"]
    for name in ("model.safetensors", "forest.onnx", "card.json"):
        assert (tmp_path / "distil" / name).read_bytes() == (
            student / name
        ).read_bytes()


def test_a_student_without_attribute_heads_says_nothing_of_attributes(
    shop, student, distilled, catalogue, tmp_path
):
    distilled(shop, tmp_path / "distil", {"net": {"attribute_weight": 0.0}})
    query = "red steel water bottle"
    assert not any(
        s.attributes for s in load_ranker(tmp_path / "distil").rank(query, catalogue)
    )
    assert any(s.attributes for s in load_ranker(student).rank(query, catalogue))
