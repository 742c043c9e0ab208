"""The tiny teacher's vocabulary."""

from __future__ import annotations

import os
import subprocess
import sys


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
