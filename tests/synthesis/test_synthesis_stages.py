from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from adore.artifacts import hash_tree, read_table, write_table
from adore.errors import ConfigError
from adore.synthesis import synthesise, verify
from adore.types import TABLES


def _conftest() -> ModuleType:
    spec = importlib.util.spec_from_file_location("synthesis_shop_module", Path(__file__).parent / "conftest.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make(home: Path, output: Path, **config: object) -> dict[str, float]:
    output.mkdir(parents=True)
    given = synthesise.Config.model_validate(config)
    return synthesise.run(given, home / "prepare", home / "evidence", [home / "answers"], output)


@pytest.fixture(scope="session")
def made(synthesis_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("made") / "synthesise"
    make(synthesis_shop, output)
    _conftest().write_answers(output, output.parent / "answers")
    return output


def check(home: Path, made: Path, output: Path, **config: object) -> dict[str, float]:
    output.mkdir(parents=True)
    given = verify.Config.model_validate(config)
    return verify.run(given, home / "prepare", made, [made.parent / "answers"], output)


def test_all_six_error_types_and_hard_positives_are_made(made: Path) -> None:
    types = set(read_table(made, "candidates")["error_type"])
    assert types == {"category", "brand", "size", "colour", "negation", "compatibility", "synonym"}


def test_candidates_come_from_good_training_pairs_only(made: Path, synthesis_shop: Path) -> None:
    rows = read_table(made, "candidates")
    train = read_table(synthesis_shop / "prepare", "queries").filter(pl.col("split") == "train")["query_id"]
    assert set(rows["source_query_id"]) <= set(train)
    assert set(rows["source_grade"]) == {3}
    assert rows["synthetic_id"].is_unique().all() and rows["synthetic_id"].is_sorted()


def test_pairs_are_the_candidates_pairs(made: Path) -> None:
    rows, pairs = read_table(made, "candidates"), read_table(made, "pairs")
    assert set(pairs.select("query_id", "item_id").rows()) == set(rows.select("query_id", "item_id").rows())
    assert pairs.columns == list(TABLES["pairs"])


def test_new_things_have_new_ids_and_real_things_their_own(made: Path, synthesis_shop: Path) -> None:
    texts = dict(read_table(synthesis_shop / "prepare", "queries").select("query_id", "query").iter_rows())
    titles = dict(read_table(synthesis_shop / "prepare", "items").select("item_id", "title").iter_rows())
    for row in read_table(made, "candidates").iter_rows(named=True):
        item = json.loads(row["item"])
        assert item["item_id"] == row["item_id"]
        assert row["query_id"].startswith("syn-q-") or texts[row["query_id"]] == row["query"]
        assert row["item_id"].startswith("syn-i-") or titles[row["item_id"]] == item["title"]


def test_the_same_seed_makes_the_same_files(made: Path, synthesis_shop: Path, tmp_path: Path) -> None:
    make(synthesis_shop, tmp_path / "again")
    assert hash_tree(tmp_path / "again") == hash_tree(made)
    make(synthesis_shop, tmp_path / "other", seed=1)
    assert hash_tree(tmp_path / "other") != hash_tree(made)


def test_weights_choose_the_types(synthesis_shop: Path, tmp_path: Path) -> None:
    metrics = make(synthesis_shop, tmp_path / "out", weights={"brand": 1.0, "colour": 1.0}, total=6)
    counts = dict(read_table(tmp_path / "out", "candidates").group_by("error_type").len().iter_rows())
    assert counts == {"brand": 3, "colour": 3} and metrics["made"] == 6


def test_an_unknown_error_type_is_refused(synthesis_shop: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"synthesise.weights == \['taste'\]"):
        make(synthesis_shop, tmp_path / "out", weights={"taste": 1.0})


def test_no_good_pairs_make_no_candidates(synthesis_shop: Path, tmp_path: Path) -> None:
    prepared = tmp_path / "prepare"
    prepared.mkdir()
    for name in ("items", "queries"):
        write_table(read_table(synthesis_shop / "prepare", name), prepared, name)
    write_table([], prepared, "judgements")
    write_table([], tmp_path, "answers")
    (tmp_path / "out").mkdir()
    metrics = synthesise.run(synthesise.Config(), prepared, synthesis_shop / "evidence", [tmp_path], tmp_path / "out")
    assert metrics["made"] == 0 and read_table(tmp_path / "out", "pairs").height == 0


def test_verified_pairs_are_graded_as_intended(made: Path, synthesis_shop: Path, tmp_path: Path) -> None:
    metrics = check(synthesis_shop, made, tmp_path / "out")
    kept, rejected = (read_table(tmp_path / "out", name) for name in ("synthetic", "rejected"))
    assert metrics["made"] == kept.height + rejected.height and metrics["accepted"] == kept.height > 50
    assert ((kept["answered_grade"] == 3) == (kept["intended_grade"] == 3)).all()
    assert set(rejected["reason"]) <= set(verify.REASONS)
    told = json.loads((tmp_path / "out" / "yield.json").read_text("utf-8"))
    assert sum(t["accepted"] for t in told["types"]) == told["accepted"] == kept.height
    assert all(len(t["examples"]) <= 3 for t in told["types"])


def test_held_out_queries_do_not_leak(made: Path, synthesis_shop: Path, tmp_path: Path) -> None:
    rows = read_table(made, "candidates").head(3)
    leaky = rows.with_columns(pl.lit("Running SHOES,  adidas").alias("query"))  # q6 of dev, turned round
    write_table(leaky, tmp_path, "candidates")
    (tmp_path / "out").mkdir()
    verify.run(verify.Config(), synthesis_shop / "prepare", tmp_path, [made.parent / "answers"], tmp_path / "out")
    assert read_table(tmp_path / "out", "rejected")["reason"].to_list() == ["leakage"] * 3


def test_each_fault_has_its_reason(made: Path, synthesis_shop: Path, tmp_path: Path) -> None:
    kept = check(synthesis_shop, made, tmp_path / "ok") and read_table(tmp_path / "ok", "synthetic").to_dicts()
    row = next(r for r in kept if r["error_type"] == "brand")
    row.pop("answered_grade")
    faulty = [
        row,
        {**row, "synthetic_id": "syn-z1"},
        {**row, "synthetic_id": "syn-z2", "query": "x" * 500},
        {**row, "synthetic_id": "syn-z3", "query": "something else", "evidence": row["source_evidence"]},
        {**row, "synthetic_id": "syn-z4", "query": "another thing", "item_id": "nobody judged me"},
        {**row, "synthetic_id": "syn-z5", "query": "a third thing", "intended_grade": 3},
    ]
    write_table(faulty, tmp_path, "candidates")
    (tmp_path / "out").mkdir()
    verify.run(verify.Config(), synthesis_shop / "prepare", tmp_path, [made.parent / "answers"], tmp_path / "out")
    reasons = read_table(tmp_path / "out", "rejected").sort("synthetic_id")["reason"].to_list()
    assert reasons == ["duplicate", "text", "attribute", "unanswered", "judge"]


def test_humans_audit_the_picks(synthesis_shop: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for name in ("prepare", "evidence", "answers"):
        (home / name).symlink_to(synthesis_shop / name)
    more = [("q1", "shoe04", 2), ("q1", "shoe08", 3), ("q1", "shoe01", 2)]  # adidas red, asics red, nike navy
    graded = read_table(home / "prepare", "judgements")
    added = pl.DataFrame(more, schema=graded.schema, orient="row")
    (home / "prepare").unlink()
    (home / "prepare").mkdir()
    for name in ("items", "queries"):
        write_table(read_table(synthesis_shop / "prepare", name), home / "prepare", name)
    write_table(pl.concat([graded, added]), home / "prepare", "judgements")
    make(home, tmp_path / "out", total=10)
    told = json.loads((tmp_path / "out" / "plan.json").read_text("utf-8"))["audit"]
    assert told["colour"] == {"n": 1, "not_exact": 1.0, "as_intended": 1.0}
    assert told["brand"]["n"] >= 1 and told["compatibility"]["n"] == 0
