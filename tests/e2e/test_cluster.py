"""Release, change, promote and roll back on a real cluster with a real KServe:
our manifests, images and roles.
"""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import (
    SMALL,
    Traffic,
    World,
    as_pipeline,
    impersonate,
    kubectl,
    settings,
    shop_namespace,
)

from adore.errors import AdoreError, ConfigError
from adore.experiment.assignment import assign
from adore.release.kubernetes.client import Cluster
from adore.release.kubernetes.config import Config, Pool
from adore.release.kubernetes.objects import labels
from adore.release.kubernetes.releases import Release, read_plan
from adore.release.kubernetes.target import KubernetesTarget
from adore.serving.exposure import read_shipped

pytestmark = pytest.mark.cluster
REQUESTS = 10_000


def live_release(target: KubernetesTarget) -> Release:
    (live,) = [r for r in target.releases() if r.live]
    return live


def pods(config: Config, match: str) -> list[str]:
    return kubectl(
        "-n", config.namespace, "get", "pods", "-l", match, "-o", "name"
    ).split()


def test_it_serves_as_assigned(world: World, target: KubernetesTarget) -> None:
    live, users = live_release(target), [f"u{n}" for n in range(40)]
    for user, answer in zip(users, world.ask(users), strict=True):
        wanted = assign(user, live.plan["salt"], live.plan["weights"])
        assert (
            answer["variant"] == answer["served"] == wanted and not answer["degraded"]
        )
        assert answer["model_version"] == live.plan["variants"][wanted]["version"]


def test_kserve_makes_what_was_asked_for_and_nothing_more(
    target: KubernetesTarget, config: Config, first: int
) -> None:
    """No public way in, no autoscaler where nothing scales,
    a budget a service, no container of KServe's.
    """
    names = [s["metadata"]["name"] for s in target.cluster.ours("InferenceService")]
    for kind in ("ingress", "httproute", "horizontalpodautoscaler"):
        made = kubectl("-n", config.namespace, "get", kind, "-o", "name").split()
        assert made == ["httproute.gateway.networking.k8s.io/adore-router"] * (
            kind == "httproute"
        ), kind
    budgets = json.loads(
        kubectl("-n", config.namespace, "get", "poddisruptionbudgets", "-o", "json")
    )["items"]
    status = {b["metadata"]["name"]: b["status"] for b in budgets}
    assert {name: status[name]["currentHealthy"] for name in names} == dict.fromkeys(
        names, 2
    )
    found = json.loads(kubectl("-n", config.namespace, "get", "pods", "-o", "json"))[
        "items"
    ]
    for pod in found:
        assert not pod["spec"].get("initContainers"), pod["metadata"]["name"]


