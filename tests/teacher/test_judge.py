"""Judges that read evidence: shards, the rule book, the trace language."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from adore.artifacts import read_table, write_table
from adore.attributes.comparison import KEYWORD_STUFFED
from adore.errors import ConfigError
from adore.prompts import ANSWER_PREFIX, answer, trace
from adore.rulebook import RuleBook
from adore.teacher.backends.evidence import EvidenceJudge, RulesGrader
from adore.teacher.judge import Config, run, shard_of
from adore.teacher.judgements import JudgeInput
from adore.teacher.rationale import RationaleSchema
from adore.teacher.training.tiny_model import new_tokenizer, product_words
from adore.types import Evidence, Grade, Item

GOOD = (Evidence("brand", "acme", "acme", "acme", "Acme", "brand", "match"),)
ITEM = {
    "title": "Acme mug",
    "brand": "Acme",
    "category": "",
    "description": "",
    "bullet_points": [],
    "attributes": "{}",
}
BAD = (Evidence("product_type", "mug", "mug", "shoe", "Shoe", "category", "conflict"),)


def test_shards_cover_every_pair_once(tmp_path: Path) -> None:
    pairs = [
        {
            "query_id": f"q{n % 7}",
            "item_id": f"i{n}",
            "evidence": Evidence.many_to_json(GOOD),
        }
        for n in range(40)
    ]
    write_table(pairs, tmp_path, "pairs")
    write_table(
        [
            {"query_id": f"q{n}", "query": "acme mug", "split": "train"}
            for n in range(7)
        ],
        tmp_path,
        "queries",
    )
    write_table([ITEM | {"item_id": f"i{n}"} for n in range(40)], tmp_path, "items")
    seen: list[tuple[str, str]] = []
    for shard in range(3):
        out = tmp_path / str(shard)
        out.mkdir()
        run(
            Config(shard=shard, shards=3, rulebook="general"),
            prepared=tmp_path,
            evidence=tmp_path,
            output=out,
        )
        answers = read_table(out, "teacher_judgements")
        assert all(shard_of(q, 3) == shard for q in answers["query_id"])
        seen += answers.select("query_id", "item_id").rows()
        for text in answers["rationale"]:
            assert RationaleSchema(**json.loads(text)).grade == "E"
    assert sorted(seen) == sorted((p["query_id"], p["item_id"]) for p in pairs)
    with pytest.raises(ConfigError, match="shard == 3"):
        run(
            Config(shard=3, shards=3, rulebook="general"),
            prepared=tmp_path,
            evidence=tmp_path,
            output=tmp_path,
        )


def test_the_rules_judge_is_the_rule_book() -> None:
    book = RuleBook.load()
    assert RulesGrader(book).grade([GOOD, BAD]) == [
        book.apply(GOOD).probabilities,
        book.apply(BAD).probabilities,
    ]


def test_the_trace_language_is_closed() -> None:
    texts = [
        trace(evidence) + answer(Grade.SUBSTITUTE, evidence)
        for evidence in (GOOD, BAD, ())
    ]
    tokenizer = new_tokenizer(product_words(texts, min_traces=1))
    for text in texts:
        ids = tokenizer(text)["input_ids"]
        assert tokenizer.unk_token_id not in ids and tokenizer.decode(ids) == text
    assert "mug shoe".split() == sorted(
        set(product_words(texts, min_traces=1)) & {"mug", "shoe", "acme"}
    ), "brands are no words"
    assert answer(Grade.EXACT, GOOD).startswith(ANSWER_PREFIX) and json.loads(
        answer(Grade.IRRELEVANT, BAD)
    )


def test_an_item_caught_cheating_is_judged_by_the_rules() -> None:
    class Fond:
        name = "fond"

        def grade(
            self, many: list[tuple[Evidence, ...]]
        ) -> list[tuple[float, float, float, float]]:
            return [(0.0, 0.0, 0.0, 1.0) for _ in many]

    caught = Evidence(
        "product_type",
        "mug",
        "mug",
        KEYWORD_STUFFED,
        "",
        "title",
        "conflict",
        "stuffing",
    )
    judge_inputs = [
        JudgeInput("q", "i", "mug", Item("i", "Mug"), evidence)
        for evidence in ((caught,), BAD)
    ]
    told = [
        int(np.argmax(a.probabilities))
        for a in EvidenceJudge(Fond(), RuleBook.load()).judge(judge_inputs)
    ]
    assert told == [Grade.IRRELEVANT, Grade.EXACT]
