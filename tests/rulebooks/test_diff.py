"""Diff: counts by hand, causes by rule, people's grades where a run lies around the pairs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from adore.cli.main import app
from adore.errors import ConfigError, MissingError
from adore.rulebook import RuleBook
from adore.rulebooks.diff import MeasureChange, compare_books, read_pairs, render
from adore.types import Evidence


def _colour(state: str) -> Evidence:
    return Evidence("colour", "red", "red", "blue", "Blue", "title", state)  # type: ignore[arg-type]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    fits = Evidence(
        "compatibility",
        "iphone 13",
        "iPhone 13",
        "pixel 7",
        "Pixel 7",
        "title",
        "conflict",
    )
    evidence = {
        "i1": [_colour("conflict")],
        "i2": [_colour("match")],
        "i3": [fits],
        "i4": [fits, _colour("conflict")],
    }
    for step in ("evidence", "prepare"):
        (tmp_path / step).mkdir()
    pairs = [
        {"query_id": "q", "item_id": i, "evidence": Evidence.many_to_json(e)}
        for i, e in evidence.items()
    ]
    pl.DataFrame(pairs).write_parquet(tmp_path / "evidence" / "pairs.parquet")
    items = [
        {
            "item_id": i,
            "title": f"Thing {i}",
            "category": "A > Cases" if i < "i3" else "",
        }
        for i in evidence
    ]
    pl.DataFrame(items).write_parquet(tmp_path / "prepare" / "items.parquet")
    queries = {"query_id": ["q"], "query": ["red case"], "split": ["test"]}
    pl.DataFrame(queries).write_parquet(tmp_path / "prepare" / "queries.parquet")
    human = {"query_id": ["q"] * 2, "item_id": ["i1", "i3"], "grade": [3, 2]}
    pl.DataFrame(human).write_parquet(tmp_path / "prepare" / "judgements.parquet")
    return tmp_path


def test_the_table_and_the_causes_are_right(run: Path) -> None:
    result = compare_books(
        RuleBook.load(), RuleBook.load("electronics"), read_pairs(str(run))
    )
    table = {(x, y): n for x, row in result.table.items() for y, n in row.items() if n}
    assert (
        table == {("S", "E"): 1, ("E", "E"): 1, ("S", "I"): 2} and result.changed == 3
    )
    assert result.rules == {
        "lowered by electronics [fits]": 2,
        "no longer lowered by general [colour]": 1,
    }
    human = result.human
    assert human is not None
    assert (human.pairs, human.nearer, human.farther) == (2, 1, 1)
    assert human.measures["accuracy"] == MeasureChange(0.5, 0.5)
    text = render(result)
    assert (
        "3 of 4 grades change" in text
        and "'red case' | Thing i3" in text
        and "(people: E)" in text
    )


def test_the_verb_prints_json_and_narrows(run: Path) -> None:
    narrow = ["--on", str(run), "--category", "cases", "--split", "test", "--json"]
    result = json.loads(
        CliRunner()
        .invoke(app, ["rulebook", "diff", "general", "electronics", *narrow])
        .output
    )
    assert (
        result["pairs"] == 2
        and result["changed"] == 1
        and result["examples"][0]["item_id"] == "i1"
    )


@pytest.mark.parametrize(
    ("narrow", "error"),
    [
        (
            {"split": "foo"},
            r"--split == 'foo', must be found in \['test'\]; choose one",
        ),
        (
            {"category": "shoes"},
            r"--category == 'shoes', must be found in \['A > Cases'\]",
        ),
        ({"category": "cases", "split": "dev"}, r"--split == 'dev'.*\['test'\]"),
    ],
)
def test_what_no_pair_is_of_is_an_error_that_names_what_there_is(
    run: Path, narrow: Any, error: str
) -> None:
    with pytest.raises(MissingError, match=error):
        read_pairs(str(run), **narrow)


@pytest.mark.parametrize(
    ("text", "line", "fault"),
    [
        (b"name: x\nname: [", 2, "not YAML"),
        (b"7", 1, "not a mapping"),
        (
            b"name: x\ngrades: {}\nunread: S\nrules: [{id: a}]",
            4,
            r"\[a\] attribute: missing; add it",
        ),
        (b"name: x\n# caf\xe9", 2, "not UTF-8"),
    ],
)
def test_a_broken_book_is_told_as_lint_tells_it(
    run: Path, text: bytes, line: int, fault: str
) -> None:
    (book := run / "broken.yaml").write_bytes(text)
    caught = (
        CliRunner()
        .invoke(app, ["rulebook", "diff", "general", str(book), "--on", str(run)])
        .exception
    )
    assert isinstance(caught, ConfigError) and re.search(
        f"{book}:{line}: {fault}", str(caught)
    )
    lint = CliRunner().invoke(app, ["rulebook", "lint", str(book)])
    assert lint.exit_code == 1 and re.search(
        f"{book}:{line}: error: {fault}", lint.output
    )


def test_a_bare_pairs_file_will_do(
    run: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bare = tmp_path_factory.mktemp("bare") / "pairs.parquet"
    read_pairs(str(run)).select("query_id", "item_id", "evidence").write_parquet(bare)
    result = compare_books(
        RuleBook.load(), RuleBook.load("electronics"), read_pairs(str(bare)), examples=1
    )
    assert (
        result.changed == 3
        and result.human is None
        and len(result.examples) == 1
        and render(result)
    )
    with pytest.raises(MissingError, match="must be a run, for --category"):
        read_pairs(str(bare), category="x")


def test_a_book_does_not_differ_from_itself(run: Path) -> None:
    result = compare_books(
        RuleBook.load(), RuleBook.load(), read_pairs(str(run / "evidence"))
    )
    assert result.changed == 0 and not result.rules
    assert result.human is not None and result.human.nearer == 0