def test_ten_thousand_requests_through_every_change_and_no_failure(
    world: World, target: KubernetesTarget, config: Config, places: list[str]
) -> None:
    wider = Pool(replicas=2, most=3, **SMALL)
    seconds: dict[str, float] = {}

    def change(**more: Any) -> Callable[[], object]:
        return lambda: as_pipeline(config.model_copy(update=more)).release(
            read_plan(config, places[1])
        )

    def kill_server() -> None:
        name = pods(config, "app.kubernetes.io/name=server")[0]
        kubectl("-n", config.namespace, "delete", name, "--grace-period=0", "--force")

    def delete_router() -> None:
        kubectl(
            "-n",
            config.namespace,
            "delete",
            pods(config, "app.kubernetes.io/name=router")[0],
            "--wait=false",
        )

    events: dict[str, Callable[[], object]] = {
        "roll-out": lambda: target.release(read_plan(config, places[1])),
        "an autoscaler": change(server=wider),
        "its target": change(server=wider.model_copy(update={"target": 50})),
        "its upper end": change(
            server=wider.model_copy(update={"target": 50, "most": 4})
        ),
        "roll-back": target.rollback,
        "to the first release": lambda: target.rollback(1),
        "server killed": kill_server,
        "router pod deleted": delete_router,
    }
    with Traffic(world) as traffic:
        for n, (name, event) in enumerate(events.items()):
            begun = time.monotonic()
            event()
            seconds[name] = round(time.monotonic() - begun, 1)
            print(f"\n{time.time():.1f} {name} done in {seconds[name]} s")
            traffic.until(REQUESTS * (n + 1) // (len(events) + 1))
        traffic.until(REQUESTS)
    print(
        f"\n{traffic.outcomes.total()} requests: {dict(traffic.outcomes)}; seconds: {seconds}"
    )
    print(*traffic.failed, sep="\n")
    assert [
        outcome for outcome in traffic.outcomes if not outcome.startswith("200")
    ] == []
    assert max(seconds["roll-back"], seconds["to the first release"]) <= 60
    assert live_release(target).number == 1


def test_exposures_outlive_the_pods(world: World) -> None:
    until = time.monotonic() + 150
    while True:
        rows, torn = read_shipped("s3://shop/exposures", "exposures")
        count = len({r["exposure_id"] for r in rows})
        if count >= REQUESTS or time.monotonic() > until:
            break
        time.sleep(3)
    assert torn == 0 and count >= REQUESTS


def test_a_service_changes_in_place_and_back(
    target: KubernetesTarget, config: Config, places: list[str]
) -> None:
    """More pods, an autoscaler and fewer pods again are told ready when they are,
    not when patience ends.
    """
    plan = read_plan(config, places[0])
    names = set[tuple[str, ...]]()
    for pool in (
        Pool(replicas=3, most=3, **SMALL),
        Pool(replicas=1, most=4, **SMALL),
        config.server,
    ):
        as_pipeline(
            config.model_copy(update={"server": pool, "patience": 120})
        ).release(plan)
        live = live_release(target)
        names.add(tuple(about["service"] for about in live.plan["variants"].values()))
        assert len(names) == 1, "the same services"
        for about in live.plan["variants"].values():
            deployment = (
                target.cluster.get("Deployment", f"{about['service']}-predictor") or {}
            )
            assert deployment["status"]["availableReplicas"] >= pool.replicas
            assert (
                deployment["metadata"]["generation"]
                == deployment["status"]["observedGeneration"]
            )


def test_a_changed_pod_is_waited_for(
    target: KubernetesTarget, config: Config, places: list[str], first: int
) -> None:
    """A service that keeps its name and gets other pods, as by a new version of ours:
    no answer comes of the old.
    """
    live = live_release(target)
    name = live.plan["variants"]["control"]["service"]
    service = target.cluster.get("InferenceService", name) or {}
    predictor = service["spec"]["predictor"]
    other = {
        **service,
        "metadata": {
            k: service["metadata"][k] for k in ("name", "namespace", "labels")
        },
    }
    other["metadata"]["annotations"] = {
        **service["metadata"]["annotations"],
        "adore.dev/pod": "changed",
    }
    other["spec"] = {"predictor": {**predictor, "terminationGracePeriodSeconds": 61}}
    for key in ("status",):
        other.pop(key, None)
    from adore.release.kubernetes.readiness import find_causes, wait

    force = Cluster(config, target.cluster.api, force=True)
    force.apply(other)
    assert find_causes(target.cluster, other), "KServe had no time to make its pods"
    wait(target.cluster, [other])
    deployment = target.cluster.get("Deployment", f"{name}-predictor") or {}
    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 61
    target.release(read_plan(config, places[0]))  # and back, under the same name
    deployment = target.cluster.get("Deployment", f"{name}-predictor") or {}
    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 60


def test_promotion_gives_one_model_to_all(
    target: KubernetesTarget, config: Config, world: World
) -> None:
    before, keep = live_release(target), 2
    number = as_pipeline(config.model_copy(update={"keep": keep})).promote()
    version = before.plan["variants"]["challenger"]["version"]
    time.sleep(10)  # the last old routers drain
    answers = world.ask([f"u{n}" for n in range(20)])
    assert {(a["variant"], a["model_version"]) for a in answers} == {
        ("control", version)
    }
    known = target.releases()
    assert live_release(target).number == number and len(known) == keep
    names = {s["metadata"]["name"] for s in target.cluster.ours("InferenceService")}
    assert names == {
        about["service"] for r in known for about in r.plan["variants"].values()
    }
    budgets = {
        b["metadata"]["name"]
        for b in target.cluster.ours("PodDisruptionBudget", "server")
    }
    assert budgets == names


# ---------------------------------------------------------------- other namespaces, other storage


@pytest.fixture
def long_namespace(store: dict[str, str], host: str, tmp_path: Path) -> Iterator[str]:
    """As long as a namespace may be: 36 characters."""
    name = f"{'a-shop-with-a-name-of-36-chars-':<30}{uuid.uuid4().hex}"[:36]
    with shop_namespace(name, store, host, tmp_path) as made:
        yield made


def test_names_of_63_characters_are_taken(
    long_namespace: str, api: Any, places: list[str]
) -> None:
    config = settings(
        long_namespace,
        server=Pool(replicas=1, most=1, **SMALL),
        router=Pool(replicas=1, most=1, **SMALL),
    )
    target = as_pipeline(config)
    assert target.release(read_plan(config, places[0])) == 1
    hosts = [
        f"{s['metadata']['name']}-predictor-{long_namespace}"
        for s in target.cluster.ours("InferenceService")
    ]
    assert max(map(len, hosts)) == 63
    with pytest.raises(ValueError, match="must have at most 36"):
        Config(namespace=f"{long_namespace}x")


STORAGE_CONTAINER = """
apiVersion: serving.kserve.io/v1alpha1
kind: ClusterStorageContainer
metadata: {{name: {name}}}
spec:
  supportedUriFormats: [{{prefix: "s3://"}}]
  workloadType: initContainer
  container:
    name: storage-initializer
    image: {image}
    resources: {{requests: {{cpu: 20m, memory: 100Mi}}, limits: {{cpu: "1", memory: 512Mi}}}}
    securityContext:
      allowPrivilegeEscalation: false
      runAsNonRoot: true
      capabilities: {{drop: [ALL]}}
      seccompProfile: {{type: RuntimeDefault}}
"""


@pytest.fixture
def storage_container(api: Any) -> Iterator[str]:
    """A ClusterStorageContainer whose pods may be restricted,
    as an administrator would make it from KServe's own.
    """
    name = f"adore-{uuid.uuid4().hex[:6]}"
    image = kubectl(
        "get",
        "clusterstoragecontainer",
        "default",
        "-o",
        "jsonpath={.spec.container.image}",
    )
    kubectl("apply", "-f", "-", stdin=STORAGE_CONTAINER.format(name=name, image=image))
    yield name
    kubectl("delete", "clusterstoragecontainer", name)


def test_kserve_loads_the_models_where_the_profile_says_so(
    store: dict[str, str],
    host: str,
    places: list[str],
    storage_container: str,
    tmp_path: Path,
) -> None:
    with shop_namespace(
        f"adore-{uuid.uuid4().hex[:6]}", store, host, tmp_path
    ) as space:
        address = store["AWS_ENDPOINT_URL"].removeprefix("http://")
        about = {"s3-endpoint": address, "s3-usehttps": "0", "s3-region": "us-east-1"}
        kubectl(
            "-n",
            space,
            "annotate",
            "secret",
            "adore-s3",
            *(f"serving.kserve.io/{k}={v}" for k, v in about.items()),
        )
        secrets = '{"secrets": [{"name": "adore-s3"}]}'
        kubectl("-n", space, "patch", "serviceaccount", "adore-server", "-p", secrets)
        one = Pool(replicas=1, most=1, **SMALL)
        config = settings(
            space,
            server=one,
            router=one,
            loader="kserve",
            storage_container=storage_container,
        )
        assert as_pipeline(config).release(read_plan(config, places[0])) == 1
        found = json.loads(
            kubectl(
                "-n",
                space,
                "get",
                "pods",
                "-l",
                "app.kubernetes.io/name=server",
                "-o",
                "json",
            )
        )
        assert [
            c["name"] for p in found["items"] for c in p["spec"]["initContainers"]
        ] == ["storage-initializer"] * 2


# ---------------------------------------------------------------- rights


@pytest.mark.parametrize(
    ("account", "verb"),
    [
        ("adore-router", ["get", "pods"]),
        ("adore-server", ["get", "configmaps"]),
        ("adore-pipeline", ["get", "secrets"]),
        ("adore-pipeline", ["create", "pods"]),
        ("adore-pipeline", ["create", "rolebindings"]),
        ("adore-pipeline", ["get", "deployments", "-n", "kube-system"]),
    ],
)
def test_what_no_account_may(
    config: Config, first: int, account: str, verb: list[str]
) -> None:
    space = [] if "-n" in verb else ["-n", config.namespace]
    who = f"--as=system:serviceaccount:{config.namespace}:{account}"
    done = subprocess.run(
        ["kubectl", "auth", "can-i", *verb, *space, who],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "no", done


def test_a_release_without_rights_says_so(
    config: Config, places: list[str], first: int
) -> None:
    target = KubernetesTarget(
        config, Cluster(config, impersonate("adore-router", config.namespace))
    )
    with pytest.raises(ConfigError, match=r"refused .* must be allowed"):
        target.release(read_plan(config, places[0]))


def test_others_objects_and_fields_are_left_alone(
    target: KubernetesTarget, config: Config, first: int
) -> None:
    ours = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"k": "ours"}}
    meta = {"namespace": config.namespace, "labels": labels(config, "test")}
    kubectl(
        "-n",
        config.namespace,
        "create",
        "configmap",
        "theirs",
        "--from-literal=k=theirs",
    )
    with pytest.raises(ConfigError, match="ConfigMap theirs == someone else's"):
        target.cluster.apply({**ours, "metadata": {**meta, "name": "theirs"}})
    target.cluster.apply({**ours, "metadata": {**meta, "name": "shared"}})
    patch = '{"data": {"k": "by hand"}}'
    kubectl(
        "-n",
        config.namespace,
        "patch",
        "configmap",
        "shared",
        "--type=merge",
        "-p",
        patch,
        "--field-manager=hand",
    )
    with pytest.raises(ConfigError, match=r"owned by another manager .*hand.*--force"):
        target.cluster.apply({**ours, "metadata": {**meta, "name": "shared"}})
    Cluster(config, target.cluster.api, force=True).apply(
        {**ours, "metadata": {**meta, "name": "shared"}}
    )
    assert (target.cluster.get("ConfigMap", "shared") or {})["data"] == {"k": "ours"}


