"""The verbs that read or write a shop's own files: check, demo-data, score, evaluate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from adore.errors import MissingError, UnavailableError, check

__all__ = [
    "VERBS",
    "add_to",
    "check_data",
    "demo_data",
    "evaluate",
    "is_understood",
    "may_begin",
    "score",
]

Data = Annotated[
    str, typer.Option(help="Input folder or s3://… place; 'demo' makes the demo shop.")
]
Run = Annotated[str, typer.Option("--run", help="The run's folder or s3://… place.")]
Profile = Annotated[str, typer.Option(help="Profile: laptop, or a .yaml file.")]
Seed = Annotated[int, typer.Option(help="Seeds every random choice.")]
Output = Annotated[str, typer.Option(help="File to write (.parquet, .csv or .jsonl).")]


def add_to(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    for verb_name, function in VERBS.items():
        # A verb's help is one line, however its docstring is set.
        docstring = function.__doc__ or ""
        help_words = docstring.split()
        app.command(verb_name, help=" ".join(help_words))(function)


def is_understood(data: str, profile: str) -> bool:
    """Print how ADORE reads an input folder.

    Args:
        data: the folder, or its place.
        profile: a profile's name or file; its section ``prepare`` says how to read it.

    Returns:
        Whether a run can begin.
    """
    from adore.pipeline.local import examine_folder

    folder_report = examine_folder(data, profile)
    typer.echo(folder_report.text)
    return folder_report.can_run


def may_begin(data: str, profile: str) -> bool:
    """Call :func:`is_understood`; return True if this machine cannot read the folder.

    The step prepare then checks it on the cluster.

    Args:
        data: the folder, or its place.
        profile: a profile's name or file.

    Returns:
        Whether a run may begin with the folder, as far as this machine can check.
    """
    try:
        return is_understood(data, profile)
    except (MissingError, UnavailableError) as error:
        typer.echo(f"not checked here; the step prepare checks it: {error}", err=True)
        return True


def check_data(
    data: Annotated[str, typer.Argument(help="Input folder or s3://… place.")],
    profile: Profile = "laptop",
) -> None:
    """Say how a shop's folder is understood, before a run; status 1 if it cannot begin."""
    raise typer.Exit(0 if is_understood(data, profile) else 1)


def demo_data(
    output: Annotated[str, typer.Option(help="Folder or place to write.")],
    world: Annotated[
        str, typer.Option(help="shop, or lab: laboratory supplies, one-word queries.")
    ] = "",
    profile: Profile = "laptop",
    seed: Seed = 0,
) -> None:
    """Make the demo shop: catalogue, queries, judgements and events with known truth."""
    from adore.pipeline.runner import run_stage

    # Without the option the profile chooses the world.
    overrides = {"world": world} if world else {}
    run_stage("demo-data", {}, output, profile=profile, seed=seed, **overrides)


def score(
    student: Annotated[str, typer.Option(help="Student folder or place.")] = "",
    items: Annotated[str, typer.Option(help="Items file.")] = "",
    queries: Annotated[str, typer.Option(help="Queries file.")] = "",
    pairs: Annotated[str, typer.Option(help="File with query_id and item_id.")] = "",
    output: Output = "",
    run: Run = "",
    profile: Profile = "laptop",
    seed: Seed = 0,
) -> None:
    """Score pairs of files with a student, or (with --run) run the step of a run."""
    if run:
        from adore.pipeline.runner import run_step

        run_step("score", run, data="demo", profile=profile, seed=seed)
        return
    overrides = {
        "student": student,
        "items": items,
        "queries": queries,
        "pairs": pairs,
        "output": output,
    }
    # The options have defaults because a run's step does not need them.
    for option_name, option_value in overrides.items():
        check(
            bool(option_value),
            f"--{option_name}",
            option_value,
            must="given",
            fix=f"add --{option_name} (or --run DIR for a run's step)",
        )
    from adore.student.score import score_files

    score_files(student, output, items=items, queries=queries, pairs=pairs)


def evaluate(
    scores: Annotated[
        str, typer.Option(help="File with query_id, item_id, score, grade.")
    ] = "",
    judgements: Annotated[
        str, typer.Option(help="File with query_id, item_id and label or grade.")
    ] = "",
    run: Run = "",
    profile: Profile = "laptop",
    seed: Seed = 0,
) -> None:
    """Measure a scores file against human judgements, or (with --run) run the step of a run."""
    if run:
        from adore.pipeline.runner import run_step

        run_step("evaluate", run, data="demo", profile=profile, seed=seed)
        return
    check(
        bool(scores),
        "--scores",
        scores,
        must="given",
        fix="add --scores FILE (or --run DIR)",
    )
    check(
        bool(judgements),
        "--judgements",
        judgements,
        must="given",
        fix="add --judgements FILE",
    )
    from adore.data.tables import read_judgements, read_scores
    from adore.evaluation.evaluate import evaluate_scores

    measures = evaluate_scores(read_scores(scores), read_judgements(judgements))
    for measure_row in measures.iter_rows(named=True):
        interval = f"[{measure_row['low']:.4f}, {measure_row['high']:.4f}]"
        measure = f"{measure_row['measure']:<18} {measure_row['value']:.4f}"
        typer.echo(f"{measure}  {interval}  n={measure_row['n']}")


VERBS: dict[str, Callable[..., None]] = {
    "check": check_data,
    "demo-data": demo_data,
    "score": score,
    "evaluate": evaluate,
}
"""Verbs for a user's own files; some are steps of the loop as well."""
