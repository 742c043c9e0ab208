"""Part ``speed``: pairs a second by the wall clock; run it on a quiet machine."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from bench.teacher.evidence import DATA, Shop, load

from adore.attributes.comparison import compare
from adore.attributes.lexicon import Lexicon
from adore.attributes.reader import Reader
from adore.data import demo_data
from adore.prompts import trace
from adore.rulebook import RuleBook
from adore.teacher.align import Config
from adore.teacher.backends.evidence import EvidenceJudge, RulesGrader
from adore.teacher.backends.tiny import TinyGrader
from adore.teacher.judgements import JudgeInput
from adore.teacher.training.tiny_model import new_model, new_tokenizer, product_words

ROUNDS = 3
GOALS = {"evidence + rules, items read before": 5000, "tiny LM": 200}


def best(work: Callable[[], Any]) -> float:
    """Seconds of the fastest of some rounds."""
    seconds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


def speeds(shop: Shop, threads: int) -> dict[str, float]:
    """Pairs a second of each way to judge all pairs of a shop."""
    book, reader = RuleBook.load(), Reader(Lexicon.mine(shop.items.values()))
    used = dict.fromkeys(i for _, i in shop.pairs)
    queries = {q: reader.read_query(text) for q, text in shop.queries.items()}
    items = {i: reader.read_item(shop.items[i]) for i in used}
    evidence = [compare(queries[q], items[i]) for q, i in shop.pairs]
    known = zip(shop.pairs, evidence, strict=True)
    judge_inputs = [
        JudgeInput(q, i, shop.queries[q], shop.items[i], e) for (q, i), e in known
    ]
    judge = EvidenceJudge(RulesGrader(book), book)
    config = Config()
    tokenizer = new_tokenizer(product_words(trace(e) for e in evidence))
    with tempfile.TemporaryDirectory() as folder:
        new_model(
            tokenizer, layers=config.layers, width=config.width, seed=0
        ).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        tiny = TinyGrader(Path(folder), threads=threads)
    compared = best(
        lambda: [book.apply(compare(queries[q], items[i])) for q, i in shop.pairs]
    )
    read = best(lambda: [reader.read_item(shop.items[i]) for i in used])
    graded = best(lambda: tiny.grade(evidence))
    pairs = len(shop.pairs)
    return {
        "pairs": pairs,
        "traces": len({trace(e) for e in evidence}),
        "evidence + rules, items read before": pairs / compared,
        "evidence + rules, items read now": pairs / (read + compared),
        "rules with rationales": pairs / best(lambda: judge.judge(judge_inputs)),
        "tiny LM": pairs / graded,
        "tiny LM, distinct traces": len({trace(e) for e in evidence}) / graded,
    }


def measure(seed: int) -> dict[str, Any]:
    """Speeds on both data sets; the tiny LM's weights are random,
    which costs what trained ones cost.
    """
    with tempfile.TemporaryDirectory() as folder:
        demo_data.run(demo_data.Config(seed=seed), output=Path(folder))
        demo = load(Path(folder))
    threads = min(2, os.cpu_count() or 1)
    shops = {"demo shop": demo, "esci": load(DATA / "esci")}
    return {
        "threads": threads,
        "torch": torch.__version__,
        **{name: speeds(s, threads) for name, s in shops.items()},
    }


def render(result: dict[str, Any]) -> str:
    """The section of its page."""
    shops = [name for name in result if isinstance(result[name], dict)]
    lines = [
        "### Speed of judging",
        "",
        f"Wall clock, best of {ROUNDS}; Python parts on one core, the tiny LM on "
        f"{result['threads']} threads (torch {result['torch']}). Every ESCI item "
        "stands in one pair, so reading it weighs fully there.",
        "",
        f"| pairs a second | {' | '.join(shops)} | goal |",
        f"|---|{'---:|' * (len(shops) + 1)}",
    ]
    for way in list(result[shops[0]])[2:]:
        cells = " | ".join(f"{result[s][way]:,.0f}" for s in shops)
        lines.append(
            f"| {way} | {cells} | {format(GOALS[way], ',') if way in GOALS else ''} |"
        )
    return "\n".join(lines)
