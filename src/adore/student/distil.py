"""Stage ``distil``: human, teacher and synthetic judgements into a small student folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from adore.artifacts import read_manifest, read_table, write_table
from adore.attributes.language_packs import load_language
from adore.attributes.lexicon import Lexicon
from adore.config import StageConfig
from adore.errors import DataError, check
from adore.measures import expected_gain
from adore.progress import progress
from adore.rulebook import RULEBOOK_FILE, RuleBook
from adore.storage import delete, write_json
from adore.student.export import CARD
from adore.student.settings import ForestConfig, NetConfig
from adore.types import Grade, item_from_row

if TYPE_CHECKING:
    from adore.student.training_lists import PairList, Sources

__all__ = ["Config", "run", "write_inputs"]


class Config(StageConfig):
    """Settings and trust; the backbone is the one that ``retrieve`` embedded the catalogue with."""

    net: NetConfig = NetConfig()
    """How the net is trained."""
    forest: ForestConfig = ForestConfig()
    """How the forest is grown."""
    processes: int = Field(1, ge=1)
    """Processes of this machine that train the net together (torchrun)."""
    checkpoint: str = ""
    """File that training writes after each epoch and continues from; empty: none.

    It is removed when the student is complete.
    """
    list_context: bool = True
    """False: every item is scored as if it were alone."""
    context: int = Field(24, ge=2)
    """Real items that are put around a synthetic pair whose query was edited."""
    max_pairs: int = Field(20_000, ge=2)
    """Most pairs that are trained on."""
    teacher_weight: float = Field(0.3, ge=0, lt=1)
    """Trust in a pair that only the teacher judged."""
    synthetic_weight: float = Field(0.3, ge=0, le=1)
    """Trust in a verified synthetic pair."""
    refit: bool = True
    """Learn again from train and dev queries, after dev gave epochs and temperature."""
    prior_power: float = Field(0.4, ge=0, le=1)
    """How far rare grades are raised when one grade is named.

    Probabilities and order do not change.
    """
    precision: Literal["fp32", "int8"] = "fp32"
    """Which of the two exported encoders is served."""


def write_inputs(
    prepared: Path, evidence: Path, retrieved: Path, output: Path
) -> RuleBook:
    """Write every file that :class:`adore.student.inputs.ListInputs` loads.

    Args:
        prepared: the folder of ``prepare``: items, their columns, the rule book.
        evidence: the folder of ``evidence``: lexicon and readings.
        retrieved: the folder of ``retrieve``: its encoder and vectors are copied.
        output: the student's folder.

    Returns:
        The rule book, loaded.

    Raises:
        MissingError: a table or the rule book is not there.
        DataError: a table cannot be read.
        ConfigError: the rule book is not valid.
    """
    from adore.student.export import quantise_encoder
    from adore.student.inputs import save_readings
    from adore.student.known import copy_info, save_items
    from adore.student.onnx_models import copy_encoder
    from adore.student.text_index import TextIndex

    item_table = read_table(prepared, "items")
    items = [item_from_row(row) for row in item_table.iter_rows(named=True)]

    shutil.copyfile(evidence / "lexicon.json", output / "lexicon.json")
    lexicon = Lexicon.from_json((output / "lexicon.json").read_text("utf-8"))
    TextIndex.build(items, load_language(lexicon.language)).save(output)
    shutil.copyfile(prepared / RULEBOOK_FILE, output / RULEBOOK_FILE)
    rulebook = RuleBook.load(str(output / RULEBOOK_FILE))

    save_readings(items, evidence, output)
    save_items(items, output)
    copy_info(prepared, output)
    copy_encoder(retrieved, output)
    quantise_encoder(output)
    return rulebook


def _dev_scores(
    dev: Sequence[PairList],
    probabilities: Sequence[np.ndarray],
    grades: Sequence[np.ndarray],
) -> list[dict[str, Any]]:
    """Rows of ``scores``: the dev pairs', by a student that has not learnt from them."""
    score_rows: list[dict[str, Any]] = []
    for pairs, of_list, named in zip(dev, probabilities, grades, strict=True):
        for number, item in enumerate(pairs.items):
            of_pair = of_list[number]
            score_row: dict[str, Any] = {
                "system": "student",
                "query_id": pairs.list_id,
                "item_id": item.item_id,
                "score": float(expected_gain(of_pair)),
                "grade": int(named[number]),
            }
            for grade in reversed(Grade):
                score_row[f"p_{grade.letter}"] = float(of_pair[grade])
            score_rows.append(score_row)
    return score_rows


def _pair_counts(lists: Sequence[PairList]) -> dict[str, int]:
    """How many lists, and pairs of each origin, were learnt from."""
    human = 0
    real = 0
    pair_count = 0
    for pairs in lists:
        # A human judgement alone has full trust.
        is_human = pairs.real & (pairs.weights == 1.0)
        human += int(is_human.sum())
        real += int(pairs.real.sum())
        pair_count += len(pairs.real)
    return {
        "lists": len(lists),
        "human": human,
        "teacher": real - human,
        "synthetic": pair_count - real,
    }


