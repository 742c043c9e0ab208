"""Release, promote and roll back on a real cluster: our manifests, images, roles; KServe's controller is a stand-in."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from tests.e2e.conftest import REAL, impersonate, kubectl
from tests.serving.conftest import ITEMS, write_release

from adore.errors import AdoreError, ConfigError, UnavailableError
from adore.experiment.assignment import assign
from adore.release.kubernetes.client import Cluster
from adore.release.kubernetes.config import Config
from adore.release.kubernetes.target import KubernetesTarget, read_plan
from adore.serving.exposure import read_shipped

pytestmark = pytest.mark.cluster
REQUESTS = 10_000


def upload(folder: Path, name: str) -> str:
    for path in folder.rglob("*"):
        if path.is_file():
            boto3.client("s3").upload_file(str(path), "shop", f"{name}/{path.relative_to(folder)}")
    return f"s3://shop/{name}"


@pytest.fixture(scope="module")
def places(store: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two releases whose challengers differ, in the store."""
    folders = [write_release(tmp_path_factory.mktemp("r"), items=ITEMS[n:]) for n in range(2)]
    return [upload(folder, f"release-{n}") for n, folder in enumerate(folders)]


@pytest.fixture(scope="module")
def target(config: Config, controller: object) -> KubernetesTarget:
    """Acts with the pipeline account's rights alone."""
    return KubernetesTarget(config, Cluster(config, impersonate("adore-pipeline", config.namespace)))


@pytest.fixture(scope="module")
def first(target: KubernetesTarget, config: Config, places: list[str]) -> int:
    return target.release(read_plan(config, places[0]))


@pytest.fixture(scope="module")
def ask(first: int, config: Config) -> Callable[[str], httpx.Response]:
    """One request through the router's Service, on a connection of its own as a shop's gateway would."""
    address = kubectl("-n", config.namespace, "get", "service", "adore-router", "-o", "jsonpath={.spec.clusterIP}")
    client = httpx.Client(
        base_url=f"http://{address}", timeout=30, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
    )

    def one(user: str) -> httpx.Response:
        body: dict[str, Any] = {"user_id": user, "query": "red shoes", "items": ITEMS}
        return client.post("/rank", json=body)

    return one


class Traffic:
    """Requests in the background, counted by outcome, until there are enough."""

    def __init__(self, ask: Callable[[str], httpx.Response]) -> None:
        self.ask, self.outcomes = ask, Counter[str]()
        self.done = False

    def worker(self, number: int) -> None:
        n = 0
        while not self.done:
            n += 1
            try:
                answer = self.ask(f"u{number}-{n}")
                text = str(answer.status_code)
                if answer.status_code == 200:
                    body = answer.json()
                    text += f" {body['experiment']}" if "experiment" in body else ""
                    text += " degraded" if body["degraded"] else ""
            except httpx.HTTPError as error:
                text = f"{type(error).__name__} {error}"
            self.outcomes[text] += 1

    def total(self) -> int:
        return sum(self.outcomes.values())

    def run(self, events: list[Callable[[], object]], workers: int = 4) -> None:
        """Let things happen one after the other while requests flow; end at :data:`REQUESTS`."""
        share = REQUESTS // (len(events) + 1)
        with ThreadPoolExecutor(workers) as pool:
            futures = [pool.submit(self.worker, n) for n in range(workers)]
            try:
                for n, event in enumerate([*events, lambda: None]):
                    event()
                    while self.total() < share * (n + 1):
                        time.sleep(0.1)
            finally:
                self.done = True
            for future in futures:
                future.result()


def test_it_serves_as_assigned(ask: Callable[[str], httpx.Response], target: KubernetesTarget) -> None:
    (live,) = [r for r in target.releases() if r.live]
    for n in range(40):
        answer = ask(f"u{n}").json()
        wanted = assign(f"u{n}", live.plan["salt"], live.plan["weights"])
        assert answer["variant"] == answer["served"] == wanted and not answer["degraded"]
        assert answer["model_version"] == live.plan["variants"][wanted]["version"]


def pods(config: Config, match: str) -> list[str]:
    return kubectl("-n", config.namespace, "get", "pods", "-l", match, "-o", "name").split()


