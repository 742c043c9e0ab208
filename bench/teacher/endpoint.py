"""The openai backend against a server that fails on purpose:
pairs lost, pairs judged twice, kill -9 in the middle.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from adore.artifacts import read_table
from adore.pipeline.runner import run_stage
from adore.teacher.judge import Config, run

ROOT = Path(__file__).parents[2]
CONCURRENCY = 16
CHILD = """
import sys
from pathlib import Path
from adore.teacher.judge import Config, run
folder = Path(sys.argv[2])
run(Config.model_validate_json(sys.argv[1]), prepared=folder / "prepare", evidence=folder / "evidence", output=folder)
"""  # noqa: E501


def _server(seed: int) -> Any:
    path = ROOT / "tests" / "teacher" / "faulty_server.py"
    spec = importlib.util.spec_from_file_location("faulty_server", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.FaultyServer(seed=seed)


def _shop(home: Path, seed: int) -> None:
    profile = str(ROOT / "tests" / "tiny.yaml")
    run_stage("demo-data", {}, str(home / "data"), profile=profile, seed=seed)
    run_stage(
        "prepare",
        {"data": str(home / "data")},
        str(home / "prepare"),
        profile=profile,
        seed=seed,
    )
    run_stage(
        "evidence",
        {"prepared": str(home / "prepare")},
        str(home / "evidence"),
        profile=profile,
        seed=seed,
    )


def _config(server: Any, home: Path) -> Config:
    engine = {"timeout": 5.0, "first_wait": 0.05}
    base = {
        "backend": "openai",
        "model": "small",
        "endpoint": server.url,
        "cache": str(home / "cache"),
    }
    return Config(**base, concurrency=CONCURRENCY, engine=engine)


def _judge(home: Path, config: Config) -> tuple[dict[str, float], int]:
    out = home / "judged"
    out.mkdir()
    metrics = run(
        config, prepared=home / "prepare", evidence=home / "evidence", output=out
    )
    return metrics, read_table(out, "teacher_judgements").height


def measure(seed: int) -> dict[str, Any]:
    """Judge the tiny demo shop;
    a first process is killed when a third of the pairs has been answered.
    """
    with tempfile.TemporaryDirectory() as folder:
        home, server = Path(folder), _server(seed)
        _shop(home, seed)
        pairs, config = (
            read_table(home / "evidence", "pairs").height,
            _config(server, home),
        )
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, config.model_dump_json(), str(home)]
        )
        while server.answered.total() < pairs // 3 and child.poll() is None:
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        at_kill, begun = server.answered.total(), time.perf_counter()
        metrics, judged = _judge(home, config)
        seconds = time.perf_counter() - begun
        server.close()
    twice = Counter(n for n in server.answered.values() if n > 1)
    return {
        "pairs": pairs,
        "judged": judged,
        "lost": pairs - judged,
        "requests": server.seen.total(),
        "faults": {k: n for k, n in sorted(server.faults.items()) if k},
        "at_kill": at_kill,
        "from_cache": int(metrics["from_cache"]),
        "asked_again": sum((n - 1) * count for n, count in twice.items()),
        "in_flight": CONCURRENCY,
        "seconds_after_kill": round(seconds, 1),
    }


def render(result: dict[str, Any]) -> str:
    """The section of its page."""
    faults = ", ".join(f"{n} x {kind}" for kind, n in result["faults"].items())
    return "\n".join(
        [
            "### An endpoint that fails",
            "",
            "A real HTTP server that judges by a small rule and fails on purpose "
            "(10 % 429 with Retry-After, 5 % 500,",
            "2 % hangs, 3 % garbage; seeded). The judging process is killed with "
            "`kill -9` after a third of the pairs;",
            "the same command then goes on.",
            "",
            "| pairs | judged | lost | requests | faults | before the kill "
            "| in flight at most | asked again |",
            "|---:|---:|---:|---:|---|---:|---:|---:|",
            f"| {result['pairs']} | {result['judged']} | {result['lost']} "
            f"| {result['requests']} | {faults} | {result['at_kill']} "
            f"| {result['in_flight']} | {result['asked_again']} |",
        ]
    )


if __name__ == "__main__":
    print(render(measure(0)))
