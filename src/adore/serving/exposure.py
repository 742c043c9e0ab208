"""The logs of exposures and events: on disk before the answer.

A torn last line is skipped and counted. On a cluster the logs are also shipped, piece by
piece, to a place that outlives the pod.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from adore.storage import copy_file, join, local_copy

__all__ = ["Log", "Shipper", "read_log", "read_shipped"]

_LOG = logging.getLogger(__name__)


class Log:
    """Appends JSON lines and syncs them.

    Threads that wait at the same time share one sync (group commit). A row that the disk
    refuses leaves nothing behind: the next one begins where it began.

    Args:
        path: the file that grows; what an earlier process left there becomes a piece.
        piece_bytes: bytes from which on the file is put aside as a piece.
        max_piece_bytes: bytes of pieces that stay; beyond, the oldest are deleted and counted in
            ``dropped``.
    """

    def __init__(
        self,
        path: Path,
        *,
        piece_bytes: int = 16_000_000,
        max_piece_bytes: int = 1_500_000_000,
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.piece_bytes = piece_bytes
        self.max_piece_bytes = max_piece_bytes
        self.dropped = 0
        if _size(path):
            # so that a torn line of a killed process stays the last of its file
            path.rename(self._aside())
        self._file = path.open("ab", buffering=0)
        self._write = threading.Lock()
        self._sync = threading.Lock()
        self._end = 0
        self._written = 0
        self._synced = 0
        self._failed = 0

    def append(self, *rows: dict[str, Any]) -> None:
        """Write rows; returns when they are on disk.

        Raises:
            OSError: they are not; what of them was written is taken back before the next row.
        """
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        text = "".join(lines).encode("utf-8", "replace")
        with self._write:
            self._put(text)
            self._written += 1
            mine = self._written

        # whoever holds the lock syncs for all that wrote meanwhile
        with self._sync:
            if mine <= self._failed:
                raise OSError(errno.EIO, "the rows could not be synced", str(self.path))
            if self._synced < mine:
                self._flush()
        if self._end >= self.piece_bytes:
            with suppress(OSError):  # the rows are safe; the next one tries again
                self.roll()

    def _put(self, text: bytes) -> None:
        self._trim()
        rest = memoryview(text)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._end += len(text)

    def _trim(self) -> None:
        """Take back what a full disk took only half of."""
        if os.fstat(self._file.fileno()).st_size > self._end:
            self._file.truncate(self._end)

    def _flush(self) -> None:
        """Sync all that is written.

        After a failure no later sync vouches for what was written before it.
        """
        reached = self._written
        try:
            os.fsync(self._file.fileno())
        except OSError:
            self._failed = reached
            raise
        self._synced = reached

    def roll(self) -> None:
        """Put what is written so far, if anything, aside as a piece of its own, on disk."""
        with self._write, self._sync:
            self._trim()
            if not self._end:
                return
            self._flush()
            aside = self.path.rename(self._aside())
            try:
                fresh = self.path.open("ab", buffering=0)
            except OSError:
                aside.rename(self.path)
                raise
            self._file.close()
            self._file = fresh
            self._end = 0
            self._drop()

    def _aside(self) -> Path:
        return self.path.with_suffix(f".{time.time_ns()}.piece")

    def _drop(self) -> None:
        """Delete the oldest pieces until the rest is small enough."""
        pieces = self.pieces()
        excess = sum(map(_size, pieces)) - self.max_piece_bytes
        for piece in pieces:
            if excess <= 0:
                return
            size = _size(piece)
            piece.unlink(missing_ok=True)
            self.dropped += size
            excess -= size

    def pieces(self) -> list[Path]:
        """Pieces that were put aside, oldest first."""
        return sorted(self.path.parent.glob(f"{self.path.stem}.*.piece"))

    def size(self) -> int:
        """Bytes that lie here."""
        return sum(map(_size, (self.path, *self.pieces())))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # just shipped
        return 0


class Shipper:
    """Moves the logs' pieces to ``place/FOLDER/YYYY-MM-DD/HOST-TIME.jsonl``.

    It does so now and then, and once more at the end. A piece is deleted here only when
    it is there; while the place does not answer, the backlog grows. The day is that on
    which the piece was put aside, in UTC.

    Args:
        logs: each log by its folder.
        place: a folder or ``s3://…``.
        every: seconds; what a lost node takes along is at most as old, and 16 MB.
    """

    def __init__(
        self, logs: dict[str, Log], place: str, *, every: float = 60.0
    ) -> None:
        self.logs = logs
        self.place = place
        self.every = every
        self.failures = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run,
            name="shipper",
            daemon=True,
        )

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(self.every):
            self.ship()
        self.ship()

    def stop(self, patience: float = 12.0) -> None:
        """Ship what is left, and end.

        After ``patience`` seconds (a pod has few) what is left stays.
        """
        self._stop.set()
        self._thread.join(patience)
        left = sum(log.size() for log in self.logs.values())
        if left:
            _LOG.warning(
                "shipping == %d bytes left, must be 0; the place did not take them in time",
                left,
            )

    def ship(self) -> None:
        """Ship all that is written by now.

        A failure is counted, and tried again next time.
        """
        for folder, log in self.logs.items():
            with self._counted():
                log.roll()
            with self._counted():
                for piece in log.pieces():
                    self._send(folder, piece)

    def _send(self, folder: str, piece: Path) -> None:
        put_aside = piece.suffixes[0][1:]  # nanoseconds since the epoch
        seconds = int(put_aside) / 1e9
        day = time.strftime("%Y-%m-%d", time.gmtime(seconds))
        name = f"{socket.gethostname()}-{put_aside}.jsonl"
        copy_file(piece, join(self.place, folder, day, name))
        piece.unlink(missing_ok=True)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Whatever fails, the thread lives: a mistyped endpoint, a full disk, a store away."""
        try:
            yield
        except Exception as error:
            self.failures += 1
            _LOG.warning(
                "shipping == %r, must be possible; check the place and its credentials",
                error,
            )


def read_shipped(place: str, log: str) -> tuple[list[dict[str, Any]], int]:
    """All whole rows of a shipped log, and how many lines were torn.

    Args:
        place: where a :class:`Shipper` put it.
        log: ``exposures`` or ``events``.
    """
    folder = local_copy(join(place, log))
    return _rows(sorted(folder.rglob("*.jsonl")))


def read_log(path: Path) -> tuple[list[dict[str, Any]], int]:
    """All whole rows of a log, its pieces first, and how many lines were torn."""
    pieces = sorted(path.parent.glob(f"{path.stem}.*.piece"))
    return _rows([*pieces, path] if path.is_file() else pieces)


def _rows(paths: Iterable[Path]) -> tuple[list[dict[str, Any]], int]:
    rows = list[dict[str, Any]]()
    torn = 0
    for path in paths:
        for line in path.read_bytes().split(b"\n"):
            if not line.strip():
                continue
            try:
                rows.append(json.loads(line))
            except ValueError:
                torn += 1
    return rows, torn
