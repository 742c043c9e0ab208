"""The logs of exposures and events: on disk before the answer; a torn last line is skipped and counted.

On a cluster the logs are also shipped, piece by piece, to a place that outlives the pod.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

from adore.artifacts import join, local_copy, put_file
from adore.errors import AdoreError

__all__ = ["Log", "Shipper", "read_log", "read_shipped"]


class Log:
    """Appends JSON lines and syncs them; threads that wait at the same time share one sync (group commit)."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path.open("ab")
        if self._file.tell():
            with path.open("rb") as old:
                old.seek(-1, os.SEEK_END)
                if old.read() != b"\n":
                    self._file.write(b"\n")  # a torn line of a killed process stays a line of its own
        self._write, self._sync = threading.Lock(), threading.Lock()
        self._written = self._synced = 0

    def append(self, *rows: dict[str, Any]) -> None:
        """Write rows; returns when they are on disk."""
        text = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows).encode("utf-8", "replace")
        with self._write:
            self._file.write(text)
            self._file.flush()
            self._written += 1
            mine = self._written
        with self._sync:
            if self._synced < mine:
                reached = self._written
                os.fsync(self._file.fileno())
                self._synced = reached

    def roll(self) -> None:
        """Put what is written so far, if anything, aside as a piece of its own, on disk."""
        with self._write, self._sync:
            if not self._file.tell():
                return
            os.fsync(self._file.fileno())
            self._synced = self._written
            self._file.close()
            self.path.rename(self.path.with_suffix(f".{time.time_ns()}.piece"))
            self._file = self.path.open("ab")

    def pieces(self) -> list[Path]:
        """Pieces that were put aside, oldest first."""
        return sorted(self.path.parent.glob(f"{self.path.stem}.*.piece"))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Shipper:
    """Moves the logs' pieces to ``place/<log>/<host>-<time>.jsonl``, now and then and once more at the end.

    A piece is deleted here only when it is there; while the place does not answer, the backlog grows.
    """

    def __init__(self, logs: list[Log], place: str, *, every: float = 10.0) -> None:
        self.logs, self.place, self.every = logs, place, every
        self.failures = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shipper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(self.every):
            self.ship()

    def stop(self) -> None:
        """Ship what is left, and end."""
        self._stop.set()
        self._thread.join()
        self.ship()

    def ship(self) -> None:
        """Ship all that is written by now; a failure is counted, and tried again next time."""
        for log in self.logs:
            log.roll()
            for piece in log.pieces():
                name = f"{socket.gethostname()}-{piece.suffixes[0][1:]}.jsonl"
                try:
                    put_file(piece, join(self.place, log.path.stem, name))
                except (AdoreError, OSError):
                    self.failures += 1
                    break
                piece.unlink()

    def backlog(self) -> int:
        """Bytes that are not shipped yet."""
        paths = [p for log in self.logs for p in (log.path, *log.pieces())]
        return sum(p.stat().st_size for p in paths if p.exists())


def read_shipped(place: str, log: str) -> tuple[list[dict[str, Any]], int]:
    """All whole rows of a shipped log, ``exposures`` or ``events``, and how many lines were torn."""
    found = [read_log(p) for p in sorted(local_copy(join(place, log)).glob("*.jsonl"))]
    return [row for rows, _ in found for row in rows], sum(torn for _, torn in found)


def read_log(path: Path) -> tuple[list[dict[str, Any]], int]:
    """All whole rows of a log, and how many lines were torn."""
    rows, torn = list[dict[str, Any]](), 0
    for line in path.read_bytes().split(b"\n") if path.is_file() else ():
        if not line.strip():
            continue
        try:
            rows.append(json.loads(line))
        except ValueError:
            torn += 1
    return rows, torn
