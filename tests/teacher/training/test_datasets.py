"""What a large teacher learns from:
sound answers, corrections first, two answers to one prompt of like length.
"""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from adore.artifacts import read_table, write_table
from adore.prompts import answer
from adore.rulebook import RuleBook
from adore.teacher.judge import Config, run
from adore.teacher.judge_inputs import load_judge_inputs
from adore.teacher.judgements import JudgeInput
from adore.teacher.parse import parse
from adore.teacher.rationale import RationaleSchema
from adore.teacher.training.datasets import (
    agreeing_pairs,
    kto_traces,
    labelled,
    sft_texts,
    text_feedback,
)
from adore.types import Grade

BOOK = RuleBook.load()


@pytest.fixture(scope="module")
def judged(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rules' answers, one rationale of which quotes what is not there."""
    out = tmp_path_factory.mktemp("judged")
    run(Config(backend="rules"), prepared=shop, evidence=shop, output=out)
    rows = read_table(out, "teacher_judgements").to_dicts()
    why = json.loads(rows[0]["rationale"])
    why["attributes"][0]["found_quote"], why["verdict"] = "nowhere", "invented"
    write_table(
        [{**rows[0], "rationale": json.dumps(why)}, *rows[1:]],
        out,
        "teacher_judgements",
    )
    return out


def test_sft_learns_the_judges_own_sound_rationales(shop: Path, judged: Path) -> None:
    table = agreeing_pairs(labelled(shop, shop, [judged]))
    assert (
        (table["human"] == table["grade"]) | table["human"].is_null()
    ).all() and table["human"].null_count() == 0
    rows = sft_texts(table, shop, shop, BOOK, count=300, seed=0)
    said = [json.loads(r["completion"][0]["content"]) for r in rows]
    counts = pl.Series([s["grade"] for s in said]).value_counts()["count"]
    assert len(counts) == 3 and counts.min() > 60, "balanced by grade"  # type: ignore[operator]
    alone = table.filter(pl.col("rationale").str.contains("invented"))
    assert (
        alone.height == 1 and sft_texts(alone, shop, shop, BOOK, count=5, seed=0) == []
    )
    assert (
        BOOK.render() in rows[0]["prompt"][0]["content"]
        and "<evidence>" in rows[0]["prompt"][1]["content"]
    )


def feedback(
    judge_input: JudgeInput, given: Grade, better: Grade | None = None
) -> list[dict[str, object]]:
    kind = (
        "bought, judged"
        if (given if better is None else better) == Grade.EXACT
        else "skipped, judged"
    )
    keys = {
        "query_id": judge_input.query_id,
        "item_id": judge_input.item_id,
        "kind": kind,
    }
    told = [(given, better is None), *([(better, True)] if better is not None else [])]
    return [
        {**keys, "completion": answer(g, judge_input.evidence), "desirable": good}
        for g, good in told
    ]


def test_feedback_is_believable_and_of_one_length(shop: Path) -> None:
    judge_inputs = load_judge_inputs(shop, shop, None, lambda q: q == "q0")
    grades = {c.item_id: BOOK.apply(c.evidence).grade for c in judge_inputs}
    soft = next(c for c in judge_inputs if grades[c.item_id] == Grade.SUBSTITUTE)
    other = next(
        c
        for c in judge_inputs
        if any(
            e.attribute == "product_type" and e.state == "conflict" for e in c.evidence
        )
    )
    right = [c for c in judge_inputs if c not in (soft, other)]
    rows = [r for c in right for r in feedback(c, grades[c.item_id])]
    rows += feedback(soft, Grade.SUBSTITUTE, Grade.EXACT) + feedback(
        other, Grade.IRRELEVANT, Grade.EXACT
    )
    told = text_feedback(pl.DataFrame(rows), shop, shop, BOOK, max_rows=10, seed=0)
    assert len(told) == 10 and [r["label"] for r in told].count(False) == 1
    first, second = sorted(told[:2], key=lambda r: bool(r["label"]))
    assert (first["label"], second["label"]) == (False, True) and first[
        "prompt"
    ] == second["prompt"]
    texts = [r["completion"][0]["content"] for r in (first, second)]
    assert abs(len(texts[0]) - len(texts[1])) <= len("product_type")
    assert (
        isinstance(parse(texts[1], soft, BOOK), RationaleSchema)
        and '"grade":"E"' in texts[1]
    )
    everything = text_feedback(
        pl.DataFrame(rows), shop, shop, BOOK, max_rows=999, seed=0
    )
    assert len(everything) == len(rows) - 2, (
        "nobody would believe that another product is exact"
    )
    for way in ("bought, judged", "skipped, judged"):
        one_way = pl.DataFrame([r for r in rows if r["kind"] == way])
        assert (
            one_way.height
            and text_feedback(one_way, shop, shop, BOOK, max_rows=999, seed=0) == []
        )
        told = {(c.query_id, c.item_id): Grade.SUBSTITUTE for c in judge_inputs}
        assert (
            kto_traces(
                one_way.with_columns(prompt=pl.lit("")),
                told,
                max_direction_ratio=8,
                max_rows=99,
                seed=0,
            )
            == []
        )
