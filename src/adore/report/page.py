"""The page of a run: what came in, what was made, who wins, what was decided.

A run that is not finished has a page, too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from adore.artifacts import read_manifest
from adore.report.plots import Bar, Interval, bars, forest, lines
from adore.report.quality import GRADING, RANKING, Quality, read_quality
from adore.run_record import RUN, RunStatus
from adore.storage import write_bytes

__all__ = ["FILES", "StepStatus", "summary_table", "write_report"]

FILES = (
    RUN,
    "*/manifest.json",
    "*/gate.json",
    "prepare/data*.json",
    "feedback/behaviour.json",
    "align/curves.json",
    "verify/yield.json",
    "distil/card.json",
    "evaluate/measures.parquet",
    "evaluate/comparisons.json",
    "experiment/result.json",
    "experiment/decision.json",
)
"""Patterns of all files of a run that the page is made of."""
Document = dict[str, Any]
"""A stage's JSON file, as the template reads it."""


@dataclass(frozen=True, slots=True)
class StepStatus:
    """How far one step of a run is."""

    name: str
    done: bool
    seconds: float
    """Summed over shards."""
    metrics: Mapping[str, float]


def _read(path: Path) -> Document:
    """One of the run's JSON files; nothing where the run has not come so far."""
    if not path.is_file():
        return {}
    return dict(json.loads(path.read_text("utf-8")))


def _step_status(run: Path, name: str) -> StepStatus:
    folders = [run / name, *sorted((run / name).glob("[0-9]*"))]
    manifests = []
    for folder in folders:
        manifest = read_manifest(folder)
        if manifest:
            manifests.append(manifest)
    if not manifests:
        return StepStatus(name, done=False, seconds=0.0, metrics={})
    seconds = sum(manifest.seconds for manifest in manifests)
    return StepStatus(name, done=True, seconds=seconds, metrics=manifests[0].metrics)


def _duration(seconds: float) -> str:
    """``1 h 2 min``, ``7 min 22 s``, ``4 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    if minutes:
        return f"{minutes} min {rest} s"
    return f"{rest} s"


def _head(record: Document, dataset: Document) -> Document:
    """What a reader asks first of a run, as far as it is known.

    Whose input is it, with what, when, how long and where did it run?

    Returns:
        What is known, by what it is called.
    """
    data = record.get("data")
    if data in (None, "demo"):
        data = dataset.get("name", data)
    duration = None
    if record.get("seconds") is not None:
        duration = _duration(record["seconds"])
    head = {
        "data": data,
        "profile": record.get("profile"),
        "seed": record.get("seed"),
        "started": record.get("started"),
        "took": duration,
        "status": record.get("status"),
        "place": record.get("place"),
    }
    return {name: value for name, value in head.items() if value is not None}


def _verdict(
    record: Document, quality: Quality, gate: Document, decision: Document
) -> str:
    """The run in one sentence."""
    if record.get("status") == RunStatus.FAILED:
        return "This run failed."
    if record.get("status") == RunStatus.STOPPED:
        return "This run was stopped before its end."
    if gate and not gate.get("passed"):
        return (
            "The student did not pass its gate, so nothing was released. "
            "The reasons stand below."
        )
    if not quality:
        return "This run is not finished."
    if decision:
        return f"The student passed its gate; simulated shoppers say: {decision['action']}."
    return "The student was measured; it has not been released."


# ---------------------------------------------------------------- plots


def _synthesis_plot(summary: Document) -> Markup:
    rows = []
    for counts in summary.get("types", []):
        accepted = counts["accepted"]
        text = f"{accepted} of {counts['made']}"
        rows.append(Bar(counts["error_type"], float(accepted), text))
    return bars(rows, "Accepted synthetic pairs by error type")


def _losses_plot(curves: Document) -> Markup:
    losses = {}
    for name, curve in curves.items():
        if curve:
            losses[f"{name.upper()} loss"] = [point["loss"] for point in curve]
    return lines(losses, "Training losses")


def _effects_plot(result: Document) -> Markup:
    rows = []
    for name, metric in result.get("metrics", {}).items():
        rows.append(Interval(name, metric["effect"], metric["low"], metric["high"]))
    return forest(rows, "Effect of the challenger, 95 % intervals")


def _grades_plot(report: Document) -> Markup:
    labels = report.get("labels", {})
    total = sum(labels.values()) or 1
    rows = []
    for letter, count in labels.items():
        text = f"{count} ({count / total:.0%})"
        rows.append(Bar(f"grade {letter}", float(count), text))
    return bars(rows, "Human judgements by grade")


def _coverage_plot(report: Document) -> Markup:
    rows = []
    for name, share in report.get("coverage", {}).items():
        rows.append(Bar(name, share, f"{share:.0%}"))
    return bars(rows, "Share of items that have the field")


def _ranking_plot(quality: Quality) -> Markup:
    rows = [measure.interval() for measure in quality.ranking]
    title = f"{RANKING} on held-out queries, 95 % intervals"
    return forest(rows, title, best="student")


def _hard_cases_plot(quality: Quality) -> Markup:
    """The adversarial set; nothing where it was not scored."""
    rows = quality.hard_cases()
    if not rows:
        return Markup("")
    return bars(rows, "Right side of exact, by error type")


def _seconds_plot(steps: Sequence[StepStatus]) -> Markup:
    rows = []
    for step in steps:
        if step.done:
            rows.append(Bar(step.name, step.seconds, f"{step.seconds:.1f} s"))
    return bars(rows, "Seconds per step")


# ---------------------------------------------------------------- the page


def write_report(run_dir: Path, steps: Sequence[str]) -> Path:
    """Write ``index.html`` into a run's folder, from whatever is there.

    Args:
        run_dir: the run, or a copy of its :data:`FILES`.
        steps: names of the loop's steps, in their order.

    Returns:
        The page's path.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("adore.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("report.html.j2")
    text = template.render(_contents(run_dir, steps))
    page = run_dir / "index.html"
    write_bytes(text.encode(), page)
    return page


