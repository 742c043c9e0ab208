from __future__ import annotations

from pathlib import Path

from adore.artifacts import read_table
from adore.synthesis.candidate import Candidate, normalise


def test_a_candidate_is_what_its_row_says(made: Path) -> None:
    rows = read_table(made, "candidates").to_dicts()
    assert rows
    for row in rows:
        candidate = Candidate.from_row({**row, "another column": 1})
        assert candidate.to_row() == row


def test_texts_are_the_same_but_for_case_and_spaces() -> None:
    assert normalise("  Red   SHOES ") == "red shoes"
