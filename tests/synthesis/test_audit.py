from __future__ import annotations

import json
from pathlib import Path

import polars as pl
from tests.synthesis.shop import synthesise_shop

from adore.artifacts import read_table, write_table


def test_humans_audit_the_picks(synthesis_shop: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for name in ("prepare", "evidence", "answers"):
        (home / name).symlink_to(synthesis_shop / name)
    more = [
        ("q1", "runm04", 2),
        ("q1", "runm08", 3),
        ("q1", "runm01", 2),
    ]  # adidas red, asics red, nike navy
    graded = read_table(home / "prepare", "judgements")
    added = pl.DataFrame(more, schema=graded.schema, orient="row")
    (home / "prepare").unlink()
    (home / "prepare").mkdir()
    for name in ("items", "queries"):
        write_table(
            read_table(synthesis_shop / "prepare", name), home / "prepare", name
        )
    write_table(pl.concat([graded, added]), home / "prepare", "judgements")
    synthesise_shop(home, tmp_path / "out", total=10)
    audit = json.loads((tmp_path / "out" / "plan.json").read_text("utf-8"))["audit"]
    assert audit["colour"] == {
        "n": 1,
        "queries": 1,
        "not_exact": 1.0,
        "as_intended": 1.0,
        "E": 0,
        "S": 1,
        "C": 0,
        "I": 0,
    }
    assert audit["brand"]["n"] >= 1 and audit["compatibility"]["n"] == 0
