"""A small run folder: real tables through the real evaluate and gate,
and what the other steps write.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from adore.artifacts import Manifest, write_table
from adore.evaluation import evaluate, gate
from adore.storage import write_json
from adore.types import Evidence, Reading, Value

SCRIPT = "<script>document.title='taken'</script>"
QUERIES = [
    "red mug",
    "acme kettle without lid",
    "case for pixel 7",
    "large blue garden hose pipe",
    "mug",
]


def manifest(folder: Path, stage: str, seconds: float = 1.0, **metrics: float) -> None:
    made = Manifest(stage, "0", "0", {}, {}, {}, "0", {}, {}, seconds, 0.0, metrics)
    write_json(asdict(made), folder / "manifest.json")


def evidence_of(grade: int) -> list[Evidence]:
    colour = "match" if grade == 3 else "conflict"
    return [
        Evidence("product_type", "mug", "mug", "mug", "Mug", "title", "match"),
        Evidence(
            "colour",
            "red",
            "red",
            "red" if grade == 3 else "blue",
            "Blue",
            "title",
            colour,
        ),  # type: ignore[arg-type]
    ]


def pairs(queries: int, items: int, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    grades = rng.integers(0, 4, (queries, items))
    return pl.DataFrame(
        [
            {
                "query_id": f"q{q:02}",
                "item_id": f"i{q:02}-{i}",
                "grade": int(grades[q, i]),
            }
            for q in range(queries)
            for i in range(items)
        ]
    )


def scores_of(judged: pl.DataFrame, noise: dict[str, float]) -> pl.DataFrame:
    rng, out = np.random.default_rng(1), []
    for system, sigma in noise.items():
        for q, i, g in judged.select("query_id", "item_id", "grade").iter_rows():
            row = {
                "query_id": q,
                "item_id": i,
                "system": system,
                "score": g + sigma * rng.normal(),
            }
            grade = int(np.clip(round(row["score"]), 0, 3))
            out.append(
                {
                    **row,
                    "grade": grade,
                    "p_E": 0.25,
                    "p_S": 0.25,
                    "p_C": 0.25,
                    "p_I": 0.25,
                }
            )
    return pl.DataFrame(out)


def _prepare(run: Path, judged: pl.DataFrame) -> None:
    folder = run / "prepare"
    folder.mkdir(parents=True)
    ids = judged["query_id"].unique().sort().to_list()
    split = {q: ("train", "dev", "test", "test")[n % 4] for n, q in enumerate(ids)}
    texts = {q: QUERIES[n % len(QUERIES)] for n, q in enumerate(ids)}
    write_table(
        [
            {"query_id": q, "query": f"{texts[q]} {SCRIPT}", "split": split[q]}
            for q in ids
        ],
        folder,
        "queries",
    )
    write_table(judged, folder, "judgements")
    empty = {"category": "", "description": "", "bullet_points": [], "attributes": "{}"}
    items = [
        {"item_id": i, "title": f"Blue Mug {i} {SCRIPT}", "brand": "Acme", **empty}
        for i in judged["item_id"]
    ]
    write_table(items, folder, "items")
    report: dict[str, Any] = {
        "rows": {
            "items": len(items),
            "queries": len(ids),
            "judgements": judged.height,
            "events": 9,
        }
    }
    report |= {
        "labels": {"E": 4, "S": 3, "C": 2, "I": 1},
        "coverage": {"title": 1.0, "brand": 0.5},
        "actions": {},
    }
    report |= {
        "splits": {
            s: {"queries": 5, "judged_queries": 5, "judgements": 40}
            for s in ("train", "dev", "test")
        }
    }
    write_json(
        {**report, "quarantine": {f"items: {SCRIPT}": 2}}, folder / "data_report.json"
    )
    write_json({"name": SCRIPT, "simulated": True}, folder / "dataset.json")
    manifest(folder, "prepare", items=3)


def _evidence(run: Path, judged: pl.DataFrame) -> None:
    folder = run / "evidence"
    folder.mkdir()
    asked = Reading(
        {
            "colour": (Value("red", "red", "query"),),
            "product_type": (Value("mug", "mug", "query"),),
        }
    )
    ids = judged["query_id"].unique().sort().to_list()
    write_table(
        [{"kind": "query", "id": q, "reading": asked.to_json()} for q in ids],
        folder,
        "readings",
    )
    rows = [
        {"query_id": q, "item_id": i, "evidence": Evidence.many_to_json(evidence_of(g))}
        for q, i, g in judged.select("query_id", "item_id", "grade").iter_rows()
    ]
    write_table(rows, folder, "pairs")
    manifest(folder, "evidence")


def _texts(run: Path) -> None:
    """JSON files of the steps that other rooms write."""
    files: dict[str, Any] = {
        "feedback/behaviour.json": {
            "simulated": True,
            "signs": {"bought, judged exact": 7},
            "propensity": [1.0, 0.5],
        },
        "align/gate.json": {
            "promoted": False,
            "reasons": ["macro-F1 fell: 0.3 to 0.2"],
            "systems": {
                k: {"macro_f1": 0.3, "fnr": 0.2, "fpr": 0.1, "n": 9}
                for k in ("rules", "sft", "kto")
            },
        },
        "align/curves.json": {
            "sft": [{"step": 1.0, "loss": 2.0}, {"step": 2.0, "loss": 1.0}],
            "kto": [],
        },
        "verify/yield.json": {
            "made": 10,
            "accepted": 8,
            "yield": 0.8,
            "reasons": {"judge": "The judge disagrees."},
            "types": [
                {
                    "error_type": "colour",
                    "made": 10,
                    "accepted": 8,
                    "rejected": {"judge": 2},
                    "examples": [
                        {
                            "query": f"blue mug {SCRIPT}",
                            "title": f"Red Mug {SCRIPT}",
                            "edit": "query: red -> blue",
                            "intended": "S",
                            "answered": "S",
                        }
                    ],
                }
            ],
        },
        "distil/card.json": {
            "kind": "student",
            "version": "student-1",
            "rulebook": "general@1",
            "teacher": ["rules"],
            "data": {"human": 3},
        },
        "experiment/result.json": {
            "users": {"control": 200, "challenger": 201},
            "exposures": 800,
            "refusal": "",
            "sample_ratio_p": 0.9,
            "metrics": {
                "purchases_per_user": {
                    "control": 1.0,
                    "treatment": 1.2,
                    "effect": 0.2,
                    "low": 0.1,
                    "high": 0.3,
                    "relative": 0.2,
                    "p": 0.01,
                    "guardrail": False,
                }
            },
            "simulated": True,
            "latency_ms": {"p50": 3.0, "p95": 4.0, "p99": 9.0},
            "degraded": 0,
            "torn": 0,
            "variants": {},
        },
        "experiment/decision.json": {
            "action": "promote",
            "reason": "purchases rose",
            "simulated": True,
        },
    }
    for name, value in files.items():
        (run / name).parent.mkdir(exist_ok=True)
        write_json(value, run / name)
        manifest((run / name).parent, name.split("/")[0], 3.0, events=9.0)


def hard_of(count: int, right: int) -> list[dict[str, Any]]:
    """Adversarial pairs, the first ``right`` of which a student
    puts on the intended side of exact.
    """
    about = {"query_id": "q", "item_id": "i", "intended_grade": 1}
    kinds = ("colour", "size")
    return [
        {
            **about,
            "source_query_id": f"q{n % 8}",
            "error_type": kinds[n % 2],
            "grade": 2 if n < right else 3,
        }
        for n in range(count)
    ]


@pytest.fixture(scope="session")
def full_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "small"
    judged = pairs(24, 12)
    _prepare(run, judged)
    _evidence(run, judged)
    for step in ("score", "evaluate", "gate"):
        (run / step).mkdir()
    write_table(
        scores_of(judged, {"student": 0.3, "hybrid": 2.0, "random": 50.0}),
        run / "score",
        "scores",
    )
    write_table(hard_of(40, right=36), run / "score", "adversarial_scores")
    found = evaluate.run(
        evaluate.Config(draws=300),
        run / "prepare",
        run / "evidence",
        run / "score",
        output=run / "evaluate",
    )
    passed = gate.run(gate.Config(draws=300), run / "evaluate", output=run / "gate")
    for step, metrics in {"score": {}, "evaluate": found, "gate": passed}.items():
        manifest(run / step, step, **metrics)
    _texts(run)
    begun = {
        "started": "2026-11-24T00:00:00+00:00",
        "profile": "laptop",
        "seed": 0,
        "status": "passed",
        "seconds": 9,
    }
    (run / "run.json").write_text(json.dumps(begun), "utf-8")
    return run
