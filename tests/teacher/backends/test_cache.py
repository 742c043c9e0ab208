"""Answers are kept: by several processes at once, over kill -9, and on S3 (moto's real server)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from adore.config import cache_root
from adore.errors import UnavailableError
from adore.teacher.backends.cache import Cache, NoCache, SqliteCache, open_cache


def holds(cache: Cache, again: Cache) -> None:
    cache.put("ab1", "one")
    cache.put("ab1", "ürgent \N{BANANA}")
    cache.put("cd2", "two")
    assert (
        cache.get(["ab1", "nope", "cd2"])
        == again.get(["cd2", "ab1"])
        == {"ab1": "ürgent \N{BANANA}", "cd2": "two"}
    )
    assert again.get([]) == {}


def test_what_is_put_is_there_for_others(tmp_path: Path, s3: str) -> None:
    holds(open_cache(str(tmp_path)), open_cache(str(tmp_path)))
    holds(*(open_cache(f"{s3}/paid") for _ in range(2)))
    assert open_cache("off").get(["ab1"]) == {} and isinstance(
        open_cache("off"), NoCache
    )


def test_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADORE_CACHE", str(tmp_path / "root"))
    open_cache("").put("k", "v")
    assert (tmp_path / "root" / "answers" / "answers.sqlite").is_file()
    monkeypatch.delenv("ADORE_CACHE")
    assert cache_root() == Path.home() / ".cache" / "adore"


def test_broken_places_are_named(tmp_path: Path, s3: str) -> None:
    (tmp_path / "answers.sqlite").write_text("no database, " * 100)
    with pytest.raises(UnavailableError, match="must be a writable SQLite file"):
        open_cache(str(tmp_path))
    with pytest.raises(UnavailableError, match="must be a writable SQLite file"):
        open_cache(str(tmp_path / "answers.sqlite" / "below a file"))
    with pytest.raises(UnavailableError, match="must be reachable"):
        open_cache("s3://no-such-bucket/x").put("k", "v")


CHILD = """
import os, signal, sys
from pathlib import Path
from adore.teacher.backends.cache import SqliteCache
cache, me = SqliteCache(Path(sys.argv[1])), sys.argv[2]
for n in range(300):
    cache.put(f"{me}-{n}", "x" * 2000)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_processes_share_one_file_and_kill_9_loses_nothing_that_was_put(
    tmp_path: Path,
) -> None:
    path = tmp_path / "answers.sqlite"
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path), str(i)], env=os.environ
        )
        for i in range(3)
    ]
    assert [c.wait() for c in children] == [-signal.SIGKILL] * 3
    keys = [f"{i}-{n}" for i in range(3) for n in range(300)]
    assert len(SqliteCache(path).get(keys)) == 900


OPENER = """
import sys
from pathlib import Path
from adore.teacher.backends.cache import SqliteCache
print("ready", flush=True)
sys.stdin.readline()
for n in range(40):
    SqliteCache(Path(sys.argv[1]) / str(n) / "answers.sqlite").put(sys.argv[2], "x")
"""


def test_processes_open_a_new_file_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OPENER, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    children = [subprocess.Popen([*command, str(i)], **pipes) for i in range(6)]  # type: ignore[call-overload]
    assert [c.stdout.readline() for c in children] == ["ready\n"] * 6
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    assert [c.communicate() and c.returncode for c in children] == [0] * 6
    for n in range(40):
        assert (
            len(
                SqliteCache(tmp_path / str(n) / "answers.sqlite").get(
                    [str(i) for i in range(6)]
                )
            )
            == 6
        )


HOLDER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
db.execute("COMMIT")
"""


def test_a_lock_is_waited_for_and_told_from_a_broken_file(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin and child.stdout and child.stdout.readline() == "held\n"
        with pytest.raises(
            UnavailableError, match=r"must be free; end the process .*locked"
        ):
            SqliteCache(path, patience=0.1)
        timer = threading.Timer(0.3, child.stdin.close)
        timer.start()
        SqliteCache(path).put("k", "v")
        timer.join()
    assert child.returncode == 0 and SqliteCache(path).get(["k"]) == {"k": "v"}
