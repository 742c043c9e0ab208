"""The page of a run: its input, its outputs, its measures and the decision.

An unfinished run has a page, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from adore.artifacts import read_manifest
from adore.report.plots import (
    Bar,
    ErrorPoint,
    Interval,
    bars,
    errors,
    forest,
    lines,
)
from adore.report.quality import GRADING, RANKING, Quality, read_quality
from adore.report.timeline import ROUNDS, production_counts, read_timeline
from adore.run_record import RUN, RunStatus
from adore.storage import write_bytes

__all__ = ["FILES", "StepStatus", "summary_table", "write_report"]

FILES = (
    RUN,
    ROUNDS,
    "*/manifest.json",
    "*/gate.json",
    "prepare/data*.json",
    "prepare/production.json",
    "feedback/behaviour.json",
    "align/curves.json",
    "live/live.json",
    "synthesise/plan.json",
    "verify/yield.json",
    "distil/card.json",
    "evaluate/measures.parquet",
    "evaluate/comparisons.json",
    "experiment/result.json",
    "experiment/decision.json",
)
"""Patterns of all files of a run that the page reads."""
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
    """Read one of the run's JSON files; empty if the run has not written it yet."""
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
    total_seconds = sum(manifest.seconds for manifest in manifests)
    return StepStatus(
        name, done=True, seconds=total_seconds, metrics=manifests[0].metrics
    )


def _duration(seconds: float) -> str:
    """``1 h 2 min``, ``7 min 22 s``, ``4 s``."""
    minutes, rest_seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    if minutes:
        return f"{minutes} min {rest_seconds} s"
    return f"{rest_seconds} s"


def _head(record: Document, dataset: Document) -> Document:
    """Collect the page's first lines: input, settings, start, duration, status and place.

    Returns:
        The known ones, by label.
    """
    data = record.get("data")
    # The demo shop, like any prepared data, has its name in dataset.json.
    if data in (None, "demo"):
        data = dataset.get("name", data)
    duration = None
    if record.get("seconds") is not None:
        duration = _duration(record["seconds"])
    known_fields = {
        "data": data,
        "profile": record.get("profile"),
        "seed": record.get("seed"),
        "started": record.get("started"),
        "took": duration,
        "status": record.get("status"),
        "place": record.get("place"),
    }
    return {name: value for name, value in known_fields.items() if value is not None}


def _verdict(
    record: Document, quality: Quality, gate: Document, decision: Document
) -> str:
    """Summarise the run in one sentence."""
    if record.get("status") == RunStatus.FAILED:
        return "This run failed."
    if record.get("status") == RunStatus.STOPPED:
        return "This run was stopped before its end."
    if gate and not gate.get("passed"):
        return (
            "The student did not pass its gate, so nothing was released. "
            "The reasons are below."
        )
    if not quality:
        return "This run is not finished."
    if decision:
        return f"The student passed its gate; simulated shoppers say: {decision['action']}."
    return "The student was measured; it has not been released."


# ---------------------------------------------------------------- plots


def _synthesis_plot(summary: Document) -> Markup:
    plot_rows = []
    for type_counts in summary.get("types", []):
        accepted_count = type_counts["accepted"]
        bar_text = f"{accepted_count} of {type_counts['made']}"
        plot_rows.append(
            Bar(type_counts["error_type"], float(accepted_count), bar_text)
        )
    return bars(plot_rows, "Accepted synthetic pairs by error type")


ERROR_SOURCES = {
    "teacher": "teacher, by people",
    "student": "earlier student, by people",
    "online": "teacher, by shoppers",
    "live": "champion, by shoppers",
    "experiment": "challenger, purchases lost",
}
"""Source of errors in the plan of synthesis, to its name on the page."""


