"""A shop that nobody tuned for goes through the whole loop as it is, and its student beats BM25."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from adore.artifacts import read_table
from adore.data import demo_data

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


def test_a_shop_of_own_fields_and_one_word_queries_ends_with_a_student_and_its_page(
    tmp_path: Path,
) -> None:
    data, run = tmp_path / "lab", tmp_path / "run"
    data.mkdir()
    size = {
        "items": 300,
        "queries": 70,
        "judged": 60,
        "candidates": 12,
        "users": 60,
        "visits": 4,
    }
    demo_data.run(demo_data.Config(world="lab", **size), output=data)
    for name in ("dataset.yaml", "truth.jsonl.gz"):  # a shop has neither
        (data / name).unlink()
    command = [
        "from adore.cli.main import main; main()",
        "run",
        "--data",
        str(data),
        "--out",
        str(run),
    ]
    done = subprocess.run(
        [sys.executable, "-c", *command, "--profile", "tests/tiny.yaml"],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads((run / "run.json").read_text())["status"] == "passed"
    assert json.loads((run / "distil" / "card.json").read_text())["kind"] == "student"
    assert "student" in (run / "index.html").read_text()
    table = read_table(run / "evaluate", "measures").filter(
        split="test", slice="all", measure="nDCG@10"
    )
    ndcg = dict(table.select("system", "value").iter_rows())
    assert ndcg["student"] > ndcg["bm25"]
