"""What answers cost, and the cap at which a judge stops."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from adore.artifacts import add_cost
from adore.teacher.completers import Completion

__all__ = ["Budget", "Ledger", "Prices"]


class Prices(BaseModel):
    """Dollars per million tokens; ``cached_input`` (what the provider's prefix cache read) defaults to ``input``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(default=0.0, ge=0)
    cached_input: float | None = Field(default=None, ge=0)
    output: float = Field(default=0.0, ge=0)

    def of(self, prompt: float, prefix: float, completion: float) -> float:
        """Dollars for so many tokens read, read from the prefix cache (part of ``prompt``), and written.

        Example:
            >>> Prices(input=1.0, cached_input=0.5, output=4.0).of(3_000_000, 2_000_000, 500_000)
            4.0
        """
        cached = self.input if self.cached_input is None else self.cached_input
        return ((prompt - prefix) * self.input + prefix * cached + completion * self.output) / 1e6


class Budget(BaseModel):
    """The most that one step's answers may cost, those of earlier tries included; None is no cap."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dollars: float | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0)


@dataclass
class _Sum:
    dollars: float = 0.0
    tokens: int = 0
    answers: int = 0


@dataclass
class Ledger:
    """Adds up what the answers of one shard cost, now and in earlier tries.

    Attributes:
        prices: dollars per million tokens.
        budget: of the whole step.
        shards: the shard may spend an equal share of the budget.
    """

    prices: Prices
    budget: Budget
    shards: int = 1
    now: _Sum = field(default_factory=_Sum)
    before: _Sum = field(default_factory=_Sum)

    def add(self, answer: Completion, *, paid: bool) -> None:
        """Count one answer; ``paid`` in this execution, or earlier and found in the cache."""
        dollars = self.prices.of(answer.prompt_tokens, answer.prefix_tokens, answer.completion_tokens)
        side = self.now if paid else self.before
        side.dollars += dollars
        side.tokens += answer.prompt_tokens + answer.completion_tokens
        side.answers += 1
        if paid:
            add_cost(dollars)

    @property
    def reached(self) -> str:
        """Which cap is reached, in words; empty while there is money left."""
        dollars, tokens = self.now.dollars + self.before.dollars, self.now.tokens + self.before.tokens
        share = f" (an equal share of {self.shards} shards)" if self.shards > 1 else ""
        if self.budget.dollars is not None and dollars >= self.budget.dollars / self.shards:
            cap = self.budget.dollars / self.shards
            return (
                f"budget.dollars == {cap:g}{share}, must be more than the ${dollars:.4f} that the answers cost so far"
            )
        if self.budget.tokens is not None and tokens >= self.budget.tokens / self.shards:
            cap = self.budget.tokens / self.shards
            return f"budget.tokens == {cap:g}{share}, must be more than the {tokens} tokens used so far"
        return ""

    def metrics(self) -> dict[str, float]:
        """For the stage's manifest."""
        return {
            "dollars": round(self.now.dollars, 6),
            "dollars_before": round(self.before.dollars, 6),
            "tokens": float(self.now.tokens),
            "calls": float(self.now.answers),
            "from_cache": float(self.before.answers),
        }
