from __future__ import annotations

from pathlib import Path

from adore.artifacts import read_table
from adore.synthesis.generator import EditContext


def test_parts_are_nouns_that_come_with_things(synthesis_shop: Path) -> None:
    catalogue = EditContext(
        synthesis_shop / "prepare", synthesis_shop / "evidence"
    ).catalogue
    assert set(catalogue.parts) == {"handle", "straw"}
    assert catalogue.nearest_items(["galaxy", "s9"], 2) == ["case00", "case03"]
    assert {
        v.value for v in catalogue.other_values("brand", catalogue.items["runm00"])
    } == {
        "adida",
        "asic",
    }  # stems
    assert read_table(synthesis_shop / "prepare", "items").height == len(
        catalogue.items
    )
