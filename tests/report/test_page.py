"""The page: whole and unfinished runs, hostile texts, and a real browser's opinion."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from adore.artifacts import write_table
from adore.pipeline.graph import LOOP
from adore.report.page import FILES, summary_table, write_report
from adore.report.plots import ErrorPoint, errors

EVIL = '<script>document.title="owned"</script>'
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


def put(run: Path, name: str, value: Any) -> None:
    path = run / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's files with a hostile shop in them."""
    split = {"queries": 3, "judged_queries": 2, "judgements": 9}
    report = {
        "rows": {"items": 12, "queries": 3, "judgements": 9, "truth": 9, "events": 0},
        "labels": {"E": 4, "S": 3, "C": 1, "I": 1},
        "coverage": {"title": 1.0, EVIL: 0.5},
        "splits": {"train": split, "dev": split, "test": split},
        "quarantine": {f"items: {EVIL}": 2},
        "left_out": {EVIL: {EVIL: 2}},
        "unread": {EVIL: EVIL},
        "judges": {"several": 3, "split": 1, "alpha": 0.5},
        "notes": [EVIL],
    }
    put(tmp_path, "prepare/data_report.json", report)
    put(tmp_path, "prepare/dataset.json", {"name": EVIL, "simulated": False})
    example = {"query": EVIL, "title": EVIL, "edit": EVIL, "intended": "S"}
    one = {"error_type": "brand", "made": 3, "accepted": 2, "examples": [example]}
    put(tmp_path, "verify/yield.json", {"types": [one]})
    put(
        tmp_path,
        "gate/gate.json",
        {
            "passed": False,
            "champion": "hybrid",
            "baseline": "hybrid",
            "reasons": [EVIL],
        },
    )
    row = {
        "measure": "nDCG@10",
        "slice": "all",
        "low": 0.5,
        "high": 0.7,
        "n": 9,
        "split": "test",
    }
    (tmp_path / "evaluate").mkdir()
    write_table(
        [
            {**row, "system": s, "value": v}
            for s, v in (("student", 0.6), ("bm25", 0.55))
        ],
        tmp_path / "evaluate",
        "measures",
    )
    return tmp_path


