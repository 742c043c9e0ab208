"""Load any ranker from its folder, and write the folders of baselines.

Importing this module registers the kinds that come with ADORE.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from adore.errors import check
from adore.student import baselines, student_ranker
from adore.student.known import save_items
from adore.student.ranker_kinds import (
    RANKERS,
    BaselineSource,
    Ranker,
    RankerFolder,
    RankerKind,
    baseline_kinds,
)
from adore.student.student_ranker import Student
from adore.types import Item

__all__ = [
    "BUILT_IN",
    "RANKERS",
    "BaselineSource",
    "Ranker",
    "RankerFolder",
    "RankerKind",
    "Student",
    "baseline_kinds",
    "load_ranker",
    "save_baseline",
]

BUILT_IN = (student_ranker, baselines)
"""Modules that register ranker kinds when they are imported."""


def save_baseline(
    kind: str,
    items: Sequence[Item],
    folder: Path,
    *,
    encoder: Path | None = None,
    language: str = "en",
) -> None:
    """Write a baseline's folder.

    Args:
        kind: one of :func:`baseline_kinds`.
        items: the catalogue, for BM25's word statistics and for items that are sent by
            their id alone.
        folder: an existing folder, without a ranker.
        encoder: a student's folder: its encoder is the backbone without further
            training, and so the baseline's too.
        language: code of the catalogue's pack.

    Raises:
        ConfigError: no baseline is of this kind.
        MissingError: the kind needs an encoder, and none is given.
    """
    from adore.student.export import seal

    known = baseline_kinds()
    check(
        kind in known,
        "baseline",
        kind,
        must=f"one of {known}",
        fix="use one of them",
    )
    write = RANKERS[kind].write
    if write is not None:
        write(BaselineSource(items, language, encoder), folder)
    save_items(items, folder)
    seal(folder, {"kind": kind, "name": kind})


def load_ranker(folder: Path, *, threads: int = 2) -> Ranker:
    """Load the ranker of a folder, whatever its kind.

    Args:
        folder: of a student, a variant or a baseline.
        threads: CPU threads.

    Returns:
        The ranker, ready.

    Raises:
        MissingError: there is no ``card.json``, or a file of the ranker is not there.
        DataError: the card is not whole.
        ConfigError: its kind is unknown.
    """
    opened = RankerFolder.open(folder, threads=threads)
    return RANKERS[opened.kind].load(opened)
