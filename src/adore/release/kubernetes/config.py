"""What a release to a cluster needs to be told; the profile's section ``kubernetes``."""

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
"""Characters of a DNS label. Source: RFC 1035, section 2.3.4."""
BETWEEN = len("-predictor-")
"""Characters between a service's name and its namespace in the host name that KServe makes.

It names a host of every service, ``{name}-predictor-{namespace}``, and refuses a label
that is too long.

Source: kserve v0.20.0, reconcilers/raw/raw_kube_reconciler.go (createRawURL),
reconcilers/ingress/domain.go.
"""
LEAST_NAME = 16
"""Characters that a service's name needs.

They are some of the app's, and a digest that keeps it apart from all others.
"""


class Pool(BaseModel):
    """How many pods of one kind, and how big; CPU in cores, memory in bytes with a unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    replicas: Annotated[int, Field(ge=1)] = 2
    """Least pods."""
    most: Annotated[int, Field(ge=1)] = 6
    """The autoscaler's upper end; equal to ``replicas``: no autoscaler."""
    target: Annotated[int, Field(ge=1, le=100)] = 70
    """Percent of the requested CPU at which pods are added."""
    cpu: str = "1"
    """Requested cores."""
    memory: str = "1Gi"
    """Requested memory, and its limit."""
    cpu_limit: str = "2"
    """Most cores."""


class Config(StageConfig):
    """Where and how a release is served."""

    namespace: str = Field("adore", pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
    """Where the release is served."""
    app: str = Field("adore", pattern=NAME)
    """Prefix of every name; two apps share a namespace without seeing each other."""
    registry: str = "adore"
    """Registry and path of the images."""
    tag: str = Field(__version__, pattern=r"^[\w][\w.-]{0,127}$")
    """Tag of the images."""
    server: Pool = Pool()
    """Pods of each variant's model server."""
    server_threads: int = Field(1, ge=1)
    """Threads of one answer of a server.

    With more than one give ``server.cpu_limit`` as many cores."""
    router: Pool = Pool(cpu="500m", memory="512Mi", cpu_limit="1")
    """Pods of the router."""
    route: Literal["gateway", "ingress", "none"] = "gateway"
    """How traffic reaches the router: HTTPRoute, Ingress, or a way of your own."""
    gateway: str = "adore"
    """Name of the Gateway, or ``namespace/name``; with ``ingress`` the IngressClass."""
    host: str = ""
    """Host name of the shop's search; empty: any."""
    budget: bool = True
    """Whether the router and each variant's servers get a PodDisruptionBudget."""
    credentials: str = ""
    """Name of the Secret whose keys are the router's environment (AWS_ACCESS_KEY_ID, ...).

    Empty: workload identity."""
    claim: str = ""
    """``NAME:/mount``, a PersistentVolumeClaim.

    Places under the mount are read by the servers from it."""
    loader: Literal["server", "kserve"] = "server"
    """Who brings an ``s3://`` model into its pod.

    It is the server itself, with ``credentials`` or workload identity, or KServe's storage
    initializer, with what a cluster administrator set up for it."""
    storage_container: str = ""
    """The ClusterStorageContainer that ``loader: kserve`` uses.

    Empty: the one that KServe finds for ``s3://``."""
    disk: str = "2Gi"
    """The most that a server's pod may keep on its node's disk.

    That is its model, where the server loads it."""
    exposures: str = ""
    """``s3://`` place to which the routers ship exposures and events.

    Empty: they stay in the pod, the newest 3 GB."""
    timeout: float = Field(0.3, gt=0)
    """Seconds a variant has for an answer.

    Then the control has as long, then the items go out as they came."""
    port: int = 80
    """Port of KServe's predictor Services; 8080 where KServe makes them headless."""
    keep: int = Field(3, ge=2)
    """Releases that stay ready to roll back to, the live one included."""
    patience: float = Field(600, gt=0)
    """Seconds to wait for pods."""

    @field_validator("tag")
    @classmethod
    def _fixed(cls, tag: str) -> str:
        if tag == "latest":
            raise ValueError(
                "must name one build, for a roll-back to find it; use a version"
            )
        return tag

    @property
    def name_length(self) -> int:
        """The most characters of an InferenceService's name in this namespace."""
        return LABEL - BETWEEN - len(self.namespace)

    @model_validator(mode="after")
    def _used(self) -> Self:
        if self.storage_container and self.loader != "kserve":
            raise ValueError(
                "storage_container is of loader kserve, must be empty otherwise; "
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
        """The image of one kind, ``server`` or ``router``."""
        return f"{self.registry}/{kind}:{self.tag}"

    def storage_uri(self, place: str) -> str:
        """What KServe's storage initialiser calls a place.

        Returns:
            The address that KServe loads from.

        Raises:
            ConfigError: the cluster cannot read it.
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
