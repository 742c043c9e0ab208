"""Tables, manifests with content hashes, and resume.

A *place* is a local path or ``s3://bucket/key``. A stage's output is a folder of Parquet tables
plus ``manifest.json``; a folder without a manifest does not exist for any reader.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from adore import __version__
from adore.code_hash import code_hash
from adore.config import StageConfig
from adore.errors import MissingError
from adore.parquet import read_table, write_table
from adore.progress import log_line
from adore.storage import MANIFEST, delete, join, local_copy, open_output, write_json

__all__ = [
    "Manifest",
    "add_cost",
    "execute",
    "fingerprint",
    "hash_tree",
    "key_of",
    "read_manifest",
    "read_table",
    "resume_dir",
    "write_table",
]

USER_INPUT = "data"
"""The input that a person edits: a manifest in it may be of the folder it was copied from."""
Inputs = Mapping[str, str | list[str]]
Fingerprint = tuple[str, str, dict[str, Any], dict[str, str | list[str]]]
"""Stage, code, config and the inputs' content: what an output must answer."""


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

    def matches(self, call: Fingerprint) -> bool:
        """True if this output is what the given call would make again."""
        return (self.stage, self.code, self.config, self.inputs) == call


def read_manifest(place: str | Path) -> Manifest | None:
    """The manifest of a stage's output, or None if the output is not whole."""
    try:
        return Manifest(
            **json.loads(local_copy(join(str(place), MANIFEST)).read_text("utf-8"))
        )
    except (
        MissingError,
        ValueError,
        TypeError,
    ):  # none, cut short, or of another version: the stage runs again
        return None


def hash_tree(path: Path) -> str:
    """SHA-256 over the names and bytes of a file or of every file in a folder.

    Files that begin with ``_`` tell of one execution (what came from a cache, say) and do not
    count.
    """
    files = [path]
    if not path.is_file():
        found = [file for file in path.rglob("*") if file.is_file()]
        files = [
            file
            for file in sorted(found)
            if file.name != MANIFEST and not file.name.startswith("_")
        ]
    digest = hashlib.sha256()
    for file in files:
        name = file.relative_to(path) if file != path else file.name
        digest.update(f"{name}\0".encode())
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _content(place: str) -> str:
    """An input's hash: from its manifest if a stage wrote it, else from its bytes."""
    manifest = read_manifest(place)
    return manifest.content if manifest else hash_tree(local_copy(place))


def _map(inputs: Inputs, call: Callable[[str], Any]) -> dict[str, Any]:
    """Every place of the inputs through a function; lists stay lists."""
    mapped: dict[str, Any] = {}
    for name, places in inputs.items():
        if isinstance(places, list):
            mapped[name] = [call(place) for place in places]
        else:
            mapped[name] = call(places)
    return mapped


# ---------------------------------------------------------------- stages

_cost: ContextVar[list[float] | None] = ContextVar("cost", default=None)
_resume_dir: ContextVar[str] = ContextVar("resume_dir", default="")


def add_cost(dollars: float) -> None:
    """Charge the running stage's manifest (paid teachers call this)."""
    costs = _cost.get()
    if costs is not None:
        costs.append(dollars)


def _rows(folder: Path) -> dict[str, int]:
    """How many rows each table of a folder has."""
    import pyarrow.parquet as pq

    counts = {}
    for path in sorted(folder.glob("*.parquet")):
        counts[path.stem] = pq.read_metadata(path).num_rows
    return counts


def _quarantine(folder: Path) -> dict[str, int]:
    if not (folder / "quarantine.parquet").is_file():
        return {}
    rows = read_table(folder, "quarantine")
    by_reason = rows.group_by("reason").len().sort("reason")

    counts = {}
    for reason, count in by_reason.iter_rows():
        counts[str(reason)] = int(count)
    return counts


def fingerprint(
    module: ModuleType, stage: str, config: StageConfig, inputs: Inputs
) -> Fingerprint:
    """The call as a manifest keeps it.

    Args:
        module: the stage's module, whose code is hashed.
        stage: the stage's name.
        config: its settings.
        inputs: places by argument name; their content is hashed.
    """
    users = dict[str, str]()
    made = dict[str, str | list[str]]()
    for name, place in inputs.items():
        if name == USER_INPUT:
            users[name] = hash_tree(local_copy(str(place)))
        else:
            made[name] = place
    content = _map(made, _content) | users

    settings = json.loads(config.model_dump_json())
    return stage, code_hash(module), settings, content


def key_of(call: Fingerprint, output: str) -> str:
    """A short name of a call and its place, the same for the same content.

    Args:
        call: what :func:`fingerprint` returns.
        output: the place to write to.
    """
    text = json.dumps([call, output], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def resume_dir() -> str:
    """Where the running stage may keep what a later start of the same call goes on from."""
    return _resume_dir.get()


def execute(
    module: ModuleType, stage: str, config: StageConfig, inputs: Inputs, output: str
) -> Manifest:
    """Run a stage unless its output already answers the same call.

    Args:
        module: has ``run(config, **inputs, output) -> dict[str, float]``; each input arrives as a
            ``Path`` (or a list of them), ``output`` as a fresh local folder.
        stage: the stage's name, written to the manifest and the log.
        config: its settings.
        inputs: places by argument name.
        output: the place to write to.
    """
    begun = time.perf_counter()
    call = fingerprint(module, stage, config, inputs)
    found = read_manifest(output)
    if found and found.matches(call):
        log_line(f"{stage:<17} kept")
        return found
    log_line(f"{stage:<17} runs")
    costs: list[float] = []
    token = _cost.set(costs)
    beside = output.rstrip("/").rpartition("/")[0] or "."
    place = join(beside, f".unfinished-{key_of(call, output)}")
    begun_at = _resume_dir.set(place)
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
        _resume_dir.reset(begun_at)
    delete(place)
    log_line(f"{stage:<17} done   {manifest.seconds:6.1f} s")
    return manifest
