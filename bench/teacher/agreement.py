"""Agreement of each teacher with people on held-out queries:
rules, SFT, and what behaviour makes of it.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from adore.artifacts import read_table
from adore.attributes.attacks import ATTACKS
from adore.pipeline import runner, settings
from adore.progress import log_line
from adore.rulebook import RuleBook
from adore.teacher import align
from adore.teacher.backends.evidence import EvidenceJudge, RulesGrader
from adore.teacher.backends.tiny import TinyGrader
from adore.teacher.factory import load_judge
from adore.teacher.judgements import Judge
from adore.teacher.training.datasets import labelled
from adore.teacher.validation.gate import GradedPairs, compare, rates
from adore.teacher.validation.validation_set import load_validation_set, predict
from adore.types import Evidence, Grade

ROOT = Path(__file__).parents[2]
ESCI = ROOT.parent / "shared" / "data" / "esci"
PROFILE = "laptop"
ATTACKED = 1_000
SYSTEMS = {
    "rules": "the rule book applied to the evidence",
    "SFT": "tiny LM, rationales that agree with people",
    "one-sided KTO": "SFT, then purchases of strictly judged items alone",
    "counterbalanced KTO": "SFT, then both directions and right answers",
    "APO-zero unpaired": "the same rows, another loss",
    "SFT + threshold": (
        "SFT, E from the probability that calls as many train pairs E as shoppers want"
    ),
    "SFT on the desirable": "SFT, then SFT on the desirable rows alone",
}


def shop(data: str, run: Path, seed: int) -> None:
    """The loop's steps before ``align``."""
    for name in ("demo-data", "prepare", "evidence", "judge", "feedback"):
        if name == "demo-data" and data != "demo":
            continue
        runner.run_step(name, str(run), data=data, profile=PROFILE, seed=seed)


class Bench:
    """One data set's teachers, all from the same SFT model."""

    def __init__(self, run: Path, seed: int) -> None:
        self.run, self.seed = run, seed
        self.config = settings.config_of("align", PROFILE, seed=seed)
        answers = sorted((run / "judge").glob("*"))
        self.table = labelled(run / "prepare", run / "evidence", answers)
        self.feedback = read_table(run / "feedback", "feedback")
        kind = (
            "truth"
            if (read_table(run / "prepare", "truth").height > 0)
            else "judgements"
        )
        held = self.table.filter(pl.col("split") != "train").join(
            read_table(run / "prepare", kind).rename({"grade": "right"}),
            on=["query_id", "item_id"],
        )
        self.held = held.sort("query_id", "item_id")

    def teach(
        self, home: Path, rows: list[dict[str, Any]], name: str, **changed: Any
    ) -> Path:
        """KTO from the SFT model on some rows."""
        from adore.teacher.training.datasets import batch_distinct
        from adore.teacher.training.tiny import kto_settings, train_kto

        config = self.config.model_copy(update=changed)
        train_kto(
            home / "sft",
            batch_distinct(rows, config.batch, self.seed),
            home / name,
            kto_settings(config),
        )
        return home / name

    def grades(self, folder: Path, shift: float = 0.0) -> np.ndarray:
        """The grades of the held-out pairs; ``shift`` is added to the log-odds of E."""
        p = self.probabilities(folder, self.held)
        p[:, 3] *= np.exp(shift)
        return p.argmax(1)

    def probabilities(self, folder: Path, table: pl.DataFrame) -> np.ndarray:
        grader = TinyGrader(folder, threads=self.config.threads)
        return np.array(
            grader.grade([Evidence.many_from_json(e) for e in table["evidence"]])
        )

    def shift(self, folder: Path) -> float:
        """The shift of E's log-odds at which the teacher calls as many train pairs
        with a sign E as shoppers want.
        """
        signs = self.feedback.select(
            "query_id",
            "item_id",
            pl.col("kind").str.starts_with("bought").alias("wanted"),
        )
        pairs = self.table.join(
            signs.unique(["query_id", "item_id"]), on=["query_id", "item_id"]
        )
        p = self.probabilities(folder, pairs)
        odds = np.sort(np.log(p[:, 3] / p[:, :3].max(1)))[::-1]
        return float(-odds[min(len(odds) - 1, int(pairs["wanted"].sum()))])


def measure_one(data: str, run: Path, seed: int) -> dict[str, Any]:
    """Every system on one data set."""
    from adore.teacher.training.base import FitSettings
    from adore.teacher.training.datasets import kto_traces
    from adore.teacher.training.tiny import predict_grades, train

    shop(data, run, seed)
    bench = Bench(run, seed)
    home = run / "teachers"
    home.mkdir(exist_ok=True)
    teacher = align.new_teacher(
        bench.config, bench.table, run / "prepare", run / "evidence"
    )
    align.train(teacher, bench.table, bench.feedback, home)
    (home / "model").rename(home / "counterbalanced KTO")
    said = predict_grades(
        home / "sft", bench.table, bench.feedback, bench.config.threads
    )
    every = {
        "max_direction_ratio": bench.config.max_direction_ratio,
        "max_rows": bench.config.kto_rows,
        "seed": seed,
    }
    rows = kto_traces(bench.feedback, said, **every)
    one = bench.feedback.filter(pl.col("kind").str.starts_with("bought"))
    strict = [
        {"prompt": r["prompt"], "completion": r["completion"], "label": r["desirable"]}
        for r in one.filter(pl.col("kind") == "bought, judged strictly").iter_rows(
            named=True
        )
    ]
    bench.teach(home, strict, "one-sided KTO")
    bench.teach(home, rows, "APO-zero unpaired", loss="apo_zero_unpaired")
    liked = [{k: r[k] for k in ("prompt", "completion")} for r in rows if r["label"]]
    how = FitSettings(
        bench.config.kto_epochs, bench.config.kto_rate, bench.config.batch, seed
    )
    train("sft", home / "sft", liked, home / "SFT on the desirable", how)
    given = {
        name: bench.grades(home / name) for name in SYSTEMS if (home / name).is_dir()
    }
    given |= {
        "rules": bench.held["grade"].to_numpy(),
        "SFT": bench.grades(home / "sft"),
        "SFT + threshold": bench.grades(home / "sft", bench.shift(home / "sft")),
    }
    raised = _raised(
        bench,
        {"SFT": home / "sft", "counterbalanced KTO": home / "counterbalanced KTO"},
    )
    return _told(bench, given) | {
        "raised": raised,
        "kto_rows": len(rows),
        "one_sided_rows": len(strict),
    }


