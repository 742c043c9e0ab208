"""Tables of finished runs:
measures with intervals, gate, online result, seconds per step. Writes docs/benchmarks.md.

Usage: python bench/bench_runs.py runs/demo runs/esci
"""

from __future__ import annotations

import json
import platform
import resource
import sys
from pathlib import Path
from typing import Any

import polars as pl

from adore.artifacts import read_table
from adore.storage import write_json

ROOT = Path(__file__).parents[1]
TEACHER = "<!-- teacher: begin -->"
"""Begins what bench_teacher.py writes; it stays."""
HEAD = """# Benchmarks

Every figure below was printed by `make bench RUNS="…"` from finished runs; \
nothing is written by hand.
Measures are on the test split of human judgements \
(the demo shop's are simulated, with 5 % noise), judged
items only, 95 % intervals by bootstrap over queries. \
Online figures come from **simulated shoppers**.
"""


def load(path: Path) -> dict[str, Any]:
    """A JSON file, or {} where the step did not run."""
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def measures(run: Path) -> list[dict[str, Any]]:
    """Overall test measures of every system."""
    frame = read_table(run / "evaluate", "measures")
    rows = frame.filter((pl.col("split") == "test") & (pl.col("slice") == "all"))
    return rows.sort("measure", "value", descending=[False, True]).to_dicts()


def quality(rows: list[dict[str, Any]]) -> str:
    """The table of systems."""
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


def against(run: Path) -> str:
    """Student against each baseline."""
    rows = load(run / "evaluate" / "comparisons.json").get("against", [])
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


def teacher(run: Path) -> str:
    """Held-out agreement of the teachers."""
    gate = load(run / "align" / "gate.json")
    lines = [
        "| teacher (dev judgements) | macro-F1 | FNR | FPR |",
        "|---|---:|---:|---:|",
    ]
    for name, r in gate.get("systems", {}).items():
        lines.append(
            f"| {name} | {r['macro_f1']:.3f} | {r['fnr']:.3f} | {r['fpr']:.3f} |"
        )
    return "\n".join(
        [
            *lines,
            "",
            f"Promoted: **{gate.get('promoted')}** ({'; '.join(gate.get('reasons', []))})",
        ]
    )


def online(run: Path) -> str:
    """The experiment's result."""
    result, decision = (
        load(run / "experiment" / "result.json"),
        load(run / "experiment" / "decision.json"),
    )
    if not result:
        return (
            "No experiment: the gate stopped the release ("
            + "; ".join(load(run / "gate" / "gate.json").get("reasons", []))
            + ")."
        )
    lines = [
        "| metric (simulated shoppers) | control | challenger | effect | 95 % interval | p |",
        "|---|---:|---:|---:|---|---:|",
    ]
    for name, m in result["metrics"].items():
        lines.append(
            f"| {name} | {m['control']:.3f} | {m['treatment']:.3f} | {m['effect']:+.3f} "
            f"| {m['low']:+.3f} to {m['high']:+.3f} | {m['p']:.2g} |"
        )
    shown = (
        f"{result['exposures']} requests, degraded {result['degraded']}, "
        f"latency ms {result['latency_ms']}"
    )
    return "\n".join(
        [
            *lines,
            "",
            shown,
            "",
            f"Decision: **{decision['action']}**, {decision['reason']}",
        ]
    )


def seconds(run: Path) -> str:
    """Time per step."""
    steps = load(run / "run.json")
    lines = [
        "| step | seconds |",
        "|---|---:|",
        *(f"| {k} | {v:.1f} |" for k, v in steps.get("steps", {}).items()),
    ]
    return "\n".join(
        [
            *lines,
            f"| **whole run, with orchestration** | **{steps.get('seconds', 0):.1f}** |",
        ]
    )


def main(runs: list[str]) -> None:
    """Print and write everything."""
    cpu = platform.processor() or platform.machine()
    parts = [HEAD]
    for name in runs:
        run = Path(name)
        about = load(run / "prepare" / "dataset.json")
        begun = load(run / "run.json")
        data = (
            "demo" if begun.get("data") == "demo" else f"../shared/data/{about['name']}"
        )
        command = f"make pipeline-run DATA={data} SEED={begun.get('seed')}"
        parts += [
            f"## {about['name']}",
            f"`{command}` ({cpu}, {begun.get('started', '')[:10]})",
            "### Student and baselines",
        ]
        rows = measures(run)
        parts += [
            quality(rows),
            against(run),
            "### Teacher",
            teacher(run),
            "### Online",
            online(run),
            "### Seconds",
            seconds(run),
        ]
        kept = {k: v for k, v in begun.items() if k not in ("data", "place")}
        write_json(
            {"run": kept, "measures": rows},
            ROOT / "bench" / "results" / f"{about['name'].replace(' ', '-')}.json",
        )
    text = "\n\n".join(parts) + "\n"
    page = ROOT / "docs" / "benchmarks.md"
    found = page.read_text("utf-8") if page.is_file() else ""
    teacher_part = found[found.index(TEACHER) :] if TEACHER in found else ""
    page.write_text(f"{text}\n{teacher_part}", "utf-8")
    print(text)
    print(
        "peak memory of this command: "
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
