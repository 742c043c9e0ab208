"""Everything that orders a list: the student and the baselines.

They are loaded from a folder, with no torch.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from adore.attributes.compare import asks_article
from adore.attributes.language_packs import load_language
from adore.errors import DataError, MissingError, check
from adore.measures import expected_gain
from adore.rulebook import RuleBook
from adore.student.calibration import chosen_grades, tempered
from adore.student.features import standardise
from adore.student.fields import query_text, title_text, typed_text
from adore.student.inputs import ListInputs
from adore.student.known import save_items
from adore.student.onnx_models import OnnxEncoder, OnnxHeads, copy_encoder
from adore.student.text_index import TextIndex
from adore.types import ATTRIBUTES, STATES, Grade, Item, Score

__all__ = [
    "BASELINES",
    "Baseline",
    "Ranker",
    "Student",
    "copy_rulebook",
    "load_ranker",
    "save_baseline",
]

BASELINES = ("random", "bm25", "bi-encoder", "hybrid")


class Ranker(Protocol):
    """Gives every item of a list a score; ``version`` names the very bytes that did it."""

    name: str
    version: str

    def rank(self, query: str, items: Sequence[Item]) -> list[Score]:
        """One :class:`Score` an item, in the items' order.

        Args:
            query: the query's text.
            items: the list; empty: no score.
        """
        ...


class Student:
    """List features, the net and the forest; see ``card.json`` for how it was made."""

    def __init__(self, folder: Path, *, threads: int = 2) -> None:
        card = json.loads((folder / "card.json").read_text("utf-8"))
        self.name = card["name"]
        self.version = card["version"]
        self._temperature = card["temperature"]
        self._prior = np.array(card["prior"])
        self._power = card["prior_power"]
        self._attribute_heads = card["attribute_heads"]
        how = {"context": card["list_context"], "precision": card["precision"]}
        self.inputs = ListInputs(folder, threads=threads, **how)
        self.heads = OnnxHeads(folder, threads=threads)

    def rank(self, query: str, items: Sequence[Item]) -> list[Score]:
        """See :class:`Ranker`.

        Args:
            query: the query's text.
            items: the list; empty: no score.

        Returns:
            Scores whose ``attributes`` hold P(match, conflict, unknown) of each asked attribute.
        """
        if not items:
            return []
        evidence = self.inputs.reader.evidence(query, items)
        one = self.inputs.of(query, items, evidence)
        p, states = self.heads.probabilities(one.matrix, one.meaning, one.states >= 0)
        p = tempered(p, self._temperature)
        grades = chosen_grades(p, self._prior, self._power)
        if asks_article(evidence[0]):
            # Who has the number is a fact, not an estimate.
            rulebook = self.inputs.features.rulebook
            p = np.array([rulebook.apply(found).probabilities for found in evidence])
            grades = p.argmax(axis=1)
        said = one.states if self._attribute_heads else np.full_like(one.states, -1)
        heads = [self._attributes(said[i], states[i]) for i in range(len(items))]
        return [
            Score(
                item.item_id,
                float(expected_gain(p[i])),
                Grade(int(grades[i])),
                tuple(p[i].tolist()),
                heads[i],
            )
            for i, item in enumerate(items)
        ]

    @staticmethod
    def _attributes(
        asked: np.ndarray, states: np.ndarray
    ) -> dict[str, dict[str, float]]:
        return {
            name: {s: round(float(states[a, k]), 4) for k, s in enumerate(STATES)}
            for a, name in enumerate(ATTRIBUTES)
            if asked[a] >= 0
        }


class Baseline:
    """Random, BM25, bi-encoder, or the sum of the last two's z-scores.

    Claims no grade: its probabilities are even.
    """

    def __init__(self, folder: Path, *, threads: int = 2) -> None:
        card = json.loads((folder / "card.json").read_text("utf-8"))
        self.kind = card["kind"]
        self.name = card["name"]
        self.version = card["version"]
        if self.kind in ("bm25", "hybrid"):
            self.index = TextIndex.from_json(
                (folder / "text_index.json").read_text("utf-8")
            )
        if self.kind in ("bi-encoder", "hybrid"):
            self.encoder = OnnxEncoder(folder, threads=threads)

    def rank(self, query: str, items: Sequence[Item]) -> list[Score]:
        """See :class:`Ranker`.

        Args:
            query: the query's text.
            items: the list; empty: no score.
        """
        scores = self._scores(query, items) if items else np.zeros(0)
        even = (0.25, 0.25, 0.25, 0.25)
        return [
            Score(i.item_id, float(s), Grade.EXACT, even)
            for i, s in zip(items, scores, strict=True)
        ]

    def _scores(self, query: str, items: Sequence[Item]) -> np.ndarray:
        if self.kind == "random":
            digests = [
                hashlib.sha256(
                    f"{query}|{i.item_id}".encode("utf-8", "replace")
                ).digest()
                for i in items
            ]
            return np.array([int.from_bytes(d[:8], "big") / 2**64 for d in digests])
        if self.kind == "bm25":
            return self.index.scores(query, items, full=True)[0]
        if self.kind == "bi-encoder":
            return self.encoder.cosines(
                query_text(query), [title_text(i) for i in items]
            )
        words = [
            self.index.scores(query, items, full=full)[0] for full in (False, True)
        ]
        text = query_text(query)
        meaning = [
            self.encoder.cosines(text, [kind(i) for i in items])
            for kind in (title_text, typed_text)
        ]
        columns = np.column_stack([*words, *meaning])
        return np.asarray(standardise(columns).sum(axis=1))


def save_baseline(
    kind: str,
    items: Sequence[Item],
    folder: Path,
    *,
    encoder: Path | None = None,
    language: str = "en",
) -> None:
    """Write a baseline's folder.

    Args:
        kind: one of :data:`BASELINES`.
        items: the catalogue, for BM25's word statistics and for items that are sent by
            their id alone.
        folder: an existing folder, without a ranker.
        encoder: a student's folder: its encoder, which is the backbone as it comes, is
            the baseline's too.
        language: code of the catalogue's pack.
    """
    from adore.student.export import seal

    check(
        kind in BASELINES,
        "baseline",
        kind,
        must=f"one of {BASELINES}",
        fix="use one of them",
    )
    if kind in ("bm25", "hybrid"):
        (folder / "text_index.json").write_text(
            TextIndex.build(items, load_language(language)).to_json(), "utf-8"
        )
    if kind in ("bi-encoder", "hybrid"):
        if encoder is None:
            raise MissingError(
                f"encoder of {kind} == None, must be a student's folder; distil one first"
            )
        copy_encoder(encoder, folder)
    save_items(items, folder)
    seal(folder, {"kind": kind, "name": kind})


def load_ranker(folder: Path, *, threads: int = 2) -> Ranker:
    """Load whatever ranker lies in a folder.

    Args:
        folder: of a student, a variant or a baseline.
        threads: CPU threads.

    Raises:
        MissingError: there is no ``card.json``.
        DataError: the card is not whole.
        ConfigError: its kind is unknown.
    """
    path = folder / "card.json"
    if not path.is_file():
        raise MissingError(
            f"ranker == {str(folder)!r}, must have a card.json; "
            "give a student's or variant's folder"
        )
    try:
        kind = json.loads(path.read_text("utf-8")).get("kind")
    except (ValueError, AttributeError) as error:
        fix = "copy the ranker's folder again"
        raise DataError(
            f"card == {str(path)!r}, must be a whole card.json; {fix} ({error})"
        ) from error
    check(
        kind in ("student", *BASELINES),
        "kind",
        kind,
        must="student or a baseline",
        fix="make the folder again",
    )
    return (
        Student(folder, threads=threads)
        if kind == "student"
        else Baseline(folder, threads=threads)
    )


def copy_rulebook(name: str, folder: Path) -> RuleBook:
    """Put the rule book's file into a student's folder and load it.

    Args:
        name: a YAML file, or the name of one of the rule books that come with ADORE.
        folder: the student's.
    """
    from adore.rulebook import RULEBOOKS

    source = (
        Path(name) if name.endswith((".yaml", ".yml")) else RULEBOOKS / f"{name}.yaml"
    )
    shutil.copyfile(source, folder / "rulebook.yaml")
    return RuleBook.load(str(folder / "rulebook.yaml"))
