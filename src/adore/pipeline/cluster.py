"""Starts runs on Kubeflow Pipelines; deploys and reviews releases on their cluster."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

from adore import storage
from adore.config import load_profile
from adore.errors import AdoreError, ConfigError, MissingError, check
from adore.pipeline import settings
from adore.pipeline.compiler import compile_pipeline
from adore.pipeline.kubeflow.client import Server
from adore.pipeline.kubeflow.preflight import (
    ACCOUNT,
    examine_images,
    examine_namespace,
    images_of,
    namespace_of_runs,
)
from adore.progress import log_line
from adore.release.kubernetes.client import Cluster
from adore.release.kubernetes.reconcile import reconcile
from adore.run_record import RunStatus, read_run

__all__ = [
    "check_readable",
    "deploy",
    "profile_for_pods",
    "review",
    "schedule",
    "submit",
]

MOST_SHARDS = 50
"""Kubernetes accepts objects of at most 1 MiB, and a run is one object.

It holds some 13 kB for each shard of its three judging steps.
Source: measured with Argo Workflows 4.0.5; see docs/operations.md.
"""


def deploy(place: str, profile: str) -> int:
    """Serve a release on this cluster.

    Args:
        place: the output of the step release.
        profile: a profile's name or place; its section ``kubernetes`` says where and how.

    Returns:
        The release's number.
    """
    from adore.release.kubernetes.releases import read_plan
    from adore.release.kubernetes.target import KubernetesTarget

    config = settings.section_config(profile, "kubernetes")
    return KubernetesTarget(config).release(read_plan(config, place))


def review(profile: str, *, act: bool) -> dict[str, Any]:
    """Judge the experiment that is live on this cluster.

    Args:
        profile: a profile's name or place; its section ``kubernetes`` says where to look.
        act: promote or roll back as decided; else only decide. What serves then is entered in
            the registry of the shop that section ``rounds`` names.

    Returns:
        The JSON of what :func:`adore.release.review.review` returns.
    """
    from adore.release.kubernetes.target import KubernetesTarget
    from adore.release.review import review as review_release

    target = KubernetesTarget(settings.section_config(profile, "kubernetes"))
    reviewed = review_release(target, act=act).to_json()
    shop = settings.section_config(profile, "rounds").shop
    if shop:
        for difference in reconcile(shop, target.releases()):
            log_line(f"note: {difference}")
    return reviewed


def check_readable(name: str, value: str, profile: str) -> None:
    """Check that the cluster's pods can read a place.

    Args:
        name: what the place is, for an error's text.
        value: the place.
        profile: a profile's name or place; its section ``cluster`` may name a claim.

    Raises:
        MissingError: they cannot.
    """
    claim_mount = settings.section_config(profile, "cluster").claim.partition(":")[2]
    is_readable = storage.is_remote(value) or bool(
        claim_mount and value.startswith(claim_mount.rstrip("/") + "/")
    )
    fix = "give one, or set cluster.claim to NAME:/mount and name a folder under the mount"
    check(is_readable, name, value, must="an s3:// place", fix=fix, error=MissingError)


def profile_for_pods(profile: str, run: str) -> str:
    """Return the profile in a form that pods can read.

    A name or an ``s3://`` place is unchanged; a file is copied beside the run. Every task of the
    run holds the profile, and Kubernetes accepts at most 1 MiB for all tasks: so they get a place.

    Args:
        profile: a profile's name or place.
        run: the place beside which a file is copied.

    Returns:
        A name, a place, or the profile's content.
    """
    if not profile.endswith((".yaml", ".yml")) or storage.is_remote(profile):
        return profile
    content = json.dumps(load_profile(profile), sort_keys=True)
    if not storage.is_remote(run):
        return content
    content_hash = hashlib.sha256(content.encode()).hexdigest()[:8]
    profile_place = storage.join(run, ".profiles", content_hash, Path(profile).name)
    storage.write_bytes(Path(profile).read_bytes(), profile_place)
    return profile_place


def _shards(profile: str) -> int:
    """Return the number of shards, if the run's Workflow can hold them.

    Returns:
        The number of shards.

    Raises:
        ConfigError: they are too many.
    """
    shard_count = settings.shards(profile)
    fix = "set judge.shards to fewer, and give each more of cluster.stages.judge"
    check(
        shard_count <= MOST_SHARDS,
        "judge.shards",
        shard_count,
        must=f"at most {MOST_SHARDS} on Kubeflow Pipelines",
        fix=fix,
    )
    return shard_count


def _check_free(server: Server, run: str) -> None:
    """Refuse a place that a running run writes to.

    Raises:
        ConfigError: names the run.
    """
    try:
        run_record = read_run(run)
    except AdoreError as error:
        log_line(
            f"note: cannot check from here whether another run writes to {run} ({error})"
        )
        return
    running_job = str(run_record.get("owner", {}).get("job", ""))
    if (
        run_record.get("status") == RunStatus.RUNNING
        and running_job
        and server.is_going(running_job)
    ):
        fix = "wait for it, terminate it, or give another OUT"
        check(
            False,
            "run",
            run,
            must=f"one that no run writes to (run {running_job} does)",
            fix=fix,
        )


def _preflight(server: Server, profile: str, run: str) -> None:
    """Check what every pod of the run will wait for; log what cannot be checked.

    Raises:
        ConfigError: something is missing; each is named with its fix.
    """
    placement = settings.section_config(profile, "cluster")
    has_profiles = server.many_users()
    runs_namespace = namespace_of_runs(server.namespace, many_users=has_profiles)
    kubernetes = settings.section_config(
        profile, "kubernetes", namespace=runs_namespace
    )
    try:
        cluster = Cluster(kubernetes)
        findings = list(
            examine_namespace(
                cluster,
                placement,
                many_users=has_profiles,
                remote=storage.is_remote(run),
            )
        )
        findings += examine_images(cluster, images_of(kubernetes, placement))
    except AdoreError as error:
        log_line(
            f"note: Secrets and images of {runs_namespace} were not checked: {error}"
        )
        return
    for finding in findings:
        if not finding.ok and not finding.needed:
            log_line(f"note: {finding.name}: {finding.text}")
    # All missing parts are listed, so that they can be added at once.
    missing_parts = []
    for finding in findings:
        if finding.needed and not finding.ok:
            missing_parts.append(f"{finding.name}: {finding.text}")
    if missing_parts:
        missing_lines = "\n  ".join(missing_parts)
        raise ConfigError(
            f"namespace {runs_namespace} == not ready for a run, "
            f"must have what its pods wait for:\n  {missing_lines}"
        )


def submit(
    server: Server,
    data: str,
    run: str,
    *,
    profile: str,
    seed: int,
    experiment: str,
    look: bool = True,
    **arguments: Any,
) -> str:
    """Upload the loop as a new version and start a run of it.

    Args:
        server: Kubeflow Pipelines.
        data: ``demo`` or a place.
        run: the place to write to.
        profile: a profile's name or file.
        seed: seeds every stage.
        experiment: Kubeflow Pipelines' experiment.
        look: first check Secrets, settings and images in the namespace of the run's pods.
        arguments: further arguments of the pipeline.

    Returns:
        The run's id.

    Raises:
        ConfigError: the profile is wrong, the place is in use, or the namespace lacks what pods
            wait for.
        MissingError: the cluster cannot read a place.
    """
    settings.check_profile(profile)
    check(bool(run), "--out", run, must="given", fix="set OUT to an s3:// place")
    check_readable("run", run, profile)
    if data != "demo":
        check_readable("data", data, profile)
    if settings.section_config(profile, "cluster").train.stages:
        train_namespace = settings.section_config(profile, "kubernetes").namespace
        check(
            train_namespace == server.namespace,
            "kubernetes.namespace",
            train_namespace,
            must=f"{server.namespace!r}, the run's",
            fix="train where the run's secrets are",
        )
    # Everything that can be refused is refused before a version is uploaded.
    shard_count = _shards(profile)
    _check_free(server, run)
    if look:
        _preflight(server, profile, run)
    # A version for this profile: its images and sizes are part of the compiled pipeline.
    with tempfile.TemporaryDirectory(prefix="adore-compile-") as compile_folder:
        pipeline_ids = server.upload(
            compile_pipeline("adore", compile_folder, profile), "adore"
        )
    common_arguments = {
        "run": run,
        "data": data,
        "profile": profile_for_pods(profile, run),
        "seed": seed,
    }
    return server.start(
        pipeline_ids,
        {
            **common_arguments,
            "shard_ids": list(range(shard_count)),
            "shards": shard_count,
            **arguments,
        },
        experiment=experiment,
        account=ACCOUNT,
        root=storage.join(run, ".kfp") if storage.is_remote(run) else "",
    )


def schedule(
    server: Server, *, profile: str, cron: str, experiment: str, act: bool
) -> str:
    """Make ``pipelines/review.py`` a recurring run.

    Args:
        server: Kubeflow Pipelines.
        profile: a profile's name or file.
        cron: six fields, seconds first, as Kubeflow Pipelines reads them.
        experiment: Kubeflow Pipelines' experiment.
        act: promote and roll back as decided.

    Returns:
        The recurring run's id.
    """
    settings.check_profile(profile)
    with tempfile.TemporaryDirectory(prefix="adore-compile-") as compile_folder:
        pipeline_ids = server.upload(
            compile_pipeline("review", compile_folder, profile), "adore-review"
        )
    arguments = {"profile": profile_for_pods(profile, ""), "act": act}
    exposures = settings.section_config(profile, "kubernetes").exposures
    pipeline_root = ""
    if storage.is_remote(exposures):
        pipeline_root = storage.join(exposures, ".kfp")
    return server.repeat(
        pipeline_ids,
        arguments,
        experiment=experiment,
        account=ACCOUNT,
        cron=cron,
        root=pipeline_root,
    )
