"""The command line: quick to start, clear when asked for nonsense."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from adore.cli.main import app, main
from adore.errors import AdoreError
from adore.pipeline.doctor.machine import examine
from adore.pipeline.graph import STEPS
from adore.pipeline.local import choose_out, run_local
from adore.pipeline.runner import run_step

TINY = str(Path(__file__).parent / "tiny.yaml")


def test_every_step_is_a_verb() -> None:
    text = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    for step in STEPS:
        assert step in text
    for verb in ("run", "explain", "serve", "doctor", "compile"):
        assert verb in text


def test_errors_are_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["adore", "score", "--student", "x"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    assert (
        capsys.readouterr().err.strip()
        == "error: --items == '', must be given; add --items (or --run DIR for a run's step)"
    )


@pytest.mark.parametrize(
    ("verb", "says"),
    [
        (["compile", "--output", "/dev/null/x"], "Not a directory: '/dev/null/x'"),
        (["serve", "--run", ""], "place == '', must be a folder or s3://"),
        (["judge", "--run", ""], "place == '', must be a folder or s3://"),
        (["history", "--shop", "/no"], "--shop == '/no', must be a place with rounds"),
        (
            ["submit", "--host", "h", "--namespace", "n", "--every", "0 0 3 * * 1"],
            "--every == '0 0 3 * * 1', must be empty; add --shop",
        ),
        (
            ["submit", "--host", "h", "--namespace", "n", "--shop", "s", "--out", "o"],
            "--out == 'o', must be empty for rounds",
        ),
    ],
)
def test_disks_and_empty_places_are_one_line_too(
    verb: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(verb)
    assert says in capsys.readouterr().err


def test_what_a_run_costs_is_said_and_nothing_is_run(tmp_path: Path) -> None:
    for name in ("demo-data", "prepare", "evidence"):
        run_step(name, str(tmp_path), data="demo", profile=TINY, seed=0)
    told = (
        CliRunner()
        .invoke(app, ["cost", "--run", str(tmp_path), "--profile", TINY])
        .output
    )
    assert (
        "evidence" in told
        and "judge, estimate:\nshard     pairs" in told
        and "judge-again: not known" in told
    )
    planned = CliRunner().invoke(
        app, ["judge", "--run", str(tmp_path), "--profile", TINY, "--dry-run"]
    )
    assert planned.exit_code == 0 and planned.output.strip() in told
    assert not (tmp_path / "judge").exists()


def test_a_run_stops_at_the_door(tmp_path: Path) -> None:
    with pytest.raises(AdoreError, match="data == '/nowhere'"):
        run_local("/nowhere", str(tmp_path / "r"), profile="laptop", seed=0)
    with pytest.raises(AdoreError, match="profile == 'nope'"):
        run_local("demo", str(tmp_path / "r"), profile="nope", seed=0)
    assert not (tmp_path / "r").exists()


def test_the_newest_like_run_is_continued(tmp_path: Path) -> None:
    for name, seed in (
        ("20260101-000000", 0),
        ("20260102-000000", 0),
        ("20260103-000000", 1),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(
            json.dumps({"data": "demo", "profile": "laptop", "seed": seed})
        )
    assert choose_out("demo", "laptop", 0, tmp_path) == str(
        tmp_path / "20260102-000000"
    )
    assert Path(choose_out("demo", "laptop", 7, tmp_path)).name > "20260103"


def test_doctor_looks_at_everything() -> None:
    found = {f.name: f for f in examine()}
    assert (
        found["Python"].ok
        and found["MiniLM weights"].ok
        and {"S3", "browser", "extra vllm"} <= set(found)
    )
    assert all(f.text for f in found.values())
