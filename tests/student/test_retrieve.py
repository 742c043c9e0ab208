"""Retrieval: real new pairs for train queries and requests only,
judged besides the known ones, and one embedding.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from adore.artifacts import read_table, write_table
from adore.attributes.held_out import HeldOut
from adore.attributes.language_packs import load_language
from adore.pipeline.runner import run_stage
from adore.student.export import export_encoder
from adore.student.onnx_models import VECTORS, OnnxEncoder
from adore.student.retrieve import HybridRetriever, reciprocal_rank_fusion
from adore.types import Evidence, Item

KEYS = ["query_id", "item_id"]


@pytest.fixture(scope="module")
def found(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stage's output on the tiny shop with a few requests more."""
    home = tmp_path_factory.mktemp("retrieve")
    queries = read_table(shop / "prepare", "queries")
    test = queries.filter(split="test")["query"][0]
    more = [
        ("request:1", "steel water bottle"),
        ("request:2", f"{test} {test.upper()}"),
        ("request:3", "blue socks"),
    ]
    (home / "prepare").mkdir()
    write_table(
        read_table(shop / "prepare", "items").to_dicts(), home / "prepare", "items"
    )
    write_table(
        read_table(shop / "prepare", "judgements").to_dicts(),
        home / "prepare",
        "judgements",
    )
    for name in ("truth", "events"):
        write_table(
            read_table(shop / "prepare", name).to_dicts(), home / "prepare", name
        )
    rows = [
        *queries.to_dicts(),
        *({"query_id": q, "query": t, "split": "train"} for q, t in more),
    ]
    write_table(rows, home / "prepare", "queries")
    for name in ("dataset.json", "rulebook.yaml"):
        (home / "prepare" / name).write_text((shop / "prepare" / name).read_text())
    run_stage("evidence", {"prepared": str(home / "prepare")}, str(home / "evidence"))
    (home / "p.yaml").write_text(
        "retrieve: {backbone: tiny, k: 3, unjudged_queries: 5, unjudged_k: 4}\n"
    )
    places = {"prepared": str(home / "prepare"), "evidence": str(home / "evidence")}
    run_stage("retrieve", places, str(home / "retrieve"), profile=str(home / "p.yaml"))
    return home


def test_pairs_are_new_and_of_train_queries_and_requests_only(found: Path) -> None:
    pairs, known = (
        read_table(found / "retrieve", "pairs"),
        read_table(found / "evidence", "pairs"),
    )
    queries = read_table(found / "prepare", "queries")
    judged = set(read_table(found / "prepare", "judgements")["query_id"])
    held = HeldOut(queries.filter(split="test")["query"], 0.8, load_language("en"))
    assert pairs.height and pairs.join(known, on=KEYS, how="semi").is_empty()
    of = pairs.join(queries, on="query_id")
    assert set(of["split"]) == {"train"} and not any(held.near(q) for q in of["query"])
    count = dict(pairs.group_by("query_id").len().iter_rows())
    assert count["request:1"] == 4 and "request:2" not in count
    assert all(n == (3 if q in judged else 4) for q, n in count.items())


def test_their_evidence_is_what_the_evidence_stage_would_say(found: Path) -> None:
    row = (
        read_table(found / "retrieve", "pairs")
        .filter(query_id="request:1")
        .row(0, named=True)
    )
    asked = {e.attribute for e in Evidence.many_from_json(row["evidence"])}
    assert asked == {"product_type", "material", "feature"}


def test_the_teacher_judges_them_besides_the_known_pairs(found: Path) -> None:
    places = {
        name: str(found / step)
        for name, step in (("prepared", "prepare"), ("evidence", "evidence"))
    }
    run_stage(
        "judge-again",
        {**places, "retrieved": str(found / "retrieve")},
        str(found / "again"),
        profile=str(found / "p.yaml"),
    )
    answers = read_table(found / "again", "teacher_judgements")
    known, new = (
        read_table(found / step, "pairs").height for step in ("evidence", "retrieve")
    )
    assert answers.height == known + new


def test_the_student_learns_them_and_takes_the_vectors(
    found: Path, shop: Path, distilled, tmp_path: Path
) -> None:
    places = {
        name: str(found / step)
        for name, step in (("prepared", "prepare"), ("evidence", "evidence"))
    }
    run_stage(
        "judge-again",
        {**places, "retrieved": str(found / "retrieve")},
        str(found / "again"),
        profile=str(found / "p.yaml"),
    )
    more = {
        **places,
        "judged": [str(found / "again")],
        "retrieved": str(found / "retrieve"),
    }
    data = {}
    for name, inputs in (
        ("with", more),
        ("without", {k: v for k, v in more.items() if k != "retrieved"}),
    ):
        distilled(shop, tmp_path / name, **inputs)
        data[name] = json.loads((tmp_path / name / "card.json").read_text())["data"]
    new = read_table(found / "retrieve", "pairs").height
    assert data["with"]["teacher"] == data["without"]["teacher"] + new
    assert (tmp_path / "with" / VECTORS).read_bytes() == (
        found / "retrieve" / VECTORS
    ).read_bytes()


def test_nothing_is_retrieved_where_it_is_switched_off(
    found: Path, tmp_path: Path
) -> None:
    (tmp_path / "p.yaml").write_text(
        "retrieve: {backbone: tiny, k: 0, unjudged_queries: 0}\n"
    )
    places = {"prepared": str(found / "prepare"), "evidence": str(found / "evidence")}
    run_stage(
        "retrieve", places, str(tmp_path / "off"), profile=str(tmp_path / "p.yaml")
    )
    assert (
        read_table(tmp_path / "off", "pairs").is_empty()
        and (tmp_path / "off" / VECTORS).is_file()
    )


def test_words_and_meaning_are_fused(tmp_path: Path) -> None:
    """A word of one item alone brings it to the top whatever the (random) encoder thinks."""
    export_encoder("tiny", tmp_path)
    items = [
        Item(
            str(n), f"Thing number {n}", attributes={"seal": "viton"} if n == 7 else {}
        )
        for n in range(9)
    ]
    finder = HybridRetriever(
        items, OnnxEncoder(tmp_path), depth=3, language=load_language("en")
    )
    near = finder.find("seal viton")
    assert 7 in near[:2] and len(near) <= 4 and len(set(near)) == len(near)
    assert finder.find("никто") and not np.isnan(finder.find("")).any()
    assert reciprocal_rank_fusion([[1, 2], [2, 1]]) == [1, 2]
