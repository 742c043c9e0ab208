"""The rule book: one YAML that people write, that prompts render and that the rules judge applies."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from adore.errors import ConfigError, MissingError, check
from adore.types import ATTRIBUTES, LABELS, Evidence, Grade

__all__ = ["RULEBOOKS", "Rule", "RuleBook", "Verdict"]

RULEBOOKS = Path(__file__).parent / "rulebooks"
Letter = Literal["E", "S", "C", "I"]


class Rule(BaseModel):
    """What one attribute does to the grade.

    Attributes:
        on_conflict: highest grade when the item contradicts what was asked.
        on_missing: highest grade when the item is silent.
        accessory: grade when the item is an accessory of what was asked (product type only).
        weight: how much this attribute counts in losses and confidence.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    attribute: str
    criticality: Literal["essential", "important", "optional"]
    weight: float
    on_conflict: Letter
    on_missing: Letter
    accessory: Letter | None = None
    guideline: str

    @field_validator("attribute")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in ATTRIBUTES:
            raise ValueError(f"unknown attribute, must be one of {sorted(ATTRIBUTES)}")
        return value


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    grades: dict[Letter, str]
    unread: Letter
    rules: list[Rule]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rule book says of one pair's evidence.

    ``probabilities`` is P(grade) indexed by grade value; ``rule_ids`` are the rules that capped the grade.
    """

    grade: Grade
    probabilities: tuple[float, float, float, float]
    rule_ids: tuple[str, ...]
    reason: str
    confidence: float


@dataclass(frozen=True, slots=True)
class RuleBook:
    """A validated rule book; ``version`` is its name and the hash of its text."""

    name: str
    version: str
    grades: dict[str, str]
    unread: Grade
    rules: tuple[Rule, ...]

    @staticmethod
    def load(name_or_path: str = "general") -> RuleBook:
        """Load by name (under ``adore/rulebooks``) or path.

        Raises:
            MissingError: no such rule book.
            ConfigError: unreadable, unknown keys or attributes, two rules of one attribute or id.
        """
        given = Path(name_or_path)
        path = given if given.suffix in (".yaml", ".yml") else RULEBOOKS / f"{name_or_path}.yaml"
        if not path.is_file():
            known = ", ".join(sorted(p.stem for p in RULEBOOKS.glob("*.yaml")))
            raise MissingError(f"rule book == {name_or_path!r}, must be one of: {known}, or a .yaml file; set rulebook")
        try:
            text = path.read_text("utf-8")
            parsed = _File(**yaml.safe_load(text))
        except (ValidationError, yaml.YAMLError, TypeError, UnicodeDecodeError) as error:
            raise ConfigError(f"rule book == {str(path)!r}, must be a valid rule book; {error}") from error
        for what in ("id", "attribute"):
            values = [getattr(r, what) for r in parsed.rules]
            twice = sorted({v for v in values if values.count(v) > 1})
            check(not twice, f"{what} of rules in {path.name}", twice, must="unique", fix="merge the rules")
        version = f"{parsed.name}@{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        grades = {str(k): v for k, v in parsed.grades.items()}
        return RuleBook(parsed.name, version, grades, LABELS[parsed.unread], tuple(parsed.rules))

    @property
    def weights(self) -> dict[str, float]:
        """Attribute to weight."""
        return {r.attribute: r.weight for r in self.rules}

    def render(self) -> str:
        """The rule book as text for a prompt."""
        grades = "\n".join(f"{letter}: {text}" for letter, text in self.grades.items())
        rules = "\n".join(
            f"[{r.id}] {r.attribute} ({r.criticality}): {r.guideline} Conflict: at most {r.on_conflict}; "
            f"silent: at most {r.on_missing}."
            for r in self.rules
        )
        return f"Rule book {self.version}\n{grades}\n{rules}"

    def apply(self, evidence: Sequence[Evidence]) -> Verdict:
        """Apply every rule to the evidence; the lowest cap wins, so a conflict never raises a grade."""
        caps: list[tuple[Grade, str, str]] = []
        unknown = 0.0
        for rule in self.rules:
            asked = [e for e in evidence if e.attribute == rule.attribute]
            if not asked or rule.attribute == "feature":
                continue
            for e in asked:
                cap = self._cap(rule, e)
                unknown += rule.weight * (e.state == "unknown")
                if cap < Grade.EXACT:
                    caps.append((cap, rule.id, f"{e.attribute} {e.state}: asked {e.asked!r}, found {e.found!r}"))
        caps += self._words(evidence)
        grade = min((c[0] for c in caps), default=Grade.EXACT)
        binding = [c for c in caps if c[0] == grade]
        confidence = max(0.5, 0.85 / (1.0 + 0.15 * unknown + 0.05 * max(0, len(binding) - 1)))
        reason = "; ".join(c[2] for c in binding) or "everything that is asked was found"
        return Verdict(grade, _spread(grade, confidence, len(caps)), tuple(c[1] for c in binding), reason, confidence)

    def _cap(self, rule: Rule, e: Evidence) -> Grade:
        if e.state == "match":
            return Grade.EXACT
        if e.state == "unknown":
            return LABELS[rule.on_missing]
        if rule.accessory and e.found.startswith("accessory"):
            return LABELS[rule.accessory]
        return LABELS[rule.on_conflict]

    def _words(self, evidence: Sequence[Evidence]) -> list[tuple[Grade, str, str]]:
        features = [e for e in evidence if e.attribute == "feature"]
        missing = [e.asked for e in features if e.state != "match"]
        kind = next((e.state for e in evidence if e.attribute == "product_type"), "unknown")
        if not features or len(missing) * 2 < len(features) or (kind == "match" and len(missing) < 2):
            return []
        return [(self.unread, "words", f"words not found: {', '.join(missing)}")]


def _spread(grade: Grade, confidence: float, caps: int) -> tuple[float, float, float, float]:
    """P(grade): ``confidence`` on the verdict, the rest on its neighbours, more on the side that more caps push to."""
    weights = [0.0 if g == grade else 1.0 / (1 + abs(g - grade)) for g in Grade]
    weights[0] *= 1.0 + caps
    rest = (1.0 - confidence) / sum(weights)
    p = [confidence if g == grade else weights[g] * rest for g in Grade]
    return p[0], p[1], p[2], p[3]
