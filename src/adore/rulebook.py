"""The rule book: one YAML that people write, that prompts render and that the rules judge applies.

Books that ship lie in ``adore/rulebooks``, beside the tools that draft, check and compare them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from adore.config import StageConfig
from adore.errors import ConfigError, MissingError, check
from adore.types import ATTRIBUTES, LABELS, Evidence, Grade, State

__all__ = [
    "CRITICALITY",
    "RULEBOOKS",
    "RULEBOOK_FILE",
    "SYNONYMOUS",
    "Book",
    "BookConfig",
    "Criticality",
    "Rule",
    "RuleBook",
    "Verdict",
    "find_book",
]

RULEBOOKS = Path(__file__).parent / "rulebooks"
RULEBOOK_FILE = "rulebook.yaml"
"""The data set's rule book in the output of ``prepare``.

Whoever reads that runs again when the book changes."""
Letter = Literal["E", "S", "C", "I"]


@dataclass(frozen=True, slots=True)
class Criticality:
    """What one word of criticality allows a rule to do to the grade.

    ``adore rulebook lint`` holds rules to it.
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
"""Weights follow it.

No optional rule weighs more than an important one, no important one more than an essential."""

SYNONYMOUS = frozenset(
    [
        "product_type",
        "brand",
        "model",
        "compatibility",
        "audience",
        "colour",
        "material",
    ]
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
    def _known(cls, value: str) -> str:
        if value not in ATTRIBUTES:
            raise ValueError(f"unknown attribute, must be one of {sorted(ATTRIBUTES)}")
        return value

    @model_validator(mode="after")
    def _sound(self) -> Rule:
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
        words = [word for group in self.synonyms for word in group]
        if words and self.attribute not in SYNONYMOUS:
            allowed = ", ".join(sorted(SYNONYMOUS))
            yield f"synonyms are for {allowed}: remove them"

        if any(len(group) < 2 for group in self.synonyms):
            yield "a group of synonyms has one word: add another or remove it"

        twice = sorted({word for word in words if words.count(word) > 1})
        if twice:
            yield f"synonyms {twice} stand twice: merge their groups"

    def state(self, e: Evidence) -> State:
        """The evidence's state, read with this rule's synonyms."""
        if e.state != "conflict" or e.asked == e.found:
            return e.state

        for group in self.synonyms:
            if e.asked in group and e.found in group:
                return "match"
        return e.state

    def cap(self, e: Evidence) -> Grade:
        """The highest grade that this evidence allows."""
        state = self.state(e)
        if state == "match":
            return Grade.EXACT
        if state == "unknown":
            return LABELS[self.on_missing]

        if self.accessory and e.found.startswith("accessory"):
            return LABELS[self.accessory]
        return LABELS[self.on_conflict]

    def render(self) -> str:
        """The rule as a line for a prompt: everything that :meth:`RuleBook.apply` obeys."""
        accessory = (
            f" An accessory of it: at most {self.accessory}." if self.accessory else ""
        )
        same = (
            f" Same: {'; '.join(' = '.join(group) for group in self.synonyms)}."
            if self.synonyms
            else ""
        )
        return (
            f"[{self.id}] {self.attribute} ({self.criticality}, weight {self.weight:g}): "
            f"{self.guideline.strip()} Conflict: at most {self.on_conflict}; "
            f"silent: at most {self.on_missing}.{accessory}{same}"
        )


class Book(BaseModel):
    """The YAML file as it is written."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True
    )
    name: str = Field(min_length=1)
    """Name of the book; with the hash of the text it is the version that every judgement
    carries."""
    grades: dict[Letter, str]
    """What each grade means in this shop; a grade that is not listed is never given."""
    unread: Letter
    """Highest grade when half or more of the query's other words are not found (two or more of
    them, where the product type is found). Needs a rule for `feature`."""
    domain: tuple[str, ...] = ()
    """Product words of the shops that the book is for; `adore rulebook draft` starts from the
    nearest book."""
    rules: tuple[Rule, ...] = Field(min_length=1)
    """One rule a key attribute."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rule book says of one pair's evidence.

    ``probabilities`` is P(grade) indexed by grade value; ``rule_ids`` are the rules that capped
    the grade.
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
    domain: tuple[str, ...] = ()

    @staticmethod
    def load(name_or_path: str = "general") -> RuleBook:
        """Load by name (under ``adore/rulebooks``) or path.

        Raises:
            MissingError: no such rule book.
            ConfigError: unreadable, unknown keys or attributes, a rule by which a conflict would
                raise a grade, no rule, two rules of one attribute or id.
        """
        path = find_book(name_or_path)
        try:
            text = path.read_text("utf-8")
            book = Book(**yaml.safe_load(text))
        except (
            ValueError,
            yaml.YAMLError,
            TypeError,
            RecursionError,
        ) as error:  # a ValidationError is a ValueError
            raise ConfigError(
                f"rule book == {str(path)!r}, must be a valid rule book; {error}"
            ) from error
        for what in ("id", "attribute"):
            values = [getattr(r, what) for r in book.rules]
            twice = sorted({v for v in values if values.count(v) > 1})
            check(
                not twice,
                f"{what} of rules in {path.name}",
                twice,
                must="unique",
                fix="merge the rules",
            )
        return RuleBook.of(book, text)

    @staticmethod
    def of(book: Book, text: str) -> RuleBook:
        """The rule book of a parsed file and its text.

        Args:
            book: the parsed file.
            text: the file as it is written; its hash becomes part of the version.
        """
        digest = hashlib.sha256(text.encode()).hexdigest()
        grades = {str(letter): meaning for letter, meaning in book.grades.items()}
        return RuleBook(
            name=book.name,
            version=f"{book.name}@{digest[:12]}",
            grades=grades,
            unread=LABELS[book.unread],
            rules=book.rules,
            domain=book.domain,
        )

    @staticmethod
    def of_dataset(prepared: Path, name: str = "") -> RuleBook:
        """The rule book of a prepared data set.

        Args:
            prepared: output of ``prepare``, which holds a copy of the rule book.
            name: overrides it, if given.

        Raises:
            MissingError: as :meth:`load`; or an older ADORE made ``prepared``.
        """
        own = prepared / RULEBOOK_FILE
        check(
            bool(name) or own.is_file(),
            "rule book",
            str(own),
            must="there",
            fix="run the step prepare again",
            error=MissingError,
        )
        return RuleBook.load(name or str(own))

    @property
    def weights(self) -> dict[str, float]:
        """Attribute to weight."""
        return {r.attribute: r.weight for r in self.rules}

    def render(self) -> str:
        """The rule book as text for a prompt; it says everything that :meth:`apply` obeys."""
        grades = [f"{letter}: {text}" for letter, text in self.grades.items()]
        kinds = [f"{word}: {c.meaning}" for word, c in CRITICALITY.items()]
        words = [
            f"[{r.id}] Half or more of the query's other words not found "
            "(two or more, where the product type is found): "
            f"at most {self.unread.letter}."
            for r in self.rules
            if r.attribute == "feature"
        ]
        head = "The grade is the lowest that any rule allows, E if none lowers it."
        return "\n".join(
            [
                f"Rule book {self.version}",
                *grades,
                head,
                *kinds,
                *(r.render() for r in self.rules),
                *words,
            ]
        )

    def apply(self, evidence: Sequence[Evidence]) -> Verdict:
        """Apply every rule to the evidence.

        The lowest cap wins, so a conflict never raises a grade.
        """
        caps: list[tuple[Grade, str, str]] = []
        unsure = 0.0
        for rule in self.rules:
            for e in evidence:
                if e.attribute != rule.attribute:
                    continue
                cap = rule.cap(e)
                state = rule.state(e)

                # What the rule forgives leaves the verdict less certain.
                costs_nothing = state == "conflict" and cap == Grade.EXACT
                forgiven = state == "unknown" or costs_nothing
                if forgiven and rule.attribute != "feature":
                    unsure += rule.weight

                if cap < Grade.EXACT:
                    why = (
                        f"{e.attribute} {e.state}: asked {e.asked!r}, found {e.found!r}"
                    )
                    caps.append((cap, rule.id, why))
        caps += self._words(evidence)

        grade = min((cap for cap, _, _ in caps), default=Grade.EXACT)
        binding = [one for one in caps if one[0] == grade]
        rule_ids = tuple(rule_id for _, rule_id, _ in binding)
        reasons = "; ".join(why for _, _, why in binding)

        # 0.85 at most, less for every doubt and every further rule that binds, 0.5 at least.
        further = max(0, len(binding) - 1)
        confidence = max(0.5, 0.85 / (1.0 + 0.15 * unsure + 0.05 * further))
        return Verdict(
            grade,
            _spread(grade, confidence, len(caps)),
            rule_ids,
            reasons or "everything that is asked was found",
            confidence,
        )

    def _words(self, evidence: Sequence[Evidence]) -> list[tuple[Grade, str, str]]:
        rules = {r.attribute: r for r in self.rules}
        features = [e for e in evidence if e.attribute == "feature"]
        missing = [e.asked for e in features if e.state != "match"]
        type_rule = rules.get("product_type")
        kind = next(
            (
                type_rule.state(e)
                for e in evidence
                if type_rule and e.attribute == "product_type"
            ),
            "unknown",
        )
        few = (
            not features
            or len(missing) * 2 < len(features)
            or (kind == "match" and len(missing) < 2)
        )
        if few or "feature" not in rules or self.unread == Grade.EXACT:
            return []
        return [
            (self.unread, rules["feature"].id, f"words not found: {', '.join(missing)}")
        ]


