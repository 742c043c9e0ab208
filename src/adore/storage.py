"""Places: local paths and ``s3://bucket/key``.

Copies of them, and writes that are whole or not there at all.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import io
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from adore.config import cache_root
from adore.errors import MissingError, UnavailableError, check

__all__ = [
    "MANIFEST",
    "copy_file",
    "delete",
    "is_remote",
    "join",
    "local_copy",
    "open_output",
    "write_bytes",
    "write_json",
]

MANIFEST = "manifest.json"
"""The last file of a stage's output: without it, no reader sees the output."""
UNUSED = 7 * 86400.0
"""Seconds after which a download that nobody used again is removed."""
CONNECTIONS = 8
"""Files that are downloaded at the same time."""


def is_remote(place: str | Path) -> bool:
    """Return whether a place is ``s3://…``."""
    return str(place).startswith("s3://")


def join(place: str, *parts: str) -> str:
    """Append path parts to a place.

    Args:
        place: a local path, or ``s3://bucket/key``.
        parts: names below it.

    Returns:
        The place of what lies there.

    Raises:
        ConfigError: ``place`` is empty.
    """
    check(
        bool(place),
        "place",
        place,
        must="a folder or s3://…",
        fix="give one (make serve: there is no run yet)",
    )
    return "/".join([str(place).rstrip("/"), *parts])


# ---------------------------------------------------------------- the object store


def _client() -> Any:
    import boto3
    from botocore.config import Config

    # Endpoint from AWS_ENDPOINT_URL(_S3), credentials from the usual chain. A store that
    # cannot be reached fails within seconds: botocore's own defaults take five minutes.
    timeouts = Config(
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "max_attempts": 4},
    )
    return boto3.client("s3", config=timeouts)


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


def _etags(place: str) -> dict[str, str]:
    """Every key at or under a place, with its ETag.

    Without the empty objects that consoles leave for folders.

    Returns:
        ETag by key.
    """
    bucket, prefix = _split(place)
    # The store compares characters: of a prefix ``run/1`` it lists ``run/10``, too.
    folder = f"{prefix.rstrip('/')}/"

    etags = {}
    with _s3_errors(place):
        paginator = _client().get_paginator("list_objects_v2")
        for page in paginator.paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", ()):
                key = entry["Key"]
                is_below = f"{key}/".startswith(folder)
                if is_below and not key.endswith("/"):
                    etags[key] = entry["ETag"]
    return etags


# ---------------------------------------------------------------- reading


def local_copy(place: str | Path, *, only: Sequence[str] = ("*",)) -> Path:
    """A local path with the place's files: the place itself, or a download of its present version.

    Args:
        place: a local path, or ``s3://bucket/key``.
        only: patterns of the files in it to download; ``*`` matches slashes, too.

    Returns:
        The path; nobody changes what lies there.

    Raises:
        MissingError: nothing is there.
        UnavailableError: the store does not answer.
    """
    if is_remote(place):
        return _download(str(place), only)
    check(
        Path(place).exists(),
        "place",
        str(place),
        must="there",
        fix="check the path",
        error=MissingError,
    )
    return Path(place)


def _download(place: str, only: Sequence[str]) -> Path:
    """A folder or file with the wanted files of a remote place, from the cache if it has them."""
    prefix = _split(place)[1]
    etags = {}
    for key, etag in _etags(place).items():
        name = key[len(prefix) :].lstrip("/")
        if any(fnmatch(name, pattern) for pattern in only):
            etags[key] = etag
    check(
        bool(etags),
        "place",
        place,
        must="one with objects",
        fix="check bucket and key",
        error=MissingError,
    )

    target = _cached_path(place, etags)
    if target.exists():
        os.utime(target.parent)
        return target

    downloads = target.parent.parent
    downloads.mkdir(parents=True, exist_ok=True)
    _remove_unused(downloads)
    aside = Path(tempfile.mkdtemp(prefix=".partial-", dir=downloads))
    try:
        _fetch(place, etags, aside / target.name)
        with suppress(OSError):  # another process was first with the same version
            aside.rename(target.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return target


def _cached_path(place: str, etags: Mapping[str, str]) -> Path:
    """Where a download lies: each version has its own folder, so no reader loses files."""
    versions = sorted(etags.items())
    text = json.dumps([place, versions])
    digest = hashlib.sha256(text.encode()).hexdigest()
    version = digest[:16]

    name = Path(place).name
    return cache_root() / "downloads" / version / name


def _remove_unused(downloads: Path) -> None:
    """Remove downloads that nobody used again."""
    for version in downloads.iterdir():
        with suppress(OSError):  # another process was first
            if time.time() - version.stat().st_mtime > UNUSED:
                shutil.rmtree(version)


def _fetch(place: str, keys: Mapping[str, str], folder: Path) -> None:
    """Download the keys of a place into a folder, several at a time."""
    bucket, prefix = _split(place)
    paths = {key: folder / key[len(prefix) :].lstrip("/") for key in keys}
    for path in paths.values():
        path.parent.mkdir(parents=True, exist_ok=True)

    with _s3_errors(place):
        client = _client()

        def fetch(key: str) -> None:
            client.download_file(bucket, key, str(paths[key]))

        with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(fetch, paths))  # raises the first error


