"""One round on one machine: which folder it takes, what it remembers, and how it ends."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from adore import storage
from adore.config import StageConfig, configure
from adore.errors import ConfigError
from adore.pipeline import component, local, settings
from adore.pipeline.ending import finish
from adore.report.page import FILES
from adore.run_record import RUN

ABOUT = {"data": "demo", "profile": "laptop", "seed": 0}


def put(run: Path, name: str, value: Any) -> None:
    (run / name).parent.mkdir(parents=True, exist_ok=True)
    (run / name).write_text(value if isinstance(value, str) else json.dumps(value))


def test_the_newest_is_the_last_begun_and_a_torn_file_is_no_run(tmp_path: Path) -> None:
    put(
        tmp_path / "runs" / "mine",
        RUN,
        {**ABOUT, "started": "2026-01-01T00:00:00+00:00"},
    )
    put(
        tmp_path / "runs" / "20260101",
        RUN,
        {**ABOUT, "started": "2026-01-02T00:00:00+00:00"},
    )
    put(tmp_path / "runs" / "torn", RUN, '{"data": "de')
    assert (
        Path(local.choose_out("demo", "laptop", 0, tmp_path / "runs")).name
        == "20260101"
    )


def test_data_named_by_another_path_is_the_same_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "runs" / "mine", RUN, {**ABOUT, "data": str(tmp_path / "shop")})
    monkeypatch.chdir(tmp_path)
    assert Path(local.choose_out("shop", "laptop", 0)).name == "mine"


def test_a_run_that_did_nothing_keeps_its_times(tmp_path: Path) -> None:
    put(tmp_path, "prepare/manifest.json", {"seconds": 3.0})
    old = {
        **ABOUT,
        "started": "2026-01-01T00:00:00+00:00",
        "seconds": 9.0,
        "steps": {"prepare": 3.0},
    }
    put(tmp_path, RUN, {**old, "since": "2026-01-02T00:00:00+00:00"})
    finish(str(tmp_path), "SUCCEEDED")
    assert json.loads((tmp_path / RUN).read_text()) == {
        **old,
        "status": "refused",
        "error": "",
    }
    put(tmp_path, RUN, {**old, "steps": {}, "since": "2026-01-02T00:00:00+00:00"})
    finish(str(tmp_path), "FAILED", "why")
    about = json.loads((tmp_path / RUN).read_text())
    assert (
        about["seconds"] > 9
        and about["started"] == "2026-01-02T00:00:00+00:00"
        and about["error"] == "why"
    )


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, str]]]:
    """What ADORE_NOTIFY_URL was told."""
    heard: list[dict[str, str]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(
                json.loads(self.rfile.read(int(self.headers["content-length"])))
            )
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("ADORE_NOTIFY_URL", f"http://127.0.0.1:{server.server_port}")
        yield heard
        server.shutdown()
        thread.join()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_run_whose_first_step_failed_is_told_and_has_its_page(
    told: list[dict[str, str]], s3: str
) -> None:
    page = finish(f"{s3}/empty", "FAILED", "no such table")
    assert told == [
        {
            "run": f"{s3}/empty",
            "status": "failed",
            "error": "no such table",
            "page": page,
        }
    ]
    assert "ADORE run empty" in storage.local_copy(page).read_text("utf-8")
    about = json.loads(storage.local_copy(f"{s3}/empty/{RUN}").read_text("utf-8"))
    assert about == {"status": "failed", "error": "no such table"}


def test_a_run_whose_page_cannot_be_written_is_told(
    told: list[dict[str, str]], tmp_path: Path
) -> None:
    put(tmp_path, "prepare/manifest.json", "{")
    with pytest.raises(ValueError, match="Expecting"):
        finish(str(tmp_path), "FAILED", "torn")
    assert [(t["status"], t["page"]) for t in told] == [("failed", "")]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_page_takes_no_weights(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "ADORE_NOTIFY_URL", "http://[nowhere"
    )  # tells nobody, and fails nothing
    files = {"distil/model.onnx": b"", "distil/card.json": b"{}"}
    files |= dict.fromkeys(
        ("prepare/manifest.json", "judge/0/manifest.json"), b'{"seconds": 1.0}'
    )
    for name, data in files.items():
        storage.write_bytes(data, f"{s3}/run/{name}")
    got = storage.local_copy(f"{s3}/run", only=FILES)
    names = {p.relative_to(got).as_posix() for p in got.rglob("*.*")}
    assert names == {
        "distil/card.json",
        "prepare/manifest.json",
        "judge/0/manifest.json",
    }
    finish(f"{s3}/run", "SUCCEEDED")
    assert (
        json.loads(storage.local_copy(f"{s3}/run/{RUN}").read_text("utf-8"))["status"]
        == "refused"
    )


def test_the_root_logger_is_given_back() -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    with local._same_logging():
        root.handlers[:] = [logging.StreamHandler(io.StringIO())]
        root.setLevel(logging.DEBUG)
    assert (root.handlers, root.level) == before


def test_a_step_leaves_when_its_run_was_killed() -> None:
    run = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    code = (
        "import time; from adore.pipeline.component import exit_with_run; "
        "exit_with_run(); time.sleep(60)"
    )
    step = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, component.RUN_PID: str(run.pid)},
    )
    run.kill()
    run.communicate()
    assert step.wait(30) == -signal.SIGTERM


@pytest.mark.parametrize("shards", ["0", "two", "true", "1.5"])
def test_shards_that_cannot_be_are_refused(tmp_path: Path, shards: str) -> None:
    (tmp_path / "p.yaml").write_text(f"judge: {{shards: {shards}}}\n")
    with pytest.raises(ConfigError, match=r"judge\.shards == "):
        settings.shards(str(tmp_path / "p.yaml"))


def test_a_seed_that_numpy_refuses_is_refused_at_the_door() -> None:
    with pytest.raises(ConfigError, match=r"judge\.seed == -1"):
        configure(StageConfig, {"seed": -1}, "judge")
