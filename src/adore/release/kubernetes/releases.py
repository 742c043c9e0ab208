"""Releases that a cluster remembers, and the objects that each of them needs."""

from __future__ import annotations

import json
from dataclasses import dataclass

from adore.release.kubernetes.config import Config
from adore.release.kubernetes.objects import (
    GROUP,
    Object,
    Plan,
    name_services,
    servers,
)
from adore.release.kubernetes.records import RELEASE_LABEL, record
from adore.release.kubernetes.router import router
from adore.storage import join, local_copy

__all__ = [
    "ACTED",
    "LASTING_KINDS",
    "SERVED",
    "Release",
    "is_pending",
    "lasting_objects",
    "live_number_of",
    "live_of",
    "next_number",
    "read_plan",
    "read_release",
    "render",
]

LASTING_KINDS = (
    ("ConfigMap", "experiment"),
    ("PodDisruptionBudget", "server"),
    ("InferenceService", "server"),
)
"""Kind and component of the objects of a release that can be served again.

An object comes before the objects that it refers to, so that it is deleted first.
"""
PLAN_KEYS = ("name", "salt", "weights", "design", "explore", "actions", "variants")
"""Keys of ``experiment.json`` that a cluster needs."""
SERVED = f"{GROUP}/served"
"""Annotation of a release's record: since when it has served, or ``no``."""
ACTED = f"{GROUP}/acted"
"""Annotation of a release's record: what was done about its experiment."""


@dataclass(frozen=True, slots=True)
class Release:
    """One release that the cluster remembers."""

    number: int
    plan: Plan
    config: Config
    live: bool
    created: str = ""
    """When it was recorded, as ISO 8601."""
    served: bool = True
    """Whether it ever received traffic."""
    acted: str = ""
    """What was done about its experiment, when and by whom.

    The review leaves an experiment alone that somebody acted on.
    """

    @property
    def note(self) -> str:
        """Remark of this release in a list of releases."""
        return self.acted if self.served else "never served"


def read_plan(config: Config, place: str) -> Plan:
    """Read the plan that the release stage wrote.

    Args:
        config: its claim makes places readable that are not ``s3://`` places.
        place: the stage's output, a folder under the claim's mount or ``s3://…``.

    Returns:
        The plan, with the address that KServe loads each variant from.

    Raises:
        ConfigError: the cluster cannot read the place.
    """
    plan_path = local_copy(join(place, "experiment.json"))
    experiment = json.loads(plan_path.read_text("utf-8"))

    variants = {}
    for variant_name, variant in experiment["variants"].items():
        variants[variant_name] = {
            "version": variant["version"],
            "kind": variant["kind"],
            "uri": config.storage_uri(join(place, variant["folder"])),
        }
    experiment["variants"] = variants
    return {key: value for key, value in experiment.items() if key in PLAN_KEYS}


def read_release(config_map: Object, live_number: int) -> Release:
    """Read a release from its record.

    Args:
        config_map: from :func:`adore.release.kubernetes.records.record`, as it is live.
        live_number: number of the release that serves.

    Returns:
        The release.
    """
    metadata = config_map["metadata"]
    number = int(metadata["labels"][RELEASE_LABEL])
    annotations = metadata.get("annotations") or {}

    # Another version of ADORE may have recorded keys that this version does not know.
    settings = {}
    for key, value in json.loads(config_map["data"]["config.json"]).items():
        if key in Config.model_fields:
            settings[key] = value

    return Release(
        number=number,
        config=Config(**settings),
        plan=json.loads(config_map["data"]["plan.json"]),
        live=number == live_number,
        created=metadata.get("creationTimestamp", ""),
        # A record without the annotation is of a version that recorded served releases only.
        served=annotations.get(SERVED) != "no",
        acted=annotations.get(ACTED, ""),
    )


def render(config: Config, plan: Plan, number: int = 1) -> list[Object]:
    """Render every object of a release, in the order in which they are applied.

    Args:
        config: how it is served.
        plan: from :func:`read_plan`.
        number: number of the release.

    Returns:
        The objects.
    """
    release = Release(number, name_services(config, plan), config, live=False)
    return [*lasting_objects(release), *router(config, number)]


def lasting_objects(release: Release) -> list[Object]:
    """List the objects that a release needs to be served again later.

    Args:
        release: its plan names the InferenceService of each variant.

    Returns:
        The record, the InferenceServices and their budgets.
    """
    return [
        record(release.config, release.plan, release.number),
        *servers(release.config, release.plan),
    ]


def next_number(releases: list[Release]) -> int:
    """Return the number of the release that is recorded next."""
    return max([release.number for release in releases], default=0) + 1


def live_of(releases: list[Release]) -> Release | None:
    """Return the live release; None where none is live."""
    for release in releases:
        if release.live:
            return release
    return None


def live_number_of(releases: list[Release]) -> int:
    """Return the number of the live release; 0 where none is live."""
    live_release = live_of(releases)
    return live_release.number if live_release else 0


def is_pending(release: Release, live_number: int) -> bool:
    """Tell whether a release may still be starting: newer than the live one, never served.

    Args:
        release: any recorded release.
        live_number: number of the live release.

    Returns:
        True where it may be starting, or was interrupted before it served.
    """
    return not release.served and release.number > live_number
