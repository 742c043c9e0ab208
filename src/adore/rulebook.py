"""The rule book: one YAML that people write, that prompts render and that the rules judge applies.

The books that come with ADORE are in ``adore/rulebooks``, beside the tools that draft, check and
compare them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from adore.config import StageConfig
from adore.errors import ConfigError, MissingError, check
from adore.rules import CRITICALITY, Letter, Rule
from adore.types import LABELS, Evidence, Grade, State

__all__ = [
    "RULEBOOKS",
    "RULEBOOK_FILE",
    "Book",
    "BookConfig",
    "RuleBook",
    "Verdict",
    "find_book",
]

RULEBOOKS = Path(__file__).parent / "rulebooks"
RULEBOOK_FILE = "rulebook.yaml"
"""File of the data set's rule book in the output of ``prepare``.

A stage that reads it runs again when the book changes."""
MAX_CONFIDENCE = 0.85
"""Confidence of a verdict that nothing makes uncertain."""
MIN_CONFIDENCE = 0.5
UNCERTAINTY_COST = 0.15
"""How much each unit of forgiven weight lowers the confidence."""
FURTHER_CAP_COST = 0.05
"""How much each further rule that binds lowers the confidence."""


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

    Attributes:
        grade: the lowest that any rule allows.
        probabilities: P(grade), indexed by grade value. Shape [4].
        rule_ids: the rules that capped the grade.
        reason: the evidence for it, in words.
        confidence: P(``grade``).
    """

    grade: Grade
    probabilities: tuple[float, float, float, float]
    rule_ids: tuple[str, ...]
    reason: str
    confidence: float


@dataclass(frozen=True, slots=True)
class _Cap:
    """The highest grade that one rule allows, and why."""

    grade: Grade
    rule_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class RuleBook:
    """A validated rule book.

    Attributes:
        name: as the file names it.
        version: the name and the hash of the text.
        grades: what each grade means, by letter.
        unread: highest grade when half or more of the query's other words are not found.
        rules: one an attribute.
        domain: product words of the shops that the book is for.
    """

    name: str
    version: str
    grades: dict[str, str]
    unread: Grade
    rules: tuple[Rule, ...]
    domain: tuple[str, ...] = ()

    @staticmethod
    def load(name_or_path: str = "general") -> RuleBook:
        """Load a rule book.

        Args:
            name_or_path: a name under ``adore/rulebooks``, or a path.

        Returns:
            The book.

        Raises:
            MissingError: there is no such book.
            ConfigError: unreadable, unknown keys or attributes, a rule by which a
                conflict would raise a grade, no rule, two rules of one attribute or id.
        """
        book_path = find_book(name_or_path)
        try:
            book_text = book_path.read_text("utf-8")
            book = Book(**yaml.safe_load(book_text))
        except (
            ValueError,
            yaml.YAMLError,
            TypeError,
            RecursionError,
        ) as error:  # a ValidationError is a ValueError
            raise ConfigError(
                f"rule book == {str(book_path)!r}, must be a valid rule book; {error}"
            ) from error

        for what in ("id", "attribute"):
            _check_unique(what, [getattr(rule, what) for rule in book.rules], book_path)
        return RuleBook.from_book(book, book_text)

    @staticmethod
    def from_book(book: Book, text: str) -> RuleBook:
        """Make the rule book of a parsed file and its text.

        Args:
            book: the parsed file.
            text: the file as it is written; its hash becomes part of the version.

        Returns:
            The rule book.
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
        """Load the rule book of a prepared data set.

        Args:
            prepared: output of ``prepare``, which holds a copy of the rule book.
            name: overrides it, if given.

        Returns:
            The rule book.

        Raises:
            MissingError: there is no such book, or an older ADORE made ``prepared``.
            ConfigError: the book is not valid.
        """
        copied_book = prepared / RULEBOOK_FILE
        check(
            bool(name) or copied_book.is_file(),
            "rule book",
            str(copied_book),
            must="there",
            fix="run the step prepare again",
            error=MissingError,
        )
        return RuleBook.load(name or str(copied_book))

    @property
    def weights(self) -> dict[str, float]:
        """Attribute to weight."""
        return {rule.attribute: rule.weight for rule in self.rules}

    def render(self) -> str:
        """Render the rule book as text for a prompt, with everything that :meth:`apply` uses.

        Returns:
            The text.
        """
        lines = [f"Rule book {self.version}"]
        for letter, meaning in self.grades.items():
            lines.append(f"{letter}: {meaning}")
        lines.append(
            "The grade is the lowest that any rule allows, E if none lowers it."
        )
        for word, criticality in CRITICALITY.items():
            lines.append(f"{word}: {criticality.meaning}")

        lines += [rule.render() for rule in self.rules]
        feature_rule = self._rule_of("feature")
        if feature_rule:
            lines.append(
                f"[{feature_rule.id}] Half or more of the query's other words not found "
                "(two or more, where the product type is found): "
                f"at most {self.unread.letter}."
            )
        return "\n".join(lines)

    def _rule_of(self, attribute: str) -> Rule | None:
        for rule in self.rules:
            if rule.attribute == attribute:
                return rule
        return None

    def apply(self, evidence: Sequence[Evidence]) -> Verdict:
        """Apply every rule to the evidence.

        The lowest cap wins, so a conflict never raises a grade.

        Args:
            evidence: of one pair.

        Returns:
            The verdict.
        """
        caps: list[_Cap] = []
        uncertainty = 0.0
        for rule in self.rules:
            for piece in evidence:
                if piece.attribute != rule.attribute:
                    continue
                grade = rule.cap(piece)
                state = rule.state(piece)

                # What the rule forgives makes the verdict less certain.
                costs_nothing = state == "conflict" and grade == Grade.EXACT
                forgiven = state == "unknown" or costs_nothing
                if forgiven and rule.attribute != "feature":
                    uncertainty += rule.weight

                if grade < Grade.EXACT:
                    reason = (
                        f"{piece.attribute} {piece.state}: "
                        f"asked {piece.asked!r}, found {piece.found!r}"
                    )
                    caps.append(_Cap(grade, rule.id, reason))
        caps += self._word_caps(evidence)
        return _verdict(caps, uncertainty)

    def _word_caps(self, evidence: Sequence[Evidence]) -> list[_Cap]:
        """The cap of a pair in which too many of the query's other words are not found."""
        feature_rule = self._rule_of("feature")
        if feature_rule is None or self.unread == Grade.EXACT:
            return []

        words = 0
        missing = []
        for piece in evidence:
            if piece.attribute == "feature":
                words += 1
                if piece.state != "match":
                    missing.append(piece.asked)
        if not words or len(missing) * 2 < words:
            return []
        # One missing word is little against an item of the right type.
        if len(missing) < 2 and self._type_state(evidence) == "match":
            return []
        return [
            _Cap(self.unread, feature_rule.id, f"words not found: {', '.join(missing)}")
        ]

    def _type_state(self, evidence: Sequence[Evidence]) -> State:
        """Whether the product type is found."""
        rule = self._rule_of("product_type")
        if rule is None:
            return "unknown"
        for piece in evidence:
            if piece.attribute == "product_type":
                return rule.state(piece)
        return "unknown"


