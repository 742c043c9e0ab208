"""Baselines and students of one fold:
each gives (pairs, 4) probabilities, or scores, of the test lists.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from bench.student.cross_encoder import cross_encoder
from bench.student.folds import PROFILE, Fold, Loop, texts_of

from adore.artifacts import read_table
from adore.measures import GRADE_GAINS, expected_gain
from adore.pipeline import settings
from adore.student import fitting
from adore.student.calibration import chosen_grades, tempered
from adore.student.features import FEATURES, ListFeatures, standardise
from adore.student.training import ListRows
from adore.student.training_lists import grade_confusion

COLUMNS = tuple(FEATURES)
WIDTH = len(COLUMNS)
HAND = [COLUMNS.index(n) for n in COLUMNS[:11]] + [
    COLUMNS.index(f"{a}_{s}")
    for a in ("brand", "colour", "exclusion")
    for s in ("match", "conflict")
]
"""The 17 hand features of the strongest baseline:
cosines, BM25, coverage, brand, colour, negation.
"""
_PARTS = ("matrix", "semantic", "targets", "weights", "states", "real")


@dataclass(frozen=True)
class Answer:
    """What a system says of the test lists, by list id:
    scores (pairs,), and grades (pairs,) if it names any.

    ``hard`` holds the grades of the adversarial pairs, by list id.
    """

    scores: dict[str, np.ndarray]
    grades: dict[str, np.ndarray] | None = None
    hard: dict[str, np.ndarray] | None = None


def _ranked(fold: Fold, of: Callable[[np.ndarray], np.ndarray]) -> Answer:
    return Answer({one.list_id: of(one.matrix[:, :WIDTH]) for one in fold.test})


def baselines(fold: Fold, seed: int) -> dict[str, Answer]:
    """BM25, bi-encoder, hybrid, the rule book, and boosting on hand features."""
    text = [
        COLUMNS.index(n)
        for n in ("bm25_title", "bm25_full", "cosine_title", "cosine_full")
    ]
    rules = COLUMNS.index("rules_exact")
    return {
        "BM25": _ranked(fold, lambda m: m[:, COLUMNS.index("bm25_full")]),
        "bi-encoder": _ranked(fold, lambda m: m[:, COLUMNS.index("cosine_title")]),
        "hybrid": _ranked(fold, lambda m: standardise(m[:, text]).sum(axis=1)),
        "rule book": _ranked(fold, lambda m: m[:, rules]),
        "boosting, hand features": _boosting(fold, HAND, seed),
        "boosting, hand features, z-scores": _boosting(
            fold, [*HAND, *(WIDTH + c for c in HAND)], seed
        ),
    }


def plain_cross_encoder(loop: Loop, seed: int) -> Answer:
    """MiniLM on the human judgements of the fold's train and dev queries."""
    prepared = loop.shop()
    splits = dict(
        read_table(prepared, "queries").select("query_id", "split").iter_rows()
    )
    texts = texts_of(prepared)
    train = [rows for query_id, rows in texts.items() if splits[query_id] != "test"]
    p = cross_encoder(
        train, {q: rows for q, rows in texts.items() if splits[q] == "test"}, seed
    )
    return Answer(
        {q: expected_gain(x) for q, x in p.items()},
        {q: x.argmax(axis=1) for q, x in p.items()},
    )


def _boosting(fold: Fold, columns: list[int], seed: int) -> Answer:
    from sklearn.ensemble import GradientBoostingClassifier

    learnt = [*fold.people, *fold.dev]
    matrix = np.concatenate([one.matrix[:, columns] for one in learnt])
    grades = np.concatenate([one.targets.argmax(axis=1) for one in learnt])
    model = GradientBoostingClassifier(random_state=seed).fit(matrix, grades)
    gains = GRADE_GAINS[model.classes_]
    p = {one.list_id: model.predict_proba(one.matrix[:, columns]) for one in fold.test}
    return Answer(
        {q: x @ gains for q, x in p.items()},
        {q: model.classes_[x.argmax(axis=1)] for q, x in p.items()},
    )


# ---------------------------------------------------------------- students


def cut(one: ListRows, rows: np.ndarray) -> ListRows:
    """The list with some of its pairs."""
    return replace(one, **{name: getattr(one, name)[rows] for name in _PARTS})


def _kept(
    lists: list[ListRows], keep: Callable[[ListRows], np.ndarray]
) -> list[ListRows]:
    return [cut(one, keep(one)) for one in lists if keep(one).any()]


