"""One door: file names, formats, columns, labels and judges as shops have them;
what is not plain is asked for.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from adore.artifacts import read_table
from adore.cli.main import app
from adore.config import configure
from adore.data.check import check_folder
from adore.data.dataset import read_dataset_info
from adore.data.judges import aggregate_judgements, agreement
from adore.data.labels import canonical_label, infer_scale
from adore.data.prepare import Config, run
from adore.data.shop import ReadConfig, Shop, read_shop
from adore.data.tables import read_judgements, read_pairs, read_scores
from adore.errors import AdoreError, ConfigError, DataError
from adore.pipeline.local import check_input
from adore.pipeline.runner import run_step

CONFIG = configure(ReadConfig, {}, "prepare")
ITEMS = [{"item_id": f"i{n}", "title": f"Lamp {n}", "brand": "Lumen"} for n in range(6)]
QUERIES = [
    {"query_id": f"q{n}", "query": f"lamp {n}", "split": s}
    for n, s in enumerate(("train", "dev", "test"))
]
GRADES = [[3, 2, 1, 0, 0, 0], [2, 3, 1, 0, 0, 0], [3, 3, 2, 1, 0, 0]]
LABELS = [{"query_id": f"q{q}", "item_id": f"i{i}", "label": "ICSE"[g]}
          for q, row in enumerate(GRADES) for i, g in enumerate(row)]  # fmt: skip


def as_lines(rows: list[Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def as_table(rows: list[dict[str, Any]], delimiter: str = ",") -> str:
    names = list(rows[0])
    return "".join(
        delimiter.join(str(cell) for cell in line) + "\n"
        for line in (names, *([r[n] for n in names] for r in rows))
    )


def folder(tmp: Path, dataset: str = "", **tables: Any) -> Path:
    """A folder of JSON lines; a table that is None is left out."""
    for name, rows in {
        "items": ITEMS,
        "queries": QUERIES,
        "judgements": LABELS,
        **tables,
    }.items():
        if rows is not None:
            (tmp / f"{name}.jsonl").write_text(as_lines(rows))
    if dataset:
        (tmp / "dataset.yaml").write_text(dataset)
    return tmp


def shop_of(data: Path) -> Shop:
    shop = read_shop(data, CONFIG)
    assert not shop.report.problems, shop.report.problems
    return shop


def problem_of(data: Path) -> AdoreError:
    return read_shop(data, CONFIG).report.problems[0]


def relabelled(label: Any) -> list[dict[str, Any]]:
    """The judgements with each grade as ``label(grade)``."""
    return [{**row, "label": label("ICSE".index(row["label"]))} for row in LABELS]


def same(data: Path) -> bool:
    """Whether the folder's judgements are those of :data:`GRADES`."""
    found = {
        (r["query_id"], r["item_id"]): r["grade"]
        for r in shop_of(data).tables["judgements"]
    }
    return found == {
        (f"q{q}", f"i{i}"): g for q, row in enumerate(GRADES) for i, g in enumerate(row)
    }


# ---------------------------------------------------------------- names and formats


@pytest.mark.parametrize(
    "name",
    [
        "judgments.jsonl",
        "Judgements.NDJSON",
        "qrels.json",
        "JUDGMENTS.jsonl.gz",
        "ratings.csv",
    ],
)
def test_the_usual_names_and_endings_are_read(tmp_path: Path, name: str) -> None:
    path = folder(tmp_path, judgements=None) / name
    text = (
        as_table(LABELS)
        if "csv" in name
        else json.dumps(LABELS)
        if name.endswith("json")
        else as_lines(LABELS)
    )
    path.write_bytes(
        gzip.compress(text.encode()) if name.endswith("gz") else text.encode()
    )
    assert same(tmp_path)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_delimiters_and_encodings_are_sniffed(
    tmp_path: Path, delimiter: str, encoding: str
) -> None:
    rows = [
        {**r, "title": f"Grüne Lampe {n}, für Büro & Küche"}
        for n, r in enumerate(ITEMS)
    ]
    quoted = [{**r, "title": f'"{r["title"]}"'} for r in rows]
    (folder(tmp_path, items=None) / "items.csv").write_bytes(
        as_table(quoted, delimiter).encode(encoding)
    )
    assert [r["title"] for r in shop_of(tmp_path).tables["items"]] == [
        r["title"] for r in rows
    ]
    report = check_folder(tmp_path, CONFIG)
    names = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
    assert names[delimiter] in report.text and ("cp1252" in report.text) == (
        encoding == "cp1252"
    )


