"""What shoppers' acts say of a pair, learned from the log.

That is P(true grade | who looked, clicked, bought, returned).
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
Ints = npt.NDArray[np.int64]
_LABEL = 0.94 * np.eye(4) + 0.02 * (1 - np.eye(4))
"""P(true grade | labelled grade) before the log is read: a label is right 94 times in 100."""


def trials(
    events: pl.DataFrame, bias: PositionBias, *, per_query: int, per_client: int
) -> pl.DataFrame:
    """One row a client and pair, so that nobody counts twice for one pair.

    Args:
        events: the ``events`` table, of trusted clients.
        bias: how much each position is looked at.
        per_query: most pairs that one client may buy or return for one query; later ones
            are left out.
        per_client: the same over all queries.

    Returns:
        ``client_id, query_id, item_id, examined, clicked, outcome, event_ids``;
        ``examined`` is P(looked at), ``outcome`` 0 clicked only, 1 bought and kept,
        2 returned; ``event_ids`` are the acts, or the impression.
    """
    action = pl.col("action_name")
    item = pl.col("object_id").alias("item_id")

    # looked at is what was looked at in one impression at least
    missed = pl.Series("missed", 1 - bias.propensity_at(events["position"].to_numpy()))
    one = (
        events.with_columns(missed)
        .sort("timestamp", "event_id")
        .group_by("client_id", "query_id", item, maintain_order=True)
        .agg(
            examined=1 - pl.col("missed").filter(action == "impression").product(),
            clicked=(action != "impression").any(),
            bought=(action == "purchase").any(),
            returned=(action == "return").any(),
            acts=pl.col("event_id").filter(action != "impression"),
            shown=pl.col("event_id").head(1),
        )
    )

    bought = pl.col("bought") | pl.col("returned")
    nth_of_query = bought.cum_sum().over("client_id", "query_id")
    nth_of_client = bought.cum_sum().over("client_id")
    within = (nth_of_query <= per_query) & (nth_of_client <= per_client)
    kept = one.filter(~bought | within)

    # what was clicked was looked at, though the log may have no impression of it
    at_least_deepest = pl.col("examined").clip(bias.propensity.min(), 1)
    return kept.select(
        "client_id",
        *PAIR,
        examined=pl.when("clicked").then(at_least_deepest).otherwise("examined"),
        clicked="clicked",
        outcome=pl.when("returned").then(2).when("bought").then(1).otherwise(0),
        event_ids=pl.when("clicked").then("acts").otherwise("shown"),
    )


@dataclass(frozen=True, slots=True)
class GradeModel:
    """What shoppers do with items of each true grade, and what stands behind a judged one.

    Attributes:
        click: P(click | examined, grade). Shape [4].
        outcome: P(clicked only, kept, returned | click, grade). Shape [4, 3].
        mix: P(true grade | judged grade, how well placed). The shop's own ranking knows
            something too: an item that always stands at the end is seldom exact.
            Shape [4, 4, 4].
        edges: mean P(examined) that part badly from well placed pairs. Shape [3].
    """

    click: Floats
    outcome: Floats
    mix: Floats
    edges: Floats

    def posterior(self, seen: pl.DataFrame) -> pl.DataFrame:
        """P(true grade) of every pair of :func:`trials` joined with the judge's ``grade``.

        Returns:
            One row a pair: ``query_id, item_id, grade``, ``posterior`` (P of each true
            grade), ``examined`` impressions, distinct clients that were shown it
            (``clients``), clicked it (``clicks``), ``kept`` or ``returned`` it, and
            ``event_ids``, at most 20: acts, or impressions where nobody acted.
        """
        pairs, index = _pairs(seen)
        place = np.digitize(pairs["place"].to_numpy(), self.edges)
        prior = self.mix[pairs["grade"].to_numpy(), place]
        posterior = _posterior(self, seen, index, prior)
        return pairs.with_columns(
            pl.Series("posterior", posterior.tolist(), pl.List(pl.Float64))
        )


def _posterior(
    model: GradeModel, seen: pl.DataFrame, index: Ints, prior: Floats
) -> Floats:
    """P(true grade) a pair. ``prior`` and result: shape [pairs, 4]."""
    examined = seen["examined"].to_numpy()[:, None]
    clicked = seen["clicked"].to_numpy()[:, None]
    outcome = seen["outcome"].to_numpy()

    # log P(what one client did | grade), shape [trials, 4]: it looked, clicked and did
    # what it did after the click; or it did not look, or looked and did not click
    click = np.log(examined.clip(1e-6) * model.click)
    chances = model.outcome[:, outcome]
    after = np.log(chances.T)
    no_click = np.log1p(-examined * model.click)
    trial = np.where(clicked, click + after, no_click)

    # clients act independently given the grade: their logs add up over a pair
    size = len(prior)
    sums = []
    for grade in range(4):
        one = np.bincount(index, trial[:, grade], size)
        sums.append(one)
    joint = np.log(prior) + np.stack(sums, 1)

    # less the largest, so that exp does not underflow for all four grades
    largest = joint.max(1, keepdims=True)
    unscaled = np.exp(joint - largest)
    total = unscaled.sum(1, keepdims=True)
    return np.asarray(unscaled / total)


def _pairs(seen: pl.DataFrame) -> tuple[pl.DataFrame, Ints]:
    """The distinct pairs with counts of distinct clients, and each trial's pair."""
    pairs = seen.group_by(PAIR).agg(
        pl.col("grade").first().cast(pl.Int64),
        pl.col("human").first(),
        pl.col("examined").sum(),
        place=pl.col("examined").mean(),
        clicks=pl.col("clicked").sum(),
        kept=(pl.col("outcome") == 1).sum(),
        returned=(pl.col("outcome") == 2).sum(),
        clients=pl.len(),
        acts=pl.col("event_ids").filter("clicked").list.explode().head(20),
        shown=pl.col("event_ids").list.explode().head(20),
    )
    pairs = pairs.with_columns(
        event_ids=pl.when(pl.col("clicks") > 0).then("acts").otherwise("shown")
    )
    pairs = pairs.drop("acts", "shown").sort(PAIR)

    numbered = pairs.select(PAIR).with_row_index("pair")
    index = seen.join(numbered, on=PAIR, maintain_order="left")["pair"]
    return pairs, index.cast(pl.Int64).to_numpy()


