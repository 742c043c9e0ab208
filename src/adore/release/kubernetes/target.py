"""The Kubernetes target: KServe servers, the router and its experiment; release, promote, roll back, collect."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from adore.errors import ConfigError, MissingError, UnavailableError, check
from adore.progress import say
from adore.release.kubernetes.client import Cluster
from adore.release.kubernetes.config import Config
from adore.release.kubernetes.objects import (
    GROUP,
    Plan,
    named,
    promoted,
    record,
    record_name,
    servers,
    tagged,
)
from adore.release.kubernetes.preview import Change, preview
from adore.release.kubernetes.readiness import wait
from adore.release.kubernetes.router import router
from adore.storage import join, local_copy

__all__ = ["KubernetesTarget", "Release", "read_plan", "render"]

LASTING_KINDS = (
    ("ConfigMap", "experiment"),
    ("PodDisruptionBudget", "server"),
    ("InferenceService", "server"),
)
"""Kind and component of what a release needs while it waits to be served again; users before what they use."""
ROUTER_KINDS = (
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "HTTPRoute",
    "Ingress",
)
SERVED, ACTED = f"{GROUP}/served", f"{GROUP}/acted"
"""Annotations of a release's record: since when it has served, or ``no``; what was done about its experiment."""


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
    """What was done about its experiment, when and by whom; the review does nothing more about it."""

    @property
    def note(self) -> str:
        """What a list says of it."""
        return self.acted if self.served else "never served"


def read_plan(config: Config, place: str) -> Plan:
    """The plan of a release stage's output, its variants with the address that KServe loads them from."""
    path = local_copy(join(place, "experiment.json"))
    plan = json.loads(path.read_text("utf-8"))
    uris = {
        name: config.storage_uri(join(place, v["folder"]))
        for name, v in plan["variants"].items()
    }
    plan["variants"] = {
        name: {"version": v["version"], "kind": v["kind"], "uri": uris[name]}
        for name, v in plan["variants"].items()
    }
    return {
        k: v
        for k, v in plan.items()
        if k in ("name", "salt", "weights", "design", "actions", "variants")
    }


def render(config: Config, plan: Plan, number: int = 1) -> list[dict[str, Any]]:
    """Every object of a release, in the order in which they are applied."""
    return [
        *_lasting(Release(number, named(config, plan), config, live=False)),
        *router(config, number),
    ]


