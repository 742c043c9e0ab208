"""The log: everything acknowledged is there, a torn line costs itself only."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from adore.serving.exposure import Log, read_log

WRITER = """
import sys; from pathlib import Path; from adore.serving.exposure import Log
log = Log(Path(sys.argv[1]))
for n in range(10**9):
    log.append({"n": n}); print(n, flush=True)
"""


def test_threads_share_one_log(tmp_path: Path) -> None:
    log = Log(tmp_path / "logs" / "x.jsonl")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: log.append({"n": n}, {"n": -n}), range(200)))
    log.close()
    rows, torn = read_log(tmp_path / "logs" / "x.jsonl")
    assert (
        sorted(r["n"] for r in rows) == sorted([*range(200), *(-n for n in range(200))])
        and torn == 0
    )


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        seen = [process.stdout.readline() for _ in range(50)]
        process.send_signal(signal.SIGKILL)
    rows, _ = read_log(path)
    assert [r["n"] for r in rows][:50] == [int(line) for line in seen]


def test_a_torn_line_is_counted_and_the_next_row_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes('{"n": 1}\n{"n": "é'.encode()[:-1])
    log = Log(path)
    log.append({"n": 3})
    log.close()
    assert read_log(path) == ([{"n": 1}, {"n": 3}], 1)
    assert read_log(tmp_path / "none.jsonl") == ([], 0)


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file may grow past ``size`` bytes: the kernel takes what fits, and refuses the rest."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("length", [50, 20_000])
def test_what_a_full_disk_refuses_leaves_nothing_behind(
    tmp_path: Path, length: int
) -> None:
    log = Log(tmp_path / "x.jsonl")
    log.append({"n": 1})
    with disk_of(len('{"n": 1}\n') + length // 2), pytest.raises(OSError):
        log.append({"n": 2, "text": "x" * length})
    log.append({"n": 3})
    assert read_log(log.path) == ([{"n": 1}, {"n": 3}], 0)
    with disk_of(20), pytest.raises(OSError):
        log.append({"n": 4})
    log.roll()
    log.close()
    assert read_log(log.path) == ([{"n": 1}, {"n": 3}], 0)


def test_a_log_that_nobody_ships_keeps_the_newest(tmp_path: Path) -> None:
    log = Log(tmp_path / "x.jsonl", piece_bytes=90, max_piece_bytes=300)
    for n in range(1000, 1100):
        log.append({"n": n})
    rows, torn = read_log(log.path)
    assert torn == 0 and [r["n"] for r in rows] == list(range(1100 - len(rows), 1100))
    assert log.size() <= 300 + 90 + 12 and log.dropped + log.size() == 100 * len(
        '{"n": 1000}\n'
    )
    log.close()


def test_a_file_that_cannot_be_put_aside_goes_on_growing(tmp_path: Path) -> None:
    log = Log(tmp_path / "x.jsonl")
    log.append({"n": 1})
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            log.roll()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    log.append({"n": 2})
    assert log.pieces() == [] and read_log(log.path) == ([{"n": 1}, {"n": 2}], 0)
    log.close()
