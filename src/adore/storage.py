"""Places: local paths and ``s3://bucket/key``.

Reads through local copies; writes are atomic.
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
import uuid
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
    "copy_folder",
    "create_file",
    "delete",
    "is_empty",
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
"""Seconds after which an unused download is removed."""
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
    client_config = Config(
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "max_attempts": 4},
    )
    return boto3.client("s3", config=client_config)


@contextmanager
def _s3_errors(place: str) -> Iterator[None]:
    from boto3.exceptions import Boto3Error  # upload_file raises its own
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError) as error:
        advice = "check AWS_ENDPOINT_URL, credentials and bucket"
        raise UnavailableError(
            f"place == {place!r}, must be reachable; {advice} ({error})"
        ) from error


def _split(place: str) -> tuple[str, str]:
    bucket, _, key = place.removeprefix("s3://").partition("/")
    return bucket, key


def _etags(place: str) -> dict[str, str]:
    """List every key at or under a place, with its ETag.

    Without the empty objects that consoles leave for folders.

    Returns:
        ETag by key.
    """
    bucket, prefix = _split(place)
    # The store compares characters: of a prefix ``run/1`` it lists ``run/10``, too.
    folder_prefix = f"{prefix.rstrip('/')}/"

    etag_of_key = {}
    with _s3_errors(place):
        paginator = _client().get_paginator("list_objects_v2")
        for page in paginator.paginate(Bucket=bucket, Prefix=prefix):
            for stored_object in page.get("Contents", ()):
                key = stored_object["Key"]
                is_below = f"{key}/".startswith(folder_prefix)
                if is_below and not key.endswith("/"):
                    etag_of_key[key] = stored_object["ETag"]
    return etag_of_key


def is_empty(place: str) -> bool:
    """Return whether a remote place holds nothing yet, or a local one is not there.

    Args:
        place: a local path, or ``s3://bucket/key``.

    Returns:
        True if there is nothing to read.

    Raises:
        UnavailableError: the store does not answer.
    """
    return not _etags(place) if is_remote(place) else not Path(place).exists()


# ---------------------------------------------------------------- reading


def local_copy(place: str | Path, *, only: Sequence[str] = ("*",)) -> Path:
    """A local path with the place's files: the place itself, or a download of its present version.

    Args:
        place: a local path, or ``s3://bucket/key``.
        only: patterns of the files in it to download; ``*`` matches slashes, too.

    Returns:
        The path; its files never change.

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
    """Return a local folder or file with the wanted files of a remote place, cached if possible."""
    key_prefix = _split(place)[1]
    etag_of_key = {}
    for key, etag in _etags(place).items():
        relative_name = key[len(key_prefix) :].lstrip("/")
        if any(fnmatch(relative_name, pattern) for pattern in only):
            etag_of_key[key] = etag
    check(
        bool(etag_of_key),
        "place",
        place,
        must="one with objects",
        fix="check bucket and key",
        error=MissingError,
    )

    cached_path = _cached_path(place, etag_of_key)
    if cached_path.exists():
        os.utime(cached_path.parent)
        return cached_path

    downloads = cached_path.parent.parent
    downloads.mkdir(parents=True, exist_ok=True)
    _remove_unused(downloads)
    partial_folder = Path(tempfile.mkdtemp(prefix=".partial-", dir=downloads))
    try:
        _fetch(place, etag_of_key, partial_folder / cached_path.name)
        with suppress(OSError):  # another process was first with the same version
            partial_folder.rename(cached_path.parent)
    finally:
        shutil.rmtree(partial_folder, ignore_errors=True)
    return cached_path


def _cached_path(place: str, etags: Mapping[str, str]) -> Path:
    """Return a download's path: each version has its own folder, so no reader loses files."""
    key_versions = sorted(etags.items())
    version_json = json.dumps([place, key_versions])
    digest = hashlib.sha256(version_json.encode()).hexdigest()
    version_id = digest[:16]

    file_name = Path(place).name
    return cache_root() / "downloads" / version_id / file_name


def _remove_unused(downloads: Path) -> None:
    """Remove downloads that were not used for :data:`UNUSED` seconds."""
    for version in downloads.iterdir():
        with suppress(OSError):  # another process was first
            if time.time() - version.stat().st_mtime > UNUSED:
                shutil.rmtree(version)


def _fetch(place: str, keys: Mapping[str, str], folder: Path) -> None:
    """Download the keys of a place into a folder, several at a time."""
    bucket, key_prefix = _split(place)
    path_of_key = {key: folder / key[len(key_prefix) :].lstrip("/") for key in keys}
    for target_file in path_of_key.values():
        target_file.parent.mkdir(parents=True, exist_ok=True)

    with _s3_errors(place):
        client = _client()

        def fetch(key: str) -> None:
            client.download_file(bucket, key, str(path_of_key[key]))

        with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as thread_pool:
            list(thread_pool.map(fetch, path_of_key))  # raises the first error


# ---------------------------------------------------------------- writing


def write_bytes(data: bytes, place: str | Path) -> None:
    """Write a file atomically.

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


TAKEN = (409, 412)
"""HTTP statuses of a store that refuses to create a file: it is there, or just being written.

