"""The tiny LM under real TRL: it learns, KTO's loss is the paper's,
two processes do what one does.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from adore.errors import AdoreError
from adore.prompts import answer
from adore.rulebook import RuleBook
from adore.teacher.backends.tiny import TinyGrader
from adore.teacher.factory import load_judge
from adore.teacher.judgements import JudgeInput, Judgement
from adore.teacher.operating_point import OperatingPoint
from adore.teacher.training.base import FitSettings
from adore.teacher.training.datasets import batch_distinct, kto_traces, sft_row
from adore.teacher.training.tiny import train, train_kto, train_sft
from adore.teacher.training.tiny_model import new_model, new_tokenizer
from adore.types import LABELS, Evidence, Grade, Item

pytestmark = pytest.mark.filterwarnings("ignore")
GOOD = (Evidence("brand", "acme", "acme", "acme", "Acme", "brand", "match"),)
BAD = (Evidence("colour", "red", "red", "blue", "blue", "title", "conflict"),)


def settings(epochs: float, rate: float, batch: int = 16, **trl: Any) -> FitSettings:
    return FitSettings(epochs, rate, batch, trl=trl)


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer LM that real SFT and real KTO have seen."""
    home = tmp_path_factory.mktemp("tiny")
    tokenizer = new_tokenizer()
    model = new_model(tokenizer, layers=2, width=32, seed=0)
    rows = [sft_row(GOOD, Grade.EXACT), sft_row(BAD, Grade.IRRELEVANT)] * 48
    curve = train_sft(model, tokenizer, rows, home / "sft", settings(40, 6e-3))
    assert curve[-1]["loss"] < curve[0]["loss"]
    liked = [
        {**sft_row(GOOD, Grade.SUBSTITUTE), "label": True},
        {**sft_row(GOOD, Grade.EXACT), "label": False},
    ] * 16
    train_kto(home / "sft", liked, home / "kto", settings(6, 3e-3, beta=0.1))
    return home


def test_sft_teaches_and_kto_moves(taught: Path) -> None:
    before, after = (
        TinyGrader(taught / name).grade([GOOD, BAD]) for name in ("sft", "kto")
    )
    assert (
        int(np.argmax(before[0])) == Grade.EXACT
        and int(np.argmax(before[1])) == Grade.IRRELEVANT
    )
    assert after[0][Grade.EXACT] < before[0][Grade.EXACT], (
        "undesirable answers get rarer"
    )
    assert sum(after[0]) == pytest.approx(1)