def test_a_sep_line_says_the_delimiter(tmp_path: Path) -> None:
    (folder(tmp_path, items=None) / "items.csv").write_text(
        "sep=;\n" + as_table(ITEMS, ";")
    )
    assert len(shop_of(tmp_path).tables["items"]) == 6


def test_one_column_is_one_column_and_commas_in_it_part_nothing(tmp_path: Path) -> None:
    (folder(tmp_path) / "requests.csv").write_text(
        "query\nred lamp, small\nlamp for desk, bed, and wall\nlamp\n"
    )
    texts = {r["query"] for r in shop_of(tmp_path).tables["queries"]}
    assert {"red lamp, small", "lamp for desk, bed, and wall", "lamp"} <= texts


def test_an_encoding_that_was_guessed_wrongly_can_be_named(tmp_path: Path) -> None:
    rows = [{**r, "title": f"dětská postýlka {n}"} for n, r in enumerate(ITEMS)]
    (
        folder(tmp_path, items=None, dataset="encoding: cp1250\n") / "items.csv"
    ).write_bytes(as_table(rows).encode("cp1250"))
    assert shop_of(tmp_path).tables["items"][0]["title"] == "dětská postýlka 0"


def test_parts_of_a_table_are_read_together(tmp_path: Path) -> None:
    folder(tmp_path, judgements=None)
    (tmp_path / "judgements-2026-01.jsonl").write_text(as_lines(LABELS[:9]))
    (tmp_path / "judgements-2026-02.jsonl").write_text(as_lines(LABELS[9:]))
    assert same(tmp_path)


def test_a_file_that_nothing_reads_is_named(tmp_path: Path) -> None:
    (folder(tmp_path) / "prices.csv").write_text("sku,amount\na,1\n")
    (tmp_path / "notes.docx").write_bytes(b"x")
    (tmp_path / "more-judgements.csv").write_text(as_table(LABELS))
    report = check_folder(tmp_path, CONFIG)
    assert (
        report.can_run
        and "NOT READ  prices.csv" in report.text
        and "NOT READ  notes.docx" in report.text
    )
    assert (
        "more-judgements.csv: looks like judgements, which judgements.jsonl holds already"
        in report.text
    )


def test_a_file_of_any_name_is_told_by_its_columns_or_by_dataset_yaml(
    tmp_path: Path,
) -> None:
    (folder(tmp_path, judgements=None) / "from-the-agency.csv").write_text(
        as_table(LABELS)
    )
    assert same(tmp_path)
    (tmp_path / "other.csv").write_text(as_table(LABELS[:3]))
    (tmp_path / "dataset.yaml").write_text("files: {judgements: other.csv}\n")
    assert len(shop_of(tmp_path).tables["judgements"]) == 3
    (tmp_path / "dataset.yaml").write_text("files: {judgements: gone.csv}\n")
    with pytest.raises(AdoreError, match=r"files\.judgements == 'gone\.csv'"):
        read_shop(tmp_path, CONFIG)


# ---------------------------------------------------------------- columns


