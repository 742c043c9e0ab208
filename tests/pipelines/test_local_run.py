"""The whole KFP pipeline under kfp.local on the tiny profile; then its page, explain and score."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


def adore(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-c",
        "from adore.cli.main import main; main()",
        *arguments,
    ]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT
    )


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    run = tmp_path_factory.mktemp("runs") / "one"
    done = adore("run", "--out", str(run), "--profile", "tests/tiny.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    return run, done.stdout


def test_it_ends_with_a_table_a_page_and_a_decision(finished: tuple[Path, str]) -> None:
    run, printed = finished
    assert (
        "student" in printed
        and "gate: passed" in printed
        and "online (simulated shoppers)" in printed
    )
    about = json.loads((run / "run.json").read_text())
    assert about["status"] == "passed" and {
        "prepare",
        "judge/0",
        "judge/1",
        "experiment",
    } <= set(about["steps"])
    assert "simulated shoppers" in (run / "index.html").read_text()


def test_the_same_command_again_does_nothing(finished: tuple[Path, str]) -> None:
    run, _ = finished
    again = adore("run", "--out", str(run), "--profile", "tests/tiny.yaml")
    assert (
        again.returncode == 0
        and " runs" not in again.stderr
        and again.stderr.count(" kept") >= 20
    )


def test_explain_walks_back_to_the_sources(finished: tuple[Path, str]) -> None:
    run, _ = finished
    pair = pl.read_parquet(run / "prepare" / "judgements.parquet").row(0, named=True)
    queries = pl.read_parquet(run / "prepare" / "queries.parquet").filter(
        pl.col("query_id") == pair["query_id"]
    )
    answer = adore(
        "explain",
        "--run",
        str(run),
        "--query",
        queries["query"][0],
        "--item",
        pair["item_id"],
        "--json",
    )
    found = json.loads(answer.stdout)
    assert found["served"]["rank"] >= 1 and found["rules"]["rulebook"].startswith(
        "general@"
    )
    assert {"human"} < {j["by"] for j in found["judgements"]}
    assert {"distil", "verify", "prepare", "demo-data"} <= {
        s["step"] for s in found["lineage"]
    }
    assert {j["source"] for j in found["judgements"]} <= {
        str(p) for p in run.glob("**/")
    }
    missing = adore(
        "explain", "--run", str(run), "--query", "x", "--item", "no-such-item"
    )
    assert missing.returncode == 1 and "item == 'no-such-item'" in missing.stderr


def test_score_and_evaluate_files(finished: tuple[Path, str], tmp_path: Path) -> None:
    run, _ = finished
    data, out = run / "demo-data", tmp_path / "scores.csv"
    pairs = (
        pl.read_ndjson(data / "judgements.jsonl")
        .select("query_id", "item_id")
        .reverse()
    )
    pairs.write_csv(tmp_path / "pairs.csv")
    files = [
        "--items",
        f"{data}/items.jsonl.gz",
        "--queries",
        f"{data}/queries.jsonl",
        "--pairs",
        f"{tmp_path}/pairs.csv",
    ]
    done = adore(
        "score", "--student", str(run / "distil"), *files, "--output", str(out)
    )
    assert done.returncode == 0, done.stderr
    scores = pl.read_csv(out)
    assert scores.select("query_id", "item_id").equals(pairs)
    assert scores.columns == [
        "query_id",
        "item_id",
        "score",
        "grade",
        "p_E",
        "p_S",
        "p_C",
        "p_I",
    ]
    told = adore(
        "evaluate", "--scores", str(out), "--judgements", str(data / "judgements.jsonl")
    )
    assert (
        told.returncode == 0 and "nDCG@10" in told.stdout and "macro-F1" in told.stdout
    )
