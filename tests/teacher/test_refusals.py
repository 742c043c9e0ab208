"""A judge that gives no usable answer stops early, says why in the endpoint's words,
and its step never ends well.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adore.artifacts import read_table
from adore.errors import ConfigError, UnavailableError
from adore.teacher.judge import Config, run


def config(server: Any, **more: Any) -> Config:
    base = {
        "backend": "openai",
        "model": "small",
        "endpoint": server.url,
        "cache": "off",
        "concurrency": 2,
    }
    return Config(
        **{
            **base,
            "exemplars": 0,
            "engine": {"attempts": 2, "first_wait": 0.01},
            **more,
        }
    )


def completion(content: str | None, finish: str, **message: str) -> str:
    """A whole body: one choice that ended so."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content, **message},
        "finish_reason": finish,
    }
    return json.dumps(
        {"choices": [choice], "usage": {"prompt_tokens": 900, "completion_tokens": 64}}
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            completion(None, "length", reasoning_content="Let me see"),
            r"finish_reason length: max_tokens 1024 .*raise",
        ),
        (
            completion("", "content_filter"),
            "no JSON object.*finish_reason content_filter",
        ),
        (
            completion(None, "stop", refusal="I cannot rate this."),
            "the endpoint says: I cannot rate this",
        ),
        (completion("Surely exact!", "stop"), "the last answer begins 'Surely exact!'"),
    ],
)
def test_it_stops_after_a_handful_and_names_the_reason(
    body: str, words: str, shop: Path, serve: Callable[..., Any], tmp_path: Path
) -> None:
    server = serve(faults=False, script=lambda user, nth: (200, body))
    with pytest.raises(
        UnavailableError,
        match=rf"(?s)small == no usable answer for 8 pairs in a row.*{words}",
    ):
        run(config(server), prepared=shop, evidence=shop, output=tmp_path)
    assert server.seen.total() <= 2 * (8 + 2), (
        "400 pairs: a handful were asked, each once more for its repair"
    )
    assert not (tmp_path / "teacher_judgements.parquet").exists()


def test_an_endpoint_that_needs_every_repair_goes_on(
    shop: Path, serve: Callable[..., Any], tmp_path: Path
) -> None:
    server = serve(
        faults=False,
        script=lambda user, nth: (200, completion("Hm.", "stop")) if nth == 1 else None,
    )
    metrics = run(config(server), prepared=shop, evidence=shop, output=tmp_path)
    assert (
        metrics["pairs"] == 400
        and metrics["faults"] == 0
        and set(server.seen.values()) == {2}
    )


def test_a_step_without_any_answer_fails_however_few_pairs_it_has(
    shop: Path, serve: Callable[..., Any], tmp_path: Path
) -> None:
    server = serve(faults=False, prose=True)
    with pytest.raises(
        UnavailableError,
        match=r"usable answers of small == 0 for 400 pairs \(400 x no JSON object\)",
    ):
        run(config(server, refusals=0), prepared=shop, evidence=shop, output=tmp_path)


def test_some_pairs_without_an_answer_are_said(
    shop: Path,
    serve: Callable[..., Any],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    server = serve(
        faults=False, prose=lambda user: "<title>Acme red mug 0</title>" in user
    )
    metrics = run(config(server), prepared=shop, evidence=shop, output=tmp_path)
    assert metrics["faults"] == 10 and read_table(tmp_path, "quarantine").height == 10
    assert (
        "small: 10 of 400 pairs got no usable answer (10 x no JSON object)"
        in capfd.readouterr().err
    )


def test_a_403_is_told_by_what_the_endpoint_says(
    shop: Path, serve: Callable[..., Any], tmp_path: Path
) -> None:
    server = serve(
        faults=False, script=lambda user, nth: (403, "this key may not use this model")
    )
    with pytest.raises(
        ConfigError, match=r"HTTP 403\): 'this key may not use this model'"
    ):
        run(config(server), prepared=shop, evidence=shop, output=tmp_path)


def test_a_403_about_a_parameter_is_asked_again_without_it(
    shop: Path,
    serve: Callable[..., Any],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    server = serve(faults=False)
    server._script = lambda user, nth: (
        (403, "log probabilities are not allowed for this model")
        if server.bodies[-1].get("logprobs")
        else None
    )
    metrics = run(
        config(server, concurrency=1), prepared=shop, evidence=shop, output=tmp_path
    )
    assert metrics["pairs"] == 400 and "refuses logprobs" in capfd.readouterr().err
