"""How the documents read, in figures: ``python -m bench.prose [FILE ...]``."""

from __future__ import annotations

import argparse
import re
import statistics
from pathlib import Path

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
CODE = re.compile(r"``[^`]+``|`[^`]+`")
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
NEW_BLOCK = re.compile(r"^\s*(?:[-*] |\d+\. |#|\||>|$)")
SENTENCE_END = re.compile(r"(?<=[.!?])[\"')*]*\s+(?=[\"'(*`]*[A-Z0-9`*])")
WORD = re.compile(r"[^\W_]+(?:[-'’.][^\W_]+)*")


def documents() -> list[Path]:
    """What people read that people wrote: generated pages are left out."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")]
    return sorted(page for page in pages if page.name != "error_types.md")


def sentences(markdown: str) -> list[str]:
    """The sentences of a page's paragraphs and lists; code, tables and headings are left out.

    Example:
        >>> sentences("# Head\\n\\nOne `x y`. Two\\nlines.\\n\\n- item three\\n\\n| a | table |")
        ['One Code.', 'Two lines.', 'item three']
    """
    text = COMMENT.sub("", FENCE.sub("", markdown))
    text = LINK.sub(r"\1", CODE.sub("Code", text))
    blocks: list[str] = []
    for line in text.splitlines():
        if NEW_BLOCK.match(line) or not blocks:
            blocks.append(line)
        else:
            blocks[-1] += f" {line.strip()}"
    found = []
    for block in blocks:
        stripped = block.strip()
        if stripped.startswith(("#", "|", ">>>")):
            continue
        plain = re.sub(r"^(?:[-*]|\d+\.) ", "", stripped)
        found += [part for part in SENTENCE_END.split(plain) if WORD.search(part)]
    return found


def lengths(page: Path) -> list[int]:
    """Words of each sentence of a page."""
    return [len(WORD.findall(one)) for one in sentences(page.read_text("utf-8"))]


def percentile(values: list[int], share: float) -> int:
    """The value below which a share of all lies."""
    return sorted(values)[int(share * (len(values) - 1))]


def main() -> None:
    """Print a row a page, and the longest sentences."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, default=documents())
    parser.add_argument("--longest", type=int, default=0)
    given = parser.parse_args()
    everything: list[int] = []
    print("| page | sentences | mean | median | p90 |\n|---|---:|---:|---:|---:|")
    for page in [*given.files, None]:
        counts = lengths(page) if page else everything
        name = page.name if page else "all"
        if page:
            everything += counts
        print(
            f"| {name} | {len(counts)} | {statistics.mean(counts):.1f} "
            f"| {statistics.median(counts):g} | {percentile(counts, 0.9)} |"
        )
    ranked = []
    for page in given.files:
        for one in sentences(page.read_text("utf-8")):
            ranked.append((len(WORD.findall(one)), page.name, one))
    for count, name, one in sorted(ranked, reverse=True)[: given.longest]:
        print(f"{count:3}  {name}: {one}")


if __name__ == "__main__":
    main()
