"""Rounds on Kubeflow Pipelines: each is a run of the loop, which a recurring run may start."""

from __future__ import annotations

import tempfile

from adore import storage
from adore.pipeline import cluster, settings
from adore.pipeline.compiler import compile_pipeline
from adore.pipeline.kubeflow.client import Server
from adore.pipeline.kubeflow.preflight import ACCOUNT
from adore.pipeline.rounds import Shop, begin_round, profile_of
from adore.progress import log_line
from adore.release.kubernetes.reconcile import reconcile
from adore.release.kubernetes.target import KubernetesTarget

__all__ = ["reconcile_shop", "schedule_rounds", "submit_round"]


def reconcile_shop(shop: str, profile: str) -> list[str]:
    """Bring a shop's registry up to what the cluster serves.

    Args:
        shop: the shop's place.
        profile: a profile's name or place; its section ``kubernetes`` says where to look.

    Returns:
        A sentence for each difference.
    """
    target = KubernetesTarget(settings.section_config(profile, "kubernetes"))
    return reconcile(shop, target.releases())


def submit_round(
    server: Server, shop: Shop, *, experiment: str, look: bool = True
) -> str:
    """Start the next round of a shop as a run on Kubeflow Pipelines, if anything is new.

    Its input is prepared here, where the registry is asked; the run keeps it.

    Args:
        server: Kubeflow Pipelines.
        shop: where the rounds are, and what they are made from.
        experiment: Kubeflow Pipelines' experiment.
        look: first check Secrets, settings and images in the namespace of the run's pods.

    Returns:
        The run's id; empty if there is nothing to run.

    Raises:
        ConfigError: the profile is wrong, or the namespace lacks what pods wait for.
        MissingError: the cluster cannot read a place.
    """
    _check_places(shop)
    if shop.deploy:
        for difference in reconcile_shop(shop.place, shop.profile):
            log_line(f"note: {difference}")
    current_round = begin_round(shop, is_going=server.is_going)
    if current_round is None:
        return ""
    details = current_round.started.details
    return cluster.submit(
        server,
        details["data"],
        current_round.run,
        profile=profile_of(current_round),
        seed=details["seed"],
        experiment=experiment,
        look=look,
        target="kubernetes" if shop.deploy else "local",
    )


def _check_places(shop: Shop) -> None:
    """Refuse places that the cluster cannot read, before anything is written there."""
    cluster.check_readable("shop", shop.place, shop.profile)
    if shop.data != "demo":
        cluster.check_readable("data", shop.data, shop.profile)


def schedule_rounds(server: Server, shop: Shop, *, cron: str, experiment: str) -> str:
    """Make ``pipelines/rounds.py`` a recurring run: it looks at the shop, and starts a round.

    Args:
        server: Kubeflow Pipelines, at an address that its pods reach as well.
        shop: where the rounds are, and what they are made from; every place is one that pods
            read.
        cron: six fields, seconds first, as Kubeflow Pipelines reads them.
        experiment: Kubeflow Pipelines' experiment, of the rounds and of what starts them.

    Returns:
        The recurring run's id.

    Raises:
        ConfigError: the profile is wrong.
        MissingError: the cluster cannot read a place.
    """
    settings.check_profile(shop.profile)
    _check_places(shop)
    with tempfile.TemporaryDirectory(prefix="adore-compile-") as compile_folder:
        pipeline_ids = server.upload(
            compile_pipeline("rounds", compile_folder, shop.profile), "adore-rounds"
        )
    arguments = {
        "shop": shop.place,
        "data": shop.data,
        "profile": cluster.profile_for_pods(shop.profile, shop.place),
        "seed": shop.seed,
        "deploy": shop.deploy,
        "host": server.host,
        "namespace": server.namespace,
        "experiment": experiment,
    }
    pipeline_root = ""
    if storage.is_remote(shop.place):
        pipeline_root = storage.join(shop.place, ".kfp")
    return server.repeat(
        pipeline_ids,
        arguments,
        experiment=f"{experiment}-rounds",
        account=ACCOUNT,
        cron=cron,
        root=pipeline_root,
    )