def _card(
    config: Config,
    lists: Sequence[PairList],
    sources: Sources,
    rulebook: str,
    learnt: Mapping[str, Any],
) -> dict[str, Any]:
    """The student's card: how it was made, and what of that the ranker reads."""
    backbone = ""
    retrieved = read_manifest(str(sources.retrieved))
    if retrieved:
        backbone = retrieved.config["backbone"]

    # Several judges where shards were judged by different models.
    judges = set[str]()
    for folder in sources.judged:
        judge_names = read_table(folder, "teacher_judgements")["judge"].unique()
        judges.update(str(judge_name) for judge_name in judge_names)
    return {
        "kind": "student",
        "name": "student",
        "backbone": backbone,
        "precision": config.precision,
        "list_context": config.list_context,
        "attribute_heads": config.net.attribute_weight > 0,
        "rulebook": rulebook,
        "teacher": sorted(judges),
        "data": _pair_counts(lists),
        **learnt,
        "limits": "English lexicons; judged lists of up to some 80 items; "
        "see docs/benchmarks.md for measures.",
    }


def _write_card_page(folder: Path) -> None:
    """``card.md``: the card for people."""
    card_text = (folder / CARD).read_text("utf-8")
    card = json.loads(card_text)

    page_title = f"# {card['name']} {card['version']}"
    lines = [page_title, ""]
    for card_key, value in card.items():
        text_value = json.dumps(value, ensure_ascii=False)
        lines.append(f"- **{card_key}**: {text_value}")
    page_text = "\n".join(lines)
    (folder / "card.md").write_text(f"{page_text}\n", "utf-8")


def run(
    config: Config,
    prepared: Path,
    evidence: Path,
    judged: list[Path],
    synthetic: Path,
    retrieved: Path,
    output: Path,
) -> dict[str, float]:
    """Train net and forest, calibrate, export and seal.

    Args:
        config: settings and trust.
        prepared: the folder of ``prepare``.
        evidence: the folder of ``evidence``.
        judged: folders with the teacher's answers, one per shard.
        synthetic: the folder with the verified synthetic pairs.
        retrieved: the folder of ``retrieve``.
        output: the folder of this stage, which ``adore score`` and the server load.

    Returns:
        Metrics: pairs and lists learnt from, nDCG@10 and calibration error on dev.

    Raises:
        DataError: no train list, or a table that cannot be read.
        MissingError: a table is not there.
    """
    from adore.student import fitting
    from adore.student.calibration import chosen_grades, tempered
    from adore.student.export import export_net, seal
    from adore.student.forest import export_forest
    from adore.student.inputs import ListInputs
    from adore.student.training import mean_ndcg
    from adore.student.training_lists import Sources, load_training_lists

    sources = Sources(prepared, evidence, judged, synthetic, retrieved)
    train_lists, dev_lists = load_training_lists(
        sources,
        teacher_weight=config.teacher_weight,
        synthetic_weight=config.synthetic_weight,
        max_pairs=config.max_pairs,
        seed=config.seed,
    )
    check(
        bool(train_lists),
        "train lists",
        0,
        must="at least one",
        fix="add train queries with pairs",
        error=DataError,
    )

    rulebook = write_inputs(prepared, evidence, retrieved, output)
    inputs = ListInputs(output, threads=config.threads, context=config.list_context)
    list_rows = []
    for pairs in progress([*train_lists, *dev_lists], "lists read"):
        list_rows.append(fitting.rows_of(pairs, inputs, config))
    train_rows = list_rows[: len(train_lists)]
    dev_rows = list_rows[len(train_lists) :]

    # A student that has not learnt from dev gives epochs, temperature and dev scores.
    fitted = fitting.fit(train_rows, dev_rows, config)
    curve = fitted.curve
    probabilities = fitting.predict(fitted, dev_rows)
    calibration = fitting.calibrate(probabilities, dev_rows)
    grade_prior = fitting.prior_of(train_rows)
    calibrated = [
        tempered(uncalibrated, calibration.temperature)
        for uncalibrated in probabilities
    ]
    grades = [
        chosen_grades(of_list, grade_prior, config.prior_power)
        for of_list in calibrated
    ]
    write_table(_dev_scores(dev_lists, calibrated, grades), output, "scores")

    learnt_from = train_lists
    if config.refit and dev_rows:
        learnt_from = [*train_lists, *dev_lists]
        fitted = fitting.refit(train_rows, dev_rows, config, curve)

    export_net(fitted.net, output)
    export_forest(fitted.forest, output / "forest.onnx")
    learnt = {
        **asdict(calibration),
        "prior": grade_prior.round(4).tolist(),
        "prior_power": config.prior_power,
        "training": {"best_epoch": curve.best_epoch, "refit": config.refit},
    }
    seal(output, _card(config, learnt_from, sources, rulebook.version, learnt))
    _write_card_page(output)
    write_json(asdict(curve), output / "curve.json")

    for trained_on in (train_rows, list_rows):
        checkpoint = fitting.checkpoint_of(config, trained_on)
        if checkpoint:
            delete(checkpoint)

    return {
        "pairs": float(sum(len(pairs.items) for pairs in learnt_from)),
        "lists": float(len(learnt_from)),
        "dev_ndcg": mean_ndcg(probabilities, dev_rows),
        "dev_ece": calibration.dev_ece,
    }
