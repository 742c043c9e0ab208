"""What judging would take, before anything is paid: the dry run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from adore.teacher.answer_store import Speed
from adore.teacher.backends.budget import Prices
from adore.teacher.judgements import JudgeInput
from adore.teacher.llm import TextJudge

__all__ = ["Plan", "plan_cases", "render", "total"]

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
    """The plan of one shard.

    Args:
        judge: whose cache, prompts and speed count; its backend is not started. Where
            its model is a folder, that folder's own tokenizer counts the prompt tokens.
        cases: the shard's pairs.
        prices: dollars per million tokens.
    """
    speed = judge.store.speed
    count, method = _counter(judge.folder, speed)
    cached = 0
    unknown = dict[str, float]()
    for start in range(0, len(cases), 2048):
        prompts = judge.prompts(cases[start : start + 2048])
        keys = [judge.store.key(prompt) for prompt in prompts]
        known = judge.store.load(keys)
        for key, prompt in zip(keys, prompts, strict=True):
            if key in known:
                cached += 1
            else:
                unknown[key] = sum(count(message["content"]) for message in prompt)

    missing = len(unknown)
    prompt_tokens = round(sum(unknown.values()))
    assumed = min(_COMPLETION, judge.decoding.max_tokens) * judge.decoding.samples
    each = speed.completion_tokens / speed.answers if speed.answers else assumed
    completion = round(missing * each)

    seconds = math.nan if missing else 0.0
    if speed.answers:
        seconds = missing * speed.seconds / speed.answers
    dollars = math.nan
    if prices.known or not missing:
        dollars = prices.cost(prompt_tokens, 0, completion)
    return Plan(
        pairs=len(cases),
        cached=cached,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion,
        seconds=seconds,
        dollars=dollars,
        method=f"{method}; {each:.0f} answer tokens a pair ({_known(speed)})",
    )


def _known(speed: Speed) -> str:
    return (
        f"measured on {speed.answers} answers"
        if speed.answers
        else "assumed: this model was not asked so before"
    )


def total(plans: Sequence[Plan]) -> Plan:
    """All shards together."""
    return Plan(
        pairs=sum(p.pairs for p in plans),
        cached=sum(p.cached for p in plans),
        prompt_tokens=sum(p.prompt_tokens for p in plans),
        completion_tokens=sum(p.completion_tokens for p in plans),
        seconds=sum(p.seconds for p in plans),
        dollars=sum(p.dollars for p in plans),
        method=plans[0].method if plans else "",
    )


def _counter(folder: str, speed: Speed) -> tuple[Callable[[str], float], str]:
    """Counts the tokens of a text, and how."""
    path = Path(folder, "tokenizer.json")
    if folder and path.is_file():
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(path))
        count = lru_cache(maxsize=1024)(lambda text: len(tokenizer.encode(text).ids))
        return count, "tokens by the model's tokenizer"
    each = 4.0
    how = "assumed"
    if speed.prompt_tokens:
        each = speed.characters / speed.prompt_tokens
        how = f"measured on {speed.answers} answers"
    return lambda text: len(text) / each, f"tokens by characters / {each:.2f} ({how})"


def render(plans: Sequence[Plan]) -> str:
    """A table: a row a shard, then all together.

    Below it stands what is not known, and how tokens were counted.
    """
    lines = [
        "shard     pairs    cached   prompt tokens   answer tokens    seconds     dollars"
    ]
    for shard, one in enumerate(plans):
        lines.append(_line(str(shard), one))

    together = total(plans)
    lines.append(_line("all", together))
    if math.isnan(together.dollars):
        lines.append("dollars are unknown: judge.prices is not set")
    lines.append(together.method)
    return "\n".join(lines)


def _line(name: str, one: Plan) -> str:
    seconds = "unknown" if math.isnan(one.seconds) else f"{one.seconds:.0f}"
    dollars = "unknown" if math.isnan(one.dollars) else f"{one.dollars:.4f}"
    return (
        f"{name:<5} {one.pairs:>9} {one.cached:>9} "
        f"{one.prompt_tokens:>15} {one.completion_tokens:>15} "
        f"{seconds:>10} {dollars:>11}"
    )
