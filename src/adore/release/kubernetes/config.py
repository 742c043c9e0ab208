"""How a release is served on a cluster: the profile's section ``kubernetes``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from adore import __version__
from adore.config import StageConfig
from adore.errors import ConfigError, check
from adore.storage import is_remote

__all__ = ["Config", "Pool"]

NAME = r"^[a-z]([-a-z0-9]{0,18}[a-z0-9])?$"

LABEL = 63
"""Maximum length of a DNS label. Source: RFC 1035, section 2.3.4."""
BETWEEN = len("-predictor-")
"""Characters between a service's name and its namespace in the host name of KServe.

KServe names a host of every service, ``{name}-predictor-{namespace}``, and refuses a label
that is too long.

Source: kserve v0.20.0, reconcilers/raw/raw_kube_reconciler.go (createRawURL),
reconcilers/ingress/domain.go.
"""
LEAST_NAME = 16
"""Minimum length of a service's name: part of the app's name, and a digest."""


class Pool(BaseModel):
    """Number and size of pods; CPU in cores, memory in bytes with a unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    replicas: Annotated[int, Field(ge=1)] = 2
    """Minimum number of pods."""
    most: Annotated[int, Field(ge=1)] = 6
    """Maximum number of pods; if it equals ``replicas``, there is no autoscaler."""
    target: Annotated[int, Field(ge=1, le=100)] = 70
    """Average CPU use at which pods are added, in percent of the requested CPU."""
    cpu: str = "1"
    """Requested cores."""
    memory: str = "1Gi"
    """Requested memory, and its limit."""
    cpu_limit: str = "2"
    """Maximum number of cores."""


class Config(StageConfig):
    """Where and how a release is served."""

    namespace: str = Field("adore", pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
    """Namespace of the release."""
    app: str = Field("adore", pattern=NAME)
    """Prefix of every name; several apps can share a namespace."""
    registry: str = "adore"
    """Registry and path of the images."""
    tag: str = Field(__version__, pattern=r"^[\w][\w.-]{0,127}$")
    """Tag of the images."""
    server: Pool = Pool()
    """Pods of each variant's model server."""
    server_threads: int = Field(1, ge=1)
    """Threads of a server per request.

    If more than one, set ``server.cpu_limit`` to as many cores."""
    router: Pool = Pool(cpu="500m", memory="512Mi", cpu_limit="1")
    """Pods of the router."""
    route: Literal["gateway", "ingress", "none"] = "gateway"
    """How traffic reaches the router: by HTTPRoute, Ingress, or a route of your own."""
    gateway: str = "adore"
    """Name of the Gateway, or ``namespace/name``; with ``ingress`` the IngressClass."""
    host: str = ""
    """Host name of the shop's search service; empty: any."""
    budget: bool = True
    """Whether the router and each variant's servers get a PodDisruptionBudget."""
    credentials: str = ""
    """Secret whose keys become environment variables (AWS_ACCESS_KEY_ID, ...).

    Empty: workload identity."""
    claim: str = ""
    """PersistentVolumeClaim as ``NAME:/mount``.

    Servers read places under the mount from it."""
    loader: Literal["server", "kserve"] = "server"
    """What downloads an ``s3://`` model.

    Either the server, with ``credentials`` or workload identity, or KServe's storage
    initializer, as the cluster administrator configured it."""
    storage_container: str = ""
    """ClusterStorageContainer for ``loader: kserve``.

    Empty: the one that KServe selects for ``s3://``."""
    disk: str = "2Gi"
    """Maximum disk use of a server's pod.

    It holds the model if the server downloads it."""
    exposures: str = ""
    """``s3://`` place where routers store exposures and events.

    Empty: they stay in the pod, the newest 3 GB."""
    timeout: float = Field(0.3, gt=0)
    """Seconds that a variant has for a response.

    After that the control has as long; after that the items are returned unranked."""
    port: int = 80
    """Port of KServe's predictor Services; 8080 if they are headless."""
    keep: int = Field(3, ge=2)
    """Releases that are retained for rollback, including the live one."""
    patience: float = Field(600, gt=0)
    """Seconds to wait for pods to become ready."""

    @field_validator("tag")
    @classmethod
    def _fixed(cls, tag: str) -> str:
        # A tag that moves would change what an earlier release serves.
        if tag == "latest":
            raise ValueError(
                "must name one build, so that a rollback finds it; use a version"
            )
        return tag

    @property
    def name_length(self) -> int:
        """Maximum length of an InferenceService's name in this namespace."""
        return LABEL - BETWEEN - len(self.namespace)

    @model_validator(mode="after")
    def _used(self) -> Self:
        if self.storage_container and self.loader != "kserve":
            raise ValueError(
                "storage_container needs loader kserve, must be empty otherwise; "
                "set loader: kserve"
            )
        return self

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        if self.name_length < LEAST_NAME:
            longest_namespace = LABEL - BETWEEN - LEAST_NAME
            raise ValueError(
                f"namespace has {len(self.namespace)} characters, "
                f"must have at most {longest_namespace}: KServe puts a service's name and its "
                f"namespace into one DNS label of {LABEL}; use a shorter namespace"
            )
        return self

    def image(self, kind: str) -> str:
        """Return the image of a component, ``server`` or ``router``."""
        return f"{self.registry}/{kind}:{self.tag}"

    def storage_uri(self, place: str) -> str:
        """Convert a place to the URI that KServe's storage initializer loads.

        Returns:
            The place itself, or a ``pvc://`` URI if it is under the claim's mount.

        Raises:
            ConfigError: the cluster cannot read the place.
        """
        claim_name, _, mount_path = self.claim.partition(":")
        if mount_path and place.startswith(mount_path.rstrip("/") + "/"):
            return f"pvc://{claim_name}/{place.removeprefix(mount_path).lstrip('/')}"
        advice = "give one, or set kubernetes.claim to NAME:/mount"
        check(
            is_remote(place),
            "release",
            place,
            must="an s3:// place",
            fix=advice,
            error=ConfigError,
        )
        return place