def test_the_page_is_made_of_the_files_that_it_names(
    run: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    put(
        run,
        "distil/card.json",
        {"version": "v", "rulebook": "general", "teacher": ["rules"], "data": "shop"},
    )
    few = tmp_path_factory.mktemp("few") / run.name
    for path in run.rglob("*.*"):
        if any(fnmatch(path.relative_to(run).as_posix(), one) for one in FILES):
            (few / path.relative_to(run)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, few / path.relative_to(run))
    assert write_report(few, LOOP).read_text() == write_report(run, LOOP).read_text()


def test_hostile_text_is_escaped(run: Path) -> None:
    text = write_report(run, LOOP).read_text()
    assert EVIL not in text and "&lt;script&gt;" in text
    assert (
        "did not pass its gate" in text
        and "http://" not in text
        and "https://" not in text
    )


def test_the_page_counts_the_errors_of_every_source(run: Path) -> None:
    plan = {
        "errors": {"teacher": {"brand": 41}, "live": {}, "experiment": {"size": 17}},
        "shares": {"brand": 0.4, "size": 0.6},
        "made": {"size": 23},
    }
    put(run, "synthesise/plan.json", plan)
    put(run, "live/live.json", {"champion": EVIL, "pairs": 5, "note": "", "errors": {}})
    text = write_report(run, LOOP).read_text()
    table = text.partition("Errors that weigh it")[2].partition("</table>")[0]
    rows = re.findall(r"<tr><t[dh]>(brand|size|all)<(.*?)</tr>", table)
    cells = {name: re.findall(r'class="n">([^<]*)<', row) for name, row in rows}
    assert cells["brand"] == ["41", "0", "0", "40 %", "0"]
    assert cells["size"] == ["0", "0", "17", "60 %", "23"]
    assert cells["all"] == ["41", "0", "17", "", "23"]
    assert EVIL not in text and "challenger, purchases lost" in text

    put(run, "synthesise/plan.json", {**plan, "errors_weigh": False})
    text = write_report(run, LOOP).read_text()
    assert "Errors that weigh it" not in text and "They do not weigh it" in text


def test_a_gate_of_before_champions_has_a_page(run: Path) -> None:
    put(run, "gate/gate.json", {"passed": True, "champion": "bm25", "reasons": []})
    text = write_report(run, LOOP).read_text()
    assert "Against <b>bm25</b>, the best baseline" in text
    assert "gate: passed against bm25" in summary_table(run)


def test_the_page_shows_the_segments_of_an_experiment(run: Path) -> None:
    segment = {
        "slice": "asks colour",
        "users": {"control": 40, "challenger": 41},
        "control": 1.0,
        "challenger": 0.5,
        "difference": -0.5,
        "low": -0.7,
        "high": -0.3,
        "lost": 20.4,
    }
    result = {
        "users": {"control": 90, "challenger": 90},
        "exposures": 180,
        "metrics": {},
        "degraded": 0,
        "latency_ms": {},
    }
    put(run, "experiment/result.json", {**result, "segments": [segment]})
    put(run, "experiment/decision.json", {"action": "hold", "reason": EVIL})
    text = write_report(run, LOOP).read_text()
    assert "-0.700 to -0.300" in text and '<td class="n">81</td>' in text


def test_the_page_says_what_position_bias_was_estimated_from(run: Path) -> None:
    position = {"note": f"2100 clicks {EVIL}"}
    put(
        run,
        "feedback/behaviour.json",
        {"simulated": False, "signs": {}, "position": position},
    )
    text = write_report(run, LOOP).read_text()
    assert "Position bias: 2100 clicks" in text and EVIL not in text


def test_the_trade_of_the_teachers_errors_is_a_curve(run: Path) -> None:
    systems = {
        "rules": {"shift": 0.0, "fnr": 0.30, "fpr": 0.04},
        "kto": {"shift": 0.0, "fnr": 0.10, "fpr": 0.05},
    }
    curve = [
        {"shift": -1.0, "fnr": 0.20, "fpr": 0.02},
        {"shift": 0.0, "fnr": 0.10, "fpr": 0.05},
        {"shift": 4.0, "fnr": 0.01, "fpr": 0.90},
    ]
    people = {"curve": curve, "systems": systems}
    rates = {"macro_f1": 0.7, "fnr": 0.1, "fpr": 0.05}
    gate = {
        "promoted": True,
        "reasons": [EVIL],
        "systems": {"rules": rates, "kto": rates},
        "trade_off": {"shift": 1.25, "people": people, "shoppers": people},
    }
    put(run, "align/gate.json", gate)
    text = write_report(run, LOOP).read_text()
    assert "+1.25 was chosen on train queries" in text and EVIL not in text
    assert text.count("Errors of the teacher on held-out pairs") == 2 * 2
    assert "missed 0.100, falsely exact 0.050" in text

    gate.pop("trade_off")
    put(run, "align/gate.json", gate)
    assert "Errors of the teacher" not in write_report(run, LOOP).read_text()


def test_the_better_system_lies_nearer_to_the_corner_without_errors() -> None:
    worse = ErrorPoint("rules", fpr=0.05, fnr=0.30)
    better = ErrorPoint("kto", fpr=0.04, fnr=0.10)
    far_off = ErrorPoint("", fpr=0.9, fnr=0.0)
    svg = str(errors([worse, better, far_off], [worse, better], "t", best="kto"))

    centres = re.findall(r'cx="([\d.]+)" cy="([\d.]+)" r="5" class="(\w+)"', svg)
    (left, top, _), (best_left, best_top, css) = centres
    assert float(best_left) < float(left) and float(best_top) > float(top)
    assert css == "best"
    (points,) = re.findall(r'points="([^"]*)"', svg)
    assert points == f"{left},{top} {best_left},{best_top}", "the far end is cut off"
    assert errors([], [], "t") == ""


def test_an_empty_run_has_a_page_too(tmp_path: Path) -> None:
    text = write_report(tmp_path, LOOP).read_text()
    assert "This run is not finished." in text and text.count("Not run") >= 5
    assert summary_table(tmp_path).startswith("system")


def test_a_run_without_a_ranking_has_a_page_too(run: Path) -> None:
    row = {
        "system": "student",
        "measure": "accuracy",
        "slice": "all",
        "split": "test",
        "value": 1.0,
    }
    write_table(
        [{**row, "low": 1.0, "high": 1.0, "n": 9}], run / "evaluate", "measures"
    )
    assert "accuracy" in write_report(run, LOOP).read_text()


def test_the_terminal_says_who_wins(run: Path) -> None:
    lines = summary_table(run).splitlines()
    assert (
        lines[1].split()[:2] == ["student", "0.600"]
        and lines[-1] == "gate: stopped against hybrid"
    )


@pytest.fixture
def browser() -> Iterator[Any]:
    """A real headless Chromium."""
    path = shutil.which("chromium")
    if not path:
        pytest.skip("no chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=path, args=FLAGS.split())
        yield made
        made.close()


@pytest.mark.browser
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_finds_nothing_wrong(run: Path, browser: Any, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    faults: list[str] = []
    asked: list[str] = []
    page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: faults.append(str(e)))
    page.on(
        "request",
        lambda r: (
            asked.append(r.url) if not r.url.startswith(("file:", "data:")) else None
        ),
    )
    page.goto(write_report(run, LOOP).as_uri())
    assert page.title().startswith("ADORE run") and not faults and not asked
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("svg").count() >= 3 and page.locator("h2").count() >= 8
