"""Labels to grades: one map, read by prepare, evaluate and score.

What is not plain is asked for, never guessed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from adore.data.dataset import DatasetInfo
from adore.errors import DataError
from adore.types import LABELS, Grade

__all__ = ["LabelScale", "canonical_label", "infer_scale"]

_WORDS = {
    **{letter.lower(): int(grade) for letter, grade in LABELS.items()},
    **{name.lower(): int(grade) for name, grade in Grade.__members__.items()},
}
_NUMBERS = {"0", "1", "2", "3"}
_YES, _NO = ("true", "yes", "on", "y"), ("false", "no", "off", "n")
"""What YAML 1.1 reads as booleans.

A map that says ``yes`` may mean JSON's true, and the other way round."""
MANY = 12
"""Distinct numbers from which on ratings look continuous."""


def canonical_label(label: object) -> str:
    """A label as it is compared: text without outer spaces, numbers in their shortest form.

    ``""`` is unrated.

    Example:
        >>> [canonical_label(label) for label in ("100.000", 1.0, True, " Exact ")]
        ['100', '1', 'true', 'exact']
        >>> [canonical_label(label) for label in (None, "2e0", float("nan"))]
        ['', '2', '']
    """
    if isinstance(label, bool):
        return "true" if label else "false"
    text = "" if label is None else str(label).strip()
    try:
        number = float(text) if text.isascii() and "_" not in text else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if text.lower() == "nan":
        return ""
    if math.isfinite(number):
        return str(int(number)) if number.is_integer() else repr(number)
    return text.casefold()


@dataclass(frozen=True, slots=True)
class LabelScale:
    """How the labels of one file become grades.

    Attributes:
        grades: canonical_label label to grade; None: unrated.
        counts: canonical_label label to the rows that have it.
        thresholds: ratings from which on a pair is C, S and E, for a continuous scale.
        written: canonical_label label to how the file writes it.
    """

    grades: Mapping[str, int | None]
    counts: Mapping[str, int] = field(default_factory=dict)
    thresholds: tuple[float, ...] = ()
    written: Mapping[str, str] = field(default_factory=dict)

    def grade(self, label: object) -> int | None:
        """The grade of a label, or None where it is blank or mapped to unrated."""
        key = canonical_label(label)
        if self.thresholds and key:
            return sum(float(key) >= edge for edge in self.thresholds)
        return self.grades.get(key)

    @property
    def unrated(self) -> int:
        """Rows without a rating."""
        return sum(n for label, n in self.counts.items() if self.grade(label) is None)


def _own(info: DatasetInfo, seen: Mapping[str, int]) -> dict[str, int | None]:
    """The shop's map by canonical_label label, with the twins of YAML's booleans."""
    grades = {canonical_label(label): grade for label, grade in info.labels.items()}

    for words in (_YES, _NO):
        mapped = {grades[word] for word in words if word in grades}
        if len(mapped) != 1:
            continue  # none is mapped, or they mean different things

        grade = mapped.pop()
        for label in seen:
            if label in words and label not in grades:
                grades[label] = grade
    return grades


def _is_number(label: str) -> bool:
    try:
        return math.isfinite(float(label))
    except ValueError:
        return False


def _shown(counts: Mapping[str, int]) -> str:
    """Labels with their counts: numbers in order, then words by frequency."""
    numbers = sorted((label for label in counts if _is_number(label)), key=float)
    words = sorted(
        (label for label in counts if not _is_number(label)),
        key=lambda label: (-counts[label], label),
    )
    ordered = [*numbers, *words]

    parts = [f"{label} ({counts[label]:,})" for label in ordered[:MANY]]
    text = ", ".join(parts)

    more = len(ordered) - MANY
    return f"{text} and {more} more" if more > 0 else text


def _template(counts: Mapping[str, int]) -> str:
    """A map to copy into dataset.yaml, for its writer to correct.

    Numbers are spread over the grades.
    """
    numbers = sorted((label for label in counts if _is_number(label)), key=float)
    if numbers and len(numbers) == len(counts):
        top = max(1, len(numbers) - 1)
        pairs = [f"{label}: {round(3 * at / top)}" for at, label in enumerate(numbers)]
    else:
        pairs = [
            f"{label}: {_WORDS.get(canonical_label(label), 'GRADE')}"
            for label in sorted(counts)
        ]
    return "labels: {" + ", ".join(pairs[:MANY]) + "}"


def _ask(file: str, rated: Mapping[str, int], why: str) -> DataError:
    if len(rated) > MANY and all(map(_is_number, rated)):
        fix = "say in dataset.yaml where C, S and E begin, as in thresholds: [0.25, 0.5, 0.75]"
    else:
        fix = (
            f"write what each means into dataset.yaml, as in {_template(rated)} "
            "(3 exact, 2 substitute, 1 complement, 0 irrelevant, or unrated)"
        )
    return DataError(f"labels of {file} == {_shown(rated)}, {why}; {fix}")


def infer_scale(
    labels: Iterable[object], info: DatasetInfo, file: str, *, ours: bool = False
) -> LabelScale:
    """The scale of one file's labels.

    Args:
        labels: of every row, as the file has them; blank ones are unrated.
        info: the shop's own map, or thresholds, if it has one.
        file: its name, for the error.
        ours: the file is known to hold our grades 0-3, so nothing is asked.

    Raises:
        DataError: a label is not on the scale, whatever its share; or there are only two numbers
            (or booleans), so that nobody can tell whether 1 means exact.
    """
    counts = Counter[str]()
    written: dict[str, str] = {}
    for label in labels:
        key = canonical_label(label)
        counts[key] += 1
        written.setdefault(key, str(label).strip())
    rated = {label: n for label, n in counts.items() if label}
    shown = {written[label]: n for label, n in rated.items()}
    if info.thresholds:
        words = [label for label in rated if not _is_number(label)]
        if words:
            raise _ask(
                file,
                {written[w]: rated[w] for w in words},
                "must be numbers where thresholds are given",
            )
        return LabelScale({}, counts, tuple(info.thresholds), written)
    if info.labels:
        own = _own(info, rated)
        strange = {label: n for label, n in rated.items() if label not in own}
        if strange:
            known = ", ".join(info.labels)
            others = _shown({written[label]: n for label, n in strange.items()})
            raise _ask(
                file,
                shown,
                f"must each be one of dataset.yaml's labels ({known}): {others} is not",
            )
        return LabelScale(own, counts, written=written)
    grades: dict[str, int | None] = {
        label: _WORDS.get(label, int(label) if label in _NUMBERS else None)
        for label in rated
    }
    strange = {label: rated[label] for label, grade in grades.items() if grade is None}
    if strange and not all(label in (*_YES, *_NO) for label in rated):
        others = _shown({written[label]: n for label, n in strange.items()})
        raise _ask(
            file,
            shown,
            f"must each be E, S, C, I, their words or 0 to 3: {others} is not",
        )
    if (strange or not ours) and rated and _is_binary(rated):
        raise _ask(
            file,
            shown,
            "must be more than two values, or be explained: they may mean exact, or only related",
        )
    return LabelScale(grades, counts, written=written)


def _is_binary(rated: Mapping[str, int]) -> bool:
    """Whether only yes and no occur, in numbers or words; letters say themselves what they mean."""
    labels = set(rated)
    if labels & set(_WORDS):
        return False

    yes_or_no = {"0", "1", *_YES, *_NO}
    return len(labels) == 2 or labels <= yes_or_no
