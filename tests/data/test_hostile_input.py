"""Hostile and odd input: no row crashes the stage, none is lost without a count."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adore.artifacts import read_table
from adore.config import configure
from adore.data.prepare import Config, run
from adore.data.queries import SplitConfig, assign_split, normalise_query, read_queries
from adore.data.rows import Rows
from adore.data.tables import read_items
from adore.errors import ConfigError, DataError, MissingError, QuarantineError

ITEMS = [{"item_id": f"i{n}", "title": f"Mug {n}"} for n in range(30)]
QUERIES = [{"query_id": f"q{n}", "query": f"mug {n}"} for n in range(30)]
LABEL = {"query_id": "q1", "item_id": "i1", "label": "E"}
EVENT = {"event_id": "e", "query_id": "q1", "client_id": "c", "action_name": "click",
         "timestamp": 1767225600000, "object_id": "i1"}  # fmt: skip


def folder(home: Path, **tables: list[Any]) -> Path:
    home.mkdir(exist_ok=True)
    for name, rows in {"items": ITEMS, "queries": QUERIES, **tables}.items():
        text = "\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows)
        (home / f"{name}.jsonl").write_bytes(text.encode("utf-8", "surrogatepass"))
    return home


def prepared(home: Path, **tables: list[Any]) -> Path:
    data, out = folder(home / "in", **tables), home / "out"
    out.mkdir(exist_ok=True)
    run(Config(max_bad_share=1), data=data, output=out)
    return out


def reasons(out: Path) -> list[str]:
    return [str(r) for r in read_table(out, "quarantine")["reason"]]


@pytest.mark.parametrize(
    ("table", "row", "reason"),
    [
        (
            "items",
            '{"item_id": "x", "title": "t", "n": ' + "1" * 5000 + "}",
            "not JSON",
        ),
        (
            "items",
            '{"item_id": "x", "title": "t", "n": ' + "[" * 5000 + "]" * 5000 + "}",
            "not JSON",
        ),
        ("items", {"item_id": "x", "title": "\0"}, "no title"),
        ("items", {"item_id": {"a": 1}, "title": "t"}, "no item_id"),
        ("items", '{"item_id": NaN, "title": "t"}', "no item_id"),
        ("items", {"item_id": "x", "title": ["t"]}, "wrong type of title"),
        (
            "items",
            {"item_id": "x", "title": "t", "brand": {"a": 1}},
            "wrong type of brand",
        ),
        (
            "items",
            {"item_id": "x", "title": "t", "bullet_points": 7},
            "wrong type of bullet_points",
        ),
        (
            "items",
            {"item_id": "x", "title": "t", "description": "y" * 200_000},
            "description longer than 100000",
        ),
        (
            "items",
            {"item_id": "x", "title": "t", "bullet_points": ["y" * 60_000] * 2},
            "bullet_points longer than 100",
        ),
        (
            "items",
            {"item_id": "x", "title": "t", "attributes": {"a": "y" * 100_000}},
            "attributes longer than 100000",
        ),
        (
            "items",
            {"item_id": "x", "title": "t", "care": "y" * 100_000},
            "attributes longer than 100000",
        ),
        ("queries", {"query_id": "x", "query": "y" * 10_000_000}, "query longer than"),
        (
            "queries",
            {"query_id": "x", "query": "y", "split": "holdout"},
            "split not one of",
        ),
        ("judgements", {**LABEL, "query_id": None}, "no query_id"),
        (
            "events",
            {**EVENT, "timestamp": 10**30},
            "timestamp == '1000000000000000000000000000000', must be ISO 8601",
        ),
        (
            "events",
            {**EVENT, "timestamp": "soon"},
            "timestamp == 'soon', must be ISO 8601",
        ),
        ("events", {**EVENT, "timestamp": "③"}, "timestamp == '③'"),
        (
            "events",
            {**EVENT, "timestamp": 17},
            "timestamp == '17', must be ISO 8601 or a number since 1970",
        ),
        ("events", {**EVENT, "timestamp": None}, "no timestamp"),
        (
            "events",
            {**EVENT, "position": -1},
            "position == '-1', must be a whole number from 0",
        ),
        ("events", {**EVENT, "position": "first"}, "position == 'first'"),
        (
            "events",
            {**EVENT, "event_attributes": 7, "object_id": None},
            "event_attributes == '7', must be an object",
        ),
        ("events", {**EVENT, "action_name": "dance"}, "unknown action_name 'dance'"),
        ("events", {**EVENT, "action_name": ["click"]}, "action_name == "),
    ],
)
def test_each_fault_has_its_reason(
    tmp_path: Path, table: str, row: Any, reason: str
) -> None:
    base = {"items": ITEMS, "queries": QUERIES}.get(table, [])
    out = prepared(tmp_path, **{table: [*base, row]})
    bad = read_table(out, "quarantine").to_dicts()
    assert [b["table"] for b in bad] == [table] and reason in bad[0]["reason"]
    assert bad[0]["line"] == len(base) + 1 and len(bad[0]["row"]) <= 500


def test_odd_unicode_is_kept_and_what_no_table_holds_is_replaced(
    tmp_path: Path,
) -> None:
    odd = (
        '{"item_id": "x\\ud800", "title": "\U0001f525 \u202e \\u0000 b\\udfff", '
        '"care": ["\\ud800"]}'
    )
    twin = '{"item_id": "a\\u0000b", "title": "t"}'
    ask = '{"query_id": "\\ud801", "query": "m\\u0000g\\ud800"}'
    out = prepared(
        tmp_path,
        items=[*ITEMS, odd, twin, {"item_id": "a b", "title": "u"}],
        queries=[*QUERIES, ask],
    )
    item = read_table(out, "items").filter(pl.col("item_id") == "x?").to_dicts()[0]
    assert item["title"] == "\U0001f525 \u202e   b?" and json.loads(
        item["attributes"]
    ) == {"care": ["?"]}
    assert "m g?" in read_table(out, "queries")["query"].to_list()
    assert reasons(out) == ["duplicate item_id"]


def test_ids_are_text_whatever_wrote_them(tmp_path: Path) -> None:
    item, query = {"item_id": 0, "title": "zero"}, {"query_id": 7.0, "query": "seven"}
    event = {**EVENT, "query_id": "7", "object_id": 0}
    label = {"query_id": 7, "item_id": "0", "label": None, "grade": 2}
    out = prepared(
        tmp_path,
        items=[*ITEMS, item],
        queries=[*QUERIES, query],
        events=[event],
        judgements=[label],
    )
    assert reasons(out) == []
    assert read_table(out, "judgements").rows() == [("7", "0", 2)]
    assert read_table(out, "events")["object_id"].to_list() == ["0"]


def test_events_nested_or_flat_and_times_as_numbers_or_text(tmp_path: Path) -> None:
    nested = {"object": {"object_id": "i1"}, "position": {"ordinal": 3}}
    start = {k: v for k, v in EVENT.items() if k != "object_id"}
    rows = [
        {
            **start,
            "event_id": "a",
            "event_attributes": nested,
            "timestamp": "2026-01-01T00:00:00Z",
        },
        {
            **start,
            "event_id": "b",
            "event_attributes": json.dumps(nested),
            "timestamp": "1767225600001",
        },
        {
            **EVENT,
            "event_id": "c",
            "position": 3,
            "timestamp": "2026-01-01T01:00:00.002+01:00",
        },
        {**EVENT, "event_id": "d", "position": 3, "timestamp": "1767225600003.0"},
    ]
    events = read_table(prepared(tmp_path, events=rows), "events")
    assert events["timestamp"].to_list() == [1767225600000 + n for n in range(4)]
    assert (
        events["object_id"].to_list() == ["i1"] * 4
        and events["position"].to_list() == [3] * 4
    )
    assert events["session_id"].to_list() == ["c"] * 4


def test_times_of_every_magnitude_are_read_and_dates_too(tmp_path: Path) -> None:
    when = 1767225600
    times = [
        when,
        str(when),
        f"{when}.0",
        when * 1000,
        when * 10**6,
        str(when * 10**9),
        "2026-01-01",
        "1971-02-03",
    ]
    rows = [{**EVENT, "event_id": n, "timestamp": time} for n, time in enumerate(times)]
    events = read_table(prepared(tmp_path, events=rows), "events")
    assert events["timestamp"].to_list() == [34387200000, *[when * 1000] * 7]


def test_one_text_given_to_two_splits_is_held_out(tmp_path: Path) -> None:
    rows = [{"query_id": f"{s}{n}", "query": f"{t} {n}", "split": s} for n in range(20) for s, t in
            (("train", "Red  MUG"), ("test", "red mug"), ("dev", "blue mug"))]  # fmt: skip
    rows += [{"query_id": "t", "query": "BLUE mug 3", "split": "train"}]
    more = [{"query_id": "other", "query": "green cup", "split": "train"}]
    frame = read_table(prepared(tmp_path, queries=rows + more), "queries")
    got = dict(frame.select("query_id", "split").iter_rows())
    assert {s for q, s in got.items() if q.startswith(("train", "test"))} == {"test"}
    assert "t" not in got and got["dev3"] == "dev"  # one text is one query


words = st.text(alphabet="aB \u00a0\uff21\u0130\u00df\ufb01\0", min_size=1, max_size=5)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(words, st.sampled_from(["", "train", "dev", "test"])),
        min_size=1,
        max_size=12,
    )
)
def test_no_text_stands_in_two_splits(rows: list[tuple[str, str]]) -> None:
    queries = [
        {"query_id": n, "query": f"q{text}", "split": split}
        for n, (text, split) in enumerate(rows)
    ]
    seen: dict[str, str] = {}
    for row in read_queries(Rows(list(enumerate(queries))), SplitConfig()):
        assert (
            seen.setdefault(normalise_query(row["query"]), row["split"]) == row["split"]
        )


def test_drawn_splits_have_the_asked_shares() -> None:
    got = [
        assign_split(f"query {n}", dev_share=0.15, test_share=0.25)
        for n in range(20_000)
    ]
    for split, share in (
        ("test", 0.25),
        ("dev", 0.15),
        ("train", 0.60),
    ):  # 5 standard errors
        assert (
            abs(got.count(split) / 20_000 - share)
            < 5 * (share * (1 - share) / 20_000) ** 0.5
        )


WHOLE = "\n".join(json.dumps(r) for r in ITEMS * 50).encode()


@pytest.mark.parametrize(
    ("name", "raw", "error"),
    [
        ("items.jsonl.gz", gzip.compress(WHOLE)[:-9], "must be readable"),
        (
            "items.jsonl.gz",
            gzip.compress(WHOLE)[:60] + b"x" * 40 + gzip.compress(WHOLE)[100:],
            "must be readable",
        ),
        ("items.jsonl.gz", WHOLE, "must be readable"),
        ("items.parquet", b"", "must be readable"),
        ("items.parquet", b"PAR1garbagePAR1", "must be readable"),
        ("items.csv", b'item_id,title\nx,"a\ny,b\n', "not CSV .after line 1"),
        (
            "items.csv",
            b"item_id,title,title\nx,a,b\n",
            r"columns of items.csv == \['title'\]",
        ),
        ("items.csv", b"item_id,title\n", "rows of items == 0"),
        ("items.jsonl", b"", "rows of items == 0"),
        (
            "items.jsonl",
            '{"item_id": "x"}'.encode("utf-16"),
            r"columns of items.jsonl == .*must be with title",
        ),
    ],
)
def test_a_broken_file_is_one_clear_error(
    tmp_path: Path, name: str, raw: bytes, error: str
) -> None:
    data = folder(tmp_path / "in")
    (data / "items.jsonl").unlink()
    (data / name).write_bytes(raw)
    with pytest.raises(DataError, match=error):
        run(Config(), data=data, output=tmp_path)


def test_two_files_of_one_table_are_refused(tmp_path: Path) -> None:
    data = folder(tmp_path / "in")
    (data / "items.csv").write_text("item_id,title\nx,y\n")
    with pytest.raises(
        DataError, match=r"files of table items == \['items.csv', 'items.jsonl'\]"
    ):
        run(Config(), data=data, output=tmp_path)


def test_ten_worst_reasons_each_with_a_line(tmp_path: Path) -> None:
    rows = [
        {**EVENT, "action_name": f"l{n}", "event_id": f"{n}-{m}"}
        for n in range(14)
        for m in range(20 - n)
    ]
    data = folder(tmp_path / "in", events=rows)
    with pytest.raises(QuarantineError) as caught:
        run(Config(), data=data, output=tmp_path)
    head, *worst = str(caught.value).splitlines()
    assert "raise prepare.max_bad_share" in head and len(worst) == 10
    assert worst[0].startswith("  20 x unknown action_name 'l0' (line 1: ") and worst[
        9
    ].startswith("  11 x")


def test_the_allowed_share_is_the_limit(tmp_path: Path) -> None:
    rows = [{**LABEL, "item_id": f"i{n}"} for n in range(19)]
    data = folder(tmp_path / "in", judgements=[*rows, {**LABEL, "item_id": None}])
    assert (
        run(Config(max_bad_share=0.05), data=data, output=tmp_path)["quarantined"] == 1
    )
    with pytest.raises(QuarantineError, match=r"0.050 \(1 of 20 rows\)"):
        run(Config(max_bad_share=0.049), data=data, output=tmp_path)


def test_labels_as_stars_and_bad_dataset_files(tmp_path: Path) -> None:
    data = folder(tmp_path / "in", judgements=[{**LABEL, "label": 5}])
    (data / "dataset.yaml").write_text("labels: {1: 0, 5: 3}\n")
    assert run(Config(), data=data, output=tmp_path)["judgements"] == 1
    assert json.loads((tmp_path / "dataset.json").read_text())["labels"] == {
        "1": 0,
        "5": 3,
    }
    for text, error in (
        ("labels: {a: 9}", "grades 0-3"),
        ("- 1", "mapping"),
        ("{", "mapping"),
        ("{1: 2}", "mapping"),
    ):
        (data / "dataset.yaml").write_text(text)
        with pytest.raises(ConfigError, match=error):
            run(Config(), data=data, output=tmp_path)


def test_a_rule_book_that_is_not_there_stops_the_run_at_the_door(
    tmp_path: Path,
) -> None:
    data = folder(tmp_path / "in")
    (data / "dataset.yaml").write_text("rulebook: nope\n")
    with pytest.raises(MissingError, match="rule book == 'nope'"):
        run(Config(), data=data, output=tmp_path)


def test_only_named_attribute_columns_are_kept(tmp_path: Path) -> None:
    data = folder(
        tmp_path / "in",
        items=[{"item_id": "x", "title": "t", "fit": "slim", "stock": 3, "size": ""}],
    )
    run(Config(), data=data, output=tmp_path)
    assert json.loads(read_table(tmp_path, "items")["attributes"][0]) == {
        "fit": "slim",
        "stock": 3,
    }
    (data / "dataset.yaml").write_text("attributes: [fit]\n")
    run(Config(), data=data, output=tmp_path)
    assert json.loads(read_table(tmp_path, "items")["attributes"][0]) == {"fit": "slim"}


def test_gaps_of_parquet_files_are_no_values(tmp_path: Path) -> None:
    rows = [
        {
            "item_id": "a",
            "title": "t",
            "attributes": {"fit": "slim", "size": None},
            "weight": float("nan"),
        }
    ]
    rows += [
        {
            "item_id": "b",
            "title": "t",
            "attributes": {"fit": None, "size": "L"},
            "weight": 2.0,
        }
    ]
    data = folder(tmp_path / "in")
    (data / "items.jsonl").unlink()
    pl.DataFrame(rows).write_parquet(data / "items.parquet")
    run(Config(), data=data, output=tmp_path)
    found = [json.loads(a) for a in read_table(tmp_path, "items")["attributes"]]
    assert found == [{"fit": "slim"}, {"size": "L", "weight": 2.0}]


def test_gaps_of_json_lines_that_pandas_writes_are_no_values(tmp_path: Path) -> None:
    nan, item = float("nan"), {"item_id": "n", "title": "t"}
    gaps = {
        "bullet_points": nan,
        "attributes": nan,
        "weight": [nan, 1],
        "height": float("inf"),
    }
    quoted = {
        "item_id": "o",
        "title": "t",
        "bullet_points": '["a", NaN]',
        "attributes": '{"size": [NaN], "b": NaN}',
    }
    event = {**EVENT, "event_attributes": nan, "position": nan, "session_id": nan}
    tables = {
        "items": [*ITEMS, item | gaps, quoted],
        "queries": [{**q, "split": nan} for q in QUERIES],
    }
    out = prepared(
        tmp_path,
        **tables,
        judgements=[LABEL | {"label": nan, "grade": 3}],
        events=[event],
    )
    assert reasons(out) == [] and read_table(out, "judgements")["grade"].to_list() == [
        3
    ]
    rows = {r["item_id"]: r for r in read_table(out, "items").iter_rows(named=True)}
    assert rows["n"]["bullet_points"] == [] and json.loads(rows["n"]["attributes"]) == {
        "weight": [None, 1]
    }
    assert rows["o"]["bullet_points"] == ["a"] and json.loads(
        rows["o"]["attributes"]
    ) == {"size": [None]}
    assert read_table(out, "events").select("position", "session_id").row(0) == (0, "c")


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_items_read_for_scoring_are_those_of_a_run(tmp_path: Path, suffix: str) -> None:
    rows = [
        {"item_id": str(n), "title": t, "bullet_points": ["a", "b"], "fit": "slim"}
        for n, t in enumerate("xy")
    ]
    data = folder(tmp_path / "in", items=rows)
    if suffix != "jsonl":
        (data / "items.jsonl").unlink()
        flat = pl.DataFrame(
            [{**r, "bullet_points": json.dumps(r["bullet_points"])} for r in rows]
        )
        flat.write_csv(data / "items.csv") if suffix == "csv" else flat.write_parquet(
            data / "items.parquet"
        )
    run(Config(), data=data, output=tmp_path)
    assert (
        read_items(data / f"items.{suffix}") == read_table(tmp_path, "items").to_dicts()
    )


def test_bullets_and_category_as_sellers_write_them(tmp_path: Path) -> None:
    row = {"item_id": "x", "title": "t", "category": ["Home", "Mugs"]}
    items = [
        {**row, "bullet_points": b, "item_id": str(n)}
        for n, b in enumerate(("[Sale] steel", '["a", "b"]', None))
    ]
    frame = read_table(prepared(tmp_path, items=items), "items")
    assert frame["bullet_points"].to_list() == [["[Sale] steel"], ["a", "b"], []]
    assert frame["category"].to_list() == ["Home > Mugs"] * 3


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"prepare.max_bad_share == -1.*greater than or equal"
    ):
        configure(Config, {"max_bad_share": -1}, "prepare")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)
FIELDS = [
    "item_id",
    "query_id",
    "title",
    "query",
    "split",
    "label",
    "bullet_points",
    "attributes",
    "timestamp",
]
FIELDS += [
    "client_id",
    "action_name",
    "object_id",
    "position",
    "event_attributes",
    "brand",
]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=6), max_size=4
    )
)
def test_any_json_is_used_or_counted(rows: list[dict[str, Any]]) -> None:
    mixed: list[Any] = [json.dumps({**EVENT, **row}) for row in rows]
    tables = {
        "items": [*ITEMS, *mixed],
        "queries": [*QUERIES, *mixed],
        "events": [EVENT, *mixed],
    }
    with tempfile.TemporaryDirectory() as home:
        try:
            out = prepared(Path(home), **tables)
        except (
            DataError
        ) as error:  # a log with places 0, of which nobody can say what they mean
            assert "first_position" in str(error)
            return
        bad = read_table(out, "quarantine")
        left_out = json.loads((out / "data_report.json").read_text())["left_out"].get(
            "events", {}
        )
        used = {t: read_table(out, t).height for t in ("items", "queries", "events")}
    for table, base, others in (
        ("items", 30, 0),
        ("queries", 30, 0),
        ("events", 1, sum(left_out.values())),
    ):
        assert used[table] + others + bad.filter(
            pl.col("table") == table
        ).height == base + len(rows)
