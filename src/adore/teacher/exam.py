"""What a teacher is examined on: held-out judged pairs, held-out behaviour, and attacked copies of the pairs."""

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
from adore.teacher.answers import Answer, Case, Judge, load_cases
from adore.teacher.gate import LEAST_PAIRS
from adore.types import Grade

__all__ = ["Exam", "Paper", "load_exam", "sit"]

Ints = npt.NDArray[np.int64]
KEYS = ["query_id", "item_id"]


@dataclass(frozen=True, slots=True)
class Exam:
    """The questions.

    Attributes:
        cases: held-out pairs that people judged or whose behaviour gives a sign.
        human: human grade, -1 unknown. Shape [n].
        sign: E if shoppers want the item for the query, S if not, -1 unknown. Shape [n].
        groups: the query of each pair, as an integer. Shape [n].
        attacked: attack to (row of ``cases``, the attacked pair).
    """

    cases: list[Case]
    human: Ints
    sign: Ints
    groups: Ints
    attacked: dict[str, list[tuple[int, Case]]]

    def slices(self, rows: npt.NDArray[np.bool_]) -> dict[str, Ints]:
        """The human-judged pairs among ``rows`` (numbered among themselves) by asked attribute and by brand."""
        found = defaultdict(list)
        for row, at in enumerate(np.flatnonzero((self.human >= 0) & rows)):
            case = self.cases[at]
            for name in {e.attribute for e in case.evidence}:
                found[f"asks {name}"].append(row)
            if case.item.brand:
                found[f"brand {case.item.brand}"].append(row)
        return {name: np.array(rows) for name, rows in sorted(found.items())}


@dataclass(frozen=True, slots=True)
class Paper:
    """One teacher's answers.

    Attributes:
        grades: of each case, -1 where it gave no valid answer. Shape [n].
        fooled: attack to the share of grades that it raised, among pairs answered with and without it; attacks with
            too few of those are left out.
    """

    grades: Ints
    fooled: dict[str, float]


def load_exam(
    prepared: Path, evidence: Path, feedback: Path, *, attacked: int, seed: int
) -> Exam:
    """Everything held out from the teacher's training: dev queries.

    Args:
        prepared, evidence, feedback: outputs of these stages.
        attacked: most pairs that each attack is tried on.
        seed: chooses them.
    """
    dev = (
        read_table(prepared, "queries")
        .filter(pl.col("split") == "dev")["query_id"]
        .to_list()
    )
    human = read_table(prepared, "judgements").select(*KEYS, "grade")
    signs = read_table(feedback, "held").select(*KEYS, "wanted_exact")
    human_by = {
        (q, i): g for q, i, g in human.filter(pl.col("query_id").is_in(dev)).iter_rows()
    }
    wanted = {(q, i): w for q, i, w in signs.iter_rows()}
    queries = set(dev)
    asked = [
        c
        for c in load_cases(prepared, evidence, None, lambda q: q in queries)
        if (c.query_id, c.item_id) in human_by or (c.query_id, c.item_id) in wanted
    ]
    keys = [(c.query_id, c.item_id) for c in asked]
    sign = {True: int(Grade.EXACT), False: int(Grade.SUBSTITUTE)}
    names = {q: n for n, q in enumerate(sorted({c.query_id for c in asked}))}
    return Exam(
        asked,
        np.array([human_by.get(k, -1) for k in keys], dtype=np.int64),
        np.array(
            [sign[wanted[k]] if k in wanted else -1 for k in keys], dtype=np.int64
        ),
        np.array([names[c.query_id] for c in asked], dtype=np.int64),
        _attack(asked, evidence, attacked, seed),
    )


def _attack(
    cases: Sequence[Case], evidence: Path, most: int, seed: int
) -> dict[str, list[tuple[int, Case]]]:
    reader = Reader(Lexicon.from_json((evidence / "lexicon.json").read_text("utf-8")))
    rows = sorted(Random(seed).sample(range(len(cases)), min(most, len(cases))))

    def cheat(case: Case, attack: int) -> Case:
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


def _grades(judge: Judge, cases: Sequence[Case]) -> Ints:
    answers = judge.judge(cases)
    return np.array(
        [
            int(np.argmax(a.probabilities)) if isinstance(a, Answer) else -1
            for a in answers
        ],
        dtype=np.int64,
    )


def sit(judge: Judge, exam: Exam, *, attacks: bool = True) -> Paper:
    """Let a teacher answer."""
    grades = _grades(judge, exam.cases)
    fooled = {}
    for name, pairs in exam.attacked.items() if attacks else ():
        told = _grades(judge, [case for _, case in pairs])
        clean = grades[[i for i, _ in pairs]]
        both = (told >= 0) & (clean >= 0)
        if both.sum() >= LEAST_PAIRS:
            fooled[name] = float((told > clean)[both].mean())
    return Paper(grades, fooled)