Source: AWS, Amazon S3 user guide, conditional writes."""


def create_file(data: bytes, place: str | Path) -> bool:
    """Write a file that must not exist yet; of several writers at once, one succeeds.

    Args:
        data: the file's content; no reader sees a part of it.
        place: where it goes, file name included; its folder is made.

    Returns:
        Whether the file was created; False if there is one already, which stays as it is.

    Raises:
        UnavailableError: the store does not answer, or the disk has no hard links.
    """
    if is_remote(place):
        return _create_object(data, str(place))
    target_file = Path(place)
    target_file.parent.mkdir(parents=True, exist_ok=True)
    partial_file = target_file.with_name(f".{target_file.name}.{uuid.uuid4().hex}")
    try:
        partial_file.write_bytes(data)
        # A rename would replace another writer's file; a link fails if there is one.
        os.link(partial_file, target_file)
    except FileExistsError:
        return False
    except OSError as error:
        advice = "use a disk with hard links, or s3://…"
        raise UnavailableError(
            f"place == {str(place)!r}, must be writable; {advice} ({error})"
        ) from error
    finally:
        partial_file.unlink(missing_ok=True)
    return True


def _create_object(data: bytes, place: str) -> bool:
    from botocore.exceptions import ClientError

    bucket, key = _split(place)
    with _s3_errors(place):
        try:
            _client().put_object(Bucket=bucket, Key=key, Body=data, IfNoneMatch="*")
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in TAKEN:
                return False
            raise
    return True


def write_json(value: object, place: str | Path) -> None:
    """Write a JSON file atomically.

    Args:
        value: what to write; what JSON does not know is written as its ``str``.
        place: where it goes, file name included; its folder is made.

    Raises:
        UnavailableError: the store does not answer.
    """
    json_text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    write_bytes(json_text.encode(), place)


def copy_file(path: Path, place: str | Path) -> None:
    """Copy one local file to a place atomically; do nothing if it is there already.

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


def copy_folder(source: str, place: str) -> None:
    """Copy everything in a folder to a place, whose files it replaces.

    Args:
        source: the folder's place.
        place: where the copy goes; no reader of this machine sees a part of it.

    Raises:
        MissingError: nothing is at ``source``.
        UnavailableError: a store does not answer.
    """
    with open_output(place) as folder:
        shutil.copytree(local_copy(source), folder, dirs_exist_ok=True)


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a file beside the path, then rename it: no reader sees a partial file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial_file = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        write(partial_file)
        partial_file.replace(path)
    finally:
        partial_file.unlink(missing_ok=True)


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
    parent_folder = Path(place).parent
    if is_remote(place):
        parent_folder = Path(tempfile.mkdtemp(prefix="adore-"))
    parent_folder.mkdir(parents=True, exist_ok=True)

    partial_folder = parent_folder / f".{Path(place).name}.partial"
    shutil.rmtree(partial_folder, ignore_errors=True)
    partial_folder.mkdir()
    try:
        yield partial_folder
        if is_remote(place):
            _upload(partial_folder, str(place))
        else:
            _move(partial_folder, Path(place))
    finally:
        shutil.rmtree(partial_folder, ignore_errors=True)
        if is_remote(place):
            parent_folder.rmdir()


def _move(source: Path, target: Path) -> None:
    """Replace a folder by another one."""
    replaced_folder = target.with_name(f".{target.name}.old")
    shutil.rmtree(replaced_folder, ignore_errors=True)
    if target.exists():
        target.rename(replaced_folder)
    source.rename(target)
    shutil.rmtree(replaced_folder, ignore_errors=True)


def _upload(source: Path, place: str) -> None:
    """Make a remote place hold exactly the files of a folder."""
    bucket, key_prefix = _split(place)
    path_of_key = {}
    for source_file in source.rglob("*"):
        if source_file.is_file():
            path_of_key[
                f"{key_prefix}/{source_file.relative_to(source).as_posix()}"
            ] = source_file
    stale_keys = sorted(_etags(place).keys() - path_of_key.keys())

    with _s3_errors(place):
        client = _client()
        # Without its manifest an output does not exist: it goes first and comes last.
        manifest_key = f"{key_prefix}/{MANIFEST}"
        for key in (manifest_key, *stale_keys):
            client.delete_object(Bucket=bucket, Key=key)
        for key in sorted(path_of_key, key=lambda key: key == manifest_key):
            client.upload_file(str(path_of_key[key]), bucket, key)


def delete(place: str) -> None:
    """Delete everything at or under a place.

    Args:
        place: a local path, or ``s3://bucket/key``.

    Raises:
        UnavailableError: the store does not answer.
    """
    if is_remote(place):
        bucket, _ = _split(place)
        stored_keys = sorted(_etags(place))
        with _s3_errors(place):
            client = _client()
            for key in stored_keys:
                client.delete_object(Bucket=bucket, Key=key)
    elif Path(place).is_file():
        Path(place).unlink()
    else:
        shutil.rmtree(place, ignore_errors=True)
