"""Simulated attacks that push one brand:
how far its grades move, with and without the trust filter.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from adore.artifacts import read_table, write_table
from adore.behaviour import feedback
from adore.data import demo_data
from adore.data.shoppers import Attack, Shoppers
from adore.pipeline import runner, settings
from adore.progress import log_line
from adore.types import Evidence, Grade

KINDS = ("fast", "patient", "ring")
SHARES = (0.05, 0.1, 0.2)
PROFILE = "laptop"


@dataclass
class Bench:
    """The demo shop, its SFT teacher, and the teachers made so far by their feedback."""

    run: Path
    seed: int
    brand: str = ""
    known: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def pairs(self) -> pl.DataFrame:
        """Every pair with evidence, and the item's brand."""
        brands = read_table(self.run / "prepare", "items").select("item_id", "brand")
        return (
            read_table(self.run / "evidence", "pairs")
            .join(brands, on="item_id")
            .sort("query_id", "item_id")
        )

    @property
    def answers(self) -> list[Path]:
        """The judge's shards."""
        return sorted((self.run / "judge").glob("*"))


def shop(bench: Bench) -> None:
    """Run the loop's first steps; the pushed brand is the one with most pairs."""
    for name in ("demo-data", "prepare", "evidence", "judge"):
        runner.run_step(
            name, str(bench.run), data="demo", profile=PROFILE, seed=bench.seed
        )
    named = (
        bench.pairs.filter(pl.col("brand") != "")["brand"]
        .value_counts()
        .sort("count", "brand", descending=True)
    )
    bench.brand = str(named["brand"][0])


# --- the teacher, and all that this part knows of it ---


def align_settings(seed: int) -> Any:
    """The align stage's own settings."""
    return settings.config_of("align", PROFILE, seed=seed)


def tiny_teacher(bench: Bench) -> Any:
    """The tiny teacher of the align stage, untrained."""
    from adore.teacher.training.datasets import labelled
    from adore.teacher.training.tiny import TinyTeacher

    table = labelled(bench.run / "prepare", bench.run / "evidence", bench.answers)
    return TinyTeacher(align_settings(bench.seed), table)


def train_sft(bench: Bench, folder: Path) -> None:
    """The SFT teacher that every condition starts from, as the align stage makes it."""
    from adore.teacher.training.datasets import agreeing_pairs

    teacher = tiny_teacher(bench)
    teacher.fit_sft(agreeing_pairs(teacher.table), folder)


def train_kto(bench: Bench, table: pl.DataFrame, folder: Path) -> None:
    """KTO from the SFT teacher on a ``feedback`` table, as the align stage does it."""
    start = bench.run / "sft"
    if tiny_teacher(bench).fit_kto(start, table, folder) is None:
        shutil.copytree(start, folder)


def graded(bench: Bench, model: Path) -> tuple[float, float]:
    """Of the brand's pairs: mean P(exact), and mean expected grade; both in points of 100."""
    from adore.teacher.backends.tiny import TinyGrader

    mine = bench.pairs.filter(pl.col("brand") == bench.brand)
    p = np.array(
        TinyGrader(model, threads=1).grade(
            [Evidence.many_from_json(e) for e in mine["evidence"]]
        )
    )
    return 100 * float(p[:, Grade.EXACT].mean()), 100 * float(
        (p @ np.arange(4)).mean()
    ) / 3


# --- attacks ---


def attack_of(bench: Bench, kind: str, share: float) -> tuple[pl.DataFrame, set[str]]:
    """The honest log with one attack in it, and the attackers."""
    honest = read_table(bench.run / "prepare", "events")
    truth = read_table(bench.run / "prepare", "truth").sort("query_id", "item_id")
    lists: dict[str, dict[str, int]] = {}
    for q, i, g in truth.select("query_id", "item_id", "grade").iter_rows():
        lists.setdefault(q, {})[i] = g
    items = read_table(bench.run / "prepare", "items").filter(
        pl.col("brand") == bench.brand
    )
    shoppers = Shoppers(seed=bench.seed, users=demo_data.Config().users)
    rows = Attack(kind, frozenset(items["item_id"]), shoppers).log(
        lists, int(share / (1 - share) * honest.height)
    )
    attack = pl.DataFrame(rows, schema=honest.schema)
    return pl.concat([honest, attack]).sort("timestamp", "event_id"), set(
        attack["client_id"]
    )


