"""Stage ``release``: an experiment of the champion against a student that passed its gate."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from pydantic import Field

from adore.artifacts import read_table
from adore.attributes.evidence import language_of
from adore.config import StageConfig
from adore.errors import AdoreError, ConfigError, check
from adore.storage import write_json
from adore.student.export import CARD, check_sealed
from adore.student.known import copy_info, info_of
from adore.student.rankers import baseline_kinds, load_ranker, save_baseline
from adore.types import item_from_row

__all__ = ["Config", "run", "shop_actions"]


class Config(StageConfig):
    """Traffic split, champion, and the design of the experiment."""

    share: float = Field(0.5, gt=0, lt=1)
    """Share of shoppers that get the challenger."""
    champion: str = ""
    """Place of the ranker in production; empty: the best baseline according to the gate."""
    alpha: float = Field(0.05, gt=0, lt=1)
    """Probability of a wrong decision if there is no effect (type I error)."""
    min_users: int = Field(100, ge=2)
    """Minimum number of users per variant."""
    window_hours: float = Field(24.0, gt=0)
    """Hours after a user's first exposure in which events count.

    It applies to a live experiment, which is analysed repeatedly."""
    explore: float = Field(0.0, ge=0, le=1)
    """Share of requests whose list is shown with neighbours swapped at random.

    Position bias is estimated from them; both variants' lists are explored alike."""


def _copy_ranker(folder: Path, variant_folder: Path) -> None:
    """Copy the folder of a ranker that a step wrote."""
    # The manifest describes the step's folder, not this copy.
    not_manifest = shutil.ignore_patterns("manifest.json")
    shutil.copytree(folder, variant_folder, ignore=not_manifest)


def _copy_champion(champion: Path, variant_folder: Path) -> None:
    """Copy the ranker in production, once it is known to be whole."""
    try:
        check_sealed(champion)
        load_ranker(champion)
    except AdoreError as error:
        raise ConfigError(
            f"release.champion == {str(champion)!r}, must be a ranker that can be served; "
            f"give the whole folder of a student or of a variant ({error})"
        ) from error
    _copy_ranker(champion, variant_folder)


def _write_baseline(
    prepared: Path, student: Path, kind: str, variant_folder: Path
) -> None:
    """Write the best baseline according to the gate."""
    known_kinds = baseline_kinds()
    check(
        kind in known_kinds,
        "gate's baseline",
        kind,
        must=f"one of {known_kinds}",
        fix="set release.champion to a place",
    )
    items = [
        item_from_row(item_row)
        for item_row in read_table(prepared, "items").iter_rows(named=True)
    ]
    variant_folder.mkdir(parents=True)
    copy_info(prepared, variant_folder)
    language = language_of(prepared)
    save_baseline(kind, items, variant_folder, encoder=student, language=language)


def _variant(folder: Path) -> dict[str, Any]:
    model_card = json.loads((folder / CARD).read_text("utf-8"))
    return {
        "folder": f"variants/{folder.name}",
        "kind": model_card["kind"],
        "version": model_card["version"],
    }


def shop_actions(prepared: Path) -> dict[str, str]:
    """Read the shop's names of actions, which its live events use as well.

    Args:
        prepared: output of ``prepare``.

    Returns:
        Canonical action by the shop's name; empty where the shop uses canonical names.
    """
    dataset_path = prepared / "dataset.json"
    if not dataset_path.is_file():
        return {}
    dataset = json.loads(dataset_path.read_text("utf-8"))
    return dict(dataset.get("actions", {}))


def run(
    config: Config,
    prepared: Path,
    student: Path,
    gate: Path,
    output: Path,
    champion: Path | None = None,
) -> dict[str, float]:
    """Write the two variants, their catalogue and the plan of the experiment.

    The files are ``variants/control``, ``variants/challenger``, ``catalogue.parquet`` and
    ``experiment.json``.

    Args:
        config: traffic split, champion, and the experiment's design.
        prepared: output of ``prepare``: items, language and columns.
        student: output of the student's training; it becomes the challenger.
        gate: output of the gate, with its verdict and the best baseline.
        output: the stage's folder.
        champion: folder of the ranker in production, which becomes the control; None: the
            best baseline does.

    Returns:
        The share of shoppers that get the challenger, and the number of variants.

    Raises:
        ConfigError: the gate did not pass, or the champion cannot be served.
    """
    verdict = json.loads((gate / "gate.json").read_text("utf-8"))
    advice = "see gate/gate.json for its reasons"
    check(
        bool(verdict["passed"]),
        "gate",
        verdict["passed"],
        must="passed before a release",
        fix=advice,
        error=ConfigError,
    )

    control = output / "variants" / "control"
    challenger = output / "variants" / "challenger"
    if champion is not None:
        _copy_champion(champion, control)
    else:
        _write_baseline(prepared, student, str(verdict["baseline"]), control)
    _copy_ranker(student, challenger)
    shutil.copyfile(prepared / "items.parquet", output / "catalogue.parquet")

    variants = {
        variant_folder.name: _variant(variant_folder)
        for variant_folder in (control, challenger)
    }
    version = variants["challenger"]["version"]
    # The salt has the version: a new student gets a new assignment of shoppers.
    experiment: dict[str, Any] = {
        "name": f"{variants['control']['kind']}-vs-{version}",
        "salt": f"adore|{config.seed}|{version}",
        "weights": {"control": 1 - config.share, "challenger": config.share},
        "design": {
            "alpha": config.alpha,
            "min_users": config.min_users,
            "window_hours": config.window_hours,
        },
        "variants": variants,
        "catalogue": "catalogue.parquet",
    }
    if config.explore:
        experiment["explore"] = config.explore
    actions = shop_actions(prepared)
    if actions:
        experiment["actions"] = actions
    columns = info_of(prepared).model_dump(exclude_defaults=True)
    if columns:
        experiment["dataset"] = columns
    write_json(experiment, output / "experiment.json")
    return {"share": config.share, "variants": 2.0}
