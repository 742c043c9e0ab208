"""Figures of finished runs: measures with intervals, gates, online result, seconds per step.

Kept in bench/results/run-<data>.json and .md.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

import polars as pl
from bench.headline import RESULTS

from adore.artifacts import read_table
from adore.storage import write_json

HEAD = """Printed by `python -m bench runs RUN…` from a finished run. Measures are on the test
split of human judgements (the demo shop's are simulated, with 5 % noise), on judged items only,
with 95 % intervals by bootstrap over queries. Online figures come from **simulated shoppers**."""


def load(path: Path) -> dict[str, Any]:
    """A JSON file, or {} where the step did not run."""
    if not path.is_file():
        return {}
    loaded: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return loaded


def measure(run: Path) -> dict[str, Any]:
    """Everything that the pages say of one run."""
    record = load(run / "run.json")
    frame = read_table(run / "evaluate", "measures")
    overall = frame.filter((pl.col("split") == "test") & (pl.col("slice") == "all"))
    overall = overall.sort("measure", "value", descending=[False, True])
    teacher_gate = load(run / "align" / "gate.json")
    return {
        "name": load(run / "prepare" / "dataset.json")["name"],
        "processor": platform.processor() or platform.machine(),
        "run": {k: v for k, v in record.items() if k not in ("data", "place")},
        "is_demo": record.get("data") == "demo",
        "measures": overall.to_dicts(),
        "against": load(run / "evaluate" / "comparisons.json").get("against", []),
        "teacher": {
            key: teacher_gate.get(key) for key in ("systems", "promoted", "reasons")
        },
        "online": online_result(run),
    }


def online_result(run: Path) -> dict[str, Any]:
    """The experiment with its decision, or why there was none."""
    result = load(run / "experiment" / "result.json")
    if not result:
        return {"stopped": load(run / "gate" / "gate.json").get("reasons", [])}
    decision = load(run / "experiment" / "decision.json")
    shown = ("metrics", "exposures", "degraded", "latency_ms")
    return {
        **{key: result[key] for key in shown},
        "action": decision["action"],
        "reason": decision["reason"],
    }


def systems_table(rows: list[dict[str, Any]]) -> str:
    """Every measure of every system."""
    lines = [
        "| measure | system | value | 95 % interval | n |",
        "|---|---|---:|---|---:|",
    ]
    for r in rows:
        lines.append(
            f"| {r['measure']} | {r['system']} | {r['value']:.3f} "
            f"| {r['low']:.3f} to {r['high']:.3f} | {r['n']} |"
        )
    return "\n".join(lines)


def against_table(rows: list[dict[str, Any]]) -> str:
    """Student against each baseline."""
    lines = [
        "| student against | difference in nDCG@10 | 95 % interval | who wins |",
        "|---|---:|---|---|",
    ]
    for r in rows:
        lines.append(
            f"| {r['system']} | {r['value'] - r['other']:+.3f} "
            f"| {r['low']:+.3f} to {r['high']:+.3f} | {r['winner']} |"
        )
    return "\n".join(lines)


def teacher_table(gate: dict[str, Any]) -> str:
    """Held-out agreement of the teachers."""
    lines = [
        "| teacher (dev judgements) | macro-F1 | FNR | FPR |",
        "|---|---:|---:|---:|",
    ]
    for name, r in (gate["systems"] or {}).items():
        lines.append(
            f"| {name} | {r['macro_f1']:.3f} | {r['fnr']:.3f} | {r['fpr']:.3f} |"
        )
    reasons = "; ".join(gate["reasons"] or [])
    return "\n".join([*lines, "", f"Promoted: **{gate['promoted']}** ({reasons})"])


def online_table(online: dict[str, Any]) -> str:
    """The experiment's result."""
    if "stopped" in online:
        reasons = "; ".join(online["stopped"])
        return f"No experiment: the gate stopped the release ({reasons})."
    lines = [
        "| metric (simulated shoppers) | control | challenger | effect | 95 % interval | p |",
        "|---|---:|---:|---:|---|---:|",
    ]
    for name, m in online["metrics"].items():
        lines.append(
            f"| {name} | {m['control']:.3f} | {m['treatment']:.3f} | {m['effect']:+.3f} "
            f"| {m['low']:+.3f} to {m['high']:+.3f} | {m['p']:.2g} |"
        )
    requests = (
        f"{online['exposures']} requests, degraded {online['degraded']}, "
        f"latency ms {online['latency_ms']}"
    )
    decision = f"Decision: **{online['action']}**, {online['reason']}"
    return "\n".join([*lines, "", requests, "", decision])


def seconds_table(record: dict[str, Any]) -> str:
    """Time per step."""
    lines = ["| step | seconds |", "|---|---:|"]
    lines += [f"| {step} | {took:.1f} |" for step, took in record["steps"].items()]
    whole = f"| **whole run, with orchestration** | **{record['seconds']:.1f}** |"
    return "\n".join([*lines, whole])


def render(result: dict[str, Any]) -> str:
    """The page of one run's figures."""
    record = result["run"]
    data = f"../shared/data/{result['name']}"
    if result["is_demo"]:
        data = "demo"
    command = f"make pipeline-run DATA={data} SEED={record['seed']}"
    parts = [
        f"# One run: {result['name']}",
        HEAD,
        f"`{command}` ({result['processor']}, {record['started'][:10]})",
        "## Student and baselines",
        systems_table(result["measures"]),
        against_table(result["against"]),
        "## Teacher",
        teacher_table(result["teacher"]),
        "## Online",
        online_table(result["online"]),
        "## Seconds",
        seconds_table(record),
    ]
    return "\n\n".join(parts) + "\n"


def measure_all(runs: list[str]) -> None:
    """Keep the figures of finished runs, and write their pages."""
    for name in runs:
        result = measure(Path(name))
        stem = result["name"].replace(" ", "-")
        write_json(result, RESULTS / f"run-{stem}.json")
    write_pages()


def write_pages() -> None:
    """Write every run's page from its kept figures."""
    for path in sorted(RESULTS.glob("run-*.json")):
        text = render(json.loads(path.read_text("utf-8")))
        path.with_suffix(".md").write_text(text, "utf-8")
