"""Stage ``distil``: human, teacher and synthetic judgements into a small student folder."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from adore.artifacts import read_manifest, read_table, unfinished, write_table
from adore.attributes.language_packs import load_language
from adore.attributes.lexicon import Lexicon
from adore.config import StageConfig
from adore.errors import DataError, check
from adore.progress import progress
from adore.rulebook import BOOK, RuleBook
from adore.storage import discard, write_json
from adore.torchrun import world
from adore.types import Grade, item_from_row

if TYPE_CHECKING:
    from adore.student.inputs import ListInputs
    from adore.student.lists import PairList, Sources
    from adore.student.training import Curve, ListRows

__all__ = [
    "Config",
    "calibrate",
    "fit",
    "predict",
    "prior_of",
    "refit",
    "rows_of",
    "run",
    "write_inputs",
]


class Config(StageConfig):
    """Budget and trust; the backbone is the one that ``retrieve`` embedded the catalogue with."""

    epochs: int = Field(20, ge=1)
    learning_rate: float = Field(2e-3, gt=0)
    patience: int = Field(10, ge=1)
    """Epochs without a better nDCG@10 on dev queries after which the net's training stops."""
    lists: int = Field(2, ge=1)
    """Lists a step, shared by all processes."""
    processes: int = Field(1, ge=1)
    """Processes of this machine that train the net together (torchrun)."""
    checkpoint: str = ""
    """File that training writes after each epoch and goes on from; removed when the student is whole; empty: none."""
    attribute_weight: float = Field(0.5, ge=0)
    """Weight of the attribute heads' loss; 0: a student without them."""
    list_context: bool = True
    """False: every item is scored as if it were alone."""
    trees: int = Field(200, ge=1)
    context: int = Field(24, ge=2)
    """Real items that stand around a synthetic pair whose query was edited."""
    max_pairs: int = Field(20_000, ge=2)
    teacher_weight: float = Field(0.3, ge=0, lt=1)
    """Trust in a pair that only the teacher judged."""
    synthetic_weight: float = Field(0.3, ge=0, le=1)
    refit: bool = True
    """Learn again from train and dev queries once dev has said how long and how sure."""
    prior_power: float = Field(0.4, ge=0, le=1)
    """How far rare grades are raised when one grade is named; probabilities and order are not touched."""
    precision: Literal["fp32", "int8"] = "fp32"
    """Which of the two exported encoders is served."""


def rows_of(one: PairList, inputs: ListInputs, config: Config) -> ListRows:
    """Features of a list. A synthetic pair with a query of its own stands in the real items' list for that query."""
    from adore.student.training import ListRows

    real = np.flatnonzero(one.real)
    around = (
        real[np.linspace(0, len(real) - 1, min(config.context, len(real))).astype(int)]
        if len(real)
        else real
    )
    parts: dict[int, tuple[np.ndarray, ...]] = {}
    for query in dict.fromkeys(one.queries):
        own = [i for i, q in enumerate(one.queries) if q == query]
        first = [int(i) for i in around] if not one.real[own].any() else []
        items = [one.items[i] for i in (*first, *own)]
        evidence = [
            *inputs.reader.evidence(query, items[: len(first)]),
            *(one.evidence[i] for i in own),
        ]
        members = np.array([*(True for _ in first), *one.real[own]], dtype=bool)
        found = inputs.of(query, items, evidence, members)
        for at, i in enumerate(own, len(first)):
            parts[i] = (found.matrix[at], found.meaning[at], found.states[at])
    matrix, meaning, states = (
        np.array([parts[i][k] for i in range(len(one.items))]) for k in range(3)
    )
    return ListRows(
        one.list_id, matrix, meaning, one.targets, one.weights, states, one.real
    )


def _checkpoint(config: Config, train: list[ListRows]) -> str:
    kept = config.checkpoint or (f"{unfinished()}/net" if world() > 1 else "")
    return f"{kept}.{len(train)}" if kept else ""