def test_missing_columns_are_named_once_with_candidates(tmp_path: Path) -> None:
    rows = [
        {"Artikelnummer": r["item_id"], "Bezeichnung": r["title"], "Farbe": "rot"}
        for r in ITEMS
    ]
    (folder(tmp_path, items=None) / "items.csv").write_text(as_table(rows))
    problem = str(problem_of(tmp_path))
    assert problem.startswith(
        "columns of items.csv == ['Artikelnummer', 'Bezeichnung', 'Farbe'], "
        "must be with item_id, title"
    )
    assert "columns: {items: {item_id: Artikelnummer, title: Bezeichnung}}" in problem
    own = "columns: {items: {item_id: Artikelnummer, title: Bezeichnung, colour: Farbe}}\n"
    (tmp_path / "dataset.yaml").write_text(own)
    item = shop_of(tmp_path).tables["items"][0]
    assert (item["item_id"], item["title"], json.loads(item["attributes"])) == (
        "i0",
        "Lamp 0",
        {"colour": "rot"},
    )
    (tmp_path / "dataset.yaml").write_text("columns: {items: {item_id: SKU}}\n")
    assert "columns.items == ['SKU'], must be columns of items.csv" in str(
        problem_of(tmp_path)
    )
    (tmp_path / "dataset.yaml").write_text("columns: {products: {item_id: SKU}}\n")
    with pytest.raises(ConfigError, match="must be of tables"):
        read_shop(tmp_path, CONFIG)


def test_our_names_in_another_spelling_are_ours(tmp_path: Path) -> None:
    rows = [{"Item ID": r["item_id"], "Title": r["title"]} for r in ITEMS]
    (folder(tmp_path, items=None) / "items.csv").write_text(as_table(rows))
    assert shop_of(tmp_path).tables["items"][0]["title"] == "Lamp 0"


def test_check_says_what_every_column_became(tmp_path: Path) -> None:
    rows = [{**r, "colour": "red", "stock": 3} for r in ITEMS]
    report = check_folder(
        folder(tmp_path, items=rows, dataset="attributes: [colour]\n"), CONFIG
    )
    assert (
        "columns: item_id, title, brand" in report.text
        and "attributes: colour" in report.text
        and "ignored: stock" in report.text
    )


# ---------------------------------------------------------------- labels


@pytest.mark.parametrize(
    ("one", "zero"),
    [(1, 0), ("1", "0"), (1.0, 0.0), (True, False), ("yes", "no"), (2, 0)],
)
def test_two_values_are_asked_for_never_guessed(
    tmp_path: Path, one: Any, zero: Any
) -> None:
    data = folder(tmp_path, judgements=relabelled(lambda g: one if g == 3 else zero))
    assert "labels of judgements.jsonl == " in str(
        problem_of(data)
    ) and "labels: {" in str(problem_of(data))
    words = [json.dumps(v) if isinstance(v, bool) else str(v) for v in (one, zero)]
    (data / "dataset.yaml").write_text(f"labels: {{{words[0]}: 3, {words[1]}: 0}}\n")
    assert Counter(r["grade"] for r in shop_of(data).tables["judgements"]) == {
        3: 4,
        0: 14,
    }


def test_yamls_own_reading_of_a_label_does_not_matter(tmp_path: Path) -> None:
    data = folder(
        tmp_path, judgements=relabelled(lambda g: ["no", "off", "on", "yes"][g])
    )
    (data / "dataset.yaml").write_text("labels: {yes: 3, on: 2, off: 1, no: 0}\n")
    assert same(data)
    folder(tmp_path, judgements=relabelled(lambda g: [0.0, 1.0, 10.0, "100.000"][g]))
    (data / "dataset.yaml").write_text(
        "labels: {100.000: E, 1_0: 2, 10.0: S, 1: complement, 0: I}\n"
    )
    assert same(data)
    folder(tmp_path, judgements=relabelled(lambda g: ["012", "1:30", "~", "null"][g]))
    (data / "dataset.yaml").write_text("labels: {null: 3, ~: 2, 1:30: 1, 012: 0}\n")
    assert same(data)


