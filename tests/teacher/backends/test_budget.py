"""What answers cost, and when a judge stops."""

from __future__ import annotations

from adore.teacher.backends.base import Completion
from adore.teacher.backends.budget import Budget, Ledger, Prices


def test_the_ledger_counts_what_was_paid_before() -> None:
    ledger = Ledger(
        Prices(input=1.0, cached_input=0.5, output=2.0), Budget(dollars=8.0), share=0.5
    )
    ledger.add(Completion(("",), None, 1_000_000, 0, 500_000), paid=False)
    assert ledger.reached == ""
    ledger.add(Completion(("",), None, 1_000_000, 1_000_000, 750_000), paid=True)
    assert "budget.dollars == 8 (this shard's share: 4)" in ledger.reached
    assert ledger.metrics()["dollars"] == 2.0 == ledger.metrics()["dollars_before"]
    tokens = Ledger(Prices(), Budget(tokens=100))
    tokens.add(Completion(("",), None, 90, 0, 10), paid=True)
    assert "budget.tokens == 100, must be more than the 100" in tokens.reached
