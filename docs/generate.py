"""Writes the reference pages that the code itself can tell: ``make reference``.

A test compares each page with what is generated, so none of them is edited by hand.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
import typing
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from adore import errors
from adore.cli.main import app
from adore.config import StageConfig
from adore.pipeline.graph import STEPS
from adore.pipeline.settings import SECTIONS

FOLDER = Path(__file__).parent / "reference"
LONGEST = 40
"""Characters of a default that is shown as it is."""
BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
ROLE = re.compile(r":(?:func|class|mod|meth|data|attr):`~?([^`]+)`")


def configuration() -> str:
    """Every key of a profile."""
    lines = [
        "# Configuration",
        "",
        "A profile is a YAML file with one section per stage. `make pipeline-run "
        "PROFILE=mine.yaml` uses it. What it does not name has the default below. "
        "Unknown keys and wrong values are refused before any work is done.",
        "",
        "```yaml",
        "judge: {backend: openai, model: some-instruct-model, endpoint: https://host/v1}",
        "distil: {max_pairs: 8000}",
        "```",
        "",
        "Two profiles come with ADORE: `laptop` and `gpu` (`src/adore/profiles/`). "
        "This page is generated (`make reference`).",
        "",
        "## Every section",
        "",
        *_table(StageConfig, set()),
    ]
    for section, steps, model in sections():
        lines += ["", f"## {section}", ""]
        if steps:
            listed = ", ".join(f"`{step}`" for step in steps)
            lines += [f"Read by {listed}. {summary(model)}", ""]
        else:
            lines += [f"{summary(model)}", ""]
        lines += _section(section, model, None)
    return "\n".join(lines) + "\n"


def sections() -> Iterator[tuple[str, list[str], type[BaseModel]]]:
    """Name, steps that read it, and model, of each section."""
    modules = {step.section: step.module for step in STEPS.values()} | SECTIONS
    for section, module in modules.items():
        steps = [step.name for step in STEPS.values() if step.section == section]
        yield section, steps, importlib.import_module(module).Config


def _section(name: str, model: type[BaseModel], filled: Any) -> Iterator[str]:
    """Its table, then those of the models within; ``filled`` has its defaults, if it has all."""
    common = set(StageConfig.model_fields) if issubclass(model, StageConfig) else set()
    if set(model.model_fields) == common:
        yield "No keys of its own."
        return
    yield from _table(model, common, filled)
    for key, field in model.model_fields.items():
        for inner in models_in(field.annotation):
            yield from ("", f"### {name}.{key}", "")
            if inner.__doc__ and not inner.__doc__.startswith("!!!"):
                yield from (summary(inner), "")
            default = field.get_default(call_default_factory=True)
            is_filled = isinstance(default, inner)
            yield from _section(f"{name}.{key}", inner, default if is_filled else None)


def _table(
    model: type[BaseModel], without: set[str], filled: Any = None
) -> Iterator[str]:
    meanings = meanings_of(model)
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    for key, field in model.model_fields.items():
        if key in without:
            continue
        default = default_of(field)
        if filled is not None:
            default = shown(getattr(filled, key))
        cells = (f"`{key}`", type_of(field), default, meanings[key])
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def summary(model: type) -> str:
    """A docstring's first paragraph."""
    text = inspect.getdoc(model) or ""
    return plain(text.partition("\n\n")[0])


def plain(text: str) -> str:
    """A docstring's markup as Markdown, on one line."""
    return ROLE.sub(r"`\1`", " ".join(text.split())).replace("``", "`")


def meanings_of(model: type[BaseModel]) -> dict[str, str]:
    """What each field means: its description, the class's Attributes, or its docstring."""
    meanings = dict.fromkeys(model.model_fields, "")
    for base in reversed(model.__mro__):
        if base is BaseModel or not issubclass(base, BaseModel):
            continue
        listed = re.search(
            r"(?:Attributes|Args):\n((?:    .*\n?|\n)*)", inspect.getdoc(base) or ""
        )
        if listed:
            entry = re.compile(r"^    (\w+): ((?:.*\n?(?:     .*\n?)*))", re.MULTILINE)
            meanings.update(entry.findall(listed.group(1)))
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        assert isinstance(body, ast.ClassDef)
        for node, after in zip(body.body, body.body[1:], strict=False):
            is_field = isinstance(node, ast.AnnAssign)
            if is_field and isinstance(after, ast.Expr):
                name = ast.unparse(node.target)
                meanings[name] = str(ast.literal_eval(after.value))
    for name, field in model.model_fields.items():
        meanings[name] = _upper(plain(field.description or meanings[name]).strip())
    return meanings


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def type_of(field: FieldInfo) -> str:
    """``number, at least 0``; ``one of rules, auto``."""
    words = [_type_words(field.annotation)]
    for bound in field.metadata:
        for name, text in BOUNDS.items():
            limit = getattr(bound, name, None)
            if limit is not None:
                words.append(f"{text} {limit}")
        if getattr(bound, "pattern", None):
            words.append(f"like `{bound.pattern}`")
    return ", ".join(words)


