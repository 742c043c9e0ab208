"""The verbs of ``adore``: each fills a config and calls a stage; nothing is computed here."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from adore import __version__
from adore.cli import data as cli_data
from adore.cli import loop as cli_loop
from adore.cli.data import Data, Profile, Run, Seed
from adore.cli.rulebook import app as rulebook_app
from adore.distributed import leave
from adore.errors import AdoreError, check
from adore.pipeline.graph import STEPS

__all__ = ["app", "main"]

app = typer.Typer(
    name="adore",
    help="A search-relevance model for any shop: judge, align, synthesise, distil, serve, prove.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(rulebook_app)
cli_data.add_to(app)

STAGES = [name for name in STEPS if name not in cli_data.VERBS]


def _version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print it."),
    ] = False,
) -> None:
    """Do nothing: verbs import what they need, so that ``--help`` is fast."""


cli_loop.add_to(app)


def _stage_verb(name: str) -> Callable[..., None]:
    def verb(
        run: Run, data: Data = "demo", profile: Profile = "laptop", seed: Seed = 0
    ) -> None:
        from adore.pipeline.runner import run_step

        run_step(name, run, data=data, profile=profile, seed=seed)

    verb.__doc__ = f"Run the step {name} of a run, unless its output is up to date."
    return verb


def _judge_verb(name: str) -> Callable[..., None]:
    def verb(
        run: Run,
        data: Data = "demo",
        profile: Profile = "laptop",
        seed: Seed = 0,
        dry_run: Annotated[
            bool,
            typer.Option(
                "--dry-run", help="Only estimate pairs, tokens, seconds and money."
            ),
        ] = False,
    ) -> None:
        if dry_run:
            from adore.pipeline.runner import plan

            typer.echo(plan(name, run, data=data, profile=profile, seed=seed))
            return
        from adore.pipeline.runner import run_step

        run_step(name, run, data=data, profile=profile, seed=seed)

    verb.__doc__ = (
        f"Run the step {name} of a run, unless its output is up to date; "
        "--dry-run estimates its cost."
    )
    return verb


# The verbs of steps come from the graph, so that a new step has its verb.
for _name in STAGES:
    if _name.startswith("judge"):
        app.command(_name)(_judge_verb(_name))
    elif _name != "release":
        app.command(_name)(_stage_verb(_name))


@app.command("cost")
def cost(
    run: Run, data: Data = "demo", profile: Profile = "laptop", seed: Seed = 0
) -> None:
    """Print time and cost of each finished step, and estimate the remaining judging steps."""
    from adore.pipeline.runner import costs

    typer.echo(costs(run, data=data, profile=profile, seed=seed))


release_app = typer.Typer(
    name="release",
    help="Make a run's release; serve, list, promote and roll back releases on Kubernetes.",
)
app.add_typer(release_app)

Force = Annotated[
    bool, typer.Option("--force", help="Take over fields that another manager holds.")
]


def _target(profile: str, namespace: str, *, force: bool = False) -> Any:
    from adore.release.kubernetes.client import Cluster
    from adore.release.kubernetes.target import KubernetesTarget

    cluster_config = _cluster_config(profile, namespace)
    return KubernetesTarget(cluster_config, Cluster(cluster_config, force=force))


def _cluster_config(profile: str, namespace: str) -> Any:
    from adore.pipeline.settings import section_config

    overrides = {"namespace": namespace} if namespace else {}
    return section_config(profile, "kubernetes", **overrides)


Namespace = Annotated[
    str, typer.Option(help="Namespace; default: the profile's kubernetes.namespace.")
]


@release_app.callback(invoke_without_command=True)
def release_step(
    context: typer.Context,
    run: Run = "",
    data: Data = "demo",
    profile: Profile = "laptop",
    seed: Seed = 0,
) -> None:
    """Without a subcommand: run the step release of a run, unless its output is up to date."""
    if context.invoked_subcommand is None:
        check(
            bool(run),
            "--run",
            run,
            must="given",
            fix="add --run DIR, or a subcommand: apply, list, promote, rollback",
        )
        from adore.pipeline.runner import run_step

        run_step("release", run, data=data, profile=profile, seed=seed)


@release_app.command(
    "apply",
    help=(
        "Serve a release on Kubernetes: KServe servers, router, experiment; "
        "returns when everything is ready."
    ),
)
def release_apply(
    place: Annotated[
        str,
        typer.Argument(
            help="The release step's output, at a place that the cluster reads (s3://…/release)."
        ),
    ],
    profile: Profile = "laptop",
    namespace: Namespace = "",
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only print the objects; needs no cluster."),
    ] = False,
    only_plan: Annotated[
        bool, typer.Option("--plan", help="Only print what would change or be refused.")
    ] = False,
    force: Force = False,
) -> None:
    """Serve a release on Kubernetes."""
    from adore.release.kubernetes.releases import read_plan, render

    cluster_config = _cluster_config(profile, namespace)
    release_plan = read_plan(cluster_config, place)
    if dry_run:
        import yaml

        typer.echo(
            yaml.safe_dump_all(render(cluster_config, release_plan), sort_keys=False)
        )
        return
    target = _target(profile, namespace, force=force)
    if only_plan:
        changes = target.preview(release_plan)
        typer.echo("\n".join(map(str, changes)))
        is_refused = any(change.action == "refused" for change in changes)
        raise typer.Exit(1 if is_refused else 0)
    typer.echo(f"release {target.release(release_plan)} is live")


@release_app.command(
    "list",
    help=(
        "List every release that the cluster remembers, with shares, versions and places; "
        "a star marks the live one."
    ),
)
def release_list(profile: Profile = "laptop", namespace: Namespace = "") -> None:
    """List every release that the cluster remembers."""
    for release in _target(profile, namespace).releases():
        release_plan = release.plan
        live_mark = "*" if release.live else " "
        release_line = f"{live_mark} {release.number:<4} {release.created}"
        release_line += f"  {release_plan['name']}  {release.note}"
        typer.echo(release_line.rstrip())
        for variant, variant_plan in release_plan["variants"].items():
            traffic_share = release_plan["weights"][variant]
            model_version = variant_plan["version"]
            model_place = variant_plan["uri"]
            traffic = f"{variant:<12} {traffic_share:>6.1%}"
            typer.echo(f"       {traffic}  {model_version}  {model_place}")


@release_app.command("promote")
def release_promote(
    variant: Annotated[
        str, typer.Argument(help="The variant that serves all users.")
    ] = "challenger",
    profile: Profile = "laptop",
    namespace: Namespace = "",
    force: Force = False,
) -> None:
    """End the live experiment: one variant's model becomes the control and serves all users."""
    release_number = _target(profile, namespace, force=force).promote(variant)
    typer.echo(f"release {release_number} is live")


