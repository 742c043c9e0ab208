import json
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest

from adore.errors import ConfigError, MissingError
from adore.student.fields import typed_text
from adore.student.rankers import (
    RANKERS,
    RankerFolder,
    RankerKind,
    baseline_kinds,
    load_ranker,
    save_baseline,
)
from adore.types import ATTRIBUTES, Grade, Item, Score

BASELINES = baseline_kinds()
KINDS = ("student", *BASELINES)
QUERY = "red running shoes without laces"


@pytest.fixture(scope="module")
def folders(student, catalogue, tmp_path_factory):
    home = tmp_path_factory.mktemp("baselines")
    for kind in BASELINES:
        (home / kind).mkdir()
        save_baseline(kind, catalogue, home / kind, encoder=student)
    return {"student": student, **{kind: home / kind for kind in BASELINES}}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_ranks_in_the_items_order_and_the_same_way_twice(
    folders, catalogue, kind
):
    ranker = load_ranker(folders[kind])
    scores = ranker.rank(QUERY, catalogue)
    assert (ranker.name, ranker.version[: len(kind) + 1]) == (kind, f"{kind}-")
    assert [s.item_id for s in scores] == [i.item_id for i in catalogue]
    assert all(
        np.isfinite(s.score) and abs(sum(s.probabilities) - 1) < 1e-6 for s in scores
    )
    assert scores == load_ranker(folders[kind]).rank(QUERY, catalogue)


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_the_list_does_not_change_an_items_score(folders, catalogue, kind):
    ranker = load_ranker(folders[kind])
    forth = {s.item_id: s.score for s in ranker.rank(QUERY, catalogue)}
    back = {s.item_id: s.score for s in ranker.rank(QUERY, catalogue[::-1])}
    assert forth == pytest.approx(back, abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_of_one_and_an_empty_list(folders, catalogue, kind):
    ranker = load_ranker(folders[kind])
    assert ranker.rank(QUERY, []) == []
    (alone,) = ranker.rank(QUERY, catalogue[:1])
    assert np.isfinite(alone.score)


ODD = [
    Item("1", ""),
    Item(
        "2",
        "👟 Schuhe für Kinder — größe 38 ½ \x00\u202e",
        brand="Ünï",
        category=" > > ",
    ),
    Item("3", "w" * 100_000, description="d " * 50_000),
    Item(
        "4",
        "half a pair \ud83d",
        brand="\udc5f",
        attributes={"na\ud83dme": "v", "none": None, "list": [1], "n": 3},
    ),
    Item("5", "鞋子 红色", bullet_points=("", "跑步")),
    Item("6", "ﷺ" * 400),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "query",
    ["", "  ", "红色 鞋子", "\ud83d shoes", "q" * 50_000, "without", "🩴\x00\n"],
)
def test_odd_text_still_gets_a_score(folders, kind, query):
    scores = load_ranker(folders[kind]).rank(query, ODD)
    assert [s.item_id for s in scores] == [i.item_id for i in ODD]
    assert all(np.isfinite(s.score) for s in scores)


def test_the_students_grade_and_score_follow_from_its_probabilities(student, catalogue):
    card = json.loads((student / "card.json").read_text("utf-8"))
    prior = np.maximum(card["prior"], 1e-3) ** card["prior_power"]
    for one in load_ranker(student).rank(QUERY, catalogue):
        p = one.probabilities
        assert one.grade == Grade(int(np.argmax(p / prior)))
        assert one.score == pytest.approx(0.01 * p[1] + 0.1 * p[2] + p[3])
        assert set(one.attributes) <= set(ATTRIBUTES)
        assert all(
            sum(states.values()) == pytest.approx(1, abs=1e-3)
            for states in one.attributes.values()
        )


def test_bm25_puts_the_item_that_has_the_words_first(folders, catalogue):
    wanted = catalogue[5]
    scores = load_ranker(folders["bm25"]).rank(wanted.title, catalogue)
    assert max(scores, key=lambda s: s.score).item_id == wanted.item_id


def test_the_version_names_the_bytes(catalogue, tmp_path):
    for name, items in (("a", catalogue), ("b", catalogue), ("c", catalogue[:3])):
        (tmp_path / name).mkdir()
        save_baseline("bm25", items, tmp_path / name)
    a, b, c = (load_ranker(tmp_path / name).version for name in "abc")
    assert a == b != c


def test_a_folder_without_card_and_an_unknown_kind_are_refused(tmp_path, catalogue):
    with pytest.raises(MissingError, match=r"card\.json"):
        load_ranker(tmp_path)
    (tmp_path / "card.json").write_text(json.dumps({"kind": "oracle"}), "utf-8")
    with pytest.raises(ConfigError, match="kind == 'oracle'"):
        load_ranker(tmp_path)
    with pytest.raises(ConfigError, match="baseline == 'oracle'"):
        save_baseline("oracle", catalogue, tmp_path)


class Longest:
    """Ranks long titles first."""

    def __init__(self, folder: RankerFolder) -> None:
        self.kind = folder.kind
        self.name = folder.name
        self.version = folder.version

    def rank(self, query: str, items: Sequence[Item]) -> list[Score]:
        uniform = (0.25, 0.25, 0.25, 0.25)
        return [
            Score(item.item_id, float(len(item.title)), Grade.EXACT, uniform)
            for item in items
        ]


def test_a_new_kind_is_a_baseline_that_is_written_and_loaded(catalogue, tmp_path):
    RANKERS.add("longest", RankerKind(Longest, is_baseline=True))
    try:
        assert "longest" in baseline_kinds()
        save_baseline("longest", catalogue, tmp_path)
        ranker = load_ranker(tmp_path)
        scores = ranker.rank(QUERY, catalogue)
        assert ranker.version.startswith("longest-")
        assert [s.score for s in scores] == [len(i.title) for i in catalogue]
    finally:
        RANKERS.remove("longest")
    with pytest.raises(ConfigError, match=r"must be one of: .*bm25.*student"):
        load_ranker(tmp_path)


SERVER = """
import sys
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from adore.student.rankers import load_ranker
from adore.types import Item
for folder in sys.argv[1:]:
    assert len(load_ranker(Path(folder)).rank("red shoes", [Item("1", "red shoe"), Item("2", "cup")])) == 2
heavy = {"torch", "transformers", "sklearn", "polars"} & set(sys.modules)
assert not heavy, heavy
"""  # noqa: E501


def test_ranking_never_imports_torch(folders):
    done = subprocess.run(
        [sys.executable, "-c", SERVER, *map(str, folders.values())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_words_of_own_fields_stand_before_numbers_and_codes() -> None:
    own = {
        "code": "L-17",
        "sterile": False,
        "use": ["lab", "field"],
        "weight": 1.5,
        "zone": "warm",
        "deep": {"a": 1},
    }
    assert (
        typed_text(Item("1", "Flask", attributes=own))
        == "Flask | use: lab, field | zone: warm | code: L-17"
    )
    endless: list[object] = []
    endless.append(endless)
    assert (
        typed_text(Item("1", "Flask", attributes={"use": ["lab", endless]}))
        == "Flask | use: lab,"
    )


LEAN = """
import pathlib
import sys
from importlib.abc import MetaPathFinder

class Refused(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers", "polars", "pyarrow", "sklearn", "scipy", "kfp"):
            raise ModuleNotFoundError(f"{name} is not in the server's image")

sys.meta_path.insert(0, Refused())
from adore.student.rankers import load_ranker
from adore.types import Item
print(len(load_ranker(pathlib.Path(sys.argv[1])).rank("red bottle", [Item("1", "red bottle"), Item("2", "blue cup")])))
"""  # noqa: E501


@pytest.mark.parametrize("kind", KINDS)
def test_a_ranker_needs_nothing_that_the_servers_image_lacks(kind, folders):
    command = [sys.executable, "-c", LEAN, str(folders[kind])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "2", done.stderr[-2000:]
