"""A real cluster with a real KServe and enforced NetworkPolicies, from KUBECONFIG;
namespaces with our manifests.

Beside KUBECONFIG: ADORE_REGISTRY and ADORE_TAG name the images router, server and
student, which the nodes must have. CLUSTER_HOST_IP is the address at which pods reach
this machine, where an S3 store runs for them; by default that from which this machine
reaches the API server.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
import yaml
from tests.serving.conftest import ITEMS, write_release

from adore.release.kubernetes.client import Cluster
from adore.release.kubernetes.config import Config, Pool
from adore.release.kubernetes.releases import read_plan
from adore.release.kubernetes.target import KubernetesTarget

ROOT = Path(__file__).parents[2]
SHOPPER = Path(__file__).parent / "shopper.py"
SMALL: dict[str, Any] = {"cpu": "20m", "memory": "384Mi", "cpu_limit": "2"}
KEYS = {
    "AWS_ACCESS_KEY_ID": "adore",
    "AWS_SECRET_ACCESS_KEY": "adore-adore",
    "AWS_DEFAULT_REGION": "us-east-1",
}
HOST_POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: test-store}}
spec:
  podSelector: {{}}
  policyTypes: [Egress]
  egress: [{{to: [{{ipBlock: {{cidr: {host}/32}}}}]}}]
"""
"""The store of these tests is on this machine."""


def kubectl(*arguments: str, stdin: str = "") -> str:
    done = subprocess.run(
        ["kubectl", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def api() -> Any:
    """An administrator's client; skips, by name, where there is no cluster,
    and fails where its KServe is none.
    """
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("SKIPPED cluster: no KUBECONFIG")
    if not shutil.which("kubectl"):
        pytest.skip("SKIPPED cluster: no kubectl")
    from adore.release.kubernetes.client import connect

    hooks = kubectl("get", "validatingwebhookconfigurations", "-o", "name")
    assert "inferenceservice.serving.kserve.io" in hooks, (
        "KServe's webhooks are not on this cluster; install KServe"
    )
    return connect()


@pytest.fixture(scope="session")
def host(api: Any) -> str:
    """The address at which pods reach this machine."""
    if given := os.environ.get("CLUSTER_HOST_IP"):
        return given
    server = urlsplit(api.configuration.host)
    with socket.create_connection(
        (str(server.hostname), server.port or 443), 10
    ) as connection:
        return str(connection.getsockname()[0])


@pytest.fixture(scope="session")
def store(host: str) -> Iterator[dict[str, str]]:
    """An S3 store on this machine that pods reach; yields a client's environment."""
    from adore.release.local import free_port

    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "0.0.0.0", "-p", str(port)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        environment = {**KEYS, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}
        try:
            for _ in range(300):
                try:
                    httpx.get(
                        environment["AWS_ENDPOINT_URL"], timeout=1, trust_env=False
                    )
                    break
                except httpx.HTTPError:
                    time.sleep(0.2)
            with pytest.MonkeyPatch.context() as patch:
                for key, value in environment.items():
                    patch.setenv(key, value)
                boto3.client("s3").create_bucket(Bucket="shop")
                yield environment
        finally:
            server.terminate()


def upload(folder: Path, name: str) -> str:
    for path in folder.rglob("*"):
        if path.is_file():
            boto3.client("s3").upload_file(
                str(path), "shop", f"{name}/{path.relative_to(folder)}"
            )
    return f"s3://shop/{name}"


@pytest.fixture(scope="session")
def places(
    store: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> list[str]:
    """Two releases whose challengers differ, in the store."""
    folders = [
        write_release(tmp_path_factory.mktemp("r"), items=ITEMS[n:]) for n in range(2)
    ]
    return [upload(folder, f"release-{n}") for n, folder in enumerate(folders)]


@contextmanager
def shop_namespace(
    name: str, store: dict[str, str], host: str, folder: Path
) -> Iterator[str]:
    """A namespace made by manifests/base, with the store's Secret; deleted at the end."""
    base = os.path.relpath(ROOT / "manifests" / "base", folder)
    wanted = {
        "namespace": name,
        "resources": [base],
        "components": [base.removesuffix("base") + "components/gateway"],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(wanted))
    kubectl(
        "apply",
        "-f",
        "-",
        stdin=kubectl(
            "kustomize", "--load-restrictor=LoadRestrictionsNone", str(folder)
        ),
    )
    try:
        literals = [f"--from-literal={k}={v}" for k, v in store.items()]
        kubectl("-n", name, "create", "secret", "generic", "adore-s3", *literals)
        kubectl("-n", name, "apply", "-f", "-", stdin=HOST_POLICY.format(host=host))
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def namespace(
    store: dict[str, str], host: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The shop's namespace."""
    name = f"adore-{uuid.uuid4().hex[:6]}"
    with shop_namespace(name, store, host, tmp_path_factory.mktemp("overlay")) as made:
        yield made


def settings(namespace: str, **more: Any) -> Config:
    """A release's settings for a small cluster."""
    pool = Pool(replicas=2, most=2, **SMALL)
    wanted: dict[str, Any] = {
        "namespace": namespace,
        "registry": os.environ.get("ADORE_REGISTRY", "adore"),
        "tag": os.environ.get("ADORE_TAG", "0.1.0"),
        "server": pool,
        "router": pool,
        "credentials": "adore-s3",
        "exposures": "s3://shop/exposures",
        "timeout": 10,  # pods of 20 ms of CPU
        "keep": 9,
        "patience": 240,
    }
    return Config(**(wanted | more))


@pytest.fixture(scope="session")
def config(namespace: str) -> Config:
    return settings(namespace)


def impersonate(account: str, namespace: str) -> Any:
    """A client with the rights of one of our service accounts."""
    from adore.release.kubernetes.client import connect

    one = connect()
    one.set_default_header(
        "Impersonate-User", f"system:serviceaccount:{namespace}:{account}"
    )
    return one


def as_pipeline(config: Config) -> KubernetesTarget:
    """Releases with the pipeline account's rights alone."""
    return KubernetesTarget(
        config, Cluster(config, impersonate("adore-pipeline", config.namespace))
    )


@pytest.fixture(scope="session")
def target(config: Config, api: Any) -> KubernetesTarget:
    print(
        [config.image(kind) for kind in ("server", "router", "student")],
        "must be on the nodes",
    )
    return as_pipeline(config)


@pytest.fixture(scope="session")
def first(target: KubernetesTarget, config: Config, places: list[str]) -> int:
    """The first release's number; it is live."""
    return target.release(read_plan(config, places[0]))


# ---------------------------------------------------------------- shoppers

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: shopper}}}}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  containers:
    - name: shopper
      image: {image}
      command: {command}
      volumeMounts: [{{name: code, mountPath: /code}}]
  volumes: [{{name: code, configMap: {{name: shopper}}}}]
