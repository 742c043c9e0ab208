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
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from adore.serving.messages import Json
from adore.storage import copy_file, join, local_copy

__all__ = ["Log", "Shipper", "read_log", "read_shipped"]

_LOGGER = logging.getLogger(__name__)


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
            # A torn line of a killed process stays the last one of its file.
            path.rename(self._new_piece())
        self._file = path.open("ab", buffering=0)
        self._write_lock = threading.Lock()
        self._sync_lock = threading.Lock()
        self._end = 0
        self._written = 0
        self._synced = 0
        self._failed = 0

    def append(self, *rows: Mapping[str, object]) -> None:
        """Write rows, and return when they are on disk.

        Args:
            *rows: JSON objects, a line each.

        Raises:
            OSError: they are not on disk. What was written of them is taken back before
                the next row.
        """
        json_lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        encoded_lines = "".join(json_lines).encode("utf-8", "replace")
        with self._write_lock:
            self._write_all(encoded_lines)
            self._written += 1
            sequence_number = self._written

        # The thread that has the lock syncs for all that wrote meanwhile.
        with self._sync_lock:
            if sequence_number <= self._failed:
                raise OSError(errno.EIO, "the rows could not be synced", str(self.path))
            if self._synced < sequence_number:
                self._flush()
        if self._end >= self.piece_bytes:
            with suppress(OSError):  # the rows are safe; the next append tries again
                self.roll()

    def _write_all(self, text: bytes) -> None:
        self._truncate()
        remaining = memoryview(text)
        while remaining:
            written = self._file.write(remaining)
            remaining = remaining[written:]
        self._end += len(text)

    def _truncate(self) -> None:
        """Take back a row that a full disk stored in part."""
        if os.fstat(self._file.fileno()).st_size > self._end:
            self._file.truncate(self._end)

    def _flush(self) -> None:
        """Sync all that is written."""
        # After a failure, a later sync says nothing of what was written before it.
        last_row = self._written
        try:
            os.fsync(self._file.fileno())
        except OSError:
            self._failed = last_row
            raise
        self._synced = last_row

    def roll(self) -> None:
        """Put what is written so far, if anything, aside as a piece of its own, on disk.

        Raises:
            OSError: the disk does not take it; the log is as it was.
        """
        with self._write_lock, self._sync_lock:
            self._truncate()
            if not self._end:
                return
            self._flush()
            piece = self.path.rename(self._new_piece())
            try:
                new_file = self.path.open("ab", buffering=0)
            except OSError:
                piece.rename(self.path)
                raise
            self._file.close()
            self._file = new_file
            self._end = 0
            self._delete_oldest()

    def _new_piece(self) -> Path:
        return self.path.with_suffix(f".{time.time_ns()}.piece")

    def _delete_oldest(self) -> None:
        """Delete the oldest pieces until the others are small enough."""
        pieces = self.pieces()
        excess_bytes = sum(map(_size, pieces)) - self.max_piece_bytes
        for piece in pieces:
            if excess_bytes <= 0:
                return
            deleted_bytes = _size(piece)
            piece.unlink(missing_ok=True)
            self.dropped += deleted_bytes
            excess_bytes -= deleted_bytes

    def pieces(self) -> list[Path]:
        """Pieces that were put aside, oldest first."""
        return _pieces_of(self.path)

    def size(self) -> int:
        """Bytes of the file and its pieces."""
        return sum(map(_size, (self.path, *self.pieces())))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _pieces_of(path: Path) -> list[Path]:
    """Pieces that were put aside from a log, oldest first."""
    return sorted(path.parent.glob(f"{path.stem}.*.piece"))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # just shipped
        return 0


class Shipper:
    """Moves the logs' pieces to ``place/FOLDER/YYYY-MM-DD/HOST-TIME.jsonl``.

    It does so periodically, and once more at the end. A piece is deleted here only when
    it has arrived; while the place does not answer, the backlog grows. The day is that on
    which the piece was put aside, in UTC.

    Args:
        logs: each log by its folder.
        place: a folder or ``s3://…``.
        every: seconds between shipments. A lost node loses at most so much, and 16 MB.
    """

    def __init__(
        self, logs: Mapping[str, Log], place: str, *, every: float = 60.0
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

        Args:
            patience: seconds, of which a pod has few; what is left then stays.
        """
        self._stop.set()
        self._thread.join(patience)
        unshipped = sum(log.size() for log in self.logs.values())
        if unshipped:
            _LOGGER.warning(
                "shipping == %d bytes left, must be 0; the place did not take them in time",
                unshipped,
            )

    def ship(self) -> None:
        """Ship all that is written by now.

        A failure is counted, and tried again next time.
        """
        for folder, log in self.logs.items():
            with self._counting_failures():
                log.roll()
            with self._counting_failures():
                for piece in log.pieces():
                    self._send(folder, piece)

    def _send(self, folder: str, piece: Path) -> None:
        nanoseconds = piece.suffixes[0][1:]  # since the epoch, when it was put aside
        seconds = int(nanoseconds) / 1e9
        utc_day = time.strftime("%Y-%m-%d", time.gmtime(seconds))
        object_name = f"{socket.gethostname()}-{nanoseconds}.jsonl"
        copy_file(piece, join(self.place, folder, utc_day, object_name))
        piece.unlink(missing_ok=True)

    @contextmanager
    def _counting_failures(self) -> Iterator[None]:
        """The thread survives any failure: a mistyped endpoint, a full disk, a lost store."""
        try:
            yield
        except Exception as error:
            self.failures += 1
            _LOGGER.warning(
                "shipping == %r, must be possible; check the place and its credentials",
                error,
            )


def read_shipped(place: str, log: str) -> tuple[list[Json], int]:
    """Read a shipped log.

    Args:
        place: where a :class:`Shipper` put it.
        log: ``exposures`` or ``events``.

    Returns:
        All whole rows, and the number of torn lines.

    Raises:
        MissingError: nothing was shipped there.
        UnavailableError: the store does not answer.
    """
    folder = local_copy(join(place, log))
    return _read_rows(sorted(folder.rglob("*.jsonl")))


def read_log(path: Path) -> tuple[list[Json], int]:
    """Read a log, its pieces first.

    Args:
        path: of a :class:`Log`.

    Returns:
        All whole rows, and the number of torn lines.
    """
    log_files = _pieces_of(path)
    if path.is_file():
        log_files.append(path)
    return _read_rows(log_files)


def _read_rows(paths: Iterable[Path]) -> tuple[list[Json], int]:
    log_rows = list[Json]()
    torn_lines = 0
    for log_file in paths:
        for json_line in log_file.read_bytes().split(b"\n"):
            if not json_line.strip():
                continue
            try:
                log_rows.append(json.loads(json_line))
            except ValueError:
                torn_lines += 1
    return log_rows, torn_lines
