"""Tables, manifests with content hashes, and resume.

A *place* is a local path or ``s3://bucket/key``. A stage's output is a folder of Parquet tables
plus ``manifest.json``; a folder without a manifest does not exist for any reader.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from adore import __version__
from adore.code_hash import code_hash
from adore.config import StageConfig
from adore.errors import MissingError, check
from adore.parquet import read_shards, read_table, write_table
from adore.progress import log_line
from adore.storage import MANIFEST, delete, join, local_copy, open_output, write_json

__all__ = [
    "Fingerprint",
    "Manifest",
    "add_cost",
    "execute",
    "fingerprint",
    "hash_tree",
    "kept_output",
    "key_of",
    "local_copies",
    "read_manifest",
    "read_shards",
    "read_table",
    "resume_dir",
    "same_content",
    "write_table",
]

SHOP_FILES = (
    "items.parquet",
    "queries.parquet",
    "judgements.parquet",
    "votes.parquet",
    "truth.parquet",
    "events.parquet",
    "rulebook.yaml",
    "dataset.json",
)
"""Files of a prepared shop that decide what a run makes of it."""
USER_INPUT = "data"
"""The input that a user edits: a manifest in it may belong to the folder it was copied from."""
Inputs = Mapping[str, str | list[str]]
"""Places by argument name; a list where a step has shards."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a stage's output depends on: the same fingerprint makes the same output."""

    stage: str
    code: str
    """Hash of the code that the stage imports."""
    config: dict[str, Any]
    inputs: dict[str, str | list[str]]
    """Content hash of each input."""


# ---------------------------------------------------------------- manifests


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a stage did. It is written last; resume, the report and ``adore explain`` read it."""

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
        """Return whether this output is what the call would make again."""
        made_from = Fingerprint(
            stage=self.stage, code=self.code, config=self.config, inputs=self.inputs
        )
        return call == made_from


def read_manifest(place: str | Path) -> Manifest | None:
    """Read the manifest of a stage's output.

    Args:
        place: the output's folder, or its address.

    Returns:
        The manifest; None if the output is not whole.

    Raises:
        UnavailableError: the store does not answer.
    """
    try:
        manifest_file = local_copy(join(str(place), MANIFEST))
        return Manifest(**json.loads(manifest_file.read_text("utf-8")))
    except (MissingError, ValueError, TypeError):
        # There is none, it is cut short, or it is of another version: the stage runs again.
        return None


def hash_tree(path: Path) -> str:
    """Compute SHA-256 over the names and bytes of a file or of every file in a folder.

    Files that begin with ``_`` describe one execution (what came from a cache, for example) and
    are left out.

    Returns:
        64 hexadecimal digits.
    """
    tree_digest = hashlib.sha256()
    if path.is_file():
        _hash_file(path, path.name, tree_digest)
        return tree_digest.hexdigest()
    for output_file in sorted(path.rglob("*")):
        is_private = output_file.name.startswith("_")
        if is_private or output_file.name == MANIFEST:
            continue
        if output_file.is_file():
            relative_name = str(output_file.relative_to(path))
            _hash_file(output_file, relative_name, tree_digest)
    return tree_digest.hexdigest()


def _hash_file(path: Path, name: str, digest: hashlib._Hash) -> None:
    digest.update(f"{name}\0".encode())
    with path.open("rb") as opened_file:
        file_digest = hashlib.file_digest(opened_file, "sha256")
    digest.update(file_digest.digest())


def _content(place: str) -> str:
    """Return an input's hash: from its manifest if a stage wrote it, else from its bytes."""
    manifest = read_manifest(place)
    # A stage's output is large and does not change: its hash is not computed again.
    if manifest:
        return manifest.content
    return hash_tree(local_copy(place))


def _map_places(inputs: Inputs, function: Callable[[str], T]) -> dict[str, T | list[T]]:
    """Apply a function to every place of the inputs; lists stay lists."""
    mapped_inputs: dict[str, T | list[T]] = {}
    for name, input_places in inputs.items():
        if isinstance(input_places, list):
            mapped_inputs[name] = [
                function(shard_place) for shard_place in input_places
            ]
        else:
            mapped_inputs[name] = function(input_places)
    return mapped_inputs


