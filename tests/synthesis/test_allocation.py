from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adore.synthesis.allocation import GradedPair, count_errors, quotas, type_shares
from adore.taxonomy import ERROR_TYPES
from adore.types import Evidence, State

TYPES = list(ERROR_TYPES)


def ev(attribute: str, state: State, word: str = "x") -> Evidence:
    return Evidence(attribute, word, word, "", "", "title", state)


def test_weights_follow_the_errors() -> None:
    graded = [
        GradedPair(3, 2, [ev("brand", "conflict")]),
        GradedPair(3, 3, [ev("size", "conflict")]),
        GradedPair(3, 1, [ev("pack", "conflict")]),
    ]
    wrong = count_errors(
        [*graded, GradedPair(3, 2, [ev("brand", "match")]), GradedPair(0, 2, [])]
    )
    assert wrong == {"over-strict": 2, "synonym": 1}
    kinds = [ev("product_type", "conflict"), ev("feature", "conflict", "round")]
    met = [ev("brand", "conflict"), ev("size", "match"), ev("colour", "match")]
    assert count_errors([GradedPair(0, 3, kinds), GradedPair(2, 3, kinds[:1])]) == {
        "alternative": 1,
        "category": 1,
        "style": 1,
    }
    assert count_errors([GradedPair(2, 3, met)]) == {
        "brand": 1,
        "partial-multi-constraint": 1,
    }
    shares = type_shares({}, {"brand": 3, "size": 1}, {"brand": 1}, {})
    assert shares["brand"] == pytest.approx(
        0.5 / len(ERROR_TYPES) + 0.25 * (0.75 + 1)
    ) and sum(shares.values()) == pytest.approx(1)
    assert set(type_shares({}, {}).values()) == {1 / len(ERROR_TYPES)}
    strict = type_shares({}, {"over-strict": 9, "brand": 1})
    assert strict["over-strict"] + strict["synonym"] == pytest.approx(0.25) and sum(
        strict.values()
    ) == pytest.approx(1)
    assert strict["over-strict"] > strict["brand"] > strict["size"]


@given(
    weights=st.fixed_dictionaries({n: st.integers(0, 5) for n in TYPES}).filter(
        lambda w: sum(w.values()) > 0
    ),
    available=st.fixed_dictionaries({n: st.integers(0, 50) for n in TYPES}),
    total=st.integers(1, 200),
    per_type=st.integers(1, 40),
)
def test_quotas_fill_up_and_never_overflow(
    weights: dict[str, int], available: dict[str, int], total: int, per_type: int
) -> None:
    shares = type_shares({n: float(w) for n, w in weights.items()}, {})
    taken = quotas(shares, total=total, per_type=per_type, available=available)
    room = {n: min(available[n], per_type) for n in TYPES if shares[n] > 0}
    assert all(0 <= taken[n] <= room[n] for n in taken)
    assert sum(taken.values()) == min(total, sum(room.values()))
