"""The rounds of a shop on the page: gates, decisions, what serves, and where errors went."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from tests.report.test_page import EVIL, browser, put

from adore.artifacts import Manifest
from adore.pipeline.graph import LOOP
from adore.report.page import write_report
from adore.report.timeline import ROUNDS, production_counts, read_timeline

__all__ = ["browser"]

UNFINISHED = {
    "round": 3,
    "run": "",
    "started": "2026-01-03T00:00:00+00:00",
    "ended": "",
    "status": "unfinished",
    "data": {},
    "teacher": {},
    "student": {},
    "gate": {},
    "experiment": {},
    "decision": "",
    "decisions": [],
    "serves": {"version": "v1", "kind": "student"},
}


def ended_round(number: int, decision: str) -> dict[str, Any]:
    """A round as the registry's history has it, with its measures and errors."""
    measure = {"value": 0.8 + number / 100, "low": 0.7, "high": 0.9, "n": 12}
    return {
        **UNFINISHED,
        "round": number,
        "ended": f"2026-01-0{number}T00:00:00+00:00",
        "status": "passed",
        "student": {"version": f"v{number}", "kind": "student"},
        "gate": {
            "passed": True,
            "champion": EVIL,
            "difference": 0.1,
            "low": 0.05,
            "high": 0.15,
        },
        "experiment": {
            "simulated": True,
            "control": 0.6,
            "treatment": 0.7,
            "effect": 0.1,
            "low": -0.1,
            "high": 0.3,
        },
        "decision": decision,
        "measures": {"nDCG@10": measure},
        "errors": {"teacher": {"brand": 3}, "live": {"brand": number, EVIL: 1}},
    }


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of the third round."""
    rounds = [ended_round(1, "promote"), ended_round(2, "rollback"), UNFINISHED]
    put(tmp_path, ROUNDS, rounds)
    production = {
        "logs": [{"place": "p"}],
        "exposures": 1200,
        "repeats": 0,
        "requests": [{"query": EVIL}],
        "alarm": f"the most shown brand ({EVIL}) has 40% of the impressions",
    }
    put(tmp_path, "prepare/production.json", production)
    return tmp_path


def test_every_source_has_the_same_vote_on_where_errors_went(run: Path) -> None:
    timeline = read_timeline(run)
    assert timeline["errors"] == {
        "sources": [{"teacher": 3, "live": 2}, {"teacher": 3, "live": 3}, {}],
        "rows": [
            {"type": "brand", "shares": pytest.approx([0.75, 5 / 6, 0])},
            {"type": EVIL, "shares": pytest.approx([0.25, 1 / 6, 0])},
        ],
    }
    assert "round 2" in timeline["relevance"] and "round 2" in timeline["purchases"]
    assert "round 3" not in timeline["relevance"]


def test_a_run_that_is_no_round_has_no_timeline(tmp_path: Path) -> None:
    assert read_timeline(tmp_path) == {} and production_counts({"logs": []}) == []
    text = write_report(tmp_path, LOOP).read_text()
    assert "<h2>Rounds</h2>" not in text and "From production" not in text


def test_the_page_tells_decisions_alarm_and_what_was_logged(run: Path) -> None:
    text = write_report(run, LOOP).read_text()
    assert EVIL not in text
    for words in ("rollback", "not yet", "1,200 lists shown", "+0.050 to +0.150"):
        assert words in text
    assert "What shoppers see narrows" in text and "logged twice" not in text


def test_a_refused_round_tells_what_people_bought_of_the_champion(
    tmp_path: Path,
) -> None:
    alone = {"value": 0.612, "low": 0.55, "high": 0.68, "users": 600, "simulated": True}
    gate = {"passed": False, "champion": "champion", "reasons": ["too weak: " + EVIL]}
    refused = {**UNFINISHED, "status": "refused", "bought": alone, "gate": gate}
    put(tmp_path, ROUNDS, [ended_round(1, "promote"), refused])
    text = write_report(tmp_path, LOOP).read_text()
    assert "0.550 to 0.680<br>champion alone" in text and text.count("simulated<") == 2
    assert "refused: too weak: " in text and EVIL not in text
    assert "production" not in text, "no step of a run whose gate passed"
    done = Manifest("production", "0", "0", {}, {}, {}, "0", {}, {}, 3.0, 0.0, {})
    put(tmp_path, "production/manifest.json", asdict(done))
    assert "production" in write_report(tmp_path, LOOP).read_text()


@pytest.mark.browser
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("width", [400, 1200])
def test_a_browser_shows_the_rounds_without_scrolling_sideways(
    run: Path, browser: Any, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(write_report(run, LOOP).as_uri())
    heading = page.locator("h2", has_text="Rounds")
    assert heading.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    section = page.locator("section", has=heading)
    assert section.locator("svg").count() == 2
    assert section.locator("tr").count() == 8

    badges = section.locator(".badge").evaluate_all(
        "all => all.map(badge => badge.closest('td').getBoundingClientRect().height)"
    )
    assert len(badges) == 2 and max(badges) < 80, "the badge stands beside the figures"
