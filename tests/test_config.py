"""Profiles: what is unknown or of the wrong type is refused by name, before any work is done."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from adore.config import PROFILES, StageConfig, configure, load_profile
from adore.errors import ConfigError, MissingError
from adore.pipeline.graph import STEPS
from adore.pipeline.settings import SECTIONS, check_profile, shards


def profile(tmp: Path, text: str) -> str:
    path = tmp / "p.yaml"
    path.write_bytes(text.encode("latin-1"))
    return str(path)


def test_every_fault_of_a_section_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        configure(StageConfig, {"sed": 1, "threads": "many"}, "judge")
    text = str(caught.value)
    assert (
        "judge.sed == 1" in text
        and "judge.threads == 'many'" in text
        and "known keys of judge: seed" in text
    )


def test_every_fault_of_a_profile_is_named_at_once(tmp_path: Path) -> None:
    text = "prepare: {max_bad_shar: 1}\ndemo_data: {items: few}\n"
    with pytest.raises(ConfigError) as caught:
        check_profile(profile(tmp_path, text))
    assert "prepare.max_bad_shar == 1" in str(
        caught.value
    ) and "demo_data.items == 'few'" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("judge: [1]", "mapping of stage names"),
        ("judge: 3", "mapping of stage names"),
        ("judge: {", "readable YAML"),
        ("judge: {backend: \xe9}", "readable YAML"),
        ("judges: {}", "profile section == 'judges', must be one of"),
        ("judge-again: {}", "profile section == 'judge-again'"),
        ("prepare: {max_bad_share: 2}", "less than or equal to 1"),
        ("demo_data: {queries: 1000000}", "less than or equal to 2000"),
        ("evaluate: {level: 95}", "evaluate.level == 95"),
        ("evaluate: {draws: 0}", "evaluate.draws == 0"),
        (
            "evaluate: {challenger: studnet}",
            "evaluate.challenger == 'studnet', must be one of",
        ),
        (
            "gate: {challenger: champion}",
            "gate.challenger == 'champion', must be one of",
        ),
        ("gate: {level: 0}", "gate.level == 0"),
        (
            "verify: {near: 0, agreement: 2, fluency: 1}",
            "verify.agreement == 2.*verify.fluency == 1.*verify.near == 0",
        ),
        (
            "synthesise: {total: 0, per_type: 0}",
            "synthesise.total == 0.*synthesise.per_type == 0",
        ),
        ("synthesise: {weights: {taste: 1}}", r"synthesise.weights == \['taste'\]"),
        ("synthesise: {weights: {brand: 0}}", "synthesise.weights == .*above 0"),
    ],
)
def test_bad_profiles_are_refused(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        check_profile(profile(tmp_path, text))


def test_an_empty_profile_is_the_defaults(tmp_path: Path) -> None:
    path = profile(tmp_path, "")
    check_profile(path)
    assert load_profile(path) == {} and shards(path) == 1


def test_missing_profiles_name_the_known_ones(tmp_path: Path) -> None:
    for name in ("nope", str(tmp_path / "no.yaml")):
        with pytest.raises(MissingError, match=r"must be one of: .*laptop"):
            load_profile(name)


def test_configs_are_frozen_and_profiles_shipped_are_sound() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        StageConfig().seed = 1  # type: ignore[misc]
    for path in PROFILES.glob("*.yaml"):
        check_profile(path.stem)
        assert set(load_profile(path.stem)) <= {
            s.section for s in STEPS.values()
        } | set(SECTIONS)
