"""Assignment: pinned, sticky, even."""

from __future__ import annotations

from collections import Counter

import pytest

from adore.errors import ConfigError
from adore.experiment.assignment import assign, point

HALF = {"control": 0.5, "challenger": 0.5}


def test_assignment_is_pinned_sticky_and_even() -> None:
    users = [f"u{n}" for n in range(20_000)]
    got = Counter(assign(u, "s", HALF) for u in users)
    assert abs(got["control"] - 10_000) < 300  # four standard deviations
    assert [assign(u, "s", HALF) for u in users[:50]] == [
        assign(u, "s", HALF) for u in users[:50]
    ]
    few = {
        u
        for u in users
        if assign(u, "s", {"control": 0.9, "challenger": 0.1}) == "challenger"
    }
    assert all(assign(u, "s", HALF) == "challenger" for u in few), (
        "a growing share keeps its users"
    )
    assert point("c", "ab") != point("bc", "a")
    assert point("user-1", "salt") == pytest.approx(0.24727313424353972, abs=1e-15)
    assert 0 <= point("\ud800", "s") < 1


def test_weights_must_sum_to_one() -> None:
    with pytest.raises(ConfigError, match="sum 1"):
        assign("u", "s", {"control": 0.5, "challenger": 0.6})
