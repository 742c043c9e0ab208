"""A judge backend is one registered record, whoever registers it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adore.artifacts import read_table
from adore.code_hash import import_closure
from adore.config import configure
from adore.errors import ConfigError, NotInstalledError
from adore.rulebook import RuleBook
from adore.teacher.backends.base import (
    BackendSettings,
    Completion,
    JudgeBackend,
)
from adore.teacher.backends.builtin import BACKENDS
from adore.teacher.factory import Config
from adore.teacher.judge import run
from adore.teacher.judge_inputs import load_judge_inputs
from adore.teacher.rationale import rationale
from adore.types import Grade


class Echo:
    """Answers every prompt with a judgement that is valid for any pair."""

    def __init__(self, settings: BackendSettings) -> None:
        self.model = settings.model
        self.revision = settings.revision
        self.letter = settings.engine.get("letter", "S")

    def complete(
        self, prompts: Any, decoding: Any, schema: Any
    ) -> Iterator[tuple[int, Completion]]:
        why = rationale([], RuleBook.load(), Grade.SUBSTITUTE, 0.8)
        text = why.model_copy(update={"grade": self.letter}).model_dump_json()
        for index, _ in enumerate(prompts):
            yield index, Completion((text,), None, 10, 0, 5)

    def close(self) -> None:
        pass


@pytest.fixture
def echo() -> Iterator[None]:
    def check_engine(engine: Any) -> None:
        if not set(engine) <= {"letter"}:
            raise ValueError("engine: the only setting is letter")

    backend = JudgeBackend(Echo, is_local=False, check_engine=check_engine)
    BACKENDS.add("echo", backend)
    yield
    BACKENDS.remove("echo")


def test_a_registered_backend_judges(echo: None, shop: Path, tmp_path: Path) -> None:
    given = {"backend": "echo", "model": "parrot", "engine": {"letter": "C"}}
    config = configure(Config, {**given, "cache": str(tmp_path / "cache")}, "judge")
    out = tmp_path / "out"
    out.mkdir()
    metrics = run(config, prepared=shop, evidence=shop, output=out)
    table = read_table(out, "teacher_judgements")
    assert metrics["pairs"] == table.height == len(load_judge_inputs(shop, shop, None))
    assert set(table["grade"]) == {Grade.COMPLEMENT}
    assert set(table["judge"]) == {"parrot"}


def test_its_engine_settings_are_checked_when_the_profile_is_read(echo: None) -> None:
    given = {"backend": "echo", "model": "parrot", "engine": {"letters": "C"}}
    with pytest.raises(ConfigError, match="the only setting is letter"):
        configure(Config, given, "judge")


def test_an_unknown_backend_is_refused_with_the_known_ones() -> None:
    known = "auto, rules, openai, transformers, vllm"
    with pytest.raises(ConfigError, match=f"must be one of: {known}"):
        configure(Config, {"backend": "llamacpp", "model": "big"}, "judge")


def test_a_backend_whose_module_is_missing_says_what_to_install(
    shop: Path, tmp_path: Path
) -> None:
    def build(settings: BackendSettings) -> Any:
        import no_such_module  # type: ignore[import-not-found]

        return no_such_module

    BACKENDS.add("absent", JudgeBackend(build, "some-package[extra]"))
    try:
        config = Config(backend="absent", model="some/name", cache="off")
        with pytest.raises(
            NotInstalledError, match=r"pip install 'some-package\[extra"
        ):
            run(config, prepared=shop, evidence=shop, output=tmp_path)
    finally:
        BACKENDS.remove("absent")


def test_every_built_in_backend_is_in_the_code_of_the_judge_stage() -> None:
    closure = import_closure("adore.teacher.judge")
    for name in ("evidence", "openai", "transformers", "vllm"):
        assert f"adore.teacher.backends.{name}" in closure
