"""Every example of docs/bring-your-shop.md is run;
what the page shows of the screen is what the screen shows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner

from adore.cli.main import app
from adore.config import configure
from adore.data.check import check_folder
from adore.data.dataset import DatasetInfo
from adore.data.presets import PRESETS
from adore.data.shop import ReadConfig, read_shop

PAGE = Path(__file__).parents[2] / "docs" / "bring-your-shop.md"
CONFIG = configure(ReadConfig, {}, "prepare")
FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Example:
    """One section's files, the lines that its screen must have, and the commands that must work."""

    name: str
    files: dict[str, str] = field(default_factory=dict)
    screen: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)


def examples() -> list[Example]:
    found = []
    for section in PAGE.read_text("utf-8").split("\n## ")[1:]:
        if "<!-- example -->" not in section:
            continue
        one = Example(section.partition("\n")[0])
        for kind, name, text in FENCE.findall(section):
            if name:
                one.files[name] = text
            elif kind == "text":
                one.screen += text.splitlines()
            elif kind == "sh":
                one.commands += text.splitlines()
        found.append(one)
    return found


EXAMPLES = examples()
PLAIN = EXAMPLES[0]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_an_example_is_understood_as_the_page_says(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in example.files.items():
        (tmp_path / name).write_text(text, "utf-8")
    holds = {note.table for note in read_shop(tmp_path, CONFIG).report.files}
    for name, text in PLAIN.files.items():
        if name.partition(".")[0] not in holds:
            (tmp_path / name).write_text(text, "utf-8")
    report = check_folder(tmp_path, CONFIG)
    shown = " ".join(report.text.split())
    assert report.can_run, report.text
    assert example.screen
    for line in example.screen:
        assert " ".join(line.split()) in shown, report.text
    monkeypatch.chdir(tmp_path)
    for command in example.commands:
        done = CliRunner().invoke(app, command.removeprefix("adore ").split())
        assert done.exit_code == 0, done.output


def test_the_page_names_every_preset_and_every_key() -> None:
    text = PAGE.read_text("utf-8")
    assert len(EXAMPLES) >= 11
    assert all(
        f"`{preset.name}`" in text
        for preset in PRESETS
        if preset.table in ("items", "judgements")
    )
    assert all(
        f"`{key}`" in text for key in DatasetInfo.model_fields if key != "simulated"
    )
