"""The page of a run: what came in, what was made, who wins, what was decided.

It works for unfinished runs too.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from adore.artifacts import read_manifest, read_table
from adore.evaluation.evaluate import HARD
from adore.evaluation.slices import ALL, SLICES
from adore.measures import MEASURES
from adore.report.plots import bars, forest, lines
from adore.run_record import RUN, RunStatus
from adore.storage import write_bytes

__all__ = ["FILES", "summary_table", "write_report"]

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
RANKING, GRADING = "nDCG@10", "macro-F1"


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def _steps(run: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """Every step with its status, seconds (summed over shards) and metrics."""
    steps = []
    for name in names:
        folders = [run / name, *sorted((run / name).glob("[0-9]*"))]
        manifests = map(read_manifest, folders)
        done = [manifest for manifest in manifests if manifest]
        step = {
            "name": name,
            "done": bool(done),
            "seconds": sum(manifest.seconds for manifest in done),
            "metrics": done[0].metrics if done else {},
        }
        steps.append(step)
    return steps


def _measures(run: Path) -> pl.DataFrame | None:
    if not (run / "evaluate" / "measures.parquet").is_file():
        return None
    return read_table(run / "evaluate", "measures").filter(pl.col("split") == "test")


def _quality(run: Path) -> dict[str, Any]:
    """Systems by ranking with intervals, grading measures of the student, slices, comparisons."""
    frame = _measures(run)
    if frame is None or frame.is_empty():
        return {}
    whole = frame.filter(pl.col("slice") == ALL)
    ranking = (
        whole.filter(pl.col("measure") == RANKING)
        .sort("value", descending=True)
        .to_dicts()
    )
    student = whole.filter(
        (pl.col("system") == "student") & (pl.col("measure") != RANKING)
    ).to_dicts()
    sliced = frame.filter(
        (pl.col("slice") != ALL) & (pl.col("system") == "student")
    ).sort("slice", "measure")
    shown = [r for r in sliced.to_dicts() if r["measure"] in (RANKING, "accuracy")]
    rows = [(r["system"], r["value"], r["low"], r["high"]) for r in ranking]
    hard = [
        (
            "all" if r["slice"] == HARD else str(r["slice"]).removeprefix(f"{HARD}: "),
            float(r["value"]),
            f"{r['value']:.0%} of {r['n']}",
        )
        for r in frame.filter(pl.col("slice").str.starts_with(HARD))
        .sort("slice")
        .iter_rows(named=True)
    ]
    return {
        "ranking": ranking,
        "plot": forest(
            rows, f"{RANKING} on held-out queries, 95 % intervals", best="student"
        ),
        "student": student,
        "slices": [
            {**r, "definition": SLICES[r["slice"]].definition}
            for r in shown
            if r["slice"] in SLICES
        ],
        "robust": bars(hard, "Right side of exact, by error type") if hard else "",
        "comparisons": _json(run / "evaluate" / "comparisons.json"),
        "measures": list(MEASURES),
    }


def _duration(seconds: float) -> str:
    """``1 h 2 min``, ``7 min 22 s``, ``4 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _head(run: dict[str, Any], dataset: dict[str, Any]) -> dict[str, Any]:
    """What a reader asks first of a run, as far as it is known.

    Whose input is it, with what, when, how long and where did it run?
    """
    took = run.get("seconds")
    data = run.get("data")
    if data in (None, "demo"):
        data = dataset.get("name", data)
    known = {
        "data": data,
        "profile": run.get("profile"),
        "seed": run.get("seed"),
        "started": run.get("started"),
        "took": None if took is None else _duration(took),
        "status": run.get("status"),
        "place": run.get("place"),
    }
    return {name: value for name, value in known.items() if value is not None}


def _verdict(
    run: dict[str, Any],
    quality: dict[str, Any],
    gate: dict[str, Any],
    decision: dict[str, Any],
) -> str:
    """The run in one sentence."""
    if run.get("status") == RunStatus.FAILED:
        return "This run failed."
    if run.get("status") == RunStatus.STOPPED:
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


def _synthesis(run: Path) -> dict[str, Any]:
    found = _json(run / "verify" / "yield.json")
    types = found.get("types", [])
    rows = [
        (t["error_type"], float(t["accepted"]), f"{t['accepted']} of {t['made']}")
        for t in types
    ]
    return (
        {**found, "plot": bars(rows, "Accepted synthetic pairs by error type")}
        if types
        else {}
    )


