"""Stage ``feedback``: shoppers' behaviour into counterbalanced KTO rows.

Each row names its events.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from adore.artifacts import read_shards, read_table, write_table
from adore.behaviour.balance import Sign, balance_feedback
from adore.behaviour.grade_model import GradeModel, fit_grade_model, trials
from adore.behaviour.poisoning import PoisoningResult, flipped_shares
from adore.behaviour.position import BiasSource, PositionBias, position_bias
from adore.behaviour.signs import LENIENT_CORRECTION, SignKind, SignRule, find_signs
from adore.behaviour.simulation import simulate_events
from adore.behaviour.trust import FAST, coarse_clock, pushed, untrusted
from adore.config import StageConfig
from adore.progress import log_line
from adore.storage import write_json
from adore.types import PAIR, Evidence, Grade, by_letter

__all__ = ["Config", "run"]

MAX_UNTRUSTED_SHARE = 0.2
"""Share of untrusted clients above which a note warns.

Then the log may be at fault, not the clients.
"""
REPORTED_POSITIONS = 20
"""Positions whose propensity ``behaviour.json`` has."""


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


def _judged_pairs(prepared: Path, judged: list[Path]) -> pl.DataFrame:
    """Judged pairs: the judge's ``grade``, a person's (``human``, or null), brand, split."""
    judgements = read_shards(judged, "teacher_judgements", [*PAIR, "grade"])
    brands = read_table(prepared, "items").select("item_id", "brand")
    human = read_table(prepared, "judgements").rename({"grade": "human"})
    splits = read_table(prepared, "queries").select("query_id", "split")
    return (
        judgements.join(brands, on="item_id")
        .join(human, on=PAIR, how="left")
        .join(splits, on="query_id")
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    """What one log says.

    Attributes:
        bias: how positions count.
        model: what shoppers do with items of each grade, learned from train queries.
        untrusted_clients: as :func:`adore.behaviour.trust.untrusted` gives them.
        signs: of train queries.
        dev_signs: of dev queries, which never teach.
    """

    bias: PositionBias
    model: GradeModel
    untrusted_clients: pl.DataFrame
    signs: pl.DataFrame
    dev_signs: pl.DataFrame

    def lenient_corrections(self) -> pl.DataFrame:
        """``query_id, item_id`` of all pairs that the judge graded too strictly."""
        signs = pl.concat(
            [
                self.signs,
                self.dev_signs,
            ]
        )
        is_lenient = pl.col("kind") == LENIENT_CORRECTION.value
        lenient = signs.filter(is_lenient)
        return lenient.select(*PAIR)


def _read_log(events: pl.DataFrame, pairs: pl.DataFrame, config: Config) -> _Reading:
    """Read a log: whom to trust, how positions count, what shoppers mean.

    Args:
        events: the ``events`` table.
        pairs: from :func:`_judged_pairs`.
        config: what counts as a sign.

    Returns:
        The model and its signs.
    """
    screened = events
    if not config.trust:
        screened = events.head(0)
    untrusted_clients = untrusted(screened, pairs)
    trusted = events.join(untrusted_clients, on="client_id", how="anti")

    bias = position_bias(trusted)
    by_client = trials(
        trusted, bias, per_query=config.client_query_buys, per_client=config.client_buys
    )
    grades = pairs.drop("brand")
    seen = by_client.join(grades, on=PAIR)
    seen = seen.sort("client_id", *PAIR)

    split = pl.col("split")
    train = seen.filter(split == "train")
    dev = seen.filter(split == "dev")
    model = fit_grade_model(train)
    rule = SignRule(
        confidence=config.confidence,
        min_exposure=config.min_exposure,
        min_clients=config.min_clients,
        skips_count=bias.known,
    )

    # Some members of a ring stay undetected, so that a purchase of what it pushes corrects
    # nothing, whoever made it.
    kind = pl.lit(LENIENT_CORRECTION.value)
    not_trusted = pushed(untrusted_clients, pairs).with_columns(kind=kind)
    by_kind = [*PAIR, "kind"]
    signs = find_signs(train, model, rule)
    dev_signs = find_signs(dev, model, rule)
    return _Reading(
        bias=bias,
        model=model,
        untrusted_clients=untrusted_clients,
        signs=signs.join(not_trusted, on=by_kind, how="anti"),
        dev_signs=dev_signs.join(not_trusted, on=by_kind, how="anti"),
    )


def _test_poisoning(
    reading: _Reading, events: pl.DataFrame, pairs: pl.DataFrame, config: Config
) -> PoisoningResult:
    """The poisoning test on this log, for the teacher's gate."""

    def read_corrections(log: pl.DataFrame) -> pl.DataFrame:
        return _read_log(log, pairs, config).lenient_corrections()

    known = pairs.filter(pl.col("split") != "test").sort(PAIR)
    return flipped_shares(
        events,
        known,
        reading.lenient_corrections(),
        read_corrections,
        share=config.poisoning_share,
        seed=config.seed,
    )