def _check_unique(what: str, values: list[str], path: Path) -> None:
    repeated = sorted({value for value in values if values.count(value) > 1})
    check(
        not repeated,
        f"{what} of rules in {path.name}",
        repeated,
        must="unique",
        fix="merge the rules",
    )


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
    def _fill_in_version(cls, values: dict[str, object]) -> dict[str, object]:
        name = values.get("rulebook")
        version = ""
        if name and isinstance(name, str):
            version = RuleBook.load(name).version
        return {**values, "rulebook_version": version}


def find_book(name_or_path: str) -> Path:
    """Find the file of a rule book.

    Args:
        name_or_path: a name under ``adore/rulebooks``, or a path.

    Returns:
        The file.

    Raises:
        MissingError: no such rule book.
    """
    book_path = Path(name_or_path)
    if book_path.suffix not in (".yaml", ".yml"):
        book_path = RULEBOOKS / f"{name_or_path}.yaml"
    if not book_path.is_file():
        known = ", ".join(sorted(book.stem for book in RULEBOOKS.glob("*.yaml")))
        raise MissingError(
            f"rule book == {name_or_path!r}, must be one of: {known}, or a .yaml file; set rulebook"
        )
    return book_path


def _verdict(rule_caps: list[_Cap], uncertainty: float) -> Verdict:
    """The verdict of all caps: the lowest wins."""
    # ``uncertainty`` is the weight of what the rules forgave.
    grade = Grade.EXACT
    for rule_cap in rule_caps:
        grade = min(grade, rule_cap.grade)

    rule_ids = []
    reasons = []
    for rule_cap in rule_caps:
        if rule_cap.grade == grade:
            rule_ids.append(rule_cap.rule_id)
            reasons.append(rule_cap.reason)

    # Every doubt and every further rule that binds makes the verdict less certain.
    further = max(0, len(rule_ids) - 1)
    divisor = 1.0 + UNCERTAINTY_COST * uncertainty + FURTHER_CAP_COST * further
    confidence = max(MIN_CONFIDENCE, MAX_CONFIDENCE / divisor)
    return Verdict(
        grade,
        _probabilities(grade, confidence, len(rule_caps)),
        tuple(rule_ids),
        "; ".join(reasons) or "everything that is asked was found",
        confidence,
    )


def _probabilities(
    grade: Grade, confidence: float, caps: int
) -> tuple[float, float, float, float]:
    """P(grade): ``confidence`` on the verdict, the rest on its neighbours."""
    # A grade weighs less the farther it is from the verdict.
    weights = []
    for other in Grade:
        distance = abs(other - grade)
        weights.append(1.0 / (1 + distance) if distance else 0.0)

    # Each cap is a reason for the lowest grade.
    weights[0] *= 1.0 + caps

    rest = (1.0 - confidence) / sum(weights)
    shares = [weight * rest for weight in weights]
    shares[grade] = confidence
    irrelevant, complement, substitute, exact = shares
    return irrelevant, complement, substitute, exact
