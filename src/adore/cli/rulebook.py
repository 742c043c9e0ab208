"""The verbs of ``adore rulebook``: draft, lint, diff and keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adore.errors import ConfigError, check

if TYPE_CHECKING:
    from adore.rulebook import RuleBook

__all__ = ["app"]

app = typer.Typer(
    name="rulebook", help="Write, check and compare rule books.", no_args_is_help=True
)


@app.command("draft")
def draft_book(
    output: Annotated[
        str, typer.Option(help="The .yaml file to write; its name is the book's.")
    ],
    data: Annotated[str, typer.Option(help="The shop's folder or s3://… place.")] = "",
    items: Annotated[
        str, typer.Option(help="An items file, if there is no folder.")
    ] = "",
) -> None:
    """Draft a rule book from a catalogue; comments give the evidence for each entry."""
    # Everything is checked before the catalogue is read, which may take minutes.
    book_file = Path(output)
    sources = [source for source in (data, items) if source]
    check(
        len(sources) == 1,
        "--data, --items",
        sources,
        must="one of them",
        fix="give --data DIR or --items FILE",
    )
    check(
        book_file.suffix == ".yaml",
        "--output",
        output,
        must="a .yaml file",
        fix="rename it",
    )
    check(
        not book_file.exists(),
        "--output",
        output,
        must="a new file",
        fix="remove it or choose another name",
    )
    from adore.rulebooks.draft import draft, nearest_book
    from adore.rulebooks.survey import read_catalogue, survey

    catalogue_survey = survey(read_catalogue(data=data, items=items))
    book_text = draft(catalogue_survey, book_file.stem)
    book_file.parent.mkdir(parents=True, exist_ok=True)
    book_file.write_text(book_text, "utf-8")
    counts_text = (
        f"{catalogue_survey.items} items, {catalogue_survey.queries} queries, "
        f"{catalogue_survey.judged} judgements"
    )
    typer.echo(f"{output}: from {nearest_book(catalogue_survey)}, {counts_text}")


@app.command("lint")
def lint_books(
    books: Annotated[
        list[str], typer.Argument(help="Rule books: names or .yaml files.")
    ],
    language: Annotated[
        str, typer.Option(help="Language of the shop's texts: en, de, ...")
    ] = "en",
) -> None:
    """Check rule books; exit status 1 if one has an error."""
    from adore.rulebook import find_book
    from adore.rulebooks.lint import lint_file

    error_count = 0
    for book in books:
        book_file = find_book(book)
        findings = lint_file(book_file, language)
        # Errors come first: they are what must be corrected.
        for fault_level in ("error", "warning"):
            for fault in findings:
                if fault.level == fault_level:
                    typer.echo(f"{book_file}:{fault.line}: {fault_level}: {fault.text}")
        errors_of_book = sum(fault.level == "error" for fault in findings)
        warning_count = len(findings) - errors_of_book
        typer.echo(f"{book_file}: {errors_of_book} errors, {warning_count} warnings")
        error_count += errors_of_book
    raise typer.Exit(1 if error_count else 0)


@app.command("diff")
def diff_books(
    a: Annotated[str, typer.Argument(help="Rule book in use: a name or a .yaml file.")],
    b: Annotated[str, typer.Argument(help="Rule book to replace it with.")],
    on: Annotated[
        str, typer.Option(help="A run, its evidence step, or a pairs.parquet.")
    ],
    category: Annotated[
        str, typer.Option(help="Only items whose category holds this text.")
    ] = "",
    split: Annotated[
        str, typer.Option(help="Only queries of this split: train, dev or test.")
    ] = "",
    examples: Annotated[int, typer.Option(min=0, help="Changed pairs to show.")] = 5,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print which grades would change if book B replaced book A."""
    import json

    from adore.rulebooks.diff import compare_books, read_pairs, render

    judged_pairs = read_pairs(on, category=category, split=split)
    comparison = compare_books(_load(a), _load(b), judged_pairs, examples=examples)
    if json_:
        typer.echo(json.dumps(comparison.to_json(), indent=2, ensure_ascii=False))
    else:
        typer.echo(render(comparison))


def _load(book: str) -> RuleBook:
    """Load a rule book; raise one error that lists its faults as ``lint`` does."""
    from adore.rulebook import RuleBook, find_book
    from adore.rulebooks.lint import lint_file

    try:
        return RuleBook.load(book)
    except ConfigError as error:
        book_file = find_book(book)
        fault_lines = []
        for fault in lint_file(book_file):
            if fault.level == "error":
                fault_lines.append(f"  {book_file}:{fault.line}: {fault.text}")
        fault_list = "\n".join(fault_lines)
        raise ConfigError(
            f"rule book == {str(book_file)!r}, must be a valid rule book; correct:\n{fault_list}"
        ) from error


@app.command("keys")
def keys() -> None:
    """Print the tables of docs/rulebooks.md, made from the schema."""
    from adore.rulebooks.keys import tables

    typer.echo(tables())
