"""How a text file is written.

Its encoding is told by charset-normalizer, its delimiter and quotes by DuckDB.
"""

from __future__ import annotations

import codecs
import tempfile
from dataclasses import dataclass
from pathlib import Path

from adore.errors import DataError, check

__all__ = ["Dialect", "decode", "detect_dialect"]

ALONE = "\x1f"
"""The delimiter of a file with one column: no text has it, so commas part nothing."""
SAMPLE = 262_144
"""Characters (or bytes) that are looked at."""
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LATIN = ("cp1252", "cp1250", "mac_roman", "cp850")
_CANDIDATES = [
    *_LATIN,
    *"cp1251 cp1253 cp1254 cp932 euc_jp gb18030 big5 euc_kr koi8_r".split(),
]
"""Encodings that spreadsheets and shops still write.

Where several Western ones fit, the Web's default is taken."""
_NAMES = {
    ALONE: "one column",
    ",": "commas",
    ";": "semicolons",
    "\t": "tabs",
    "|": "pipes",
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a delimited file is written; ``skip`` lines stand before its header."""

    delimiter: str
    escape: str = ""
    unquoted: bool = False
    """DuckDB saw no quoting at all: a leading quotation mark may be an inch mark."""
    skip: int = 0

    @property
    def delimiter_name(self) -> str:
        """The delimiter in words."""
        return _NAMES.get(self.delimiter, repr(self.delimiter))


def decode(raw: bytes, named: str = "") -> tuple[str, str]:
    """The text of a file and its encoding.

    UTF-8 with some broken places stays UTF-8: each broken byte becomes a lone surrogate, whose row
    is refused later.

    Args:
        raw: the file's bytes.
        named: encoding that its owner named, if it is not UTF-8.

    Raises:
        DataError: the named encoding does not exist, or does not fit.
    """
    bom = next((name for mark, name in _BOMS if raw.startswith(mark)), "")
    try:
        return raw.decode(bom or "utf-8"), "UTF-8" if bom in (
            "",
            "utf-8-sig",
        ) else bom.upper()
    except UnicodeDecodeError:
        pass
    if named:
        try:
            return raw.decode(named), named
        except (LookupError, UnicodeDecodeError) as error:
            fix = "correct it in dataset.yaml, or leave it out"
            raise DataError(
                f"encoding == {named!r}, must fit the file; {fix} ({error})"
            ) from error
    text = raw.decode("utf-8", "surrogateescape")
    whole = sum(ord(c) > 127 for c in text)
    broken = sum("\udc80" <= c <= "\udcff" for c in text)
    guess = "" if whole - broken > broken else _guess(raw)
    return (
        (raw.decode(guess, "surrogateescape"), guess)
        if guess
        else (text, "UTF-8, broken in places")
    )


def _guess(raw: bytes) -> str:
    from charset_normalizer import from_bytes

    lines = [line for line in raw[: 8 * SAMPLE].split(b"\n") if not line.isascii()]
    matches = from_bytes(b"\n".join(lines)[:SAMPLE], cp_isolation=_CANDIDATES)
    best = matches.best()
    if best is None:
        return ""
    fitting = {
        name
        for match in matches
        for name in (match.encoding, *match.could_be_from_charset)
    }
    if best.encoding in _LATIN and "cp1252" in fitting:
        return "cp1252"
    return str(best.encoding)


def detect_dialect(text: str, name: str) -> Dialect:
    """The dialect of a delimited text.

    Args:
        text: the file's text.
        name: of the file, for the error.

    Raises:
        DataError: a ``sep=`` line names more than one character.
    """
    head = text.partition("\n")[0]
    if head.strip().lower().startswith("sep="):  # how spreadsheets say it
        sep = head.rstrip("\r")[4:]
        check(
            len(sep) == 1,
            f"first line of {name}",
            head[:20],
            must="sep= and one character",
            fix="correct it",
            error=DataError,
        )
        return Dialect(sep, skip=1)
    first = next((line for line in text.split("\n", 20) if line.strip()), "")
    with tempfile.TemporaryDirectory(prefix="adore-sniff-") as home:
        path = Path(home) / "sample.csv"
        sample = (
            text[:SAMPLE]
            if len(text) <= SAMPLE
            else text[:SAMPLE].rpartition("\n")[0] or text[:SAMPLE]
        )
        path.write_text(sample, "utf-8", "replace", newline="")
        for options in (
            "",
            ", null_padding = true, strict_mode = false, ignore_errors = true",
        ):
            sniffed = _sniffed(path, options)
            if sniffed and sniffed.delimiter in first:
                return sniffed
    return Dialect(ALONE)


def _sniffed(path: Path, options: str) -> Dialect | None:
    import duckdb

    sql = (
        "SELECT Delimiter, Quote, Escape, SkipRows "
        f"FROM sniff_csv(?, header = true, all_varchar = true{options})"
    )
    try:
        with duckdb.connect() as db:
            delimiter, quote, escape, skip = db.execute(sql, [str(path)]).fetchall()[0]
    except duckdb.Error:
        return None
    if skip or len(delimiter) != 1:
        return None
    return Dialect(
        delimiter, escape="\\" if escape == "\\" else "", unquoted=quote == "(empty)"
    )
