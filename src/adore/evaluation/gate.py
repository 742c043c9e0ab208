"""Stage ``gate``: may the student be released?

It must be better than the ranker in production and than the best baseline, in a paired
bootstrap, and hold on guarded slices.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl
from pydantic import Field

from adore.artifacts import read_table
from adore.config import StageConfig
from adore.evaluation.evaluate import HARD, RANKING, SIDE
from adore.evaluation.scores import values_by_system
from adore.evaluation.slices import ALL
from adore.significance import Difference, paired
from adore.storage import write_json
from adore.types import CHAMPION

__all__ = ["Config", "GateCheck", "GateReport", "best_baseline", "decide", "run"]

_MIN_ADVERSARIAL_PAIRS = 30
_DIFFERENCE = f"{RANKING} difference"
_LOWER_BOUND = "lower bound of the difference"


class Config(StageConfig):
    """What a student must show."""

    margin: float = 0.02
    """The interval of the difference must stay above minus this."""
    slice_drop: float = 0.1
    """No guarded slice may fall by more than this (nDCG@10)."""
    robust: float = Field(0.8, ge=0, le=1)
    """Least share of the adversarial set on the right side of exact.

    With fewer than 30 pairs it is not guarded.
    """
    min_queries: int = 5
    """Slices with fewer judged test queries are not guarded."""
    draws: int = Field(2000, ge=1)
    """Bootstrap samples."""
    level: float = Field(0.95, gt=0, lt=1)
    """Coverage of the interval of the difference."""
    challenger: str = "student"
    """The system that may be released."""
    fallback: str = "hybrid"
    """The best baseline where no dev query is judged; the test split never chooses it."""


@dataclass(frozen=True, slots=True)
class GateCheck:
    """One condition that the student must meet.

    Attributes:
        name: what is checked.
        value: what was measured.
        threshold: what it must be above.
        passed: whether it is.
        queries: judged queries that it rests on; None: it is not counted in queries.
        pairs: the same in pairs.
        opponent: the system that the student is compared with; None: with none.
    """

    name: str
    value: float
    threshold: float
    passed: bool
    queries: int | None = None
    pairs: int | None = None
    opponent: str | None = None

    def to_json(self) -> dict[str, object]:
        """The check as it is written, without empty fields."""
        fields = asdict(self)
        fields["value"] = round(self.value, 6)
        for name in ("queries", "pairs", "opponent"):
            if fields[name] is None:
                del fields[name]
        return fields

    def reason(self) -> str:
        """The check in one sentence."""
        verdict = "holds" if self.passed else "fails"
        opponent = f" against {self.opponent}" if self.opponent else ""

        # Rounded first: what is 0 but for the noise of floats is written +0.000.
        value = round(self.value, 6)
        measured = f"{self.name} {verdict}: {value:+.3f}{opponent}"
        sentence = f"{measured}, must be above {self.threshold:+.3f}"
        if self.name == _DIFFERENCE and value == 0 and not self.passed:
            sentence += ": the student is no better"
        return sentence


@dataclass(frozen=True, slots=True)
class GateReport:
    """Whether the student may be released, and why.

    Attributes:
        passed: whether every check passed.
        champion: the system in production where it was scored, else the best baseline;
            empty: there is neither.
        baseline: the best baseline; empty: there is none.
        reasons: sentences for people; of the failed checks, else of all differences.
        checks: everything that was checked.
        difference: of the nDCG@10 of student and champion; None: it was not measured.
    """

    passed: bool
    champion: str
    baseline: str
    reasons: tuple[str, ...]
    checks: tuple[GateCheck, ...] = ()
    difference: Difference | None = None

    def to_json(self) -> dict[str, object]:
        """The report as ``gate.json`` holds it."""
        fields: dict[str, object] = {
            "passed": self.passed,
            "champion": self.champion,
            "baseline": self.baseline,
            "reasons": list(self.reasons),
            "checks": [gate_check.to_json() for gate_check in self.checks],
        }

        # Nothing was compared where the gate refused for lack of data.
        if self.difference is not None:
            fields["difference"] = self.difference.difference
            fields["low"] = self.difference.low
            fields["high"] = self.difference.high
            fields["p"] = self.difference.p
            fields["queries"] = self.difference.n
        return fields


def best_baseline(measures: pl.DataFrame, config: Config) -> str:
    """The best baseline by nDCG@10 on the dev split.

    Args:
        measures: the ``measures`` table of evaluate; empty: there is no baseline.
        config: names the challenger, which is no baseline, and the fallback; nor is the
            champion one.

    Returns:
        Its name; ``config.fallback`` where dev holds no judged query; ``""`` if there is no
        baseline.
    """
    baselines = measures
    if measures.height:
        trained = (config.challenger, CHAMPION)
        baselines = measures.filter(~pl.col("system").is_in(trained))
    if not baselines.height:
        return ""

    on_dev = baselines.filter(split="dev", slice=ALL, measure=RANKING)
    best_first = on_dev.sort(["value", "system"], descending=[True, False])
    if best_first.height:
        return str(best_first["system"][0])

    # Dev has no judged query, and test must not choose its own opponent.
    baseline_names = sorted(baselines["system"].unique())
    if config.fallback in baseline_names:
        return config.fallback
    return str(baseline_names[0])


def _test_values(per_query: pl.DataFrame, slice_name: str) -> pl.DataFrame:
    """Test nDCG@10: a row per query, a column per system, complete rows only."""
    return values_by_system(per_query.filter(split="test", slice=slice_name))


def _slice_checks(
    per_query: pl.DataFrame, champion: str, config: Config
) -> list[GateCheck]:
    """One check per slice that has enough judged queries."""
    checks = []
    for slice_name in sorted(set(per_query["slice"].unique()) - {ALL}):
        slice_values = _test_values(per_query, slice_name)
        systems = set(slice_values.columns)
        is_measured = {config.challenger, champion} <= systems
        if not is_measured or slice_values.height < config.min_queries:
            continue

        # Compared query by query, so the difficulty of a query cancels.
        query_gains = slice_values[config.challenger] - slice_values[champion]
        mean_gain = float(query_gains.mean() or 0.0)  # type: ignore[arg-type]
        slice_check = GateCheck(
            name=f"slice: {slice_name}",
            value=mean_gain,
            threshold=-config.slice_drop,
            passed=mean_gain >= -config.slice_drop,
            queries=slice_values.height,
            opponent=champion,
        )
        checks.append(slice_check)
    return checks


def _adversarial_checks(measures: pl.DataFrame, config: Config) -> list[GateCheck]:
    """The check of the adversarial set, if it is large enough."""
    large_slices = measures.filter(
        pl.col("slice") == HARD,
        pl.col("system") == config.challenger,
        pl.col("n") >= _MIN_ADVERSARIAL_PAIRS,
    )
    checks = []
    for right_share, pair_count in large_slices.select("value", "n").iter_rows():
        checks.append(
            GateCheck(
                name=f"{HARD}: {SIDE}",
                value=right_share,
                threshold=config.robust,
                passed=right_share >= config.robust,
                pairs=pair_count,
            )
        )
    return checks


def _opponents(measures: pl.DataFrame, baseline: str) -> list[str]:
    """Whom the student must beat: the champion, if it was scored, and the best baseline."""
    opponents = []
    if measures.height and CHAMPION in measures["system"]:
        opponents.append(CHAMPION)
    if baseline:
        opponents.append(baseline)
    return opponents


def _difference_checks(
    difference: Difference, opponent: str, config: Config
) -> tuple[GateCheck, GateCheck]:
    """The student is better than an opponent, and surely not much worse."""
    is_better = GateCheck(
        name=_DIFFERENCE,
        value=difference.difference,
        threshold=0.0,
        passed=difference.difference > 0,
        queries=difference.n,
        opponent=opponent,
    )
    not_worse = GateCheck(
        name=_LOWER_BOUND,
        value=difference.low,
        threshold=-config.margin,
        passed=difference.low > -config.margin,
        opponent=opponent,
    )
    return is_better, not_worse


def decide(
    measures: pl.DataFrame, per_query: pl.DataFrame, config: Config
) -> GateReport:
    """Choose the best baseline on dev, compare on test, check the guarded slices.

    Args:
        measures: the ``measures`` table of evaluate, with its ``split`` column.
        per_query: nDCG@10 by system, split, slice and query.
        config: what the student must show.

    Returns:
        The report; without an opponent or judged test queries it refuses.
    """
    baseline = best_baseline(measures, config)
    opponents = _opponents(measures, baseline)
    if not opponents:
        reason = "no baseline was scored on judged queries: there is nothing to beat"
        return GateReport(False, "", baseline, (reason,))

    champion = opponents[0]
    test_values = _test_values(per_query, ALL)
    is_measured = {config.challenger, *opponents} <= set(test_values.columns)
    if not is_measured or test_values.height < 2:
        reason = (
            "fewer than 2 judged test queries with every system: nothing can be shown"
        )
        return GateReport(False, champion, baseline, (reason,))

    differences: dict[str, Difference] = {}
    compared: list[GateCheck] = []
    for opponent in opponents:
        difference = paired(
            test_values[config.challenger].to_numpy(),
            test_values[opponent].to_numpy(),
            draws=config.draws,
            seed=config.seed,
            level=config.level,
        )
        differences[opponent] = difference
        compared += _difference_checks(difference, opponent, config)

    guarded = _slice_checks(per_query, champion, config)
    adversarial = _adversarial_checks(measures, config)
    checks = (*compared, *guarded, *adversarial)

    # A refusal names what failed; a pass names how much better the student is.
    failed = [check for check in checks if not check.passed]
    reasons = tuple(check.reason() for check in failed or compared)
    return GateReport(
        passed=not failed,
        champion=champion,
        baseline=baseline,
        reasons=reasons,
        checks=checks,
        difference=differences[champion],
    )


def run(config: Config, measures: Path, output: Path) -> dict[str, float]:
    """Write ``gate.json``; a student that does not pass is a result, not an error.

    Args:
        config: what the student must show.
        measures: the folder of ``evaluate``.
        output: the folder of this stage.

    Returns:
        Metrics: 1 if the student passed, else 0; the difference to the champion, 0 where
        none was measured.

    Raises:
        MissingError: ``measures`` is not there.
        DataError: a table cannot be read.
    """
    measure_table = read_table(measures, "measures")
    per_query = pl.read_parquet(measures / "per_query.parquet")
    report = decide(measure_table, per_query, config)
    write_json(report.to_json(), output / "gate.json")

    difference = 0.0
    if report.difference is not None:
        difference = report.difference.difference
    return {"passed": float(report.passed), "difference": difference}
