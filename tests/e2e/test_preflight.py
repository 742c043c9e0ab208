"""What a run on Kubeflow Pipelines would wait for, found before it starts,
on a real API server and kubelet.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.e2e.conftest import impersonate, kubectl, settings, shop_namespace

from adore.pipeline.doctor.finding import Finding
from adore.pipeline.kubeflow.placement import Config as Placement
from adore.pipeline.kubeflow.preflight import examine_images, examine_namespace
from adore.release.kubernetes.client import Cluster
from adore.release.kubernetes.config import Config

pytestmark = pytest.mark.cluster

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL")
LAUNCHER = (
    "s3: {default: {endpoint: 'http://store:9000', forcePathStyle: true, "
    "credentials: {fromEnv: true}}}"
)


@pytest.fixture(scope="module")
def shop(
    store: dict[str, str], host: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Config]:
    name = f"adore-{uuid.uuid4().hex[:6]}"
    with shop_namespace(
        name, store, host, tmp_path_factory.mktemp("preflight")
    ) as space:
        yield settings(space)


@contextmanager
def launcher(config: Config, providers: str) -> Iterator[None]:
    """The ConfigMap kfp-launcher, there for a while."""
    where = ("-n", config.namespace)
    given = f"--from-literal=providers={providers}"
    kubectl(*where, "create", "configmap", "kfp-launcher", given)
    try:
        yield
    finally:
        kubectl(*where, "delete", "configmap", "kfp-launcher")


def look(
    config: Config,
    placement: Placement,
    *,
    many_users: bool = False,
    account: str = "",
    remote: bool = True,
) -> dict[str, Finding]:
    api = impersonate(account, config.namespace) if account else None
    cluster = Cluster(config, api)
    return {
        f.name: f
        for f in examine_namespace(
            cluster, placement, many_users=many_users, remote=remote
        )
    }


def test_what_is_there_is_said_to_be_there(shop: Config) -> None:
    with launcher(shop, LAUNCHER):
        found = look(shop, Placement(secrets={"adore-s3": KEYS}))
        assert all(finding.ok for finding in found.values()), found
        assert (
            found["kfp-launcher"].text == "http://store:9000, with the steps' own keys"
        )


def test_each_thing_that_a_pod_would_wait_for_is_named_with_its_fix(
    shop: Config,
) -> None:
    wanted = Placement(
        secrets={"adore-s3": (*KEYS, "AWS_PROFILE"), "nobody": ("KEY",)},
        notify="hook",
        claim="disk:/data",
    )
    found = look(shop, wanted, many_users=True)
    assert found["Secret adore-s3"].text == "lacks AWS_PROFILE; add them"
    assert (
        f"kubectl -n {shop.namespace} create secret generic nobody"
        in found["Secret nobody"].text
    )
    for name in (
        "Secret hook",
        "Secret mlpipeline-minio-artifact",
        "claim disk",
        "kfp-launcher",
    ):
        assert not found[name].ok and found[name].needed, name
    assert not found["Kubeflow Profile"].ok and not found["Kubeflow Profile"].needed
    assert found["account adore-pipeline"].ok


def test_what_an_account_may_not_look_at_is_no_fault(shop: Config) -> None:
    found = look(
        shop, Placement(secrets={"nobody": ("KEY",)}), account="adore-pipeline"
    )
    assert (
        found["Secret nobody"].text == "this account may not look"
        and not found["Secret nobody"].needed
    )


def test_an_image_that_the_nodes_cannot_have_is_told_and_no_pod_is_left(
    shop: Config,
) -> None:
    there, missing = shop.image("student"), "adore.invalid/none:1"
    found = {f.name: f for f in examine_images(Cluster(shop), [there, missing])}
    assert found[f"image {there}"].ok, found[f"image {there}"].text
    assert (
        not found[f"image {missing}"].ok
        and "adore.invalid/none:1" in found[f"image {missing}"].text
    )
    left = json.loads(
        kubectl(
            "-n",
            shop.namespace,
            "get",
            "pods",
            "-l",
            "adore.dev/doctor=image",
            "-o",
            "json",
        )
    )
    assert all("deletionTimestamp" in pod["metadata"] for pod in left["items"])


def test_a_store_whose_keys_the_steps_may_not_read_is_told(shop: Config) -> None:
    """As seen on Kubeflow Pipelines 2.17.0: every step of a run on a claim failed at its end."""
    on_a_claim = look(shop, Placement(), remote=False)
    assert (
        "mlpipeline-minio-artifact, which adore-pipeline may not read"
        in on_a_claim["kfp-launcher"].text
    )
    assert on_a_claim["kfp-launcher"].needed and not on_a_claim["kfp-launcher"].ok
    own = LAUNCHER.replace("s3:", "minio:")
    with launcher(shop, own):
        found = look(shop, Placement(), remote=False)
        assert (
            found["kfp-launcher"].text == "http://store:9000, with the steps' own keys"
        )
