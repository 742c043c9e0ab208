"""What judging would cost, before anything is paid: the dry run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from adore.teacher.answer_store import Speed
from adore.teacher.backends.base import Decoding, Message
from adore.teacher.backends.budget import Prices
from adore.teacher.judgements import JudgeInput
from adore.teacher.llm import TextJudge

__all__ = ["Plan", "plan_cases", "render", "total"]

_BATCH = 2048
_COMPLETION = 250
"""Tokens of one sample where nothing is known: a rationale with three attributes."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One shard's pairs, how many are cached, and what the others take.

    Attributes:
        prompt_tokens: a prompt counts once for all its samples, as the backends count
            it; an endpoint that wants several requests for them reads it again, which
            its answers' measured tokens tell.
        completion_tokens: of all samples.
        seconds: NaN where the model's speed is unknown.
        dollars: at the config's prices, as if no prompt token came from a provider's
            prefix cache; NaN without prices.
        method: how tokens were counted.
    """

    pairs: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    dollars: float = 0.0
    method: str = "no LLM: nothing is paid"


def plan_cases(judge: TextJudge, cases: Sequence[JudgeInput], prices: Prices) -> Plan:
    """Estimate what one shard would cost.

    Args:
        judge: whose cache, prompts and speed count; its backend is not started. Where
            its model is a folder, that folder's own tokenizer counts the prompt tokens.
        cases: the shard's pairs.
        prices: dollars per million tokens.

    Returns:
        The shard's pairs, tokens, seconds and dollars.
    """
    speed = judge.store.speed
    counter = _token_counter(judge.folder, speed)
    cached = 0
    tokens_by_key: dict[str, float] = {}
    for start in range(0, len(cases), _BATCH):
        prompts = judge.prompts(cases[start : start + _BATCH])
        keys = [judge.store.key(prompt) for prompt in prompts]
        known = judge.store.load(keys)
        for key, prompt in zip(keys, prompts, strict=True):
            if key in known:
                cached += 1
            else:
                tokens_by_key[key] = counter.of_prompt(prompt)

    missing = len(tokens_by_key)
    prompt_tokens = round(sum(tokens_by_key.values()))
    tokens_a_pair = _answer_tokens(speed, judge.decoding)
    completion_tokens = round(missing * tokens_a_pair)

    seconds = math.nan if missing else 0.0
    how_known = "assumed: this model was not asked so before"
    if speed.answers:
        seconds = missing * speed.seconds / speed.answers
        how_known = f"measured on {speed.answers} answers"
    dollars = math.nan
    if prices.known or not missing:
        dollars = prices.cost(prompt_tokens, 0, completion_tokens)
    return Plan(
        pairs=len(cases),
        cached=cached,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        seconds=seconds,
        dollars=dollars,
        method=f"{counter.method}; {tokens_a_pair:.0f} answer tokens a pair ({how_known})",
    )


def _answer_tokens(speed: Speed, decoding: Decoding) -> float:
    """Tokens that the answer to one pair takes, all its samples together."""
    if speed.answers:
        return speed.completion_tokens / speed.answers
    return min(_COMPLETION, decoding.max_tokens) * decoding.samples


def total(plans: Sequence[Plan]) -> Plan:
    """Add up the plans of all shards.

    Args:
        plans: one a shard; all count tokens by the same method.

    Returns:
        Their sum.
    """
    added = Plan(method="")
    for plan in plans:
        added = Plan(
            pairs=added.pairs + plan.pairs,
            cached=added.cached + plan.cached,
            prompt_tokens=added.prompt_tokens + plan.prompt_tokens,
            completion_tokens=added.completion_tokens + plan.completion_tokens,
            seconds=added.seconds + plan.seconds,
            dollars=added.dollars + plan.dollars,
            method=added.method or plan.method,
        )
    return added


@dataclass(frozen=True, slots=True)
class _TokenCounter:
    """Counts the tokens of a text; ``method`` says how."""

    count: Callable[[str], float]
    method: str

    def of_prompt(self, messages: Sequence[Message]) -> float:
        return sum(self.count(message["content"]) for message in messages)


def _token_counter(folder: str, speed: Speed) -> _TokenCounter:
    path = Path(folder, "tokenizer.json")
    if folder and path.is_file():
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(path))

        # nearly all prompts have the same system message
        @lru_cache(maxsize=1024)
        def count(text: str) -> int:
            return len(tokenizer.encode(text).ids)

        return _TokenCounter(count, "tokens by the model's tokenizer")

    ratio = 4.0
    how_known = "assumed"
    if speed.prompt_tokens:
        ratio = speed.characters / speed.prompt_tokens
        how_known = f"measured on {speed.answers} answers"
    method = f"tokens by characters / {ratio:.2f} ({how_known})"
    return _TokenCounter(lambda text: len(text) / ratio, method)


def render(plans: Sequence[Plan]) -> str:
    """A table: a row a shard, then all together.

    Below it stands what is not known, and how tokens were counted.
    """
    lines = [
        "shard     pairs    cached   prompt tokens   answer tokens    seconds     dollars"
    ]
    for shard, plan in enumerate(plans):
        lines.append(_table_row(str(shard), plan))

    added = total(plans)
    lines.append(_table_row("all", added))
    if math.isnan(added.dollars):
        lines.append("dollars are unknown: judge.prices is not set")
    lines.append(added.method)
    return "\n".join(lines)


def _table_row(name: str, plan: Plan) -> str:
    seconds = "unknown" if math.isnan(plan.seconds) else f"{plan.seconds:.0f}"
    dollars = "unknown" if math.isnan(plan.dollars) else f"{plan.dollars:.4f}"
    return (
        f"{name:<5} {plan.pairs:>9} {plan.cached:>9} "
        f"{plan.prompt_tokens:>15} {plan.completion_tokens:>15} "
        f"{seconds:>10} {dollars:>11}"
    )
