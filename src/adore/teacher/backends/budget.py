"""What answers cost, and the cap at which a judge stops."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from adore.artifacts import add_cost
from adore.teacher.backends.base import Completion

__all__ = ["Budget", "Ledger", "Prices"]


class Prices(BaseModel):
    """Dollars per million tokens.

    ``cached_input`` is the price of what the provider's prefix cache read; it defaults
    to ``input``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(default=0.0, ge=0)
    """Of tokens that are read."""
    cached_input: float | None = Field(default=None, ge=0)
    """Of tokens from the prompt cache; null: as ``input``."""
    output: float = Field(default=0.0, ge=0)
    """Of tokens that are written."""

    @property
    def known(self) -> bool:
        """True if any price is above 0."""
        return any((self.input, self.cached_input, self.output))

    def cost(self, prompt: float, prefix: float, completion: float) -> float:
        """Dollars for so many tokens.

        Args:
            prompt: tokens read.
            prefix: those of them that came from the prefix cache.
            completion: tokens written.

        Returns:
            Dollars.

        Example:
            >>> Prices(input=1.0, cached_input=0.5, output=4.0).cost(3_000_000, 2_000_000, 500_000)
            4.0
        """
        cached_price = self.input if self.cached_input is None else self.cached_input
        # prefix tokens are part of the prompt, at their own price
        fresh = (prompt - prefix) * self.input
        cached = prefix * cached_price
        written = completion * self.output
        return (fresh + cached + written) / 1e6


class Budget(BaseModel):
    """The most that one step's answers may cost, including those of earlier tries.

    None is no cap.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dollars: float | None = Field(default=None, ge=0)
    """Most dollars; null: no cap."""
    tokens: int | None = Field(default=None, ge=0)
    """Most tokens, read and written; null: no cap."""


@dataclass
class _Total:
    dollars: float = 0.0
    tokens: int = 0
    answers: int = 0


@dataclass
class Ledger:
    """Adds up what the answers of one shard cost, now and in earlier tries.

    Attributes:
        prices: dollars per million tokens.
        budget: of the whole step.
        share: the shard's part of the step's pairs, and so of its budget.
    """

    prices: Prices
    budget: Budget
    share: float = 1.0
    now: _Total = field(default_factory=_Total)
    before: _Total = field(default_factory=_Total)

    def add(self, answer: Completion, *, paid: bool) -> None:
        """Count one answer.

        Args:
            answer: whose tokens are priced.
            paid: in this execution; else earlier, and found in the cache.
        """
        dollars = self.prices.cost(
            answer.prompt_tokens, answer.prefix_tokens, answer.completion_tokens
        )
        total = self.now if paid else self.before
        total.dollars += dollars
        total.tokens += answer.prompt_tokens + answer.completion_tokens
        total.answers += 1
        if paid:
            add_cost(dollars)

    @property
    def reached(self) -> str:
        """Which cap is reached, in words; empty while there is money left."""
        now = self.now
        before = self.before
        dollars = now.dollars + before.dollars
        by_dollars = self._reached_by("dollars", dollars, self.budget.dollars)
        if by_dollars:
            return by_dollars
        tokens = now.tokens + before.tokens
        return self._reached_by("tokens", tokens, self.budget.tokens)

    def _reached_by(self, unit: str, spent: float, cap: float | None) -> str:
        """What to say if the cap is reached; empty if it is not, or there is none."""
        if cap is None:
            return ""
        limit = cap * self.share
        if spent < limit:
            return ""
        share = ""
        if self.share < 1:
            share = f" (this shard's share: {limit:.6g})"
        return (
            f"budget.{unit} == {cap:g}{share}, must be more than "
            f"the {spent:.6g} that answers cost so far"
        )

    def metrics(self) -> dict[str, float]:
        """For the stage's manifest."""
        return {
            "dollars": round(self.now.dollars, 6),
            "dollars_before": round(self.before.dollars, 6),
            "tokens": float(self.now.tokens),
            "calls": float(self.now.answers),
            "from_cache": float(self.before.answers),
        }
