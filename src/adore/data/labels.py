"""Labels to grades: one map, read by prepare, evaluate and score.

A label that is not plain is an error that asks for its meaning; nothing is guessed.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from adore.data.dataset import DatasetInfo
from adore.errors import DataError
from adore.types import Grade

__all__ = ["LabelScale", "canonical_label", "infer_scale"]


def _word_grades() -> dict[str, int]:
    grades = {}
    for grade in Grade:
        grades[grade.letter.lower()] = int(grade)
        grades[grade.name.lower()] = int(grade)
    return grades


_WORDS = _word_grades()
_NUMBERS = {"0", "1", "2", "3"}
_YES = ("true", "yes", "on", "y")
_NO = ("false", "no", "off", "n")
"""What YAML 1.1 reads as booleans.

A map that says ``yes`` may mean JSON's true, and the other way round."""
MAX_SHOWN = 12
"""Distinct numbers from which on ratings look continuous, and labels that an error shows."""


def canonical_label(label: object) -> str:
    """Bring a label to the form in which labels are compared.

    Text is without outer spaces and in lower case, numbers are in their shortest form.

    Args:
        label: as a file has it.

    Returns:
        ``""`` where it is blank, so unrated.

    Example:
        >>> [canonical_label(label) for label in ("100.000", 1.0, True, " Exact ")]
        ['100', '1', 'true', 'exact']
        >>> [canonical_label(label) for label in (None, "2e0", float("nan"))]
        ['', '2', '']
    """
    if label is None:
        return ""
    if isinstance(label, bool):
        return str(label).lower()

    label_text = str(label).strip()
    if label_text.lower() == "nan":
        return ""
    number = _parse_number(label_text)
    if number is None:
        return label_text.casefold()
    if number.is_integer():
        return str(int(number))
    return repr(number)


def _parse_number(label_text: str) -> float | None:
    """The finite number that a text is; other scripts' digits and 1_000 are none."""
    if not label_text.isascii() or "_" in label_text:
        return None
    try:
        number = float(label_text)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


@dataclass(frozen=True, slots=True)
class LabelScale:
    """How the labels of one file become grades.

    Attributes:
        grades: canonical label to grade; None: unrated.
        counts: canonical label to the rows that have it.
        thresholds: ratings from which on a pair is C, S and E, for a continuous scale.
        written: canonical label to how the file writes it.
    """

    grades: Mapping[str, int | None]
    counts: Mapping[str, int] = field(default_factory=dict)
    thresholds: tuple[float, ...] = ()
    written: Mapping[str, str] = field(default_factory=dict)

    def grade(self, label: object) -> int | None:
        """Map a label to its grade; None where it is blank or mapped to unrated."""
        canonical = canonical_label(label)
        if self.thresholds and canonical:
            # The grade is the number of thresholds that the rating reaches.
            rating = float(canonical)
            return bisect_right(self.thresholds, rating)
        return self.grades.get(canonical)

    @property
    def unrated(self) -> int:
        """Number of rows without a rating."""
        unrated = 0
        for counted_label, count in self.counts.items():
            if self.grade(counted_label) is None:
                unrated += count
        return unrated


def _own_grades(info: DatasetInfo, labels: Iterable[str]) -> dict[str, int | None]:
    """The shop's map by canonical label, with the twins of YAML's booleans."""
    grades = {
        canonical_label(own_label): grade for own_label, grade in info.labels.items()
    }

    for boolean_words in (_YES, _NO):
        mapped = {
            grades[boolean_word]
            for boolean_word in boolean_words
            if boolean_word in grades
        }
        if len(mapped) != 1:
            continue  # none is mapped, or they mean different things

        grade = mapped.pop()
        for own_label in labels:
            if own_label in boolean_words and own_label not in grades:
                grades[own_label] = grade
    return grades


def _is_number(label_text: str) -> bool:
    try:
        return math.isfinite(float(label_text))
    except ValueError:
        return False


def _list_labels(counts: Mapping[str, int]) -> str:
    """Labels with their counts: numbers in order, then words by frequency."""
    numbers = sorted(filter(_is_number, counts), key=float)
    words = sorted(set(counts) - set(numbers))
    words.sort(key=lambda shown_label: -counts[shown_label])
    ordered = [*numbers, *words]

    parts = []
    for shown_label in ordered[:MAX_SHOWN]:
        parts.append(f"{shown_label} ({counts[shown_label]:,})")
    shown_labels = ", ".join(parts)

    hidden = len(ordered) - MAX_SHOWN
    if hidden > 0:
        return f"{shown_labels} and {hidden} more"
    return shown_labels


def _map_template(counts: Mapping[str, int]) -> str:
    """A map to copy into dataset.yaml, for its writer to correct."""
    pairs = []
    numbers = sorted(filter(_is_number, counts), key=float)
    if numbers and len(numbers) == len(counts):
        # The lowest number is 0 and the highest 3; the others are spread between them.
        last_index = max(1, len(numbers) - 1)
        for index, label in enumerate(numbers):
            proposed = round(3 * index / last_index)
            pairs.append(f"{label}: {proposed}")
    else:
        for label in sorted(counts):
            grade = _WORDS.get(canonical_label(label), "GRADE")
            pairs.append(f"{label}: {grade}")
    listed = ", ".join(pairs[:MAX_SHOWN])
    return f"labels: {{{listed}}}"