class BookConfig(StageConfig):
    """Base of the ``Config`` of a stage whose rule book may be another than the data set's.

    Attributes:
        rulebook: ``""`` for the data set's own.
        rulebook_version: filled in, so that the stage runs again when the file changes.
    """

    rulebook: str = ""
    rulebook_version: str = ""

    @model_validator(mode="before")
    @classmethod
    def _version(cls, given: dict[str, Any]) -> dict[str, Any]:
        name = given.get("rulebook")
        return {
            **given,
            "rulebook_version": RuleBook.load(name).version
            if name and isinstance(name, str)
            else "",
        }


def find_book(name_or_path: str) -> Path:
    """The file of a rule book by name (under ``adore/rulebooks``) or path.

    Raises:
        MissingError: no such rule book.
    """
    given = Path(name_or_path)
    path = (
        given
        if given.suffix in (".yaml", ".yml")
        else RULEBOOKS / f"{name_or_path}.yaml"
    )
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in RULEBOOKS.glob("*.yaml")))
        raise MissingError(
            f"rule book == {name_or_path!r}, must be one of: {known}, or a .yaml file; set rulebook"
        )
    return path


def _spread(
    grade: Grade, confidence: float, caps: int
) -> tuple[float, float, float, float]:
    """P(grade): ``confidence`` on the verdict, the rest on its neighbours.

    More goes to the side that more caps push to.
    """
    # A grade weighs less the farther it is from the verdict.
    weights = []
    for other in Grade:
        distance = abs(other - grade)
        weights.append(1.0 / (1 + distance) if distance else 0.0)

    # Each cap speaks for the lowest grade.
    weights[0] *= 1.0 + caps

    rest = (1.0 - confidence) / sum(weights)
    shares = [weight * rest for weight in weights]
    shares[grade] = confidence
    irrelevant, complement, substitute, exact = shares
    return irrelevant, complement, substitute, exact
