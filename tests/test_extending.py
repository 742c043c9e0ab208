"""The recipes of ``docs/extending.md`` run, section by section, and do what they say.

A new section of the page needs a function in ``OUTCOMES`` that says what it must bring about.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from tests.synthesis.shop import synthesise_shop, verify_shop, write_answers, write_shop
from tests.test_document_examples import check_profile_block

from adore.artifacts import read_table
from adore.config import configure
from adore.experiment.analysis import analyse
from adore.experiment.assignment import assign
from adore.experiment.decision import decide
from adore.experiment.design import Design
from adore.experiment.metrics import METRICS, rule_count
from adore.measures import MEASURES
from adore.registry import Registry
from adore.student.rankers import baseline_kinds
from adore.synthesis.edits import EDITS
from adore.synthesis.generator import EditContext
from adore.synthesis.synthesise import Config, _sources
from adore.taxonomy import ERROR_TYPES
from adore.teacher import judge
from adore.types import Grade

PAGE = Path(__file__).parents[1] / "docs" / "extending.md"


def headings() -> dict[str, str]:
    """Heading to the text of its section."""
    text = PAGE.read_text("utf-8")
    texts: dict[str, str] = {}
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading, _, body = section.partition("\n")
        texts[heading.strip()] = body
    return texts


def fenced(heading: str, language: str) -> list[str]:
    """The blocks of one language in a section."""
    pattern = rf"^```{language}\n(.*?)^```"
    return re.findall(pattern, headings()[heading], re.MULTILINE | re.DOTALL)


def sections() -> list[str]:
    """Headings of the sections that have a Python block."""
    return [heading for heading in headings() if fenced(heading, "python")]


def registries() -> list[Registry[Any]]:
    """Every registry that a loaded module of the package has."""
    parts: dict[int, Registry[Any]] = {}
    for name, module in list(sys.modules.items()):
        if name == "adore" or name.startswith("adore."):
            for value in vars(module).values():
                if isinstance(value, Registry):
                    parts[id(value)] = value
    return list(parts.values())


@contextmanager
def restored_registries() -> Iterator[None]:
    """Forget what is registered inside."""
    before = [(registry, list(registry)) for registry in registries()]
    try:
        yield
    finally:
        for registry, names in before:
            for name in set(registry) - set(names):
                registry.remove(name)


def run_section(heading: str) -> dict[str, object]:
    """Run a section's blocks in order, in one namespace."""
    namespace: dict[str, object] = {"__name__": "extending"}
    for block in fenced(heading, "python"):
        code = compile(block, f"{PAGE.name}: {heading}", "exec", dont_inherit=True)
        exec(code, namespace)
    return namespace


def makes_synthetic_pairs(home: Path) -> None:
    """The new error type has an edit, and its pairs pass every check."""
    name = list(ERROR_TYPES)[-1]
    assert name == "generation"
    made = home / "synthesise"
    synthesise_shop(home, made, weights={name: 1.0})
    write_answers(made, home / "judged")
    verify_shop(home, made, home / "verify", answers=home / "judged")
    pairs = read_table(home / "verify", "synthetic")
    assert set(pairs["error_type"]) == {name}
    assert "leather case for galaxy s10" in pairs["query"].to_list()


def makes_valid_drafts(home: Path) -> None:
    """Every new edit proposes a draft that its error type allows."""
    prepared, evidence = home / "prepare", home / "evidence"
    context = EditContext(prepared, evidence)
    sources = _sources(Config(), context, prepared, [home / "answers"])
    new = [edit for edit in EDITS.values() if edit.function.__module__ == "extending"]
    assert [edit.name for edit in new] == ["category_in_title", "ask_in_brackets"]
    for edit in new:
        for error in ERROR_TYPES.values():
            if edit.makes(error):
                make = edit.bind(error)
                valid = [
                    draft
                    for source in sources
                    for draft in make(source, context.catalogue, Random(0))
                    if context.validate(source, draft, error.name)
                ]
                assert valid, (edit.name, error.name)


def compares_and_guards(home: Path) -> None:
    """The new metric is compared, takes its share of alpha, and rolls a release back."""
    name = list(METRICS)[-1]
    others = [metric for metric in METRICS.values() if metric.name != name]
    guardrails = sum(metric.guardrail for metric in others)
    assert name == "impressions_per_user"
    assert rule_count() == 2 + guardrails + 1
    design = Design("x", "s", {"control": 0.5, "challenger": 0.5})
    exposures = []
    events = []
    for number in range(400):
        client = f"u{number}"
        variant = assign(client, design.salt, design.weights)
        times = {"client_id": client, "timestamp": number}
        answer = {"variant": variant, "served": variant, "model_version": "m"}
        exposures.append({"exposure_id": client, **times, **answer})
        impressions = 1 + number % 2 + 3 * (variant == "challenger")
        for count in range(impressions):
            seen = {"event_id": f"{client}-{count}", "action_name": "impression"}
            events.append({**seen, **times})
        events.append({"event_id": client, "action_name": "purchase", **times})
    events = events[:-1]  # purchases vary, so that they can be compared

    result = analyse(design, pl.DataFrame(exposures), pl.DataFrame(events))
    assert result.metrics[name].effect == pytest.approx(3, abs=0.2)
    decision = decide(result)
    assert decision.action == "roll back" and name in decision.reason


def judges_every_pair(home: Path) -> None:
    """The new backend is chosen by its name, and its answers are valid."""
    settings = {"backend": "word-overlap", "model": "words", "engine": {"needed": 0.7}}
    config = configure(
        judge.Config, {**settings, "cache": "off", "rulebook": "general"}, "judge"
    )
    output = home / "judged"
    output.mkdir()
    metrics = judge.run(config, home / "prepare", home / "evidence", output)
    table = read_table(output, "teacher_judgements")
    assert metrics["faults"] == 0 and metrics["pairs"] == table.height > 0
    assert set(table["judge"]) == {"words"}
    assert set(table["grade"]) == {Grade.SUBSTITUTE, Grade.IRRELEVANT}


def is_measured(home: Path) -> None:
    """``evaluate`` knows the new measures; the blocks of the page check their values."""
    assert list(MEASURES)[-2:] == ["MRR", "irrelevant as exact"]


def is_scored_by_the_loop(home: Path) -> None:
    """The new kind is one of the baselines that ``score`` runs."""
    assert "popularity" in baseline_kinds()


OUTCOMES: dict[str, Callable[[Path], None]] = {
    "Add an error type": makes_synthetic_pairs,
    "Add an edit": makes_valid_drafts,
    "Add an online metric": compares_and_guards,
    "Add a judge backend": judges_every_pair,
    "Add an offline measure": is_measured,
    "Add a ranker kind": is_scored_by_the_loop,
}


@pytest.mark.parametrize("heading", sections())
def test_the_recipe_does_what_it_says(heading: str, tmp_path: Path) -> None:
    write_shop(tmp_path)
    with restored_registries():
        run_section(heading)
        for block in fenced(heading, "yaml"):
            check_profile_block(block)
        OUTCOMES[heading](tmp_path)


def test_every_outcome_has_its_section() -> None:
    assert set(OUTCOMES) == set(sections())
