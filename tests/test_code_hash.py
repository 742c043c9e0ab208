"""A change runs again what may run it, and nothing else."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from adore.code_hash import ALSO, PACKAGE, import_closure
from adore.pipeline.graph import STEPS

HASHES = """
import importlib
from adore.code_hash import code_hash
from adore.pipeline.graph import STEPS
for step in STEPS.values():
    print(step.name, code_hash(importlib.import_module(step.module)))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as it is, to be edited."""
    home = tmp_path_factory.mktemp("copy")
    shutil.copytree(
        PACKAGE, home / "adore", ignore=shutil.ignore_patterns("__pycache__")
    )
    return home


def hashes(home: Path) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", HASHES],
        env={"PYTHONPATH": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(line.split() for line in done.stdout.splitlines())


def changed_by(home: Path, name: str) -> set[str]:
    """Steps whose code a comment in one file changes."""
    path = home / "adore" / name
    before, text = hashes(home), path.read_text("utf-8")
    try:
        path.write_text(f"{text}\n# a comment\n", "utf-8")
        after = hashes(home)
    finally:
        path.write_text(text, "utf-8")
    return {step for step in before if before[step] != after[step]}


def test_what_no_stage_imports_runs_nothing_again(copy: Path) -> None:
    assert (
        changed_by(copy, "cli/main.py") == set() == changed_by(copy, "report/page.py")
    )


def test_what_a_stage_imports_from_another_room_runs_it_again(copy: Path) -> None:
    assert "feedback" in changed_by(copy, "data/shoppers.py")
    assert {"evidence", "synthesise", "distil"} <= changed_by(
        copy, "attributes/units.py"
    )


def test_what_is_read_or_started_or_imported_by_name_counts_too(copy: Path) -> None:
    judges = {"judge", "judge-again", "judge-candidates"}
    assert judges <= changed_by(copy, "teacher/backends/vllm.py")
    assert judges <= changed_by(copy, "teacher/prompts/system.j2")
    assert "experiment" in changed_by(copy, "serving/router.py")
    assert (
        "gate" not in changed_by(copy, "rulebooks/fashion.yaml") >= {*judges, "prepare"}
    )


def test_every_file_that_is_no_code_is_read_by_a_module_that_says_so() -> None:
    pages = {
        "report/templates/report.html.j2",
        "report/templates/rounds.html.j2",
        "serving/static/index.html",
    }
    settings = {
        "profiles/laptop.yaml",
        "profiles/gpu.yaml",
    }  # their values are the stages' configs
    files = {
        p.relative_to(PACKAGE).as_posix()
        for p in PACKAGE.rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }
    data = {name for name in files if not name.endswith((".py", ".pyi", "py.typed"))}
    named = {
        p.relative_to(PACKAGE).as_posix()
        for pattern in ALSO.values()
        for p in PACKAGE.glob(pattern)
    }
    assert data <= named | pages | settings


def test_all_that_is_imported_while_a_stage_is_loaded_is_in_its_closure() -> None:
    """The import statements are read; that Python imports no more than these is asked of Python."""
    code = (
        "import importlib, sys; importlib.import_module(sys.argv[1]); "
        "print(*[m for m in sys.modules if m == 'adore' or m.startswith('adore.')])"
    )
    for module in {step.module for step in STEPS.values()}:
        done = subprocess.run(
            [sys.executable, "-c", code, module],
            capture_output=True,
            text=True,
            check=True,
        )
        assert set(done.stdout.split()) <= import_closure(module), module


def test_no_module_imports_by_a_rooms_face_whose_names_the_closure_does_not_follow() -> (
    None
):
    faces = {path.parent for path in PACKAGE.rglob("__init__.pyi")}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not node.module:
                continue
            home = PACKAGE.joinpath(*node.module.split(".")[1:])
            if node.module.split(".")[0] != "adore" or home not in faces:
                continue
            for alias in node.names:
                is_module = (home / f"{alias.name}.py").is_file() or (
                    home / alias.name
                ).is_dir()
                assert is_module or alias.name == "__version__", f"{path}: {alias.name}"
