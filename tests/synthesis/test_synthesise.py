from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from tests.synthesis.shop import synthesise_shop

from adore.artifacts import hash_tree, read_table, write_table
from adore.errors import ConfigError
from adore.pipeline.runner import run_stage
from adore.storage import write_json
from adore.synthesis import synthesise
from adore.synthesis.generator import is_reserved
from adore.taxonomy import ERROR_TYPES
from adore.types import Evidence


def test_what_the_shop_offers_is_made_and_the_plan_says_why_the_rest_is_not(
    made: Path,
) -> None:
    types = set(read_table(made, "candidates")["error_type"])
    assert types >= {
        "category",
        "accessory",
        "brand",
        "size",
        "colour",
        "negation",
        "compatibility",
        "synonym",
    }
    plan = json.loads((made / "plan.json").read_text("utf-8"))
    assert set(plan["nothing"]) == set(ERROR_TYPES) - types and all(
        plan["nothing"].values()
    )


def test_candidates_come_from_good_training_pairs_only(
    made: Path, synthesis_shop: Path
) -> None:
    rows = read_table(made, "candidates")
    train = read_table(synthesis_shop / "prepare", "queries").filter(
        pl.col("split") == "train"
    )["query_id"]
    assert set(rows["source_query_id"]) <= set(train)
    assert set(rows["source_grade"]) == {3}
    assert rows["synthetic_id"].is_unique().all() and rows["synthetic_id"].is_sorted()


def test_reserved_items_are_left_alone(made: Path, synthesis_shop: Path) -> None:
    rows = read_table(made, "candidates")
    items = read_table(synthesis_shop / "prepare", "items")["item_id"].to_list()
    kept_back = {i for i in items if is_reserved(i)}
    assert 0.2 < len(kept_back) / len(items) < 0.5
    assert not kept_back & {*rows["item_id"], *rows["source_item_id"]}


def test_errors_of_student_and_shoppers_weigh(
    synthesis_shop: Path, tmp_path: Path
) -> None:
    pair = {"query_id": "q6", "item_id": "runm00"}
    blank = dict.fromkeys(("score", "p_E", "p_S", "p_C", "p_I"), 0.0)
    write_table(
        [{**pair, **blank, "system": "student", "grade": 2}], tmp_path, "scores"
    )
    sign = {
        "query_id": "q1",
        "item_id": "runm01",
        "prompt": "",
        "completion": "",
        "desirable": False,
    }
    kept = {
        **sign,
        "query_id": "q2",
        "item_id": "bottlem00",
        "kind": "bought, judged strictly",
        "event_ids": [],
    }
    write_table(
        [{**sign, "kind": "skipped, judged exact", "event_ids": []}, kept],
        tmp_path,
        "feedback",
    )
    about = {"query_id": "q2", "item_id": "bottlem00"}
    write_table(
        [{**about, "grade": 2, "kind": "bought, judged strictly"}],
        tmp_path,
        "live_errors",
    )
    segments = [
        {"slice": "asks size", "error_type": "size", "lost": 7.4},
        {"slice": "asks brand", "error_type": "brand", "lost": 0.4},
        {"slice": "short query", "error_type": "", "lost": 9.0},
    ]
    write_json({"segments": segments}, tmp_path / "result.json")
    pairs = read_table(synthesis_shop / "evidence", "pairs").to_dicts()
    more = [Evidence("colour", "red", "red", "blue", "Navy", "title", "conflict")]
    pairs.append(
        {"query_id": "q1", "item_id": "runm01", "evidence": Evidence.many_to_json(more)}
    )
    evidence = tmp_path / "evidence"
    shutil.copytree(synthesis_shop / "evidence", evidence)
    write_table(pairs, evidence, "pairs")
    (tmp_path / "out").mkdir()
    synthesise.run(
        synthesise.Config(total=5), synthesis_shop / "prepare", evidence,
        [synthesis_shop / "answers"], tmp_path / "out",
        scores=tmp_path, feedback=tmp_path, live=tmp_path, experiment=tmp_path,
    )  # fmt: skip
    plan = json.loads((tmp_path / "out" / "plan.json").read_text("utf-8"))
    assert plan["errors"]["student"] == {"over-strict": 1} and plan["errors"][
        "online"
    ] == {"colour": 1, "synonym": 1}
    assert plan["errors"]["live"] == {"synonym": 1}
    assert plan["errors"]["experiment"] == {"size": 7}
    assert plan["shares"]["size"] > plan["shares"]["colour"] > plan["shares"]["brand"]


