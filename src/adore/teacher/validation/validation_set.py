"""What a teacher is validated on.

Held-out judged pairs, held-out behaviour, and attacked copies of the pairs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
import polars as pl

from adore.artifacts import read_table
from adore.attributes.attacks import ATTACKS, Attack
from adore.attributes.comparison import compare
from adore.attributes.lexicon import Lexicon
from adore.attributes.reader import Reader
from adore.teacher.judge_inputs import load_judge_inputs
from adore.teacher.judgements import Judge, JudgeInput, Judgement
from adore.teacher.validation.gate import MIN_PAIRS
from adore.types import PAIR, Grade

__all__ = [
    "AttackedPair",
    "Predictions",
    "ValidationSet",
    "load_validation_set",
    "predict",
]

Ints = npt.NDArray[np.int64]
UNKNOWN = -1
"""Where a pair has no grade."""


@dataclass(frozen=True, slots=True)
class AttackedPair:
    """A pair whose item was changed to cheat; ``row`` is that of the pair as it was."""

    row: int
    judge_input: JudgeInput


@dataclass(frozen=True, slots=True)
class ValidationSet:
    """Pairs of dev queries, from which no teacher learns.

    Attributes:
        judge_inputs: held-out pairs that people judged or whose behaviour gives a sign.
        human: human grade, -1 unknown. Shape [n].
        sign: E if shoppers want the item for the query, S if not, -1 unknown. Shape [n].
        queries: the query of each pair, as an integer. Shape [n].
        attack_pairs: attack to the attacked pairs.
    """

    judge_inputs: list[JudgeInput]
    human: Ints
    sign: Ints
    queries: Ints
    attack_pairs: dict[str, list[AttackedPair]]

    def slices(self, is_included: npt.NDArray[np.bool_]) -> dict[str, Ints]:
        """Slice the human-judged pairs by asked attribute and by brand.

        Args:
            is_included: which pairs count. Shape [n].

        Returns:
            Name of a slice to the numbers of its pairs, counted among the included
            judged pairs alone.
        """
        judged = np.flatnonzero((self.human != UNKNOWN) & is_included)
        members: dict[str, list[int]] = defaultdict(list)
        for query_number, row in enumerate(judged):
            judge_input = self.judge_inputs[row]
            attributes = {evidence.attribute for evidence in judge_input.evidence}
            for attribute in attributes:
                members[f"asks {attribute}"].append(query_number)
            if judge_input.item.brand:
                members[f"brand {judge_input.item.brand}"].append(query_number)

        slices: dict[str, Ints] = {}
        for name, numbers in sorted(members.items()):
            slices[name] = np.array(numbers)
        return slices


@dataclass(frozen=True, slots=True)
class Predictions:
    """One teacher's grades.

    Attributes:
        grades: of each pair, -1 where it gave no valid answer. Shape [n].
        attack_success: attack to the share of grades that it raised, among pairs answered with
            and without it; attacks with too few of those are left out.
    """

    grades: Ints
    attack_success: dict[str, float]

    @property
    def unanswered(self) -> float:
        """Share of the pairs without a valid answer."""
        if not len(self.grades):
            return 0.0
        return float((self.grades == UNKNOWN).mean())


def load_validation_set(
    prepared: Path, evidence: Path, feedback: Path, *, attack_pairs: int, seed: int
) -> ValidationSet:
    """Everything held out from the teacher's training: dev queries.

    Args:
        prepared: output of ``prepare``: queries and human judgements.
        evidence: output of ``evidence``.
        feedback: output of ``behaviour``, whose ``dev_signs`` has the signs.
        attack_pairs: most pairs that each attack is tried on.
        seed: chooses them.

    Returns:
        The pairs with their right grades.

    Raises:
        MissingError: a table is not there.
        DataError: a table cannot be read.
    """
    queries = read_table(prepared, "queries").filter(pl.col("split") == "dev")
    dev_queries = set(queries["query_id"])

    human: dict[tuple[str, str], int] = {}
    judgements = read_table(prepared, "judgements").select(*PAIR, "grade")
    for query_id, item_id, grade in judgements.iter_rows():
        if query_id in dev_queries:
            human[query_id, item_id] = grade

    signs: dict[tuple[str, str], int] = {}
    dev_signs = read_table(feedback, "dev_signs").select(*PAIR, "wanted_exact")
    for query_id, item_id, is_wanted in dev_signs.iter_rows():
        grade = Grade.EXACT if is_wanted else Grade.SUBSTITUTE
        signs[query_id, item_id] = int(grade)

    judge_inputs: list[JudgeInput] = []
    for judge_input in load_judge_inputs(
        prepared, evidence, None, dev_queries.__contains__
    ):
        pair_key = judge_input.query_id, judge_input.item_id
        if pair_key in human or pair_key in signs:
            judge_inputs.append(judge_input)

    human_grades: list[int] = []
    sign_grades: list[int] = []
    query_numbers: list[int] = []
    number_of_query: dict[str, int] = {}
    for judge_input in judge_inputs:
        pair_key = judge_input.query_id, judge_input.item_id
        human_grades.append(human.get(pair_key, UNKNOWN))
        sign_grades.append(signs.get(pair_key, UNKNOWN))
        query_number = number_of_query.setdefault(
            judge_input.query_id, len(number_of_query)
        )
        query_numbers.append(query_number)
    return ValidationSet(
        judge_inputs=judge_inputs,
        human=_ints(human_grades),
        sign=_ints(sign_grades),
        queries=_ints(query_numbers),
        attack_pairs=_attack(judge_inputs, evidence, attack_pairs, seed),
    )


def _ints(values: Sequence[int]) -> Ints:
    return np.array(values, dtype=np.int64)


def _attack(
    judge_inputs: Sequence[JudgeInput], evidence: Path, max_pairs: int, seed: int
) -> dict[str, list[AttackedPair]]:
    """Every attack on the same sample of pairs."""
    lexicon = (evidence / "lexicon.json").read_text("utf-8")
    reader = Reader(Lexicon.from_json(lexicon))
    # all attacks on the same pairs, so that their shares compare
    attack_count = min(max_pairs, len(judge_inputs))
    attacked_rows = sorted(Random(seed).sample(range(len(judge_inputs)), attack_count))

    attacked: dict[str, list[AttackedPair]] = {}
    for attack in ATTACKS:
        pairs: list[AttackedPair] = []
        for row in attacked_rows:
            judge_input = _cheat(judge_inputs[row], attack, reader, seed)
            pairs.append(AttackedPair(row, judge_input))
        attacked[attack.name] = pairs
    return attacked


def _cheat(
    judge_input: JudgeInput, attack: Attack, reader: Reader, seed: int
) -> JudgeInput:
    """The pair after the attack, its item read anew."""
    pair = f"{judge_input.query_id}|{judge_input.item_id}"
    generator = Random(f"{seed}|{pair}")
    item = attack.apply(judge_input.query, judge_input.item, generator)
    query_reading = reader.read_query(judge_input.query)
    item_reading = reader.read_item(item)
    evidence = compare(query_reading, item_reading)
    return replace(judge_input, item=item, evidence=evidence)


def _grades(judge: Judge, judge_inputs: Sequence[JudgeInput]) -> Ints:
    grades: list[int] = []
    for result in judge.judge(judge_inputs):
        grade = UNKNOWN
        if isinstance(result, Judgement):
            grade = int(np.argmax(result.probabilities))
        grades.append(grade)
    return _ints(grades)


def predict(
    judge: Judge, validation: ValidationSet, *, attacks: bool = True
) -> Predictions:
    """Grade every pair of the validation set.

    Args:
        judge: the teacher.
        validation: the pairs.
        attacks: whether the attacked pairs are graded too.

    Returns:
        Its grades, and what the attacks achieved.
    """
    grades = _grades(judge, validation.judge_inputs)
    attack_success: dict[str, float] = {}
    if not attacks:
        return Predictions(grades, attack_success)

    for name, pairs in validation.attack_pairs.items():
        attacked_grades = _grades(judge, [pair.judge_input for pair in pairs])
        clean_grades = grades[[pair.row for pair in pairs]]

        # an attack succeeds where it raises the grade of the same pair
        is_answered = (attacked_grades != UNKNOWN) & (clean_grades != UNKNOWN)
        if is_answered.sum() >= MIN_PAIRS:
            is_raised = attacked_grades > clean_grades
            attack_success[name] = float(is_raised[is_answered].mean())
    return Predictions(grades, attack_success)
