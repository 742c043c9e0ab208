"""The walk back from a student ends at the files that a person gave."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from adore.artifacts import Manifest
from adore.errors import MissingError
from adore.pipeline.explain import _lineage, explain_pair
from adore.pipeline.explanation import render
from adore.pipeline.runner import run_step
from adore.storage import write_json
from adore.types import item_from_row


def test_the_walk_ends_at_the_input(tmp_path: Path) -> None:
    for step, key, source in (
        ("distil", "prepared", str(tmp_path / "prepare")),
        ("prepare", "data", "s/hop"),
    ):
        (tmp_path / step).mkdir()
        made = Manifest(
            step,
            "0",
            "code",
            {},
            {key: "hash of input"},
            {key: source},
            f"{step}'s",
            {},
            {},
            1.0,
            0.0,
        )
        write_json(asdict(made), tmp_path / step / "manifest.json")
    assert [(s.step, s.place, s.content) for s in _lineage([f"{tmp_path}/distil"])] == [
        ("distil", f"{tmp_path}/distil", "distil's"),
        ("prepare", f"{tmp_path}/prepare", "prepare's"),
        ("input", "s/hop", "hash of inpu"),
    ]


def test_a_null_attribute_is_none() -> None:
    row = {"item_id": "x", "title": "t", "attributes": {"size": None, "fit": "slim"}}
    assert item_from_row(row).attributes == {"fit": "slim"}


def test_a_run_without_a_student_is_explained_by_its_judge(tmp_path: Path) -> None:
    data, profile = tmp_path / "data", tmp_path / "profile.yaml"
    data.mkdir()
    profile.write_text("judge: {backend: rules, shards: 2}")
    (data / "items.csv").write_text(
        "item_id,title,category\ni,Red mug,Home > Mugs\nj,Blue mug,Home > Mugs\n"
    )
    (data / "queries.csv").write_text("query_id,query\nq,red mug\np,Red  Mug\n")
    (data / "judgements.csv").write_text(
        "query_id,item_id,label\nq,i,E\nq,j,S\np,i,E\n"
    )
    run = str(tmp_path / "run")
    with pytest.raises(MissingError, match="must be there"):
        explain_pair(run, "red mug", "i")
    for step in ("prepare", "evidence", "judge"):
        run_step(step, run, data=str(data), profile=str(profile), seed=0)
    explanation = explain_pair(run, "red mug", "j")
    told = explanation.to_json()
    assert told["served"] == {} and [j["by"] for j in told["judgements"]] == [
        "human",
        "rules (judge)",
    ]
    assert (
        told["query"]["query_id"] == "p, q"
    )  # two ids of one text, of which one is judged with this item
    wide = explain_pair(run, "\uff32\uff45\uff44 mug", "j").to_json()
    assert (
        wide["judgements"] == told["judgements"]
        and wide["query"]["split"] == told["query"]["split"] != "unseen"
    )
    assert explain_pair(run, "green mug", "j").to_json()["query"] == {
        "text": "green mug",
        "query_id": "",
        "split": "unseen",
    }
    assert {s["step"] for s in told["lineage"]} == {
        "judge",
        "prepare",
        "evidence",
        "input",
    }
    assert "served  not yet: no student" in render(explanation)
    with pytest.raises(MissingError, match="item == 'k', must be in the catalogue"):
        explain_pair(run, "red mug", "k")
