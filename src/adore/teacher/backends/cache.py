"""Answers that were paid for, kept forever.

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

CONNECTIONS = 16
"""Requests at a time to an object store."""


class Cache(Protocol):
    """Texts by key; what :meth:`put` returned from is there after a ``kill -9``."""

    def get(self, keys: Sequence[str]) -> dict[str, str]:
        """Return the values of those keys that are known."""
        ...

    def put(self, key: str, value: str) -> None:
        """Store one value; it replaces an older one of the same key.

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

    Raises:
        UnavailableError: the file cannot be written, or its lock did not open in time.
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

    def _start_log(self, deadline: float) -> None:
        """Turn the write-ahead log on; here SQLite does not wait for a lock by itself."""
        while True:
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if not _is_locked(error) or time.monotonic() > deadline:
                    raise
            time.sleep(random.uniform(0.005, 0.05))

    def get(self, keys: Sequence[str]) -> dict[str, str]:
        """See :class:`Cache`.

        Args:
            keys: of the answers.

        Returns:
            The answers that are known, by key.

        Raises:
            UnavailableError: the file cannot be written, or its lock did not open in
                time.
        """
        values: dict[str, str] = {}
        with self._errors():
            # SQLite limits the parameters of one statement
            for start in range(0, len(keys), 500):
                batch = keys[start : start + 500]
                placeholders = ",".join("?" * len(batch))
                statement = (
                    f"SELECT key, value FROM answers WHERE key IN ({placeholders})"
                )
                values.update(self._db.execute(statement, batch))
        return values

    def put(self, key: str, value: str) -> None:
        """See :class:`Cache`.

        Args:
            key: of the answer.
            value: the answer, as JSON.

        Raises:
            UnavailableError: the file cannot be written, or its lock did not open in
                time.
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
            expected = "a writable SQLite file"
            remedy = "move it, make room or set judge.cache"
            if _is_locked(error):
                expected = "free"
                remedy = (
                    "end the process that keeps it locked, "
                    "then run the same command again"
                )
            raise UnavailableError(
                f"cache == {str(self._path)!r}, must be {expected}; {remedy} ({error})"
            ) from error


def _is_locked(error: Exception) -> bool:
    error_code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    primary_code = error_code & 0xFF  # the higher bits are a subtype
    return primary_code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class ObjectCache:
    """One object an answer under ``s3://bucket/prefix``; for shards on many machines."""

    def __init__(self, place: str) -> None:
        import boto3
        from botocore.config import Config

        self._place = place
        bucket, _, prefix = place.removeprefix("s3://").partition("/")
        self._bucket = bucket
        self._prefix = prefix.strip("/")
        self._client: Any = boto3.client(
            "s3", config=Config(max_pool_connections=CONNECTIONS)
        )

    def _object_name(self, key: str) -> str:
        # two letters of the hash spread the objects over prefixes
        name = f"{key[:2]}/{key}.json"
        if self._prefix:
            name = f"{self._prefix}/{name}"
        return name

    def get(self, keys: Sequence[str]) -> dict[str, str]:
        """See :class:`Cache`."""
        with ThreadPoolExecutor(CONNECTIONS) as executor:
            texts = list(executor.map(self._get_one, keys))

        values: dict[str, str] = {}
        for key, text in zip(keys, texts, strict=True):
            if text is not None:
                values[key] = text
        return values

    def _get_one(self, key: str) -> str | None:
        with self._errors():
            try:
                response = self._client.get_object(
                    Bucket=self._bucket, Key=self._object_name(key)
                )
                return str(response["Body"].read(), "utf-8")
            except self._client.exceptions.NoSuchKey:
                return None

    def put(self, key: str, value: str) -> None:
        """See :class:`Cache`.

        Args:
            key: of the answer.
            value: the answer, as JSON.

        Raises:
            UnavailableError: the store does not answer.
        """
        with self._errors():
            self._client.put_object(
                Bucket=self._bucket, Key=self._object_name(key), Body=value.encode()
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

    Returns:
        A cache that several processes may use at once.

    Raises:
        UnavailableError: the place cannot be written.
    """
    place = place or os.environ.get(ANSWERS, "")
    if place == "off":
        return NoCache()
    if place.startswith("s3://"):
        return ObjectCache(place)
    folder = Path(place).expanduser() if place else cache_root() / "answers"
    return SqliteCache(folder / "answers.sqlite")
