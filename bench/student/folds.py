"""Five folds by query over the judged queries of a data set,
each taken through the loop's own stages.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import adore
from adore.artifacts import read_table, write_table
from adore.pipeline import runner, settings
from adore.student import distil, fitting, retrieve
from adore.student.inputs import ListInputs
from adore.student.onnx_models import OnnxEncoder
from adore.student.training import ListRows
from adore.student.training_lists import PairList, Sources, load_training_lists
from adore.types import Evidence, Item, item_from_row

DATA = Path(__file__).parents[3] / "shared" / "data" / "esci"
FOLDS = 5
PROFILE = "laptop"
STRATEGIES = ("aware", "uniform", "untyped")


@dataclass(frozen=True)
class Fold:
    """What a fold's students may learn, and the pairs that they are asked about.

    Args:
        train: by strategy of synthesis, lists of the train queries.
        people: train lists as if there were nothing but human judgements: their
            features know of no other pair.
        untaught: train lists (``aware``) without the teacher's pairs, likewise.
        dev: lists of the dev queries.
        test: human-judged lists of queries that are in no other part.
        hard: the frozen adversarial pairs of the test queries, each in its query's list.
        teacher: (pairs, 4) the teacher's probabilities of each train list's real pairs,
            in the list's order.
        pairs: texts of the judged pairs: query, title, grade by list id.
        notes: what the stages said of themselves.
    """

    train: dict[str, list[ListRows]]
    people: list[ListRows]
    untaught: list[ListRows]
    dev: list[ListRows]
    test: list[ListRows]
    hard: list[tuple[ListRows, list[str]]]
    teacher: dict[str, np.ndarray]
    pairs: dict[str, list[tuple[str, str, int]]]
    notes: dict[str, Any]


def fold_of(query_id: str) -> int:
    """0 .. 4, of the id alone."""
    return (
        int(hashlib.sha256(f"bench-quality|{query_id}".encode()).hexdigest()[:8], 16)
        % FOLDS
    )


def shop_of(fold: int, folder: Path) -> Path:
    """The data set as a shop would bring it, with this fold's queries as its test split."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in DATA.glob("*"):
        if file.name != "queries.jsonl" and not (folder / file.name).exists():
            (folder / file.name).symlink_to(file)
    rows = [
        json.loads(line)
        for line in (DATA / "queries.jsonl").read_text("utf-8").splitlines()
    ]
    for row in rows:
        row["split"] = "test" if fold_of(row["query_id"]) == fold else "train"
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "queries.jsonl").write_text(text, "utf-8")
    return folder


@dataclass(frozen=True)
class Loop:
    """The stages of one fold.

    Args:
        home: where all folds' outputs lie; what is there is not made again.
        fold: 0 .. 4.
        seed: of every stage.
        aligned: align the teacher (minutes a fold); else the rule book judges.
    """

    home: Path
    fold: int
    seed: int
    aligned: bool

    def step(
        self,
        name: str,
        inputs: dict[str, Any],
        output: str = "",
        *,
        shared: bool = False,
        **given: Any,
    ) -> Path:
        """Run a stage unless its output is there;
        ``shared``: what it makes does not depend on the fold.
        """
        place = (self.shared if shared else self.home / str(self.fold)) / (
            output or name
        )
        if shared and (place / "manifest.json").is_file():
            return place
        places = {
            k: [str(x) for x in v] if isinstance(v, list) else str(v)
            for k, v in inputs.items()
            if v
        }
        runner.run_stage(
            name, places, str(place), profile=PROFILE, seed=self.seed, **given
        )
        return place

    @property
    def shared(self) -> Path:
        """Where what no fold changes lies."""
        return self.home / f"shared-{code_key(self.seed)}"

    def judge(self, name: str, inputs: dict[str, Any], output: str = "") -> Path:
        return self.step(name, inputs, output, shard=0, shards=1)

    def shop(self) -> Path:
        """Output of prepare."""
        return self.step(
            "prepare", {"data": shop_of(self.fold, self.home / "data" / str(self.fold))}
        )

    def prepared(self) -> tuple[Path, Path, Path]:
        """Outputs of prepare, evidence and retrieve; the last two's costly parts are shared."""
        prepared = self.shop()
        evidence = self.step("evidence", {"prepared": prepared}, shared=True)
        encoder = self.step(
            "retrieve", {"prepared": prepared, "evidence": evidence}, shared=True
        )
        found = self.home / str(self.fold) / f"retrieve-{code_key(self.seed)}"
        if not found.exists():
            config = settings.config_of("retrieve", PROFILE, seed=self.seed)
            items = [
                item_from_row(r)
                for r in read_table(prepared, "items").iter_rows(named=True)
            ]
            rows = retrieve.new_pairs(
                config, items, OnnxEncoder(encoder, threads=1), prepared, evidence
            )
            found.mkdir()
            write_table(rows, found, "pairs")
        return prepared, evidence, found

    def taught(
        self, prepared: Path, evidence: Path, found: Path
    ) -> tuple[Path, Path | None]:
        """The teacher's answers, and its folder if it was aligned."""
        known = {"prepared": prepared, "evidence": evidence}
        teacher = None
        if self.aligned:
            first = self.judge("judge", known)
            feedback = self.step("feedback", {**known, "judged": [first]})
            teacher = self.step(
                "align", {**known, "judged": [first], "feedback": feedback}
            )
        name = "judge-again" if self.aligned else "judge-by-rules"
        return self.judge(
            "judge-again", {**known, "retrieved": found, "teacher": teacher}, name
        ), teacher

    def synthetic(
        self, strategy: str, known: dict[str, Path], answers: Path, teacher: Path | None
    ) -> Path:
        """Verified synthetic pairs of one strategy."""
        made = self.step(
            "synthesise",
            {**known, "judged": [answers]},
            f"synthesise-{strategy}",
            strategy=strategy,
        )
        judged = self.judge(
            "judge-candidates",
            {**known, "candidates": made, "teacher": teacher},
            f"checked-{strategy}",
        )
        return self.step(
            "verify",
            {**known, "candidates": made, "judged": [judged]},
            f"verify-{strategy}",
        )