# ---------------------------------------------------------------- writing


def write_bytes(data: bytes, place: str | Path) -> None:
    """Write a file, whole or not at all.

    Args:
        data: the file's content.
        place: where it goes, file name included; its folder is made.

    Raises:
        UnavailableError: the store does not answer.
    """
    if is_remote(place):
        bucket, key = _split(str(place))
        with _s3_errors(str(place)):
            _client().upload_fileobj(io.BytesIO(data), bucket, key)
        return
    _replace(Path(place), lambda aside: aside.write_bytes(data))


def write_json(value: object, place: str | Path) -> None:
    """Write a JSON file, whole or not at all.

    Args:
        value: what to write; what JSON does not know is written as its ``str``.
        place: where it goes, file name included; its folder is made.

    Raises:
        UnavailableError: the store does not answer.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    write_bytes(text.encode(), place)


def copy_file(path: Path, place: str | Path) -> None:
    """Copy one local file to a place, whole or not at all; nothing if it lies there already.

    Args:
        path: the local file.
        place: where the copy goes, file name included; its folder is made.

    Raises:
        UnavailableError: the store does not answer.
    """
    if is_remote(place):
        bucket, key = _split(str(place))
        with _s3_errors(str(place)):
            _client().upload_file(str(path), bucket, key)
        return
    if path.resolve() != Path(place).resolve():
        _replace(Path(place), lambda aside: shutil.copyfile(path, aside))


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a file beside the path, then rename it: no reader sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        write(aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def open_output(place: str | Path) -> Iterator[Path]:
    """A new local folder that becomes ``place`` if the block ends well, and vanishes otherwise.

    Args:
        place: a local path, or ``s3://bucket/key``.

    Yields:
        The folder to write to.

    Raises:
        UnavailableError: the store does not answer.
    """
    home = Path(place).parent
    if is_remote(place):
        home = Path(tempfile.mkdtemp(prefix="adore-"))
    home.mkdir(parents=True, exist_ok=True)

    aside = home / f".{Path(place).name}.partial"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    try:
        yield aside
        if is_remote(place):
            _upload(aside, str(place))
        else:
            _move(aside, Path(place))
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        if is_remote(place):
            home.rmdir()


def _move(source: Path, target: Path) -> None:
    """Put a folder in the place of another one."""
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    source.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _upload(source: Path, place: str) -> None:
    """Make a remote place hold the files of a folder and nothing else."""
    bucket, prefix = _split(place)
    paths = {}
    for path in source.rglob("*"):
        if path.is_file():
            paths[f"{prefix}/{path.relative_to(source).as_posix()}"] = path
    stale = sorted(_etags(place).keys() - paths.keys())

    with _s3_errors(place):
        client = _client()
        # Without its manifest an output does not exist: it goes first and comes last.
        manifest = f"{prefix}/{MANIFEST}"
        for key in (manifest, *stale):
            client.delete_object(Bucket=bucket, Key=key)
        for key in sorted(paths, key=lambda key: key == manifest):
            client.upload_file(str(paths[key]), bucket, key)


def delete(place: str) -> None:
    """Delete all that lies at or under a place.

    Args:
        place: a local path, or ``s3://bucket/key``.

    Raises:
        UnavailableError: the store does not answer.
    """
    if is_remote(place):
        bucket, _ = _split(place)
        keys = sorted(_etags(place))
        with _s3_errors(place):
            client = _client()
            for key in keys:
                client.delete_object(Bucket=bucket, Key=key)
    elif Path(place).is_file():
        Path(place).unlink()
    else:
        shutil.rmtree(place, ignore_errors=True)
