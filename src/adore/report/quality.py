"""The measures of a run on its test queries, as the page and the terminal show them."""

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
    """Every measure of a run on its test queries; none if nothing was measured."""

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
        ranking_measures = []
        for measure in self._of_all_queries():
            if measure.measure == RANKING:
                ranking_measures.append(measure)
        return sorted(ranking_measures, key=lambda measure: measure.value, reverse=True)

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
        """The student's grading measures on all queries."""
        student_measures = []
        for measure in self._of_all_queries():
            if measure.system == STUDENT and measure.measure != RANKING:
                student_measures.append(measure)
        return student_measures

    @property
    def slices(self) -> list[Measure]:
        """The student's measures by slice."""
        slice_measures = []
        for measure in self.measures:
            is_student = measure.system == STUDENT
            is_slice = measure.slice in SLICES and measure.slice != ALL
            is_shown = measure.measure in IN_SLICES
            if is_student and is_slice and is_shown:
                slice_measures.append(measure)
        return sorted(
            slice_measures, key=lambda measure: (measure.slice, measure.measure)
        )

    def hard_cases(self) -> list[Bar]:
        """Return the adversarial set as rows of bars: all of it, then each error type."""
        rows = []
        for measure in sorted(self.measures, key=lambda measure: measure.slice):
            if not measure.slice.startswith(HARD):
                continue
            bar_label = "all"
            if measure.slice != HARD:
                bar_label = measure.slice.removeprefix(f"{HARD}: ")
            bar_text = f"{measure.value:.0%} of {measure.n}"
            rows.append(Bar(bar_label, measure.value, bar_text))
        return rows


def read_quality(run: Path) -> Quality:
    """Read the measures on the test queries.

    Args:
        run: a run's folder.

    Returns:
        The measures; none if the run is not evaluated yet.

    Raises:
        DataError: the table of measures cannot be read.
    """
    evaluate_folder = run / "evaluate"
    if not (evaluate_folder / "measures.parquet").is_file():
        return Quality(())
    # Dev queries chose thresholds and the champion: only test queries are shown.
    columns = list(Measure.__dataclass_fields__)
    test_measures = read_table(evaluate_folder, "measures").filter(
        pl.col("split") == "test"
    )
    rows = test_measures.select(columns).iter_rows(named=True)
    return Quality([Measure(**row) for row in rows])
