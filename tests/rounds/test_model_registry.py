"""Kubeflow Model Registry: the official client against a server that holds every request and
answer to upstream's OpenAPI document; no real server runs here.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
import pytest
import yaml
from tests.rounds.test_state import (
    CHALLENGER,
    MADE,
    PROMOTED,
    STUDENT,
    decided,
    entries,
    started,
)

from adore.artifacts import Manifest, write_table
from adore.errors import UnavailableError
from adore.release.local import free_port
from adore.rounds.entries import Action, Kind
from adore.rounds.model_registry import register_models
from adore.rounds.registry import Draft
from adore.rounds.state import State, fold
from adore.storage import write_json

pytest.importorskip("model_registry")
SPEC = yaml.safe_load(
    (Path(__file__).parent / "model-registry.openapi.yaml").read_text("utf-8")
)
LATER = "student-9999aaaa"
Json = dict[str, Any]


def resolved(node: Json) -> Json:
    """A node of the document, or the one that it refers to."""
    while "$ref" in node:
        kind, name = node["$ref"].split("/")[2:]
        node = SPEC["components"][kind][name]
    return node


def discriminated(node: Any) -> Any:
    """A schema whose alternatives are chosen by their discriminator, as OpenAPI means it:
    JSON Schema's ``oneOf`` alone lets every alternative match that knows no such field.
    """
    if isinstance(node, list):
        return [discriminated(one) for one in node]
    if not isinstance(node, dict):
        return node
    if "oneOf" not in node or "discriminator" not in node:
        return {name: discriminated(value) for name, value in node.items()}
    name = node["discriminator"]["propertyName"]
    mapping = node["discriminator"]["mapping"]
    chosen = [
        {"if": {"properties": {name: {"const": key}}}, "then": {"$ref": reference}}
        for key, reference in mapping.items()
    ]
    known = {"properties": {name: {"enum": list(mapping)}}, "required": [name]}
    return {"allOf": [known, *chosen]}


SCHEMAS = discriminated(SPEC["components"])


def check_body(content: Json, body: object) -> None:
    schema = content["content"]["application/json"]["schema"]
    whole = {**schema, "components": SCHEMAS}
    jsonschema.Draft202012Validator(whole).validate(body)


def listed(objects: Iterable[Json]) -> Json:
    items = list(objects)
    count = len(items)
    return {"items": items, "nextPageToken": "", "pageSize": count, "size": count}


class Registry(ThreadingHTTPServer):
    """Objects in memory; ``faults`` has what broke the document."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.kinds: dict[str, list[Json]] = {"model": [], "version": [], "artifact": []}
        self.faults: list[str] = []
        self.broken = ""
        self.changes: list[str] = []

    def make(self, kind: str, body: Json, **more: str) -> Json:
        made = {"state": "LIVE", **body, **more, "id": str(len(self.kinds[kind]) + 1)}
        made |= {"createTimeSinceEpoch": "1", "lastUpdateTimeSinceEpoch": "1"}
        self.kinds[kind].append(made)
        return made

    def answer(
        self, method: str, path: str, query: Json, body: Json
    ) -> tuple[int, Json]:
        last = path.rsplit("/", 1)[-1]
        if method == "POST" and last == self.broken:
            raise ConnectionError("killed here")
        if method == "POST":
            self.changes.append(f"POST {last}")
            kind = {"registered_models": "model", "model_versions": "version"}
            if last == "artifacts":
                parent = path.split("/")[-2]
                return 201, self.make("artifact", body, modelVersionId=parent)
            return 201, self.make(kind[last], body)
        if method == "PATCH":
            (version,) = [v for v in self.kinds["version"] if v["id"] == last]
            version.update(body)
            self.changes.append(f"PATCH {version['name']} {version['state']}")
            return 200, version
        return self.find(last, path, query)

    def find(self, last: str, path: str, query: Json) -> tuple[int, Json]:
        if last == "registered_models":  # the client looks whether the server answers
            return 200, listed(self.kinds["model"])
        if last == "artifacts":
            version_id = path.split("/")[-2]
            return 200, listed(
                one
                for one in self.kinds["artifact"]
                if one["modelVersionId"] == version_id
            )
        kind_of = {"registered_model": "model", "model_version": "version"}
        for one in self.kinds[kind_of[last]]:
            if one["name"] == query["name"] and one.get(
                "registeredModelId"
            ) == query.get("parentResourceId"):
                return 200, one
        return 404, {"code": "404", "message": "not there"}


