"""The log: everything acknowledged is there, a torn line costs itself only."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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
    assert sorted(r["n"] for r in rows) == sorted([*range(200), *(-n for n in range(200))]) and torn == 0


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as process:
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