def _error_table(plan: Document) -> Document:
    """Count errors by type and source.

    Returns:
        ``sources``, each with its ``name`` and ``total``; ``rows``, each with a ``type``, its
        ``counts`` by source, the ``share`` of candidates planned and how many were ``made``;
        ``weigh``, whether errors had a say in the shares.
    """
    errors = plan.get("errors", {})
    sources = []
    for source, counts in errors.items():
        name = ERROR_SOURCES.get(source, source)
        sources.append({"name": name, "total": sum(counts.values())})

    rows = []
    for error_type, share in plan.get("shares", {}).items():
        type_counts = [counts.get(error_type, 0) for counts in errors.values()]
        made = plan["made"].get(error_type, 0)
        rows.append(
            {"type": error_type, "counts": type_counts, "share": share, "made": made}
        )
    weigh = plan.get("errors_weigh", True)
    return {"sources": sources, "rows": rows, "weigh": weigh}


def _losses_plot(curves: Document) -> Markup:
    losses_by_name = {}
    for phase_name, loss_curve in curves.items():
        if loss_curve:
            title = f"{phase_name.upper()} loss"
            losses_by_name[title] = [curve_point["loss"] for curve_point in loss_curve]
    return lines(losses_by_name, "Training losses")


def _error_point(name: str, point: Document) -> ErrorPoint:
    return ErrorPoint(name, fpr=point["fpr"], fnr=point["fnr"])


def _trade_off_plots(teacher_gate: Document) -> dict[str, Markup]:
    """How the new teacher's errors are traded, by what people and what shoppers say.

    Returns:
        A plot by who says; none if no curve was measured.
    """
    plots = {}
    trade_off = teacher_gate.get("trade_off", {})
    for kind in ("people", "shoppers"):
        if kind in trade_off:
            measured = trade_off[kind]
            curve = [_error_point("", point) for point in measured["curve"]]
            systems = []
            for name, point in measured["systems"].items():
                systems.append(_error_point(name, point))
            title = f"Errors of the teacher on held-out pairs, by {kind}"
            plots[kind] = errors(curve, systems, title, best="kto")
    return plots


def _effects_plot(result: Document) -> Markup:
    plot_rows = []
    metrics = result.get("metrics", {})
    for metric_name, metric in metrics.items():
        effect = metric["effect"]
        low_end = metric["low"]
        high_end = metric["high"]
        plot_rows.append(Interval(metric_name, effect, low_end, high_end))
    return forest(plot_rows, "Effect of the challenger, 95 % intervals")


def _grades_plot(report: Document) -> Markup:
    grade_counts = report.get("labels", {})
    # Without any judgement no bar is drawn, whatever the total.
    total_count = sum(grade_counts.values()) or 1
    plot_rows = []
    for letter, count in grade_counts.items():
        share = count / total_count
        bar_text = f"{count} ({share:.0%})"
        label = f"grade {letter}"
        plot_rows.append(Bar(label, float(count), bar_text))
    return bars(plot_rows, "Human judgements by grade")


def _coverage_plot(report: Document) -> Markup:
    plot_rows = []
    coverage = report.get("coverage", {})
    for field_name, share in coverage.items():
        bar_text = f"{share:.0%}"
        plot_rows.append(Bar(field_name, share, bar_text))
    return bars(plot_rows, "Share of items that have the field")


def _ranking_plot(quality: Quality) -> Markup:
    plot_rows = [measure.interval() for measure in quality.ranking]
    plot_title = f"{RANKING} on held-out queries, 95 % intervals"
    return forest(plot_rows, plot_title, best="student")


def _hard_cases_plot(quality: Quality) -> Markup:
    """Plot the adversarial set; empty if it was not scored."""
    plot_rows = quality.hard_cases()
    if not plot_rows:
        return Markup("")
    return bars(plot_rows, "Right side of exact, by error type")


def _seconds_plot(steps: Sequence[StepStatus]) -> Markup:
    plot_rows = []
    for step in steps:
        if step.done:
            bar_text = f"{step.seconds:.1f} s"
            plot_rows.append(Bar(step.name, step.seconds, bar_text))
    return bars(plot_rows, "Seconds per step")


# ---------------------------------------------------------------- the page