class Handler(BaseHTTPRequestHandler):
    server: Registry

    def log_message(self, *_: object) -> None:
        pass

    def _serve(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.loads(text) if text else {}
        try:
            operation = self._operation(url.path)
            self._check_request(operation, query, body if text else None)
            status, answer = self.server.answer(self.command, url.path, query, body)
            check_body(resolved(operation["responses"][str(status)]), answer)
        except Exception as error:
            self.server.faults.append(f"{self.command} {self.path}: {error}")
            status, answer = 500, {"code": "500", "message": str(error)}
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = _serve

    def _operation(self, path: str) -> Json:
        for template, operations in SPEC["paths"].items():
            pattern = re.sub(r"\{\w+\}", "[^/]+", template)
            if re.fullmatch(pattern, path) and self.command.lower() in operations:
                operation: Json = operations[self.command.lower()]
                shared = operations.get("parameters", [])
                own = operation.get("parameters", [])
                return {**operation, "parameters": [*shared, *own]}
        raise LookupError(f"the document has no {self.command} {path}")

    def _check_request(self, operation: Json, query: Json, body: Json | None) -> None:
        known = [resolved(one) for one in operation.get("parameters", [])]
        names = {one["name"] for one in known if one["in"] == "query"}
        assert set(query) <= names, f"unknown parameters: {set(query) - names}"
        if "requestBody" in operation:
            check_body(resolved(operation["requestBody"]), body)
        else:
            assert body is None, "no body is known"


@pytest.fixture
def server() -> Iterator[Registry]:
    registry = Registry()
    thread = threading.Thread(target=registry.serve_forever)
    thread.start()
    yield registry
    registry.shutdown()
    thread.join()
    registry.server_close()


def address(server: Registry) -> str:
    return f"http://127.0.0.1:{server.server_port}"


def two_rounds() -> State:
    """The student of the first round serves; a cluster tries that of the second."""
    made = {
        **MADE,
        "run": "s/rounds/0002",
        "student": {"version": LATER, "kind": "student"},
        "live": "s/rounds/0002/release",
    }
    return fold(entries(*PROMOTED, started(2), Draft(Kind.ENDED, 2, made)))


def states(server: Registry) -> dict[str, str]:
    return {one["name"]: one["state"] for one in server.kinds["version"]}


def test_champion_and_challenger_are_registered_with_their_lineage(
    server: Registry,
) -> None:
    register_models("s3://b/my-shop", address(server), two_rounds())
    assert server.faults == []
    (model,) = server.kinds["model"]
    assert model["name"] == "my-shop"
    assert states(server) == {STUDENT: "LIVE", LATER: "LIVE"}
    places = [artifact["uri"] for artifact in server.kinds["artifact"]]
    assert places == [
        CHALLENGER["place"],
        "s/rounds/0002/release/variants/challenger",
    ]
    metadata = server.kinds["version"][1]["customProperties"]
    assert metadata["run"]["string_value"] == "s/rounds/0002"
    assert metadata["round"]["int_value"] == "2"
    assert json.loads(metadata["champion"]["string_value"]) == {"version": STUDENT}
    assert json.loads(metadata["gate"]["string_value"])["difference"] == 0.1034


def test_a_second_call_changes_what_changed(server: Registry) -> None:
    register_models("my-shop", address(server), two_rounds())
    server.changes.clear()
    register_models("my-shop", address(server), two_rounds())
    assert server.changes == []

    # The first student serves again, alone: nobody is tried any more.
    alone = fold(entries(*PROMOTED))
    tried = two_rounds()
    over = State(champion=alone.champion, rounds=tried.rounds)
    register_models("my-shop", address(server), over)
    assert server.changes == [f"PATCH {LATER} ARCHIVED"]
    assert states(server) == {STUDENT: "LIVE", LATER: "ARCHIVED"}
    assert server.faults == []


@pytest.mark.parametrize("level", ["registered_models", "model_versions", "artifacts"])
def test_a_call_that_ended_in_the_middle_is_finished_by_the_next(
    server: Registry, level: str
) -> None:
    server.broken = level
    with pytest.raises(UnavailableError):
        register_models("my-shop", address(server), two_rounds())
    server.broken = ""
    server.faults.clear()
    register_models("my-shop", address(server), two_rounds())
    assert server.faults == []
    counts = {kind: len(made) for kind, made in server.kinds.items()}
    assert counts == {"model": 1, "version": 2, "artifact": 2}
    parents = {artifact["modelVersionId"] for artifact in server.kinds["artifact"]}
    assert parents == {version["id"] for version in server.kinds["version"]}


def test_the_card_has_base_sizes_and_measures_by_slice(
    server: Registry, tmp_path: Path
) -> None:
    run, folder = tmp_path / "run", tmp_path / "champion"
    folder.mkdir()
    (folder / "net.onnx").write_bytes(b"net")
    card = {"version": STUDENT, "kind": "student", "backbone": "tiny"}
    write_json({**card, "data": {"human": 300}}, folder / "card.json")
    rows = [
        {
            "system": "student",
            "split": "test",
            "slice": name,
            "measure": "nDCG@10",
            "value": value,
            "low": 0.0,
            "high": 1.0,
            "n": 9,
        }
        for name, value in (("all", 0.81234), ("brand", 0.7))
    ]
    (run / "evaluate").mkdir(parents=True)
    write_table(rows, run / "evaluate", "measures")
    done = Manifest("evaluate", "0", "0", {}, {}, {}, "0", {}, {}, 1.0, 0.0, {})
    write_json(asdict(done), run / "evaluate" / "manifest.json")

    begin = started(1)
    begin.details["run"] = str(run)
    champion = {**CHALLENGER, "place": str(folder)}
    promoted = decided(1, Action.PROMOTE, champion)
    end = Draft(Kind.ENDED, 1, {**MADE, "run": str(run)})
    state = fold(entries(begin, promoted, end))
    register_models("my-shop", address(server), state)
    assert server.faults == []
    (version,) = server.kinds["version"]
    registered = json.loads(version["customProperties"]["card"]["string_value"])
    assert registered["backbone"] == "tiny" and registered["data"] == {"human": 300}
    assert registered["bytes"]["net.onnx"] == 3
    assert registered["measures"] == {
        "all": {"nDCG@10": 0.8123},
        "brand": {"nDCG@10": 0.7},
    }


def test_a_server_that_is_not_there_is_named() -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(UnavailableError, match=r"rounds\.registry_address"):
        register_models("my-shop", nobody, two_rounds())