def _only(
    lists: list[PairList], keep: Callable[[PairList], np.ndarray]
) -> Iterable[PairList]:
    """The lists with some of their pairs, where any is left."""
    for one in lists:
        rows = np.flatnonzero(keep(one))
        texts = {
            k: [getattr(one, k)[i] for i in rows]
            for k in ("queries", "items", "evidence")
        }
        if len(rows):
            yield replace(
                one,
                **texts,
                **{k: getattr(one, k)[rows] for k in ("targets", "weights", "real")},
            )


@cache
def code_key(seed: int) -> str:
    """Of the code that makes folds and answers, its settings and the seed:
    another key, other files.
    """
    rooms = ("attributes", "data", "student", "synthesis", "rulebooks")
    package, digest = Path(adore.__file__).parent, hashlib.sha256(str(seed).encode())
    files = [
        p
        for r in rooms
        for p in (package / r).rglob("*")
        if p.suffix in (".py", ".yaml")
    ]
    files += [
        *package.glob("*.py"),
        *package.glob("profiles/*.yaml"),
        *Path(__file__).parent.glob("*.py"),
    ]
    for path in sorted(files):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _tested(prepared: Path, evidence: Path) -> list[PairList]:
    """Human-judged lists of the test queries."""
    keys = ["query_id", "item_id"]
    items = {
        r["item_id"]: item_from_row(r)
        for r in read_table(prepared, "items").iter_rows(named=True)
    }
    queries = read_table(prepared, "queries").filter(split="test")
    pairs = (
        read_table(prepared, "judgements")
        .join(queries, on="query_id")
        .join(read_table(evidence, "pairs"), on=keys)
    )
    lists = []
    for (query_id,), part in pairs.sort(keys).group_by("query_id", maintain_order=True):
        n = part.height
        shown = [items[i] for i in part["item_id"]]
        said = [Evidence.many_from_json(e) for e in part["evidence"]]
        targets, ones = np.eye(4)[part["grade"].to_numpy()], np.ones(n)
        lists.append(
            PairList(
                str(query_id),
                part["query"].to_list(),
                shown,
                said,
                targets,
                ones,
                ones.astype(bool),
            )
        )
    return lists


