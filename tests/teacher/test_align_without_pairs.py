"""A shop with neither judgements nor events:
nothing to align, so the rule book stays the teacher.
"""

from __future__ import annotations

import json
from pathlib import Path

from adore.artifacts import read_table, write_table
from adore.teacher.align import Config, run


def test_the_rules_stay_the_teacher_where_no_pair_is_known(
    shop: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for name in ("queries", "items"):
        write_table(read_table(shop, name).to_dicts(), empty, name)
    for name in ("judgements", "pairs", "teacher_judgements", "feedback"):
        write_table([], empty, name)
    got = run(
        Config(),
        prepared=empty,
        evidence=empty,
        judged=[empty],
        feedback=empty,
        output=tmp_path,
    )
    gate = json.loads((tmp_path / "gate.json").read_text("utf-8"))
    assert (
        got == {"promoted": 0.0, "kept_previous": 0.0}
        and not gate["promoted"]
        and "no pair" in gate["reasons"][0]
    )
