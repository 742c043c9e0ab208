"""The machine holds the house: floors, sizes, public names, lazy imports, pipelines."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from bench import style

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "adore"
MODULES = sorted(p for p in SRC.rglob("*.py"))

FLOORS: list[set[str]] = [
    {"errors", "processes"},
    {"registry"},
    {"types", "tables", "config", "progress", "entities", "text"},
    {"taxonomy"},
    {"parquet", "storage", "code_hash", "measures", "significance", "rules"},
    {"artifacts", "rulebook", "prompts", "run_record"},
    {"distributed"},
    {"attributes"},
    {"data"},
    {"teacher", "behaviour", "synthesis", "student", "evaluation", "experiment"},
    {"serving", "rounds"},
    {"release", "rulebooks", "report"},
    {"pipeline"},
    {"library"},
    {"cli"},
]
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}


def room_of(path: Path) -> str:
    return path.relative_to(SRC).parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            parts = node.module.split(".")
            if parts[0] == "adore":
                rooms |= (
                    {parts[1]}
                    if len(parts) > 1
                    else {a.name for a in node.names if a.name != "__version__"}
                )
        elif isinstance(node, ast.Import):
            rooms |= {
                a.name.split(".")[1] for a in node.names if a.name.startswith("adore.")
            }
    return rooms


def test_every_room_has_a_floor() -> None:
    assert {room_of(p) for p in MODULES} - {"__init__"} <= set(FLOOR)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SRC)))
def test_imports_go_down_only(path: Path) -> None:
    room = room_of(path)
    for other in imports_of(path) - {room}:
        assert FLOOR[other] < FLOOR[room], (
            f"{room} imports {other}: rooms on one floor do not know each other"
        )


def test_envelopes_and_pipelines_know_only_what_is_below() -> None:
    for path in (ROOT / "pipelines").glob("*.py"):
        assert imports_of(path) == set(), f"{path.name} imports components only"
    for path in (ROOT / "components").glob("[a-z]*.py"):
        assert imports_of(path) <= {"pipeline"}, path.name
        assert len(path.read_text("utf-8").splitlines()) <= 50, path.name


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SRC)))
def test_sizes(path: Path) -> None:
    """Modules of one thought; what is measured of functions is how dense they are."""
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= 500
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.FunctionDef) and room_of(path) != "cli"
        ):  # an option each
            count = len(node.args.args) + len(node.args.kwonlyargs)
            assert count <= 8, f"{node.name} has {count} parameters"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SRC)))
def test_every_function_can_be_read_once(path: Path) -> None:
    """At most so many syntax nodes a line, no vague name; parameters are described."""
    counts = style.Counts()
    style.read_module(path, counts)
    assert style.faults(counts) == []


def test_the_house_reads_as_well_as_its_models() -> None:
    counts = style.measure(SRC)
    lines = counts.code_lines
    assert statistics.median(counts.densities) <= 9
    assert counts.nodes / lines <= 8
    assert statistics.mean(map(len, counts.names)) >= 7.2
    short = [name for name in counts.names if len(name) == 1]
    assert len(short) / len(counts.names) <= 0.05
    assert counts.comprehensions / lines <= 0.021
    assert counts.ternaries / lines <= 0.019
    assert counts.comment_lines / sum(counts.modules) >= 0.013
    assert counts.any_typed / len(counts.functions) <= 0.09


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SRC)))
def test_public_names_are_named(path: Path) -> None:
    if path.name == "__init__.py":  # a stub beside it names what is public
        return
    tree = ast.parse(path.read_text("utf-8"))
    named = [
        n
        for n in tree.body
        if isinstance(n, ast.Assign) and getattr(n.targets[0], "id", "") == "__all__"
    ]
    assert named, "__all__ is missing"
    names = ast.literal_eval(named[0].value)
    kinds = ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef
    verbs = room_of(path) == "cli"  # typer finds its verbs by their decorators
    defined = {
        n.name
        for n in tree.body
        if isinstance(n, kinds) and not (verbs and n.decorator_list)
    }
    assert {n for n in defined if not n.startswith("_")} <= set(names)


def test_importing_adore_and_help_load_no_torch() -> None:
    heavy = "{'torch', 'polars', 'kfp', 'transformers'}"
    code = f"import sys, adore, adore.cli; sys.exit(str({heavy} & set(sys.modules) or '') or 0)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_profiles_name_known_stages_and_keys_only() -> None:
    from adore.config import PROFILES
    from adore.pipeline.settings import check_profile

    for path in PROFILES.glob("*.yaml"):
        check_profile(path.stem)


def test_every_step_is_in_the_compiled_pipeline(tmp_path: Path) -> None:
    from adore.pipeline.compiler import compile_all
    from adore.pipeline.graph import STEPS

    paths = compile_all(str(tmp_path))
    assert paths
    spec = next(yaml.safe_load_all(Path(tmp_path / "adore.yaml").read_text("utf-8")))
    text = yaml.safe_dump(spec)
    for step in STEPS.values():
        if step.name != "demo-data":  # part of prepare
            assert (
                f"name: {step.section.replace('_', '-')}" in text
                or f"constant: {step.name}" in text
            ), step.name
    commands = [
        c["container"]["command"] for c in spec["deploymentSpec"]["executors"].values()
    ]
    assert all("pip" not in " ".join(c[:3]) for c in commands), (
        "components install nothing at run time"
    )
    assert "exit-handler-1" in text and "condition" in text


def test_every_step_has_its_verb_its_component_and_its_line_in_the_readme() -> None:
    from typer.main import get_command

    from adore.cli.main import app
    from adore.pipeline.graph import LOOP, STEPS

    verbs = set(getattr(get_command(app), "commands", {}))
    readme = (ROOT / "README.md").read_text("utf-8")
    cells = [
        line.split("|")[1] for line in readme.splitlines() if line.startswith("| ")
    ]
    told = {name.strip() for cell in cells for name in cell.split(",")}
    components = {path.stem for path in (ROOT / "components").glob("[a-z]*.py")}
    assert set(STEPS) <= verbs
    for name in LOOP:
        assert STEPS[name].section in components, name
        assert name in told, f"{name} has no line in the README's table of steps"


def test_modules_that_register_parts_are_imported_where_they_are_listed() -> None:
    """Else a new edit or a new backend would be left out, and nobody would notice."""
    lists = {
        "synthesis/edits/__init__.py": r"@register_edit\(",
        "teacher/backends/builtin.py": r"^BACKENDS\.add\(",
    }
    for name, registers in lists.items():
        listing = SRC / name
        listed = {
            alias.name
            for node in ast.walk(ast.parse(listing.read_text("utf-8")))
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        for path in sorted(listing.parent.glob("*.py")):
            if re.search(registers, path.read_text("utf-8"), re.MULTILINE):
                assert path.stem in listed, f"{path.name}: import it in {listing.name}"


def test_the_project_speaks_of_itself_alone() -> None:
    files = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    for name in files:
        path = ROOT / name
        if path.suffix in {
            ".py",
            ".md",
            ".yaml",
            ".toml",
            ".txt",
            ".j2",
            ".html",
            ".json",
        } and path != Path(__file__):
            text = path.read_text("utf-8")
            for word in ("/work/", "/tmp/w/", "/root/"):
                assert word not in text, f"{name} names {word}, a path of one machine"


def test_the_teachers_image_trains_and_runs_steps_with_what_was_tested_here() -> None:
    files = [
        (ROOT / name).read_text("utf-8").split()
        for name in ("constraints/base.txt", "constraints/teacher.txt")
    ]
    here, there = (
        dict(line.split("==") for line in file if "==" in line) for file in files
    )
    same = (
        "torch",
        "trl",
        "peft",
        "accelerate",
        "datasets",
        "kfp",
        "kfp-kubernetes",
        "kubernetes",
        "polars",
        "pyarrow",
    )
    assert {n: there[n] for n in same} == {n: here[n] for n in same}
    dockerfile = (ROOT / "images" / "teacher" / "Dockerfile").read_text("utf-8")
    assert f"vllm=={there['vllm']} " in dockerfile


def test_images_try_modules_that_are_there() -> None:
    for path in (ROOT / "images").glob("*/Dockerfile"):
        text = path.read_text("utf-8")
        for name in re.findall(r"\badore\.[a-z_]+(?:\.[a-z_]+)*", text):
            module = SRC.joinpath(*name.split(".")[1:])
            is_there = module.is_dir() or module.with_suffix(".py").is_file()
            assert is_there, f"{path}: {name}"
