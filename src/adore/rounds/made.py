"""What a round made and measured, read from its run: the registry keeps it for history."""

from __future__ import annotations

import hashlib
import json

from adore.artifacts import read_manifest, read_table
from adore.errors import MissingError
from adore.experiment.metrics import PRIMARY
from adore.rounds.entries import Document, Status
from adore.rulebook import RULEBOOK_FILE, RuleBook
from adore.storage import join, local_copy
from adore.student.export import CARD

__all__ = ["card_of", "made_in", "measures_by_slice", "read_document"]

GATE_FIELDS = (
    "passed",
    "champion",
    "baseline",
    "difference",
    "low",
    "high",
    "p",
    "queries",
    "reasons",
)
"""Of ``gate.json``."""
EFFECT_FIELDS = ("control", "treatment", "effect", "low", "high", "relative", "p")
"""Of the primary metric in ``result.json``."""
MEASURE_FIELDS = ("value", "low", "high", "n")
"""Of a row of ``measures``."""
HASH_DIGITS = 12
"""Hexadecimal digits of a version that is a hash."""


def read_document(place: str) -> Document:
    """Read a JSON file.

    Args:
        place: the file's place.

    Returns:
        The object; empty if there is no such file.

    Raises:
        UnavailableError: the store does not answer.
    """
    try:
        return dict(json.loads(local_copy(place).read_text("utf-8")))
    except MissingError:
        return {}


def card_of(folder: str) -> Document:
    """Read version and kind of a ranker.

    Args:
        folder: its place.

    Returns:
        ``version`` and ``kind``; empty if it has no card.
    """
    card = read_document(join(folder, CARD))
    return {name: card[name] for name in ("version", "kind") if name in card}


def made_in(run: str, status: Status) -> Document:
    """Read what a run made.

    Args:
        run: the run's place.
        status: how it ended.

    Returns:
        The fields of the round's last entry.

    Raises:
        UnavailableError: the store does not answer.
    """
    gate = read_document(join(run, "gate", "gate.json"))
    return {
        "status": status.value,
        "run": run,
        "data": _data(run),
        "lexicon": _file_version(join(run, "evidence", "lexicon.json")),
        "rulebook": _rulebook(run),
        "teacher": _teacher(run),
        "student": card_of(join(run, "distil")),
        "gate": {name: gate[name] for name in GATE_FIELDS if name in gate},
        "measures": _measures(run),
        "errors": read_document(join(run, "synthesise", "plan.json")).get("errors", {}),
        "experiment": _experiment(run),
        "production": _production(run, status),
    }


def _measures(run: str) -> Document:
    """The student's measures over all test queries."""
    measures = {}
    for row in _student_rows(run):
        if row["slice"] == "all":
            measures[row["measure"]] = {name: row[name] for name in MEASURE_FIELDS}
    return measures


def measures_by_slice(run: str) -> Document:
    """Read what a run's student reached on the test queries of each slice.

    Args:
        run: the run's place.

    Returns:
        Value by measure and slice; empty if the run has no measures.

    Raises:
        UnavailableError: the store does not answer.
    """
    measures: dict[str, dict[str, float]] = {}
    for row in _student_rows(run):
        of_slice = measures.setdefault(row["slice"], {})
        of_slice[row["measure"]] = round(row["value"], 4)
    return measures


def _student_rows(run: str) -> list[Document]:
    """Rows of ``measures`` of the student on test queries."""
    evaluate = join(run, "evaluate")
    if read_manifest(evaluate) is None:
        return []
    table = read_table(local_copy(evaluate), "measures")
    return table.filter(system="student", split="test").to_dicts()


def _data(run: str) -> Document:
    """Rows of each table, and what came from production."""
    prepare = read_manifest(join(run, "prepare"))
    if prepare is None:
        return {}
    production = read_document(join(run, "prepare", "production.json"))
    return {
        "content": prepare.content,
        "rows": prepare.metrics,
        "production": production,
    }


def _file_version(place: str) -> str:
    try:
        content = local_copy(place).read_bytes()
    except MissingError:
        return ""
    digest = hashlib.sha256(content).hexdigest()
    return digest[:HASH_DIGITS]


def _rulebook(run: str) -> str:
    judge = read_manifest(join(run, "judge", "0"))
    if judge and judge.config.get("rulebook_version"):
        return str(judge.config["rulebook_version"])
    try:
        prepared = local_copy(join(run, "prepare"), only=(RULEBOOK_FILE,))
        return RuleBook.of_dataset(prepared).version
    except MissingError:
        return ""


def _teacher(run: str) -> Document:
    align = read_manifest(join(run, "align"))
    if align is None:
        return {}
    gate = read_document(join(run, "align", "gate.json"))
    return {
        "promoted": bool(align.metrics.get("promoted")),
        "kept_previous": bool(align.metrics.get("kept_previous")),
        "reasons": gate.get("reasons", []),
        "measures": align.metrics,
    }


def _production(run: str, status: Status) -> Document:
    """Purchases per user of the champion, where it served alone because the gate refused."""
    # An earlier pass of this run may have been refused, and left its output.
    if status is not Status.REFUSED:
        return {}
    result = read_document(join(run, "production", "result.json"))
    purchases = result.get("metrics", {}).get(PRIMARY)
    if not purchases:
        return {}
    return {**purchases, "users": result["users"], "simulated": result["simulated"]}


def _experiment(run: str) -> Document:
    """The effect on purchases, and the decision."""
    result = read_document(join(run, "experiment", "result.json"))
    decision = read_document(join(run, "experiment", "decision.json"))
    if not decision:
        return {}
    effect = result.get("metrics", {}).get(PRIMARY, {})
    figures = {name: effect[name] for name in EFFECT_FIELDS if name in effect}
    return {
        "name": decision.get("experiment", ""),
        "simulated": bool(decision.get("simulated")),
        "metric": PRIMARY,
        **figures,
        "users": result.get("users", {}),
        "action": decision["action"],
        "reason": decision["reason"],
    }
