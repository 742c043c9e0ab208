"""Stage ``distil``: human, teacher and synthetic judgements into a small student folder."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from adore.artifacts import read_manifest, read_table, resume_dir, write_table
from adore.attributes.language_packs import load_language
from adore.attributes.lexicon import Lexicon
from adore.config import StageConfig
from adore.distributed import world_size
from adore.errors import DataError, check
from adore.progress import progress
from adore.rulebook import RULEBOOK_FILE, RuleBook
from adore.storage import delete, write_json
from adore.types import Grade, item_from_row

if TYPE_CHECKING:
    from adore.student.inputs import ListInputs
    from adore.student.training import Curve, ListRows
    from adore.student.training_lists import PairList, Sources

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
    """Most epochs of the net."""
    learning_rate: float = Field(2e-3, gt=0)
    """Of the net."""
    patience: int = Field(10, ge=1)
    """Epochs without a better nDCG@10 on dev queries after which the net's training stops."""
    lists: int = Field(2, ge=1)
    """Lists a step, shared by all processes."""
    processes: int = Field(1, ge=1)
    """Processes of this machine that train the net together (torchrun)."""
    checkpoint: str = ""
    """File that training writes after each epoch and goes on from; empty: none.

    It is removed when the student is whole.
    """
    attribute_weight: float = Field(0.5, ge=0)
    """Weight of the attribute heads' loss; 0: a student without them."""
    list_context: bool = True
    """False: every item is scored as if it were alone."""
    trees: int = Field(200, ge=1)
    """Trees of the forest."""
    context: int = Field(24, ge=2)
    """Real items that stand around a synthetic pair whose query was edited."""
    max_pairs: int = Field(20_000, ge=2)
    """Most pairs that are trained on."""
    teacher_weight: float = Field(0.3, ge=0, lt=1)
    """Trust in a pair that only the teacher judged."""
    synthetic_weight: float = Field(0.3, ge=0, le=1)
    """Trust in a verified synthetic pair."""
    refit: bool = True
    """Learn again from train and dev queries once dev has said how long and how sure."""
    prior_power: float = Field(0.4, ge=0, le=1)
    """How far rare grades are raised when one grade is named.

    Probabilities and order are not touched.
    """
    precision: Literal["fp32", "int8"] = "fp32"
    """Which of the two exported encoders is served."""


def rows_of(one: PairList, inputs: ListInputs, config: Config) -> ListRows:
    """Features of a list.

    A synthetic pair with a query of its own stands in the real items' list for that query.

    Args:
        one: the list.
        inputs: what computes features.
        config: how many real items stand around a synthetic pair.
    """
    from adore.student.training import ListRows

    around = _around(one, config.context)
    numbers: dict[str, list[int]] = {}
    for i, query in enumerate(one.queries):
        numbers.setdefault(query, []).append(i)

    size = len(one.items)
    matrix: list[Any] = [None] * size
    meaning: list[Any] = [None] * size
    states: list[Any] = [None] * size
    for query, own in numbers.items():
        # Where only synthetic pairs have a query, real items make the list around them.
        borrowed: list[int] = []
        if not one.real[own].any():
            borrowed = around

        items = [one.items[i] for i in (*borrowed, *own)]
        read_now = inputs.reader.evidence(query, items[: len(borrowed)])
        known = [one.evidence[i] for i in own]
        members = np.array([True] * len(borrowed) + [*one.real[own]], dtype=bool)
        found = inputs.of(query, items, [*read_now, *known], members)

        for row, i in enumerate(own, len(borrowed)):
            matrix[i] = found.matrix[row]
            meaning[i] = found.meaning[row]
            states[i] = found.states[row]

    return ListRows(
        list_id=one.list_id,
        matrix=np.array(matrix),
        meaning=np.array(meaning),
        targets=one.targets,
        weights=one.weights,
        states=np.array(states),
        real=one.real,
    )


def _around(one: PairList, most: int) -> list[int]:
    """Numbers of at most so many real pairs, at even distances over the list."""
    real = np.flatnonzero(one.real)
    if not len(real):
        return []
    count = min(most, len(real))
    places = np.linspace(0, len(real) - 1, count).astype(int)
    return [int(i) for i in real[places]]


def _checkpoint(config: Config, train: list[ListRows]) -> str:
    kept = config.checkpoint or (f"{resume_dir()}/net" if world_size() > 1 else "")
    return f"{kept}.{len(train)}" if kept else ""


def fit(
    train: list[ListRows], dev: list[ListRows], config: Config, stop: int = 0
) -> tuple[Any, Any, Curve]:
    """Train net and forest.

    Args:
        train: lists to learn from, at least one.
        dev: lists for early stopping of the net; empty: it stops by ``stop`` alone.
        config: budget and trust.
        stop: epochs after which the net's training stops; 0: the schedule's end.

    Returns:
        Net, forest and the net's curve.
    """
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
    grown = ForestPlan(trees=config.trees, seed=config.seed, threads=config.threads)
    forest = fit_forest(
        np.concatenate([one.matrix for one in train]),
        np.concatenate([one.targets for one in train]),
        np.concatenate([one.weights for one in train]),
        grown,
    )
    return net, forest, curve


