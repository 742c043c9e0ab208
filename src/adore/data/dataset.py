"""``dataset.yaml``: what a shop says of its own files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from adore.data.actions import ACTIONS, IGNORE
from adore.errors import ConfigError, MissingError, check
from adore.rulebook import RuleBook, find_book
from adore.types import LABELS, Grade

__all__ = ["UNRATED", "DatasetInfo", "find_dataset_rulebook", "read_dataset_info"]

UNRATED = "unrated"
"""What a label may be mapped to that is no grade: the judge did not say."""


class DatasetInfo(BaseModel):
    """The optional ``dataset.yaml`` of an input folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = ""
    files: dict[str, str] = {}
    """Table to the file that holds it, where its name does not tell."""
    preset: dict[str, str] = {}
    """Table to the preset that reads it, or ``none``; else it is recognised by its columns."""
    columns: dict[str, dict[str, str]] = {}
    """Table to a map from our column (or an attribute's new name) to the file's."""
    encoding: str = ""
    """Of text files that are not UTF-8; empty: detected."""
    labels: dict[str, int | None] = {}
    """The shop's label to grade 0-3; None: unrated."""
    thresholds: list[float] = []
    """For ratings on a continuous scale: the three ratings from which on a pair is C, S and E."""
    judges: Literal["", "majority", "median"] = ""
    """How several judgements of one pair become one; empty: they must agree."""
    first_position: Literal["", "0", "1"] = ""
    """Of a list in the events; empty: recognised."""
    rulebook: str = "general"
    """One of ours by name, or a ``.yaml`` file of the folder."""
    attributes: list[str] = []
    """Item columns that are attributes; empty: every unknown column."""
    language: str = ""
    """Of the texts, as ISO 639-1 says it (de, en, ...); empty: told by titles and queries."""
    actions: dict[str, str] = {}
    """The shop's action name to one of ours, or ``ignore``.

    It goes over :data:`adore.data.actions.ALIASES`."""
    simulated: bool = False
    """True if the shop itself is simulated (the demo)."""


def _grade_of(value: object) -> int | str | None:
    """A grade as people write it: 3, E, exact, or unrated; anything else as it is."""
    text = str(value).strip()
    if text.lower() in (UNRATED, "", "null", "~", "none"):
        return None
    if text.upper() in LABELS:
        return int(LABELS[text.upper()])
    if text.upper() in Grade.__members__:
        return int(Grade[text.upper()])
    return int(text) if text.isdecimal() and text.isascii() else text


def _raw(path: Path) -> dict[str, Any]:
    """The file as it is written.

    YAML's own reading of ``yes``, ``100.000`` or ``012`` is not what its writer meant.
    """
    raw = (
        yaml.load(path.read_text("utf-8-sig"), Loader=yaml.BaseLoader)
        if path.is_file()
        else {}
    )
    if not isinstance(raw, dict):
        return dict(raw) if raw else {}
    if isinstance(raw.get("labels"), dict):
        raw["labels"] = {
            label: _grade_of(grade) for label, grade in raw["labels"].items()
        }
    return {name: value for name, value in raw.items() if value != ""}


def read_dataset_info(data: Path) -> DatasetInfo:
    """What ``dataset.yaml`` of a folder says; defaults where there is none.

    Raises:
        ConfigError: it is no mapping, or has an unknown key or value.
    """
    path = data / "dataset.yaml"
    try:
        info = DatasetInfo(**_raw(path))
    except (
        ValidationError,
        yaml.YAMLError,
        UnicodeDecodeError,
        TypeError,
        ValueError,
    ) as error:
        raise ConfigError(
            f"dataset.yaml == {str(path)!r}, must be a mapping with known keys; {error}"
        ) from error
    bad = {
        label: grade
        for label, grade in info.labels.items()
        if grade is not None and grade not in range(4)
    }
    check(
        not bad,
        "dataset.yaml labels",
        bad,
        must="grades 0-3 or unrated",
        fix="map every label to one of them",
    )
    wrong = {
        name: action
        for name, action in info.actions.items()
        if action not in (*ACTIONS, IGNORE)
    }
    check(
        not wrong,
        "dataset.yaml actions",
        wrong,
        must=f"one of {ACTIONS} or ignore",
        fix="map them",
    )
    rising = info.thresholds == sorted(set(info.thresholds)) and len(
        info.thresholds
    ) in (0, 3)
    check(
        rising,
        "dataset.yaml thresholds",
        info.thresholds,
        must="three rising numbers",
        fix="say where C, S, E begin",
    )
    return info if info.name else info.model_copy(update={"name": data.resolve().name})


def find_dataset_rulebook(data: Path, info: DatasetInfo) -> Path:
    """The file of the rule book: one of ours by name, or one in the input folder.

    The bytes of a book in the folder are this step's input.

    Args:
        data: the input folder.
        info: what ``dataset.yaml`` says; its ``rulebook`` is a name, or a path in the folder.

    Raises:
        MissingError: there is none.
        ConfigError: it cannot be used.
    """
    name = Path(info.rulebook)
    if name.suffix:
        inside = (
            not name.is_absolute()
            and ".." not in name.parts
            and (data / name).is_file()
        )
        fix = "copy it there and name it by its path in the folder, as in mine.yaml"
        check(
            inside,
            "dataset.yaml rulebook",
            info.rulebook,
            must=f"a file in {data}",
            fix=fix,
            error=MissingError,
        )
    path = data / name if name.suffix else find_book(info.rulebook)
    RuleBook.load(str(path))  # now, not when somebody judges by it
    return path
