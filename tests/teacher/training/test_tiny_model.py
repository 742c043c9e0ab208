"""The tiny teacher's vocabulary."""

from __future__ import annotations

import os
import subprocess
import sys

from adore.prompts import ANSWER_PREFIX, answer, trace
from adore.teacher.training.tiny_model import new_tokenizer, product_words
from adore.types import Evidence, Grade


def test_the_vocabulary_does_not_depend_on_the_process() -> None:
    code = (
        "from adore.teacher.training.tiny_model import product_words; "
        "text = 'mug shoe bottle lamp desk chair'; "
        "print(product_words([text], min_traces=1, max_words=3))"
    )
    outputs = set()
    for hash_seed in ("1", "2", "3"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.add(done.stdout.strip())
    assert len(outputs) == 1


def test_an_answer_is_few_tokens_and_decodes_exactly() -> None:
    evidence = [
        Evidence("product_type", "mug", "mug", "mug", "Mug", "category", "match"),
        Evidence("brand", "acme", "Acme", "zeta", "Zeta", "title", "conflict"),
        Evidence("feature", "lid", "lid", "", "", "", "unknown"),
    ]
    text = trace(evidence) + answer(Grade.SUBSTITUTE, evidence)
    tokenizer = new_tokenizer(product_words([text], min_traces=1))
    token_ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(token_ids) == text
    assert tokenizer.unk_token_id not in token_ids

    # the grade is the token after the prefix, as the grader reads it
    prefix = tokenizer(trace(evidence) + ANSWER_PREFIX)["input_ids"]
    letter = tokenizer.convert_tokens_to_ids("S")
    assert token_ids[: len(prefix)] == prefix and token_ids[len(prefix)] == letter
    assert len(token_ids) - len(prefix) == 6, 'S, ","against":[, ", brand, ", ]}'
