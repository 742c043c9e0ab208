"""One entry of a shop's registry: a JSON file that is written once and never changed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from adore.errors import DataError, check

__all__ = ["REGISTRY", "Action", "Document", "Entry", "Kind", "Status", "read_entry"]

REGISTRY = "registry"
"""Folder of a shop's place with one file for each entry."""
Document = dict[str, Any]
"""A JSON object."""


class Kind(StrEnum):
    """What an entry is about."""

    STARTED = "round-started"
    ENDED = "round-ended"
    DECISION = "decision"


class Status(StrEnum):
    """How a round ended."""

    PASSED = "passed"
    """Its student passed the gate and was released."""
    REFUSED = "refused"
    """The gate refused its student: nothing was released."""
    UNCHANGED = "unchanged"
    """Nothing was new: it stopped after ``prepare``."""


class Action(StrEnum):
    """What was decided about who serves."""

    PROMOTE = "promote"
    """The challenger of the round is the champion from now on."""
    HOLD = "hold"
    """The experiment showed nothing; the champion stays."""
    ROLL_BACK = "rollback"
    """The challenger made something worse; the champion stays."""
    SET = "set"
    """A ranker is the champion without an experiment."""


FIELDS = {
    Kind.STARTED: ("round", "run", "data", "profile", "seed", "base", "values"),
    Kind.ENDED: ("round", "status"),
    Kind.DECISION: ("round", "action", "by", "champion"),
}
"""What an entry of each kind must have."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry.

    Attributes:
        number: its place in the registry, from 1.
        time: when it was written, UTC, as ISO 8601.
        kind: what it is about.
        round: number of the round; 0: of none.
        details: all other fields.
    """

    number: int
    time: str
    kind: Kind
    round: int
    details: Document

    @property
    def file_name(self) -> str:
        """Name of its file."""
        return f"{self.number:06d}.json"

    def to_json(self) -> Document:
        """The entry as its file has it."""
        return {
            "number": self.number,
            "time": self.time,
            "kind": self.kind.value,
            "round": self.round,
            **self.details,
        }


def read_entry(path: Path, place: str, number: int) -> Entry:
    """Read one entry.

    Args:
        path: a local copy of its file.
        place: where the file lies, for an error's text.
        number: what its number must be.

    Returns:
        The entry.

    Raises:
        DataError: it cannot be read, or it is not of this registry; the text names the file.
    """
    fix = "restore the file, or update ADORE if a newer version wrote it"
    try:
        document = dict(json.loads(path.read_text("utf-8")))
        kind = Kind(document["kind"])
        entry = Entry(
            number=int(document.pop("number")),
            time=str(document.pop("time")),
            kind=Kind(document.pop("kind")),
            round=int(document.pop("round")),
            details=document,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"registry entry == {place!r}, must be an entry of a known kind; "
            f"{fix} ({type(error).__name__}: {error})"
        ) from error
    missing = [name for name in FIELDS[kind] if name not in entry.to_json()]
    check(
        entry.number == number and not missing,
        "registry entry",
        place,
        must=f"number {number} with every field (missing: {missing or 'none'})",
        fix=fix,
        error=DataError,
    )
    return entry
