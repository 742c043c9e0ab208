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
"""What a label may be mapped to that is no grade: the judge did not decide."""


class DatasetInfo(BaseModel):
    """The optional ``dataset.yaml`` of an input folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = ""
    files: dict[str, str] = {}
    """Table to the file that holds it, where its name does not tell."""
    preset: dict[str, str] = {}
    """Table to the preset that reads it, or ``none``; else it is detected by its columns."""
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
    """Number of a list's first position in the events; empty: detected."""
    rulebook: str = "general"
    """One of ours by name, or a ``.yaml`` file of the folder."""
    attributes: list[str] = []
    """Item columns that are attributes; empty: every unknown column."""
    language: str = ""
    """Of the texts, as an ISO 639-1 code (de, en, ...); empty: detected from titles and queries."""
    actions: dict[str, str] = {}
    """The shop's action name to one of ours, or ``ignore``.

    It takes precedence over :data:`adore.data.actions.ALIASES`."""
    simulated: bool = False
    """True if the shop itself is simulated (the demo)."""


def _parse_grade(value: object) -> int | str | None:
    """A grade as people write it: 3, E, exact, or unrated; anything else as it is."""
    grade_text = str(value).strip()
    if grade_text.lower() in (UNRATED, "", "null", "~", "none"):
        return None

    letter = grade_text.upper()
    if letter in LABELS:
        return int(LABELS[letter])
    if letter in Grade.__members__:
        return int(Grade[letter])
    if grade_text.isdecimal() and grade_text.isascii():
        return int(grade_text)
    return grade_text


def _read_mapping(yaml_path: Path) -> dict[str, object]:
    """The file as it is written."""
    # YAML's own reading of ``yes``, ``100.000`` or ``012`` is not what its writer meant.
    if not yaml_path.is_file():
        return {}
    written = yaml.load(yaml_path.read_text("utf-8-sig"), Loader=yaml.BaseLoader)
    if not written:
        return {}

    mapping = dict(written)
    labels = mapping.get("labels")
    if isinstance(labels, dict):
        mapping["labels"] = {
            label: _parse_grade(grade) for label, grade in labels.items()
        }
    return {yaml_key: value for yaml_key, value in mapping.items() if value != ""}


def read_dataset_info(data: Path) -> DatasetInfo:
    """Read ``dataset.yaml`` of a folder; defaults where there is none.

    Args:
        data: the folder.

    Returns:
        What it says, with the folder's name where it says none.

    Raises:
        ConfigError: it is no mapping, or has an unknown key or value.
    """
    yaml_path = data / "dataset.yaml"
    try:
        mapping: dict[str, Any] = _read_mapping(yaml_path)
        info = DatasetInfo(**mapping)
    except (
        ValidationError,
        yaml.YAMLError,
        UnicodeDecodeError,
        TypeError,
        ValueError,
    ) as error:
        raise ConfigError(
            f"dataset.yaml == {str(yaml_path)!r}, must be a mapping with known keys; {error}"
        ) from error

    _check_values(info)
    if info.name:
        return info
    return info.model_copy(update={"name": data.resolve().name})


def _check_values(info: DatasetInfo) -> None:
    """Refuse grades, actions and thresholds that do not exist."""
    unknown_grades = {}
    for label, grade in info.labels.items():
        if grade is not None and grade not in range(4):
            unknown_grades[label] = grade
    check(
        not unknown_grades,
        "dataset.yaml labels",
        unknown_grades,
        must="grades 0-3 or unrated",
        fix="map every label to one of them",
    )

    unknown_actions = {}
    for action_name, action in info.actions.items():
        if action not in (*ACTIONS, IGNORE):
            unknown_actions[action_name] = action
    check(
        not unknown_actions,
        "dataset.yaml actions",
        unknown_actions,
        must=f"one of {ACTIONS} or ignore",
        fix="map them",
    )

    thresholds = info.thresholds
    rising = thresholds == sorted(set(thresholds))
    check(
        rising and len(thresholds) in (0, 3),
        "dataset.yaml thresholds",
        thresholds,
        must="three rising numbers",
        fix="say where C, S, E begin",
    )


def find_dataset_rulebook(data: Path, info: DatasetInfo) -> Path:
    """Find the file of the rule book: one of ours by name, or one in the input folder.

    The book is loaded, so that its faults are reported now and not when somebody judges by it.
    The bytes of a book in the folder are this step's input.

    Args:
        data: the input folder.
        info: what ``dataset.yaml`` says; its ``rulebook`` is a name, or a path in the folder.

    Returns:
        The file.

    Raises:
        MissingError: there is no such book or file.
        ConfigError: the book is not valid.
    """
    book_path = Path(info.rulebook)
    if not book_path.suffix:
        found_path = find_book(info.rulebook)
        RuleBook.load(str(found_path))
        return found_path

    found_path = data / book_path
    leaves_folder = book_path.is_absolute() or ".." in book_path.parts
    check(
        not leaves_folder and found_path.is_file(),
        "dataset.yaml rulebook",
        info.rulebook,
        must=f"a file in {data}",
        fix="copy it there and name it by its path in the folder, as in mine.yaml",
        error=MissingError,
    )
    RuleBook.load(str(found_path))
    return found_path
