"""The documents say what the code says: generated pages are compared with what makes them."""

from __future__ import annotations

import ast
import doctest
import re
from pathlib import Path

import pytest
from bench import headline
from docs import generate

ROOT = Path(__file__).parents[1]


def test_the_headline_tables_are_made_from_the_figures() -> None:
    assert headline.PAGE.read_text("utf-8") == headline.render()
    assert headline.README.read_text("utf-8") == headline.readme()


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
    missing = [page for page in pages if menu.count(f": {page}\n") != 1]
    assert not missing, "each of them is once in the nav of mkdocs.yml"


def source_texts() -> str:
    """Every string of the source, whole, as it is put together from its lines."""
    texts = []
    for path in (ROOT / "src").glob("**/*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return "\n".join(texts)


def test_every_error_text_of_the_troubleshooting_page_is_one_of_ours() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
    quoted = re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)
    texts = source_texts()
    assert len(quoted) > 15
    assert [text for text in quoted if text not in texts] == []


def test_the_tutorial_names_every_section_of_the_report() -> None:
    template = ROOT / "src/adore/report/templates/report.html.j2"
    heads = re.findall(r"<h2>([\w ]+\w)", template.read_text("utf-8"))
    page = (ROOT / "docs" / "report.md").read_text("utf-8")
    assert len(heads) >= 7
    assert [head for head in heads if f"\n## {head}\n" not in page] == []


def test_the_rule_book_of_the_tutorial_judges_as_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = ROOT / "docs" / "rulebooks.md"
    book = re.findall(r"^```yaml\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)[0]
    (tmp_path / "mugs.yaml").write_text(book, "utf-8")
    monkeypatch.chdir(tmp_path)
    done = doctest.testfile(str(page), module_relative=False)
    assert done.attempted >= 3 and done.failed == 0


def test_every_key_of_a_profile_has_a_meaning() -> None:
    page = generate.configuration()
    assert page.count("\n| `") > 150
    assert re.findall(r"^\| `(\w+)` .*\|  \|$", page, re.MULTILINE) == []


def test_the_quickstart_shows_the_figures_of_the_kept_run() -> None:
    page = (ROOT / "docs" / "quickstart.md").read_text("utf-8")
    measures = headline.figures("run-demo-shop")["measures"]
    rows = [row for row in measures if row["measure"] == "nDCG@10"]
    assert len(rows) == 5
    for row in rows:
        interval = f"{row['low']:.3f} to {row['high']:.3f}"
        assert f"{row['system']:<12} {row['value']:8.3f}  {interval}" in page
