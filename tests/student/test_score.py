import polars as pl
import pytest

from adore.artifacts import read_table
from adore.errors import ConfigError, DataError, MissingError
from adore.pipeline.runner import run_stage
from adore.student.export import check_sealed
from adore.student.rankers import save_baseline
from adore.student.score import score_files, score_pairs

COLUMNS = ["query_id", "item_id", "score", "grade", "p_E", "p_S", "p_C", "p_I"]
QUERIES = pl.DataFrame({"query_id": ["b", "a"], "query": ["steel bottle", "red shoes"]})


@pytest.fixture(scope="module")
def items(shop):
    return read_table(shop / "prepare", "items").sort("item_id").head(12)


@pytest.fixture(scope="module")
def pairs(items):
    ids = items["item_id"].to_list()
    mixed = [(q, i) for n, i in enumerate(ids) for q in ("ab" if n % 2 else "ba")]
    return pl.DataFrame(
        [*mixed, mixed[3], mixed[0]], schema=["query_id", "item_id"], orient="row"
    )


def test_scores_come_in_the_pairs_order_with_duplicates_alike(student, items, pairs):
    scored = score_pairs(student, items, QUERIES, pairs)
    assert scored.columns == COLUMNS
    assert scored.select("query_id", "item_id").equals(pairs)
    assert scored.null_count().sum_horizontal().item() == 0
    assert scored.row(-1) == scored.row(0)
    assert scored.row(-2) == scored.row(3)
    assert scored.select(pl.sum_horizontal("p_E", "p_S", "p_C", "p_I"))[
        "p_E"
    ].to_list() == pytest.approx([1] * 26)


def test_labels_are_not_looked_at(student, items, pairs):
    labelled = pairs.with_columns(grade=pl.lit(0), label=pl.lit("E"))
    plain = score_pairs(student, items, QUERIES, pairs)
    assert score_pairs(student, items, QUERIES, labelled).equals(plain)


def test_bare_items_and_number_ids_are_enough(student):
    items = pl.DataFrame({"item_id": [1, 2], "title": ["red shoe", None]})
    queries = pl.DataFrame({"query_id": [7], "query": ["red shoes"]})
    pairs = pl.DataFrame({"query_id": [7, 7], "item_id": [2, 1]})
    assert score_pairs(student, items, queries, pairs)["item_id"].to_list() == [
        "2",
        "1",
    ]


def test_no_pairs_give_an_empty_table(student, items, pairs):
    scored = score_pairs(student, items, QUERIES, pairs.clear())
    assert (scored.columns, scored.height) == (COLUMNS, 0)


def test_a_baseline_claims_no_grade(items, pairs, catalogue, tmp_path):
    save_baseline("bm25", catalogue, tmp_path)
    scored = score_pairs(tmp_path, items, QUERIES, pairs)
    assert scored["score"].null_count() == 0
    assert scored["grade"].null_count() == scored["p_E"].null_count() == pairs.height


def test_unknown_ids_are_named(student, items, pairs):
    first = pairs["item_id"][0]
    for row, wanted in (
        ((None, first), "None"),
        (("zz", first), "zz"),
        (("a", "no-item"), "no-item"),
    ):
        strange = pl.concat(
            [pairs, pl.DataFrame([row], schema=pairs.schema, orient="row")]
        )
        with pytest.raises(DataError, match=f"of pairs == .*{wanted}"):
            score_pairs(student, items, QUERIES, strange)
    two = pairs.with_columns(query_id=pl.Series([None, "zz"] * 13))
    with pytest.raises(DataError, match="2 in all"):
        score_pairs(student, items, QUERIES, two)


def test_a_missing_column_is_named(student, items, pairs):
    with pytest.raises(DataError, match="item_id"):
        score_pairs(student, items, QUERIES, pairs.drop("item_id"))
    with pytest.raises(DataError, match="title"):
        score_pairs(student, items.drop("title"), QUERIES, pairs)


@pytest.mark.parametrize(
    ("query_id", "text", "wanted"),
    [
        ("c", None, "'c' == None, must be a text"),
        ("c", " ", "a text"),
        ("a", "blue shoes", "must be one text"),
    ],
)
def test_a_query_has_one_text(student, items, pairs, query_id, text, wanted):
    queries = pl.concat(
        [QUERIES, pl.DataFrame([(query_id, text)], schema=QUERIES.schema, orient="row")]
    )
    with pytest.raises(DataError, match=wanted):
        score_pairs(student, items, queries, pairs)


