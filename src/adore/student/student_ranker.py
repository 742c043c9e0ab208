"""The student as a ranker: list features, the net and the forest, with no torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adore.attributes.comparison import asks_article
from adore.measures import expected_gain
from adore.student.calibration import chosen_grades, tempered
from adore.student.inputs import ListInputs
from adore.student.onnx_models import OnnxHeads
from adore.student.ranker_kinds import RANKERS, RankerFolder, RankerKind
from adore.types import ATTRIBUTES, STATES, Grade, Item, Score

__all__ = ["Student"]


class Student:
    """A trained student; ``card.json`` says how it was made.

    Args:
        folder: the student's folder.

    Raises:
        MissingError: a file of the folder is not there.
        ConfigError: the rule book is not valid.
    """

    def __init__(self, folder: RankerFolder) -> None:
        card = folder.card
        self.kind = folder.kind
        self.name = folder.name
        self.version = folder.version
        self._temperature = card["temperature"]
        self._prior = np.array(card["prior"])
        self._prior_power = card["prior_power"]
        self._has_attribute_heads = card["attribute_heads"]
        self.inputs = ListInputs(
            folder.path,
            threads=folder.threads,
            context=card["list_context"],
            precision=card["precision"],
        )
        self.heads = OnnxHeads(folder.path, threads=folder.threads)

    def rank(self, query: str, items: Sequence[Item]) -> list[Score]:
        """See :class:`adore.student.ranker_kinds.Ranker`.

        Args:
            query: the query's text.
            items: the list; empty: no score.

        Returns:
            Scores whose ``attributes`` hold P(match, conflict, unknown) of each asked attribute.
        """
        if not items:
            return []
        evidence = self.inputs.reader.evidence(query, items)
        inputs = self.inputs.compute(query, items, evidence)
        is_asked = inputs.states >= 0
        uncalibrated, states = self.heads.probabilities(
            inputs.matrix, inputs.semantic, is_asked
        )
        probabilities = tempered(uncalibrated, self._temperature)
        grades = chosen_grades(probabilities, self._prior, self._prior_power)

        if asks_article(evidence[0]):
            # Whether an item has the article number is a fact, not an estimate.
            rulebook = self.inputs.features.rulebook
            certain = []
            for of_item in evidence:
                certain.append(rulebook.apply(of_item).probabilities)
            probabilities = np.array(certain)
            grades = probabilities.argmax(axis=1)
        if not self._has_attribute_heads:
            is_asked = np.zeros_like(is_asked)

        scores = []
        for row_number, item in enumerate(items):
            scores.append(
                Score(
                    item_id=item.item_id,
                    score=float(expected_gain(probabilities[row_number])),
                    grade=Grade(int(grades[row_number])),
                    probabilities=tuple(probabilities[row_number].tolist()),
                    attributes=_by_attribute(is_asked[row_number], states[row_number]),
                )
            )
        return scores


def _by_attribute(
    is_asked: np.ndarray, states: np.ndarray
) -> dict[str, dict[str, float]]:
    """P(state) of each asked attribute of one item, by name."""
    by_name: dict[str, dict[str, float]] = {}
    for attribute_number, attribute in enumerate(ATTRIBUTES):
        if not is_asked[attribute_number]:
            continue
        by_state: dict[str, float] = {}
        for column, state in enumerate(STATES):
            by_state[state] = round(float(states[attribute_number, column]), 4)
        by_name[attribute] = by_state
    return by_name


RANKERS.add("student", RankerKind(Student))
