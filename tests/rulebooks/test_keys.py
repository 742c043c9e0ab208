"""docs/rulebooks.md holds the tables that the schema makes."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from adore.cli.main import app
from adore.rulebooks.keys import tables
from adore.rules import Rule


def test_the_tables_of_the_page_are_current() -> None:
    page = (Path(__file__).parents[2] / "docs" / "rulebooks.md").read_text("utf-8")
    made = page.split("<!-- adore rulebook keys -->\n")[1].split("<!-- end -->")[0]
    assert made.strip() == tables().strip(), (
        "run `adore rulebook keys` and put its output between the marks"
    )


def test_every_key_is_explained() -> None:
    out = CliRunner().invoke(app, ["rulebook", "keys"]).output
    assert all(f"| `{key}` |" in out for key in Rule.model_fields) and "|  |" not in out
