"""The Kubernetes target: KServe servers, the router and its experiment.

They are released, promoted, rolled back and collected here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from adore.errors import ConfigError, MissingError, UnavailableError, check
from adore.progress import log_line
from adore.release.kubernetes.client import Cluster
from adore.release.kubernetes.config import Config
from adore.release.kubernetes.objects import (
    GROUP,
    Plan,
    named,
    servers,
    tagged,
)
from adore.release.kubernetes.preview import Change, preview
from adore.release.kubernetes.readiness import wait
from adore.release.kubernetes.records import promoted, record, record_name
from adore.release.kubernetes.router import router
from adore.storage import join, local_copy

__all__ = ["KubernetesTarget", "Release", "read_plan", "render"]

LASTING_KINDS = (
    ("ConfigMap", "experiment"),
    ("PodDisruptionBudget", "server"),
    ("InferenceService", "server"),
)
"""Kind and component of what a release needs while it waits to be served again.

Users stand before what they use.
"""
ROUTER_KINDS = (
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "HTTPRoute",
    "Ingress",
)
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
    served: bool = True
    """Whether traffic ever went over to it."""
    acted: str = ""
    """What was done about its experiment, when and by whom; the review does nothing more."""

    @property
    def note(self) -> str:
        """What a list says of it."""
        return self.acted if self.served else "never served"


def read_plan(config: Config, place: str) -> Plan:
    """The plan of a release stage's output.

    Its variants have the address that KServe loads them from.

    Args:
        config: which claim holds places that are no ``s3://`` ones.
        place: the output, a folder under the claim's mount or ``s3://…``.

    Returns:
        The plan, with the address that KServe loads each variant from.

    Raises:
        ConfigError: the cluster cannot read the place.
    """
    path = local_copy(join(place, "experiment.json"))
    plan = json.loads(path.read_text("utf-8"))

    variants = {}
    for name, about in plan["variants"].items():
        variants[name] = {
            "version": about["version"],
            "kind": about["kind"],
            "uri": config.storage_uri(join(place, about["folder"])),
        }
    plan["variants"] = variants

    known = ("name", "salt", "weights", "design", "actions", "variants")
    return {key: value for key, value in plan.items() if key in known}


def render(config: Config, plan: Plan, number: int = 1) -> list[dict[str, Any]]:
    """Every object of a release, in the order in which they are applied.

    Args:
        config: how it is served.
        plan: from :func:`read_plan`.
        number: the release's.

    Returns:
        The objects.
    """
    release = Release(number, named(config, plan), config, live=False)
    return [*_lasting(release), *router(config, number)]


class KubernetesTarget:
    """Releases of one app in one namespace. The cluster itself is the only memory."""

    def __init__(self, config: Config, cluster: Cluster | None = None) -> None:
        self.config = config
        self.cluster = cluster or Cluster(config)

    def releases(self) -> list[Release]:
        """All releases that the cluster remembers, oldest first."""
        live = self._live_number()
        known_releases = []
        for config_map in self.cluster.ours("ConfigMap", "experiment"):
            metadata = config_map["metadata"]
            number = int(metadata["labels"][f"{GROUP}/release"])
            stored = json.loads(config_map["data"]["config.json"])

            # another version's config has keys that this one does not know
            fields = Config.model_fields
            known = {key: value for key, value in stored.items() if key in fields}
            annotations = metadata.get("annotations") or {}
            known_releases.append(
                Release(
                    number=number,
                    config=Config(**known),
                    plan=json.loads(config_map["data"]["plan.json"]),
                    live=number == live,
                    created=metadata.get("creationTimestamp", ""),
                    served=annotations.get(SERVED) != "no",
                    acted=annotations.get(ACTED, ""),
                )
            )
        return sorted(known_releases, key=lambda release: release.number)

    def _live_number(self) -> int:
        """The release that the router's Deployment is of; 0: there is none."""
        deployment = self.cluster.get("Deployment", f"{self.config.app}-router")
        if not deployment:
            return 0
        annotations = deployment["metadata"].get("annotations") or {}
        return int(annotations.get(f"{GROUP}/release", 0))

    def release(self, plan: Plan) -> int:
        """Serve a plan; the router goes over when every variant is ready.

        A retry goes on with the same release.

        Returns:
            the release's number; that of the live release if it is the same.

        Raises:
            UnavailableError: a variant or the router did not become ready; what was live
                before is live still.
            ConfigError: an object of the same name is not ours, or the cluster refuses
                one; or another release went live meanwhile, which serves on.
        """
        number = self._release(plan)
        self.garbage_collect()
        return number

    def _release(self, plan: Plan, of: Release | None = None) -> int:
        before = self.releases()
        previous = next((release for release in before if release.live), None)
        plan = named(self.config, plan)
        target_release = self._known(plan, before) or self._recorded(plan, before)
        if (
            target_release.live
        ):  # asked again, by a retry perhaps: put right what drifted
            self._switch_traffic(target_release)
            return target_release.number
        try:
            self._switch_traffic(target_release, after=of or previous)
        except (UnavailableError, ConfigError, MissingError) as error:
            raise type(error)(
                f"{error}; {self._undo(target_release, previous)}"
            ) from error
        return target_release.number

    def preview(self, plan: Plan) -> list[Change]:
        """What a release of this plan would change on the cluster, or what it would refuse.

        Nothing is changed.

        Returns:
            One change an object.
        """
        before = self.releases()
        plan = named(self.config, plan)
        known = self._known(plan, before)
        number = known.number if known else _next(before)

        release = Release(
            number,
            plan,
            self.config,
            live=False,
        )
        things = [
            *_lasting(release),
            *router(self.config, number),
        ]
        return preview(self.cluster, things)

    def _known(self, plan: Plan, before: list[Release]) -> Release | None:
        """The release that is the same, if one goes on.

        It is the live one, or one that is newer and was broken off before it served.

        Returns:
            The release; None: the plan is new.
        """
        live = _live_of(before)
        pending = None
        for release in before:
            if release.plan != plan or release.config != self.config:
                continue
            if release.live:
                return release
            if pending is None and _pending(release, live):
                pending = release
        return pending

    def _recorded(self, plan: Plan, before: list[Release]) -> Release:
        """A new release on record; what was done about its experiment is remembered."""
        number = _next(before)
        experiment = (plan["name"], plan["salt"])
        acted = ""
        for release in before:
            if (release.plan["name"], release.plan["salt"]) == experiment:
                # they begin with their time: the greatest is the newest
                acted = max(acted, release.acted)

        record_annotations = {SERVED: "no"}
        if acted:
            record_annotations[ACTED] = acted
        self.cluster.apply(
            tagged(record(self.config, plan, number), annotations=record_annotations)
        )
        return Release(number, plan, self.config, live=False, served=False, acted=acted)

    def _note(self, release: Release, key: str, text: str = "") -> None:
        """Write down on a release's record what happened now."""
        now = datetime.now(UTC)
        begin = now.isoformat(timespec="seconds")
        note = f"{begin} {text}".strip()
        name = record_name(self.config, release.number)
        self.cluster.annotate(
            "ConfigMap",
            name,
            {key: note},
        )

    def _check_live(self, of: Release) -> None:
        number = self._live_number()
        must = f"{of.number}, as when this was decided"
        fix = "look at what is live now, and decide again"
        check(number == of.number, "live release", number, must=must, fix=fix)

    def _switch_traffic(
        self, to: Release, after: Release | None = None, *, least: int | None = None
    ) -> None:
        """Start the servers; when they serve, the router, which moves the traffic.

        Args:
            to: the release that is to serve.
            after: the release that must still be live when the servers are ready.
            least: pods a variant that suffice; None: all that are asked for.
        """
        services = self._apply_servers(to)
        names = ", ".join(service["metadata"]["name"] for service in services)
        log_line(f"release {to.number}: waiting for {names}")
        wait(self.cluster, services, least=least)
        if after:  # pods took their time, and another release may be live by now
            self._check_live(after)
        deployment = self._apply_router(to)
        log_line(f"release {to.number}: waiting for {deployment['metadata']['name']}")
        wait(self.cluster, [deployment])
        if not to.served:
            self._note(to, SERVED)

    def _apply_servers(self, to: Release) -> list[dict[str, Any]]:
        """Returns the InferenceServices."""
        things = servers(to.config, to.plan)
        for thing in things:
            self.cluster.apply(thing)
        return [thing for thing in things if thing["kind"] == "InferenceService"]

    def _apply_router(self, to: Release) -> dict[str, Any]:
        """Returns the Deployment, which goes last: it is what moves the traffic."""
        deployment, *rest = router(to.config, to.number)
        for thing in (*rest, deployment):
            self.cluster.apply(thing)
        return deployment

    def _undo(self, failed: Release, previous: Release | None) -> str:
        """Go back to what was live, and forget the failed release.

        What was live is up: nothing is waited for but a router that had gone over already.

        Returns:
            What was done, in words.
        """
        live_number = self._live_number()
        outcome = f"release {failed.number} is withdrawn"
        is_ours = previous and live_number in (failed.number, previous.number)
        if previous and is_ours:
            # The failed release may have scaled servers that both use.
            self._apply_servers(previous)
            deployment = self._apply_router(previous)
            if live_number == failed.number:
                wait(self.cluster, [deployment])
            outcome = f"{outcome}, release {previous.number} serves"
        elif live_number == failed.number:
            for kind in ("Deployment", "Service", *ROUTER_KINDS):
                for thing in self.cluster.ours(kind, "router"):
                    self.cluster.delete(thing)
        self.cluster.delete(record(self.config, failed.plan, failed.number))
        self.garbage_collect()
        return outcome

    def promote(
        self,
        variant: str = "challenger",
        *,
        of: Release | None = None,
        why: str = "by hand",
    ) -> int:
        """Give one variant of the live release to everybody.

        This is a new release, to which roll-back returns as to any.

        Args:
            variant: whose model becomes the control, alone.
            of: the release that was judged; none: whatever is live.
            why: for the record, on which the review does not act on this experiment again.

        Returns:
            The new release's number.

        Raises:
            ConfigError: another release than ``of`` is live, now or when the new one is
                ready.
        """
        of = of or self.live()
        self._check_live(of)
        number = self._release(promoted(of.plan, variant), of)
        self._note(of, ACTED, f"{variant} promoted as release {number}, {why}")
        self.garbage_collect()
        return number

    def live(self) -> Release:
        """The release that serves.

        Returns:
            The release.

        Raises:
            MissingError: none does.
        """
        live = [release for release in self.releases() if release.live]
        name = record_name(self.config, self._live_number())
        check(
            bool(live),
            "live release",
            name,
            must="on the cluster",
            fix="release one first",
            error=MissingError,
        )
        return live[0]

    def rollback(self, to: int = 0) -> int:
        """Serve an earlier release again; returns its number.

        It is ``to``, or the last before the live one that served. Both releases are noted
        as acted on: the review leaves them to the person who rolled back.

        Returns:
            The number of the release that serves.
        """
        live = self.live()
        known = [release for release in self.releases() if release.served]
        numbers = [release.number for release in known]
        if to:
            earlier = [release for release in known if release.number == to]
        else:
            earlier = [release for release in known if release.number < live.number]
        fix = f"choose one of {numbers} (live: {live.number})"
        check(
            bool(earlier),
            "release",
            to or "the one before",
            must="one that served",
            fix=fix,
            error=MissingError,
        )

        earlier_release = earlier[-1]
        text = f"rolled back from release {live.number} to {earlier_release.number}, by hand"
        for release_to_note in (live, earlier_release):
            self._note(release_to_note, ACTED, text)

        # one pod a variant is better than what is fled from; the rest comes after
        self._switch_traffic(earlier_release, least=1)
        return earlier_release.number

    def garbage_collect(self) -> None:
        """Delete our objects that none of the newest ``keep`` releases that served uses.

        Kept as well: the live release, and what is newer and does not serve yet.
        """
        known = self.releases()
        live = _live_of(known)
        served = [release.number for release in known if release.served]
        newest = served[-self.config.keep :]

        wanted: list[dict[str, Any]] = []
        kinds = list(LASTING_KINDS)
        for release in known:
            if release.live:
                wanted += router(release.config, release.number)
                kinds += [(kind, "router") for kind in ROUTER_KINDS]
            if release.live or release.number in newest or _pending(release, live):
                wanted += _lasting(release)

        names = {(thing["kind"], thing["metadata"]["name"]) for thing in wanted}
        for kind, component in kinds:
            for thing_in_cluster in self.cluster.ours(kind, component):
                if (kind, thing_in_cluster["metadata"]["name"]) not in names:
                    self.cluster.delete(thing_in_cluster)


def _lasting(release: Release) -> list[dict[str, Any]]:
    """What a release needs while it waits to be served again."""
    return [
        record(release.config, release.plan, release.number),
        *servers(release.config, release.plan),
    ]


def _next(before: list[Release]) -> int:
    return max([release.number for release in before], default=0) + 1


def _live_of(releases: list[Release]) -> int:
    """Number of the live release; 0: none is."""
    for release in releases:
        if release.live:
            return release.number
    return 0


def _pending(release: Release, live: int) -> bool:
    """Whether it may be on its way: not served yet, and newer than what is live."""
    return not release.served and release.number > live
