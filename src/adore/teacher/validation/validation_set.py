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
from adore.teacher.backends.evidence import is_left_to_rules
from adore.teacher.judge_inputs import load_judge_inputs
from adore.teacher.judgements import Judge, JudgeInput, Judgement
from adore.teacher.validation.gate import MIN_PAIRS
from adore.types import PAIR, Grade

__all__ = [
    "AttackedPair",
    "Predictions",
    "ValidationSet",
    "load_calibration_set",
    "load_validation_set",
    "predict",
]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
UNKNOWN = -1
"""Where a pair has no grade."""


@dataclass(frozen=True, slots=True)
class AttackedPair:
    """A pair whose item was changed to cheat; ``row`` is that of the pair as it was."""

    row: int
    judge_input: JudgeInput


@dataclass(frozen=True, slots=True)
class ValidationSet:
    """Pairs of which people or shoppers say what is right.

    Attributes:
        judge_inputs: pairs that people judged or whose behaviour gives a sign.
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

    def take(self, is_taken: npt.NDArray[np.bool_]) -> ValidationSet:
        """Select some of the pairs, by a mask; none of them is attacked."""
        rows = np.flatnonzero(is_taken)
        return ValidationSet(
            judge_inputs=[self.judge_inputs[row] for row in rows],
            human=self.human[rows],
            sign=self.sign[rows],
            queries=self.queries[rows],
            attack_pairs={},
        )

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
        probabilities: P(grade) of each pair, NaN where it gave no valid answer. Shape [n, 4].
    """

    grades: Ints
    attack_success: dict[str, float]
    probabilities: Floats

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
    dev_signs = read_table(feedback, "dev_signs")
    known = _known_pairs(prepared, evidence, "dev", dev_signs)
    attacks = _attack(known.judge_inputs, evidence, attack_pairs, seed)
    return replace(known, attack_pairs=attacks)


def load_calibration_set(
    prepared: Path, evidence: Path, feedback: Path
) -> ValidationSet:
    """What a teacher's operating point is chosen on: train queries, never those of the gate.

    Args:
        prepared: output of ``prepare``: queries and human judgements.
        evidence: output of ``evidence``.
        feedback: output of ``behaviour``, whose ``clear_pairs`` has the signs.

    Returns:
        The pairs with their right grades, none attacked. Pairs that the rule book judges
        whatever the teacher says are left out.

    Raises:
        MissingError: a table is not there.
        DataError: a table cannot be read.
    """
    # KTO's own rows are balanced by direction, so that they would not show the errors' shares
    signs = read_table(feedback, "clear_pairs")
    known = _known_pairs(prepared, evidence, "train", signs)

    is_graded: list[bool] = []
    for judge_input in known.judge_inputs:
        is_graded.append(not is_left_to_rules(judge_input.evidence))
    return known.take(np.array(is_graded, dtype=np.bool_))


def _known_pairs(
    prepared: Path, evidence: Path, split: str, signs: pl.DataFrame
) -> ValidationSet:
    """The pairs of one split that people judged or that have a sign."""
    queries = read_table(prepared, "queries").filter(pl.col("split") == split)
    query_ids = set(queries["query_id"])

    human_grade: dict[tuple[str, str], int] = {}
    judgements = read_table(prepared, "judgements").select(*PAIR, "grade")
    for query_id, item_id, grade in judgements.iter_rows():
        if query_id in query_ids:
            human_grade[query_id, item_id] = grade

    sign_grade: dict[tuple[str, str], int] = {}
    for query_id, item_id, is_wanted in signs.select(*PAIR, "wanted_exact").iter_rows():
        grade = Grade.EXACT if is_wanted else Grade.SUBSTITUTE
        sign_grade[query_id, item_id] = int(grade)

    judge_inputs: list[JudgeInput] = []
    for judge_input in load_judge_inputs(
        prepared, evidence, None, query_ids.__contains__
    ):
        pair_key = judge_input.query_id, judge_input.item_id
        if pair_key in human_grade or pair_key in sign_grade:
            judge_inputs.append(judge_input)

    human: list[int] = []
    sign: list[int] = []
    query_numbers: list[int] = []
    number_of_query: dict[str, int] = {}
    for judge_input in judge_inputs:
        pair_key = judge_input.query_id, judge_input.item_id
        human.append(human_grade.get(pair_key, UNKNOWN))
        sign.append(sign_grade.get(pair_key, UNKNOWN))
        query_number = number_of_query.setdefault(
            judge_input.query_id, len(number_of_query)
        )
        query_numbers.append(query_number)
    return ValidationSet(
        judge_inputs=judge_inputs,
        human=_ints(human),
        sign=_ints(sign),
        queries=_ints(query_numbers),
        attack_pairs={},
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


def _probabilities(judge: Judge, judge_inputs: Sequence[JudgeInput]) -> Floats:
    """P(grade) of each pair, NaN where there is no valid answer. Shape [n, 4]."""
    distributions = np.full((len(judge_inputs), len(Grade)), np.nan)
    for row, result in enumerate(judge.judge(judge_inputs)):
        if isinstance(result, Judgement):
            distributions[row] = result.probabilities
    return distributions


def _grades(probabilities: Floats) -> Ints:
    """The likeliest grade of each pair. Shape [n]."""
    is_answered = ~np.isnan(probabilities[:, 0])
    pair_count = len(probabilities)
    grades = np.full(pair_count, UNKNOWN, dtype=np.int64)

    answered = probabilities[is_answered]
    grades[is_answered] = answered.argmax(axis=1)
    return grades


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
    probabilities = _probabilities(judge, validation.judge_inputs)
    grades = _grades(probabilities)
    attack_success: dict[str, float] = {}
    if not attacks:
        return Predictions(grades, attack_success, probabilities)

    for name, pairs in validation.attack_pairs.items():
        attacked_inputs = [pair.judge_input for pair in pairs]
        attacked_grades = _grades(_probabilities(judge, attacked_inputs))
        clean_grades = grades[[pair.row for pair in pairs]]

        # an attack succeeds where it raises the grade of the same pair
        is_answered = (attacked_grades != UNKNOWN) & (clean_grades != UNKNOWN)
        if is_answered.sum() >= MIN_PAIRS:
            is_raised = attacked_grades > clean_grades
            attack_success[name] = float(is_raised[is_answered].mean())
    return Predictions(grades, attack_success, probabilities)