def _alone(lists: list[ListRows]) -> list[ListRows]:
    return [replace(one, matrix=ListFeatures.alone(one.matrix)) for one in lists]


def _judged(one: ListRows, share: float) -> bool:
    return (
        int(hashlib.sha256(f"share|{one.list_id}".encode()).hexdigest()[:8], 16) / 16**8
        < share
    )


def _some(fold: Fold, share: float) -> list[ListRows]:
    """Train lists if people had judged only a share of these queries,
    and the teacher everything else.
    """
    full = fold.train["aware"]
    kept = {one.list_id for one in fold.people if _judged(one, share)}
    both = [
        (fold.teacher[o.list_id][_by_people(o)[o.real]], o.targets[_by_people(o)])
        for o in full
        if o.list_id in kept
    ]
    table = (
        grade_confusion(*(np.concatenate(part) for part in zip(*both, strict=True)))
        if both
        else np.eye(4)
    )
    return [
        _by_teacher(fold, one, table)
        if one.list_id in kept
        else _unjudged(fold, one, table)
        for one in full
    ]


def _by_people(one: ListRows) -> np.ndarray:
    return one.real & (one.weights == 1)


def _by_teacher(fold: Fold, one: ListRows, table: np.ndarray) -> ListRows:
    """The list whose teacher's pairs are corrected by this table."""
    rows, targets = one.real & (one.weights != 1), one.targets.copy()
    targets[rows] = fold.teacher[one.list_id][rows[one.real]] @ table
    return replace(one, targets=targets)


def _unjudged(fold: Fold, one: ListRows, table: np.ndarray) -> ListRows:
    """The list of a query that people did not judge: no pair is synthesised from it."""
    weight = settings.config_of("distil", PROFILE).teacher_weight
    alone = cut(one, one.real)
    return _by_teacher(
        fold, replace(alone, weights=np.full(len(alone.real), weight)), table
    )


def student(
    fold: Fold,
    train: list[ListRows],
    dev: list[ListRows],
    seed: int,
    **changed: object,
) -> Answer:
    """The product's own fit and answer: early stop and temperature on dev, then again with dev."""
    config = settings.config_of(
        "distil", PROFILE, **{"seed": seed, "threads": 1, **changed}
    )
    tested, hard = fold.test, [one for one, _ in fold.hard]
    if not config.list_context:
        train, dev, tested, hard = (
            _alone(lists) for lists in (train, dev, tested, hard)
        )
    fitted = fitting.fit(train, dev, config)
    calibration = fitting.calibrate(fitting.predict(fitted, dev), dev)
    temperature = calibration.temperature
    if dev:
        fitted = fitting.refit(train, dev, config, fitted.curve)
    prior = fitting.prior_of(train)

    def given(lists: list[ListRows]) -> dict[str, np.ndarray]:
        told = fitting.predict(fitted, lists)
        return {
            one.list_id: tempered(p, temperature)
            for one, p in zip(lists, told, strict=True)
        }

    found, attacked = given(tested), given(hard)
    return Answer(
        {q: expected_gain(p) for q, p in found.items()},
        {q: chosen_grades(p, prior, config.prior_power) for q, p in found.items()},
        {
            one.list_id: chosen_grades(
                attacked[one.list_id], prior, config.prior_power
            )[~one.real]
            for one in hard
        },
    )


def students(fold: Fold) -> dict[str, Callable[[int], Answer]]:
    """ADORE, its ablations one at a time, and ADORE with less human judgement."""
    full, dev = fold.train["aware"], fold.dev
    made = {
        "ADORE": (full, dev, {}),
        "no synthesis": (_kept(full, lambda o: o.real), dev, {}),
        "untyped synthesis": (fold.train["untyped"], dev, {}),
        "uniform types": (fold.train["uniform"], dev, {}),
        "no attribute heads": (full, dev, {"net": {"attribute_weight": 0.0}}),
        "no teacher pairs": (fold.untaught, dev, {}),
        "no list context": (full, dev, {"list_context": False}),
        "human judgements alone": (fold.people, dev, {}),
    }
    for share in (0.1, 0.25, 0.5):
        known = [one for one in dev if _judged(one, share)]
        made[f"{share:.0%} of the judged queries"] = (_some(fold, share), known, {})
        made[f"{share:.0%}, human judgements alone"] = (
            [o for o in fold.people if _judged(o, share)],
            known,
            {},
        )
    return {
        name: lambda seed, m=m: student(fold, m[0], m[1], seed, **m[2])
        for name, m in made.items()
    }
