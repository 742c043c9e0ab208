"""The walk back from a student ends at the files that a person gave."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from adore.artifacts import Manifest, write_json
from adore.explain import _lineage
from adore.types import item_from_row


def test_the_walk_ends_at_the_input(tmp_path: Path) -> None:
    for step, key, source in (("distil", "prepared", str(tmp_path / "prepare")), ("prepare", "data", "s/hop")):
        (tmp_path / step).mkdir()
        made = Manifest(step, "0", "code", {}, {key: "hash of input"}, {key: source}, f"{step}'s", {}, {}, 1.0, 0.0)
        write_json(asdict(made), tmp_path / step / "manifest.json")
    assert [(s["step"], s["place"], s["content"]) for s in _lineage(str(tmp_path))] == [
        ("distil", f"{tmp_path}/distil", "distil's"),
        ("prepare", f"{tmp_path}/prepare", "prepare's"),
        ("input", "s/hop", "hash of inpu"),
    ]


def test_a_null_attribute_is_none() -> None:
    row = {"item_id": "x", "title": "t", "attributes": {"size": None, "fit": "slim"}}
    assert item_from_row(row).attributes == {"fit": "slim"}
