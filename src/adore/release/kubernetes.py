"""The Kubernetes target: KServe servers, the router and its experiment; release, promote, roll back, collect."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from adore.artifacts import join, local_copy
from adore.errors import ConfigError, MissingError, UnavailableError, check
from adore.progress import say
from adore.release.kubernetes_api import Cluster
from adore.release.kubernetes_config import Config
from adore.release.kubernetes_objects import (
    GROUP,
    Plan,
    inference_services,
    named,
    promoted,
    record,
    record_name,
    runtime,
)
from adore.release.kubernetes_ready import fault
from adore.release.kubernetes_router import router

__all__ = ["KubernetesTarget", "Release", "read_plan", "render"]

ROUTER_KINDS = ("HorizontalPodAutoscaler", "PodDisruptionBudget", "HTTPRoute", "Ingress")


@dataclass(frozen=True, slots=True)
class Release:
    """One release that the cluster remembers."""

    number: int
    plan: Plan
    config: Config
    live: bool
    created: str = ""


def read_plan(config: Config, place: str) -> Plan:
    """The plan of a release stage's output, its variants with the address that KServe loads them from."""
    path = local_copy(join(place, "experiment.json"))
    plan = json.loads(path.read_text("utf-8"))
    uris = {name: config.storage_uri(join(place, v["folder"])) for name, v in plan["variants"].items()}
    plan["variants"] = {
        name: {"version": v["version"], "kind": v["kind"], "uri": uris[name]} for name, v in plan["variants"].items()
    }
    return {k: v for k, v in plan.items() if k in ("name", "salt", "weights", "design", "variants")}


def render(config: Config, plan: Plan, number: int = 1) -> list[dict[str, Any]]:
    """Every object of a release, in the order in which they are applied."""
    return [*_lasting(Release(number, named(config, plan), config, live=False)), *router(config, number)]


class KubernetesTarget:
    """Releases of one app in one namespace. The cluster itself is the only memory."""

    def __init__(self, config: Config, cluster: Cluster | None = None) -> None:
        self.config, self.cluster = config, cluster or Cluster(config)

    def releases(self) -> list[Release]:
        """All releases that can be served, oldest first."""
        live = self._live_number()
        found = []
        for thing in self.cluster.ours("ConfigMap", "experiment"):
            number = int(thing["metadata"]["labels"][f"{GROUP}/release"])
            stored = json.loads(thing["data"]["config.json"])
            config = Config(**{k: v for k, v in stored.items() if k in Config.model_fields})  # another version's, too
            plan = json.loads(thing["data"]["plan.json"])
            found.append(Release(number, plan, config, number == live, thing["metadata"].get("creationTimestamp", "")))
        return sorted(found, key=lambda r: r.number)

    def _live_number(self) -> int:
        deployment = self.cluster.get("Deployment", f"{self.config.app}-router") or {"metadata": {}}
        return int((deployment["metadata"].get("annotations") or {}).get(f"{GROUP}/release", 0))

    def release(self, plan: Plan) -> int:
        """Serve a plan; the router goes over when every variant is ready.

        Returns:
            the release's number; that of the live release if it is the same.

        Raises:
            UnavailableError: a variant or the router did not become ready; what was live before is live still.
            ConfigError: an object of the same name is not ours, or the cluster refuses one.
        """
        before = self.releases()
        plan = named(self.config, plan, next((r.plan for r in before if r.live), None))
        same = [r for r in before if r.live and (r.plan, r.config) == (plan, self.config)]
        if same:  # asked again, by a retry perhaps: put right what drifted
            self._go_over(same[0])
            return same[0].number
        number = max([r.number for r in before], default=0) + 1
        fresh = Release(number, plan, self.config, live=False)
        self.cluster.apply(record(self.config, plan, number))
        try:
            self._go_over(fresh)
        except (UnavailableError, ConfigError, MissingError) as error:
            raise type(error)(f"{error}; {self._undo(fresh, before)}") from error
        self.collect()
        return number

    def _go_over(self, to: Release) -> None:
        config, cluster = to.config, self.cluster
        cluster.apply(runtime(config))
        live = {one["metadata"]["name"]: one for one in cluster.ours("InferenceService")} if config.canary else {}
        services = inference_services(config, to.plan, live)
        for one in services:
            cluster.apply(one)
        say(f"release {to.number}: waiting for {', '.join(s['metadata']['name'] for s in services)}")
        cluster.wait(services, fault)
        deployment, *rest = router(config, to.number)
        for one in (*rest, deployment):
            cluster.apply(one)
        say(f"release {to.number}: waiting for {deployment['metadata']['name']}")
        cluster.wait([deployment], fault)

    def _undo(self, failed: Release, before: list[Release]) -> str:
        """Back to what was live, and forget the failed release; says what was done."""
        live = [r for r in before if r.live]
        done = f"release {failed.number} is withdrawn"
        if self._live_number() == failed.number and not live:
            for kind in ("Deployment", "Service", *ROUTER_KINDS):
                for one in self.cluster.ours(kind, "router"):
                    self.cluster.delete(one)
        elif live:
            self._go_over(Release(live[0].number, live[0].plan, _settled(live[0].config), live=True))
            done = f"{done}, release {live[0].number} serves"
        self.cluster.delete(record(self.config, failed.plan, failed.number))
        self.collect()
        return done

    def promote(self, variant: str = "challenger") -> int:
        """Give one variant of the live release to everybody; a new release, to which roll-back returns as to any."""
        return self.release(promoted(self.live().plan, variant))

    def live(self) -> Release:
        """The release that serves.

        Raises:
            MissingError: none does.
        """
        live = [r for r in self.releases() if r.live]
        name = record_name(self.config, self._live_number())
        check(bool(live), "live release", name, must="on the cluster", fix="release one first", error=MissingError)
        return live[0]

    def rollback(self, to: int = 0) -> int:
        """Serve an earlier release again: ``to``, or the one before the live one; returns its number."""
        live, known = self.live(), self.releases()
        earlier = [r for r in known if (r.number == to if to else r.number < live.number)]
        numbers = [r.number for r in known]
        fix = f"choose one of {numbers} (live: {live.number})"
        check(bool(earlier), "release", to or "the one before", must="on the cluster", fix=fix, error=MissingError)
        goal = earlier[-1]
        self._go_over(Release(goal.number, goal.plan, _settled(goal.config), live=True))
        return goal.number

    def collect(self) -> None:
        """Delete our objects that none of the newest ``keep`` releases, nor the live one, has use for."""
        known = self.releases()
        kept = [r for r in known if r.live or r in known[-self.config.keep :]]
        wanted = {(o["kind"], o["metadata"]["name"]) for r in kept for o in _lasting(r)}
        wanted |= {(o["kind"], o["metadata"]["name"]) for r in kept if r.live for o in router(r.config, r.number)}
        looked = {"ConfigMap": "experiment", "InferenceService": "server", "ServingRuntime": "runtime"}
        if any(r.live for r in kept):
            looked |= dict.fromkeys(ROUTER_KINDS, "router")
        for kind, component in looked.items():
            for one in self.cluster.ours(kind, component):
                if (kind, one["metadata"]["name"]) not in wanted:
                    self.cluster.delete(one)


def _lasting(release: Release) -> list[dict[str, Any]]:
    """What a release needs while it waits to be served again."""
    config, plan = release.config, release.plan
    return [record(config, plan, release.number), runtime(config), *inference_services(config, plan)]


def _settled(config: Config) -> Config:
    return config.model_copy(update={"canary": 0})
