"""Tables, manifests with content hashes, atomic writes and resume; local folders and S3.

A *place* is a local path or ``s3://bucket/key``. A stage's output is a folder of Parquet tables
plus ``manifest.json``; a folder without a manifest does not exist for any reader.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import inspect
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from types import ModuleType
from typing import Any

from adore import __version__
from adore.config import StageConfig, cache_root
from adore.errors import MissingError, UnavailableError, check
from adore.parquet import read_table, write_table
from adore.progress import say

__all__ = [
    "Manifest",
    "add_cost",
    "asked",
    "discard",
    "execute",
    "hash_tree",
    "is_remote",
    "join",
    "key_of",
    "local_copy",
    "open_output",
    "put_bytes",
    "put_file",
    "put_json",
    "read_manifest",
    "read_table",
    "unfinished",
    "write_json",
    "write_table",
]

MANIFEST = "manifest.json"
USERS = "data"  # the input that a person edits: a manifest in it may be of the folder that it was copied from
UNUSED = 7 * 86400.0
"""Seconds after which a download that nobody asked for again is removed."""
Inputs = Mapping[str, str | list[str]]
Asked = tuple[str, str, dict[str, Any], dict[str, str | list[str]]]
"""Stage, code, config and the inputs' content: what an output must answer."""


def write_json(value: object, path: Path) -> None:
    """Write JSON aside and rename, so that no reader ever sees half of it."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(value, indent=2, ensure_ascii=False, default=str), "utf-8")
    partial.replace(path)


# ---------------------------------------------------------------- places


def is_remote(place: str | Path) -> bool:
    """True for ``s3://…``."""
    return str(place).startswith("s3://")


def join(place: str, *parts: str) -> str:
    """Append path parts to a place."""
    check(bool(place), "place", place, must="a folder or s3://…", fix="give one (make serve: there is no run yet)")
    return "/".join([str(place).rstrip("/"), *parts])


def _client() -> Any:
    import boto3

    return boto3.client("s3")  # endpoint from AWS_ENDPOINT_URL(_S3), credentials from the usual chain


@contextmanager
def _s3_errors(place: str) -> Iterator[None]:
    from boto3.exceptions import Boto3Error  # upload_file raises its own
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError) as error:
        fix = "check AWS_ENDPOINT_URL, credentials and bucket"
        raise UnavailableError(f"place == {place!r}, must be reachable; {fix} ({error})") from error


def _split(place: str) -> tuple[str, str]:
    bucket, _, key = place.removeprefix("s3://").partition("/")
    return bucket, key


def _keys(place: str) -> dict[str, str]:
    """Every key at or under a place, with its ETag; not the empty objects that consoles leave for folders."""
    bucket, prefix = _split(place)
    with _s3_errors(place):
        pages = _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        found = {o["Key"]: o["ETag"] for page in pages for o in page.get("Contents", ())}
    return {k: tag for k, tag in found.items() if f"{k}/".startswith(f"{prefix.rstrip('/')}/") and not k.endswith("/")}


def _cache(place: str, keys: Mapping[str, str]) -> Path:
    """Where a download lies: a folder of its own for every version, so that no reader loses files under its hands."""
    version = hashlib.sha256(json.dumps([place, sorted(keys.items())]).encode()).hexdigest()[:16]
    return cache_root() / "downloads" / version / Path(place).name


