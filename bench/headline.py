"""The headline tables of docs/benchmarks.md, made from the figures in bench/results/.

``python -m bench`` writes it after each benchmark.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
README = ROOT / "README.md"
MARKS = ("<!-- headline -->\n", "<!-- end -->")
"""Between these the README holds the table of systems."""
INTRO = """# Benchmarks

Each table names the command that prints it. The page itself is generated from the figures
in `bench/results/` (`python -m bench pages`); a test compares the two.

- **nDCG@10** and **macro-F1** are measured on judged pairs of queries that nothing was trained on.
- Brackets hold 95 % intervals, by bootstrap over queries.
- **Simulated** marks shoppers that are a program. Their truth is known; they are not people.
- ESCI is Amazon's public set of human judgements; we use a sample of it.

All tables, ablations and timings: [whole runs: demo shop](../bench/results/run-demo-shop.md),
[whole runs: ESCI](../bench/results/run-esci.md), [student](../bench/results/student.md),
[teacher](../bench/results/teacher.md), [serving](../bench/results/serving.md),
[experiment](../bench/results/experiment.md), [rounds](../bench/results/rounds.md)."""
BASELINES = (
    "BM25",
    "bi-encoder",
    "hybrid",
    "boosting, hand features, z-scores",
    "cross-encoder, human judgements",
)
ABLATIONS = (
    "no list context",
    "no synthesis",
    "no attribute heads",
    "no teacher pairs",
    "10% of the judged queries",
)
TEACHERS = ("rules", "SFT", "counterbalanced KTO")
EXPLORED = 0.05
"""Share of explored lists that is shown."""
RANKERS = {
    "fixed": "one for everybody",
    "noisy": "another at every search",
    "taste": "follows each shopper's taste",
}
HARDEST = 5
"""How many of the hardest error types are shown."""


def figures(name: str) -> dict[str, Any]:
    """What a benchmark kept."""
    path = RESULTS / f"{name}.json"
    kept: dict[str, Any] = json.loads(path.read_text("utf-8"))
    result: dict[str, Any] = kept.get("result", kept)
    return result


def table(head: str, rows: list[list[str]]) -> str:
    """A Markdown table; every column but the first is aligned to the right."""
    columns = head.count("|") + 1
    lines = [f"| {head} |", "|---|" + "---:|" * (columns - 1)]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)


def interval(value: dict[str, float], key: str = "value", sign: str = "") -> str:
    """``0.746 [0.707, 0.780]``."""
    low, high = value["low"], value["high"]
    return f"{value[key]:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


def systems_table() -> str:
    """The student and its baselines on human judgements."""
    systems = {row["system"]: row for row in figures("student-judged")["rows"]}
    rows = []
    for name in ("ADORE", *BASELINES):
        difference = ""
        if name != "ADORE":
            difference = interval(systems[name]["nDCG@10 gap"], "difference", "+")
        rows.append([name, interval(systems[name]["nDCG@10"]), difference])
    return table("system | nDCG@10 | against ADORE", rows)


def ranking() -> str:
    """The table of systems, and what each part of the student adds."""
    result = figures("student-judged")
    systems = {row["system"]: row for row in result["rows"]}
    ablations = []
    for name in ABLATIONS:
        gap = interval(systems[name]["nDCG@10 gap"], "difference", "+")
        ablations.append([name, gap])
    return "\n\n".join(
        [
            "## Ranking on human judgements (ESCI)",
            "`python -m bench student judged`. Five folds by query, "
            f"{result['pairs']:,} pairs of {result['queries']} queries. All learn from the "
            "human judgements of the same folds. The teacher is the rule book.",
            systems_table(),
            "Each row takes one part away:",
            table("ablation | nDCG@10 against ADORE", ablations),
        ]
    )


def robustness() -> str:
    """The student on hard cases."""
    student = figures("student-judged")["robust"]["ADORE"]
    alone = figures("student-judged")["robust"]["human judgements alone"]
    kinds = sorted(student, key=lambda kind: float(student[kind]["side"]))
    kinds = ["all", *[kind for kind in kinds if kind != "all"][:HARDEST]]
    rows = []
    for kind in kinds:
        trained, bare = student[kind], alone[kind]
        shares = [f"{trained['side']:.1%}", f"{bare['side']:.1%}"]
        rows.append([kind, str(trained["pairs"]), *shares])
    return "\n\n".join(
        [
            "## Hard cases",
            "`python -m bench student judged`. The frozen adversarial set of the test "
            "queries. A case is right if it is graded exact when it is exact, and not "
            f"exact when it is not. All types together, then the {HARDEST} hardest.",
            table(
                "error type | pairs | ADORE | trained on human judgements alone", rows
            ),
        ]
    )


def whole_runs() -> str:
    """The loop from end to end."""
    rows = []
    for name in ("run-demo-shop", "run-esci"):
        run = figures(name)
        best = max(run["against"], key=lambda other: float(other["other"]))
        gap = {**best, "difference": best["value"] - best["other"]}
        online = run["online"]
        effect = online["metrics"]["purchases_per_user"]
        rows.append(
            [
                run["name"],
                f"{best['value']:.3f}",
                f"{best['system']} {best['other']:.3f}",
                interval(gap, "difference", "+"),
                interval(effect, "effect", "+"),
                online["action"],
                f"{run['run']['seconds'] / 60:.0f} min",
            ]
        )
    return "\n\n".join(
        [
            "## Whole runs",
            "`python -m bench runs RUN…` after `make pipeline-run`, laptop profile, two CPU cores. "
            "Purchases per user are of **simulated** shoppers, challenger against control.",
            table(
                "data | student, nDCG@10 | best baseline | difference | purchases per user "
                "| decision | time",
                rows,
            ),
        ]
    )


def other_world() -> str:
    """A shop that is unlike the demo shop."""
    result = figures("student-world")
    rows = []
    for row in sorted(result["measures"], key=lambda row: -float(row["value"])):
        if row["measure"] == "nDCG@10":
            rows.append([row["system"], interval(row)])
    return "\n\n".join(
        [
            "## A shop of another kind",
            "`python -m bench student world`. A **simulated** laboratory supplier: no "
            "categories, no brands, twenty fields of its own. No setting was changed.",
            table("system | nDCG@10", rows),
        ]
    )


def seeds() -> list[str]:
    """The aligned teacher over seeds: how often it passes, and its errors."""
    result = figures("teacher-kto")
    names = {
        "people": "people, held-out",
        "shoppers": "shoppers, held-out",
        "truth": "the shop's truth, test queries",
    }
    rows = []
    for kind, name in names.items():
        cells = [name]
        for error in ("fnr", "fpr"):
            for side in ("old", "new"):
                spread = result["spread"][kind][side][error]
                cells.append(f"{spread['mean']:.3f} ± {spread['sd']:.3f}")
        rows.append(cells)
    return [
        f"`python -m bench teacher kto`. {result['seeds']} seeds, each with its own demo "
        "shop and **simulated** shoppers; mean ± standard deviation. The gate promoted "
        f"**{result['promoted']} of {result['seeds']}** aligned teachers. FNR: exact pairs "
        "graded lower. FPR: other pairs graded exact.",
        table(
            "measured by | FNR, rule book | FNR, aligned | FPR, rule book | FPR, aligned",
            rows,
        ),
    ]


def alignment() -> str:
    """What KTO does to the teacher, and the teacher to the student."""
    rows = []
    for data, result in figures("teacher-agreement").items():
        for name in TEACHERS:
            system = result["systems"][name]
            shares = [f"{system[key]:.3f}" for key in ("macro_f1", "fnr", "fpr")]
            rows.append([data, name, *shares])
    kto = figures("student-kto")
    taught = []
    for name, student in kto["students"].items():
        taught.append([name, f"{student['nDCG@10']:.3f}", f"{student['macro-F1']:.3f}"])
    return "\n\n".join(
        [
            "## The teacher, before and after KTO",
            *seeds(),
            "`python -m bench teacher agreement`. One seed, with the settings before: SFT of "
            "5 epochs, KTO of 4, no operating point. Behaviour is **simulated**.",
            table("data | teacher | macro-F1 | FNR | FPR", rows),
            "`python -m bench student kto`. The student of each teacher, on the demo shop's "
            "known truth (**simulated**); one seed, the same settings:",
            table("taught by | nDCG@10 | macro-F1", taught),
            f"Rule book against aligned teacher: nDCG@10 "
            f"{interval(kto['nDCG@10'], 'difference', '+')}.",
        ]
    )


def attacks() -> str:
    """Texts and accounts that want a better grade."""
    rows = []
    evidence = figures("teacher-evidence")["judge"]
    agreement = figures("teacher-agreement")
    for name in evidence["esci"]["raised"]:
        rows.append(
            [
                name,
                f"{evidence['esci']['raised'][name]['value']:.1%}",
                f"{agreement['esci']['raised']['counterbalanced KTO'][name]:.1%}",
            ]
        )
    poisoning = []
    for attack in figures("teacher-poisoning")["attacks"]:
        if attack["share"] == 0.1 and attack["filter"]:
            caught = f"{attack['found']} of {attack['attackers']}"
            moved = f"{attack['grade']:+.2f}"
            poisoning.append([attack["attack"], caught, moved])
    return "\n\n".join(
        [
            "## Attacks",
            "`python -m bench teacher evidence agreement`. Share of ESCI pairs whose grade "
            "an item's text raises. No judge can tell a copied query from an honest text.",
            table("attack | rules | tiny teacher after KTO", rows),
            "`python -m bench teacher poisoning`. **Simulated** accounts that make 10 % of "
            "all events push one brand. Movement is of the brand's expected grade, of 100.",
            table("attack | accounts found | movement, points", poisoning),
        ]
    )


def peeking() -> str:
    """How often an experiment without effect acts all the same."""
    result = figures("experiment-peeking")
    names = {False: "Welch's interval, repeated", True: "confidence sequences"}
    rows = []
    for row in result["rows"]:
        shares = [f"{row[key]:.1%}" for key in ("promoted", "rolled_back")]
        rows.append([names[row["sequential"]], str(row["mean"]), *shares])
    return "\n\n".join(
        [
            "## Hourly looks at an experiment",
            f"`python -m bench experiment peeking`. {result['experiments']:,} **simulated** "
            f"experiments without effect, {result['looks']} looks each.",
            table(
                "interval | purchases per user | wrongly promoted | wrongly rolled back",
                rows,
            ),
        ]
    )


def position() -> str:
    """Position bias with and without lists in random order."""
    result = figures("teacher-position")
    by_ranker: dict[str, dict[float, Any]] = {}
    for row in result["shares"]:
        by_ranker.setdefault(row["ranker"], {})[row["share"]] = row
    rows = []
    for ranker, by_share in by_ranker.items():
        explored = by_share[EXPLORED]
        errors = [f"{by_share[0.0]['new']:.2f}", f"{explored['new']:.2f}"]
        rows.append([RANKERS[ranker], *errors, f"{explored['lost']:.4f}"])
    return "\n\n".join(
        [
            "## Position bias, and what exploration costs",
            f"`python -m bench teacher position`. {result['searches']:,} **simulated** "
            f"searches; mean error of eta, and nDCG@10 lost by exploring {EXPLORED:.0%}.",
            table(
                f"order of a list | not explored | {EXPLORED:.0%} explored | nDCG@10 lost",
                rows,
            ),
        ]
    )


def rounds() -> str:
    """What serves and what is made, round after round, on the small demo shop."""
    from bench.rounds import drift, plain, poisoned
    from bench.rounds.tables import over_seeds, values_of

    seeds = figures("rounds-plain")["seeds"]
    rows = []
    for number in range(1, plain.ROUNDS + 1):
        cells = [str(number)]
        for ranker, measure in (
            ("served", "nDCG@10"),
            ("served", "purchases"),
            ("student", "nDCG@10"),
            ("student", "FNR"),
        ):
            values = values_of(seeds, plain.PLAIN.name, number, ranker, measure)
            cells.append(over_seeds(values))
        rows.append(cells)
    head = "round | served: nDCG@10 | served: purchases a visit | student: nDCG@10 | student: FNR"
    parts = [
        "## Round after round",
        f"`python -m bench rounds`. A small **simulated** shop, {len(seeds)} seed(s), no label "
        "by people after round one; by the known truth on test queries.",
        table(head, rows),
    ]
    last = plain.ROUNDS
    if (RESULTS / "rounds-drift.json").is_file():
        drifted = figures("rounds-drift")["seeds"]
        frozen, kept_up = (
            over_seeds(values_of(drifted, drift.DRIFT.name, last, name, "nDCG@10"))
            for name in ("first student", "student")
        )
        parts.append(
            "A shop of which 20 % of the items are replaced each round "
            f"({len(drifted)} seed(s)): in round {last} the student of round one has nDCG@10 "
            f"{frozen}, that of round {last} {kept_up}."
        )
    if (RESULTS / "rounds-poisoned.json").is_file():
        attacked = figures("rounds-poisoned")["seeds"]
        gain = over_seeds(poisoned.gained(attacked, last, "student"), "+.2f")
        parts.append(
            f"With 10 % of the traffic by bots ({len(attacked)} seed(s)) the pushed brand "
            f"gains {gain} points of shoppers' looks by round {last}."
        )
    return "\n\n".join(parts)


def reading() -> str:
    """Precision and recall of the evidence reader."""
    rows = []
    for name, row in figures("teacher-evidence")["reader"]["held"].items():
        cells = []
        for key in ("precision", "recall"):
            cells.append(
                f"{row[key]['value']:.3f} ({row[key]['hits']}/{row[key]['n']})"
            )
        rows.append([name, *cells])
    return "\n\n".join(
        [
            "## The evidence reader",
            "`python -m bench teacher evidence`. Values labelled by hand in real texts, the "
            "half that nothing was tuned on.",
            table("attribute | precision | recall", rows),
        ]
    )


def speed() -> str:
    """Milliseconds, pairs a second, megabytes."""
    latency = figures("student-latency")
    student, cross = latency["student"], latency["cross"]
    judging = figures("teacher-speed")["esci"]
    images = figures("serving-images")["images"]
    rows = [
        ["student", f"{student['p50']:.0f} ms", f"{student['p95']:.0f} ms"],
        ["MiniLM cross-encoder", f"{cross['p50']:.0f} ms", f"{cross['p95']:.0f} ms"],
    ]
    before = judging["evidence + rules, items read before"]
    now = judging["evidence + rules, items read now"]
    paces = [
        ["rule book, items read before", f"{before:,.0f}"],
        ["rule book, items read now", f"{now:,.0f}"],
        ["tiny teacher", f"{judging['tiny LM']:,.0f}"],
    ]
    sizes = [[name, f"{image['mb']:,.0f}"] for name, image in images.items()]
    return "\n\n".join(
        [
            "## Speed and size",
            "`python -m bench student latency`. A list of 100 known items, one thread:",
            table("ranker | p50 | p95", rows),
            "`python -m bench teacher speed`. ESCI pairs a second, one core (tiny teacher: two):",
            table("judge | pairs a second", paces),
            "`python -m bench serving images`. Uncompressed:",
            table("image | MB", sizes),
        ]
    )


def render() -> str:
    """The whole page."""
    sections = (
        ranking,
        robustness,
        whole_runs,
        other_world,
        alignment,
        attacks,
        peeking,
        position,
        rounds,
        reading,
        speed,
    )
    return "\n\n".join([INTRO, *[section() for section in sections]]) + "\n"


def readme() -> str:
    """The README with the table of systems between its marks."""
    begin, end = MARKS
    before, _, rest = README.read_text("utf-8").partition(begin)
    return f"{before}{begin}{systems_table()}\n{end}{rest.partition(end)[2]}"


def write() -> None:
    """Write the page, and the README's table."""
    PAGE.write_text(render(), "utf-8")
    README.write_text(readme(), "utf-8")
