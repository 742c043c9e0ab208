"""What shoppers' acts say of a pair: P(true grade | who looked, clicked, bought, returned), learned from the log."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from adore.behaviour.position import PositionBias

__all__ = ["Taste", "learn_taste", "trials"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
KEYS = ["query_id", "item_id"]
_LABEL = 0.94 * np.eye(4) + 0.02 * (1 - np.eye(4))


def trials(
    events: pl.DataFrame, bias: PositionBias, *, per_query: int, per_client: int
) -> pl.DataFrame:
    """One row a client and pair, so that nobody counts twice for one pair.

    Args:
        events: the ``events`` table, of trusted clients.
        bias: how much each position is looked at.
        per_query: most pairs that one client may buy or return for one query; later ones are left out.
        per_client: the same over all queries.

    Returns:
        ``client_id, query_id, item_id, examined, clicked, outcome, event_ids``; ``examined`` is P(looked at),
        ``outcome`` 0 clicked only, 1 bought and kept, 2 returned; ``event_ids`` are the acts, or the impression.
    """
    action, item = pl.col("action_name"), pl.col("object_id").alias("item_id")
    missed = pl.Series("missed", 1 - bias.at(events["position"].to_numpy()))
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
    nth = (
        bought.cum_sum().over("client_id", "query_id"),
        bought.cum_sum().over("client_id"),
    )
    kept = one.filter(~bought | ((nth[0] <= per_query) & (nth[1] <= per_client)))
    return kept.select(
        "client_id",
        *KEYS,
        examined=pl.when("clicked")
        .then(pl.col("examined").clip(bias.propensity.min(), 1))
        .otherwise("examined"),
        clicked="clicked",
        outcome=pl.when("returned").then(2).when("bought").then(1).otherwise(0),
        event_ids=pl.when("clicked").then("acts").otherwise("shown"),
    )


@dataclass(frozen=True, slots=True)
class Taste:
    """What shoppers do with items of each true grade, and what true grades stand behind a judged one.

    Attributes:
        click: P(click | examined, grade). Shape [4].
        outcome: P(clicked only, kept, returned | click, grade). Shape [4, 3].
        mix: P(true grade | judged grade, how well placed). The shop's own ranking knows something too: an item
            that always stands at the end is seldom exact. Shape [4, 4, 4].
        edges: mean P(examined) that part badly from well placed pairs. Shape [3].
    """

    click: Floats
    outcome: Floats
    mix: Floats
    edges: Floats

    def believe(self, seen: pl.DataFrame) -> pl.DataFrame:
        """P(true grade) of every pair of :func:`trials` joined with the judge's ``grade``.

        Returns:
            One row a pair: ``query_id, item_id, grade``, ``belief`` (P of each true grade), ``examined``
            impressions, distinct clients that were shown it (``clients``), clicked it (``clicks``), ``kept`` or
            ``returned`` it, and ``event_ids``, at most 20: acts, or impressions where nobody acted.
        """
        pairs, index = _pairs(seen)
        place = np.digitize(pairs["place"].to_numpy(), self.edges)
        belief = _posterior(
            self, seen, index, self.mix[pairs["grade"].to_numpy(), place]
        )
        return pairs.with_columns(
            pl.Series("belief", belief.tolist(), pl.List(pl.Float64))
        )


def _posterior(taste: Taste, seen: pl.DataFrame, index: Ints, prior: Floats) -> Floats:
    """P(true grade) a pair. ``prior`` and result: shape [pairs, 4]."""
    e, clicked = seen["examined"].to_numpy()[:, None], seen["clicked"].to_numpy()
    hit = np.log(e.clip(1e-6) * taste.click) + np.log(
        taste.outcome[:, seen["outcome"].to_numpy()].T
    )
    one = np.where(clicked[:, None], hit, np.log1p(-e * taste.click))
    log = np.log(prior) + np.stack(
        [np.bincount(index, one[:, g], len(prior)) for g in range(4)], 1
    )
    p = np.exp(log - log.max(1, keepdims=True))
    return np.asarray(p / p.sum(1, keepdims=True))


def _pairs(seen: pl.DataFrame) -> tuple[pl.DataFrame, Ints]:
    """The distinct pairs with counts of distinct clients, and each trial's pair."""
    pairs = seen.group_by(KEYS).agg(
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
    pairs = pairs.drop("acts", "shown").sort(KEYS)
    index = seen.join(
        pairs.select(KEYS).with_row_index("pair"), on=KEYS, maintain_order="left"
    )["pair"]
    return pairs, index.cast(pl.Int64).to_numpy()


def learn_taste(seen: pl.DataFrame, *, rounds: int = 60) -> Taste:
    """Fit :class:`Taste` by expectation maximisation over each pair's unknown true grade.

    It begins at the judge's grades, leans on weak counts, and holds that a higher grade is clicked no less.

    Args:
        seen: :func:`trials` joined with the judge's ``grade`` and, where somebody judged, the ``human`` grade.

    Source: latent classes with noisy labels, Dawid and Skene 1979; clicks by the position-based model.
    """
    pairs, index = _pairs(seen)
    e, clicked = (
        seen["examined"].to_numpy()[:, None],
        seen["clicked"].to_numpy()[:, None],
    )
    what, grade = (
        np.eye(3)[seen["outcome"].to_numpy()] * clicked,
        pairs["grade"].to_numpy(),
    )
    edges = (
        np.quantile(pairs["place"].to_numpy(), [0.25, 0.5, 0.75])
        if pairs.height
        else np.ones(3)
    )
    cell = grade * 4 + np.digitize(pairs["place"].to_numpy(), edges)
    cells, judged = np.eye(16)[cell], np.eye(4)[grade]
    known, label = (
        pairs["human"].is_not_null().to_numpy()[:, None],
        _LABEL[pairs["human"].fill_null(0).to_numpy()],
    )
    taste = Taste(
        np.array([0.05, 0.1, 0.2, 0.4]),
        np.tile([0.7, 0.2, 0.1], (4, 1)),
        np.repeat(_LABEL, 4, 0),
        edges,
    )
    belief = np.where(known, label, _LABEL[grade])
    for _ in range(rounds):
        weight = belief[index]
        unseen = np.where(clicked, 1.0, e * (1 - taste.click) / (1 - e * taste.click))
        clicks = (weight * clicked).sum(0)
        click = np.maximum.accumulate(
            (clicks + 1) / ((weight * unseen).sum(0) + 5)
        ).clip(0.001, 0.95)
        base = what.sum(0) + 1
        outcome = (weight.T @ what + 5 * base / base.sum()) / (clicks[:, None] + 5)
        whole = judged.T @ belief + 2 * _LABEL
        mix = cells.T @ belief + 5 * np.repeat(
            whole / whole.sum(1, keepdims=True), 4, 0
        )
        taste = Taste(click, outcome, mix / mix.sum(1, keepdims=True), edges)
        belief = _posterior(taste, seen, index, np.where(known, label, taste.mix[cell]))
    return Taste(taste.click, taste.outcome, taste.mix.reshape(4, 4, 4), edges)