def test_nothing_to_roll_back_to_is_said(target: KubernetesTarget, first: int) -> None:
    with pytest.raises(
        AdoreError, match=r"release == 99, must be one that served; choose one of"
    ):
        target.rollback(99)


# ---------------------------------------------------------------- steps

STEP = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{workflows.argoproj.io/workflow: test}}}}
spec:
  serviceAccountName: adore-pipeline
  restartPolicy: Never
  securityContext: {{runAsNonRoot: true, runAsUser: 10001, seccompProfile: {{type: RuntimeDefault}}}}
  containers:
    - name: step
      image: {image}
      command: {command}
      securityContext: {{allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {{drop: [ALL]}}}}
      resources: {{requests: {{cpu: 50m, memory: 256Mi}}, limits: {{cpu: "1", memory: 512Mi}}}}
"""  # noqa: E501


def step(config: Config, name: str, *command: str) -> tuple[str, str]:
    """Run a command as a pipeline's step runs; its phase and log."""
    space = ["-n", config.namespace]
    pod = STEP.format(
        name=name, image=config.image("student"), command=json.dumps(command)
    )
    kubectl(*space, "apply", "-f", "-", stdin=pod)
    until, phase = time.monotonic() + 240, ""
    while time.monotonic() < until and phase not in ("Succeeded", "Failed"):
        time.sleep(1)
        phase = kubectl(*space, "get", "pod", name, "-o", "jsonpath={.status.phase}")
    return phase, kubectl(*space, "logs", name)


def test_a_pipeline_step_reaches_its_own_cluster_with_its_accounts_token(
    config: Config, first: int
) -> None:
    phase, text = step(
        config, "lister", "adore", "release", "list", "--namespace", config.namespace
    )
    assert phase == "Succeeded" and "* " in text and "s3://shop/release-" in text, text


def test_a_pipeline_step_does_not_reach_the_router(config: Config, first: int) -> None:
    code = f"import socket; socket.create_connection(('adore-router.{config.namespace}', 80), 5)"
    phase, text = step(config, "intruder", "python3", "-c", code)
    assert phase == "Failed" and (
        "TimeoutError" in text or "ConnectionRefused" in text
    ), text


def test_the_gateway_lets_in_what_the_world_may_ask(
    config: Config, first: int, world: World
) -> None:
    words = ("get", "gateway", "adore", "-o", "jsonpath={.status.addresses[0].value}")
    address = kubectl("-n", config.namespace, *words)
    if not address:
        pytest.skip("SKIPPED gateway: no Gateway's controller runs on this cluster")
    outside = World(world.namespace, world.image, f"http://{address}")
    assert outside.ask(["u"])[0]["status"] == 200