def refit(
    train: list[ListRows], dev: list[ListRows], config: Config, curve: Curve
) -> tuple[Any, Any, Curve]:
    """:func:`fit` once more, from the dev lists too.

    Args:
        train: lists that the first fit learnt from.
        dev: lists that stopped it.
        config: budget and trust.
        curve: of the first fit; the net trains for as long as dev said, at least half of
            the schedule.
    """
    stop = max(curve.kept, config.epochs // 2)
    return fit([*train, *dev], [], config, stop=stop)


def predict(net: Any, forest: Any, lists: list[ListRows]) -> list[np.ndarray]:
    """(pairs, 4) of every list: the mean of net and forest, before the temperature.

    Args:
        net: the trained net.
        forest: the grown forest.
        lists: what is graded.
    """
    from adore.student.training import net_probabilities

    return [
        (p + forest.predict(one.matrix)) / 2
        for one, p in zip(lists, net_probabilities(net, lists), strict=True)
    ]


def write_inputs(
    prepared: Path, evidence: Path, retrieved: Path, output: Path
) -> RuleBook:
    """Write all that :class:`ListInputs` loads.

    Args:
        prepared: the folder of ``prepare``: items, their columns, the rule book.
        evidence: the folder of ``evidence``: lexicon and readings.
        retrieved: the folder of ``retrieve``: encoder and vectors are those that it wrote.
        output: the student's folder.

    Returns:
        The rule book, loaded.
    """
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
    rulebook = copy_rulebook(str(prepared / RULEBOOK_FILE), output)
    save_readings(items, evidence, output)
    save_items(items, output)
    copy_info(prepared, output)
    copy_encoder(retrieved, output)
    quantise_encoder(output)
    return rulebook


def calibrate(found: list[np.ndarray], dev: list[ListRows]) -> dict[str, float]:
    """Temperature from the dev pairs, and the calibration error there before and after.

    Args:
        found: (pairs, 4) of each list, from :func:`predict` of a student that has not
            learnt from them; without any the temperature is 1.
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
        trusted = one.targets * one.weights[:, None]
        mass += trusted[one.real].sum(axis=0)
    total = max(float(mass.sum()), 1e-9)
    return mass / total


def _dev_scores(
    dev: list[PairList], found: list[np.ndarray], prior: np.ndarray, power: float
) -> list[dict[str, Any]]:
    """Rows of ``scores``: the dev pairs', by a student that had not learnt from them.

    ``found`` is tempered.
    """
    from adore.measures import expected_gain
    from adore.student.calibration import chosen_grades

    return [
        {
            "system": "student",
            "query_id": one.list_id,
            "item_id": item.item_id,
            "score": float(expected_gain(p)),
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
    retrieved = read_manifest(str(sources.retrieved))
    judges = set[str]()
    for answers in sources.answers:
        judges.update(
            map(str, read_table(answers, "teacher_judgements")["judge"].unique())
        )
    return {
        "kind": "student",
        "name": "student",
        "backbone": retrieved.config["backbone"] if retrieved else "",
        "precision": config.precision,
        "list_context": config.list_context,
        "attribute_heads": config.attribute_weight > 0,
        "rulebook": rulebook,
        "teacher": sorted(judges),
        "data": {**counts, "synthetic": int((~real).sum())},
        **more,
        "limits": "English lexicons; judged lists of up to some 80 items; "
        "see docs/benchmarks.md for measures.",
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
    """Train net and forest, calibrate, export, seal.

    Args:
        config: budget and trust.
        prepared: the folder of ``prepare``.
        evidence: the folder of ``evidence``.
        answers: folders with the teacher's answers, one a shard.
        synthetic: the folder with the verified synthetic pairs.
        retrieved: the folder of ``retrieve``.
        output: the folder of this stage, which ``adore score`` and the server load.

    Returns:
        Metrics: pairs and lists learnt from, nDCG@10 and calibration error on dev.

    Raises:
        DataError: no train list.
    """
    from adore.student.calibration import tempered
    from adore.student.export import export_net, seal
    from adore.student.forest import export_forest
    from adore.student.inputs import ListInputs
    from adore.student.training import mean_ndcg
    from adore.student.training_lists import Sources, load_training_lists

    trust = {
        "teacher_weight": config.teacher_weight,
        "synthetic_weight": config.synthetic_weight,
    }
    sources = Sources(prepared, evidence, answers, synthetic, retrieved)
    lists, dev = load_training_lists(
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
    trained = asdict(replace(curve, losses=(), dev=()))
    more = {
        **calibration,
        "prior": prior.round(4).tolist(),
        "prior_power": config.prior_power,
        "training": {**trained, "refit": config.refit},
    }
    seal(output, _card(config, learnt, sources, rulebook.version, more))
    _write_card(output)
    write_json(asdict(curve), output / "curve.json")

    for learnt_from in (train, rows):
        checkpoint = _checkpoint(config, learnt_from)
        if checkpoint:
            delete(checkpoint)

    return {
        "pairs": float(sum(len(one.items) for one in learnt)),
        "lists": float(len(learnt)),
        "dev_ndcg": mean_ndcg(found, held),
        "dev_ece": calibration["dev_ece"],
    }