def _position_note(bias: PositionBias) -> str:
    if bias.source is BiasSource.RANDOM_PAIRS:
        return (
            f"{bias.random_clicks} clicks on neighbours in random order: "
            f"eta {bias.eta:.2f}, standard error {bias.standard_error:.2f}"
        )
    too_few = ""
    if bias.random_clicks:
        too_few = (
            f"; {bias.random_clicks} clicks on neighbours in random order are too few"
        )
    if bias.source is BiasSource.NATURAL:
        return (
            f"{bias.pairs} clicked pairs were shown at two positions or more: "
            f"eta {bias.eta:.2f}{too_few}"
        )
    return (
        "no clicked pair was shown at two positions: position cannot be told from relevance, "
        f"so nothing is corrected and a skipped item gives no sign{too_few}"
    )


def _trust_notes(
    events: pl.DataFrame, reasons: dict[str, int], *, coarse: bool
) -> Iterator[str]:
    """What the person who runs the loop should know of the trust filter on this log."""
    if coarse:
        yield (
            f"times are too coarse (many of a client's are equal) to tell who {FAST}: "
            "nobody is left out for it"
        )
    clients = events["client_id"].n_unique()
    left_out = sum(reasons.values())
    if left_out > MAX_UNTRUSTED_SHARE * clients:
        counts = ", ".join(f"{count} x {reason}" for reason, count in reasons.items())
        yield (
            f"warning: {left_out} of {clients} clients are left out ({counts}); "
            "see the table untrusted_clients"
        )


def _summary(reading: _Reading, *, coarse: bool) -> dict[str, Any]:
    """What ``behaviour.json`` says of the log."""
    bias = reading.bias
    model = reading.model
    first_positions = bias.propensity[:REPORTED_POSITIONS]
    propensity = []
    for chance in first_positions.tolist():
        propensity.append(round(chance, 4))

    reasons = reading.untrusted_clients.group_by("reason").len()
    kinds = reading.signs.group_by("kind").len()
    counts = dict(kinds.iter_rows())
    return {
        "propensity": propensity,
        "position": {
            "known": bias.known,
            "source": bias.source.value,
            "eta": bias.eta,
            "standard_error": bias.standard_error,
            "random_clicks": bias.random_clicks,
            "note": _position_note(bias),
        },
        "click": by_letter(model.click.round(4).tolist()),
        "kept": by_letter(model.outcome[:, 1].round(4).tolist()),
        "untrusted_clients": dict(reasons.sort("reason").iter_rows()),
        "coarse_clock": coarse,
        "signs": {kind.value: counts.get(kind.value, 0) for kind in SignKind},
    }


def _clear_pairs(reading: _Reading, pairs: pl.DataFrame) -> pl.DataFrame:
    """Pairs of train queries whose behaviour is clear, whatever the judge says of them."""
    # As for signs: a purchase of what a ring pushes shows nothing, whoever made it.
    not_trusted = pushed(reading.untrusted_clients, pairs)
    not_trusted = not_trusted.with_columns(wanted_exact=pl.lit(True))
    clear = reading.signs.join(not_trusted, on=[*PAIR, "wanted_exact"], how="anti")

    exact = pl.col("posterior").list.get(int(Grade.EXACT))
    return clear.select(
        *PAIR,
        "behaviour",
        "kept",
        "returned",
        "clients",
        "wanted_exact",
        p_exact=exact,
    )