class KubernetesTarget:
    """Releases of one app in one namespace. The cluster itself is the only memory."""

    def __init__(self, config: Config, cluster: Cluster | None = None) -> None:
        self.config, self.cluster = config, cluster or Cluster(config)

    def releases(self) -> list[Release]:
        """All releases that the cluster remembers, oldest first."""
        live = self._live_number()
        found = []
        for thing in self.cluster.ours("ConfigMap", "experiment"):
            number = int(thing["metadata"]["labels"][f"{GROUP}/release"])
            stored = json.loads(thing["data"]["config.json"])
            config = Config(
                **{k: v for k, v in stored.items() if k in Config.model_fields}
            )  # another version's, too
            plan = json.loads(thing["data"]["plan.json"])
            created, notes = (
                thing["metadata"].get("creationTimestamp", ""),
                thing["metadata"].get("annotations") or {},
            )
            served, acted = notes.get(SERVED) != "no", notes.get(ACTED, "")
            found.append(
                Release(number, plan, config, number == live, created, served, acted)
            )
        return sorted(found, key=lambda r: r.number)

    def _live_number(self) -> int:
        deployment = self.cluster.get("Deployment", f"{self.config.app}-router") or {
            "metadata": {}
        }
        return int(
            (deployment["metadata"].get("annotations") or {}).get(f"{GROUP}/release", 0)
        )

    def release(self, plan: Plan) -> int:
        """Serve a plan; the router goes over when every variant is ready. A retry goes on with the same release.

        Returns:
            the release's number; that of the live release if it is the same.

        Raises:
            UnavailableError: a variant or the router did not become ready; what was live before is live still.
            ConfigError: an object of the same name is not ours, or the cluster refuses one; or another release went
                live meanwhile, which serves on.
        """
        number = self._release(plan)
        self.collect()
        return number

    def _release(self, plan: Plan, of: Release | None = None) -> int:
        before = self.releases()
        was = next((r for r in before if r.live), None)
        plan = named(self.config, plan)
        to = self._known(plan, before) or self._recorded(plan, before)
        if to.live:  # asked again, by a retry perhaps: put right what drifted
            self._go_over(to)
            return to.number
        try:
            self._go_over(to, after=of or was)
        except (UnavailableError, ConfigError, MissingError) as error:
            raise type(error)(f"{error}; {self._undo(to, was)}") from error
        return to.number

    def preview(self, plan: Plan) -> list[Change]:
        """What a release of this plan would change on the cluster, or what it would refuse; nothing is changed."""
        before = self.releases()
        plan = named(self.config, plan)
        known = self._known(plan, before)
        number = known.number if known else _next(before)
        to = Release(number, plan, self.config, live=False)
        return preview(self.cluster, [*_lasting(to), *router(self.config, number)])

    def _known(self, plan: Plan, before: list[Release]) -> Release | None:
        """The live release if it is the same, or one that is newer and was broken off before it served."""
        live = next((r.number for r in before if r.live), 0)
        same = [r for r in before if (r.plan, r.config) == (plan, self.config)]
        return max(
            (r for r in same if r.live or _pending(r, live)),
            key=lambda r: r.live,
            default=None,
        )

    def _recorded(self, plan: Plan, before: list[Release]) -> Release:
        """A new release on record; what was done about its experiment is remembered."""
        number = _next(before)
        done = [
            r.acted
            for r in before
            if all(r.plan[k] == plan[k] for k in ("name", "salt"))
        ]
        acted = max(done, default="")  # they begin with their time
        notes = {SERVED: "no"} | ({ACTED: acted} if acted else {})
        self.cluster.apply(tagged(record(self.config, plan, number), annotations=notes))
        return Release(number, plan, self.config, live=False, served=False, acted=acted)

    def _note(self, release: Release, key: str, text: str = "") -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self.cluster.annotate(
            "ConfigMap",
            record_name(self.config, release.number),
            {key: f"{now} {text}".strip()},
        )

    def _check_live(self, of: Release) -> None:
        number = self._live_number()
        must, fix = (
            f"{of.number}, as when this was decided",
            "look at what is live now, and decide again",
        )
        check(number == of.number, "live release", number, must=must, fix=fix)

    def _go_over(
        self, to: Release, after: Release | None = None, *, least: int | None = None
    ) -> None:
        """Servers first; when they serve, the router.

        Args:
            after: the release that must still be live when the servers are ready.
            least: pods a variant that suffice; None: all that are asked for.
        """
        services = self._apply_servers(to)
        say(
            f"release {to.number}: waiting for {', '.join(s['metadata']['name'] for s in services)}"
        )
        wait(self.cluster, services, least=least)
        if after:  # pods took their time, and another release may be live by now
            self._check_live(after)
        deployment = self._apply_router(to)
        say(f"release {to.number}: waiting for {deployment['metadata']['name']}")
        wait(self.cluster, [deployment])
        if not to.served:
            self._note(to, SERVED)

    def _apply_servers(self, to: Release) -> list[dict[str, Any]]:
        """Returns the InferenceServices."""
        things = servers(to.config, to.plan)
        for one in things:
            self.cluster.apply(one)
        return [one for one in things if one["kind"] == "InferenceService"]

    def _apply_router(self, to: Release) -> dict[str, Any]:
        """Returns the Deployment, which goes last: it is what moves the traffic."""
        deployment, *rest = router(to.config, to.number)
        for one in (*rest, deployment):
            self.cluster.apply(one)
        return deployment

    def _undo(self, failed: Release, was: Release | None) -> str:
        """Back to what was live, and forget the failed release; says what was done.

        What was live is up: nothing is waited for but a router that had gone over already.
        """
        now, done = self._live_number(), f"release {failed.number} is withdrawn"
        if was and now in (failed.number, was.number):  # else another is live by now
            self._apply_servers(
                was
            )  # the failed one may have scaled those that both use
            deployment = self._apply_router(was)
            if now == failed.number:
                wait(self.cluster, [deployment])
            done = f"{done}, release {was.number} serves"
        elif now == failed.number:
            for kind in ("Deployment", "Service", *ROUTER_KINDS):
                for one in self.cluster.ours(kind, "router"):
                    self.cluster.delete(one)
        self.cluster.delete(record(self.config, failed.plan, failed.number))
        self.collect()
        return done

    def promote(
        self,
        variant: str = "challenger",
        *,
        of: Release | None = None,
        why: str = "by hand",
    ) -> int:
        """Give one variant of the live release to everybody; a new release, to which roll-back returns as to any.

        Args:
            of: the release that was judged; none: whatever is live.
            why: for the record, on which the review does not act on this experiment again.

        Raises:
            ConfigError: another release than ``of`` is live, now or when the new one is ready.
        """
        of = of or self.live()
        self._check_live(of)
        number = self._release(promoted(of.plan, variant), of)
        self._note(of, ACTED, f"{variant} promoted as release {number}, {why}")
        self.collect()
        return number

    def live(self) -> Release:
        """The release that serves.

        Raises:
            MissingError: none does.
        """
        live = [r for r in self.releases() if r.live]
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
        """Serve an earlier release again: ``to``, or the last before the live one that served; returns its number.

        Both releases are noted as acted on: the review leaves them to the person who rolled back.
        """
        live, known = self.live(), [r for r in self.releases() if r.served]
        earlier = [
            r for r in known if (r.number == to if to else r.number < live.number)
        ]
        numbers = [r.number for r in known]
        fix = f"choose one of {numbers} (live: {live.number})"
        check(
            bool(earlier),
            "release",
            to or "the one before",
            must="one that served",
            fix=fix,
            error=MissingError,
        )
        goal = earlier[-1]
        for one in (live, goal):
            self._note(
                one,
                ACTED,
                f"rolled back from release {live.number} to {goal.number}, by hand",
            )
        self._go_over(
            goal, least=1
        )  # one pod a variant is better than what is fled from; the rest comes after
        return goal.number

    def collect(self) -> None:
        """Delete our objects that none of the newest ``keep`` releases that served has use for.

        Kept as well: the live release, and what is newer and does not serve yet.
        """
        known = self.releases()
        live = next((r.number for r in known if r.live), 0)
        newest = [r.number for r in known if r.served][-self.config.keep :]
        kept = [r for r in known if r.live or r.number in newest or _pending(r, live)]
        wanted = {(o["kind"], o["metadata"]["name"]) for r in kept for o in _lasting(r)}
        wanted |= {
            (o["kind"], o["metadata"]["name"])
            for r in kept
            if r.live
            for o in router(r.config, r.number)
        }
        looked = list(LASTING_KINDS)
        if any(r.live for r in kept):
            looked += [(kind, "router") for kind in ROUTER_KINDS]
        for kind, component in looked:
            for one in self.cluster.ours(kind, component):
                if (kind, one["metadata"]["name"]) not in wanted:
                    self.cluster.delete(one)


def _lasting(release: Release) -> list[dict[str, Any]]:
    """What a release needs while it waits to be served again."""
    return [
        record(release.config, release.plan, release.number),
        *servers(release.config, release.plan),
    ]


def _next(before: list[Release]) -> int:
    return max([r.number for r in before], default=0) + 1


def _pending(release: Release, live: int) -> bool:
    """Whether it may be on its way: not served yet, and newer than what is live."""
    return not release.served and release.number > live