def test_ten_thousand_requests_and_no_failure(
    ask: Callable[[str], httpx.Response], target: KubernetesTarget, config: Config, places: list[str]
) -> None:
    took: dict[str, float] = {}

    def timed(name: str, call: Callable[[], object]) -> Callable[[], None]:
        def one() -> None:
            begun = time.monotonic()
            call()
            took[name] = round(time.monotonic() - begun, 1)

        return one

    def kill_server() -> None:
        name = pods(config, "app.kubernetes.io/name=server")[0]
        kubectl("-n", config.namespace, "delete", name, "--grace-period=0", "--force")

    def delete_router() -> None:
        kubectl("-n", config.namespace, "delete", pods(config, "app.kubernetes.io/name=router")[0], "--wait=false")

    traffic = Traffic(ask)
    events = {
        "roll-out": lambda: target.release(read_plan(config, places[1])),
        "roll-back": target.rollback,
        "server killed": kill_server,
        "router pod deleted": delete_router,
    }
    traffic.run([timed(name, call) for name, call in events.items()])
    print(f"\n{traffic.total()} requests: {dict(traffic.outcomes)}; seconds: {took}")
    assert traffic.total() >= REQUESTS
    assert [o for o in traffic.outcomes if not o.startswith("200")] == []
    assert took["roll-back"] <= 60
    assert [r.number for r in target.releases() if r.live] == [1]


def test_exposures_outlive_the_pods(target: KubernetesTarget, config: Config, ask: Any) -> None:
    until = time.monotonic() + 150
    while time.monotonic() < until:
        rows, torn = read_shipped("s3://shop/exposures", "exposures")
        if len({r["exposure_id"] for r in rows}) >= REQUESTS:
            break
        time.sleep(3)
    assert torn == 0 and len({r["exposure_id"] for r in rows}) >= REQUESTS


def test_promotion_gives_one_model_to_all(
    target: KubernetesTarget, config: Config, ask: Callable[[str], httpx.Response]
) -> None:
    (before,) = [r for r in target.releases() if r.live]
    number = target.promote()
    version = before.plan["variants"]["challenger"]["version"]
    time.sleep(10)  # the last old routers drain
    assert {(a["variant"], a["model_version"]) for a in (ask(f"u{n}").json() for n in range(20))} == {
        ("control", version)
    }
    known = target.releases()
    assert [r.number for r in known if r.live] == [number] and len(known) == config.keep
    names = {s["metadata"]["name"] for s in target.cluster.ours("InferenceService")}
    assert names == {about["service"] for r in known for about in r.plan["variants"].values()}


def test_a_release_that_cannot_start_says_why_and_is_withdrawn(
    target: KubernetesTarget, config: Config, ask: Callable[[str], httpx.Response]
) -> None:
    (live,) = [r for r in target.releases() if r.live]
    lost = {**live.plan, "variants": {"control": {"version": "lost-1", "kind": "bm25", "uri": "s3://shop/nowhere"}}}
    quick = config.model_copy(update={"patience": 25.0})
    api = impersonate("adore-pipeline", config.namespace)
    with pytest.raises(UnavailableError, match=r"(?s)storage-initializer .*nowhere.*is withdrawn"):
        KubernetesTarget(quick, Cluster(quick, api)).release(lost)
    assert [r.number for r in target.releases() if r.live] == [live.number]
    assert ask("u1").status_code == 200
    assert not [s for s in target.cluster.ours("InferenceService") if "lost" in s["metadata"]["name"]]


def test_the_reason_is_the_clusters_own(target: KubernetesTarget, config: Config, first: int) -> None:
    (live,) = [r for r in target.releases() if r.live]
    plan = {**live.plan, "weights": {"control": 1.0}, "variants": {"control": dict(live.plan["variants"]["control"])}}
    space = ["-n", config.namespace]
    big = config.server.model_copy(update={"cpu": "500", "cpu_limit": "500"})
    cases: dict[str, dict[str, Any]] = {
        "(?s)storage-initializer (ErrImagePull|ImagePullBackOff).*nope": {"tag": "nope"},
        "PodScheduled Unschedulable .*Insufficient cpu": {"server": big},
        "ReplicaFailure FailedCreate .*exceeded quota": {"tag": "none"},
    }
    for reason, change in cases.items():
        if "quota" in reason:
            kubectl(*space, "create", "quota", "none", "--hard=pods=0")
        odd = config.model_copy(update={"patience": 12.0, **change})
        with pytest.raises(UnavailableError, match=f"{reason}.*release {live.number} serves"):
            KubernetesTarget(odd, Cluster(odd, target.cluster.api)).release(plan)
    kubectl(*space, "delete", "quota", "none")
    assert [r.number for r in target.releases() if r.live] == [live.number]


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
def test_what_no_account_may(config: Config, first: int, account: str, verb: list[str]) -> None:
    import subprocess

    space = [] if "-n" in verb else ["-n", config.namespace]
    who = f"--as=system:serviceaccount:{config.namespace}:{account}"
    done = subprocess.run(["kubectl", "auth", "can-i", *verb, *space, who], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "no", done


def test_a_release_without_rights_says_so(config: Config, places: list[str], first: int) -> None:
    target = KubernetesTarget(config, Cluster(config, impersonate("adore-router", config.namespace)))
    with pytest.raises(ConfigError, match=r"refused .* must be allowed"):
        target.release(read_plan(config, places[0]))


def test_others_objects_and_fields_are_left_alone(target: KubernetesTarget, config: Config, first: int) -> None:
    ours = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"k": "ours"}}
    meta = {"namespace": config.namespace, "labels": target.releases()[0] and _labels(config)}
    kubectl("-n", config.namespace, "create", "configmap", "theirs", "--from-literal=k=theirs")
    with pytest.raises(ConfigError, match="ConfigMap theirs == someone else's"):
        target.cluster.apply({**ours, "metadata": {**meta, "name": "theirs"}})
    target.cluster.apply({**ours, "metadata": {**meta, "name": "shared"}})
    patch = '{"data": {"k": "by hand"}}'
    kubectl("-n", config.namespace, "patch", "configmap", "shared", "--type=merge", "-p", patch, "--field-manager=hand")
    with pytest.raises(ConfigError, match=r"held by another manager .*hand.*--force"):
        target.cluster.apply({**ours, "metadata": {**meta, "name": "shared"}})
    Cluster(config, target.cluster.api, force=True).apply({**ours, "metadata": {**meta, "name": "shared"}})
    assert (target.cluster.get("ConfigMap", "shared") or {})["data"] == {"k": "ours"}