def _type_words(hint: Any) -> str:
    plain_words = {
        str: "text",
        int: "whole number",
        float: "number",
        bool: "true or false",
        NoneType: "`null`",
        Any: "any",
    }
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint in plain_words:
        return plain_words[hint]
    if origin is typing.Literal:
        return "one of " + ", ".join(f"`{value}`" for value in inner)
    if origin in (UnionType, typing.Union):
        return " or ".join(_type_words(part) for part in inner)
    if origin in (list, tuple):
        return f"list of {_type_words(inner[0])}"
    if origin is dict:
        return f"{_type_words(inner[0])} to {_type_words(inner[1])}"
    return "section, see below"


def default_of(field: FieldInfo) -> str:
    """As YAML has it; nothing where the key must be given."""
    if field.is_required():
        return "needed"
    return shown(field.get_default(call_default_factory=True))


def shown(value: Any) -> str:
    """A value as YAML has it."""
    if isinstance(value, BaseModel):
        return "see below"
    if isinstance(value, dict | tuple | list) and not value:
        return "empty"
    text = str(value)
    if value is None:
        text = "null"
    elif value == "":
        text = '""'
    elif isinstance(value, bool):
        text = text.lower()
    elif isinstance(value, tuple):
        text = str(list(value))
    return f"`{text}`" if len(text) <= LONGEST else "see the source"


def models_in(hint: Any) -> list[type[BaseModel]]:
    """The models within a type hint."""
    if inspect.isclass(hint) and issubclass(hint, BaseModel):
        return [hint]
    return [model for inner in typing.get_args(hint) for model in models_in(inner)]


def command_line() -> str:
    """Every verb with its arguments and options."""
    lines = [
        "# Command line",
        "",
        "`adore VERB --help` prints the same. Errors are one line and exit status 1. "
        "This page is generated (`make reference`).",
    ]
    verbs = dict(_verbs(typer.main.get_command(app), "adore"))
    steps = [f"adore {name}" for name in STEPS]
    like_prepare = [name for name in steps if verbs[name][1] == verbs[steps[1]][1]]
    for name, (text, rows) in sorted(verbs.items()):
        if name in like_prepare:
            continue
        lines += ["", f"## {name}", "", text, "", *rows]
    listed = ", ".join(f"`{name}`" for name in like_prepare)
    _, rows = verbs[like_prepare[0]]
    lines += [
        "",
        "## adore STEP",
        "",
        f"{listed}: run one step of a run, unless its output is up to date.",
        "",
        *rows,
    ]
    return "\n".join(lines) + "\n"


def _verbs(command: Any, path: str) -> Iterator[tuple[str, tuple[str, list[str]]]]:
    """Each verb with what it does and the rows of its table."""
    if path != "adore" and (not _is_group(command) or command.invoke_without_command):
        rows = [_parameter(parameter) for parameter in command.params]
        if rows:
            rows = ["| argument | default | meaning |", "|---|---|---|", *rows]
        yield path, (plain(command.help or ""), rows)
    if _is_group(command):
        for name, inner in command.commands.items():
            yield from _verbs(inner, f"{path} {name}")


def _is_group(command: Any) -> bool:
    return hasattr(command, "commands")


def _parameter(parameter: Any) -> str:
    is_argument = parameter.param_type_name == "argument"
    names = [str(parameter.name).upper()]
    if not is_argument:
        names = [*parameter.opts, *parameter.secondary_opts]
    shown = ", ".join(f"`{name}`" for name in names)
    default = ""
    if parameter.required:
        default = "needed"
    elif parameter.default is True:
        default = f"`{names[0]}`"
    elif parameter.default not in (None, "") and parameter.default is not False:
        default = f"`{parameter.default}`"
    return f"| {shown} | {default} | {plain(parameter.help or '')} |"


def error_classes() -> str:
    """The tree of exceptions."""
    lines = [
        "# Errors",
        "",
        "Every error that ADORE raises on purpose is an `adore.errors.AdoreError`. "
        "Its text has one form: what was given, what it must be, and what to do.",
        "",
        "```text",
        "shards == 0, must be at least 1; set judge.shards to 1",
        "```",
        "",
        "On the command line it is one line and exit status 1; over HTTP it is the status "
        "below with the text as `detail`. Anything else is a bug: please report it. "
        "[Troubleshooting](../troubleshooting.md) goes by text.",
        "",
        "| class | kind of | HTTP status | when |",
        "|---|---|---|---|",
    ]
    for name in errors.__all__:
        kind = getattr(errors, name)
        if inspect.isclass(kind):
            parent = kind.__mro__[1].__name__
            when = summary(kind).removeprefix("Raised when ")
            lines.append(f"| `{name}` | `{parent}` | {kind.status} | {_upper(when)} |")
    lines += ["", "This page is generated (`make reference`)."]
    return "\n".join(lines) + "\n"


PAGES = {
    "configuration.md": configuration,
    "cli.md": command_line,
    "errors.md": error_classes,
}


def main() -> None:
    """Write every page."""
    FOLDER.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        (FOLDER / name).write_text(make(), "utf-8")
        print(FOLDER / name)


if __name__ == "__main__":
    main()
