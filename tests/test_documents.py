"""The documents say what the code says: generated pages are compared with what makes them."""

from __future__ import annotations

from pathlib import Path

from bench import headline

ROOT = Path(__file__).parents[1]


def test_the_headline_page_is_made_from_the_figures() -> None:
    assert headline.PAGE.read_text("utf-8") == headline.render()