def _labels(config: Config) -> dict[str, str]:
    from adore.release.kubernetes.objects import labels

    return labels(config, "test")


def test_nothing_to_roll_back_to_is_said(target: KubernetesTarget, first: int) -> None:
    with pytest.raises(AdoreError, match=r"release == 99, must be one that served; choose one of"):
        target.rollback(99)


@pytest.fixture(scope="module", autouse=True)
def loaded(config: Config) -> Iterator[None]:
    """Only a hint: a missing image is the usual reason for a first release that does not become ready."""
    print([config.image(kind) for kind in ("server", "router", "student")], "must be on the nodes")
    yield


def test_the_doctor_sees_what_this_cluster_lacks(config: Config, namespace: str, api: Any) -> None:
    from adore.doctor_cluster import examine_cluster
    from adore.kubeflow.placement import Config as Placement
    from adore.kubeflow.placement import Gpu

    cards = Placement(gpu=Gpu(stages=("judge",), node_selector={"pool": "gpu"}))
    found = {f.name: f for f in examine_cluster(config, cards, impersonate("adore-pipeline", namespace))}
    assert found["rights"].ok and found["serving.kserve.io/v1beta1"].ok and found["exposures"].ok
    refused = {f.name: f for f in examine_cluster(config, cards, impersonate("adore-router", namespace))}
    assert not refused["rights"].ok and "bind the Role adore-release" in refused["rights"].text
    whole = {f.name: f for f in examine_cluster(Config(namespace=namespace), cards, api)}
    assert whole["adore-router"].ok and not whole["GPUs"].ok


POD = """
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
"""


def step(config: Config, name: str, *command: str) -> tuple[str, str]:
    """Run a command as a pipeline's step runs; its phase and log."""
    space = ["-n", config.namespace]
    pod = POD.format(name=name, image=config.image("student"), command=json.dumps(command))
    kubectl(*space, "apply", "-f", "-", stdin=pod)
    until, phase = time.monotonic() + 120, ""
    while time.monotonic() < until and phase not in ("Succeeded", "Failed"):
        time.sleep(1)
        phase = kubectl(*space, "get", "pod", name, "-o", "jsonpath={.status.phase}")
    return phase, kubectl(*space, "logs", name)


def test_a_pipeline_step_reaches_its_own_cluster_with_its_accounts_token(config: Config, first: int) -> None:
    phase, told = step(config, "lister", "adore", "release", "list", "--namespace", config.namespace)
    assert phase == "Succeeded" and "* " in told and "s3://shop/release-0/variants/challenger" in told, told


@pytest.mark.skipif(not REAL, reason="SKIPPED network: this cluster does not enforce NetworkPolicies")
def test_a_pipeline_step_does_not_reach_the_router(config: Config, first: int) -> None:
    code = f"import socket; socket.create_connection(('adore-router.{config.namespace}', 80), 5)"
    phase, told = step(config, "intruder", "python3", "-c", code)
    assert phase == "Failed" and ("TimeoutError" in told or "ConnectionRefused" in told), told


@pytest.mark.skipif(not REAL, reason="SKIPPED gateway: no Gateway's controller runs on this cluster")
def test_the_gateway_lets_in_what_the_world_may_ask(config: Config, first: int) -> None:
    owner = "gateway.envoyproxy.io/owning-gateway"
    match = f"{owner}-name=adore,{owner}-namespace={config.namespace}"
    address = kubectl("-n", "envoy-gateway-system", "get", "service", "-l", match, "-o", "jsonpath={..clusterIP}")
    with httpx.Client(base_url=f"http://{address}", timeout=30, trust_env=False) as world:
        body: dict[str, Any] = {"user_id": "u", "query": "red shoes", "items": ITEMS}
        assert world.post("/rank", json=body).status_code == 200
        assert world.get("/metrics").status_code == 404
