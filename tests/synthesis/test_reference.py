from __future__ import annotations

from pathlib import Path

from adore.synthesis.edits import EDITS
from adore.synthesis.reference import error_type_tables
from adore.taxonomy import ERROR_TYPES

PAGE = Path(__file__).parents[2] / "docs" / "error_types.md"


def test_the_page_has_the_tables_of_the_registries() -> None:
    page = PAGE.read_text("utf-8")
    tables = page.split("<!-- types -->\n")[1].split("<!-- end -->")[0]
    assert tables.strip() == error_type_tables(), (
        "run `python -m adore.synthesis.reference` and put its output between the marks"
    )


def test_every_type_and_every_edit_has_a_row() -> None:
    tables = error_type_tables()
    for name in ERROR_TYPES:
        assert f"\n| {name} | " in tables
    for name in EDITS:
        assert f"\n| `{name}` | " in tables
