"""Which judge is chosen, and what explain shows of an LLM's answer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from adore.artifacts import Manifest
from adore.attributes.comparison import KEYWORD_STUFFED
from adore.cli.main import app
from adore.config import configure
from adore.errors import ConfigError, NotInstalledError
from adore.pipeline.explain import _judgements, _Run, _with_trace
from adore.pipeline.explanation import PairJudgement, _judgement_lines
from adore.pipeline.settings import config_of, section_config, shards
from adore.rulebook import RuleBook
from adore.storage import MANIFEST, write_json
from adore.teacher.backends.base import Completion, Decoding
from adore.teacher.backends.budget import Budget, Ledger, Prices
from adore.teacher.backends.cache import NoCache
from adore.teacher.factory import choose_judge
from adore.teacher.judge import Config, plan, run
from adore.teacher.judgements import JudgeInput, Judgement
from adore.teacher.llm import ModelSpec, TextJudge
from adore.teacher.prompting import Prompter
from adore.teacher.rationale import rationale
from adore.teacher.soft_labels import soft_labels
from adore.teacher.training.tiny_model import new_model, new_tokenizer
from adore.types import LABELS, Evidence, Item

BOOK = RuleBook.load()
SEEN = (Evidence("brand", "acme", "acme", "acme", "Acme", "brand", "match"),)


def answers(letters: str, confidence: float = 0.8) -> list[Any]:
    return [rationale(SEEN, BOOK, LABELS[g], confidence) for g in letters]


class Told:
    """A backend that knows one answer."""

    model, revision = "told", ""

    def __init__(self, *texts: str) -> None:
        self._completion = Completion(texts, (0.0, 0.1, 0.2, 0.7), 1, 0, 1)

    def complete(
        self, prompts: Any, decoding: Any, schema: Any
    ) -> Iterator[tuple[int, Completion]]:
        yield from ((n, self._completion) for n, _ in enumerate(prompts))

    def close(self) -> None:
        pass


def test_probabilities_of_a_refused_text_are_not_used() -> None:
    judge_input, good = (
        JudgeInput("q", "i", "acme mug", Item("i", "Acme mug", "Acme"), SEEN),
        answers("S")[0].model_dump_json(),
    )
    for texts, p in {
        (good, "no"): (0.0, 0.1, 0.7, 0.2),
        ("no", good): soft_labels(None, answers("S"))[0],
    }.items():
        source = ModelSpec("told", "", lambda texts=texts: Told(*texts))
        ledger = Ledger(Prices(), Budget())
        judge = TextJudge(
            source, Prompter(BOOK), decoding=Decoding(), cache=NoCache(), ledger=ledger
        )
        (answer,) = judge.judge([judge_input])
        assert (
            isinstance(answer, Judgement)
            and answer.probabilities == p
            and answer.call
            and answer.call.attempts == 1
        )


def test_what_cannot_be_started_is_said_in_one_line(shop: Path) -> None:
    for backend, error, text in (
        (
            "transformers",
            ConfigError,
            "model == '/no/where', must be a folder with a model",
        ),
        (
            "vllm",
            NotInstalledError,
            "module == 'vllm', must be installed; pip install 'adore-relevance.vllm.'",
        ),
    ):
        if backend == "vllm" and find_spec("vllm"):
            continue
        given = Config(
            backend=backend,
            model="/no/where" if backend == "transformers" else "some/name",
            cache="off",
        )
        with pytest.raises(error, match=text):
            run(given, prepared=shop, evidence=shop, output=shop)


def test_a_path_without_a_folder_is_refused_before_anything_is_planned(
    shop: Path,
) -> None:
    for model in ("/no/where", "./nowhere", "~/nowhere"):
        for backend in ("transformers", "vllm"):
            with pytest.raises(
                ConfigError, match=f"model == '{model}', must be a folder with a model"
            ):
                plan(Config(backend=backend, model=model, cache="off"), shop, shop)
    for fine in (
        {"backend": "openai", "model": "/models/served"},
        {"backend": "vllm", "model": "some/name"},
    ):
        assert plan(Config(cache="off", **fine), shop, shop).pairs == 400


def test_the_config_chooses_the_judge(shop: Path, tmp_path: Path) -> None:
    def chosen(teacher: Path | None = None, **more: Any) -> Any:
        return choose_judge(Config(cache="off", **more), BOOK, shop, shop, teacher)

    assert chosen().name == chosen(backend="rules", model="x").name == "rules"
    for backend in ("transformers", "vllm", "openai"):
        with pytest.raises(ConfigError, match="model == '', must be given"):
            chosen(backend=backend)
    named = chosen(backend="vllm", model="big", revision="abc")
    assert isinstance(named, TextJudge) and named.name == "big@abc", (
        "and no engine is started yet"
    )
    tokenizer = new_tokenizer()
    new_model(tokenizer, layers=1, width=16, seed=0).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    write_json(
        asdict(
            Manifest(*["align"] * 3, *[{}] * 3, "", *[{}] * 2, 0, 0, {"promoted": 1.0})
        ),
        tmp_path / MANIFEST,
    )
    assert chosen(tmp_path, backend="transformers").name.startswith("tiny-llama@")
    assert chosen(tmp_path, backend="vllm", model="big").name == "big", (
        "the tiny one cannot read texts"
    )
    write_json(
        json.loads((tmp_path / MANIFEST).read_text()) | {"metrics": {"promoted": 0.0}},
        tmp_path / MANIFEST,
    )
    assert chosen(tmp_path).name == "rules"
    with pytest.raises(ConfigError, match="model == '', must be given"):
        chosen(tmp_path, backend="transformers")  # a refused teacher judges nothing
    first = chosen(backend="transformers", model=str(tmp_path / "model"))
    folder = first.name
    shutil.copytree(tmp_path / "model", tmp_path / "elsewhere" / "model")
    second = chosen(backend="vllm", model=str(tmp_path / "elsewhere" / "model"))
    assert folder == second.name and first.store.key([]) == second.store.key([]), (
        "a folder is its bytes, wherever it lies"
    )
    (tmp_path / "model" / "config.json").write_text("{}")
    assert (
        folder != chosen(backend="transformers", model=str(tmp_path / "model")).name
    ), "a folder's bytes are its revision"
    with pytest.raises(ValueError, match="set temperature"):
        Config(decoding={"samples": 2})
    with pytest.raises(ValueError, match="needs a cache"):
        Config(cache="off", budget={"dollars": 1})
    with pytest.raises(
        ConfigError,
        match=r"budget.dollars: needs a price above 0.*set judge.prices or budget.tokens",
    ):
        configure(
            Config,
            {"backend": "openai", "budget": {"dollars": 20}, "prices": {"input": 0.0}},
            "judge",
        )
    assert Config(
        budget={"dollars": 20}, prices={"output": 0.1}
    ).budget.dollars == 20 and Config(budget={"tokens": 1})


def test_a_folders_own_tokenizer_counts_the_tokens(shop: Path, tmp_path: Path) -> None:
    new_tokenizer().save_pretrained(tmp_path)
    found = plan(Config(backend="vllm", model=str(tmp_path), cache="off"), shop, shop)
    assert (
        "the model's tokenizer" in found.method
        and found.prompt_tokens > 400
        and found.cached == 0
    )


def test_the_command_line_has_a_dry_run(shop: Path, tmp_path: Path) -> None:
    for step in ("prepare", "evidence"):
        (tmp_path / step).symlink_to(shop)
    section = {
        "backend": "openai",
        "model": "small",
        "shards": 2,
        "cache": str(tmp_path / "cache"),
    }
    (tmp_path / "p.yaml").write_text(
        json.dumps({"judge": {**section, "prices": {"input": 2.0}}})
    )
    arguments = [
        "judge",
        "--run",
        str(tmp_path),
        "--profile",
        str(tmp_path / "p.yaml"),
        "--dry-run",
    ]
    lines = CliRunner().invoke(app, arguments).output.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["shard", "0", "1", "all"]
    assert (
        lines[3].split()[1] == "400"
        and "unknown" in lines[3]
        and not (tmp_path / "judge").exists()
    )
    assert float(lines[3].split()[-1]) > 0 and len(lines) == 5
    (tmp_path / "p.yaml").write_text(json.dumps({"judge": section}))
    lines = CliRunner().invoke(app, arguments).output.splitlines()
    assert (
        lines[3].split()[-1] == "unknown"
        and lines[4] == "dollars are unknown: judge.prices is not set"
    )
    (tmp_path / "p.yaml").write_text(json.dumps({"judge": {"backend": "rules"}}))
    lines = CliRunner().invoke(app, arguments).output.splitlines()
    assert lines[2].split()[-1] == "0.0000" and lines[3:] == ["no LLM: nothing is paid"]


def test_explain_shows_the_exact_prompt_and_raw_answer(
    shop: Path, serve: Callable[..., Any], tmp_path: Path
) -> None:
    server = serve(faults=False)
    given = Config(
        backend="openai",
        model="small",
        endpoint=server.url,
        cache=str(tmp_path / "cache"),
    )
    (tmp_path / "prepare").symlink_to(shop)
    for step in ("judge", "judge-again"):
        (tmp_path / step / "0").mkdir(parents=True)
        run(given, prepared=shop, evidence=shop, output=tmp_path / step / "0")
        write_json({}, tmp_path / step / "0" / "manifest.json")
    human, first, second = _judgements(_Run(str(tmp_path), tmp_path), "q0", "i00")
    calls = [judgement.call.fields for judgement in (first, second) if judgement.call]
    assert human.by == "human"
    assert [call["cached"] for call in calls] == [False, True]
    asked = next(b for b in server.bodies if b["messages"] == calls[0]["prompt"])
    assert (
        json.loads(calls[0]["raw"])["grade"] == first.grade
        and asked["model"] == "small"
    )
    lines = list(_judgement_lines([first, second]))
    text = "\n".join(lines)
    assert (
        "asked in that run: 1 call(s)" in text
        and "from the cache" in text
        and text.count("You judge how well") == 1
    )
    assert "      | <query>Acme red mug</query>" in lines


def test_explain_shows_the_trace_that_the_tiny_lm_read() -> None:
    judged = PairJudgement("tiny-llama@0 (judge-again)", source="x", grade="E")
    traced = _with_trace(judged, SEEN)
    assert traced.prompt == 'pair\nbrand match brand\nanswer {"grade":"'
    assert "      | brand match brand" in _judgement_lines([traced])
    assert not _with_trace(PairJudgement("rules (judge)", "x"), SEEN).prompt
    stuffed = (
        *SEEN,
        Evidence(
            "feature",
            "x",
            "x",
            KEYWORD_STUFFED,
            "x",
            "title",
            "conflict",
            "stuffing",
        ),
    )
    caught = _with_trace(PairJudgement("tiny-llama@0 (judge)", "x"), stuffed)
    assert not caught.prompt and caught.by.startswith("the rule book alone")


def test_the_gpu_profile_shares_a_model_over_the_cards_that_a_pod_gets() -> None:
    given, cluster, large = (
        config_of("judge", "gpu"),
        section_config("gpu", "cluster"),
        config_of("align", "gpu").large,
    )
    assert (
        given.backend == "vllm"
        and given.engine["tensor_parallel_size"] == cluster.gpu.count > 1
    )
    assert {"judge", "align"} <= set(cluster.gpu.stages) and shards(
        "gpu"
    ) == given.shards > 1
    assert (
        large.base_model == given.model
        and large.beta == 0.1
        and large.max_length <= given.engine["max_model_len"]
    )