"""


@dataclass(frozen=True)
class World:
    """Shoppers in a namespace of their own, which may come in as a gateway's may."""

    namespace: str
    image: str
    url: str

    def start(self, name: str, *command: str) -> None:
        pod = POD.format(name=name, image=self.image, command=json.dumps(command))
        kubectl("-n", self.namespace, "apply", "-f", "-", stdin=pod)
        kubectl(
            "-n",
            self.namespace,
            "wait",
            "--for=condition=Ready",
            f"pod/{name}",
            "--timeout=120s",
        )

    def ask(self, users: list[str]) -> list[dict[str, Any]]:
        """One request a user."""
        bodies = [
            {"user_id": user, "query": "red shoes", "items": ITEMS} for user in users
        ]
        command = ("python3", "/code/shopper.py", "ask", self.url)
        where = ("-n", self.namespace, "exec", "-i", "shopper", "--")
        return list(json.loads(kubectl(*where, *command, stdin=json.dumps(bodies))))


class Traffic:
    """Requests without end from a pod, counted by outcome; use as a context manager."""

    def __init__(self, world: World) -> None:
        self.world, self.name = world, f"flow-{uuid.uuid4().hex[:6]}"
        self.outcomes = Counter[str]()
        self.failed = list[str]()

    def __enter__(self) -> Traffic:
        self.world.start(
            self.name,
            "python3",
            "/code/shopper.py",
            "flow",
            self.world.url,
            json.dumps(ITEMS),
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.look()
        self.failed = self.failures()
        kubectl("-n", self.world.namespace, "delete", "pod", self.name, "--wait=false")

    def look(self) -> int:
        """How many requests were answered or failed by now."""
        lines = kubectl(
            "-n", self.world.namespace, "logs", self.name, "--tail=50"
        ).splitlines()
        if counts := [line for line in lines if line.startswith("{")]:
            self.outcomes = Counter(json.loads(counts[-1]))
        return self.outcomes.total()

    def failures(self) -> list[str]:
        """When each failure happened, and what it was."""
        log = kubectl("-n", self.world.namespace, "logs", self.name)
        return [line for line in log.splitlines() if line.startswith("failed ")]

    def until(self, count: int) -> None:
        """Let requests flow until so many are done."""
        before = time.monotonic()
        while self.look() < count:
            assert time.monotonic() < before + 1200, (
                f"{self.outcomes} after twenty minutes"
            )
            time.sleep(1)


@pytest.fixture(scope="session")
def world(config: Config, first: int) -> Iterator[World]:
    """Shoppers; their first pod is up."""
    name = f"{config.namespace}-world"
    kubectl("create", "namespace", name)
    kubectl("label", "namespace", name, "adore.dev/gateway=true")
    try:
        kubectl("-n", name, "create", "configmap", "shopper", f"--from-file={SHOPPER}")
        shoppers = World(
            name, config.image("router"), f"http://adore-router.{config.namespace}.svc"
        )
        shoppers.start("shopper", "sleep", "infinity")
        yield shoppers
    finally:
        kubectl("delete", "namespace", name, "--wait=false")
