"""A small experiment: its design, and logs with a known effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from adore.experiment.assignment import assign
from adore.experiment.design import Design

HOUR = 3_600_000
DESIGN = Design(
    "x",
    "s",
    {"control": 0.5, "challenger": 0.5},
    versions={"control": "c1", "challenger": "s1"},
)

Logs = tuple[pl.DataFrame, pl.DataFrame]


@pytest.fixture(scope="session")
def design() -> Design:
    return DESIGN


def _event(
    event_id: str, client: str, timestamp: int, action: str = "purchase"
) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "client_id": client,
        "action_name": action,
        "timestamp": timestamp,
    }


@pytest.fixture(scope="session")
def event() -> Callable[..., dict[str, Any]]:
    """Make an event of a client."""
    return _event


@pytest.fixture(scope="session")
def logs() -> Callable[..., Logs]:
    """Exposures and purchases: user n comes at n ms, and buys in the hours after."""

    def make(lift: float, users: int = 400) -> Logs:
        rng = np.random.default_rng(0)
        exposures = []
        events = []
        for n in range(users):
            client = f"u{n}"
            variant = assign(client, DESIGN.salt, DESIGN.weights)
            exposures.append(
                {
                    "exposure_id": f"e{n}",
                    "client_id": client,
                    "timestamp": n,
                    "variant": variant,
                    "served": variant,
                    "model_version": DESIGN.versions[variant],
                }
            )
            purchases = rng.poisson(1 + lift * (variant == "challenger"))
            for hour in range(purchases):
                events.append(_event(f"{n}-{hour}", client, n + hour * HOUR))
        return pl.DataFrame(exposures), pl.DataFrame(events)

    return make