def local_copy(place: str | Path, *, only: Sequence[str] = ("*",)) -> Path:
    """A local path with the place's files: the place itself, or a download of its present version.

    Args:
        only: patterns of the files in it to download; ``*`` stands for slashes, too.

    Raises:
        MissingError: nothing is there.
        UnavailableError: the store does not answer.
    """
    if not is_remote(place):
        check(Path(place).exists(), "place", str(place), must="there", fix="check the path", error=MissingError)
        return Path(place)
    place = str(place)
    bucket, prefix = _split(place)
    keys = {k: t for k, t in _keys(place).items() if any(fnmatch(k[len(prefix) :].lstrip("/"), o) for o in only)}
    check(bool(keys), "place", place, must="one with objects", fix="check bucket and key", error=MissingError)
    target = _cache(place, keys)
    if target.exists():
        os.utime(target.parent)
        return target
    target.parent.parent.mkdir(parents=True, exist_ok=True)
    for version in target.parent.parent.iterdir():
        with suppress(OSError):  # another process was first
            if time.time() - version.stat().st_mtime > UNUSED:
                shutil.rmtree(version)
    aside = Path(tempfile.mkdtemp(prefix=".partial-", dir=target.parent.parent))
    try:
        with _s3_errors(place):
            paths = {k: aside / target.name / k[len(prefix) :].lstrip("/") for k in keys}
            for path in paths.values():
                path.parent.mkdir(parents=True, exist_ok=True)
            client = _client()
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda key: client.download_file(bucket, key, str(paths[key])), paths))
        with suppress(OSError):  # another process was first with the same version
            aside.rename(target.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return target


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
    files = sorted((p for p in source.rglob("*") if p.is_file()), key=lambda p: p.name == MANIFEST)
    keys = {f"{prefix}/{path.relative_to(source).as_posix()}": path for path in files}
    stale = sorted(_keys(place).keys() - keys.keys())
    with _s3_errors(place):
        client = _client()
        for key in (f"{prefix}/{MANIFEST}", *stale):
            client.delete_object(Bucket=bucket, Key=key)
        for key, path in keys.items():
            client.upload_file(str(path), bucket, key)


def put_file(path: Path, place: str) -> None:
    """Copy one local file to a place (nothing to do if it lies there already)."""
    if is_remote(place):
        with _s3_errors(place):
            _client().upload_file(str(path), *_split(place))
    elif path.resolve() != Path(place).resolve():
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def put_bytes(data: bytes, place: str) -> None:
    """Write a small file to a place, whole or not at all."""
    home = Path(tempfile.mkdtemp(prefix="adore-")) if is_remote(place) else Path(place).parent
    home.mkdir(parents=True, exist_ok=True)
    aside = home / f".{Path(place).name}.{os.getpid()}"
    aside.write_bytes(data)
    if is_remote(place):
        put_file(aside, place)
        shutil.rmtree(home)
    else:
        aside.replace(place)


def discard(place: str) -> None:
    """Delete all that lies at or under a place."""
    if not is_remote(place):
        Path(place).unlink() if Path(place).is_file() else shutil.rmtree(place, ignore_errors=True)
        return
    with _s3_errors(place):
        for key in _keys(place):
            _client().delete_object(Bucket=_split(place)[0], Key=key)


def put_json(value: object, place: str) -> None:
    """Write a small JSON file to a place, whole or not at all."""
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / Path(place).name if is_remote(place) else Path(place)
        write_json(value, path)
        put_file(path, place)


@contextmanager
def open_output(place: str | Path) -> Iterator[Path]:
    """A fresh local folder that becomes ``place`` when the block ends well, and vanishes otherwise."""
    home = Path(tempfile.mkdtemp(prefix="adore-")) if is_remote(place) else Path(place).parent
    home.mkdir(parents=True, exist_ok=True)
    aside = home / f".{Path(place).name}.partial"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    try:
        yield aside
        _publish(aside, str(place))
    finally:
        shutil.rmtree(home if is_remote(place) else aside, ignore_errors=True)


# ---------------------------------------------------------------- manifests


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a stage did: written last, read by resume, by the report and by ``adore explain``."""

    stage: str
    version: str
    code: str
    config: dict[str, Any]
    inputs: dict[str, str | list[str]]
    """Content hash of each input."""
    sources: dict[str, str | list[str]]
    """Where each input lay."""
    content: str
    """Hash of every file written."""
    rows: dict[str, int]
    quarantine: dict[str, int]
    seconds: float
    cost: float
    metrics: dict[str, float] = field(default_factory=dict)

    def answers(self, call: Asked) -> bool:
        """True if this output is what the given call would make again."""
        return (self.stage, self.code, self.config, self.inputs) == call


def read_manifest(place: str | Path) -> Manifest | None:
    """The manifest of a stage's output, or None if the output is not whole."""
    try:
        return Manifest(**json.loads(local_copy(join(str(place), MANIFEST)).read_text("utf-8")))
    except (MissingError, ValueError, TypeError):  # none, cut short, or of another version: the stage runs again
        return None


def hash_tree(path: Path) -> str:
    """SHA-256 over the names and bytes of a file or of every file in a folder.

    Files that begin with ``_`` tell of one execution (what came from a cache, say) and do not count.
    """
    digest = hashlib.sha256()
    found = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    files = [p for p in found if p == path or (p.name != MANIFEST and not p.name.startswith("_"))]
    for file in files:
        digest.update(f"{file.relative_to(path) if file != path else file.name}\0".encode())
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _content(place: str) -> str:
    """An input's hash: from its manifest if a stage wrote it, else from its bytes."""
    manifest = read_manifest(place)
    return manifest.content if manifest else hash_tree(local_copy(place))


def _map(inputs: Inputs, call: Callable[[str], Any]) -> dict[str, Any]:
    return {k: [call(one) for one in v] if isinstance(v, list) else call(v) for k, v in inputs.items()}


# ---------------------------------------------------------------- stages

_cost: ContextVar[list[float] | None] = ContextVar("cost", default=None)
_unfinished: ContextVar[str] = ContextVar("unfinished", default="")


def add_cost(dollars: float) -> None:
    """Charge the running stage's manifest (paid teachers call this)."""
    if (costs := _cost.get()) is not None:
        costs.append(dollars)


def _code(module: ModuleType) -> str:
    """Version plus a hash of the stage's room and of what all rooms share: editing it runs the stage again."""
    room = Path(inspect.getfile(module)).parent
    digest = hashlib.sha256()
    shared = room.parent.glob("*.py"), room.parent.glob("rulebooks/*.yaml")
    for path in (p for found in (room.rglob("*.py"), *shared, room.rglob("*.j2")) for p in sorted(found)):
        digest.update(path.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:12]}"


