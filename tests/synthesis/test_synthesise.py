from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from adore.artifacts import hash_tree, read_table, write_table
from adore.errors import ConfigError
from adore.pipeline.runner import call
from adore.synthesis import synthesise, verify
from adore.synthesis.generator import is_reserved
from adore.taxonomy import ERROR_TYPES
from adore.types import Evidence


def _conftest() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "synthesis_shop_module", Path(__file__).parent / "conftest.py"
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make(home: Path, output: Path, **config: object) -> dict[str, float]:
    output.mkdir(parents=True)
    given = synthesise.Config.model_validate(config)
    return synthesise.run(
        given, home / "prepare", home / "evidence", [home / "answers"], output
    )


@pytest.fixture(scope="session")
def made(synthesis_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("made") / "synthesise"
    make(synthesis_shop, output)
    _conftest().write_answers(output, output.parent / "answers")
    return output


def check(
    home: Path, made: Path, output: Path, answers: Path | None = None, **config: object
) -> dict[str, float]:
    output.mkdir(parents=True, exist_ok=True)
    given, said = (
        verify.Config.model_validate(config),
        [answers or made.parent / "answers"],
    )
    return verify.run(given, home / "prepare", home / "evidence", made, said, output)


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


def test_the_untyped_comparator_knows_no_error_type(
    synthesis_shop: Path, tmp_path: Path
) -> None:
    make(synthesis_shop, tmp_path / "synthesise", strategy="untyped", total=20)
    rows = read_table(tmp_path / "synthesise", "candidates")
    assert set(rows["error_type"]) == {"untyped"} and set(rows["intended_grade"]) == {
        0,
        3,
    }
    _conftest().write_answers(tmp_path / "synthesise", tmp_path / "answers")
    metrics = check(synthesis_shop, tmp_path / "synthesise", tmp_path / "out")
    assert (
        metrics["accepted"] > 0
        and metrics["yield_untyped"] == metrics["accepted"] / metrics["made"]
    )


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
    pairs = read_table(synthesis_shop / "evidence", "pairs").to_dicts()
    more = [Evidence("colour", "red", "red", "blue", "Navy", "title", "conflict")]
    pairs.append(
        {"query_id": "q1", "item_id": "runm01", "evidence": Evidence.many_to_json(more)}
    )
    found = tmp_path / "evidence"
    shutil.copytree(synthesis_shop / "evidence", found)
    write_table(pairs, found, "pairs")
    (tmp_path / "out").mkdir()
    synthesise.run(
        synthesise.Config(total=5), synthesis_shop / "prepare", found,
        [synthesis_shop / "answers"], tmp_path / "out",
        scores=tmp_path, feedback=tmp_path,
    )  # fmt: skip
    plan = json.loads((tmp_path / "out" / "plan.json").read_text("utf-8"))
    assert plan["errors"]["student"] == {"over-strict": 1} and plan["errors"][
        "online"
    ] == {"colour": 1, "synonym": 1}
    assert plan["shares"]["colour"] > plan["shares"]["brand"]


def test_a_profile_names_the_run_before(synthesis_shop: Path, tmp_path: Path) -> None:
    blank = dict.fromkeys(("score", "p_E", "p_S", "p_C", "p_I"), 0.0) | {
        "system": "student",
        "grade": 2,
    }
    inputs = {
        k: str(synthesis_shop / p)
        for k, p in (("prepared", "prepare"), ("evidence", "evidence"))
    }
    inputs["answers"] = [str(synthesis_shop / "answers")]  # type: ignore[assignment]
    for name, query in (("one", "q6"), ("other", "of another shop")):
        (tmp_path / name / "distil").mkdir(parents=True)
        write_table(
            [{"query_id": query, "item_id": "runm00", **blank}],
            tmp_path / name / "distil",
            "scores",
        )
    call(
        "synthesise",
        inputs,
        str(tmp_path / "out"),
        previous=str(tmp_path / "one"),
        total=5,
    )
    plan = json.loads((tmp_path / "out" / "plan.json").read_text("utf-8"))
    assert plan["errors"]["student"] == {"over-strict": 1}
    with pytest.raises(ConfigError, match="on the same dev pairs"):
        call(
            "synthesise",
            inputs,
            str(tmp_path / "no"),
            previous=str(tmp_path / "other"),
            total=5,
        )


def test_the_uniform_comparator_heeds_no_errors(
    synthesis_shop: Path, tmp_path: Path
) -> None:
    make(synthesis_shop, tmp_path / "out", strategy="uniform", total=5)
    plan = json.loads((tmp_path / "out" / "plan.json").read_text("utf-8"))
    assert (
        set(plan["shares"].values()) == {1 / len(ERROR_TYPES)}
        and sum(plan["errors"]["teacher"].values()) > 0
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
    make(synthesis_shop, tmp_path / "again")
    assert hash_tree(tmp_path / "again") == hash_tree(made)
    make(synthesis_shop, tmp_path / "other", seed=1)
    assert hash_tree(tmp_path / "other") != hash_tree(made)


def test_weights_choose_the_types(synthesis_shop: Path, tmp_path: Path) -> None:
    metrics = make(
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
        make(synthesis_shop, tmp_path / "out", weights={"taste": 1.0})


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


def test_verified_pairs_are_graded_as_intended(
    made: Path, synthesis_shop: Path, tmp_path: Path
) -> None:
    metrics = check(synthesis_shop, made, tmp_path / "out")
    kept, rejected = (
        read_table(tmp_path / "out", name) for name in ("synthetic", "rejected")
    )
    assert (
        metrics["made"] == kept.height + rejected.height
        and metrics["accepted"] == kept.height > 50
    )
    assert ((kept["answered_grade"] == 3) == (kept["intended_grade"] == 3)).all()
    assert set(rejected["reason"]) <= set(verify.REASONS)
    told = json.loads((tmp_path / "out" / "yield.json").read_text("utf-8"))
    assert sum(t["accepted"] for t in told["types"]) == told["accepted"] == kept.height
    assert all(len(t["examples"]) <= 3 for t in told["types"])


def test_held_out_queries_do_not_leak(
    made: Path, synthesis_shop: Path, tmp_path: Path
) -> None:
    rows = read_table(made, "candidates").head(3)
    leaky = rows.with_columns(
        pl.lit("Running SHOES,  adidas").alias("query")
    )  # q6 of dev, turned round
    write_table(leaky, tmp_path, "candidates")
    (tmp_path / "out").mkdir()
    check(synthesis_shop, tmp_path, tmp_path / "out", answers=made.parent / "answers")
    assert (
        read_table(tmp_path / "out", "rejected")["reason"].to_list() == ["leakage"] * 3
    )


def test_each_fault_has_its_reason(
    made: Path, synthesis_shop: Path, tmp_path: Path
) -> None:
    kept = (
        check(synthesis_shop, made, tmp_path / "ok")
        and read_table(tmp_path / "ok", "synthetic").to_dicts()
    )
    row = next(r for r in kept if r["error_type"] == "brand")
    row.pop("answered_grade")
    faulty = [
        row,
        {**row, "synthetic_id": "syn-z1"},
        {**row, "synthetic_id": "syn-z2", "query": "x" * 500},
        {
            **row,
            "synthetic_id": "syn-z3",
            "query": "nike running shoes",
            "evidence": row["source_evidence"],
        },
        {
            **row,
            "synthetic_id": "syn-z4",
            "query": "running shoes for women",
            "item_id": "nobody judged me",
        },
        {
            **row,
            "synthetic_id": "syn-z5",
            "query": "nike running shoes for women",
            "intended_grade": 3,
        },
        {**row, "synthetic_id": "syn-z6", "query": "for women with no of the"},
    ]
    write_table(faulty, tmp_path, "candidates")
    (tmp_path / "out").mkdir()
    check(synthesis_shop, tmp_path, tmp_path / "out", answers=made.parent / "answers")
    reasons = (
        read_table(tmp_path / "out", "rejected")
        .sort("synthetic_id")["reason"]
        .to_list()
    )
    assert reasons == [
        "duplicate",
        "text",
        "attribute",
        "unanswered",
        "judge",
        "fluency",
    ]


def test_humans_audit_the_picks(synthesis_shop: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for name in ("prepare", "evidence", "answers"):
        (home / name).symlink_to(synthesis_shop / name)
    more = [
        ("q1", "runm04", 2),
        ("q1", "runm08", 3),
        ("q1", "runm01", 2),
    ]  # adidas red, asics red, nike navy
    graded = read_table(home / "prepare", "judgements")
    added = pl.DataFrame(more, schema=graded.schema, orient="row")
    (home / "prepare").unlink()
    (home / "prepare").mkdir()
    for name in ("items", "queries"):
        write_table(
            read_table(synthesis_shop / "prepare", name), home / "prepare", name
        )
    write_table(pl.concat([graded, added]), home / "prepare", "judgements")
    make(home, tmp_path / "out", total=10)
    told = json.loads((tmp_path / "out" / "plan.json").read_text("utf-8"))["audit"]
    assert told["colour"] == {
        "n": 1,
        "queries": 1,
        "not_exact": 1.0,
        "as_intended": 1.0,
        "E": 0,
        "S": 1,
        "C": 0,
        "I": 0,
    }
    assert told["brand"]["n"] >= 1 and told["compatibility"]["n"] == 0


def test_judges_vote(made: Path, synthesis_shop: Path, tmp_path: Path) -> None:
    right = read_table(made.parent / "answers", "teacher_judgements")
    wrong = right.with_columns((3 - pl.col("grade")).alias("grade"))
    for name, frame in (("a", right), ("b", right), ("c", wrong)):
        (tmp_path / name).mkdir()
        write_table(frame, tmp_path / name, "teacher_judgements")
    accepted = {}
    for names in ("a", "abc", "acc"):
        (tmp_path / f"out-{names}").mkdir()
        folders = [tmp_path / name for name in names]
        places = synthesis_shop / "prepare", synthesis_shop / "evidence", made
        metrics = verify.run(
            verify.Config(agreement=0.6), *places, folders, tmp_path / f"out-{names}"
        )
        accepted[names] = metrics["accepted"]
    assert (
        accepted["a"] == accepted["abc"] > accepted["acc"]
    )  # two of three carry it, one of three does not