def test_a_bad_row_of_the_items_matters_if_a_pair_names_it(catalogue, tmp_path):
    save_baseline("bm25", catalogue, tmp_path)
    files = {
        name: str(tmp_path / f"{name}.csv") for name in ("items", "queries", "pairs")
    }
    (tmp_path / "items.csv").write_text("item_id,title\n1,red shoe\n2,\n3,\n")
    QUERIES.write_csv(files["queries"])
    output = str(tmp_path / "scores.csv")
    (tmp_path / "pairs.csv").write_text("query_id,item_id\na,1\n")
    score_files(str(tmp_path), output, **files)
    assert pl.read_csv(output)["score"].is_finite().to_list() == [True]
    (tmp_path / "pairs.csv").write_text("query_id,item_id\na,1\na,3\n")
    with pytest.raises(
        DataError, match=r"items.csv: line 4 is bad \(no title\) and a pair names '3'"
    ):
        score_files(str(tmp_path), output, **files)
    with pytest.raises(
        ConfigError, match=r"output == .*must be .parquet, .csv or .jsonl"
    ):
        score_files("nowhere", "out.txt", **files)


def test_the_stage_scores_every_system_on_every_judged_held_out_pair(shop, student):
    inputs = {
        "prepared": str(shop / "prepare"),
        "student": str(student),
        "adversarial": str(shop / "verify"),
    }
    manifest = run_stage(
        "score", inputs, str(shop / "score"), profile=str(shop / "profile.yaml")
    )
    scores = read_table(shop / "score", "scores")
    held_out = read_table(shop / "prepare", "queries").filter(
        pl.col("split") != "train"
    )
    judged = read_table(shop / "prepare", "judgements").join(
        held_out, on="query_id", how="semi"
    )
    assert sorted(scores["system"].unique()) == [
        "bi-encoder",
        "bm25",
        "hybrid",
        "random",
        "student",
    ]
    for system in scores["system"].unique():
        mine = (
            scores.filter(system=system)
            .select("query_id", "item_id")
            .sort("query_id", "item_id")
        )
        assert mine.equals(
            judged.select("query_id", "item_id").sort("query_id", "item_id")
        )
    assert manifest.metrics == {"pairs": float(judged.height), "systems": 5.0}
    hard, keys = (
        read_table(shop / "score", "adversarial_scores"),
        ["query_id", "item_id", "error_type"],
    )
    assert hard.height > 20 and hard["grade"].is_between(0, 3).all()
    assert (
        hard.select(keys)
        .sort(keys)
        .equals(read_table(shop / "verify", "adversarial").select(keys).sort(keys))
    )


def test_the_champion_is_scored_beside_the_others(shop, student, catalogue, tmp_path):
    inputs = {
        "prepared": str(shop / "prepare"),
        "student": str(student),
        "adversarial": str(shop / "verify"),
    }
    profile = str(shop / "profile.yaml")
    check_sealed(student)
    for champion, has_grades in ((student, True), (tmp_path / "bm25", False)):
        if not has_grades:
            champion.mkdir()
            save_baseline("bm25", catalogue, champion)
        output = tmp_path / f"scores-{has_grades}"
        made = run_stage(
            "score", inputs, str(output), profile=profile, champion=str(champion)
        )
        assert made.metrics["systems"] == 6.0
        assert made.inputs["champion"], "its content is part of what the scores rest on"
        by_system = read_table(output, "scores").partition_by("system", as_dict=True)
        scored = by_system[("champion",)].drop("system")
        assert (scored["grade"].null_count() == 0) is has_grades
        own = by_system[("student",)].drop("system")
        assert scored.equals(own) is has_grades, "dev pairs as before the refit, too"


def test_a_champion_without_a_ranker_is_an_error(shop, student, tmp_path):
    inputs = {
        "prepared": str(shop / "prepare"),
        "student": str(student),
        "adversarial": str(shop / "verify"),
    }
    with pytest.raises(MissingError, match=r"must have a card.json"):
        run_stage(
            "score",
            inputs,
            str(tmp_path / "scores"),
            profile=str(shop / "profile.yaml"),
            champion=str(shop / "prepare"),
        )
