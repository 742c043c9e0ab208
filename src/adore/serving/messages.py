"""What travels between shop, router and model servers, and what the router logs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NotRequired, TypeAlias, TypedDict

__all__ = [
    "Exposure",
    "ItemFields",
    "Json",
    "PageVariant",
    "PageView",
    "Prediction",
    "RankAnswer",
    "RouterConfig",
    "ScoredItem",
    "VariantConfig",
]

Json: TypeAlias = dict[str, object]
"""A JSON object that nobody has checked yet."""


class ItemFields(TypedDict):
    """An item as it is sent to a variant: our fields, without the empty ones."""

    item_id: str
    title: NotRequired[str]
    brand: NotRequired[str]
    category: NotRequired[str]
    description: NotRequired[str]
    bullet_points: NotRequired[list[str]]
    attributes: NotRequired[dict[str, object]]


class ScoredItem(TypedDict):
    """An item of a variant's answer."""

    item_id: str
    score: float
    grade: NotRequired[str]
    """Letter of the likeliest grade."""
    probabilities: NotRequired[dict[str, float]]
    """P(grade) by letter."""
    attributes: NotRequired[dict[str, dict[str, float]]]
    """Attribute to P(state) by state."""
    title: NotRequired[str]
    """On the page only."""


class Prediction(TypedDict):
    """A variant's answer to one list, in the order of the items that were sent."""

    model_version: str
    items: list[ScoredItem]
    variant: NotRequired[str]


class RankAnswer(TypedDict):
    """The router's answer to ``POST /rank``."""

    exposure_id: str
    variant: str
    served: str
    model_version: str
    degraded: bool
    items: list[ScoredItem]
    """In the order to show: best first, but for the swaps of an explored list."""


class Exposure(TypedDict):
    """A row of the log of exposures."""

    exposure_id: str
    timestamp: int
    """Milliseconds since the epoch."""
    client_id: str
    session_id: str
    query_id: str
    experiment: str
    variant: str
    """The one that the client is assigned to."""
    served: str
    """The one that answered; ``none``: the items went out as they came."""
    model_version: str
    item_ids: list[str]
    """In the order shown."""
    explored: bool
    """Whether neighbours were swapped at random (:mod:`adore.serving.exploration`)."""
    first_pair: NotRequired[int]
    """Position at which the first pair of an explored list begins, 1 or 2."""
    propensity: NotRequired[float]
    """Probability of the order in which each pair of an explored list was shown."""
    degraded: bool
    latency_ms: float
    user_query: str
    salt: NotRequired[str]
    release: NotRequired[int]


class VariantConfig(TypedDict):
    """Where a variant answers."""

    url: str
    ready: NotRequired[str]
    """Address that answers 200 once the variant is ready."""
    version: NotRequired[str]
    """Model version that the experiment names."""


class RouterConfig(TypedDict):
    """An ``experiment.json`` whose variants have a ``url``."""

    name: str
    salt: str
    weights: dict[str, float]
    variants: dict[str, VariantConfig]
    explore: NotRequired[float]
    """Share of lists whose neighbours are swapped at random."""
    timeout: NotRequired[float]
    """Seconds that a variant has for an answer."""
    catalogue: NotRequired[str]
    """Parquet file in which the page finds candidates."""
    dataset: NotRequired[Mapping[str, object]]
    """Fields of :class:`adore.data.dataset.DatasetInfo`."""
    release: NotRequired[int]


class PageVariant(TypedDict):
    """One variant's answer on the page."""

    items: list[ScoredItem]
    model_version: NotRequired[str]
    error: NotRequired[str]


class PageView(TypedDict):
    """The answer to ``POST /compare``."""

    query: str
    candidates: int
    variants: dict[str, PageVariant]