def _teacher(run: Path) -> dict[str, Any]:
    gate = _json(run / "align" / "gate.json")
    curves = _json(run / "align" / "curves.json")
    losses = {
        f"{name.upper()} loss": [p["loss"] for p in curve]
        for name, curve in curves.items()
        if curve
    }
    return {**gate, "plot": lines(losses, "Training losses")} if gate else {}


def _online(run: Path) -> dict[str, Any]:
    result = _json(run / "experiment" / "result.json")
    decision = _json(run / "experiment" / "decision.json")
    if not result:
        return {}
    rows = [(k, m["effect"], m["low"], m["high"]) for k, m in result["metrics"].items()]
    return {
        **result,
        "decision": decision,
        "plot": forest(rows, "Effect of the challenger, 95 % intervals"),
    }


def _data(run: Path) -> dict[str, Any]:
    report = _json(run / "prepare" / "data_report.json")
    if not report:
        return {}
    total = sum(report["labels"].values()) or 1
    mix = [
        (f"grade {k}", float(v), f"{v} ({v / total:.0%})")
        for k, v in report["labels"].items()
    ]
    cover = [(k, v, f"{v:.0%}") for k, v in report["coverage"].items()]
    plots = {
        "mix": bars(mix, "Human judgements by grade"),
        "cover": bars(cover, "Share of items that have the field"),
    }
    return {**report, **plots, "dataset": _json(run / "prepare" / "dataset.json")}


def write_report(run_dir: Path, steps: Sequence[str]) -> Path:
    """Write ``index.html`` into a run's folder, from whatever is there.

    Args:
        run_dir: the run, or a copy of its :data:`FILES`.
        steps: names of the loop's steps, in their order.

    Returns:
        The page's path.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    done = _steps(run_dir, steps)
    gate = _json(run_dir / "gate" / "gate.json")
    quality = _quality(run_dir)
    online = _online(run_dir)
    about = _json(run_dir / RUN)
    spent = [
        (s["name"], s["seconds"], f"{s['seconds']:.1f} s") for s in done if s["done"]
    ]
    loader = PackageLoader("adore.report", "templates")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("report.html.j2").render(
        run=about,
        head=_head(about, _json(run_dir / "prepare" / "dataset.json")),
        name=run_dir.name,
        verdict=_verdict(about, quality, gate, online.get("decision", {})),
        steps=done,
        data=_data(run_dir),
        behaviour=_json(run_dir / "feedback" / "behaviour.json"),
        feedback=next(s["metrics"] for s in done if s["name"] == "feedback"),
        teacher=_teacher(run_dir),
        synthesis=_synthesis(run_dir),
        card=_json(run_dir / "distil" / "card.json"),
        quality=quality,
        gate=gate,
        online=online,
        seconds=bars(spent, "Seconds per step"),
    )
    page = run_dir / "index.html"
    write_bytes(text.encode(), page)
    return page


def summary_table(run_dir: Path) -> str:
    """The run in a dozen lines for a terminal."""
    gate = _json(run_dir / "gate" / "gate.json")
    decision = _json(run_dir / "experiment" / "decision.json")
    frame = _measures(run_dir)
    out = [f"{'system':<12} {RANKING:>8}  95 % interval     {GRADING:>8}"]
    if frame is not None:
        whole = frame.filter(pl.col("slice") == ALL)
        graded = whole.filter(pl.col("measure") == GRADING)
        f1 = {row["system"]: row["value"] for row in graded.to_dicts()}

        ranked = whole.filter(pl.col("measure") == RANKING)
        for row in ranked.sort("value", descending=True).to_dicts():
            system = row["system"]
            grading = f"{f1[system]:8.3f}" if system in f1 else "       -"
            out.append(
                f"{system:<12} {row['value']:8.3f}  "
                f"{row['low']:.3f} to {row['high']:.3f}    {grading}"
            )
    if gate:
        verdict = "passed" if gate["passed"] else "stopped"
        out.append(f"gate: {verdict} against {gate['champion'] or 'no baseline'}")
    if decision:
        out.append(
            f"online (simulated shoppers): {decision['action']}, {decision['reason']}"
        )
    return "\n".join(out)