def test_a_profile_names_the_run_before(synthesis_shop: Path, tmp_path: Path) -> None:
    blank = dict.fromkeys(("score", "p_E", "p_S", "p_C", "p_I"), 0.0) | {
        "system": "student",
        "grade": 2,
    }
    inputs = {
        k: str(synthesis_shop / p)
        for k, p in (("prepared", "prepare"), ("evidence", "evidence"))
    }
    inputs["judged"] = [str(synthesis_shop / "answers")]  # type: ignore[assignment]
    for name, query in (("one", "q6"), ("other", "of another shop")):
        (tmp_path / name / "distil").mkdir(parents=True)
        write_table(
            [{"query_id": query, "item_id": "runm00", **blank}],
            tmp_path / name / "distil",
            "scores",
        )
    run_stage(
        "synthesise",
        inputs,
        str(tmp_path / "out"),
        previous=str(tmp_path / "one"),
        total=5,
    )
    plan = json.loads((tmp_path / "out" / "plan.json").read_text("utf-8"))
    assert plan["errors"]["student"] == {"over-strict": 1}
    with pytest.raises(ConfigError, match="on the same dev pairs"):
        run_stage(
            "synthesise",
            inputs,
            str(tmp_path / "no"),
            previous=str(tmp_path / "other"),
            total=5,
        )


def test_the_uniform_comparator_heeds_no_errors(
    synthesis_shop: Path, tmp_path: Path
) -> None:
    synthesise_shop(synthesis_shop, tmp_path / "out", strategy="uniform", total=5)
    plan = json.loads((tmp_path / "out" / "plan.json").read_text("utf-8"))
    assert (
        set(plan["shares"].values()) == {1 / len(ERROR_TYPES)}
        and sum(plan["errors"]["teacher"].values()) > 0
        and not plan["errors_weigh"]
    )


def test_new_things_have_new_ids_and_real_things_their_own(
    made: Path, synthesis_shop: Path
) -> None:
    texts = dict(
        read_table(synthesis_shop / "prepare", "queries")
        .select("query_id", "query")
        .iter_rows()
    )
    titles = dict(
        read_table(synthesis_shop / "prepare", "items")
        .select("item_id", "title")
        .iter_rows()
    )
    for row in read_table(made, "candidates").iter_rows(named=True):
        item = json.loads(row["item"])
        assert item["item_id"] == row["item_id"]
        assert (
            row["query_id"].startswith("syn-q-")
            or texts[row["query_id"]] == row["query"]
        )
        assert (
            row["item_id"].startswith("syn-i-")
            or titles[row["item_id"]] == item["title"]
        )


def test_the_same_seed_makes_the_same_files(
    made: Path, synthesis_shop: Path, tmp_path: Path
) -> None:
    synthesise_shop(synthesis_shop, tmp_path / "again")
    assert hash_tree(tmp_path / "again") == hash_tree(made)
    synthesise_shop(synthesis_shop, tmp_path / "other", seed=1)
    assert hash_tree(tmp_path / "other") != hash_tree(made)


def test_weights_choose_the_types(synthesis_shop: Path, tmp_path: Path) -> None:
    metrics = synthesise_shop(
        synthesis_shop, tmp_path / "out", weights={"brand": 1.0, "colour": 1.0}, total=6
    )
    counts = dict(
        read_table(tmp_path / "out", "candidates")
        .group_by("error_type")
        .len()
        .iter_rows()
    )
    assert counts == {"brand": 3, "colour": 3} and metrics["made"] == 6


def test_an_unknown_error_type_is_refused(synthesis_shop: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"synthesise.weights == \['taste'\]"):
        synthesise_shop(synthesis_shop, tmp_path / "out", weights={"taste": 1.0})


def test_no_good_pairs_make_no_candidates(synthesis_shop: Path, tmp_path: Path) -> None:
    prepared = tmp_path / "prepare"
    prepared.mkdir()
    for name in ("items", "queries"):
        write_table(read_table(synthesis_shop / "prepare", name), prepared, name)
    write_table([], prepared, "judgements")
    write_table([], tmp_path, "teacher_judgements")
    (tmp_path / "out").mkdir()
    metrics = synthesise.run(
        synthesise.Config(),
        prepared,
        synthesis_shop / "evidence",
        [tmp_path],
        tmp_path / "out",
    )
    assert metrics["made"] == 0
