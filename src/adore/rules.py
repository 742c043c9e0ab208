"""One rule of a rule book: what one attribute does to the grade."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from adore.types import ATTRIBUTES, LABELS, Evidence, Grade, State

__all__ = ["CRITICALITY", "SYNONYMOUS", "Criticality", "Letter", "Rule"]

Letter = Literal["E", "S", "C", "I"]


@dataclass(frozen=True, slots=True)
class Criticality:
    """What one word of criticality allows a rule to do to the grade.

    ``adore rulebook lint`` checks it.
    """

    meaning: str
    conflict_costs: bool | None
    missing_costs: bool | None
    """True: the cap must be below E. False: it must be E. None: either."""


CRITICALITY: dict[str, Criticality] = {
    "essential": Criticality(
        "a conflict lowers the grade, and silence may.", True, None
    ),
    "important": Criticality(
        "a conflict lowers the grade, silence does not.", True, False
    ),
    "optional": Criticality(
        "neither lowers the grade; each makes the verdict less certain.", False, False
    ),
}
"""No optional rule weighs more than an important one, no important one more than an essential."""

SYNONYMOUS = frozenset(
    "product_type brand model compatibility audience colour material".split()
)
"""Attributes whose values are words, so that two of them may mean the same."""


class Rule(BaseModel):
    """What one attribute does to the grade."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True
    )
    id: str = Field(min_length=1)
    """Name that rationales and `adore explain` cite; unique in the book."""
    attribute: str
    """Key attribute that the rule is about; one rule an attribute."""
    criticality: Literal["essential", "important", "optional"]
    """Whether a conflict and silence may lower the grade; see the next table."""
    weight: float = Field(gt=0, allow_inf_nan=False)
    """How much the attribute counts in the student's losses and features, and in the verdict's
    confidence."""
    on_conflict: Letter
    """Highest grade when the item contradicts what was asked."""
    on_missing: Letter
    """Highest grade when the item is silent."""
    accessory: Letter | None = None
    """Highest grade when the item is an accessory of what was asked (`product_type` only; else
    `on_conflict`)."""
    synonyms: tuple[tuple[str, ...], ...] = ()
    """Groups of values that mean the same, as the reader writes them (lower case, singular): no
    conflict."""
    guideline: str
    """What a person and an LLM are told; it must say what the keys do."""

    @field_validator("attribute")
    @classmethod
    def _check_attribute(cls, value: str) -> str:
        if value not in ATTRIBUTES:
            raise ValueError(f"unknown attribute, must be one of {sorted(ATTRIBUTES)}")
        return value

    @model_validator(mode="after")
    def _check_rule(self) -> Rule:
        """Refuses what would let a conflict raise a grade, or could never act."""
        faults = [*self._cap_faults(), *self._synonym_faults()]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _cap_faults(self) -> Iterator[str]:
        missing = LABELS[self.on_missing]
        if LABELS[self.on_conflict] > missing:
            yield (
                f"on_missing {self.on_missing} is stricter than "
                f"on_conflict {self.on_conflict}: raise on_missing"
            )
        if self.accessory and self.attribute != "product_type":
            yield "accessory is for product_type only: remove it"
        if self.accessory and LABELS[self.accessory] > missing:
            yield (
                f"accessory {self.accessory} is above "
                f"on_missing {self.on_missing}: lower accessory"
            )

    def _synonym_faults(self) -> Iterator[str]:
        counts = Counter[str]()
        for group in self.synonyms:
            counts.update(group)
        if counts and self.attribute not in SYNONYMOUS:
            allowed = ", ".join(sorted(SYNONYMOUS))
            yield f"synonyms are for {allowed}: remove them"

        if any(len(group) < 2 for group in self.synonyms):
            yield "a group of synonyms has one word: add another or remove it"

        # A word in two groups says that both mean the same.
        repeated = sorted([word for word, count in counts.items() if count > 1])
        if repeated:
            yield f"synonyms {repeated} stand twice: merge their groups"

    def state(self, evidence: Evidence) -> State:
        """Read the state of evidence with this rule's synonyms.

        Args:
            evidence: of this rule's attribute.

        Returns:
            A match where the two values are synonyms, else the evidence's own state.
        """
        if evidence.state != "conflict" or evidence.asked == evidence.found:
            return evidence.state

        for group in self.synonyms:
            if evidence.asked in group and evidence.found in group:
                return "match"
        return evidence.state

    def cap(self, evidence: Evidence) -> Grade:
        """Compute the highest grade that evidence allows.

        Args:
            evidence: of this rule's attribute.

        Returns:
            The grade.
        """
        state = self.state(evidence)
        if state == "match":
            return Grade.EXACT
        if state == "unknown":
            return LABELS[self.on_missing]

        if self.accessory and evidence.relation == "accessory":
            return LABELS[self.accessory]
        return LABELS[self.on_conflict]

    def render(self) -> str:
        """Render the rule as a line for a prompt, with everything that :meth:`RuleBook.apply` uses.

        Returns:
            The line.
        """
        accessory = ""
        if self.accessory:
            accessory = f" An accessory of it: at most {self.accessory}."

        synonyms = ""
        if self.synonyms:
            groups = map(" = ".join, self.synonyms)
            synonyms = f" Same: {'; '.join(groups)}."
        return (
            f"[{self.id}] {self.attribute} ({self.criticality}, weight {self.weight:g}): "
            f"{self.guideline.strip()} Conflict: at most {self.on_conflict}; "
            f"silent: at most {self.on_missing}.{accessory}{synonyms}"
        )