def fit_grade_model(seen: pl.DataFrame, *, rounds: int = 60) -> GradeModel:
    """Fit :class:`GradeModel` by expectation maximisation over each pair's unknown true grade.

    It begins at the judge's grades, leans on weak counts, and holds that a higher grade
    is clicked no less.

    Args:
        seen: :func:`trials` joined with the judge's ``grade`` and, where somebody
            judged, the ``human`` grade.
        rounds: EM steps.

    Source: latent classes with noisy labels, Dawid and Skene 1979; clicks by the
    position-based model.
    """
    pairs, index = _pairs(seen)
    grade = pairs["grade"].to_numpy()
    place = pairs["place"].to_numpy()

    examined = seen["examined"].to_numpy()[:, None]
    clicked = seen["clicked"].to_numpy()[:, None]
    one_hot = np.eye(3)[seen["outcome"].to_numpy()]
    outcomes = one_hot * clicked  # zeros without a click

    # a cell is a judged grade and a quarter of the pairs by how well they are placed
    edges = np.ones(3)
    if pairs.height:
        edges = np.quantile(place, [0.25, 0.5, 0.75])
    cell = grade * 4 + np.digitize(place, edges)
    in_cell = np.eye(16)[cell]
    judged_as = np.eye(4)[grade]

    # a human grade stands: such a pair keeps its own prior
    known = pairs["human"].is_not_null().to_numpy()[:, None]
    label = _LABEL[pairs["human"].fill_null(0).to_numpy()]

    model = GradeModel(
        click=np.array([0.05, 0.1, 0.2, 0.4]),
        outcome=np.tile([0.7, 0.2, 0.1], (4, 1)),
        mix=np.repeat(_LABEL, 4, 0),
        edges=edges,
    )
    posterior = np.where(known, label, _LABEL[grade])
    for _ in range(rounds):
        # E step, examination: P(looked at | act, grade), shape [trials, 4]. Who clicked
        # looked; of who did not, Bayes' rule tells how likely a look was all the same.
        looked_no_click = examined * (1 - model.click)
        no_click = 1 - examined * model.click
        looked = np.where(clicked, 1.0, looked_no_click / no_click)

        # M step, click rates: expected clicks over expected looks of each grade, leaning on
        # 1 click in 5 looks; the running maximum keeps a higher grade clicked no less.
        weight = posterior[index]
        clicks = (weight * clicked).sum(0)
        looks = (weight * looked).sum(0)
        rates = (clicks + 1) / (looks + 5)
        click = np.maximum.accumulate(rates).clip(0.001, 0.95)

        # M step, outcomes: expected outcomes over expected clicks of each grade, leaning on
        # 5 clicks that end as those of all grades together.
        overall = outcomes.sum(0) + 1
        leaning = 5 * overall / overall.sum()
        counted = weight.T @ outcomes + leaning
        outcome = counted / (clicks[:, None] + 5)

        # M step, mix: expected true grades of each cell, leaning on 5 pairs as those of its
        # judged grade wherever placed, which lean on 2 pairs of _LABEL.
        whole = judged_as.T @ posterior + 2 * _LABEL
        anywhere = whole / whole.sum(1, keepdims=True)
        mix = in_cell.T @ posterior + 5 * np.repeat(anywhere, 4, 0)
        mix = mix / mix.sum(1, keepdims=True)
        model = GradeModel(click, outcome, mix, edges)

        # E step, grade: P(true grade | acts) of each pair, from its cell's mix or its label.
        prior = np.where(known, label, model.mix[cell])
        posterior = _posterior(model, seen, index, prior)

    return GradeModel(model.click, model.outcome, model.mix.reshape(4, 4, 4), edges)
