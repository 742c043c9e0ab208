"""The stage: two-sided rows that name their events, held-out signs,
matched lengths, honest notes.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from adore.artifacts import read_table, write_table
from adore.behaviour.feedback import Config, run
from adore.behaviour.signs import SignKind
from adore.data import prepare as prepare_stage
from adore.types import Grade

Out = tuple[Path, dict[str, float], dict[str, Any]]


@pytest.fixture(scope="module")
def made(shop: Any, tmp_path_factory: pytest.TempPathFactory) -> Out:
    out = tmp_path_factory.mktemp("feedback")
    metrics = run(Config(), **shop.stage(), output=out)
    return out, metrics, json.loads((out / "behaviour.json").read_text())


def right(shop: Any, table: pl.DataFrame) -> pl.DataFrame:
    """By kind: how many signs, and the share whose direction the truth confirms."""
    signs = table.unique(["query_id", "item_id", "kind"])
    truth = [
        shop.lists[q][i] == Grade.EXACT
        for q, i in signs.select("query_id", "item_id").iter_rows()
    ]
    agrees = signs["kind"].str.starts_with("bought") == pl.Series(truth)
    return (
        signs.with_columns(agrees.alias("ok"))
        .group_by("kind")
        .agg(pl.len(), pl.col("ok").mean())
    )


def test_signs_are_mostly_right_in_both_directions(shop: Any, made: Out) -> None:
    found = {
        kind: (n, ok)
        for kind, n, ok in right(shop, read_table(made[0], "feedback")).iter_rows()
    }
    lenient, strict = found["bought, judged strictly"], found["skipped, judged exact"]
    assert lenient[0] >= 10 and lenient[1] > 0.9
    assert strict[0] >= 10 and strict[1] > 0.9
    assert set(found) <= set(SignKind) and set(made[2]["signs"]) == set(SignKind)


def test_only_train_queries_teach_and_dev_queries_are_kept_apart(
    shop: Any, made: Out
) -> None:
    split = dict(
        read_table(shop.folder / "prepared", "queries")
        .select("query_id", "split")
        .iter_rows()
    )
    dev_signs = read_table(made[0], "dev_signs")
    assert {split[q] for q in read_table(made[0], "feedback")["query_id"]} == {"train"}
    assert {split[q] for q in dev_signs["query_id"]} == {"dev"} and made[1][
        "dev_signs"
    ] == dev_signs.height > 50
    assert dev_signs["wanted_exact"].to_list() == [
        k.startswith("bought") for k in dev_signs["kind"]
    ]
    assert (right(shop, dev_signs)["ok"] > 0.85).all()


def test_logs_over_frozen_test_queries_teach_nothing(shop: Any, tmp_path: Path) -> None:
    """Even where the shop's file calls every query a train query by now."""
    queries = read_table(shop.folder / "prepared", "queries")
    held_out = set(queries.filter(pl.col("split") != "train")["query_id"])
    data = tmp_path / "shop"
    log = tmp_path / "experiment"
    for folder in (data, log):
        folder.mkdir()
    read_table(shop.folder / "prepared", "items").write_ndjson(data / "items.jsonl")
    write_table(shop.events, log, "events")

    def prepare(name: str, frozen: Path | None = None) -> Path:
        output = tmp_path / name
        output.mkdir()
        config = prepare_stage.Config(logs=[str(log)])
        prepare_stage.run(config, data, output, logs=[log], frozen=frozen)
        return output

    def taught(prepared: Path) -> set[str]:
        output = tmp_path / f"feedback of {prepared.name}"
        output.mkdir()
        inputs = shop.stage() | {"prepared": prepared}
        run(Config(poisoning_share=0), **inputs, output=output)
        rows = [read_table(output, name) for name in ("feedback", "clear_pairs")]
        return set(rows[0]["query_id"]) | set(rows[1]["query_id"])

    queries.write_ndjson(data / "queries.jsonl")
    first = prepare("first")
    queries.with_columns(split=pl.lit("train")).write_ndjson(data / "queries.jsonl")
    again = prepare("again", frozen=first)
    shown = read_table(again, "events")["query_id"]
    assert held_out <= set(shown), "the log has much to say of them"
    query_ids = taught(again)
    assert query_ids and not query_ids & held_out
    forgotten = prepare("forgotten")
    assert taught(forgotten) & held_out, "nothing else protects them"


def test_clear_pairs_say_what_shoppers_want_and_never_name_a_held_out_query(
    shop: Any, made: Out
) -> None:
    clear = read_table(made[0], "clear_pairs")
    split = dict(
        read_table(shop.folder / "prepared", "queries")
        .select("query_id", "split")
        .iter_rows()
    )
    assert {split[q] for q in clear["query_id"]} == {"train"}
    assert clear.height == made[1]["clear_pairs"] > 50
    assert clear.is_unique().all()
    truth = [
        shop.lists[q][i] == Grade.EXACT
        for q, i in clear.select("query_id", "item_id").iter_rows()
    ]
    assert (clear["wanted_exact"] == pl.Series(truth)).mean() > 0.9
    bought, left = clear.partition_by("wanted_exact", maintain_order=False)
    if left["wanted_exact"][0]:
        bought, left = left, bought
    assert set(bought["behaviour"]) == {"bought"} and bought["kept"].min() >= 2
    assert set(left["behaviour"]) <= {"returned", "skipped"}
    assert bought["p_exact"].min() >= 0.9 and left["p_exact"].max() <= 0.1


