"""Brings pages into the site that are kept elsewhere, and pages of the API that need no file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File, Files, InclusionLevel

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
ROOT_PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
NAMED_FENCE = re.compile(r"^```(\w+) ([\w.-]+)$", re.MULTILINE)
"""A fence of an example that names its file: ```` ```csv items.csv ````."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add README and its like, the results of the benchmarks, and the API.

    Args:
        files: those of docs/.
        config: the site's.

    Returns:
        The same files, with those that were added.
    """
    for name, page in ROOT_PAGES.items():
        text = (ROOT / name).read_text("utf-8").replace("](docs/", "](")
        for other, its_page in ROOT_PAGES.items():
            text = text.replace(f"]({other})", f"]({its_page})")
        files.append(_generated(config, page, text))

    for path in sorted((ROOT / "bench" / "results").glob("*.md")):
        text = path.read_text("utf-8")
        files.append(_generated(config, f"results/{path.name}", text))

    for stub in sorted((ROOT / "src" / "adore").glob("**/__init__.pyi")):
        module = ".".join(stub.parent.relative_to(ROOT / "src").parts)
        name = module.rpartition(".")[2]
        text = f"# {module}\n\n::: {module}\n"
        files.append(_generated(config, f"reference/api/{name}.md", text))
    return files


def on_page_markdown(
    markdown: str, page: Page, config: MkDocsConfig, files: Files
) -> str:
    """Show file names above examples, and find the benchmarks' results within the site.

    Args:
        markdown: the page's text.
        page: the page.
        config: the site's.
        files: all of the site.

    Returns:
        The text as it is rendered.
    """
    markdown = NAMED_FENCE.sub(r'```\1 title="\2"', markdown)
    return markdown.replace("](../bench/results/", "](results/")


def _generated(config: MkDocsConfig, path: str, text: str) -> File:
    return File.generated(config, path, content=text, inclusion=InclusionLevel.INCLUDED)
