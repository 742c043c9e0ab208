"""The logs of exposures and events: on disk before the answer; a torn last line is skipped and counted."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

__all__ = ["Log", "read_log"]


class Log:
    """Appends JSON lines and syncs them; threads that wait at the same time share one sync (group commit)."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
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

    def close(self) -> None:
        """Close the file."""
        self._file.close()


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
