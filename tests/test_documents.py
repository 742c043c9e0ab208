"""The documents say what the code says: generated pages are compared with what makes them."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench import headline
from docs import generate

ROOT = Path(__file__).parents[1]


def test_the_headline_page_is_made_from_the_figures() -> None:
    assert headline.PAGE.read_text("utf-8") == headline.render()


@pytest.mark.parametrize("name", generate.PAGES)
def test_a_page_of_the_reference_is_made_from_the_code(name: str) -> None:
    kept = (generate.FOLDER / name).read_text("utf-8")
    assert kept == generate.PAGES[name](), "run `make reference`"


def test_every_page_and_every_face_is_in_the_sites_menu() -> None:
    menu = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:")[2]
    pages = [str(path.relative_to(ROOT / "docs")) for path in ROOT.glob("docs/**/*.md")]
    pages += [f"results/{path.name}" for path in ROOT.glob("bench/results/*.md")]
    for stub in (ROOT / "src" / "adore").glob("**/__init__.pyi"):
        pages.append(f"reference/api/{stub.parent.name}.md")
    missing = [page for page in pages if f": {page}\n" not in menu]
    assert not missing, "add them to the nav of mkdocs.yml"