def test_booleans_of_json_are_matched_by_yes_and_true(tmp_path: Path) -> None:
    rows = relabelled(lambda g: g == 3)
    for words in ("true: 3, false: 0", "yes: 3, no: 0"):
        data = folder(tmp_path, judgements=rows, dataset=f"labels: {{{words}}}\n")
        assert Counter(r["grade"] for r in shop_of(data).tables["judgements"]) == {
            3: 4,
            0: 14,
        }


@pytest.mark.parametrize("odd", [4, -1, 2.5, "Z", "perfect"])
def test_a_label_outside_the_scale_is_an_error_whatever_its_share(
    tmp_path: Path, odd: Any
) -> None:
    many = [
        {"query_id": f"x{n}", "query": f"lamp x {n}", "split": "train"}
        for n in range(200)
    ]
    rows = [
        {"query_id": q["query_id"], "item_id": f"i{i}", "label": i}
        for q in many
        for i in range(4)
    ]
    data = folder(
        tmp_path,
        queries=many,
        judgements=[*rows, {**rows[0], "item_id": "i5", "label": odd}],
    )
    assert f"{odd} (1) is not" in str(problem_of(data)) and "labels: {" in str(
        problem_of(data)
    )


def test_many_values_want_thresholds(tmp_path: Path) -> None:
    data = folder(
        tmp_path, judgements=[{**row, "label": n / 17} for n, row in enumerate(LABELS)]
    )
    assert "thresholds: [0.25, 0.5, 0.75]" in str(problem_of(data))
    (data / "dataset.yaml").write_text("thresholds: [0.25, 0.5, 0.75]\n")
    assert Counter(r["grade"] for r in shop_of(data).tables["judgements"]) == {
        0: 5,
        1: 4,
        2: 4,
        3: 5,
    }
    (data / "dataset.yaml").write_text("thresholds: [0.5, 0.25, 0.75]\n")
    with pytest.raises(ConfigError, match="three rising numbers"):
        read_shop(data, CONFIG)


def test_blank_is_unrated_and_so_is_what_the_shop_says_is(tmp_path: Path) -> None:
    rows = [
        *LABELS,
        *(
            {"query_id": "q0", "item_id": f"i{n}", "label": b}
            for n, b in enumerate(("", None, "  "))
        ),
    ]
    data = folder(tmp_path, judgements=rows)
    assert same(data) and shop_of(data).report.left_out["judgements"] == {
        "not rated": 3
    }
    labels = "labels: {good: 3, so-so: 1, bad: 0, n/a: unrated}\n"
    info = read_dataset_info(folder(tmp_path, dataset=labels))
    scale = infer_scale(["good", "n/a", "bad", "so-so"], info, "x")
    assert [scale.grade(v) for v in ("good", "N/A", "bad", "")] == [3, None, 0, None]


def test_labels_are_compared_as_numbers_and_words() -> None:
    assert [canonical_label(x) for x in (1, 1.0, "1.0", " 01 ", "E", True, None)] == [
        "1",
        "1",
        "1",
        "1",
        "e",
        "true",
        "",
    ]
    scale = infer_scale(
        ["Exact", "s", "2.0", "irrelevant", "C"],
        read_dataset_info(Path("/nowhere")),
        "x",
    )
    assert [scale.grade(v) for v in ("exact", "S", 2, "irrelevant", "C", None)] == [
        3,
        2,
        2,
        0,
        1,
        None,
    ]


def test_evaluate_and_score_read_the_map_that_prepare_reads(tmp_path: Path) -> None:
    words = ["bad", "fair", "good", "perfect"]
    data = folder(tmp_path, judgements=relabelled(lambda g: words[g]),
                  dataset="labels: {perfect: 3, good: 2, fair: 1, bad: 0}\n")  # fmt: skip
    prepared = {
        (r["query_id"], r["item_id"], r["grade"])
        for r in shop_of(data).tables["judgements"]
    }
    assert set(read_judgements(str(data / "judgements.jsonl")).iter_rows()) == prepared
    assert read_pairs(str(data / "judgements.jsonl")).height == len(LABELS)
    scores = [{**row, "score": 1.0, "grade": words[3]} for row in LABELS]
    (data / "scores.csv").write_text(
        as_table([{k: v for k, v in r.items() if k != "label"} for r in scores])
    )
    assert set(read_scores(str(data / "scores.csv"))["grade"]) == {3}
    found = CliRunner().invoke(app, ["evaluate", "--scores", str(data / "scores.csv"),
                                     "--judgements",
                                     str(data / "judgements.jsonl")])  # fmt: skip
    assert found.exit_code == 0 and "nDCG@10" in found.output


