"""Answers that were paid for, kept for ever.

A SQLite file on one machine, one object an answer on S3.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from adore.config import ANSWERS, cache_root
from adore.errors import UnavailableError

__all__ = ["Cache", "NoCache", "ObjectCache", "SqliteCache", "open_cache"]


class Cache(Protocol):
    """Texts by key; what :meth:`put` returned from is there after a ``kill -9``."""

    def get(self, keys: Sequence[str]) -> dict[str, str]:
        """The values of those keys that are known."""
        ...

    def put(self, key: str, value: str) -> None:
        """Keep one value; an older one of the key is replaced.

        Args:
            key: the hash of all that the answer depends on.
            value: the answer, as JSON.
        """
        ...


class NoCache:
    """Remembers nothing."""

    def get(self, keys: Sequence[str]) -> dict[str, str]:
        """See :class:`Cache`."""
        return {}

    def put(self, key: str, value: str) -> None:
        """See :class:`Cache`.

        Args:
            key: is forgotten.
            value: likewise.
        """


class SqliteCache:
    """One file that several processes of one machine may use at once.

    It keeps a write-ahead log, so it must not lie on a network drive.

    Args:
        path: of the file.
        patience: seconds to wait for a lock of another process.
    """

    def __init__(self, path: Path, *, patience: float = 60.0) -> None:
        self._path = path
        with self._errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=patience, isolation_level=None)
            self._start_log(time.monotonic() + patience)
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS answers "
                "(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID"
            )

    def _start_log(self, until: float) -> None:
        """Turn the write-ahead log on; here SQLite does not wait for a lock by itself."""
        while True:
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if not _locked(error) or time.monotonic() > until:
                    raise
            time.sleep(random.uniform(0.005, 0.05))

    def get(self, keys: Sequence[str]) -> dict[str, str]:
        """See :class:`Cache`."""
        found: dict[str, str] = {}
        with self._errors():
            for start in range(0, len(keys), 500):
                part = keys[start : start + 500]
                marks = ",".join("?" * len(part))
                statement = f"SELECT key, value FROM answers WHERE key IN ({marks})"
                found.update(self._db.execute(statement, part))
        return found

    def put(self, key: str, value: str) -> None:
        """See :class:`Cache`.

        Args:
            key: of the answer.
            value: the answer, as JSON.
        """
        with self._errors():
            self._db.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?)", (key, value)
            )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            must = "a writable SQLite file"
            fix = "move it, make room or set judge.cache"
            if _locked(error):
                must = "free"
                fix = (
                    "end the process that keeps it locked, "
                    "then run the same command again"
                )
            raise UnavailableError(
                f"cache == {str(self._path)!r}, must be {must}; {fix} ({error})"
            ) from error


def _locked(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    primary = code & 0xFF  # the higher bits say which of its kind
    return primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class ObjectCache:
    """One object an answer under ``s3://bucket/prefix``; for shards on many machines."""

    def __init__(self, place: str) -> None:
        import boto3
        from botocore.config import Config

        self._place = place
        bucket, _, prefix = place.removeprefix("s3://").partition("/")
        self._bucket = bucket
        self._prefix = prefix.strip("/")
        self._client: Any = boto3.client("s3", config=Config(max_pool_connections=16))

    def _key(self, key: str) -> str:
        return "/".join(part for part in (self._prefix, key[:2], f"{key}.json") if part)

    def get(self, keys: Sequence[str]) -> dict[str, str]:
        """See :class:`Cache`."""
        with ThreadPoolExecutor(16) as pool:
            values = list(pool.map(self._one, keys))

        found: dict[str, str] = {}
        for key, value in zip(keys, values, strict=True):
            if value is not None:
                found[key] = value
        return found

    def _one(self, key: str) -> str | None:
        with self._errors():
            try:
                answer = self._client.get_object(
                    Bucket=self._bucket, Key=self._key(key)
                )
                return str(answer["Body"].read(), "utf-8")
            except self._client.exceptions.NoSuchKey:
                return None

    def put(self, key: str, value: str) -> None:
        """See :class:`Cache`.

        Args:
            key: of the answer.
            value: the answer, as JSON.
        """
        with self._errors():
            self._client.put_object(
                Bucket=self._bucket, Key=self._key(key), Body=value.encode()
            )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError(
                f"cache == {self._place!r}, must be reachable; "
                f"check bucket, AWS_ENDPOINT_URL and credentials ({error})"
            ) from error


def open_cache(place: str) -> Cache:
    """The cache that a config names.

    Args:
        place: a folder, ``s3://bucket/prefix``, or ``off``; ``""`` for the place in
            ADORE_ANSWERS, else ``answers`` under :func:`adore.config.cache_root`.
    """
    place = place or os.environ.get(ANSWERS, "")
    if place == "off":
        return NoCache()
    if place.startswith("s3://"):
        return ObjectCache(place)
    folder = Path(place).expanduser() if place else cache_root() / "answers"
    return SqliteCache(folder / "answers.sqlite")
