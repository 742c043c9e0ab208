"""Paid answers outlive a new error type, and end with one that was removed or redefined."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adore.rulebook import RuleBook
from adore.taxonomy import ERROR_TYPES, ErrorType
from adore.teacher.answer_store import AnswerStore, Speed
from adore.teacher.backends.base import Completion, Decoding
from adore.teacher.backends.cache import Cache, open_cache
from adore.teacher.judge import Config, run
from adore.teacher.judgements import JudgeInput
from adore.teacher.prompting import Prompter, repair_messages
from adore.types import Grade, Item

CASE = JudgeInput("q", "i", "acme mug", Item("i", "Acme mug", "Acme"), ())
FLAVOUR = ErrorType(
    name="flavour",
    definition="The item tastes of something else than asked.",
    grade=Grade.SUBSTITUTE,
    attribute="feature",
)
COMPLETION = Completion(("{}",), (0.1, 0.2, 0.3, 0.4), 7, 1, 2, "stop")


@contextmanager
def added(error_type: ErrorType) -> Iterator[None]:
    ERROR_TYPES.add(error_type.name, error_type)
    try:
        yield
    finally:
        ERROR_TYPES.remove(error_type.name)


@contextmanager
def without(name: str) -> Iterator[None]:
    """The registry without one type; its order is as before at the end."""
    known = ERROR_TYPES.items()
    ERROR_TYPES.remove(name)
    try:
        yield
    finally:
        for other, _ in known:
            if other in ERROR_TYPES:
                ERROR_TYPES.remove(other)
        for other, error_type in known:
            ERROR_TYPES.add(other, error_type)


def store(cache: Cache, **changes: Any) -> tuple[AnswerStore, str]:
    """The store of the present error types, and its key of one pair."""
    settings: dict[str, Any] = {
        "model": "small",
        "revision": "1",
        "decoding": Decoding(),
        "prompter": Prompter(RuleBook.load()),
        **changes,
    }
    made = AnswerStore(cache, **settings)
    return made, made.key(settings["prompter"].messages(CASE))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return open_cache(str(tmp_path))


def test_an_answer_comes_back_as_it_was(cache: Cache) -> None:
    first, key = store(cache)
    assert first.load([key]) == {}
    first.save(key, COMPLETION)
    assert store(cache)[0].load([key, key, "other"]) == {key: COMPLETION}


def test_a_new_error_type_voids_no_answer(cache: Cache) -> None:
    first, key = store(cache)
    first.save(key, COMPLETION)
    with added(FLAVOUR):
        second, same = store(cache)
        assert same == key
        assert second.load([key]) == {key: COMPLETION}
        prompt = Prompter(RuleBook.load()).messages(CASE)
        assert "flavour" in prompt[0]["content"]
    assert store(cache)[0].load([key]) == {key: COMPLETION}


def test_an_error_type_that_was_removed_voids_the_answers(cache: Cache) -> None:
    with added(FLAVOUR):
        first, key = store(cache)
        first.save(key, COMPLETION)
        assert first.load([key]) == {key: COMPLETION}
    assert store(cache)[0].load([key]) == {}
    with without("brand"):
        assert store(cache)[0].load([key]) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"definition": "The item smells of something else than asked."},
        {"grade": Grade.COMPLEMENT},
        {"attribute": "material"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_error_type_that_was_redefined_voids_the_answers(
    cache: Cache, change: dict[str, Any]
) -> None:
    with added(FLAVOUR):
        first, key = store(cache)
        first.save(key, COMPLETION)
    with added(replace(FLAVOUR, **change)):
        assert store(cache)[0].load([key]) == {}
    with added(replace(FLAVOUR, contrasts=(("sweet", "salty"),))):
        assert store(cache)[0].load([key]) == {key: COMPLETION}


def test_an_answer_whose_error_types_are_unknown_is_void(cache: Cache) -> None:
    first, key = store(cache)
    first.save(key, COMPLETION)
    text = cache.get([key])[key]
    vocabulary = text.split('"error_types": "')[1].split('"')[0]
    cache.put(key, text.replace(vocabulary, "0" * 64))
    assert store(cache)[0].load([key]) == {}


def test_everything_else_is_in_the_key(cache: Cache) -> None:
    keys = {
        store(cache, **change)[1]
        for change in (
            {},
            {"model": "other"},
            {"revision": "2"},
            {"decoding": Decoding(max_tokens=99)},
            {"prompter": Prompter(RuleBook.load("fashion"))},
        )
    }
    prompter = Prompter(RuleBook.load())
    first = prompter.messages(CASE)
    other = prompter.messages(replace(CASE, query="acme cup"))
    repair = repair_messages(first, "{}", "not the schema", "grade")
    made, _ = store(cache)
    assert len(keys | {made.key(other), made.key(repair)}) == 7


def test_speeds_add_up(cache: Cache) -> None:
    made, _ = store(cache)
    assert made.speed == Speed()
    made.add_speed(Speed(2, 40, 10, 6, 0.5))
    made.add_speed(Speed(1, 20, 5, 3, 0.25))
    assert store(cache)[0].speed == Speed(3, 60, 15, 9, 0.75)
    assert store(cache, decoding=Decoding(max_tokens=99))[0].speed == Speed()


def test_a_run_after_a_new_error_type_pays_nothing_again(
    shop: Path, serve: Callable[..., Any], tmp_path: Path
) -> None:
    server = serve(faults=False)
    settings = {"backend": "openai", "model": "small", "endpoint": server.url}
    config = Config(**settings, cache=str(tmp_path / "cache"))

    def judge(name: str) -> dict[str, float]:
        (tmp_path / name).mkdir()
        return run(config, prepared=shop, evidence=shop, output=tmp_path / name)

    first = judge("first")
    with added(FLAVOUR):
        second = judge("second")
    assert (first["calls"], second["calls"]) == (400, 0)
    assert second["from_cache"] == 400
    with without("style"):
        assert judge("third")["calls"] == 400