def write_report(run_dir: Path, steps: Sequence[str]) -> Path:
    """Write ``index.html`` into a run's folder, from the files that exist.

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
    page_html = template.render(_contents(run_dir, steps))
    page_file = run_dir / "index.html"
    write_bytes(page_html.encode(), page_file)
    return page_file


def _step_statuses(run_dir: Path, names: Sequence[str]) -> Iterator[StepStatus]:
    """How far each step is, without the one that only a refused student leads to."""
    for name in names:
        status = _step_status(run_dir, name)
        if status.done or name != "production":
            yield status


def _contents(run_dir: Path, names: Sequence[str]) -> Document:
    """Collect everything that the template shows."""
    # A file that the run has not written yet is an empty document; the template says so.
    step_statuses = list(_step_statuses(run_dir, names))
    by_name = {step.name: step for step in step_statuses}
    run_record = _read(run_dir / RUN)
    data_report = _read(run_dir / "prepare" / "data_report.json")
    production = _read(run_dir / "prepare" / "production.json")
    dataset = _read(run_dir / "prepare" / "dataset.json")
    teacher_gate = _read(run_dir / "align" / "gate.json")
    synthesis_yield = _read(run_dir / "verify" / "yield.json")
    gate_verdict = _read(run_dir / "gate" / "gate.json")
    experiment_result = _read(run_dir / "experiment" / "result.json")
    decision = _read(run_dir / "experiment" / "decision.json")
    quality = read_quality(run_dir)
    plots = {
        "grades": _grades_plot(data_report),
        "coverage": _coverage_plot(data_report),
        "losses": _losses_plot(_read(run_dir / "align" / "curves.json")),
        "synthesis": _synthesis_plot(synthesis_yield),
        "ranking": _ranking_plot(quality),
        "hard_cases": _hard_cases_plot(quality),
        "effects": _effects_plot(experiment_result),
        "seconds": _seconds_plot(step_statuses),
    }
    return {
        "name": run_dir.name,
        "run": run_record,
        "head": _head(run_record, dataset),
        "verdict": _verdict(run_record, quality, gate_verdict, decision),
        "steps": step_statuses,
        "timeline": read_timeline(run_dir),
        "production": production,
        "logged": production_counts(production),
        "plots": plots,
        "data": data_report,
        "dataset": dataset,
        "behaviour": _read(run_dir / "feedback" / "behaviour.json"),
        "feedback": by_name["feedback"].metrics,
        "teacher": teacher_gate,
        "teacher_is_kept": bool(by_name["align"].metrics.get("kept_previous")),
        "errors": _error_table(_read(run_dir / "synthesise" / "plan.json")),
        "live": _read(run_dir / "live" / "live.json"),
        "synthesis": synthesis_yield,
        "card": _read(run_dir / "distil" / "card.json"),
        "quality": quality,
        "comparisons": _read(run_dir / "evaluate" / "comparisons.json"),
        "gate": gate_verdict,
        "trade_off": _trade_off_plots(teacher_gate),
        "online": experiment_result,
        "decision": decision,
    }


def _opponents(gate_verdict: Document) -> str:
    """Name the systems that the student had to beat."""
    # The baseline is the champion where no ranker in production was scored.
    names = dict.fromkeys([gate_verdict["champion"], gate_verdict.get("baseline")])
    return " and ".join(filter(None, names)) or "no baseline"


def summary_table(run_dir: Path) -> str:
    """Summarise a run in a dozen lines for a terminal."""
    table_lines = [f"{'system':<12} {RANKING:>8}  95 % interval     {GRADING:>8}"]
    quality = read_quality(run_dir)
    grading = quality.grading
    for measure in quality.ranking:
        macro_f1 = "       -"
        if measure.system in grading:
            macro_f1 = f"{grading[measure.system]:8.3f}"
        table_lines.append(
            f"{measure.system:<12} {measure.value:8.3f}  "
            f"{measure.low:.3f} to {measure.high:.3f}    {macro_f1}"
        )

    gate_verdict = _read(run_dir / "gate" / "gate.json")
    if gate_verdict:
        outcome = "passed" if gate_verdict["passed"] else "stopped"
        table_lines.append(f"gate: {outcome} against {_opponents(gate_verdict)}")
    decision = _read(run_dir / "experiment" / "decision.json")
    if decision:
        action = decision["action"]
        table_lines.append(
            f"online (simulated shoppers): {action}, {decision['reason']}"
        )
    return "\n".join(table_lines)