def _rows(folder: Path) -> dict[str, int]:
    import pyarrow.parquet as pq

    return {p.stem: pq.read_metadata(p).num_rows for p in sorted(folder.glob("*.parquet"))}


def _quarantine(folder: Path) -> dict[str, int]:
    if not (folder / "quarantine.parquet").is_file():
        return {}
    counts = read_table(folder, "quarantine").group_by("reason").len().sort("reason")
    return {str(reason): int(n) for reason, n in counts.iter_rows()}


def asked(module: ModuleType, stage: str, config: StageConfig, inputs: Inputs) -> Asked:
    """The call as a manifest keeps it; arguments as for :func:`execute`."""
    users = {k: hash_tree(local_copy(str(v))) for k, v in inputs.items() if k == USERS}
    content = _map({k: v for k, v in inputs.items() if k != USERS}, _content) | users
    return stage, _code(module), json.loads(config.model_dump_json()), content


def key_of(call: Asked, output: str) -> str:
    """A short name of a call and its place, the same for the same content."""
    return hashlib.sha256(json.dumps([call, output], sort_keys=True).encode()).hexdigest()[:12]


def unfinished() -> str:
    """The place where the running stage may keep what a later start of the same call goes on from."""
    return _unfinished.get()


def execute(module: ModuleType, stage: str, config: StageConfig, inputs: Inputs, output: str) -> Manifest:
    """Run a stage unless its output already answers the same call.

    Args:
        module: has ``run(config, **inputs, output) -> dict[str, float]``; each input arrives as a
            ``Path`` (or a list of them), ``output`` as a fresh local folder.
        stage: the stage's name, written to the manifest and the log.
        inputs: places by argument name.
        output: the place to write to.
    """
    begun = time.perf_counter()
    call = asked(module, stage, config, inputs)
    found = read_manifest(output)
    if found and found.answers(call):
        say(f"{stage:<17} kept")
        return found
    say(f"{stage:<17} runs")
    costs: list[float] = []
    token = _cost.set(costs)
    place = join(output.rstrip("/").rpartition("/")[0] or ".", f".unfinished-{key_of(call, output)}")
    begun_at = _unfinished.set(place)
    try:
        with open_output(output) as folder:
            metrics = module.run(config, **_map(inputs, local_copy), output=folder)
            manifest = Manifest(
                stage=stage,
                version=__version__,
                code=call[1],
                config=call[2],
                inputs=call[3],
                sources=_map(inputs, str),
                content=hash_tree(folder),
                rows=_rows(folder),
                quarantine=_quarantine(folder),
                seconds=round(time.perf_counter() - begun, 3),
                cost=sum(costs),
                metrics={k: float(v) for k, v in metrics.items()},
            )
            write_json(asdict(manifest), folder / MANIFEST)
    finally:
        _cost.reset(token)
        _unfinished.reset(begun_at)
    discard(place)
    say(f"{stage:<17} done   {manifest.seconds:6.1f} s")
    return manifest
