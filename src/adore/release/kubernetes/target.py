"""The Kubernetes target: releases, promotes and rolls back, and deletes what is unused.

A release is KServe model servers, the router and the record of its experiment.
"""

from __future__ import annotations

from datetime import UTC, datetime

from adore.errors import ConfigError, MissingError, UnavailableError, check, fault_text
from adore.progress import log_line
from adore.release.kubernetes.client import Cluster
from adore.release.kubernetes.config import Config
from adore.release.kubernetes.objects import (
    Object,
    Plan,
    name_services,
    servers,
    with_metadata,
)
from adore.release.kubernetes.preview import Change, preview
from adore.release.kubernetes.readiness import wait
from adore.release.kubernetes.records import (
    RELEASE_LABEL,
    promote_variant,
    record,
    record_name,
)
from adore.release.kubernetes.releases import (
    ACTED,
    LASTING_KINDS,
    SERVED,
    Release,
    is_pending,
    lasting_objects,
    live_number_of,
    live_of,
    next_number,
    read_release,
)
from adore.release.kubernetes.router import router

__all__ = ["KubernetesTarget"]

ROUTER_KINDS = (
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "HTTPRoute",
    "Ingress",
)
"""Kinds of the router's objects that a release may have or lack."""


class KubernetesTarget:
    """Releases of one app in one namespace. All state is in the cluster.

    Args:
        config: how the next release is served.
        cluster: the namespace; None: the one that the config names.
    """

    def __init__(self, config: Config, cluster: Cluster | None = None) -> None:
        self.config = config
        self.cluster = cluster or Cluster(config)

    def releases(self) -> list[Release]:
        """All releases that the cluster remembers, oldest first."""
        live_number = self._live_number()
        releases = []
        for config_map in self.cluster.ours("ConfigMap", "experiment"):
            releases.append(read_release(config_map, live_number))
        return sorted(releases, key=lambda release: release.number)

    def _live_number(self) -> int:
        """Number of the release that the router serves; 0: there is no router."""
        deployment = self.cluster.get("Deployment", f"{self.config.app}-router")
        if not deployment:
            return 0
        annotations = deployment["metadata"].get("annotations") or {}
        return int(annotations.get(RELEASE_LABEL, 0))

    def release(self, plan: Plan) -> int:
        """Serve a plan; the router switches to it when every variant is ready.

        A retry continues the same release.

        Returns:
            The release's number; that of the live release if both are the same.

        Raises:
            UnavailableError: a variant or the router did not become ready; the previous
                release still serves.
            ConfigError: an object of the same name is not ours, or the cluster refuses
                one; or another release went live meanwhile, and still serves.
        """
        number = self._release(plan)
        self.garbage_collect()
        return number

    def _release(self, plan: Plan, expected_live: Release | None = None) -> int:
        recorded = self.releases()
        previous = live_of(recorded)
        plan = name_services(self.config, plan)

        release = self._find_same(plan, recorded) or self._record(plan, recorded)
        # A retry of the live release applies it once more, which corrects any drift.
        if release.live:
            self._switch_traffic(release)
            return release.number

        try:
            self._switch_traffic(release, expected_live=expected_live or previous)
        except (UnavailableError, ConfigError, MissingError) as error:
            outcome = self._undo(release, previous)
            raise type(error)(f"{error}; {outcome}") from error
        return release.number

    def preview(self, plan: Plan) -> list[Change]:
        """List what a release of this plan would change on the cluster, or be refused.

        Nothing is changed.

        Returns:
            One change an object.
        """
        recorded = self.releases()
        plan = name_services(self.config, plan)
        number = next_number(recorded)
        same_release = self._find_same(plan, recorded)
        if same_release:
            number = same_release.number

        release = Release(number, plan, self.config, live=False)
        objects = [*lasting_objects(release), *router(self.config, number)]
        return preview(self.cluster, objects)

    def _find_same(self, plan: Plan, recorded: list[Release]) -> Release | None:
        """Find the release that a retry of this plan continues.

        It is the live one, or a newer one that was interrupted before it served.

        Returns:
            The release; None: the plan is new.
        """
        live_number = live_number_of(recorded)
        pending = None
        for release in recorded:
            if release.plan != plan or release.config != self.config:
                continue
            if release.live:
                return release
            if pending is None and is_pending(release, live_number):
                pending = release
        return pending

    def _record(self, plan: Plan, recorded: list[Release]) -> Release:
        """Record a new release, with what was already done about its experiment."""
        number = next_number(recorded)
        experiment = (plan["name"], plan["salt"])
        acted = ""
        for release in recorded:
            if (release.plan["name"], release.plan["salt"]) == experiment:
                # Each begins with its time in UTC: the greatest is the newest.
                acted = max(acted, release.acted)

        annotations = {SERVED: "no"}
        if acted:
            annotations[ACTED] = acted
        config_map = record(self.config, plan, number)
        self.cluster.apply(with_metadata(config_map, annotations=annotations))
        return Release(number, plan, self.config, live=False, served=False, acted=acted)

    def _annotate(self, release: Release, key: str, text: str = "") -> None:
        """Annotate a release's record with what happened, and the time."""
        now = datetime.now(UTC)
        timestamp = now.isoformat(timespec="seconds")
        note = f"{timestamp} {text}".strip()
        name = record_name(self.config, release.number)
        self.cluster.annotate("ConfigMap", name, {key: note})

    def _check_live(self, expected: Release) -> None:
        live_number = self._live_number()
        check(
            live_number == expected.number,
            "live release",
            live_number,
            must=f"{expected.number}, as when this was decided",
            fix="look at what is live now, and decide again",
        )

    def _switch_traffic(
        self,
        release: Release,
        expected_live: Release | None = None,
        *,
        least: int | None = None,
    ) -> None:
        """Start the servers; when they are ready, update the router, which moves the traffic.

        Args:
            release: the release that is to serve.
            expected_live: the release that must still be live when the servers are ready.
            least: pods per variant that suffice; None: all that are requested.
        """
        services = self._apply_servers(release)
        names = ", ".join(service["metadata"]["name"] for service in services)
        log_line(f"release {release.number}: waiting for {names}")
        wait(self.cluster, services, least=least)

        # The wait can take minutes, in which somebody else may have released.
        if expected_live:
            self._check_live(expected_live)
        deployment = self._apply_router(release)
        name = deployment["metadata"]["name"]
        log_line(f"release {release.number}: waiting for {name}")
        wait(self.cluster, [deployment])
        if not release.served:
            self._annotate(release, SERVED)

    def _apply_servers(self, release: Release) -> list[Object]:
        """Apply a release's servers; returns the InferenceServices."""
        services = []
        for server_object in servers(release.config, release.plan):
            self.cluster.apply(server_object)
            if server_object["kind"] == "InferenceService":
                services.append(server_object)
        return services

    def _apply_router(self, release: Release) -> Object:
        """Apply a release's router; returns the Deployment."""
        deployment, *other_objects = router(release.config, release.number)
        # The Deployment moves the traffic, so it comes when all else is there.
        for router_object in (*other_objects, deployment):
            self.cluster.apply(router_object)
        return deployment

    def _undo(self, failed: Release, previous: Release | None) -> str:
        """Return to the previous release, and delete the failed one.

        The previous servers are still up. Only a router that had already switched needs
        a wait.

        Returns:
            What was done, in words.
        """
        live_number = self._live_number()
        outcome = f"release {failed.number} is withdrawn"
        # A third release may have gone live meanwhile: its traffic is left alone.
        is_ours = previous and live_number in (failed.number, previous.number)
        if previous and is_ours:
            # The failed release may have scaled servers that both use.
            self._apply_servers(previous)
            deployment = self._apply_router(previous)
            if live_number == failed.number:
                wait(self.cluster, [deployment])
            outcome = f"{outcome}, release {previous.number} serves"
        elif live_number == failed.number:
            # Nothing served before, so no router may stay that points to deleted servers.
            for kind in ("Deployment", "Service", *ROUTER_KINDS):
                for router_object in self.cluster.ours(kind, "router"):
                    self.cluster.delete(router_object)
        self.cluster.delete(record(self.config, failed.plan, failed.number))
        self.garbage_collect()
        return outcome

    def promote(
        self,
        variant: str = "challenger",
        *,
        judged_release: Release | None = None,
        reason: str = "by hand",
    ) -> int:
        """Serve one variant of the live release to all shoppers.

        This makes a new release, to which a rollback can return.

        Args:
            variant: its model becomes the control, and the only variant.
            judged_release: the release that was analysed; None: the live one.
            reason: for the record; the review then leaves this experiment alone.

        Returns:
            The new release's number.

        Raises:
            ConfigError: another release than ``judged_release`` is live, now or when the
                new one is ready.
        """
        judged_release = judged_release or self.live()
        self._check_live(judged_release)
        plan = promote_variant(judged_release.plan, variant)
        number = self._release(plan, judged_release)
        action = f"{variant} promoted as release {number}, {reason}"
        self._annotate(judged_release, ACTED, action)
        self.garbage_collect()
        return number

    def live(self) -> Release:
        """Return the release that serves.

        Returns:
            The release.

        Raises:
            MissingError: no release serves.
        """
        live_release = live_of(self.releases())
        if live_release is None:
            missing_record = record_name(self.config, self._live_number())
            raise MissingError(
                fault_text(
                    "live release",
                    missing_record,
                    must="on the cluster",
                    fix="release one first",
                )
            )
        return live_release

    def rollback(self, to: int = 0) -> int:
        """Serve an earlier release again.

        Both releases are recorded as acted on, so that the review does not undo a rollback.

        Args:
            to: number of the release; 0: the last one before the live one that served.

        Returns:
            The number of the release that serves.

        Raises:
            MissingError: no such release has served.
        """
        live = self.live()
        served = [release for release in self.releases() if release.served]
        if to:
            earlier = [release for release in served if release.number == to]
        else:
            earlier = [release for release in served if release.number < live.number]
        numbers = [release.number for release in served]
        check(
            bool(earlier),
            "release",
            to or "the one before",
            must="one that served",
            fix=f"choose one of {numbers} (live: {live.number})",
            error=MissingError,
        )

        destination = earlier[-1]
        action = (
            f"rolled back from release {live.number} to {destination.number}, by hand"
        )
        for release in (live, destination):
            self._annotate(release, ACTED, action)

        # A rollback is urgent: one pod per variant is enough to switch, the rest follow.
        self._switch_traffic(destination, least=1)
        return destination.number

    def garbage_collect(self) -> None:
        """Delete our objects that no retained release uses.

        Retained are the newest ``keep`` releases that served, the live one, and newer
        ones that do not serve yet.
        """
        releases = self.releases()
        live_number = live_number_of(releases)
        served_numbers = [release.number for release in releases if release.served]
        newest_numbers = served_numbers[-self.config.keep :]

        needed_objects: list[Object] = []
        kinds = list(LASTING_KINDS)
        for release in releases:
            is_newest = release.number in newest_numbers
            if release.live or is_newest or is_pending(release, live_number):
                needed_objects += lasting_objects(release)
            # Without a live release nobody knows which router objects are in use.
            if release.live:
                needed_objects += router(release.config, release.number)
                kinds += [(kind, "router") for kind in ROUTER_KINDS]

        needed = set()
        for needed_object in needed_objects:
            needed.add((needed_object["kind"], needed_object["metadata"]["name"]))
        for kind, component in kinds:
            for live_object in self.cluster.ours(kind, component):
                if (kind, live_object["metadata"]["name"]) not in needed:
                    self.cluster.delete(live_object)