def local_copies(inputs: Inputs) -> dict[str, Any]:
    """Get a local path of every input.

    Args:
        inputs: places by argument name.

    Returns:
        A path by argument name, or a list of paths where the places are a list.

    Raises:
        MissingError: an input is not there.
        UnavailableError: the store does not answer.
    """
    return _map_places(inputs, local_copy)


def same_content(before: str, after: str) -> bool:
    """Tell whether two outputs of ``prepare`` hold the same shop.

    That is so where their items, queries, judgements and events, the rule book and what
    ``dataset.yaml`` says are equal. How they were read, and from where, may differ.

    Args:
        before: place of one output.
        after: place of another.

    Returns:
        Whether a run with one would end as a run with the other.

    Raises:
        MissingError: an output is not there.
        UnavailableError: the store does not answer.
    """
    return _shop_hashes(before) == _shop_hashes(after)


def _shop_hashes(place: str) -> dict[str, str]:
    """Content hash by name of the files of a prepared shop that decide what a run makes."""
    folder = local_copy(place, only=SHOP_FILES)
    hashes = {}
    for name in SHOP_FILES:
        if (folder / name).is_file():
            hashes[name] = hash_tree(folder / name)
    check(
        len(hashes) > 0,
        "place",
        place,
        must="a complete output of prepare",
        fix="run prepare",
        error=MissingError,
    )
    return hashes


# ---------------------------------------------------------------- stages

_cost: ContextVar[list[float] | None] = ContextVar("cost", default=None)
_resume_dir: ContextVar[str] = ContextVar("resume_dir", default="")


def add_cost(dollars: float) -> None:
    """Add dollars to the running stage's manifest; paid teachers call this."""
    running_costs = _cost.get()
    if running_costs is not None:
        running_costs.append(dollars)


def _rows(folder: Path) -> dict[str, int]:
    """Count the rows of each table of a folder."""
    import pyarrow.parquet as pq

    row_counts = {}
    for table_file in sorted(folder.glob("*.parquet")):
        row_counts[table_file.stem] = pq.read_metadata(table_file).num_rows
    return row_counts


def _quarantine(folder: Path) -> dict[str, int]:
    if not (folder / "quarantine.parquet").is_file():
        return {}
    quarantined_rows = read_table(folder, "quarantine")
    by_reason = quarantined_rows.group_by("reason").len().sort("reason")

    counts_by_reason = {}
    for reason, count in by_reason.iter_rows():
        counts_by_reason[str(reason)] = int(count)
    return counts_by_reason


def fingerprint(
    module: ModuleType,
    stage: str,
    config: StageConfig,
    inputs: Inputs,
    *,
    growing: Sequence[str] = (),
) -> Fingerprint:
    """Compute what the output of a call depends on.

    Args:
        module: the stage's module, whose code is hashed.
        stage: the stage's name.
        config: its settings.
        inputs: places by argument name; their content is hashed.
        growing: arguments whose places others go on writing to. The config says which of them,
            and what of them counts; only what a stage wrote there is hashed.

    Returns:
        The fingerprint, as a manifest keeps it.

    Raises:
        MissingError: an input is not there.
        UnavailableError: the store does not answer.
    """
    content_hashes = _map_places(_whole_inputs(inputs, growing), _content)
    # The user's folder is always read: its manifest says nothing about a later edit.
    if USER_INPUT in inputs:
        user_folder = local_copy(str(inputs[USER_INPUT]))
        content_hashes[USER_INPUT] = hash_tree(user_folder)

    settings = json.loads(config.model_dump_json())
    return Fingerprint(stage, code_hash(module), settings, content_hashes)