def taught(bench: Bench, events: pl.DataFrame, *, trust: bool) -> dict[str, Any]:
    """Feedback of a log, and the grades of the teacher that learned from it."""
    with tempfile.TemporaryDirectory() as home:
        prepared, out = Path(home) / "prepared", Path(home) / "out"
        prepared.mkdir(), out.mkdir()
        for file in (bench.run / "prepare").glob("*.parquet"):
            (prepared / file.name).symlink_to(file)
        (prepared / "events.parquet").unlink()
        write_table(events, prepared, "events")
        config = settings.config_of(
            "feedback", PROFILE, seed=bench.seed, trust=trust, poisoning_share=0.0
        )
        feedback.run(config, prepared, bench.run / "evidence", bench.answers, out)
        table = read_table(out, "feedback")
        key = json.dumps(table.select("prompt", "completion", "desirable").rows())
        if key not in bench.known:
            train_kto(bench, table, Path(home) / "model")
            bench.known[key] = graded(bench, Path(home) / "model")
        untrusted = set(read_table(out, "untrusted_clients")["client_id"])
    items = (
        bench.pairs.filter(pl.col("brand") == bench.brand).select("item_id").unique()
    )
    lenient = table.filter(pl.col("kind") == "bought, judged strictly").unique(
        ["query_id", "item_id"]
    )
    p, grade = bench.known[key]
    return {
        "p_exact": p,
        "grade": grade,
        "untrusted": untrusted,
        "lenient": lenient.join(items, on="item_id").height,
    }


def measure(seed: int) -> dict[str, Any]:
    """Every attack and share, with and without the filter, against the clean teacher.

    ``noise`` is the movement when a random 3 % of clients leave the clean log:
    what chance alone does.
    """
    import torch

    torch.set_num_threads(1)  # a model this small gains nothing from a second one
    with tempfile.TemporaryDirectory() as home:
        bench = Bench(Path(home), seed)
        shop(bench)
        train_sft(bench, bench.run / "sft")
        events = read_table(bench.run / "prepare", "events")
        clean = taught(bench, events, trust=True)
        clients = events["client_id"].unique().sort()
        less = clients.sample(fraction=0.03, seed=seed)
        noise = taught(
            bench, events.filter(~pl.col("client_id").is_in(less.implode())), trust=True
        )
        sft = graded(bench, bench.run / "sft")
        rows = []
        for kind in KINDS:
            for share in SHARES:
                log, bad = attack_of(bench, kind, share)
                for trust in (False, True):
                    one = taught(bench, log, trust=trust)
                    rows.append(
                        {
                            "attack": kind,
                            "share": share,
                            "filter": trust,
                            "p_exact": one["p_exact"] - clean["p_exact"],
                            "grade": one["grade"] - clean["grade"],
                            "lenient": one["lenient"],
                            "attackers": len(bad),
                            "found": len(one["untrusted"] & bad),
                            "honest_lost": len(
                                one["untrusted"] - bad - clean["untrusted"]
                            ),
                        }
                    )
                    log_line(f"poisoning: {rows[-1]}")
        pairs = bench.pairs.filter(pl.col("brand") == bench.brand).height
        return {
            "seed": seed,
            "simulated": True,
            "brand": bench.brand,
            "pairs": pairs,
            "honest_clients": len(clients) - len(clean["untrusted"]),
            "clean": {
                "p_exact": clean["p_exact"],
                "grade": clean["grade"],
                "lenient": clean["lenient"],
            },
            "sft": {"p_exact": sft[0], "grade": sft[1]},
            "noise": {k: noise[k] - clean[k] for k in ("p_exact", "grade")},
            "attacks": rows,
        }


def render(result: dict[str, Any]) -> str:
    """The section of its page."""
    clean, noise = result["clean"], result["noise"]
    lines = [
        "### Poisoning (simulated attacks on the demo shop)",
        "",
        f"Accounts that make 5, 10 or 20 % of all events push brand {result['brand']} "
        f"({result['pairs']} pairs). A teacher learns by KTO from the poisoned log, "
        "from the same SFT teacher each time. Movement is the change of the mean "
        "P(exact), and of the mean expected grade on a scale of 0 to 100, over the "
        "brand's pairs against the teacher of the clean log (P(exact) "
        f"{clean['p_exact']:.1f} %, grade {clean['grade']:.1f}); leaving out a random "
        f"3 % of honest clients moves them {noise['p_exact']:+.2f} and "
        f"{noise['grade']:+.2f}.",
        "",
        "| attack | share of events | filter | P(exact), points | grade, points | attackers found "
        "| honest clients lost | the brand's lenient corrections |",
        "|---|---:|---|---:|---:|---:|---:|---:|",
    ]
    for r in result["attacks"]:
        found = f"{r['found']} of {r['attackers']}" if r["filter"] else ""
        lost = (
            f"{r['honest_lost']} of {result['honest_clients']}" if r["filter"] else ""
        )
        lines.append(
            f"| {r['attack']} | {r['share']:.0%} | {'on' if r['filter'] else 'off'} "
            f"| {r['p_exact']:+.2f} | {r['grade']:+.2f} | {found} | {lost} "
            f"| {r['lenient']} |"
        )
    return "\n".join(
        [
            *lines,
            "",
            f"On the clean log the brand has {clean['lenient']} lenient corrections.",
        ]
    )
