"""The verbs of the whole loop: run it, round after round, and print what the rounds did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from adore.cli.data import Data, Profile, Seed
from adore.errors import MissingError, check

__all__ = ["VERBS", "add_to", "history", "run_loop"]


def add_to(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    for verb_name, function in VERBS.items():
        app.command(verb_name)(function)


def run_loop(
    data: Data = "demo",
    out: Annotated[
        str,
        typer.Option(
            help="Run folder; default: the newest run of the same arguments, or runs/<time>."
        ),
    ] = "",
    profile: Profile = "laptop",
    seed: Seed = 0,
    shop: Annotated[
        str,
        typer.Option(
            help="Shop's folder or s3://… place; default with --rounds: runs/shop-…"
        ),
    ] = "",
    rounds: Annotated[
        int,
        typer.Option(
            min=0,
            help="Run rounds until the shop has so many; 0 with --shop: one more.",
        ),
    ] = 0,
) -> None:
    """Run the whole loop on this machine (the KFP pipeline, no cluster), once or in rounds."""
    if shop or rounds:
        check(not out, "--out", out, must="empty for rounds", fix="use --shop")
        _run_rounds(data, profile, seed, shop=shop, count=rounds)
        return
    from adore.pipeline import local

    place = out or local.choose_out(data, profile, seed)
    typer.echo(f"run {place} (data {data}, profile {profile}, seed {seed})", err=True)
    understood = local.check_input(data, place, profile=profile, seed=seed)
    typer.echo(f"{understood}\n", err=True)
    local.run_local(data, place, profile=profile, seed=seed)
    _print_run(place)


def _print_run(place: str) -> None:
    """Print the figures of a run, and where to look next."""
    # Imported late: a verb loads only what it needs.
    from adore.artifacts import read_manifest
    from adore.report.page import summary_table
    from adore.storage import join, local_copy

    typer.echo(summary_table(local_copy(place)))
    typer.echo(f"\npage: {place}/index.html")
    # A refused student has no release to serve.
    if read_manifest(join(place, "release")):
        typer.echo(f"try it: make serve RUN={place}")


def _run_rounds(data: str, profile: str, seed: int, *, shop: str, count: int) -> None:
    from adore.pipeline.rounds import Shop, choose_shop, run_rounds, shop_place
    from adore.rounds.registry import read_state
    from adore.rounds.table import render
    from adore.run_record import read_run

    place = shop_place(shop or choose_shop(data, profile, seed))
    typer.echo(f"shop {place} (data {data}, profile {profile}, seed {seed})", err=True)
    wanted = count or read_state(place).ended + 1
    state = run_rounds(Shop(place, data, profile, seed), wanted)
    # The files of a round may have been deleted since.
    if state.worked and read_run(state.worked[-1].run):
        _print_run(state.worked[-1].run)
    typer.echo(f"\n{render(state)}")


def history(
    shop: Annotated[str, typer.Option(help="Shop's folder or s3://… place.")],
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    cluster: Annotated[
        bool,
        typer.Option(
            "--cluster", help="First enter there what the cluster of KUBECONFIG serves."
        ),
    ] = False,
    profile: Profile = "laptop",
) -> None:
    """Print a shop's rounds: data, teacher, student, gate, experiment, decision, what serves."""
    import json

    from adore.pipeline.rounds import shop_place
    from adore.rounds.registry import read_state
    from adore.rounds.table import history as list_rounds
    from adore.rounds.table import render

    place = shop_place(shop)
    check(
        read_state(place).last > 0,
        "--shop",
        shop,
        must="a place with rounds",
        fix="run one: adore run --shop, or correct the place",
        error=MissingError,
    )
    if cluster:
        from adore.pipeline.cluster_rounds import reconcile_shop

        for difference in reconcile_shop(place, profile):
            typer.echo(difference, err=True)
    state = read_state(place)
    printed_text = render(state)
    if json_:
        printed_text = json.dumps(list_rounds(state), indent=2, ensure_ascii=False)
    typer.echo(printed_text)


VERBS: dict[str, Callable[..., None]] = {"run": run_loop, "history": history}
"""Verbs of the whole loop."""
