"""The package's face: what it names is there, documented, light, and does what its page says."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FACES = [
    "adore",
    *(f"adore.{path.parent.name}" for path in ROOT.glob("src/adore/*/__init__.pyi")),
]


def stub_names(face: str) -> set[str]:
    path = ROOT / "src" / Path(*face.split(".")) / "__init__.pyi"
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Assign):
            return set(ast.literal_eval(node.value))
    raise AssertionError(f"{path} has no __all__")


@pytest.mark.parametrize("face", FACES)
def test_what_a_face_names_is_there_and_documented(face: str) -> None:
    module = importlib.import_module(face)
    assert set(module.__all__) == stub_names(face)
    for name in module.__all__:
        found = getattr(module, name)
        if inspect.isclass(found) or inspect.isfunction(found):
            assert inspect.getdoc(found), f"{face}.{name}"


@pytest.mark.parametrize("face", FACES)
def test_no_name_of_a_face_is_that_of_a_module_of_the_room(face: str) -> None:
    """Python would put the module in its place, as soon as somebody imports that."""
    room = ROOT / "src" / Path(*face.split("."))
    modules = {path.stem for path in room.glob("*.py")} | {
        p.name for p in room.iterdir()
    }
    assert not stub_names(face) & modules


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = {"torch", "polars", "kfp", "transformers", "duckdb", "numpy", "pyarrow"}
    code = f"import sys, adore; sys.exit(str({heavy} & set(sys.modules) or '') or 0)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_judging_by_a_rule_book_loads_no_model() -> None:
    code = (
        "import sys; from adore import Item, judge; judge('red mug', [Item('a', 'Red mug')]); "
        "sys.exit('torch' in sys.modules or 'polars' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_examples_of_the_page_run() -> None:
    done = doctest.testfile(str(ROOT / "docs" / "library.md"), module_relative=False)
    assert done.attempted >= 10 and done.failed == 0


def test_a_query_with_an_id_gives_judgements_of_that_id() -> None:
    from adore import Item, Query, judge

    items = [Item("a", "Red mug")]
    [by_text] = judge("red mug", items)
    [by_query] = judge(Query("q-1", "red mug"), items)
    assert (by_text.query_id, by_query.query_id) == ("", "q-1")
    assert by_query.grade == by_text.grade
