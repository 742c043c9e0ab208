"""Position bias against its known truth, from lists in random order and from the log as it is;
and what the random order costs.

Simulated: searches by the click model of :class:`adore.data.shoppers.Shoppers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from bench.headline import RANKERS, table

from adore.behaviour.pair_clicks import count_pair_clicks
from adore.behaviour.position import MAX_STANDARD_ERROR, BiasSource, position_bias
from adore.data.random_pairs import pair_positions
from adore.data.shoppers import CLICK_PROBABILITY
from adore.measures import ndcg
from adore.serving.exploration import explore

__all__ = ["measure", "render"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
SEEDS = 5
ETAS = (0.3, 0.7, 1.2)
SHARES = (0.0, 0.01, 0.02, 0.05, 0.1)
SEARCHES = 20_000
QUERIES = 40
ITEMS = 10
"""Of each list."""
GRADES = (3, 3, 2, 1, 0)
"""Equally frequent."""
OWN_TASTE = 0.5
"""Share of the items that a shopper with a taste of their own grades anew."""
LEANS = (0.5, 20.0, 50.0, 100.0, 500.0, 1e9)
LOOKS = {
    "eta 0.3": np.arange(1, ITEMS + 1) ** -0.3,
    "eta 0.7": np.arange(1, ITEMS + 1) ** -0.7,
    "eta 1.2": np.arange(1, ITEMS + 1) ** -1.2,
    "a fold after 4": np.array([1.0, 0.9, 0.8, 0.75, 0.35, 0.3, 0.27, 0.25, 0.2, 0.2]),
    "0.8 a position": 0.8 ** np.arange(ITEMS),
}
"""P(examined) by position, relative to the first."""


@dataclass(frozen=True)
class Searches:
    """Searches and the chance that decides each click.

    Args:
        query: of each search. Shape [searches].
        ranked: item at each position, by the ranker. Shape [searches, items].
        grades: true grade of each item. Shape [searches, items].
        luck: of each item; it is clicked if this is below P(click). Shape [searches, items].
        seed: of the searches.
    """

    query: Integers
    ranked: Integers
    grades: Integers
    luck: Floats
    seed: int

    def at_positions(self, values: Any, shown: Integers) -> Any:
        """What items have, at the positions at which they are shown."""
        return np.take_along_axis(values, shown, axis=1)


def draw_searches(ranker: str, seed: int, count: int) -> Searches:
    """Searches of a shop with a kind of ranker."""
    rng = np.random.default_rng(seed)
    of_query = rng.choice(GRADES, (QUERIES, ITEMS))
    query = rng.integers(QUERIES, size=count)
    grades = of_query[query]
    if ranker == "taste":
        anew = rng.random(grades.shape) < OWN_TASTE
        grades = np.where(anew, rng.choice(GRADES, grades.shape), grades)
    noise = rng.normal(0, 1, (QUERIES, ITEMS))[query]
    if ranker != "fixed":
        noise = rng.normal(0, 1, grades.shape)
    ranked = np.argsort(-(grades + noise), axis=1)
    return Searches(query, ranked, grades, rng.random(grades.shape), seed)


def show(searches: Searches, share: float) -> tuple[Integers, Integers]:
    """Items as they are shown, and the pair of each position, 0 where there is none."""
    shown = searches.ranked.copy()
    pairs = np.zeros(shown.shape, np.int64)
    for index, ranked in enumerate(searches.ranked):
        search = f"{searches.seed}|{index}"
        explored = explore(ranked.tolist(), share=share, search=search)
        shown[index] = explored.items
        upper_of = pair_positions(explored.first_pair, ITEMS)
        for position, upper in upper_of.items():
            pairs[index, position - 1] = upper
    return shown, pairs


def log_of(
    searches: Searches, shown: Integers, pairs: Integers, looks: Floats
) -> pl.DataFrame:
    """Rows of the table ``events``, without times."""
    attraction = np.array(CLICK_PROBABILITY)[
        searches.at_positions(searches.grades, shown)
    ]
    is_clicked = searches.at_positions(searches.luck, shown) < attraction * looks
    count = len(shown)
    search = np.repeat(np.arange(count), ITEMS)
    impressions = pl.DataFrame(
        {
            "client_id": search,
            "session_id": search,
            "query_id": np.repeat(searches.query, ITEMS),
            "object_id": shown.ravel(),
            "position": np.tile(np.arange(1, ITEMS + 1), count),
            "pair_position": pairs.ravel(),
        }
    )
    pair = pl.col("pair_position")
    impressions = impressions.with_columns(pl.when(pair > 0).then(pair))
    clicks = impressions.filter(pl.Series(is_clicked.ravel()))
    return pl.concat(
        [
            impressions.with_columns(action_name=pl.lit("impression")),
            clicks.with_columns(action_name=pl.lit("click")),
        ]
    )


def mean_ndcg(searches: Searches, shown: Integers, which: Any) -> float:
    """True nDCG@10 of some searches' lists."""
    falling = -np.arange(ITEMS, dtype=np.float64)
    grades = searches.at_positions(searches.grades, shown)
    return float(np.nanmean([ndcg(falling, row) for row in grades[which]]))


