"""What soft labels mean: from tokens, from samples, from a stated confidence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from adore.rulebook import RuleBook
from adore.teacher.rationale import rationale
from adore.teacher.soft_labels import soft_labels
from adore.types import LABELS, Evidence

BOOK = RuleBook.load()
SEEN = (Evidence("brand", "acme", "acme", "acme", "Acme", "brand", "match"),)


def answers(letters: str, confidence: float = 0.8) -> list[Any]:
    return [rationale(SEEN, BOOK, LABELS[g], confidence) for g in letters]


def test_soft_labels_come_from_the_best_source_there_is() -> None:
    told = (0.1, 0.1, 0.6, 0.2)
    assert soft_labels(told, answers("S")) == (told, answers("S")[0])
    assert soft_labels(None, answers("ESSI"))[0] == (0.25, 0.0, 0.5, 0.25)
    assert soft_labels(None, answers("ESSI"))[1].grade == "S"
    p, best = soft_labels(
        told, answers("E")
    )  # no answer has the likeliest grade: S and E change places
    assert best.grade == "E" and p == (0.1, 0.1, 0.2, 0.6)
    assert soft_labels((0.1, 0.4, 0.1, 0.4), answers("C"))[0] == (0.1, 0.4, 0.1, 0.4)
    assert soft_labels(None, answers("E"))[0] == pytest.approx(
        (0.2 * 3 / 13, 0.2 * 4 / 13, 0.2 * 6 / 13, 0.8)
    )


@pytest.mark.parametrize("sure", [0.0, 0.3, 1.0])
def test_the_written_grade_is_the_likeliest(sure: float) -> None:
    for letter in "ESCI":
        p, _ = soft_labels(None, answers(letter, sure))
        assert (
            int(np.argmax(p)) == LABELS[letter]
            and sum(p) == pytest.approx(1)
            and min(p) > 0
        )