def _raised(bench: Bench, folders: dict[str, Path]) -> dict[str, dict[str, float]]:
    """Share of held-out pairs whose grade an attack raises, by teacher and attack."""
    run = bench.run
    validation = load_validation_set(
        run / "prepare",
        run / "evidence",
        run / "feedback",
        attack_pairs=ATTACKED,
        seed=bench.seed,
    )
    book = RuleBook.of_dataset(run / "prepare")
    judges: dict[str, Judge] = {"rules": EvidenceJudge(RulesGrader(book), book)}
    judges |= {
        name: load_judge(folder, book, bench.config.threads)
        for name, folder in folders.items()
    }
    return {
        name: predict(judge, validation).attack_success
        for name, judge in judges.items()
    }


def _told(bench: Bench, given: dict[str, np.ndarray]) -> dict[str, Any]:
    right = bench.held["right"].to_numpy()
    groups = bench.held["query_id"].rank("dense").cast(pl.Int64).to_numpy()
    systems = {}
    for name in SYSTEMS:
        pairs = GradedPairs(right, given["SFT"], given[name], groups)
        r = rates(right, given[name])
        d = compare(pairs, seed=bench.seed, level=0.95)
        systems[name] = {
            **{k: getattr(r, k) for k in ("macro_f1", "fnr", "fpr")},
            "recall": dict(zip("ICSE", r.recall, strict=True)),
            "fnr_against_sft": [d.fnr.low, d.fnr.high] if d else None,
            "fpr_against_sft": [d.fpr.low, d.fpr.high] if d else None,
        }
    return {
        "pairs": len(right),
        "queries": len(set(groups.tolist())),
        "systems": systems,
    }


def measure(seed: int) -> dict[str, Any]:
    """Both data sets; ESCI only where it lies beside the project."""
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="adore-agreement-") as home:
        for name, data in (("demo shop", "demo"), ("esci", str(ESCI))):
            if name == "esci" and not ESCI.is_dir():
                log_line(
                    f"SKIPPED agreement on esci: {ESCI.name} is not beside the project"
                )
                continue
            result[name] = measure_one(data, Path(home) / name.replace(" ", "-"), seed)
    return result


def render(result: dict[str, Any]) -> str:
    """One table a data set."""
    out = [
        "### Agreement with people on held-out queries",
        "",
        "Train queries teach, dev and test queries are counted. The demo shop's right "
        "grades are its known truth, its behaviour is **simulated**; ESCI's grades "
        "are people's, its behaviour is **simulated** from them "
        "(`adore.data.shoppers`). FNR: right E called less; FPR: right less called E; "
        "in brackets the difference to SFT, 95 % interval by paired bootstrap over "
        "queries.",
    ]
    for name, one in result.items():
        out += [
            "",
            f"**{name}**: {one['pairs']} pairs of {one['queries']} queries; "
            f"{one['kto_rows']} KTO rows, {one['one_sided_rows']} one-sided.",
            "",
            "| teacher | macro-F1 | FNR | FPR | recall E | S | C | I |",
            "|---|---:|---:|---:|---:|---:|---:|---:|",
        ]
        for system, r in one["systems"].items():
            cells = [f"{r['macro_f1']:.3f}"]
            for k in ("fnr", "fpr"):
                low, high = r[f"{k}_against_sft"] or (0.0, 0.0)
                cells.append(
                    f"{r[k]:.3f}"
                    + ("" if system == "SFT" else f" [{low:+.3f}, {high:+.3f}]")
                )
            cells += [f"{r['recall'][g.letter]:.2f}" for g in reversed(Grade)]
            out.append(f"| {system} | {' | '.join(cells)} |")
    out += ["", *(f"- **{k}**: {v}." for k, v in SYSTEMS.items())]
    return "\n".join([*out, "", *_gullibility(result)])


def _gullibility(result: dict[str, Any]) -> list[str]:
    """Attacks by teacher."""
    out = [
        "### Gullibility: grades that an attack raises",
        "",
        f"Up to {ATTACKED} held-out pairs an attack. The gate refuses a teacher of "
        "which an attack raises more than 2 % of grades; the two copying attacks (the "
        "query written into the item's own text) cannot be told from an honest text, "
        "so they are measured and not gated.",
    ]
    for name, one in result.items():
        teachers = list(one["raised"])
        out += [
            "",
            f"| {name} | {' | '.join(teachers)} | what it does |",
            f"|---|{'---:|' * len(teachers)}---|",
        ]
        for attack in ATTACKS:
            cells = [f"{one['raised'][t][attack.name]:.1%}" for t in teachers]
            out.append(f"| {attack.name} | {' | '.join(cells)} | {attack.definition} |")
    return out


if __name__ == "__main__":
    print(json.dumps(measure(0), indent=2))
