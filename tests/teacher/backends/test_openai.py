"""Judging through a real HTTP endpoint that fails:
nothing lost, nothing paid twice, even over kill -9.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from adore.artifacts import execute, read_table
from adore.errors import BudgetError, ConfigError, UnavailableError
from adore.pipeline.explain import _judgements, _Run
from adore.pipeline.explanation import _judgement_lines
from adore.teacher import judge as stage
from adore.teacher.backends.base import Completion, Decoding
from adore.teacher.backends.openai import OpenaiCompleter, Patience
from adore.teacher.judge import CALLS, Config, run
from adore.types import LABELS

ENGINE = {"timeout": 3.0, "first_wait": 0.02, "longest_wait": 0.5}


def config(server: Any, cache: Path | str, **more: Any) -> Config:
    base = {
        "backend": "openai",
        "model": "small",
        "endpoint": server.url,
        "cache": str(cache),
        "concurrency": 8,
    }
    return Config(**{**base, "engine": ENGINE, **more})


def judge(
    shop: Path, given: Config, out: Path
) -> tuple[dict[str, float], pl.DataFrame]:
    out.mkdir(parents=True)
    return run(given, prepared=shop, evidence=shop, output=out), read_table(
        out, "teacher_judgements"
    )


def test_a_faulty_endpoint_loses_no_pair_and_is_paid_once(
    shop: Path, serve: Callable[..., Any], faulty: Any, tmp_path: Path
) -> None:
    server = serve()
    metrics, answers = judge(shop, config(server, tmp_path / "cache"), tmp_path / "a")
    assert metrics["faults"] == 0 and answers.height == 400
    assert {"429", "500", "hang", "garbage"} <= set(server.faults), (
        "the server must have failed in every way"
    )
    assert set(server.answered.values()) == {1} and len(server.answered) == 400, (
        "each pair judged exactly once"
    )
    calls = pl.read_parquet(tmp_path / "a" / CALLS)
    for row in answers.join(calls, on=["query_id", "item_id"]).iter_rows(named=True):
        assert (
            row["grade"]
            == LABELS[
                faulty.judgement(json.loads(row["prompt"])[1]["content"])["grade"]
            ]
        )
        assert row["probabilities"] == pytest.approx(
            [0.7 if g == row["grade"] else 0.1 for g in range(4)]
        )
    repaired = calls.filter(pl.col("attempts") == 2)
    assert repaired.height and all("cannot be used" in p for p in repaired["prompt"])
    seen = server.seen.total()
    again, same = judge(shop, config(server, tmp_path / "cache"), tmp_path / "b")
    assert server.seen.total() == seen and again["calls"] == 0 and same.equals(answers)
    assert all(pl.read_parquet(tmp_path / "b" / CALLS)["cached"])


def test_an_answer_is_repaired_once_then_quarantined_with_its_raw_text(
    shop: Path, serve: Callable[..., Any], tmp_path: Path
) -> None:
    server = serve(
        faults=False, prose=lambda user: "<query>Zeta white lamp</query>" in user
    )
    given = {"exemplars": 0, "refusals": 0}
    (tmp_path / "judge").mkdir()
    metrics, answers = judge(
        shop, config(server, tmp_path / "cache", **given), tmp_path / "judge" / "0"
    )
    assert (
        metrics["faults"] == 40
        and answers.height == 360
        and sorted(set(server.seen.values())) == [1, 2]
    )
    bad, calls = (
        read_table(tmp_path / "judge" / "0", "quarantine"),
        pl.read_parquet(tmp_path / "judge" / "0" / CALLS),
    )
    assert (
        set(bad["reason"]) == {"no JSON object"}
        and json.loads(bad["row"][0])["raw"] == "It is a good item."
    )
    calls = calls.join(
        bad.select(pl.col("row").str.json_path_match("$.item_id").alias("item_id")),
        on="item_id",
    )
    calls = calls.filter(query_id="q9")
    assert set(calls["attempts"]) == {2} and set(calls["raw"]) == {"It is a good item."}
    judge(shop, config(server, tmp_path / "cache", **given), tmp_path / "again")
    assert server.seen.total() == 440, (
        "what was paid for and refused is not asked again"
    )
    (tmp_path / "prepare").symlink_to(shop)
    judgements = list(_judgements(_Run("run", tmp_path), "q9", "i00"))
    _, *lines = _judgement_lines(judgements[:1])
    assert lines[0] == "  none: no JSON object, run/judge/0" and lines[1].startswith(
        "    asked in that run: 2 call(s), "
    )
    assert "      | It is a good item." in lines and any(
        "cannot be used" in line for line in lines
    )


CHILD = """
import sys, json
from pathlib import Path
from adore.teacher.judge import Config, run
run(Config(**json.loads(sys.argv[1])), prepared=Path(sys.argv[2]), evidence=Path(sys.argv[2]), output=Path(sys.argv[3]))
"""  # noqa: E501


def test_kill_9_loses_at_most_the_answers_in_flight(
    shop: Path, serve: Callable[..., Any], tmp_path: Path
) -> None:
    server, out, cache = serve(seed=1), tmp_path / "out", tmp_path / "cache"
    given = config(server, cache)
    out.mkdir()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, given.model_dump_json(), str(shop), str(out)]
    )
    while server.answered.total() < 100:
        assert child.poll() is None
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    time.sleep(0.2)
    before = server.answered.copy()
    rows = (
        sqlite3.connect(cache / "answers.sqlite")
        .execute("SELECT count(*) FROM answers")
        .fetchone()[0]
    )
    kept = rows - 1  # one row lists the error types
    assert not list(out.iterdir()) and before.total() - given.concurrency <= kept
    metrics, answers = judge(shop, given, tmp_path / "again")
    assert (
        answers.height == 400
        and metrics["faults"] == 0
        and metrics["from_cache"] >= kept
    )
    twice = sum(n - 1 for n in server.answered.values())
    assert twice <= given.concurrency, "only what was in flight is asked again"
    assert (
        metrics["calls"] + metrics["from_cache"] >= 400 and len(server.answered) == 400
    )


def test_a_cap_stops_cleanly_and_a_higher_one_goes_on(
    shop: Path, serve: Callable[..., Any], tmp_path: Path
) -> None:
    server = serve(faults=False)
    prices = {"input": 1.0, "cached_input": 0.1, "output": 4.0}
    capped = config(server, tmp_path / "cache", prices=prices, budget={"dollars": 0.05})
    out = str(tmp_path / "out")
    inputs = {"prepared": str(shop), "evidence": str(shop)}
    with pytest.raises(
        BudgetError, match=r"budget.dollars == 0.05, .* (\d+) of 400 pairs are done"
    ) as stopped:
        execute(stage, "judge", capped, inputs, out)
    asked = server.answered.total()
    assert (
        f"{asked} of 400" in str(stopped.value)
        and asked < 400
        and not Path(out).exists()
    )
    with pytest.raises(BudgetError):
        execute(stage, "judge", capped, inputs, out)
    assert server.answered.total() == asked, "the same cap asks for nothing more"
    higher = config(server, tmp_path / "cache", prices=prices, budget={"dollars": 10.0})
    manifest = execute(stage, "judge", higher, inputs, out)
    assert (
        set(server.answered.values()) == {1}
        and manifest.rows["teacher_judgements"] == 400
    )
    assert (
        manifest.metrics["calls"] == 400 - asked
        and manifest.metrics["from_cache"] == asked
    )
    assert (
        manifest.cost == pytest.approx(manifest.metrics["dollars"], abs=1e-6)
        and manifest.cost > 0
    )
    assert 0.05 <= manifest.metrics["dollars_before"] < 0.06


def test_the_dry_run_says_what_is_left(
    shop: Path, serve: Callable[..., Any], tmp_path: Path
) -> None:
    server = serve(faults=False)
    prices = {"input": 1.0, "output": 4.0}
    both = [
        config(server, tmp_path / "cache", prices=prices, shards=2, shard=n)
        for n in (0, 1)
    ]
    first = stage.plan(both[0], shop, shop)
    assert (
        first.cached == 0
        and first.seconds != first.seconds
        and "characters / 4.00" in first.method
    )
    judge(shop, both[0], tmp_path / "a")
    plans = [stage.plan(c, shop, shop) for c in both]
    assert plans[0].cached == plans[0].pairs and plans[0].dollars == 0
    assert (
        plans[1].cached == 0 and plans[1].seconds > 0 and "measured" in plans[1].method
    )
    before = server.seen.total()
    metrics, _ = judge(shop, both[1], tmp_path / "b")
    assert server.seen.total() - before == plans[1].pairs == 400 - plans[0].pairs
    assert plans[1].dollars == pytest.approx(metrics["dollars"], rel=0.05)
    assert "unknown" in stage.render([first]) and "all" in stage.render(plans)


@pytest.mark.parametrize(
    "refuse",
    [("logprobs",), ("response_format", "seed"), ("max_tokens", "temperature")],
)
def test_an_endpoint_may_refuse_parameters(
    shop: Path, serve: Callable[..., Any], refuse: tuple[str, ...], tmp_path: Path
) -> None:
    server = serve(faults=False, refuse=refuse)
    metrics, answers = judge(shop, config(server, tmp_path / "cache"), tmp_path / "a")
    assert metrics["faults"] == 0 and answers.height
    last = server.bodies[-1]
    assert not set(refuse) & set(last) and ("max_completion_tokens" in last) == (
        "max_tokens" in refuse
    )
    if refuse == ("logprobs",):  # the confidence stands in: .8
        assert {round(max(p), 3) for p in answers["probabilities"]} == {0.8}


def test_samples_give_soft_labels_where_no_probabilities_come(
    shop: Path, serve: Callable[..., Any], tmp_path: Path
) -> None:
    several = {"decoding": {"temperature": 0.7, "samples": 3}}
    for name, limits in {
        "all": {},
        "two": {"most": 2},
        "no n": {"refuse": ("logprobs", "n")},
    }.items():
        server = serve(faults=False, **{"refuse": ("logprobs",), **limits})
        _, answers = judge(
            shop,
            config(server, tmp_path / name / "cache", **several),
            tmp_path / name / "out",
        )
        assert {max(p) for p in answers["probabilities"]} == {
            1.0
        } and answers.height == 400
        calls = {"all": 1, "two": 2, "no n": 3}[name]
        assert set(server.answered.values()) == {calls}, (
            "as few requests as the endpoint's samples allow"
        )
        assert {b["seed"] for b in server.bodies} == set(
            range(0, 3, 1 if name == "no n" else 2)[:calls]
        )


def test_wrong_keys_models_and_places_are_said_at_once(
    shop: Path,
    serve: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = serve(faults=False, key="s3cret")
    monkeypatch.setenv("SHOP_KEY", "wr0ng")
    with pytest.raises(ConfigError, match=r"key in \$SHOP_KEY") as stopped:
        judge(shop, config(server, "off", key_env="SHOP_KEY"), tmp_path / "a")
    assert "wr0ng" not in str(stopped.value) and server.seen.total() <= 16
    monkeypatch.setenv("SHOP_KEY", "s3cret")
    with pytest.raises(ConfigError, match="model == 'large'"):
        judge(
            shop,
            config(server, "off", key_env="SHOP_KEY", model="large"),
            tmp_path / "b",
        )
    metrics, _ = judge(shop, config(server, "off", key_env="SHOP_KEY"), tmp_path / "c")
    assert metrics["faults"] == 0 and "s3cret" not in (
        tmp_path / "c" / CALLS
    ).read_bytes().decode("latin-1")
    for n, wrong_url in enumerate(
        (
            "",
            "ftp://x",
            "http://[::1",
            "http://ho st/v1",
            "http://u:p@host/v1",
            "http://",
        )
    ):
        with pytest.raises(ConfigError, match="endpoint == "):
            judge(shop, config(server, "off", endpoint=wrong_url), tmp_path / f"d{n}")
    monkeypatch.setenv("SHOP_KEY", "gehe\u00edm")
    with pytest.raises(
        ConfigError, match=r"\$SHOP_KEY == '6 characters', must be printable ASCII"
    ):
        judge(shop, config(server, "off", key_env="SHOP_KEY"), tmp_path / "e")
    for wrong in ({"timeout": -1}, {"speed": 1}, {"model": "x"}):
        with pytest.raises(ValueError, match=r"engine|timeout|speed"):
            config(server, "off", engine=wrong)


def test_a_dead_endpoint_is_given_up(
    shop: Path, serve: Callable[..., Any], tmp_path: Path
) -> None:
    server = serve(faults=False)
    server.close()
    patient = {"timeout": 1.0, "first_wait": 0.0, "attempts": 2}
    with pytest.raises(
        UnavailableError, match=r"2 attempts \(ConnectError: .*in a row"
    ):
        judge(
            shop, config(server, "off", engine=patient, concurrency=2), tmp_path / "a"
        )


@pytest.mark.parametrize(
    ("retry", "least"),
    [
        (lambda: "0.05", 0.1),
        (lambda: formatdate(int(time.time()) + 2, usegmt=True), 2),
        (lambda: "soon", 0),
    ],
)
def test_retry_after_is_honoured(
    serve: Callable[..., Any], retry: Callable[[], str], least: float
) -> None:
    """429 on the first two requests of this pair (as the seed has it):
    at least two pauses lie between them.
    """
    server = serve(retry=retry)
    users = (f"<query>a</query><title>{n}</title>" for n in range(9999))
    user = next(
        u
        for u in users
        if [server._fault(u, nth) for nth in (1, 2, 3)] == ["429", "429", ""]
    )
    completer = OpenaiCompleter(
        model="small",
        revision="",
        endpoint=server.url,
        key_env="X",
        concurrency=1,
        patience=Patience(first_wait=0.0),
    )
    begun = time.monotonic()
    prompt = [{"role": "system", "content": ""}, {"role": "user", "content": user}]
    ((at, answer),) = completer.complete([prompt], Decoding(), {})
    completer.close()
    assert at == 0 and isinstance(answer, Completion) and server.seen[user] == 3
    assert time.monotonic() - begun >= least


def test_too_long_a_retry_after_stops_the_step(
    shop: Path, serve: Callable[..., Any], tmp_path: Path
) -> None:
    server = serve(retry=lambda: "86400")
    with pytest.raises(
        UnavailableError,
        match=r"Retry-After == 86400 s of .* must be at most 600; run the same",
    ):
        judge(shop, config(server, tmp_path / "cache"), tmp_path / "a")


def prompts(*users: str) -> list[list[dict[str, str]]]:
    tags = [f"<query>{u}</query><title>{u}</title>" for u in users]
    return [
        [{"role": "system", "content": ""}, {"role": "user", "content": tag}]
        for tag in tags
    ]


def asker(server: Any, concurrency: int) -> OpenaiCompleter:
    place = {"model": "small", "revision": "", "endpoint": server.url, "key_env": "X"}
    return OpenaiCompleter(
        **place, concurrency=concurrency, patience=Patience(first_wait=0.0)
    )


def test_a_later_retry_after_holds_those_who_wait_already(
    serve: Callable[..., Any],
) -> None:
    """The second request is told to wait longer while the first waits:
    no request comes before that has passed.
    """
    both, waits, early = threading.Barrier(2), iter(["0.3", "0.9"]), list[float]()

    def script(user: str, nth: int) -> tuple[int, str] | None:
        if nth > 1:
            early.append(completer._not_before - time.monotonic())
            return None
        both.wait(10)
        while "<query>b" in user and not completer._not_before:
            time.sleep(0.001)
        return 429, "slow down"

    completer = asker(serve(faults=False, retry=lambda: next(waits), script=script), 2)
    assert sorted(
        at for at, _ in completer.complete(prompts("a", "b"), Decoding(), {})
    ) == [0, 1]
    completer.close()
    assert len(early) == 2 and max(early) <= 0


@pytest.mark.parametrize(("samples", "whole"), [(1, [0, 2, 3]), (2, [])])
def test_what_is_in_flight_when_one_request_fails_is_kept(
    serve: Callable[..., Any], samples: int, whole: list[int]
) -> None:
    """The others are answered only after the failure was seen;
    half an answer (one sample a request) is none.
    """
    together = threading.Barrier(4)

    def script(user: str, nth: int) -> tuple[int, str] | None:
        together.wait(10)
        if "<query>bad" in user:
            return 401, "wrong key"
        completer._stop.wait(10)
        return None

    server, kept = serve(faults=False, script=script, most=1), list[int]()
    completer = asker(server, 4)
    with pytest.raises(ConfigError, match="HTTP 401"):
        for at, answer in completer.complete(
            prompts("a", "bad", "b", "c", "d"), Decoding(samples=samples), {}
        ):
            kept += [at] if isinstance(answer, Completion) else []
    completer.close()
    assert (
        sorted(kept) == whole
        and server.answered.total() == 3
        and server.seen.total() == 4
    )


def test_the_dry_run_knows_samples(
    shop: Path, serve: Callable[..., Any], tmp_path: Path
) -> None:
    """Prompts count once for all samples of a request;
    what one decoding took says nothing of another.
    """
    server, prices = serve(faults=False), {"input": 1.0, "output": 4.0}
    one = config(server, tmp_path / "cache", prices=prices, shards=2)
    five, short = (
        {"temperature": 0.7, "samples": 5, "max_tokens": n} for n in (1024, 100)
    )
    first, second, third = (
        stage.plan(c, shop, shop)
        for c in (
            one,
            one.model_copy(update={"decoding": Decoding(**five)}),
            config(server, "off", decoding=short),
        )
    )
    assert second.completion_tokens == 5 * first.completion_tokens == 1250 * first.pairs
    assert (
        second.prompt_tokens == first.prompt_tokens
        and third.completion_tokens == 500 * third.pairs
    )
    judge(shop, one, tmp_path / "a")
    again = stage.plan(
        config(server, tmp_path / "cache", decoding=five, prices=prices), shop, shop
    )
    assert (
        again.completion_tokens == 1250 * again.pairs
        and again.seconds != again.seconds
        and again.cached == 0
    )


@pytest.mark.parametrize("most", [5, 2])
def test_the_dry_run_is_right_where_samples_take_several_requests(
    shop: Path, serve: Callable[..., Any], most: int, tmp_path: Path
) -> None:
    server = serve(faults=False, most=most)
    several = {
        "prices": {"input": 1.0, "output": 4.0},
        "decoding": {"temperature": 0.7, "samples": 5},
        "shards": 2,
    }
    judge(shop, config(server, tmp_path / "cache", **several), tmp_path / "a")
    other = config(server, tmp_path / "cache", **several, shard=1)
    planned = stage.plan(other, shop, shop)
    metrics, _ = judge(shop, other, tmp_path / "b")
    assert planned.dollars == pytest.approx(metrics["dollars"], rel=0.05)
    assert planned.prompt_tokens + planned.completion_tokens == pytest.approx(
        metrics["tokens"], rel=0.05
    )
