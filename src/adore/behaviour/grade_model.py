"""What shoppers' acts say of a pair: P(true grade | who looked, clicked, bought, returned).

The model is learned from the log.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from adore.behaviour.position import PositionBias
from adore.types import PAIR

__all__ = ["GradeModel", "fit_grade_model", "trials"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
LABEL_PRIOR = 0.94 * np.eye(4) + 0.02 * (1 - np.eye(4))
"""P(true grade | labelled grade) before the log is read: a label is right 94 times in 100.

Shape [4, 4]."""
MAX_EVENT_IDS = 20
"""Events that a pair names."""
CLICKED_ONLY, KEPT, RETURNED = 0, 1, 2
"""Outcomes of a trial: columns of :attr:`GradeModel.outcome`."""


def trials(
    events: pl.DataFrame, bias: PositionBias, *, per_query: int, per_client: int
) -> pl.DataFrame:
    """Aggregate events to one row a client and pair, so that nobody counts twice for a pair.

    Args:
        events: the ``events`` table, of trusted clients.
        bias: how much each position is looked at.
        per_query: largest number of pairs that one client may buy or return for one
            query; later ones are left out.
        per_client: the same over all queries.

    Returns:
        ``client_id, query_id, item_id, examined, clicked, outcome, event_ids``.
        ``examined`` is P(looked at), ``outcome`` 0 clicked only, 1 bought and kept,
        2 returned; ``event_ids`` are the acts, or the impression.
    """
    action = pl.col("action_name")
    is_impression = action == "impression"
    item = pl.col("object_id").alias("item_id")

    # P(looked at in at least one impression) = 1 - P(missed in each of them).
    positions = events["position"].to_numpy()
    propensity = bias.propensity_at(positions)
    missed = pl.Series("missed", 1 - propensity)
    missed_in_impression = pl.col("missed").filter(is_impression)
    always_missed = missed_in_impression.product()

    ordered = events.with_columns(missed).sort("timestamp", "event_id")
    by_client_and_pair = ordered.group_by(
        "client_id",
        "query_id",
        item,
        maintain_order=True,
    )
    grouped = by_client_and_pair.agg(
        examined=1 - always_missed,
        clicked=(~is_impression).any(),
        bought=(action == "purchase").any(),
        returned=(action == "return").any(),
        acts=pl.col("event_id").filter(~is_impression),
        first_event=pl.col("event_id").head(1),
    )

    is_purchase = pl.col("bought") | pl.col("returned")
    purchases_so_far = is_purchase.cum_sum()
    nth_of_query = purchases_so_far.over("client_id", "query_id")
    nth_of_client = purchases_so_far.over("client_id")
    is_within_query_cap = nth_of_query <= per_query
    is_within_client_cap = nth_of_client <= per_client
    is_within_caps = is_within_query_cap & is_within_client_cap
    capped = grouped.filter(~is_purchase | is_within_caps)

    # What was clicked was looked at, though the log may have no impression of it.
    at_least_deepest = pl.col("examined").clip(bias.propensity.min(), 1)
    outcome = (
        pl.when("returned")
        .then(RETURNED)
        .when("bought")
        .then(KEPT)
        .otherwise(CLICKED_ONLY)
    )
    return capped.select(
        "client_id",
        *PAIR,
        examined=pl.when("clicked").then(at_least_deepest).otherwise("examined"),
        clicked="clicked",
        outcome=outcome,
        event_ids=pl.when("clicked").then("acts").otherwise("first_event"),
    )


@dataclass(frozen=True, slots=True)
class GradeModel:
    """What shoppers do with items of each true grade, and how true grades follow judged ones.

    Attributes:
        click: P(click | examined, grade). Shape [4].
        outcome: P(clicked only, kept, returned | click, grade). Shape [4, 3].
        mix: P(true grade | judged grade, quarter of placement). The shop's own ranking
            is informative too: an item that is always at the end is seldom exact.
            Shape [4, 4, 4].
        edges: mean P(examined) that separates the four quarters of placement. Shape [3].
    """

    click: Floats
    outcome: Floats
    mix: Floats
    edges: Floats

    def posterior(self, seen: pl.DataFrame) -> pl.DataFrame:
        """Compute P(true grade | behaviour) of every pair.

        Args:
            seen: :func:`trials` joined with the judge's ``grade`` and, where somebody
                judged, the ``human`` grade.

        Returns:
            One row a pair: ``query_id, item_id, grade``, ``posterior`` (P of each true
            grade, length 4), ``examined`` impressions, distinct clients that were shown
            it (``clients``), clicked it (``clicks``), ``kept`` or ``returned`` it, and
            ``event_ids``, at most :data:`MAX_EVENT_IDS`: acts, or impressions where
            nobody acted.
        """
        pairs = _aggregate_pairs(seen)
        placement = pairs["placement"].to_numpy()
        quarter = np.digitize(placement, self.edges)
        grade = pairs["grade"].to_numpy()
        prior = self.mix[grade, quarter]

        posterior = _posterior(
            self.click,
            self.outcome,
            _Acts.of(seen),
            _pair_index(seen, pairs),
            prior,
        )
        column = pl.Series(
            "posterior",
            posterior.tolist(),
            pl.List(pl.Float64),
        )
        return pairs.with_columns(column)


@dataclass(frozen=True, slots=True)
class _Acts:
    """What each client did with each pair, as columns.

    Attributes:
        examined: P(looked at). Shape [trials, 1].
        clicked: whether the client clicked. Shape [trials, 1].
        outcome: what came after the click. Shape [trials].
    """

    examined: Floats
    clicked: npt.NDArray[np.bool_]
    outcome: Integers

    @classmethod
    def of(cls, seen: pl.DataFrame) -> _Acts:
        return cls(
            examined=seen["examined"].to_numpy()[:, None],
            clicked=seen["clicked"].to_numpy()[:, None],
            outcome=seen["outcome"].to_numpy(),
        )


def _posterior(
    click: Floats,
    outcome: Floats,
    acts: _Acts,
    pair_index: Integers,
    prior: Floats,
) -> Floats:
    """P(true grade) a pair.

    Args:
        click: as in :class:`GradeModel`. Shape [4].
        outcome: as in :class:`GradeModel`. Shape [4, 3].
        acts: of all trials.
        pair_index: each trial's row in ``prior``. Shape [trials].
        prior: P(true grade) without the acts. Shape [pairs, 4].

    Returns:
        Shape [pairs, 4].
    """
    # log P(what one client did | grade), shape [trials, 4]. Either it looked, clicked and
    # did what it did after the click; or it did not look, or looked and did not click.
    looked = acts.examined.clip(1e-6)
    log_click = np.log(looked * click)
    outcome_chances = outcome[:, acts.outcome]
    log_outcome = np.log(outcome_chances.T)
    log_no_click = np.log1p(-acts.examined * click)
    log_trial = np.where(
        acts.clicked,
        log_click + log_outcome,
        log_no_click,
    )

    # Clients act independently given the grade, so that their logs add up over a pair.
    pair_count = len(prior)
    log_likelihood = np.empty((pair_count, 4))
    for grade in range(4):
        log_likelihood[:, grade] = np.bincount(
            pair_index,
            log_trial[:, grade],
            pair_count,
        )
    log_joint = np.log(prior) + log_likelihood

    # The largest is subtracted, so that exp does not underflow for all four grades.
    largest = log_joint.max(1, keepdims=True)
    unscaled = np.exp(log_joint - largest)
    total = unscaled.sum(1, keepdims=True)
    return np.asarray(unscaled / total)


def _aggregate_pairs(seen: pl.DataFrame) -> pl.DataFrame:
    """The distinct pairs with counts of distinct clients, ordered."""
    examined = pl.col("examined")
    is_kept = pl.col("outcome") == KEPT
    is_returned = pl.col("outcome") == RETURNED
    event_ids = pl.col("event_ids")
    act_ids = event_ids.filter("clicked").list.explode()
    all_ids = event_ids.list.explode()
    pairs = seen.group_by(PAIR).agg(
        pl.col("grade").first().cast(pl.Int64),
        pl.col("human").first(),
        examined=examined.sum(),
        placement=examined.mean(),
        clicks=pl.col("clicked").sum(),
        kept=is_kept.sum(),
        returned=is_returned.sum(),
        clients=pl.len(),
        acts=act_ids.head(MAX_EVENT_IDS),
        any_events=all_ids.head(MAX_EVENT_IDS),
    )

    has_clicks = pl.col("clicks") > 0
    informative = pl.when(has_clicks).then("acts").otherwise("any_events")
    pairs = pairs.with_columns(event_ids=informative)
    pairs = pairs.drop("acts", "any_events")
    return pairs.sort(PAIR)


def _pair_index(seen: pl.DataFrame, pairs: pl.DataFrame) -> Integers:
    """Each trial's row in ``pairs``. Shape [trials]."""
    numbered = pairs.select(PAIR).with_row_index("pair")
    joined = seen.join(
        numbered,
        on=PAIR,
        maintain_order="left",
    )
    index = joined["pair"].cast(pl.Int64)
    return index.to_numpy()


