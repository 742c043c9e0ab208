"""What was measured of a run on its test queries, as the page and the terminal show it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from adore.artifacts import read_table
from adore.evaluation.evaluate import HARD
from adore.evaluation.slices import ALL, SLICES
from adore.report.plots import Bar, Interval

__all__ = ["GRADING", "RANKING", "Measure", "Quality", "read_quality"]

RANKING = "nDCG@10"
GRADING = "macro-F1"
STUDENT = "student"
IN_SLICES = (RANKING, "accuracy")
"""Measures that are shown slice by slice."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of one system on one slice of the test queries, with its 95 % interval."""

    system: str
    measure: str
    slice: str
    value: float
    low: float
    high: float
    n: int
    """How many queries or pairs it was measured on."""

    @property
    def definition(self) -> str:
        """What the slice holds."""
        return SLICES[self.slice].definition

    def interval(self) -> Interval:
        """Return the row of a forest plot."""
        return Interval(self.system, self.value, self.low, self.high)


@dataclass(frozen=True, slots=True)
class Quality:
    """Every measure of a run on its test queries; none where nothing was measured."""

    measures: Sequence[Measure]

    def __bool__(self) -> bool:
        return bool(self.measures)

    def _of_all_queries(self) -> Iterator[Measure]:
        for measure in self.measures:
            if measure.slice == ALL:
                yield measure

    @property
    def ranking(self) -> list[Measure]:
        """Every system's nDCG@10 on all queries, the best first."""
        ranked = []
        for measure in self._of_all_queries():
            if measure.measure == RANKING:
                ranked.append(measure)
        return sorted(ranked, key=lambda measure: measure.value, reverse=True)

    @property
    def grading(self) -> dict[str, float]:
        """Every system's macro-F1 on all queries, by system."""
        values = {}
        for measure in self._of_all_queries():
            if measure.measure == GRADING:
                values[measure.system] = measure.value
        return values

    @property
    def student(self) -> list[Measure]:
        """How the student grades on all queries."""
        graded = []
        for measure in self._of_all_queries():
            if measure.system == STUDENT and measure.measure != RANKING:
                graded.append(measure)
        return graded

    @property
    def slices(self) -> list[Measure]:
        """The student slice by slice."""
        sliced = []
        for measure in self.measures:
            is_shown = measure.slice in SLICES and measure.measure in IN_SLICES
            if is_shown and measure.slice != ALL and measure.system == STUDENT:
                sliced.append(measure)
        return sorted(sliced, key=lambda measure: (measure.slice, measure.measure))

    def hard_cases(self) -> list[Bar]:
        """Return the adversarial set as rows of bars: all of it, then each error type."""
        rows = []
        for measure in sorted(self.measures, key=lambda measure: measure.slice):
            if not measure.slice.startswith(HARD):
                continue
            label = "all"
            if measure.slice != HARD:
                label = measure.slice.removeprefix(f"{HARD}: ")
            text = f"{measure.value:.0%} of {measure.n}"
            rows.append(Bar(label, measure.value, text))
        return rows


def read_quality(run: Path) -> Quality:
    """Read what was measured on the test queries.

    Args:
        run: a run's folder.

    Returns:
        The measures; none where the run has not come so far.

    Raises:
        DataError: the table of measures cannot be read.
    """
    folder = run / "evaluate"
    if not (folder / "measures.parquet").is_file():
        return Quality(())
    # Dev queries chose thresholds and the champion: only test queries are shown.
    columns = list(Measure.__dataclass_fields__)
    frame = read_table(folder, "measures").filter(pl.col("split") == "test")
    rows = frame.select(columns).iter_rows(named=True)
    return Quality([Measure(**row) for row in rows])