def test_evaluate_reads_trec_runs_against_quepid_by_the_queries_text(
    tmp_path: Path,
) -> None:
    data = folder(tmp_path, judgements=None)
    rows = [
        {
            "query": f"lamp {r['query_id'][1]}",
            "docid": r["item_id"],
            "rating": "ICSE".index(r["label"]),
        }
        for r in LABELS
    ]
    (data / "judgements.csv").write_text(as_table(rows))
    (data / "mine.run").write_text(
        "".join(
            f"{r['query_id']} Q0 {r['item_id']} {n} {-n} mine\n"
            for n, r in enumerate(LABELS)
        )
    )
    assert set(read_judgements(str(data / "judgements.csv"))["query_id"]) == {
        "q0",
        "q1",
        "q2",
    }
    assert (
        read_scores(str(data / "mine.run")).select("query_id", "system").unique().height
        == 3
    )
    found = CliRunner().invoke(app, ["evaluate", "--scores", str(data / "mine.run"), "--judgements",
                                     str(data / "judgements.csv")])  # fmt: skip
    assert found.exit_code == 0 and "nDCG@10" in found.output


# ---------------------------------------------------------------- judges


def test_several_judges_are_joined_as_the_shop_says_and_their_doubt_is_kept(
    tmp_path: Path,
) -> None:
    three = [row for row in LABELS for _ in range(3)]
    three[9]["label"], three[10]["label"], three[11]["label"] = "I", "I", "I"
    three = [dict(row) for row in three]
    three[9]["label"] = "E"
    data = folder(tmp_path, judgements=three)
    assert "set judges: majority or judges: median" in str(problem_of(data))
    (data / "dataset.yaml").write_text("judges: majority\n")
    shop = shop_of(data)
    grades = {
        (r["query_id"], r["item_id"]): r["grade"] for r in shop.tables["judgements"]
    }
    assert grades["q0", "i3"] == 0 and len(grades) == len(LABELS)
    out = tmp_path / "out"
    out.mkdir()
    run(configure(Config, {}, "prepare"), data=data, output=out)
    votes = read_table(out, "votes").filter(query_id="q0", item_id="i3")
    assert votes.select("grade", "votes").rows() == [(0, 2), (3, 1)]
    report = json.loads((out / "data_report.json").read_text())["judges"]
    assert (
        report["several"] == 18 and report["split"] == 1 and 0.8 < report["alpha"] < 1
    )
    assert (
        "agreement (Krippendorff's alpha, ordinal)" in check_folder(data, CONFIG).text
    )


def test_majority_and_median_of_a_pair() -> None:
    pair = ("q", "i")
    given = ([3, 3, 0], [3, 0, 0, 2], [3, 0], [3, 2, 0])
    chosen = {
        how: [aggregate_judgements({pair: g}, how, "f").rows[0]["grade"] for g in given]
        for how in ("majority", "median")
    }
    assert chosen == {"majority": [3, 0, 0, 2], "median": [3, 0, 0, 2]}
    with pytest.raises(DataError, match="judgements of a pair in f == E I of 'q', 'i'"):
        aggregate_judgements({pair: [3, 0]}, "", "f")
    assert aggregate_judgements({pair: [2, 2]}, "", "f").votes == []