@dataclass(frozen=True, slots=True)
class _Cells:
    """Pairs by judged grade and quarter of placement, and what people say of them.

    Attributes:
        edges: placements that separate the quarters. Shape [3].
        cell: judged grade * 4 + quarter of each pair. Shape [pairs].
        in_cell: one-hot of ``cell``. Shape [pairs, 16].
        judged_as: one-hot of the judged grade. Shape [pairs, 4].
        is_labelled: whether a person judged the pair. Shape [pairs, 1].
        label_prior: P(true grade) by that person's grade. Shape [pairs, 4].
    """

    edges: Floats
    cell: Integers
    in_cell: Floats
    judged_as: Floats
    is_labelled: npt.NDArray[np.bool_]
    label_prior: Floats

    @classmethod
    def of(cls, pairs: pl.DataFrame) -> _Cells:
        grade = pairs["grade"].to_numpy()
        placement = pairs["placement"].to_numpy()
        edges = np.ones(3)
        if pairs.height:
            edges = np.quantile(placement, [0.25, 0.5, 0.75])
        cell = grade * 4 + np.digitize(placement, edges)
        human = pairs["human"]
        return cls(
            edges=edges,
            cell=cell,
            in_cell=np.eye(16)[cell],
            judged_as=np.eye(4)[grade],
            is_labelled=human.is_not_null().to_numpy()[:, None],
            label_prior=LABEL_PRIOR[human.fill_null(0).to_numpy()],
        )

    def prior(self, mix: Floats) -> Floats:
        """P(true grade) of each pair before its acts: its label's, else its cell's.

        Args:
            mix: P(true grade) of each cell. Shape [16, 4].

        Returns:
            Shape [pairs, 4].
        """
        return np.where(
            self.is_labelled,
            self.label_prior,
            mix[self.cell],
        )


