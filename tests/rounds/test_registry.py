"""The registry of a shop: only ever added to, by several writers at once, on a disk and in S3."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from adore import storage
from adore.errors import ConfigError, DataError
from adore.rounds.entries import Kind
from adore.rounds.registry import Draft, append, read_entries, read_state
from adore.rounds.state import State
from adore.storage import create_file

STARTED = {"run": "r", "data": "demo", "profile": "p", "seed": 0, "base": {}}


def start(shop: str) -> State:
    def choose(state: State) -> Draft:
        number = len(state.rounds) + 1
        return Draft(Kind.STARTED, number, {**STARTED, "values": {}})

    return append(shop, choose)


class _Quiet(WSGIRequestHandler):
    # Else a client waits a second for the word to go on before it writes.
    protocol_version = "HTTP/1.1"

    def log_request(self, *_: object) -> None:
        pass


@pytest.fixture
def serial_s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """moto's S3, one request at a time: with threads it looks and writes in two steps, which a
    real store does in one.
    """
    import boto3
    from moto.server import DomainDispatcherApplication, create_backend_app

    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "t")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "t")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("ADORE_CACHE", str(tmp_path / "cache"))
    boto3.client("s3").create_bucket(Bucket="rounds")
    yield f"s3://rounds/{tmp_path.name}"
    server.shutdown()
    thread.join()
    server.server_close()


WRITER = """
import sys
from adore.rounds.entries import Kind
from adore.rounds.registry import Draft, append
shop, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
for index in range(count):
    details = {"action": "hold", "by": f"{name}-{index}", "champion": {}}
    append(shop, lambda state: Draft(Kind.DECISION, 0, details))
"""


def write_together(shop: str, count: int) -> None:
    """Two processes add so many entries each; all must be there, each in its writer's order."""
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, shop, name, str(count)])
        for name in ("left", "right")
    ]
    assert [writer.wait(timeout=240) for writer in writers] == [0, 0]

    written = [entry.details["by"] for entry in read_entries(shop)]
    assert len(written) == 2 * count
    for name in ("left", "right"):
        of_writer = [by for by in written if by.startswith(name)]
        assert of_writer == [f"{name}-{index}" for index in range(count)]


def test_two_processes_lose_no_entry_on_a_disk(tmp_path: Path) -> None:
    write_together(str(tmp_path / "shop"), 40)


def test_two_processes_lose_no_entry_in_s3(serial_s3: str) -> None:
    write_together(serial_s3, 12)  # each reads all before, in two requests an entry


@pytest.mark.parametrize("where", ["local", "s3"])
def test_a_file_is_created_once(where: str, s3: str, tmp_path: Path) -> None:
    root = f"{s3}/create" if where == "s3" else str(tmp_path)
    place = f"{root}/a/1.json"
    assert create_file(b"first", place)
    assert not create_file(b"second", place)
    assert storage.local_copy(place).read_bytes() == b"first"
    if where == "local":
        assert [path.name for path in (tmp_path / "a").iterdir()] == ["1.json"]


def test_a_loser_decides_again_on_what_the_winner_wrote(tmp_path: Path) -> None:
    shop = str(tmp_path)
    seen = list[int]()

    def choose(state: State) -> Draft | None:
        seen.append(state.last)
        if len(seen) == 1:
            start(shop)  # another writer is faster
        if state.rounds:
            return None
        return Draft(Kind.STARTED, 1, {**STARTED, "values": {}})

    state = append(shop, choose)
    assert seen == [0, 1]
    assert [entry.number for entry in read_entries(shop)] == [1] == [state.last]


def test_a_new_shop_has_nothing_in_force(tmp_path: Path) -> None:
    assert read_state(str(tmp_path / "none")) == State()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "JSONDecodeError"),
        (b'{"number": 2, "time": "t", "kind": "rou', "JSONDecodeError"),
        (b'{"number": 2, "time": "t", "kind": "merged", "round": 1}', "'merged'"),
        (b'{"number": 2, "time": "t", "kind": "round-ended", "round": 1}', "status"),
        (b'{"number": 7, "time": "t", "kind": "decision", "round": 1}', "number 2"),
        (b'{"time": "t", "kind": "decision", "round": 1}', "KeyError"),
    ],
)
def test_a_damaged_entry_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    shop = str(tmp_path)
    start(shop)
    damaged = tmp_path / "registry" / "000002.json"
    damaged.write_bytes(content)
    with pytest.raises(DataError) as error:
        read_state(shop)
    assert str(damaged) in str(error.value)
    assert reason in str(error.value)


def test_a_missing_entry_is_named(tmp_path: Path) -> None:
    shop = str(tmp_path)
    for _ in range(3):
        start(shop)
    (tmp_path / "registry" / "000002.json").unlink()
    with pytest.raises(DataError, match=r"000002\.json"):
        read_state(shop)


def test_what_a_killed_writer_left_is_no_entry(tmp_path: Path) -> None:
    shop = str(tmp_path)
    start(shop)
    (tmp_path / "registry" / ".000002.json.0123").write_bytes(b'{"num')
    assert start(shop).last == 2


def test_an_entry_is_written_for_people(tmp_path: Path) -> None:
    start(str(tmp_path))
    entry = json.loads((tmp_path / "registry" / "000001.json").read_text())
    assert list(entry)[:4] == ["number", "time", "kind", "round"]
    assert (entry["number"], entry["kind"]) == (1, "round-started")
    assert entry["time"].endswith("+00:00")


def test_a_store_without_conditional_writes_is_refused(
    serial_s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a store ignores the header, so the header is taken away on its way."""
    client = storage._client()
    client.meta.events.register(
        "before-send.s3.PutObject",
        lambda request, **_: request.headers.__delitem__("If-None-Match"),
    )
    monkeypatch.setattr(storage, "_client", lambda: client)
    with pytest.raises(ConfigError, match="If-None-Match"):
        start(serial_s3)
    assert read_entries(serial_s3) == []
