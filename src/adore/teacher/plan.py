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

__all__ = ["Plan", "plan_judging", "render", "total"]

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


def plan_judging(
    judge: TextJudge, judge_inputs: Sequence[JudgeInput], prices: Prices
) -> Plan:
    """Estimate what one shard would cost.

    Args:
        judge: whose cache, prompts and speed count; its backend is not started. Where
            its model is a folder, that folder's own tokenizer counts the prompt tokens.
        judge_inputs: the shard's pairs.
        prices: dollars per million tokens.

    Returns:
        The shard's pairs, tokens, seconds and dollars.
    """
    speed = judge.store.speed
    counter = _token_counter(judge.folder, speed)
    cached = 0
    tokens_by_key: dict[str, float] = {}
    for start in range(0, len(judge_inputs), _BATCH):
        prompts = judge.prompts(judge_inputs[start : start + _BATCH])
        cache_keys = [judge.store.key(prompt) for prompt in prompts]
        known_answers = judge.store.load(cache_keys)
        for cache_key, prompt in zip(cache_keys, prompts, strict=True):
            if cache_key in known_answers:
                cached += 1
            else:
                tokens_by_key[cache_key] = counter.of_prompt(prompt)

    missing = len(tokens_by_key)
    prompt_tokens = round(sum(tokens_by_key.values()))
    tokens_a_pair = _answer_tokens(speed, judge.decoding)
    completion_tokens = round(missing * tokens_a_pair)

    # without missing pairs nothing has to be known: both cost nothing
    seconds = math.nan if missing else 0.0
    how_known = "assumed: this model was not asked so before"
    if speed.answers:
        seconds = missing * speed.seconds / speed.answers
        how_known = f"measured on {speed.answers} answers"
    dollars = math.nan
    if prices.known or not missing:
        dollars = prices.cost(prompt_tokens, 0, completion_tokens)
    return Plan(
        pairs=len(judge_inputs),
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

    count_tokens: Callable[[str], float]
    method: str

    def of_prompt(self, messages: Sequence[Message]) -> float:
        return sum(self.count_tokens(message["content"]) for message in messages)


def _token_counter(folder: str, speed: Speed) -> _TokenCounter:
    tokenizer_path = Path(folder, "tokenizer.json")
    if folder and tokenizer_path.is_file():
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(tokenizer_path))

        # nearly all prompts have the same system message
        @lru_cache(maxsize=1024)
        def count_tokens(text: str) -> int:
            return len(tokenizer.encode(text).ids)

        return _TokenCounter(count_tokens, "tokens by the model's tokenizer")

    ratio = 4.0
    how_known = "assumed"
    if speed.prompt_tokens:
        ratio = speed.characters / speed.prompt_tokens
        how_known = f"measured on {speed.answers} answers"
    method = f"tokens by characters / {ratio:.2f} ({how_known})"
    return _TokenCounter(lambda text: len(text) / ratio, method)


def render(plans: Sequence[Plan]) -> str:
    """Write a table: a row a shard, then all together.

    Args:
        plans: one a shard.

    Returns:
        Lines of text; below the table is what is unknown, and how tokens were counted.
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
