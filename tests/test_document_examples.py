"""What the documents tell people to type and to set is there, and they read easily."""

from __future__ import annotations

import pkgutil
import re
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from bench import prose
from docs import generate

from adore.cli.main import app
from adore.config import configure

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [
        *(page for page in ROOT.glob("*.md") if page.name != "CHANGELOG.md"),
        *(
            page
            for page in ROOT.glob("docs/**/*.md")
            if page.parent.name != "reference"
        ),
    ]
)
FENCE = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
SECTIONS = {name: model for name, _, model in generate.sections()}
FILE_ENDINGS = ("json", "jsonl", "yaml", "md", "py", "parquet")


def fences(page: Path, kind: str) -> list[str]:
    return [
        text for name, text in FENCE.findall(page.read_text("utf-8")) if name == kind
    ]


def code_spans(page: Path) -> list[str]:
    text = FENCE.sub("", page.read_text("utf-8"))
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]


def commands(page: Path, program: str) -> Iterator[str]:
    """What people are told to type, from code spans and blocks, without its comment."""
    lines = code_spans(page)
    for block in fences(page, "") + fences(page, "sh"):
        lines += block.replace("\\\n", " ").splitlines()
    for line in lines:
        plain = line.partition(" #")[0].strip()
        if plain.startswith(f"{program} "):
            yield plain


def all_verbs(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from all_verbs(inner, f"{path} {name}".strip())


VERBS = dict(all_verbs(typer.main.get_command(app)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_profiles_in_the_documents_are_accepted(page: Path) -> None:
    if page.name == "extending.md":
        return  # its profiles name its own parts: test_extending reads them with those
    for block in fences(page, "yaml"):
        check_profile_block(block)


def check_profile_block(block: str) -> None:
    """Every section of a profile in the documents is one that its step accepts."""
    settings = yaml.safe_load(block)
    if isinstance(settings, dict) and set(settings) <= set(SECTIONS):
        for name, section in settings.items():
            configure(SECTIONS[name], section, name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_keys_in_the_documents_are_there(page: Path) -> None:
    for span in code_spans(page):
        name, _, path = span.partition(".")
        if name not in SECTIONS or not re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", path):
            continue
        if path.rpartition(".")[2] in FILE_ENDINGS:
            continue
        model: Any = SECTIONS[name]
        for key in path.split("."):
            assert key in model.model_fields, span
            inner = generate.models_in(model.model_fields[key].annotation)
            model = inner[0] if inner else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_documents_are_there(page: Path) -> None:
    for command in commands(page, "adore"):
        words = command.removeprefix("adore ").split()
        verb = words[0]
        if verb in ("VERB", "STEP", "--version"):
            continue
        if " ".join(words[:2]) in VERBS:
            verb = " ".join(words[:2])
        assert verb in VERBS, command
        options = {
            option
            for parameter in VERBS[verb].params
            for option in (*parameter.opts, *parameter.secondary_opts)
        }
        for option in re.findall(r"(?<![\w-])--[a-z-]+", command):
            assert option in options, command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_in_the_documents_are_there(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z- ]+):", makefile, re.MULTILINE))
    targets = {name for names in targets for name in names.split()}
    for command in commands(page, "make"):
        for word in command.split()[1:]:
            if re.fullmatch(r"[a-z][a-z-]*", word):
                assert word in targets, command


def test_the_documents_read_easily() -> None:
    """Other projects' documents have 14 words a sentence in the median, 29 to 31 in the p90."""
    words = [count for page in prose.documents() for count in prose.lengths(page)]
    assert statistics.mean(words) <= 14
    assert prose.percentile(words, 0.9) <= 24


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_modules_and_files_in_the_documents_are_there(page: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = listed.stdout.split()
    for span in code_spans(page):
        if re.fullmatch(r"[\w./-]+/[\w.-]+\.(py|yaml|md|j2)", span):
            assert any(name.endswith(span) for name in files), span
        if re.fullmatch(r"(adore|bench|docs)(\.\w+)+", span):
            assert pkgutil.resolve_name(span), span