def fit_grade_model(seen: pl.DataFrame, *, rounds: int = 60) -> GradeModel:
    """Fit :class:`GradeModel` by expectation maximisation over each pair's unknown true grade.

    It starts at the judge's grades, smooths small counts towards a prior, and constrains
    click rates to rise with the grade.

    Args:
        seen: :func:`trials` joined with the judge's ``grade`` and, where somebody
            judged, the ``human`` grade.
        rounds: EM steps.

    Returns:
        The model of all shoppers in ``seen``.

    Source: latent classes with noisy labels, Dawid and Skene 1979; clicks by the
    position-based model.
    """
    pairs = _aggregate_pairs(seen)
    pair_index = _pair_index(seen, pairs)
    acts = _Acts.of(seen)
    cells = _Cells.of(pairs)

    # One-hot outcomes, zeros without a click. Shape [trials, 3].
    one_hot = np.eye(3)[acts.outcome]
    outcomes = one_hot * acts.clicked

    click = np.array([0.05, 0.1, 0.2, 0.4])
    outcome = np.tile([0.7, 0.2, 0.1], (4, 1))
    mix = np.repeat(LABEL_PRIOR, 4, 0)
    posterior = cells.prior(mix)
    for _ in range(rounds):
        # E step, examination: P(looked at | act, grade), shape [trials, 4]. Who clicked
        # looked. For the others, Bayes' rule gives the chance of a look without a click.
        looked_no_click = acts.examined * (1 - click)
        no_click = 1 - acts.examined * click
        looked = np.where(
            acts.clicked,
            1.0,
            looked_no_click / no_click,
        )

        # M step, click rates: expected clicks over expected looks of each grade, smoothed
        # by 1 click in 5 looks. The running maximum makes them rise with the grade.
        weight = posterior[pair_index]
        weighted_clicks = weight * acts.clicked
        weighted_looks = weight * looked
        clicks = weighted_clicks.sum(0)
        looks = weighted_looks.sum(0)
        smoothed_clicks = clicks + 1
        smoothed_looks = looks + 5
        click_rates = smoothed_clicks / smoothed_looks
        rising_rates = np.maximum.accumulate(click_rates)
        click = rising_rates.clip(0.001, 0.95)

        # M step, outcomes: expected outcomes over expected clicks of each grade, smoothed
        # by 5 clicks that end as those of all grades together.
        overall = outcomes.sum(0) + 1
        pseudo_outcomes = 5 * overall / overall.sum()
        expected_outcomes = weight.T @ outcomes
        smoothed_outcomes = expected_outcomes + pseudo_outcomes
        expected_clicks = clicks[:, None] + 5
        outcome = smoothed_outcomes / expected_clicks

        # M step, mix: expected true grades of each cell, smoothed by 5 pairs of its judged
        # grade in any placement, which are smoothed by 2 pairs of LABEL_PRIOR.
        expected_by_grade = cells.judged_as.T @ posterior
        by_grade = expected_by_grade + 2 * LABEL_PRIOR
        any_placement = by_grade / by_grade.sum(1, keepdims=True)
        pseudo_pairs = 5 * np.repeat(any_placement, 4, 0)
        expected_by_cell = cells.in_cell.T @ posterior
        by_cell = expected_by_cell + pseudo_pairs
        mix = by_cell / by_cell.sum(1, keepdims=True)

        # E step, grade: P(true grade | acts) of each pair, from its cell's mix or its label.
        posterior = _posterior(
            click,
            outcome,
            acts,
            pair_index,
            cells.prior(mix),
        )

    return GradeModel(
        click=click,
        outcome=outcome,
        mix=mix.reshape(4, 4, 4),
        edges=cells.edges,
    )
