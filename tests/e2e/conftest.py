"""A namespace of a real cluster with our manifests, and an S3 store beside it.

KServe's controller is a stand-in, unless ADORE_E2E_KSERVE=1 says that a real one runs, and what else kind.sh brings.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from tests.e2e.stand_in_kserve import StandIn

from adore.release.kubernetes.config import Config, Pool

ROOT = Path(__file__).parents[2]
REAL = os.environ.get("ADORE_E2E_KSERVE") == "1"
"""A cluster with KServe, a Gateway and enforced NetworkPolicies."""
SMALL = {"cpu": "20m", "memory": "384Mi", "cpu_limit": "2"}
KEYS = {"AWS_ACCESS_KEY_ID": "adore", "AWS_SECRET_ACCESS_KEY": "adore-adore", "AWS_DEFAULT_REGION": "us-east-1"}


HOST_POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: test-host}}
spec:
  podSelector: {{}}
  policyTypes: [Ingress, Egress]
  ingress: [{{from: [{{ipBlock: {{cidr: {host}/32}}}}]}}]
  egress: [{{to: [{{ipBlock: {{cidr: {host}/32}}}}]}}]
"""
"""The store and the shoppers of these tests are on this machine."""


def kubectl(*arguments: str, stdin: str = "") -> str:
    done = subprocess.run(["kubectl", *arguments], input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def api() -> Any:
    """An administrator's client; skips, by name, where there is no cluster."""
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("SKIPPED cluster: no KUBECONFIG")
    if not shutil.which("kubectl"):
        pytest.skip("SKIPPED cluster: no kubectl")
    from adore.release.kubernetes.client import connect

    return connect()


@pytest.fixture(scope="session")
def store() -> Iterator[dict[str, str]]:
    """An S3 store on this machine that pods reach; yields a client's environment."""
    host = os.environ.get("CLUSTER_HOST_IP")
    if not host:
        pytest.skip("SKIPPED cluster: no CLUSTER_HOST_IP, the address at which pods reach this machine")
    from adore.release.local import free_port

    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", host, "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        environment = {**KEYS, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}
        try:
            for _ in range(100):
                try:
                    httpx.get(environment["AWS_ENDPOINT_URL"], timeout=1, trust_env=False)
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


@pytest.fixture(scope="session")
def namespace(api: Any, store: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A namespace made by manifests/base, with the store's Secret; deleted at the end."""
    name = f"adore-{uuid.uuid4().hex[:6]}"
    folder = tmp_path_factory.mktemp("overlay")
    base = os.path.relpath(ROOT / "manifests" / "base", folder)
    gateway = f"components: [{base.removesuffix('base')}components/gateway]\n" if REAL else ""
    (folder / "kustomization.yaml").write_text(f"namespace: {name}\nresources: [{base}]\n{gateway}")
    kubectl("apply", "-f", "-", stdin=kubectl("kustomize", "--load-restrictor=LoadRestrictionsNone", str(folder)))
    literals = [f"--from-literal={k}={v}" for k, v in store.items()]
    kubectl("-n", name, "create", "secret", "generic", "adore-s3", *literals)
    place = store["AWS_ENDPOINT_URL"].removeprefix("http://")
    about = {"s3-endpoint": place, "s3-usehttps": "0", "s3-region": KEYS["AWS_DEFAULT_REGION"]}
    kubectl("-n", name, "annotate", "secret", "adore-s3", *(f"serving.kserve.io/{k}={v}" for k, v in about.items()))
    secrets = '{"secrets": [{"name": "adore-s3"}]}'
    kubectl("-n", name, "patch", "serviceaccount", "adore-server", "-p", secrets)
    kubectl("-n", name, "apply", "-f", "-", stdin=HOST_POLICY.format(host=os.environ["CLUSTER_HOST_IP"]))
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def config(namespace: str) -> Config:
    """A release's settings for a small, old cluster: no autoscaling/v2 and no policy/v1 there."""
    pool = Pool(replicas=2, most=2, **SMALL)
    return Config(
        namespace=namespace,
        registry=os.environ.get("ADORE_REGISTRY", "adore"),
        tag=os.environ.get("ADORE_TAG", "0.1.0"),
        server=pool,
        router=pool,
        budget=False,
        credentials="adore-s3",
        exposures="s3://shop/exposures",
        timeout=10,  # pods of 20 ms of CPU
        keep=2,
        patience=240,
    )


@pytest.fixture(scope="session")
def controller(api: Any, config: Config) -> Iterator[StandIn | None]:
    """The stand-in, running; None where KServe itself runs."""
    if REAL:
        yield None
        return
    with StandIn(api, config.namespace, "adore-s3") as running:
        yield running
    assert running.errors == []


def impersonate(account: str, namespace: str) -> Any:
    """A client with the rights of one of our service accounts."""
    from adore.release.kubernetes.client import connect

    one = connect()
    one.set_default_header("Impersonate-User", f"system:serviceaccount:{namespace}:{account}")
    return one