def fit(
    train: list[ListRows], dev: list[ListRows], config: Config, stop: int = 0
) -> tuple[Any, Any, Curve]:
    """Net, forest and the net's curve."""
    from adore.student.forest import ForestPlan, fit_forest
    from adore.student.training import Plan, train_net_in

    plan = Plan(
        epochs=config.epochs,
        rate=config.learning_rate,
        patience=config.patience,
        attribute_weight=config.attribute_weight,
        lists=config.lists,
        stop=stop,
        seed=config.seed,
    )
    net, curve = train_net_in(
        config.processes, train, dev, plan, _checkpoint(config, train)
    )
    matrix, targets, weights = (
        np.concatenate([getattr(o, k) for o in train])
        for k in ("matrix", "targets", "weights")
    )
    grown = ForestPlan(trees=config.trees, seed=config.seed, threads=config.threads)
    return net, fit_forest(matrix, targets, weights, grown), curve


def refit(
    train: list[ListRows], dev: list[ListRows], config: Config, curve: Curve
) -> tuple[Any, Any, Curve]:
    """:func:`fit` once more, dev lists too, for as long as they said before; at least half of the schedule."""
    return fit([*train, *dev], [], config, stop=max(curve.kept, config.epochs // 2))


def predict(net: Any, forest: Any, lists: list[ListRows]) -> list[np.ndarray]:
    """(pairs, 4) of every list, before the temperature."""
    from adore.student.training import net_probabilities

    return [
        (p + forest.predict(one.matrix)) / 2
        for one, p in zip(lists, net_probabilities(net, lists), strict=True)
    ]


def write_inputs(
    prepared: Path, evidence: Path, retrieved: Path, output: Path
) -> RuleBook:
    """All that :class:`ListInputs` loads; encoder and vectors are those that ``retrieve`` wrote."""
    from adore.student.export import quantise_encoder
    from adore.student.inputs import save_readings
    from adore.student.known import copy_info, save_items
    from adore.student.onnx_models import copy_encoder
    from adore.student.rankers import copy_rulebook
    from adore.student.text_index import TextIndex

    items = [
        item_from_row(row)
        for row in read_table(prepared, "items").iter_rows(named=True)
    ]
    shutil.copyfile(evidence / "lexicon.json", output / "lexicon.json")
    lexicon = Lexicon.from_json((output / "lexicon.json").read_text("utf-8"))
    index = TextIndex.build(items, load_language(lexicon.language))
    (output / "text_index.json").write_text(index.to_json(), "utf-8")
    rulebook = copy_rulebook(str(prepared / BOOK), output)
    save_readings(items, evidence, output)
    save_items(items, output)
    copy_info(prepared, output)
    copy_encoder(retrieved, output)
    quantise_encoder(output)
    return rulebook


def calibrate(found: list[np.ndarray], dev: list[ListRows]) -> dict[str, float]:
    """Temperature from the dev pairs (1 without any), and the calibration error there before and after.

    Args:
        found: (pairs, 4) of each list, from :func:`predict` of a student that has not learnt from them.
        dev: those lists.
    """
    from adore.student.calibration import calibration_error, fit_temperature, tempered

    p = np.concatenate([*found, np.zeros((0, 4))])
    grades = np.concatenate(
        [*(one.targets.argmax(1) for one in dev), np.zeros(0, dtype=np.int64)]
    )
    temperature = fit_temperature(p, grades)
    after = calibration_error(tempered(p, temperature), grades)
    return {
        "temperature": temperature,
        "dev_ece_before": calibration_error(p, grades),
        "dev_ece": after,
    }


def prior_of(rows: list[ListRows]) -> np.ndarray:
    """(4,) share of each grade among the real pairs, by trust."""
    mass = np.zeros(4)
    for one in rows:
        mass += (one.targets * one.weights[:, None])[one.real].sum(axis=0)
    return mass / max(float(mass.sum()), 1e-9)


def _dev_scores(
    dev: list[PairList], found: list[np.ndarray], prior: np.ndarray, power: float
) -> list[dict[str, Any]]:
    """Rows of ``scores``: the dev pairs' by a student that had not learnt from them; ``found`` is tempered."""
    from adore.student.calibration import GRADE_GAINS, chosen_grades

    return [
        {
            "system": "student",
            "query_id": one.list_id,
            "item_id": item.item_id,
            "score": float(p @ GRADE_GAINS),
            "grade": int(grade),
            **{f"p_{g.letter}": float(p[g]) for g in reversed(Grade)},
        }
        for one, given in zip(dev, found, strict=True)
        for item, p, grade in zip(
            one.items, given, chosen_grades(given, prior, power), strict=True
        )
    ]


def _card(
    config: Config,
    lists: list[PairList],
    sources: Sources,
    rulebook: str,
    more: dict[str, Any],
) -> Any:
    real = np.concatenate([one.real for one in lists])
    human = np.concatenate([one.weights == 1.0 for one in lists]) & real
    counts = {
        "lists": len(lists),
        "human": int(human.sum()),
        "teacher": int((real & ~human).sum()),
    }
    return {
        "kind": "student",
        "name": "student",
        "backbone": made.config["backbone"]
        if (made := read_manifest(str(sources.retrieved)))
        else "",
        "precision": config.precision,
        "list_context": config.list_context,
        "attribute_heads": config.attribute_weight > 0,
        "rulebook": rulebook,
        "teacher": sorted(
            {
                str(j)
                for a in sources.answers
                for j in read_table(a, "answers")["judge"].unique()
            }
        ),
        "data": {**counts, "synthetic": int((~real).sum())},
        **more,
        "limits": "English lexicons; judged lists of up to some 80 items; see docs/benchmarks.md for measures.",
    }


def _write_card(folder: Path) -> None:
    card = json.loads((folder / "card.json").read_text("utf-8"))
    lines = [f"# {card['name']} {card['version']}", ""]
    lines += [
        f"- **{key}**: {json.dumps(value, ensure_ascii=False)}"
        for key, value in card.items()
    ]
    (folder / "card.md").write_text("\n".join(lines) + "\n", "utf-8")


def run(
    config: Config,
    prepared: Path,
    evidence: Path,
    answers: list[Path],
    synthetic: Path,
    retrieved: Path,
    output: Path,
) -> dict[str, float]:
    """Train net and forest, calibrate, export, seal; the folder is what ``adore score`` and the server load."""
    from adore.student.calibration import tempered
    from adore.student.export import export_net, seal
    from adore.student.forest import export_forest
    from adore.student.inputs import ListInputs
    from adore.student.lists import Sources, learn_from
    from adore.student.training import mean_ndcg

    trust = {
        "teacher_weight": config.teacher_weight,
        "synthetic_weight": config.synthetic_weight,
    }
    sources = Sources(prepared, evidence, answers, synthetic, retrieved)
    lists, dev = learn_from(
        sources, **trust, max_pairs=config.max_pairs, seed=config.seed
    )
    check(
        bool(lists),
        "train lists",
        0,
        must="at least one",
        fix="add train queries with pairs",
        error=DataError,
    )
    rulebook = write_inputs(prepared, evidence, retrieved, output)
    inputs = ListInputs(output, threads=config.threads, context=config.list_context)
    rows = [
        rows_of(one, inputs, config) for one in progress([*lists, *dev], "lists read")
    ]
    train, held = rows[: len(lists)], rows[len(lists) :]
    net, forest, curve = fit(train, held, config)
    found = predict(net, forest, held)
    calibration = calibrate(found, held)
    prior = prior_of(train)
    sure = [tempered(p, calibration["temperature"]) for p in found]
    write_table(_dev_scores(dev, sure, prior, config.prior_power), output, "scores")
    if config.refit and held:
        net, forest, _ = refit(train, held, config, curve)
    export_net(net, output)
    export_forest(forest, output / "forest.onnx")
    learnt = [*lists, *dev] if config.refit else lists
    told = {"prior": prior.round(4).tolist(), "prior_power": config.prior_power}
    more = {
        **calibration,
        **told,
        "training": asdict(replace(curve, losses=(), dev=())) | {"refit": config.refit},
    }
    seal(output, _card(config, learnt, sources, rulebook.version, more))
    _write_card(output)
    write_json(asdict(curve), output / "curve.json")
    for done in filter(
        None, (_checkpoint(config, learnt_from) for learnt_from in (train, rows))
    ):
        discard(done)
    pairs = sum(len(one.items) for one in learnt)
    dev_ndcg = mean_ndcg(found, held)
    return {
        "pairs": float(pairs),
        "lists": float(len(learnt)),
        "dev_ndcg": dev_ndcg,
        "dev_ece": calibration["dev_ece"],
    }
