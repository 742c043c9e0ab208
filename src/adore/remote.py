"""Runs on Kubeflow Pipelines, and what their steps do to the cluster they run on."""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any

from adore import stages, storage
from adore.config import load_profile
from adore.errors import MissingError, check
from adore.kubeflow.submit import Server
from adore.loop import compile_pipeline

__all__ = ["deploy", "review", "schedule", "submit"]

ACCOUNT = "adore-pipeline"
"""The service account of manifests/base."""


def deploy(place: str, profile: str) -> int:
    """Serve a release on this cluster; its number."""
    from adore.release.kubernetes.target import KubernetesTarget, read_plan

    config = stages.section_config(profile, "kubernetes")
    return KubernetesTarget(config).release(read_plan(config, place))


def review(profile: str, *, act: bool) -> dict[str, Any]:
    """Judge the experiment that is live on this cluster and, with ``act``, promote or roll back."""
    from adore.release.kubernetes.target import KubernetesTarget
    from adore.release.online import review as judge

    return judge(KubernetesTarget(stages.section_config(profile, "kubernetes")), act=act)


def _readable(name: str, value: str, profile: str) -> None:
    """A place must be one that the cluster's pods read."""
    mount = stages.section_config(profile, "cluster").claim.partition(":")[2]
    good = storage.is_remote(value) or bool(mount and value.startswith(mount.rstrip("/") + "/"))
    fix = "give one, or set cluster.claim to NAME:/mount and name a folder under the mount"
    check(good, name, value, must="an s3:// place", fix=fix, error=MissingError)


def _compiled(name: str, profile: str, folder: str) -> str:
    os.environ["ADORE_PROFILE"] = profile  # read where the pipeline is traced
    return compile_pipeline(name, folder)


def _profile(profile: str) -> str:
    """The profile as pods find it: a name or an ``s3://`` place as it is, a file as its content."""
    if not profile.endswith((".yaml", ".yml")) or storage.is_remote(profile):
        return profile
    return json.dumps(load_profile(profile))


def submit(server: Server, data: str, run: str, *, profile: str, seed: int, experiment: str, **arguments: Any) -> str:
    """Upload the loop as a new version and start a run of it; returns the run's id.

    Args:
        data: ``demo`` or a place.
        run: the place to write to.
        arguments: more of the pipeline's own.

    Raises:
        ConfigError: the profile is wrong.
        MissingError: the cluster cannot read a place.
    """
    stages.check_profile(profile)
    check(bool(run), "--out", run, must="given", fix="set OUT to an s3:// place")
    _readable("run", run, profile)
    if data != "demo":
        _readable("data", data, profile)
    if stages.section_config(profile, "cluster").train.stages:
        named, fix = stages.section_config(profile, "kubernetes").namespace, "train where the run's secrets are"
        check(
            named == server.namespace, "kubernetes.namespace", named, must=f"{server.namespace!r}, the run's", fix=fix
        )
    count = stages.shards(profile)
    with tempfile.TemporaryDirectory(prefix="adore-compile-") as folder:
        ids = server.upload(_compiled("adore", profile, folder), "adore")
    common = {"run": run, "data": data, "profile": _profile(profile), "seed": seed}
    return server.start(
        ids,
        {**common, "shard_ids": list(range(count)), "shards": count, **arguments},
        experiment=experiment,
        account=ACCOUNT,
        root=storage.join(run, ".kfp") if storage.is_remote(run) else "",
    )


def schedule(server: Server, *, profile: str, cron: str, experiment: str, act: bool) -> str:
    """Make ``pipelines/online.py`` a recurring run; returns its id.

    Args:
        cron: six fields, seconds first, as Kubeflow Pipelines reads them.
    """
    stages.check_profile(profile)
    with tempfile.TemporaryDirectory(prefix="adore-compile-") as folder:
        ids = server.upload(_compiled("online", profile, folder), "adore-online")
    arguments = {"profile": _profile(profile), "act": act}
    return server.repeat(ids, arguments, experiment=experiment, account=ACCOUNT, cron=cron)