def test_every_row_names_events_of_the_log(shop: Any, made: Out) -> None:
    pair = {
        e: (q, i)
        for e, q, i in shop.events.select(
            "event_id", "query_id", "object_id"
        ).iter_rows()
    }
    for table in ("feedback", "dev_signs"):
        for q, i, ids in (
            read_table(made[0], table)
            .select("query_id", "item_id", "event_ids")
            .iter_rows()
        ):
            assert ids and {pair[e] for e in ids} == {(q, i)}


def test_completions_of_a_prompt_have_one_length(made: Out) -> None:
    rows = read_table(made[0], "feedback").with_columns(
        n=pl.col("completion").str.len_chars()
    )
    assert rows.group_by("prompt").agg(pl.col("n").n_unique())["n"].max() == 1
    assert (
        rows["desirable"].n_unique() == 2
        and rows.group_by("query_id").len()["len"].max() <= 60
    )


def variant(shop: Any, tmp_path: Path, events: pl.DataFrame) -> Path:
    shutil.copytree(shop.folder / "prepared", tmp_path / "prepared")
    write_table(events, tmp_path / "prepared", "events")
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def test_without_position_variation_a_skip_is_no_sign(
    shop: Any, tmp_path: Path
) -> None:
    still = shop.events.with_columns(
        position=pl.col("object_id").str.slice(-2).cast(pl.Int64) + 1
    )
    out = variant(shop, tmp_path, still)
    run(Config(), **{**shop.stage(), "prepared": tmp_path / "prepared"}, output=out)
    about = json.loads((out / "behaviour.json").read_text())
    assert (
        about["position"]["known"] is False
        and "nothing is corrected" in about["position"]["note"]
    )
    assert (
        not about["signs"]["skipped, judged exact"]
        and not about["signs"]["skipped, judged strictly"]
    )


def test_a_shop_without_events_gets_simulated_ones_and_says_so(
    shop: Any, tmp_path: Path
) -> None:
    out = variant(shop, tmp_path, shop.events.head(0))
    metrics = run(
        Config(simulated_shoppers=60),
        **{**shop.stage(), "prepared": tmp_path / "prepared"},
        output=out,
    )
    assert (
        metrics["simulated"] == 1
        and json.loads((out / "behaviour.json").read_text())["simulated"] is True
    )
    known = set(read_table(out, "events")["event_id"])
    rows = read_table(out, "feedback")
    assert rows.height and all(set(ids) <= known for ids in rows["event_ids"])


def told(
    shop: Any, tmp_path: Path, events: pl.DataFrame, capsys: pytest.CaptureFixture[str]
) -> tuple[bool, str]:
    out = variant(shop, tmp_path, events)
    run(
        Config(poisoning_share=0),
        **{**shop.stage(), "prepared": tmp_path / "prepared"},
        output=out,
    )
    return json.loads((out / "behaviour.json").read_text())[
        "coarse_clock"
    ], capsys.readouterr().err


def test_a_coarse_clock_is_told(
    shop: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coarse, text = told(
        shop,
        tmp_path,
        shop.events.with_columns(pl.col("timestamp") // 60_000 * 60_000),
        capsys,
    )
    assert coarse and "times are too coarse" in text and "warning" not in text


def test_many_untrusted_clients_are_reported_by_reason(
    shop: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = shop.events.filter(
        pl.col("client_id").is_in(
            [*shop.bots, *sorted(set(shop.events["client_id"]))[:20]]
        )
    )
    coarse, text = told(shop, tmp_path, few, capsys)
    assert not coarse and re.search(
        r"warning: 12 of \d\d clients are left out \(12 x acts faster than", text
    )
    assert "warning" not in told(shop, tmp_path / "all", shop.events, capsys)[1]


def test_too_little_exposure_gives_no_sign(shop: Any, tmp_path: Path) -> None:
    run(Config(poisoning_share=0), **shop.stage(), output=tmp_path)
    some = {k: read_table(tmp_path, k).height for k in ("feedback", "dev_signs")}
    run(Config(min_exposure=1e6, poisoning_share=0), **shop.stage(), output=tmp_path)
    assert min(some.values()) > 0 and {
        k: read_table(tmp_path, k).height for k in some
    } == {"feedback": 0, "dev_signs": 0}
    assert (
        json.loads((tmp_path / "behaviour.json").read_text())["poisoning"]["flipped"]
        == {}
    )


def test_one_client_is_not_enough(shop: Any, tmp_path: Path) -> None:
    one = shop.events.filter(pl.col("client_id") == pl.col("client_id").last())
    out = variant(shop, tmp_path, one)
    metrics = run(
        Config(min_exposure=0),
        **{**shop.stage(), "prepared": tmp_path / "prepared"},
        output=out,
    )
    assert (
        metrics["events"] == one.height and metrics["rows"] == metrics["dev_signs"] == 0
    )


@pytest.mark.parametrize("trust", [True, False])
def test_bots_say_nothing_of_position(shop: Any, tmp_path: Path, trust: bool) -> None:
    """Only bots saw lists in random order: their clicks are many, and count for nobody."""
    by_bots = pl.col("client_id").is_in(sorted(shop.bots))
    pair = (pl.col("position") - 1) // 2 * 2 + 1
    events = shop.events.with_columns(pair_position=pl.when(by_bots).then(pair))
    out = variant(shop, tmp_path, events)
    inputs = {**shop.stage(), "prepared": tmp_path / "prepared"}
    run(Config(trust=trust, poisoning_share=0.0), **inputs, output=out)
    position = json.loads((out / "behaviour.json").read_text())["position"]
    assert (position["random_clicks"] == 0) is trust
    assert position["known"] and position["note"].count("random order") == (not trust)