def _sign_of(row: dict[str, Any]) -> Sign:
    """A row of signs, joined with the pair's evidence."""
    return Sign(
        query_id=row["query_id"],
        item_id=row["item_id"],
        kind=SignKind(row["kind"]),
        grade=Grade(row["grade"]),
        posterior=row["posterior"],
        event_ids=row["event_ids"],
        evidence=Evidence.many_from_json(row["evidence"]),
    )


def run(
    config: Config, prepared: Path, evidence: Path, judged: list[Path], output: Path
) -> dict[str, float]:
    """Write what shoppers' behaviour says: four tables and ``behaviour.json``.

    Only train queries teach: ``feedback`` has the signs for or against the judge's grades,
    ``clear_pairs`` every pair whose behaviour is clear. ``dev_signs`` has the signs of dev
    queries, for the teacher's gate, by the model that train queries taught;
    ``untrusted_clients`` who was left out. Simulated events are written as ``events``, so
    that every row's events are there.

    Args:
        config: what counts as a sign, and the caps.
        prepared: output of ``prepare``; without events, shoppers are simulated from its
            ``truth``.
        evidence: output of the evidence stage, by which prompts and answers are written.
        judged: outputs that hold the judge's ``teacher_judgements``.
        output: the stage's folder.

    Returns:
        The stage's counts: KTO rows, of which desirable and not, dev signs, clear pairs,
        events, untrusted clients; ``simulated`` is 1 where the events are.

    Raises:
        MissingError: a table is not there.
        DataError: a table cannot be read.
    """
    events = read_table(prepared, "events")
    is_simulated = events.is_empty()
    if is_simulated:
        count = config.simulated_shoppers
        events = simulate_events(prepared, count=count, seed=config.seed)
        events = write_table(events, output, "events")
    pairs = _judged_pairs(prepared, judged)
    reading = _read_log(events, pairs, config)

    is_coarse = config.trust and coarse_clock(events)
    summary = _summary(reading, coarse=is_coarse)
    notes = []
    if not reading.bias.known:
        notes.append(_position_note(reading.bias))
    notes += _trust_notes(events, summary["untrusted_clients"], coarse=is_coarse)
    for note in notes:
        log_line(f"    feedback: {note}")

    traces = read_table(evidence, "pairs")
    with_evidence = reading.signs.join(traces, on=PAIR).sort(PAIR)
    signs = [_sign_of(row) for row in with_evidence.iter_rows(named=True)]
    rows = balance_feedback(
        signs,
        tilt=config.tilt,
        confirm=config.confirm,
        per_query=config.max_query_rows,
        seed=config.seed,
    )
    dev_signs = reading.dev_signs.select(*PAIR, "kind", "wanted_exact", "event_ids")
    write_table([dict(row) for row in rows], output, "feedback")
    write_table(dev_signs, output, "dev_signs")
    clear_pairs = write_table(_clear_pairs(reading, pairs), output, "clear_pairs")
    write_table(reading.untrusted_clients, output, "untrusted_clients")

    poisoning = _test_poisoning(reading, events, pairs, config)
    report = {"simulated": is_simulated, **summary, "poisoning": poisoning.to_json()}
    write_json(report, output / "behaviour.json")

    desirable = sum(row["desirable"] for row in rows)
    return {
        "rows": float(len(rows)),
        "desirable": float(desirable),
        "undesirable": float(len(rows) - desirable),
        "dev_signs": float(dev_signs.height),
        "clear_pairs": float(clear_pairs.height),
        "events": float(events.height),
        "untrusted_clients": float(reading.untrusted_clients.height),
        "simulated": float(is_simulated),
    }