def _hard(
    lists: list[PairList], table: pl.DataFrame, inputs: ListInputs
) -> Iterable[tuple[PairList, list[str]]]:
    """Adversarial pairs beside the judged items of their query's list, and their error types."""
    by_id = {one.list_id: one for one in lists}
    for (query_id,), part in table.group_by("source_query_id", maintain_order=True):
        source = by_id[str(query_id)]
        queries = [*source.queries, *part["query"]]
        made: list[Item] = [item_from_row(json.loads(text)) for text in part["item"]]
        said = [
            inputs.reader.evidence(q, [i])[0]
            for q, i in zip(part["query"], made, strict=True)
        ]
        targets = np.vstack(
            [source.targets, np.eye(4)[part["intended_grade"].to_numpy()]]
        )
        real = np.array([True] * len(source.items) + [False] * len(made))
        whole = (
            [*source.items, *made],
            [*source.evidence, *said],
            targets,
            np.ones(len(real)),
            real,
        )
        yield PairList(str(query_id), queries, *whole), part["error_type"].to_list()


def inputs_of(loop: Loop, prepared: Path, evidence: Path) -> ListInputs:
    """What a student's folder holds of the catalogue; made once."""
    place = loop.shared / "inputs"
    if not place.exists():
        aside = place.with_suffix(".part")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        distil.write_inputs(prepared, evidence, loop.shared / "retrieve", aside)
        aside.rename(place)
    return ListInputs(place, threads=1)


def make_fold(loop: Loop) -> Fold:
    """Run the stages of a fold and read its lists; what was read before is loaded."""
    kept = loop.home / str(loop.fold) / f"fold-{code_key(loop.seed)}.pickle"
    if kept.is_file():
        return pickle.loads(kept.read_bytes())  # type: ignore[no-any-return]
    prepared, evidence, found = loop.prepared()
    answers, teacher = loop.taught(prepared, evidence, found)
    inputs = inputs_of(loop, prepared, evidence)
    config = settings.config_of("distil", PROFILE, seed=loop.seed)
    trust = {
        "teacher_weight": config.teacher_weight,
        "synthetic_weight": config.synthetic_weight,
    }
    known = {"prepared": prepared, "evidence": evidence}
    train, people, untaught, dev = (
        {},
        list[ListRows](),
        list[ListRows](),
        list[ListRows](),
    )
    teacher_says: dict[str, np.ndarray] = {}
    rows = (
        read_table(answers, "teacher_judgements")
        .select("query_id", "item_id", "probabilities")
        .iter_rows()
    )
    answered = {(q, i): p for q, i, p in rows}
    for strategy in STRATEGIES:
        made = loop.synthetic(strategy, known, answers, teacher)
        sources = Sources(prepared, evidence, [answers], made, found)
        lists, held = load_training_lists(
            sources, **trust, max_pairs=config.max_pairs, seed=loop.seed
        )
        train[strategy] = [fitting.rows_of(one, inputs, config) for one in lists]
        real = {
            one.list_id: [
                i.item_id for i, r in zip(one.items, one.real, strict=True) if r
            ]
            for one in lists
        }
        teacher_says = {
            q: np.array([answered[q, i] for i in ids]) for q, ids in real.items()
        }
        dev = dev or [fitting.rows_of(one, inputs, config) for one in held]
        if strategy == "aware":
            people = [
                fitting.rows_of(one, inputs, config)
                for one in _only(lists, lambda o: o.real & (o.weights == 1))
            ]
            part = _only(lists, lambda o: ~o.real | (o.weights == 1))
            untaught = [fitting.rows_of(one, inputs, config) for one in part]
    tested = _tested(prepared, evidence)
    hard = list(_hard(tested, read_table(made, "adversarial"), inputs))
    fold = Fold(
        train,
        people,
        untaught,
        dev,
        [fitting.rows_of(one, inputs, config) for one in tested],
        [(fitting.rows_of(one, inputs, config), types) for one, types in hard],
        teacher_says,
        texts_of(prepared),
        {
            "promoted": bool(
                teacher
                and json.loads((teacher / "gate.json").read_text("utf-8"))["promoted"]
            )
        },
    )
    kept.write_bytes(pickle.dumps(fold))
    return fold


def texts_of(prepared: Path) -> dict[str, list[tuple[str, str, int]]]:
    """Query, title and grade of every judged pair, by query id; in the order of item ids."""
    titles = read_table(prepared, "items").select("item_id", "title")
    queries = read_table(prepared, "queries").select("query_id", "query")
    joined = (
        read_table(prepared, "judgements")
        .join(queries, on="query_id")
        .join(titles, on="item_id")
    )
    rows: dict[str, list[tuple[str, str, int]]] = {}
    for q, query, title, grade in (
        joined.sort("query_id", "item_id")
        .select("query_id", "query", "title", "grade")
        .iter_rows()
    ):
        rows.setdefault(q, []).append((query, title, grade))
    return rows
