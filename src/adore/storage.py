"""Places: local paths and ``s3://bucket/key``.

Copies of them, and writes that are whole or not there at all.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from adore.config import cache_root
from adore.errors import MissingError, UnavailableError, check

__all__ = [
    "MANIFEST",
    "delete",
    "is_remote",
    "join",
    "local_copy",
    "open_output",
    "put_bytes",
    "put_file",
    "put_json",
    "write_json",
]

MANIFEST = "manifest.json"
"""The last file of a stage's output: without it the output is not there for any reader."""
UNUSED = 7 * 86400.0
"""Seconds after which a download that nobody asked for again is removed."""


def write_json(value: object, path: Path) -> None:
    """Write JSON aside and rename, so that no reader ever sees half of it.

    Args:
        value: what to write; what JSON does not know is written as its ``str``.
        path: the file; its folder exists.
    """
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(
        json.dumps(value, indent=2, ensure_ascii=False, default=str), "utf-8"
    )
    partial.replace(path)


def is_remote(place: str | Path) -> bool:
    """True for ``s3://…``."""
    return str(place).startswith("s3://")


def join(place: str, *parts: str) -> str:
    """Append path parts to a place."""
    check(
        bool(place),
        "place",
        place,
        must="a folder or s3://…",
        fix="give one (make serve: there is no run yet)",
    )
    return "/".join([str(place).rstrip("/"), *parts])


def _client() -> Any:
    import boto3
    from botocore.config import Config

    # Endpoint from AWS_ENDPOINT_URL(_S3), credentials from the usual chain. A store that
    # cannot be reached is told of in seconds: botocore's own defaults take five minutes.
    patience = Config(
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "max_attempts": 4},
    )
    return boto3.client("s3", config=patience)


@contextmanager
def _s3_errors(place: str) -> Iterator[None]:
    from boto3.exceptions import Boto3Error  # upload_file raises its own
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError) as error:
        fix = "check AWS_ENDPOINT_URL, credentials and bucket"
        raise UnavailableError(
            f"place == {place!r}, must be reachable; {fix} ({error})"
        ) from error


def _split(place: str) -> tuple[str, str]:
    bucket, _, key = place.removeprefix("s3://").partition("/")
    return bucket, key


def _keys(place: str) -> dict[str, str]:
    """Every key at or under a place, with its ETag.

    Not the empty objects that consoles leave for folders.
    """
    bucket, prefix = _split(place)
    with _s3_errors(place):
        pages = (
            _client()
            .get_paginator("list_objects_v2")
            .paginate(Bucket=bucket, Prefix=prefix)
        )
        found = {}
        for page in pages:
            for thing in page.get("Contents", ()):
                found[thing["Key"]] = thing["ETag"]

    # The store compares characters: of a prefix ``run/1`` it lists ``run/10``, too.
    folder = f"{prefix.rstrip('/')}/"
    return {
        key: tag
        for key, tag in found.items()
        if f"{key}/".startswith(folder) and not key.endswith("/")
    }


def _cache(place: str, keys: Mapping[str, str]) -> Path:
    """Where a download lies: a folder of its own for every version.

    So no reader loses files under its hands.
    """
    tags = sorted(keys.items())
    text = json.dumps([place, tags])
    digest = hashlib.sha256(text.encode()).hexdigest()
    version = digest[:16]
    name = Path(place).name
    return cache_root() / "downloads" / version / name


