"""Stage ``feedback``: shoppers' behaviour into counterbalanced KTO rows.

Each row names its events.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from pydantic import Field

from adore.artifacts import read_table, write_table
from adore.behaviour.balance import KINDS, LENIENT, balanced
from adore.behaviour.poisoning import flipped_shares
from adore.behaviour.position import PositionBias, position_bias
from adore.behaviour.signs import GradeModel, fit_grade_model, trials
from adore.behaviour.trust import FAST, coarse_clock, pushed, untrusted
from adore.config import StageConfig
from adore.data.shoppers import Shoppers
from adore.progress import log_line
from adore.storage import write_json
from adore.types import PAIR, Grade, by_letter

__all__ = ["Config", "run"]

MANY = 0.2
"""Share of all clients from which on leaving them out is told.

The log may be odd, not the clients.
"""


class Config(StageConfig):
    """What counts as a sign, and the caps."""

    trust: bool = True
    """Leave untrusted clients out; False only to measure what the filter is worth."""
    confidence: float = Field(0.9, gt=0.5, lt=1)
    """Least P(exact), or P(not exact), by its behaviour, of a pair that gives a sign."""
    min_exposure: float = Field(1.5, ge=0)
    """Least examined impressions (position-corrected) of a pair."""
    min_clients: int = Field(2, ge=1)
    """Distinct trusted clients behind a sign: buyers who kept it, or clients who saw it."""
    client_query_buys: int = Field(3, ge=1)
    """Most pairs of one query that one client may buy; its later ones are left out."""
    client_buys: int = Field(20, ge=1)
    """Most pairs that one client may buy in all."""
    max_query_rows: int = Field(60, ge=1)
    """Most feedback rows of one query."""
    tilt: float = Field(2.0, ge=1)
    """Most corrections of one direction for one of the other."""
    confirm: float = Field(20.0, ge=0)
    """Most right answers of one kind for one correction."""
    poisoning_share: float = Field(0.1, ge=0, lt=0.5)
    """Share of events that each simulated attack adds to the log; 0 skips the poisoning test."""
    simulated_shoppers: int = Field(1000, ge=0)
    """Shoppers simulated from the human judgements where the shop has no events."""


def _simulated(prepared: Path, config: Config) -> pl.DataFrame:
    """Behaviour of :class:`adore.data.shoppers.Shoppers` on train and dev queries.

    Each visit sees a noisy ranking of its query's list.
    """
    queries = read_table(prepared, "queries")
    truth = read_table(prepared, "truth").join(queries, on="query_id")
    used = truth.filter(pl.col("split") != "test").sort(PAIR)
    lists = {
        str(query_id): dict(zip(group["item_id"], group["grade"], strict=True))
        for (query_id,), group in used.group_by("query_id", maintain_order=True)
    }

    shoppers = Shoppers(seed=config.seed, users=config.simulated_shoppers)
    rng = np.random.default_rng(config.seed)
    names = sorted(lists)
    users = config.simulated_shoppers if names else 0
    rows = list[dict[str, Any]]()
    for user in range(users):
        for visit in range(4):
            query = names[int(rng.integers(len(names)))]
            grades = lists[query]
            noisy = {
                item: grade + 2.0 * rng.standard_normal()
                for item, grade in grades.items()
            }
            ranking = sorted(noisy, key=lambda item: -noisy[item])[:20]
            rows += shoppers.visit(user, query, ranking, grades, visit=visit)

    if not rows:
        return read_table(prepared, "events").unique("event_id", maintain_order=True)
    frame = pl.DataFrame(rows, infer_schema_length=None)
    return frame.unique("event_id", maintain_order=True)


def _kind(row: dict[str, Any], config: Config, known: bool) -> str:
    """Which sign a pair gives, or ``""``.

    A skip says nothing where position bias is not known.
    """
    judged = "judged exact" if row["grade"] == Grade.EXACT else "judged strictly"
    exact = row["posterior"][Grade.EXACT]
    if row["kept"] >= config.min_clients and exact >= config.confidence:
        return f"bought, {judged}"
    if exact > 1 - config.confidence or row["clients"] < config.min_clients:
        return ""
    if row["returned"]:
        return f"returned, {judged}"
    return f"skipped, {judged}" if known and not row["kept"] else ""


def _signs(
    seen: pl.DataFrame, model: GradeModel, config: Config, known: bool
) -> pl.DataFrame:
    """The pairs that give a sign: its ``kind``, ``posterior`` and events."""
    posteriors = model.posterior(seen)
    table = posteriors.filter(pl.col("examined") >= config.min_exposure)

    kinds = []
    for row in table.iter_rows(named=True):
        kinds.append(_kind(row, config, known))
    kind = pl.Series("kind", kinds, pl.String)

    signs = table.with_columns(kind).filter(pl.col("kind") != "")
    wanted_exact = pl.col("kind").str.starts_with("bought")
    return signs.with_columns(wanted_exact=wanted_exact)


def _pairs(prepared: Path, answers: list[Path]) -> pl.DataFrame:
    """Judged pairs: the judge's ``grade``, ``human``, ``brand`` and ``split``.

    ``human`` is the grade of a person, null where nobody judged.
    """
    tables = [
        read_table(place, "teacher_judgements").select(*PAIR, "grade")
        for place in answers
    ]
    brands = read_table(prepared, "items").select("item_id", "brand")
    human = read_table(prepared, "judgements").rename({"grade": "human"})
    splits = read_table(prepared, "queries").select("query_id", "split")
    return (
        pl.concat(tables)
        .join(brands, on="item_id")
        .join(human, on=PAIR, how="left")
        .join(splits, on="query_id")
    )


@dataclass(frozen=True, slots=True)
class _Learnt:
    """What one log says: signs of train queries, and of dev queries (``dev_signs``)."""

    bias: PositionBias
    model: GradeModel
    untrusted_clients: pl.DataFrame
    signs: pl.DataFrame
    dev_signs: pl.DataFrame


def _learn(events: pl.DataFrame, pairs: pl.DataFrame, config: Config) -> _Learnt:
    """Read a log: whom to trust, how positions count, what shoppers mean.

    Args:
        events: the ``events`` table.
        pairs: from :func:`_pairs`.
    """
    doubted = events if config.trust else events.head(0)
    untrusted_clients = untrusted(doubted, pairs)
    trusted = events.join(untrusted_clients, on="client_id", how="anti")

    bias = position_bias(trusted)
    tried = trials(
        trusted, bias, per_query=config.client_query_buys, per_client=config.client_buys
    )
    seen = tried.join(pairs.drop("brand"), on=PAIR).sort("client_id", *PAIR)
    train = seen.filter(pl.col("split") == "train")
    dev = seen.filter(pl.col("split") == "dev")
    model = fit_grade_model(train)

    # a purchase of what a ring pushes corrects nothing: not every member is found
    attacked = pushed(untrusted_clients, pairs).with_columns(kind=pl.lit(LENIENT))
    by_kind = [*PAIR, "kind"]
    signs = _signs(train, model, config, bias.known)
    signs = signs.join(attacked, on=by_kind, how="anti")
    dev_signs = _signs(dev, model, config, bias.known)
    dev_signs = dev_signs.join(attacked, on=by_kind, how="anti")
    return _Learnt(bias, model, untrusted_clients, signs, dev_signs)


def _poisoning(
    learnt: _Learnt, events: pl.DataFrame, pairs: pl.DataFrame, config: Config
) -> Any:
    """The poisoning test on this log, for the teacher's gate.

    See :mod:`adore.behaviour.poisoning`.
    """

    def lenient(one: _Learnt) -> pl.DataFrame:
        signs = pl.concat([one.signs, one.dev_signs])
        return signs.filter(pl.col("kind") == LENIENT).select(PAIR)

    def read(log: pl.DataFrame) -> pl.DataFrame:
        return lenient(_learn(log, pairs, config))

    known = pairs.filter(pl.col("split") != "test").sort(PAIR)
    return flipped_shares(
        events,
        known,
        lenient(learnt),
        read,
        share=config.poisoning_share,
        seed=config.seed,
    )


def _position_note(bias: PositionBias) -> str:
    if bias.known:
        return f"{bias.pairs} clicked pairs were shown at two positions or more"
    return (
        "no clicked pair was shown at two positions: position cannot be told from relevance, "
        "so nothing is corrected and a skipped item gives no sign"
    )


def _trust_notes(
    events: pl.DataFrame, reasons: dict[str, int], coarse: bool
) -> Iterator[str]:
    """What the person who runs the loop should know of the trust filter on this log."""
    if coarse:
        yield (
            f"times are too coarse (many of a client's are equal) to tell who {FAST}: "
            "nobody is left out for it"
        )
    clients = events["client_id"].n_unique()
    out = sum(reasons.values())
    if out > MANY * clients:
        counts = ", ".join(f"{count} x {reason}" for reason, count in reasons.items())
        yield (
            f"warning: {out} of {clients} clients are left out ({counts}); "
            "see the table untrusted_clients"
        )


def _about(learnt: _Learnt, coarse: bool) -> dict[str, Any]:
    """What ``behaviour.json`` says of the log."""
    bias = learnt.bias
    model = learnt.model
    kinds = learnt.signs["kind"]
    untrusted_clients = learnt.untrusted_clients.group_by("reason").len().sort("reason")
    return {
        "propensity": [round(float(chance), 4) for chance in bias.propensity[:20]],
        "position": {
            "known": bias.known,
            "eta": bias.eta,
            "note": _position_note(bias),
        },
        "click": by_letter(model.click.round(4).tolist()),
        "kept": by_letter(model.outcome[:, 1].round(4).tolist()),
        "untrusted_clients": dict(untrusted_clients.iter_rows()),
        "coarse_clock": coarse,
        "signs": {kind: int((kinds == kind).sum()) for kind in KINDS},
    }


def run(
    config: Config, prepared: Path, evidence: Path, answers: list[Path], output: Path
) -> dict[str, float]:
    """Write ``feedback``, ``dev_signs``, ``untrusted_clients`` and ``behaviour.json``.

    Only train queries teach. ``dev_signs`` has the signs of dev queries, for the teacher's
    gate, read with what train queries taught of shoppers. Simulated events are written
    as ``events``, so that every row's events are there.

    Args:
        config: what counts as a sign, and the caps.
        prepared: output of ``prepare``; without events, shoppers are simulated from its
            ``truth``.
        evidence: output of the evidence stage, by which prompts and answers are written.
        answers: outputs that hold the judge's ``teacher_judgements``.
        output: the stage's folder.

    Returns:
        The stage's counts: KTO rows, of which desirable and not, dev signs, events,
        untrusted clients; ``simulated`` is 1 where the events are.
    """
    events = read_table(prepared, "events")
    simulated = events.is_empty()
    if simulated:
        events = write_table(_simulated(prepared, config), output, "events")
    pairs = _pairs(prepared, answers)
    learnt = _learn(events, pairs, config)

    about = _about(learnt, config.trust and coarse_clock(events))
    notes = [] if learnt.bias.known else [_position_note(learnt.bias)]
    notes += _trust_notes(events, about["untrusted_clients"], about["coarse_clock"])
    for note in notes:
        log_line(f"    feedback: {note}")

    traces = read_table(evidence, "pairs")
    table = learnt.signs.join(traces, on=PAIR).sort(PAIR).to_dicts()
    rows = balanced(
        table,
        tilt=config.tilt,
        confirm=config.confirm,
        per_query=config.max_query_rows,
        seed=config.seed,
    )
    write_table(rows, output, "feedback")

    dev_signs = learnt.dev_signs
    untrusted_clients = learnt.untrusted_clients
    write_table(
        dev_signs.select(*PAIR, "kind", "wanted_exact", "event_ids"),
        output,
        "dev_signs",
    )
    write_table(untrusted_clients, output, "untrusted_clients")

    poisoning = _poisoning(learnt, events, pairs, config)
    summary = {"simulated": simulated, **about, "poisoning": poisoning}
    write_json(summary, output / "behaviour.json")

    good = sum(row["desirable"] for row in rows)
    return {
        "rows": float(len(rows)),
        "desirable": float(good),
        "undesirable": float(len(rows) - good),
        "dev_signs": float(dev_signs.height),
        "events": float(events.height),
        "untrusted_clients": float(untrusted_clients.height),
        "simulated": float(simulated),
    }