@release_app.command("rollback")
def release_rollback(
    to: Annotated[
        int, typer.Option(help="Release number; 0: the one before the live one.")
    ] = 0,
    profile: Profile = "laptop",
    namespace: Namespace = "",
    force: Force = False,
) -> None:
    """Serve an earlier release again; its servers still run, so only the router switches."""
    release_number = _target(profile, namespace, force=force).rollback(to)
    typer.echo(f"release {release_number} is live")


@app.command(
    "explain",
    help=(
        "Explain an item's rank for a query: "
        "from the served score back to evidence, rules, judgements and sources."
    ),
)
def explain(
    run: Run,
    query: Annotated[str, typer.Option(help="Query text.")],
    item: Annotated[str, typer.Option(help="Item id.")],
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Explain an item's rank for a query."""
    import json

    from adore.pipeline.explain import explain_pair
    from adore.pipeline.explanation import render

    explanation = explain_pair(run, query, item)
    printed_text = render(explanation)
    if json_:
        printed_text = json.dumps(explanation.to_json(), indent=2, ensure_ascii=False)
    typer.echo(printed_text)


@app.command("serve")
def serve(
    run: Run, port: Annotated[int, typer.Option(help="Router port.")] = 8080
) -> None:
    """Serve a run's variants with the router and its page, until Ctrl-C."""
    from adore.release.serve import serve as keep_up
    from adore.storage import join, local_copy

    keep_up(local_copy(join(run, "release")), port=port)


@app.command("doctor")
def doctor(
    cluster: Annotated[
        bool,
        typer.Option("--cluster", help="Check the cluster of KUBECONFIG instead."),
    ] = False,
    profile: Profile = "laptop",
    namespace: Namespace = "",
    reach: Annotated[
        bool,
        typer.Option(help="Start three small pods that try what our pods must reach."),
    ] = True,
) -> None:
    """Check what is installed, reachable and missing, and print how to fix it."""
    from adore.pipeline.doctor.machine import examine

    findings = examine()
    if cluster:
        from adore.pipeline.doctor.cluster import examine_cluster
        from adore.pipeline.settings import section_config

        cluster_config = _cluster_config(profile, namespace)
        findings = examine_cluster(
            cluster_config, section_config(profile, "cluster"), reach=reach
        )
    is_incomplete = False
    for finding in findings:
        if finding.ok:
            status_mark = "ok  "
        elif finding.needed:
            status_mark = "MISS"
            is_incomplete = True
        else:
            status_mark = "opt "
        typer.echo(f"{status_mark}  {finding.name:<22} {finding.text}")
    raise typer.Exit(1 if is_incomplete else 0)


Host = Annotated[
    str,
    typer.Option(
        help="Kubeflow Pipelines' address; KFP_TOKEN holds a token if it needs one."
    ),
]
Experiment = Annotated[str, typer.Option(help="Kubeflow Pipelines' experiment.")]
Into = Annotated[
    str, typer.Option("--namespace", help="The namespace that the run belongs to.")
]


@app.command(
    "submit",
    help=(
        "Run the loop on Kubeflow Pipelines: "
        "upload a version, start a run, print its link, follow it."
    ),
)
def submit(  # noqa: PLR0913, PLR0917 - a parameter is an option
    host: Host,
    namespace: Into,
    out: Annotated[str, typer.Option(help="Run place, s3://…")] = "",
    experiment: Experiment = "adore",
    data: Data = "demo",
    profile: Profile = "laptop",
    seed: Seed = 0,
    wait: Annotated[
        bool,
        typer.Option(
            help="Follow the run; the exit status is 0 if it passes or is refused."
        ),
    ] = True,
    deploy: Annotated[
        bool,
        typer.Option(
            "--deploy", help="Serve a student that passes its gate on that cluster."
        ),
    ] = False,
    look: Annotated[
        bool,
        typer.Option(help="First check Secrets and images that pods would wait for."),
    ] = True,
    shop: Annotated[
        str, typer.Option(help="Shop's s3://… place: run its next round.")
    ] = "",
    every: Annotated[
        str,
        typer.Option(
            help="With --shop: run rounds at these times, by six cron fields."
        ),
    ] = "",
) -> None:
    """Run the loop on Kubeflow Pipelines."""
    from adore.pipeline import cluster
    from adore.pipeline.kubeflow.client import Server
    from adore.pipeline.kubeflow.follow import follow

    check(bool(shop) or not every, "--every", every, must="empty", fix="add --shop")
    if shop:
        check(not out, "--out", out, must="empty for rounds", fix="use --shop alone")
        from adore.pipeline import cluster_rounds
        from adore.pipeline.rounds import Shop

        server = Server(host, namespace)
        wanted = Shop(shop, data, profile, seed, deploy)
        if every:
            cluster_rounds.schedule_rounds(
                server, wanted, cron=every, experiment=experiment
            )
            return
        run = cluster_rounds.submit_round(
            server, wanted, experiment=experiment, look=look
        )
        raise typer.Exit(follow(server, run) if run and wait else 0)
    # A folder that cannot be read is refused before the cluster starts anything.
    if data != "demo" and not cli_data.may_begin(data, profile):
        raise typer.Exit(1)
    server = Server(host, namespace)
    target = "kubernetes" if deploy else "local"
    run = cluster.submit(
        server,
        data,
        out,
        profile=profile,
        seed=seed,
        experiment=experiment,
        look=look,
        target=target,
    )
    raise typer.Exit(follow(server, run) if wait else 0)


@app.command("schedule")
def schedule(
    host: Host,
    namespace: Into,
    experiment: Experiment = "adore-review",
    profile: Profile = "laptop",
    cron: Annotated[
        str, typer.Option(help="Cron expression of six fields, seconds first.")
    ] = "0 0 * * * *",
    act: Annotated[
        bool,
        typer.Option(
            "--act", help="Promote or roll back as decided; otherwise only decide."
        ),
    ] = False,
) -> None:
    """Review the live experiment repeatedly on Kubeflow Pipelines."""
    from adore.pipeline import cluster
    from adore.pipeline.kubeflow.client import Server

    cluster.schedule(
        Server(host, namespace),
        profile=profile,
        cron=cron,
        experiment=experiment,
        act=act,
    )


@app.command("compile")
def compile_pipelines(
    output: Annotated[str, typer.Option(help="Folder for the IR YAML.")] = "build",
    profile: Annotated[
        str, typer.Option(help="Compile this profile's images and section cluster in.")
    ] = "",
) -> None:
    """Compile every pipeline to KFP's IR YAML."""
    # A wrong profile would be compiled into every task.
    if profile:
        from adore.pipeline.settings import check_profile

        check_profile(profile)
    from adore.pipeline.compiler import compile_all

    for compiled_file in compile_all(output, profile):
        typer.echo(compiled_file)


def main(*args: Any) -> None:
    """Run the command line; ADORE's and the disk's errors print one line and exit with 1."""
    try:
        app(*args)
    except (AdoreError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)
    # Under torchrun the interpreter's own shutdown may abort, see adore.distributed.leave.
    except SystemExit as end:
        leave(end)
