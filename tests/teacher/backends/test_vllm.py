"""The real vLLM engine on this CPU; run by ``make test-vllm`` in an environment of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from typing import Any

import pytest
from bench.teacher.small_llm import missing, small_llm
from bench.teacher.vllm import ENGINE, figures, prompts, short

from adore.teacher.backends.base import Completion, Decoding
from adore.teacher.judgements import JudgeFailure

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    if why := missing() or (
        "" if find_spec("vllm") else "vllm not installed: make test-vllm"
    ):
        pytest.skip(why)
    from adore.teacher.backends.vllm import VllmCompleter

    with closing(VllmCompleter(str(small_llm()), **ENGINE)) as completer:
        yield completer


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Any], dict[str, Any]]:
    found, schema = prompts(100, 0, tmp_path_factory.mktemp("shop"))
    return found, short(schema)


def test_a_hundred_pairs_follow_the_schema_and_share_their_prefix(
    engine: Any, asked: Any
) -> None:
    found = figures(engine.complete(asked[0], Decoding(), asked[1]), asked[1])
    print(found)
    assert (
        found["pairs"] == 100 and found["valid"] == 1.0 and found["soft_labels"] == 1.0
    )
    assert found["prefix_share"] >= 0.8


def test_a_prompt_that_is_too_long_is_a_fault_and_the_rest_are_answered(
    engine: Any, asked: Any
) -> None:
    messages = [
        asked[0][0],
        [{"role": "user", "content": "word " * ENGINE["max_model_len"]}],
        asked[0][1],
    ]
    found = dict(
        engine.complete(messages, Decoding(samples=2, temperature=1.0), asked[1])
    )
    assert isinstance(found[1], JudgeFailure) and "has room for 7168" in found[1].reason
    for n in (0, 2):
        assert isinstance(found[n], Completion) and len(found[n].texts) == 2
        assert found[n].grade and sum(found[n].grade) == pytest.approx(1)


def test_a_caller_may_stop_early_and_a_budget_ends_the_prompts(
    engine: Any, asked: Any
) -> None:
    stream = engine.complete(asked[0][:8], Decoding(), asked[1])
    next(stream)
    stream.close()
    assert not engine._llm.llm_engine.has_unfinished_requests()
    assert len(list(engine.complete(iter(asked[0][:2]), Decoding(), asked[1]))) == 2


def test_the_same_prompt_gets_the_same_greedy_answer(engine: Any, asked: Any) -> None:
    first, second = (
        dict(engine.complete(asked[0][:1], Decoding(seed=s), asked[1]))[0]
        for s in (0, 1)
    )
    assert first.texts == second.texts
