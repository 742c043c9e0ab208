"""What a teacher is examined on.

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
from adore.attributes.attacks import ATTACKS
from adore.attributes.compare import compare
from adore.attributes.lexicon import Lexicon
from adore.attributes.reader import Reader
from adore.teacher.judgements import Judge, JudgeInput, Judgement, load_cases
from adore.teacher.validation.gate import LEAST_PAIRS
from adore.types import PAIR, Grade

__all__ = ["Predictions", "ValidationSet", "load_validation_set", "predict"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ValidationSet:
    """The questions.

    Attributes:
        cases: held-out pairs that people judged or whose behaviour gives a sign.
        human: human grade, -1 unknown. Shape [n].
        sign: E if shoppers want the item for the query, S if not, -1 unknown. Shape [n].
        groups: the query of each pair, as an integer. Shape [n].
        attack_pairs: attack to (row of ``cases``, the attacked pair).
    """

    cases: list[JudgeInput]
    human: Ints
    sign: Ints
    groups: Ints
    attack_pairs: dict[str, list[tuple[int, JudgeInput]]]

    def slices(self, rows: npt.NDArray[np.bool_]) -> dict[str, Ints]:
        """The human-judged pairs among ``rows`` by asked attribute and by brand.

        They are numbered among themselves.
        """
        judged = np.flatnonzero((self.human >= 0) & rows)
        found = defaultdict(list)
        for row, at in enumerate(judged):
            case = self.cases[at]
            asked = {one.attribute for one in case.evidence}
            for name in asked:
                found[f"asks {name}"].append(row)
            if case.item.brand:
                found[f"brand {case.item.brand}"].append(row)

        slices: dict[str, Ints] = {}
        for name, members in sorted(found.items()):
            slices[name] = np.array(members)
        return slices


@dataclass(frozen=True, slots=True)
class Predictions:
    """One teacher's answers.

    Attributes:
        grades: of each case, -1 where it gave no valid answer. Shape [n].
        attack_success: attack to the share of grades that it raised, among pairs answered with
            and without it; attacks with too few of those are left out.
    """

    grades: Ints
    attack_success: dict[str, float]


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
    """
    dev = (
        read_table(prepared, "queries")
        .filter(pl.col("split") == "dev")["query_id"]
        .to_list()
    )
    human = read_table(prepared, "judgements").select(*PAIR, "grade")
    signs = read_table(feedback, "dev_signs").select(*PAIR, "wanted_exact")
    held_out = human.filter(pl.col("query_id").is_in(dev))
    human_by = {(q, i): grade for q, i, grade in held_out.iter_rows()}

    wanted = {(q, i): is_wanted for q, i, is_wanted in signs.iter_rows()}

    queries = set(dev)
    asked = list[JudgeInput]()
    for case in load_cases(prepared, evidence, None, lambda q: q in queries):
        key = case.query_id, case.item_id
        if key in human_by or key in wanted:
            asked.append(case)

    keys = [(case.query_id, case.item_id) for case in asked]
    grade_of = {True: int(Grade.EXACT), False: int(Grade.SUBSTITUTE)}
    sign = [grade_of[wanted[k]] if k in wanted else -1 for k in keys]
    distinct = sorted({case.query_id for case in asked})
    number = {query_id: n for n, query_id in enumerate(distinct)}
    return ValidationSet(
        asked,
        np.array([human_by.get(k, -1) for k in keys], dtype=np.int64),
        np.array(sign, dtype=np.int64),
        np.array([number[case.query_id] for case in asked], dtype=np.int64),
        _attack(asked, evidence, attack_pairs, seed),
    )


def _attack(
    cases: Sequence[JudgeInput], evidence: Path, most: int, seed: int
) -> dict[str, list[tuple[int, JudgeInput]]]:
    reader = Reader(Lexicon.from_json((evidence / "lexicon.json").read_text("utf-8")))
    rows = sorted(Random(seed).sample(range(len(cases)), min(most, len(cases))))

    def cheat(case: JudgeInput, attack: int) -> JudgeInput:
        item = ATTACKS[attack].apply(
            case.query, case.item, Random(f"{seed}|{case.query_id}|{case.item_id}")
        )
        return replace(
            case,
            item=item,
            evidence=compare(reader.read_query(case.query), reader.read_item(item)),
        )

    return {
        attack.name: [(i, cheat(cases[i], n)) for i in rows]
        for n, attack in enumerate(ATTACKS)
    }


def _grades(judge: Judge, cases: Sequence[JudgeInput]) -> Ints:
    answers = judge.judge(cases)
    return np.array(
        [
            int(np.argmax(a.probabilities)) if isinstance(a, Judgement) else -1
            for a in answers
        ],
        dtype=np.int64,
    )


def predict(judge: Judge, exam: ValidationSet, *, attacks: bool = True) -> Predictions:
    """Let a teacher answer.

    Args:
        judge: the teacher.
        exam: the questions.
        attacks: whether the attacked pairs are asked too.
    """
    grades = _grades(judge, exam.cases)
    attack_success: dict[str, float] = {}
    if not attacks:
        return Predictions(grades, attack_success)

    for name, pairs in exam.attack_pairs.items():
        attack_pairs = [case for _, case in pairs]
        told = _grades(judge, attack_pairs)
        rows = [row for row, _ in pairs]
        clean = grades[rows]

        # an attack fools the teacher where it raises the grade of the same pair
        both = (told >= 0) & (clean >= 0)
        if both.sum() >= LEAST_PAIRS:
            raised = told > clean
            attack_success[name] = float(raised[both].mean())
    return Predictions(grades, attack_success)
