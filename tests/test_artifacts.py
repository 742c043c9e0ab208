"""Places, manifests, atomic writes and resume; S3 against moto's real server."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from contextlib import suppress
from pathlib import Path

import pytest

from adore.artifacts import execute, read_manifest, read_table, resume_dir, write_table
from adore.config import StageConfig, configure, load_profile
from adore.errors import ConfigError, DataError, MissingError, UnavailableError, check
from adore.pipeline.settings import check_profile
from adore.release.local import free_port
from adore.storage import copy_file, join, local_copy, open_output, write_bytes


def stage(runs: list[int]) -> types.ModuleType:
    """A real stage in a module of its own."""
    module = types.ModuleType("stage")
    module.__file__ = __file__

    def run(config: StageConfig, source: Path, output: Path) -> dict[str, float]:
        runs.append(1)
        text = (
            source.read_text() if source.is_file() else (source / "in.txt").read_text()
        )
        write_table(
            [{"query_id": "q", "query": text, "split": "train"}], output, "queries"
        )
        return {"n": 1.0}

    module.run = run  # type: ignore[attr-defined]
    return module


def test_a_stage_runs_once_per_input_and_config(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a")
    runs: list[int] = []
    out = str(tmp_path / "out")
    for config in (StageConfig(), StageConfig(), StageConfig(seed=1)):
        execute(stage(runs), "s", config, {"source": str(tmp_path / "in.txt")}, out)
    (tmp_path / "in.txt").write_text("b")
    manifest = execute(
        stage(runs), "s", StageConfig(seed=1), {"source": str(tmp_path / "in.txt")}, out
    )
    assert len(runs) == 3 and manifest.rows == {"queries": 1}
    assert read_table(out, "queries")["query"].to_list() == ["b"]


def test_a_full_disk_and_a_torn_table_are_said_in_one_line(tmp_path: Path) -> None:
    row = {"query_id": "q", "query": "red mug", "split": "train"}
    (tmp_path / "queries.parquet").symlink_to("/dev/full")
    with pytest.raises(
        UnavailableError,
        match=r"table == .* must be written completely; make room on the disk",
    ):
        write_table([row], tmp_path, "queries")
    (tmp_path / "queries.parquet").unlink()
    write_table([row], tmp_path, "queries")
    (tmp_path / "queries.parquet").write_bytes(
        (tmp_path / "queries.parquet").read_bytes()[:-9]
    )
    with pytest.raises(
        DataError, match="must be a complete Parquet file; run its stage again"
    ):
        read_table(tmp_path, "queries")


def test_nothing_half_written_is_seen(tmp_path: Path) -> None:
    def fail() -> None:
        with open_output(tmp_path / "out") as folder:
            (folder / "x").write_text("half")
            raise ValueError("stopped")

    with pytest.raises(ValueError, match="stopped"):
        fail()
    assert not (tmp_path / "out").exists() and not list(tmp_path.iterdir())
    with open_output(tmp_path / "out") as folder:
        (folder / "x").write_text("whole")
    with open_output(tmp_path / "out") as folder:
        (folder / "y").write_text("new")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["y"]


KILLED = """
import os, signal, sys, types
from pathlib import Path
from adore.artifacts import execute, write_table
from adore.config import StageConfig
def run(config, output):
    write_table([{"query_id": "q", "query": "new", "split": "train"}], output, "queries")
    (output / "big").write_bytes(b"half")
    if sys.argv[2] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    return {}