def _whole_inputs(inputs: Inputs, growing: Sequence[str]) -> Inputs:
    """The inputs that are whole: none that a user edits, and no place that grows."""
    whole_inputs: dict[str, str | list[str]] = {}
    for name, places in inputs.items():
        if name == USER_INPUT:
            continue
        if name not in growing:
            whole_inputs[name] = places
            continue
        listed_places = places if isinstance(places, list) else [places]
        made_places = [place for place in listed_places if read_manifest(place)]
        # A place that holds nothing yet is no input, so neither may one be that has filled.
        if made_places:
            whole_inputs[name] = made_places
    return whole_inputs


def key_of(call: Fingerprint, output: str) -> str:
    """Name a call and its place, the same for the same content.

    Args:
        call: what :func:`fingerprint` returns.
        output: the place to write to.

    Returns:
        Twelve hexadecimal digits.
    """
    call_parts = [call.stage, call.code, call.config, call.inputs]
    call_json = json.dumps([call_parts, output], sort_keys=True)
    call_bytes = call_json.encode()
    digest = hashlib.sha256(call_bytes).hexdigest()
    return digest[:12]


def kept_output(call: Fingerprint, output: str) -> Manifest | None:
    """Find the output that an earlier call of the same fingerprint made.

    Args:
        call: what :func:`fingerprint` returns.
        output: the place that would be written to.

    Returns:
        The output's manifest; None if the stage has to run.

    Raises:
        UnavailableError: the store does not answer.
    """
    manifest = read_manifest(output)
    if manifest and manifest.matches(call):
        return manifest
    return None


def resume_dir() -> str:
    """Return the place where the running stage keeps checkpoints; empty if no stage runs.

    A later start of the same call finds them there.

    Returns:
        A place, or an empty text.
    """
    return _resume_dir.get()


def execute(
    module: ModuleType,
    stage: str,
    config: StageConfig,
    inputs: Inputs,
    output: str,
    *,
    growing: Sequence[str] = (),
) -> Manifest:
    """Run a stage unless its output already matches the call.

    Args:
        module: has ``run(config, **inputs, output) -> dict[str, float]``; each input arrives as a
            ``Path`` (or a list of them), ``output`` as a fresh local folder.
        stage: the stage's name, written to the manifest and the log.
        config: its settings.
        inputs: places by argument name.
        output: the place to write to.
        growing: as :func:`fingerprint` takes it.

    Returns:
        The output's manifest.

    Raises:
        MissingError: an input is not there.
        UnavailableError: the store does not answer, or the disk is full.
    """
    start_time = time.perf_counter()
    wanted_fingerprint = fingerprint(module, stage, config, inputs, growing=growing)
    earlier_output = kept_output(wanted_fingerprint, output)
    if earlier_output:
        log_line(f"{stage:<17} kept")
        return earlier_output
    log_line(f"{stage:<17} runs")

    parent_place = output.rstrip("/").rpartition("/")[0] or "."
    checkpoints = join(
        parent_place, f".unfinished-{key_of(wanted_fingerprint, output)}"
    )
    running_costs: list[float] = []
    cost_token = _cost.set(running_costs)
    resume_token = _resume_dir.set(checkpoints)
    try:
        with open_output(output) as folder:
            metrics = module.run(config, **local_copies(inputs), output=folder)
            manifest = Manifest(
                stage=stage,
                version=__version__,
                code=wanted_fingerprint.code,
                config=wanted_fingerprint.config,
                inputs=wanted_fingerprint.inputs,
                sources=_map_places(inputs, str),
                content=hash_tree(folder),
                rows=_rows(folder),
                quarantine=_quarantine(folder),
                seconds=round(time.perf_counter() - start_time, 3),
                cost=sum(running_costs),
                metrics={name: float(value) for name, value in metrics.items()},
            )
            write_json(asdict(manifest), folder / MANIFEST)
    finally:
        _cost.reset(cost_token)
        _resume_dir.reset(resume_token)
    # Only after success: a failed stage continues from its checkpoints.
    delete(checkpoints)
    log_line(f"{stage:<17} done   {manifest.seconds:6.1f} s")
    return manifest
