"""The validation set and the gate: who is promoted, and why not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from adore.artifacts import Manifest, hash_tree
from adore.errors import ConfigError
from adore.pipeline.runner import run_stage
from adore.rulebook import RuleBook
from adore.storage import write_json
from adore.teacher.backends.evidence import EvidenceJudge, RulesGrader
from adore.teacher.factory import Config, choose_judge
from adore.teacher.judgements import JudgeFailure, JudgeInput, Judgement
from adore.teacher.validation.gate import (
    GateReport,
    GradedPairs,
    Robustness,
    compare,
    decide,
    rates,
)
from adore.teacher.validation.validation_set import load_validation_set, predict

RNG = np.random.default_rng(0)
HUMAN, GROUPS = RNG.integers(0, 4, 600), np.arange(600) // 20
STRICT = np.where((HUMAN == 3) & (RNG.random(600) < 0.5), 2, HUMAN)
NONE = GradedPairs(*[np.zeros(0, dtype=np.int64)] * 4)
WANTED = np.where(HUMAN == 3, 3, 2)
SIGNS = GradedPairs(WANTED, STRICT, WANTED, GROUPS)


def verdict(
    new: np.ndarray,
    *,
    slices: dict | None = None,
    attack_success: dict | None = None,
    flipped: dict | None = None,
    behaviour: GradedPairs = SIGNS,
    **unanswered: float,
) -> GateReport:
    robustness = Robustness(
        {"claim": 0.0} if attack_success is None else attack_success,
        {"ring": 0.0} if flipped is None else flipped,
        **unanswered,
    )
    people = GradedPairs(HUMAN, STRICT, new, GROUPS)
    return decide(people, behaviour, slices or {}, robustness, seed=0)


def test_rates_agree_with_scikit_learn() -> None:
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(0)
    human, given = rng.integers(0, 4, 300), rng.integers(0, 4, 300)
    found = rates(human, given)
    assert found.macro_f1 == pytest.approx(f1_score(human, given, average="macro"))
    assert found.fnr == pytest.approx(1 - (given[human == 3] == 3).mean())


def test_only_what_is_better_is_promoted() -> None:
    assert verdict(HUMAN).promoted and verdict(HUMAN).people.old.fnr > 0.3
    assert not verdict(STRICT).promoted, "as good is not better"
    refused = verdict(np.full(600, 3))
    assert any("people: false positives rose" in r for r in refused.reasons)
    people = GradedPairs(HUMAN, STRICT, HUMAN, GROUPS).take(np.arange(20))
    few = decide(people, NONE, {}, Robustness({}, {}), seed=0)
    assert not few.promoted and "previous teacher stays" in few.reasons[0]


def test_shoppers_slices_and_attacks_may_refuse() -> None:
    against = verdict(HUMAN, behaviour=GradedPairs(WANTED, WANTED, STRICT, GROUPS))
    assert [r for r in against.reasons if r.startswith("shoppers: false negatives")]
    pushed = HUMAN.copy()
    brand = np.flatnonzero((HUMAN < 3) & (np.arange(600) % 7 == 0))
    pushed[brand] = 3
    bought = verdict(
        pushed,
        slices={"brand Zeta": np.arange(0, 600, 7), "brand Acme": np.arange(1, 600, 7)},
    )
    assert [r for r in bought.reasons if r.startswith("slice brand Zeta")]
    assert not [r for r in bought.reasons if "Acme" in r] and bought.slices == (
        "brand Acme",
        "brand Zeta",
    )
    size = np.flatnonzero(np.arange(600) % 5 == 0)
    stricter = HUMAN.copy()
    stricter[size[HUMAN[size] == 3]] = 2
    lost = verdict(
        stricter,
        slices={"asks size": size, "asks colour": size + 1, "asks few": size[:9]},
    )
    assert [r.split(":")[0:2] for r in lost.reasons] == [
        ["slice asks size", " false negatives rose"]
    ]
    assert lost.slices == ("asks colour", "asks size"), (
        "only those with pairs enough are said to hold"
    )
    assert (
        "attack claim: raises 3.0% of grades"
        in verdict(HUMAN, attack_success={"claim": 0.03}).reasons
    )
    bribed = verdict(HUMAN, flipped={"ring": 0.05, "fast": 0.01})
    assert [r.split(":")[0] for r in bribed.reasons] == [
        "poisoning ring"
    ] and "flip 5.0% of" in bribed.reasons[0]
    assert verdict(HUMAN, attack_success={"claim": 0.01}).promoted


def test_what_was_not_tried_refuses() -> None:
    assert (
        verdict(HUMAN).promoted
        and "people: false negatives fell from" in verdict(HUMAN).reasons[0]
    )
    for more, reason in (
        ({"behaviour": NONE}, "shoppers: fewer than 30 held-out pairs"),
        (
            {"attack_success": {"claim": None}},
            "attack claim: not tried on 30 answered pairs",
        ),
        ({"flipped": {}}, "poisoning: not tried"),
        (
            {"unanswered_new": 0.9},
            "held-out pairs without a valid answer rose: 0.0% to 90.0%",
        ),
    ):
        refused = verdict(HUMAN, **more)
        assert (
            not refused.promoted
            and len(refused.reasons) == 1
            and refused.reasons[0].startswith(reason)
        )


def test_intervals_cover_as_a_plain_bootstrap_does() -> None:
    found = compare(GradedPairs(HUMAN, STRICT, HUMAN, GROUPS), seed=1)
    rng, drawn = np.random.default_rng(2), []
    members = [np.flatnonzero(g == GROUPS) for g in np.unique(GROUPS)]
    for _ in range(800):
        rows = np.concatenate(
            [members[i] for i in rng.integers(0, len(members), len(members))]
        )
        drawn.append(
            rates(HUMAN[rows], HUMAN[rows]).fnr - rates(HUMAN[rows], STRICT[rows]).fnr
        )
    assert found and (found.fnr.low, found.fnr.high) == pytest.approx(
        tuple(np.quantile(drawn, [0.05, 0.95])), abs=0.02
    )


class Silent:
    """A judge that gives no valid answer for some items."""

    name = "silent"

    def __init__(self, judge: EvidenceJudge, items: set[str]) -> None:
        self.judge_, self.items = judge, items

    def judge(
        self, judge_inputs: Sequence[JudgeInput]
    ) -> list[Judgement | JudgeFailure]:
        told = self.judge_.judge(judge_inputs)
        return [
            JudgeFailure("silent") if c.item_id in self.items else a
            for c, a in zip(judge_inputs, told, strict=True)
        ]

    def close(self) -> None:
        """Nothing to free."""


def test_a_validation_set_has_what_was_held_out(school: Path) -> None:
    validation = load_validation_set(school, school, school, attack_pairs=35, seed=0)
    assert len(validation.judge_inputs) == 40 and {
        c.query_id for c in validation.judge_inputs
    } == {"q2"}
    assert (
        (validation.human >= 0).all()
        and (validation.sign == 3).sum() == 1
        and len(validation.attack_pairs) >= 5
    )
    book = RuleBook.load()
    judge = EvidenceJudge(RulesGrader(book), book)
    predictions = predict(judge, validation)
    assert (
        set(predictions.grades) <= {0, 1, 2, 3}
        and predictions.attack_success["claim"] == 0
        and predictions.attack_success["copying in text"] > 0
    )
    few = Silent(judge, {c.item_id for c in validation.judge_inputs[:8]})
    assert (predict(few, validation).grades == -1).sum() == 8 and not predict(
        few, validation
    ).attack_success, "27 answered pairs tell nothing"
    assert {"asks colour", "brand Acme"} <= set(
        validation.slices(validation.human >= 0)
    )


@pytest.mark.filterwarnings("ignore")
def test_only_a_teacher_that_was_in_force_is_kept(school: Path, tmp_path: Path) -> None:
    tiny = {
        "layers": 1,
        "width": 16,
        "sft_rows": 32,
        "sft_epochs": 1,
        "attack_pairs": 2,
    }

    def taught(name: str, previous: str = "", seed: int = 0) -> Manifest:
        inputs = {k: str(school) for k in ("prepared", "evidence", "feedback")} | {
            "judged": [str(school)]
        }
        place = str(tmp_path / name / "align")
        return run_stage(
            "align",
            inputs,
            place,
            **tiny,
            previous=previous and str(tmp_path / previous),
            seed=seed,
        )

    def judge(name: str) -> str:
        return choose_judge(
            Config(cache="off"),
            RuleBook.load(),
            school,
            school,
            tmp_path / name / "align",
        ).name

    first = taught("first")
    assert first.metrics["promoted"] == 0 and judge("first") == "rules", (
        "one dev query is too little to pass"
    )
    assert (
        taught("second", "first", 1).metrics["kept_previous"] == 0
        and judge("second") == "rules"
    )
    promoted = asdict(first) | {"metrics": {"promoted": 1.0}, "content": "another"}
    write_json(promoted, tmp_path / "first" / "align" / "manifest.json")
    assert taught("second", "first", 1).metrics["kept_previous"] == 1, (
        "another previous teacher: the step runs again"
    )
    assert taught("third", "first", 2).metrics["kept_previous"] == 1
    assert judge("third") == judge("first") != "rules"
    gate = json.loads((tmp_path / "third" / "align" / "gate.json").read_text())
    assert (
        "previous" in gate["systems"] and "previous teacher stays" in gate["reasons"][0]
    )

    # Round after round: what the third kept is examined by the last, beside its own.
    assert taught("last", "third", 3).metrics["kept_previous"] == 1
    exams = {
        name: json.loads((tmp_path / name / "align" / "gate.json").read_text())
        for name in ("first", "last")
    }
    in_force = exams["last"]["systems"]["previous"]
    assert in_force == exams["first"]["systems"]["kto"]
    assert set(exams["last"]["systems"]) == {"rules", "previous", "sft", "kto"}
    models = {
        hash_tree(tmp_path / name / "align" / "model")
        for name in ("first", "second", "third", "last")
    }
    assert len(models) == 1 and judge("last") == judge("first")
    (tmp_path / "half" / "align").mkdir(parents=True)
    with pytest.raises(ConfigError, match="a whole output of the step align"):
        taught("fourth", "half")
