"""Judges, the tiny LM with real TRL, and the teacher's gate."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from adore.artifacts import read_table, write_table
from adore.errors import ConfigError
from adore.prompts import ANSWER_PREFIX, answer, trace
from adore.rulebook import RuleBook
from adore.teacher.gate import decide, rates
from adore.teacher.judge import Config, RulesGrader, run, shard_of
from adore.teacher.rationale import RationaleSchema
from adore.teacher.tiny import TinyGrader, new_model, new_tokenizer, product_words, sft_row
from adore.types import Evidence, Grade

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
    pairs = [{"query_id": f"q{n % 7}", "item_id": f"i{n}", "evidence": Evidence.many_to_json(GOOD)} for n in range(40)]
    write_table(pairs, tmp_path, "pairs")
    write_table([{"query_id": f"q{n}", "query": "acme mug", "split": "train"} for n in range(7)], tmp_path, "queries")
    write_table([ITEM | {"item_id": f"i{n}"} for n in range(40)], tmp_path, "items")
    seen: list[tuple[str, str]] = []
    for shard in range(3):
        out = tmp_path / str(shard)
        out.mkdir()
        run(Config(shard=shard, shards=3), prepared=tmp_path, evidence=tmp_path, output=out)
        answers = read_table(out, "answers")
        assert all(shard_of(q, 3) == shard for q in answers["query_id"])
        seen += answers.select("query_id", "item_id").rows()
        for text in answers["rationale"]:
            assert RationaleSchema(**json.loads(text)).grade == "E"
    assert sorted(seen) == sorted((p["query_id"], p["item_id"]) for p in pairs)
    with pytest.raises(ConfigError, match="shard == 3"):
        run(Config(shard=3, shards=3), prepared=tmp_path, evidence=tmp_path, output=tmp_path)


def test_the_rules_judge_is_the_rule_book() -> None:
    book = RuleBook.load()
    assert RulesGrader(book).grade([GOOD, BAD]) == [book.apply(GOOD).probabilities, book.apply(BAD).probabilities]


def test_the_trace_language_is_closed() -> None:
    texts = [trace(evidence) + answer(Grade.SUBSTITUTE, evidence) for evidence in (GOOD, BAD, ())]
    tokenizer = new_tokenizer(product_words(texts, least=1))
    for text in texts:
        ids = tokenizer(text)["input_ids"]
        assert tokenizer.unk_token_id not in ids and tokenizer.decode(ids) == text
    assert "mug shoe".split() == sorted(set(product_words(texts, least=1)) & {"mug", "shoe", "acme"}), (
        "brands are no words"
    )
    assert answer(Grade.EXACT, GOOD).startswith(ANSWER_PREFIX) and json.loads(answer(Grade.IRRELEVANT, BAD))


@pytest.fixture(scope="session")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer LM that real SFT and real KTO have seen."""
    from adore.teacher.training import kto, sft

    home = tmp_path_factory.mktemp("tiny")
    tokenizer = new_tokenizer()
    model = new_model(tokenizer, layers=2, width=32, seed=0)
    rows = [sft_row(GOOD, Grade.EXACT), sft_row(BAD, Grade.IRRELEVANT)] * 48
    common = {"seed": 0, "batch": 16}
    curve = sft(model, tokenizer, rows, home / "sft", epochs=30, rate=3e-3, **common)
    assert curve[-1]["loss"] < curve[0]["loss"]
    liked = [{**sft_row(GOOD, Grade.SUBSTITUTE), "label": True}, {**sft_row(GOOD, Grade.EXACT), "label": False}] * 16
    kto(home / "sft", liked, home / "kto", beta=0.1, epochs=3, rate=3e-3, **common)
    return home


@pytest.mark.filterwarnings("ignore")
def test_sft_teaches_and_kto_moves(taught: Path) -> None:
    before, after = (TinyGrader(taught / name).grade([GOOD, BAD]) for name in ("sft", "kto"))
    assert int(np.argmax(before[0])) == Grade.EXACT and int(np.argmax(before[1])) == Grade.IRRELEVANT
    assert after[0][Grade.EXACT] < before[0][Grade.EXACT], "undesirable answers get rarer"
    assert sum(after[0]) == pytest.approx(1)


def test_rates_agree_with_scikit_learn() -> None:
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(0)
    human, given = rng.integers(0, 4, 300), rng.integers(0, 4, 300)
    found = rates(human, given)
    assert found.macro_f1 == pytest.approx(f1_score(human, given, average="macro"))
    assert found.fnr == pytest.approx(1 - (given[human == 3] == 3).mean())


def test_the_gate_promotes_only_what_is_better() -> None:
    rng = np.random.default_rng(0)
    human, groups = rng.integers(0, 4, 400), np.arange(400) // 20
    strict = np.where((human == 3) & (rng.random(400) < 0.5), 2, human)
    lenient = np.full(400, 3)
    assert decide(human, strict, human, groups, seed=0)["promoted"]
    assert not decide(human, human, strict, groups, seed=0)["promoted"]
    refused = decide(human, strict, lenient, groups, seed=0)
    assert not refused["promoted"] and any("false positives rose" in r for r in refused["reasons"])
    assert not decide(human[:20], strict[:20], human[:20], groups[:20], seed=0)["promoted"]