def _contents(run_dir: Path, names: Sequence[str]) -> Document:
    """Everything that the template shows."""
    # What the run has not come to yet is an empty document; the template says so.
    steps = [_step_status(run_dir, name) for name in names]
    by_name = {step.name: step for step in steps}
    record = _read(run_dir / RUN)
    report = _read(run_dir / "prepare" / "data_report.json")
    dataset = _read(run_dir / "prepare" / "dataset.json")
    teacher = _read(run_dir / "align" / "gate.json")
    synthesis = _read(run_dir / "verify" / "yield.json")
    gate = _read(run_dir / "gate" / "gate.json")
    online = _read(run_dir / "experiment" / "result.json")
    decision = _read(run_dir / "experiment" / "decision.json")
    quality = read_quality(run_dir)
    plots = {
        "grades": _grades_plot(report),
        "coverage": _coverage_plot(report),
        "losses": _losses_plot(_read(run_dir / "align" / "curves.json")),
        "synthesis": _synthesis_plot(synthesis),
        "ranking": _ranking_plot(quality),
        "hard_cases": _hard_cases_plot(quality),
        "effects": _effects_plot(online),
        "seconds": _seconds_plot(steps),
    }
    return {
        "name": run_dir.name,
        "run": record,
        "head": _head(record, dataset),
        "verdict": _verdict(record, quality, gate, decision),
        "steps": steps,
        "plots": plots,
        "data": report,
        "dataset": dataset,
        "behaviour": _read(run_dir / "feedback" / "behaviour.json"),
        "feedback": by_name["feedback"].metrics,
        "teacher": teacher,
        "synthesis": synthesis,
        "card": _read(run_dir / "distil" / "card.json"),
        "quality": quality,
        "comparisons": _read(run_dir / "evaluate" / "comparisons.json"),
        "gate": gate,
        "online": online,
        "decision": decision,
    }


def summary_table(run_dir: Path) -> str:
    """Summarise a run in a dozen lines for a terminal."""
    rows = [f"{'system':<12} {RANKING:>8}  95 % interval     {GRADING:>8}"]
    quality = read_quality(run_dir)
    grading = quality.grading
    for measure in quality.ranking:
        macro_f1 = "       -"
        if measure.system in grading:
            macro_f1 = f"{grading[measure.system]:8.3f}"
        rows.append(
            f"{measure.system:<12} {measure.value:8.3f}  "
            f"{measure.low:.3f} to {measure.high:.3f}    {macro_f1}"
        )

    gate = _read(run_dir / "gate" / "gate.json")
    if gate:
        verdict = "passed" if gate["passed"] else "stopped"
        rows.append(f"gate: {verdict} against {gate['champion'] or 'no baseline'}")
    decision = _read(run_dir / "experiment" / "decision.json")
    if decision:
        action = decision["action"]
        rows.append(f"online (simulated shoppers): {action}, {decision['reason']}")
    return "\n".join(rows)