def test_agreement_is_krippendorffs() -> None:
    """The example of Krippendorff 2011, section E:
    four observers, twelve units, ordinal alpha .815.
    """
    observers = ["123321412***", "123322412 5*3", "*33323422 51*", "123324412 51*"]
    units = zip(*(text.replace(" ", "") for text in observers), strict=True)
    counts = [Counter(int(v) for v in unit if v != "*") for unit in units]
    assert agreement(counts) == pytest.approx(0.815, abs=0.0005)
    assert agreement([Counter({3: 2})]) is None and agreement([Counter({3: 1})]) is None


# ---------------------------------------------------------------- the screen


def test_check_ends_with_status_1_where_a_run_cannot_begin(tmp_path: Path) -> None:
    good = folder(tmp_path)
    done = CliRunner().invoke(app, ["check", str(good)])
    assert done.exit_code == 0 and "A run can begin" in done.output
    folder(tmp_path, queries=[{**q, "split": "test"} for q in QUERIES])
    done = CliRunner().invoke(app, ["check", str(good)])
    assert (
        done.exit_code == 1
        and "A RUN CANNOT BEGIN" in done.output
        and "at least one of train" in done.output
    )
    with pytest.raises(DataError, match="queries of each split"):
        run(configure(Config, {}, "prepare"), data=good, output=tmp_path)


def test_one_fault_does_not_hide_the_others(tmp_path: Path) -> None:
    data = folder(tmp_path, judgements=relabelled(lambda g: g + 2))
    (data / "items.jsonl").unlink()
    report = check_folder(data, CONFIG)
    assert not report.can_run and "items.*" in report.text.replace("\n", "")
    folder(
        tmp_path,
        judgements=relabelled(lambda g: g + 2),
        events=[{"action_name": "click"}],
    )
    report = check_folder(data, CONFIG)
    assert "5 (" in report.text and "columns of events.jsonl" in report.text


def test_ids_of_another_kind_are_told_loudly(tmp_path: Path) -> None:
    report = check_folder(
        folder(
            tmp_path,
            judgements=[{**r, "item_id": f"sku-{n}"} for n, r in enumerate(LABELS)],
        ),
        CONFIG,
    )
    assert (
        report.can_run
        and "WARNING: 18 of 18 judgements" in report.text
        and "sku-0" in report.text
    )


def test_check_of_the_published_format_needs_no_other_files(tmp_path: Path) -> None:
    frame = pl.DataFrame(ITEMS)
    folder(tmp_path, items=None)
    frame.write_parquet(tmp_path / "items.parquet")
    report = check_folder(tmp_path, CONFIG)
    assert (
        report.can_run
        and "items.parquet: items (the catalogue), 6 rows, Parquet" in report.text
    )


def test_a_run_says_first_how_it_understood_the_folder_and_begins_nothing_that_would_fail_late(
    tmp_path: Path,
) -> None:
    data, out = tmp_path / "data", tmp_path / "run"
    data.mkdir()
    folder(data)
    assert "A run can begin" in check_input(
        str(data), str(out), profile="tests/tiny.yaml", seed=0
    )
    run_step(
        "prepare",
        str(out),
        data=str(data.absolute()),
        profile="tests/tiny.yaml",
        seed=0,
    )
    kept = (out / "prepare" / "_check.txt").read_text()
    (out / "prepare" / "_check.txt").write_text(kept + "as prepare saw it")
    assert "as prepare saw it" in check_input(
        str(data), str(out), profile="tests/tiny.yaml", seed=0
    ), "read only once"
    folder(data, queries=[{**q, "split": "test"} for q in QUERIES])
    done = CliRunner().invoke(
        app, ["run", "--data", str(data), "--out", str(tmp_path / "other")]
    )
    assert done.exit_code == 1 and isinstance(done.exception, DataError)
    assert (
        "A RUN CANNOT BEGIN" in str(done.exception)
        and not (tmp_path / "other").exists()
    )
    made = check_input(
        "demo", str(tmp_path / "demo"), profile="tests/tiny.yaml", seed=0
    )
    assert (
        "144 rows" in made
        and (tmp_path / "demo" / "demo-data" / "manifest.json").is_file()
    )