def local_copy(place: str | Path, *, only: Sequence[str] = ("*",)) -> Path:
    """A local path with the place's files: the place itself, or a download of its present version.

    Args:
        place: a local path, or ``s3://bucket/key``.
        only: patterns of the files in it to download; ``*`` stands for slashes, too.

    Raises:
        MissingError: nothing is there.
        UnavailableError: the store does not answer.
    """
    if not is_remote(place):
        check(
            Path(place).exists(),
            "place",
            str(place),
            must="there",
            fix="check the path",
            error=MissingError,
        )
        return Path(place)
    place = str(place)
    prefix = _split(place)[1]
    keys = {}
    for key, tag in _keys(place).items():
        name = key[len(prefix) :].lstrip("/")
        if any(fnmatch(name, pattern) for pattern in only):
            keys[key] = tag
    check(
        bool(keys),
        "place",
        place,
        must="one with objects",
        fix="check bucket and key",
        error=MissingError,
    )
    target = _cache(place, keys)
    if target.exists():
        os.utime(target.parent)
        return target

    downloads = target.parent.parent
    downloads.mkdir(parents=True, exist_ok=True)
    _forget_unused(downloads)
    aside = Path(tempfile.mkdtemp(prefix=".partial-", dir=downloads))
    try:
        _download(place, keys, aside / target.name)
        with suppress(OSError):  # another process was first with the same version
            aside.rename(target.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return target


def _forget_unused(downloads: Path) -> None:
    """Remove downloads that nobody asked for again."""
    for version in downloads.iterdir():
        with suppress(OSError):  # another process was first
            if time.time() - version.stat().st_mtime > UNUSED:
                shutil.rmtree(version)


def _download(place: str, keys: Mapping[str, str], folder: Path) -> None:
    """Fetch the keys of a place into a folder, eight at a time."""
    bucket, prefix = _split(place)
    with _s3_errors(place):
        paths = {key: folder / key[len(prefix) :].lstrip("/") for key in keys}
        for path in paths.values():
            path.parent.mkdir(parents=True, exist_ok=True)
        client = _client()

        def fetch(key: str) -> None:
            client.download_file(bucket, key, str(paths[key]))

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(fetch, paths))  # the first error of one is raised here


def _publish(source: Path, place: str) -> None:
    """Make ``source`` (a whole folder) appear at ``place``; the manifest goes last."""
    if not is_remote(place):
        target = Path(place)
        old = target.with_name(f".{target.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if target.exists():
            target.rename(old)
        source.rename(target)
        shutil.rmtree(old, ignore_errors=True)
        return
    bucket, prefix = _split(place)
    found = [path for path in source.rglob("*") if path.is_file()]
    files = sorted(found, key=lambda path: path.name == MANIFEST)
    keys = {f"{prefix}/{path.relative_to(source).as_posix()}": path for path in files}
    stale = sorted(_keys(place).keys() - keys.keys())
    with _s3_errors(place):
        client = _client()
        for key in (f"{prefix}/{MANIFEST}", *stale):
            client.delete_object(Bucket=bucket, Key=key)
        for key, path in keys.items():
            client.upload_file(str(path), bucket, key)


def put_file(path: Path, place: str) -> None:
    """Copy one local file to a place (nothing to do if it lies there already).

    Args:
        path: the local file.
        place: where the copy goes, file name included.
    """
    if is_remote(place):
        with _s3_errors(place):
            _client().upload_file(str(path), *_split(place))
    elif path.resolve() != Path(place).resolve():
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def put_bytes(data: bytes, place: str) -> None:
    """Write a small file to a place, whole or not at all.

    Args:
        data: the file's content.
        place: where it goes, file name included.
    """
    home = (
        Path(tempfile.mkdtemp(prefix="adore-"))
        if is_remote(place)
        else Path(place).parent
    )
    home.mkdir(parents=True, exist_ok=True)
    aside = home / f".{Path(place).name}.{os.getpid()}"
    aside.write_bytes(data)
    if is_remote(place):
        put_file(aside, place)
        shutil.rmtree(home)
    else:
        aside.replace(place)


def delete(place: str) -> None:
    """Delete all that lies at or under a place."""
    if not is_remote(place):
        if Path(place).is_file():
            Path(place).unlink()
        else:
            shutil.rmtree(place, ignore_errors=True)
        return
    with _s3_errors(place):
        for key in _keys(place):
            _client().delete_object(Bucket=_split(place)[0], Key=key)


def put_json(value: object, place: str) -> None:
    """Write a small JSON file to a place, whole or not at all.

    Args:
        value: what to write, as for :func:`write_json`.
        place: where it goes, file name included.
    """
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / Path(place).name if is_remote(place) else Path(place)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(value, path)
        put_file(path, place)


@contextmanager
def open_output(place: str | Path) -> Iterator[Path]:
    """A fresh local folder: becomes ``place`` when the block ends well, and vanishes otherwise."""
    home = (
        Path(tempfile.mkdtemp(prefix="adore-"))
        if is_remote(place)
        else Path(place).parent
    )
    home.mkdir(parents=True, exist_ok=True)
    aside = home / f".{Path(place).name}.partial"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    try:
        yield aside
        _publish(aside, str(place))
    finally:
        shutil.rmtree(home if is_remote(place) else aside, ignore_errors=True)
