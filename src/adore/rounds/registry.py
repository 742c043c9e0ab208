"""A shop's registry: entries that are only ever added, by one of several writers at a time.

Each entry is a file of its own. A writer creates the file after the last one that it has read; if
another one was faster it reads again, and decides again.
"""

from __future__ import annotations

import itertools
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from adore.errors import ConfigError, DataError, MissingError, check
from adore.rounds.entries import REGISTRY, Document, Entry, Kind, read_entry
from adore.rounds.state import State, fold
from adore.storage import create_file, delete, join, local_copy

__all__ = ["Draft", "append", "read_entries", "read_state"]

LONGEST_WAIT = 0.2
"""Seconds before an entry is tried again after another writer was faster, at most."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry that has no number yet.

    Attributes:
        kind: what it is about.
        round: number of the round; 0: of none.
        details: all other fields.
    """

    kind: Kind
    round: int
    details: Document


def read_entries(shop: str) -> list[Entry]:
    """Read every entry of a shop's registry.

    Args:
        shop: the shop's place.

    Returns:
        The entries, in order; none if the shop has no registry yet.

    Raises:
        DataError: an entry is missing, damaged or of an unknown kind; the text names the file.
        UnavailableError: the store does not answer.
    """
    registry = join(shop, REGISTRY)
    try:
        folder = local_copy(registry, only=("*.json",))
    except MissingError:
        return []
    entries = []
    # What a killed writer left begins with a dot.
    for number, entry_file in enumerate(sorted(folder.glob("[0-9]*.json")), 1):
        expected = f"{number:06d}.json"
        check(
            entry_file.name == expected,
            "registry entry",
            join(registry, expected),
            must="there, since later ones are",
            fix="restore the file",
            error=DataError,
        )
        entries.append(read_entry(entry_file, join(registry, expected), number))
    return entries


def read_state(shop: str) -> State:
    """Read what is in force in a shop.

    Args:
        shop: the shop's place.

    Returns:
        The state; that of a new shop if there is no registry yet.

    Raises:
        DataError: an entry is missing, damaged or of an unknown kind; the text names the file.
        UnavailableError: the store does not answer.
    """
    return fold(read_entries(shop))


def append(shop: str, choose: Callable[[State], Draft | None]) -> State:
    """Add an entry, decided on the newest state.

    Args:
        shop: the shop's place.
        choose: says what to add to a state, or None; it is called again whenever another writer
            was faster.

    Returns:
        The state with the entry.

    Raises:
        ConfigError: the store lets a file be created twice.
        DataError: the registry cannot be read.
        UnavailableError: the store does not answer.
    """
    entries = read_entries(shop)
    while True:
        draft = choose(fold(entries))
        if draft is None:
            return fold(entries)
        current_time = datetime.now(UTC).isoformat(timespec="seconds")
        entry = Entry(
            number=len(entries) + 1,
            time=current_time,
            kind=draft.kind,
            round=draft.round,
            details=draft.details,
        )
        if _create(shop, entry):
            return fold([*entries, entry])
        wait_seconds = random.uniform(0, LONGEST_WAIT)
        time.sleep(wait_seconds)
        entries += _read_further(shop, len(entries))


def _read_further(shop: str, known: int) -> list[Entry]:
    """Read the entries after those that are known."""
    further_entries = []
    for number in itertools.count(known + 1):
        place = join(shop, REGISTRY, f"{number:06d}.json")
        try:
            entry_file = local_copy(place)
        except MissingError:
            break
        further_entries.append(read_entry(entry_file, place, number))
    return further_entries


def _create(shop: str, entry: Entry) -> bool:
    """Write an entry's file; return False if there is one of its number already."""
    entry_json = json.dumps(entry.to_json(), indent=2, ensure_ascii=False)
    content = entry_json.encode()
    place = join(shop, REGISTRY, entry.file_name)
    is_created = create_file(content, place)
    # A store that does not know conditional writes would let two writers overwrite each other.
    if is_created and entry.number == 1 and create_file(content, place):
        delete(place)
        raise ConfigError(
            f"shop == {shop!r}, must be at a store that refuses to create a file twice "
            "(S3: If-None-Match); use another store, or a folder"
        )
    return is_created