def _label_error(
    file_name: str, rated: Mapping[str, int], requirement: str
) -> DataError:
    if len(rated) > MAX_SHOWN and all(map(_is_number, rated)):
        fix = "say in dataset.yaml where C, S and E begin, as in thresholds: [0.25, 0.5, 0.75]"
    else:
        fix = (
            f"write what each means into dataset.yaml, as in {_map_template(rated)} "
            "(3 exact, 2 substitute, 1 complement, 0 irrelevant, or unrated)"
        )
    return DataError(
        f"labels of {file_name} == {_list_labels(rated)}, {requirement}; {fix}"
    )


@dataclass(slots=True)
class _Labels:
    """The labels of one file.

    Attributes:
        file: its name.
        counts: canonical label to the rows that have it.
        written: canonical label to how the file writes it.
    """

    file: str
    counts: Counter[str]
    written: dict[str, str]

    def rated(self) -> list[str]:
        """Every label but the blank one."""
        return [label for label in self.counts if label]

    def as_written(self, labels: Iterable[str]) -> dict[str, int]:
        """Counts of some labels, by how the file writes them."""
        counts = {}
        for label in labels:
            counts[self.written[label]] = self.counts[label]
        return counts

    def scale(self, grades: Mapping[str, int | None]) -> LabelScale:
        """The scale by a map of labels."""
        return LabelScale(grades, self.counts, written=self.written)


def infer_scale(
    labels: Iterable[object], info: DatasetInfo, file_name: str, *, ours: bool = False
) -> LabelScale:
    """Infer the scale of one file's labels.

    Args:
        labels: of every row, as the file has them; blank ones are unrated.
        info: the shop's own map, or thresholds, if it has one.
        file_name: its name, for the error.
        ours: the file is known to hold our grades 0-3, so two numbers are no error.

    Returns:
        The scale, with the counts of the labels.

    Raises:
        DataError: a label is not on the scale, whatever its share; or there are only
            two numbers (or booleans), so that nobody can tell whether 1 means exact.
    """
    counted = _Labels(file_name, Counter(), {})
    for written_label in labels:
        canonical = canonical_label(written_label)
        counted.counts[canonical] += 1
        counted.written.setdefault(canonical, str(written_label).strip())

    if info.thresholds:
        return _threshold_scale(counted, info)
    if info.labels:
        return _mapped_scale(counted, info)
    return _known_scale(counted, ours=ours)


def _threshold_scale(labels: _Labels, info: DatasetInfo) -> LabelScale:
    words = [label for label in labels.rated() if not _is_number(label)]
    if words:
        requirement = "must be numbers where thresholds are given"
        raise _label_error(labels.file, labels.as_written(words), requirement)
    return LabelScale({}, labels.counts, tuple(info.thresholds), labels.written)


def _mapped_scale(labels: _Labels, info: DatasetInfo) -> LabelScale:
    """The scale by the shop's own map."""
    rated = labels.rated()
    grades = _own_grades(info, rated)
    unknown = [label for label in rated if label not in grades]
    if unknown:
        known = ", ".join(info.labels)
        others = _list_labels(labels.as_written(unknown))
        requirement = (
            f"must each be one of dataset.yaml's labels ({known}): {others} is not"
        )
        raise _label_error(labels.file, labels.as_written(rated), requirement)
    return labels.scale(grades)


def _known_scale(labels: _Labels, *, ours: bool) -> LabelScale:
    """The scale of letters, their words, or numbers from 0 to 3."""
    rated = labels.rated()
    grades: dict[str, int | None] = {}
    unknown = []
    for rated_label in rated:
        if rated_label in _NUMBERS:
            grades[rated_label] = int(rated_label)
        else:
            grades[rated_label] = _WORDS.get(rated_label)
        if grades[rated_label] is None:
            unknown.append(rated_label)

    if unknown and not set(rated) <= {*_YES, *_NO}:
        others = _list_labels(labels.as_written(unknown))
        requirement = f"must each be E, S, C, I, their words or 0 to 3: {others} is not"
        raise _label_error(labels.file, labels.as_written(rated), requirement)

    is_explained = ours and not unknown
    if rated and not is_explained and _is_binary(rated):
        requirement = (
            "must be more than two values, or be explained: "
            "they may mean exact, or only related"
        )
        raise _label_error(labels.file, labels.as_written(rated), requirement)
    return labels.scale(grades)


def _is_binary(rated: Iterable[str]) -> bool:
    """Whether only yes and no occur, in numbers or words; letters say themselves what they mean."""
    labels = set(rated)
    if labels & set(_WORDS):
        return False

    yes_or_no = {"0", "1", *_YES, *_NO}
    return len(labels) == 2 or labels <= yes_or_no