def measure_share(ranker: str, share: float, first_seed: int) -> dict[str, Any]:
    """Errors of eta at one share of explored lists, over etas and seeds."""
    found: dict[str, list[float]] = {
        name: [] for name in ("old", "pairs", "new", "used", "clicks", "error", "lost")
    }
    for seed in range(first_seed, first_seed + SEEDS):
        searches = draw_searches(ranker, seed, SEARCHES)
        shown, pairs = show(searches, share)
        is_explored = pairs.max(1) > 0
        if is_explored.any():
            ranked = mean_ndcg(searches, searches.ranked, is_explored)
            found["lost"].append(ranked - mean_ndcg(searches, shown, is_explored))
        for eta in ETAS:
            looks = np.arange(1, ITEMS + 1) ** -eta
            events = log_of(searches, shown, pairs, looks)
            old = position_bias(events.drop("pair_position"))
            new = position_bias(events)
            clicks = count_pair_clicks(events, ITEMS)
            found["old"].append(abs(old.eta - eta))
            found["new"].append(abs(new.eta - eta))
            found["used"].append(float(new.source is BiasSource.RANDOM_PAIRS))
            found["clicks"].append(float(clicks.total))
            if clicks.total:
                found["pairs"].append(abs(clicks.eta() - eta))
                found["error"].append(clicks.standard_error(clicks.eta()))
    means = {name: float(np.mean(values or [0.0])) for name, values in found.items()}
    lost = means.pop("lost") * share
    return {"ranker": ranker, "share": share, "lost": lost, **means}


def measure_leans(first_seed: int) -> list[dict[str, Any]]:
    """Mean absolute error of the curve by how much it leans on the power law."""
    rows = []
    for name, looks in LOOKS.items():
        errors: dict[str, list[float]] = {f"{lean:g}": [] for lean in LEANS}
        total = 0
        for seed in range(first_seed, first_seed + SEEDS):
            searches = draw_searches("taste", seed, SEARCHES // 4)
            events = log_of(searches, *show(searches, 0.4), looks)
            clicks = count_pair_clicks(events, ITEMS)
            total += clicks.total
            for lean in LEANS:
                curve = clicks.propensity(clicks.eta(), lean=lean)
                errors[f"{lean:g}"].append(float(np.abs(curve - looks).mean()))
        means = {lean: float(np.mean(values)) for lean, values in errors.items()}
        rows.append({"looks": name, "clicks": total / SEEDS, "errors": means})
    return rows


def measure(seed: int) -> dict[str, Any]:
    """Every ranker at every share, and the curve's lean on the law."""
    return {
        "simulated": True,
        "searches": SEARCHES,
        "shares": [
            measure_share(ranker, share, seed) for ranker in RANKERS for share in SHARES
        ],
        "leans": measure_leans(seed),
    }


def share_rows(result: dict[str, Any]) -> list[list[str]]:
    """A line for each ranker and share."""
    rows = []
    for row in result["shares"]:
        pairs = ["", "", "", ""]
        if row["share"]:
            pairs = [
                f"{row['clicks']:,.0f}",
                f"{row['pairs']:.3f}",
                f"{row['error']:.3f}",
                f"{row['used'] * SEEDS * len(ETAS):.0f}",
            ]
        rows.append(
            [
                RANKERS[row["ranker"]],
                f"{row['share']:.0%}",
                f"{row['old']:.3f}",
                *pairs,
                f"{row['new']:.3f}",
                f"{row['lost']:.5f}",
            ]
        )
    return rows


HEAD = (
    "order of a list | explored | error, log as it is | clicks on random pairs | "
    "error, pairs alone | its standard error | logs of 15 with enough | error, new | nDCG@10 lost"
)


def render(result: dict[str, Any]) -> str:
    """The section of its page."""
    lean_rows = []
    for row in result["leans"]:
        errors = [f"{error:.3f}" for error in row["errors"].values()]
        lean_rows.append([row["looks"], f"{row['clicks']:,.0f}", *errors])
    leans = " | ".join(f"{lean:g} clicks" for lean in LEANS[:-1])
    return "\n\n".join(
        [
            "### Position bias (simulated shoppers, known truth)",
            f"Mean absolute error of eta ({', '.join(map(str, ETAS))}; {SEEDS} seeds) from "
            f"{result['searches']:,} searches of {ITEMS} items. Random pairs are used where "
            f"the standard error of eta is at most {MAX_STANDARD_ERROR}.",
            table(HEAD, share_rows(result)),
            "Mean absolute error of P(examined) over the positions, from random pairs, by "
            "how much each ratio leans on the power law:",
            table(f"looks | clicks | {leans} | the law alone", lean_rows),
        ]
    )