stage = types.ModuleType("stage")
stage.__file__, stage.run = __file__, run
execute(stage, "s", StageConfig(seed=int(sys.argv[3])), {}, sys.argv[1])
"""


def test_a_killed_stage_leaves_nothing_readable_and_the_old_output_whole(
    tmp_path: Path,
) -> None:
    script, out = tmp_path / "room" / "stage.py", tmp_path / "run" / "out"
    script.parent.mkdir()
    script.write_text(KILLED)

    def call(how: str, seed: str) -> int:
        return subprocess.run(
            [sys.executable, str(script), str(out), how, seed], check=False
        ).returncode

    assert call("kill", "0") == -9
    assert not out.exists() and read_manifest(out) is None
    with pytest.raises(MissingError, match=r"queries\.parquet"):
        read_table(out, "queries")
    assert call("live", "0") == 0
    before = read_manifest(out)
    assert (
        call("kill", "1") == -9
        and read_manifest(out) == before
        and read_table(out, "queries").height == 1
    )
    assert call("live", "1") == 0
    after = read_manifest(out)
    assert (
        after
        and after.config["seed"] == 1
        and [p.name for p in out.parent.iterdir()] == ["out"]
    )


@pytest.mark.parametrize("text", ["", '{"stage": "s"', '{"stage": "s"}', "[]"])
def test_a_torn_manifest_is_no_manifest(tmp_path: Path, text: str) -> None:
    (tmp_path / "in.txt").write_text("a")
    runs: list[int] = []
    out = tmp_path / "out"
    execute(
        stage(runs), "s", StageConfig(), {"source": str(tmp_path / "in.txt")}, str(out)
    )
    (out / "manifest.json").write_text(text)
    assert read_manifest(out) is None
    execute(
        stage(runs), "s", StageConfig(), {"source": str(tmp_path / "in.txt")}, str(out)
    )
    assert len(runs) == 2 and read_manifest(out)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_stages_read_and_write_s3(s3: str, tmp_path: Path) -> None:
    import boto3

    boto3.client("s3").put_object(Bucket="shop", Key="in/in.txt", Body=b"hello")
    runs: list[int] = []
    out = join(s3, "runs", "1")
    assert read_manifest(out) is None
    for _ in range(2):
        execute(stage(runs), "s", StageConfig(), {"source": join(s3, "in")}, out)
    assert len(runs) == 1
    assert read_table(local_copy(out), "queries")["query"].to_list() == ["hello"]
    with pytest.raises(MissingError, match="nothing-here"):
        local_copy("s3://shop/nothing-here")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("where", ["local", "s3"])
def test_what_a_failed_stage_kept_is_found_by_the_next_start_and_gone_at_its_end(
    where: str, s3: str, tmp_path: Path
) -> None:
    root, found = (join(s3, "half") if where == "s3" else str(tmp_path)), list[bytes]()

    def go_on() -> None:
        place = f"{resume_dir()}/state"
        with suppress(MissingError):
            found.append(local_copy(place).read_bytes())
        write_bytes(b"half", place)
        check(bool(found), "start", 1, must="the second", fix="start again")

    module = stage([])
    module.run = lambda *_, **__: go_on() or {}
    with pytest.raises(ConfigError):
        execute(module, "s", StageConfig(), {}, f"{root}/kept")
    execute(module, "s", StageConfig(), {}, f"{root}/kept")
    assert found == [b"half"] and resume_dir() == ""
    assert not [
        p
        for p in local_copy(root).rglob("*")
        if ".unfinished" in str(p.relative_to(local_copy(root)))
    ]


def test_a_remote_place_holds_its_last_output_alone(s3: str, tmp_path: Path) -> None:
    import boto3

    out = join(s3, "runs", "2")
    for names in (("a", "sub/b"), ("a",)):
        with open_output(out) as folder:
            for name in names:
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_text(f"{len(names)}")
    boto3.client("s3").put_object(
        Bucket="shop", Key="runs/2/", Body=b""
    )  # as a console makes a folder
    boto3.client("s3").put_object(Bucket="shop", Key="runs/20/c", Body=b"another place")
    old = local_copy(out)
    assert [p.name for p in old.rglob("*")] == ["a"] and (old / "a").read_text() == "1"
    (tmp_path / "a").write_text("new")
    copy_file(tmp_path / "a", join(out, "a"))
    assert (old / "a").read_text() == "1", "a download is never changed under a reader"
    assert (local_copy(out) / "a").read_text() == "new"
    with pytest.raises(UnavailableError, match="no-bucket"):
        copy_file(tmp_path / "a", "s3://no-bucket/a")


def test_a_copy_that_breaks_off_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(_source: Path, target: Path) -> None:
        Path(target).write_text("half")
        raise OSError("no space left")

    (tmp_path / "new").write_text("new")
    place = tmp_path / "home" / "a"
    write_bytes(b"old", place)
    monkeypatch.setattr("adore.storage.shutil.copyfile", break_off)
    with pytest.raises(OSError, match="no space"):
        copy_file(tmp_path / "new", place)
    assert place.read_text() == "old"
    assert [path.name for path in place.parent.iterdir()] == ["a"]


def test_downloads_that_nobody_asks_for_are_removed(s3: str) -> None:
    used, unused, other = (
        join(s3, name) for name in ("used.txt", "unused.txt", "other.txt")
    )
    for place in (used, unused):
        write_bytes(b"x", place)
    copies = [local_copy(place) for place in (used, unused)]
    for copy in copies:
        os.utime(copy.parent, (0, 0))
    local_copy(used)
    write_bytes(b"x", other)
    local_copy(other)
    assert copies[0].exists() and not copies[1].parent.exists()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_failed_stage_leaves_nothing_readable_in_s3(s3: str) -> None:
    def fail() -> None:
        with open_output(join(s3, "runs", "3")) as folder:
            (folder / "x").write_text("half")
            raise ValueError("stopped")

    with pytest.raises(ValueError, match="stopped"):
        fail()
    assert read_manifest(join(s3, "runs", "3")) is None
    with pytest.raises(MissingError):
        local_copy(join(s3, "runs", "3"))


def test_unreachable_store_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "t")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "t")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(UnavailableError, match="AWS_ENDPOINT_URL"):
        local_copy("s3://shop/x")


def test_profiles_refuse_what_they_do_not_know(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("judge: {bakend: rules}\n")
    with pytest.raises(
        ConfigError, match=r"judge.bakend == 'rules'.*known keys of judge: .*backend"
    ):
        check_profile(str(path))
    path.write_text("jugde: {}\n")
    with pytest.raises(ConfigError, match="profile section == 'jugde'"):
        check_profile(str(path))
    path.write_text("- 1\n")
    with pytest.raises(ConfigError, match="mapping"):
        load_profile(str(path))
    with pytest.raises(MissingError, match="laptop"):
        load_profile("nope")
    with pytest.raises(ConfigError, match="valid integer"):
        configure(StageConfig, {"seed": "x"}, "judge")