def test_the_operating_point_beside_the_weights_is_applied(
    taught: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "shifted"
    shutil.copytree(taught / "sft", folder)
    before = TinyGrader(taught / "sft")
    assert TinyGrader(folder).name == before.name, "no point yet: the same teacher"

    OperatingPoint(-30.0).write(folder)
    after = TinyGrader(folder)
    assert after.name != before.name
    (strict,) = after.grade([GOOD])
    (trained,) = before.grade([GOOD])
    assert np.argmax(trained) == Grade.EXACT != np.argmax(strict)
    assert strict == pytest.approx(OperatingPoint(-30.0).apply(trained))

    # what judges in a run goes the same way, and its grade is the likeliest
    judge = load_judge(folder, RuleBook.load(), 1)
    item = Item("i", "Acme")
    judged = judge.judge([JudgeInput("q", "acme", "i", item, GOOD)])[0]
    assert isinstance(judged, Judgement)
    assert judged.probabilities == pytest.approx(strict)
    assert judged.grade == LABELS[judged.rationale.grade] != Grade.EXACT


def log_probability(folder: Path, row: dict[str, Any], completion: str) -> float:
    """Of the completion's tokens (and the end) after the row's prompt,
    under the model in ``folder``.
    """
    from transformers import AutoTokenizer, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(folder)
    asked = tokenizer(row["prompt"])["input_ids"]
    ids = torch.tensor(
        [[*asked, *tokenizer(completion)["input_ids"], tokenizer.eos_token_id]]
    )
    with torch.inference_mode():
        told = torch.log_softmax(
            LlamaForCausalLM.from_pretrained(folder)(ids).logits[0].double(), -1
        )
    return float(told[:-1].gather(1, ids[0, 1:, None])[len(asked) - 1 :].sum())


def kto_loss(
    policy: Path,
    start: Path,
    batch: list[dict[str, Any]],
    beta: float,
    weights: dict[bool, float],
) -> float:
    """Equations 7 and 8 of arXiv 2402.01306 for one batch; z0 from the neighbours' completions."""

    def ratio(row: dict[str, Any], completion: str) -> float:
        return log_probability(policy, row, completion) - log_probability(
            start, row, completion
        )

    others = [batch[-1], *batch[:-1]]
    z0 = max(
        0.0,
        sum(ratio(r, o["completion"]) for r, o in zip(batch, others, strict=True))
        / len(batch),
    )
    losses = []
    for row in batch:
        above = ratio(row, row["completion"]) - z0
        value = 1 / (1 + np.exp(-beta * (above if row["label"] else -above)))
        losses.append(weights[row["label"]] * (1 - value))
    return float(np.mean(losses))


def test_the_loss_of_kto_is_the_papers(taught: Path, tmp_path: Path) -> None:
    rows = [
        {**sft_row(GOOD, Grade.SUBSTITUTE), "label": True},
        {**sft_row(BAD, Grade.IRRELEVANT), "label": False},
        {**sft_row(GOOD, Grade.EXACT), "label": False},
        {**sft_row(BAD, Grade.SUBSTITUTE), "label": True},
    ]
    weights = {"desirable_weight": 1.5, "undesirable_weight": 0.5}
    common = {"batch": 4, "beta": 0.3, "logging_steps": 1, **weights}
    constant = {**common, "lr_scheduler_type": "constant"}
    told = train_kto(taught / "kto", rows, tmp_path / "out", settings(1, 0.0, **common))
    assert told[0]["loss"] == pytest.approx(0.5, abs=1e-5), (
        "at the start every example's loss is half its weight"
    )
    moved = train_kto(
        taught / "sft", rows, tmp_path / "two", settings(2, 3e-2, **common)
    )
    one = train_kto(
        taught / "sft", rows, tmp_path / "one", settings(1, 3e-2, **constant)
    )
    assert len(moved) == 2 and one
    expected = kto_loss(
        tmp_path / "one", taught / "sft", rows, 0.3, {True: 1.5, False: 0.5}
    )
    again = train_kto(
        taught / "sft", rows, tmp_path / "again", settings(2, 3e-2, **constant)
    )
    assert (
        again[1]["loss"] == pytest.approx(expected, rel=1e-3)
        and abs(expected - 0.5) > 0.01
    )


def test_two_processes_give_the_loss_of_one(taught: Path, tmp_path: Path) -> None:
    rows = [sft_row(GOOD, Grade.EXACT), sft_row(BAD, Grade.SUBSTITUTE)] * 40
    how = settings(2, 1e-3)
    one, two = (
        train("sft", taught / "sft", rows, tmp_path / str(n), how, processes=n)
        for n in (1, 2)
    )
    assert [p["loss"] for p in two] == pytest.approx([p["loss"] for p in one], rel=1e-3)
    assert len(one) > 1 and (tmp_path / "2" / "model.safetensors").is_file()
    with pytest.raises(AdoreError, match="tiny:_train_worker in 2 processes"):
        train("sft", tmp_path / "nowhere", rows, tmp_path / "bad", how, processes=2)


def test_behaviour_judges_what_the_teacher_itself_says() -> None:
    names = (
        "bought, judged strictly",
        "skipped, judged exact",
        "bought, judged exact",
        "skipped, judged strictly",
    )
    rows = []
    for item, kind in zip("abcd", names, strict=True):
        text = answer(Grade.EXACT if "bought" in kind else Grade.SUBSTITUTE, BAD)
        row = {
            "query_id": "q",
            "item_id": item,
            "prompt": item,
            "kind": kind,
            "desirable": True,
            "completion": text,
        }
        rows.append(row)
    said = {("q", i): Grade.EXACT if i in "bc" else Grade.IRRELEVANT for i in "abcd"}
    out = kto_traces(
        pl.DataFrame(rows), said, max_direction_ratio=1.0, max_rows=100, seed=0
    )
    told = {
        (r["prompt"], json.loads(r["completion"])["grade"], r["label"]) for r in out
    }
    wrong = {("a", "I", False), ("a", "E", True), ("b", "E", False), ("b", "S", True)}
    assert told == wrong | {("c", "E", True), ("d", "I", True)}
    assert {len(r["completion"]) for r in out} == {len(answer(Grade.EXACT, BAD))}, (
        "completions of one length"
    )
    strict = dict.fromkeys(said, Grade.IRRELEVANT)
    lone = kto_traces(
        pl.DataFrame(rows), strict, max_direction_ratio=9.0, max_rows=100, seed=0
    )
    assert not [r for r in lone if r["prompt"] == "d"], (
        "right answers of one direction alone are left out"
    )


def test_batches_hold_a_prompt_once_and_no_row_is_lost() -> None:
    rows = [{"prompt": f"p{n % 9}", "n": n} for n in range(60)]
    out = batch_distinct(rows, 8, seed=0)
    assert sorted(r["n"] for r in out) == list(range(60)) and out != rows
    for start in range(0, 48, 8):
        assert len({r["prompt"] for r in out[start : start + 8]}) == 8
