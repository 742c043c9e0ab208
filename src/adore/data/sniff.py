"""How a text file is written.

charset-normalizer detects its encoding, DuckDB its delimiter and quotes.
"""

from __future__ import annotations

import codecs
import tempfile
from dataclasses import dataclass
from pathlib import Path

from adore.errors import DataError, check

__all__ = ["Dialect", "decode", "detect_dialect"]

ONE_COLUMN = "\x1f"
"""The delimiter of a file with one column: no text has it, so commas separate nothing."""
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
_DELIMITER_NAMES = {
    ONE_COLUMN: "one column",
    ",": "commas",
    ";": "semicolons",
    "\t": "tabs",
    "|": "pipes",
}
_LENIENT = ", null_padding = true, strict_mode = false, ignore_errors = true"
"""Options by which DuckDB reads files with ragged rows."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a delimited file is written; ``skip`` lines are before its header."""

    delimiter: str
    escape: str = ""
    unquoted: bool = False
    """DuckDB saw no quoting at all: a leading quotation mark may be an inch mark."""
    skip: int = 0

    @property
    def delimiter_name(self) -> str:
        """The delimiter in words."""
        return _DELIMITER_NAMES.get(self.delimiter, repr(self.delimiter))


def decode(content: bytes, configured: str = "") -> tuple[str, str]:
    """Decode a file and name its encoding.

    UTF-8 with some broken places stays UTF-8: each broken byte becomes a lone surrogate, whose row
    is refused later.

    Args:
        content: the file's bytes.
        configured: encoding that ``dataset.yaml`` names, if it is not UTF-8.

    Returns:
        The text and its encoding.

    Raises:
        DataError: the named encoding does not exist, or does not fit.
    """
    by_mark = _encoding_of_mark(content)
    try:
        decoded_text = content.decode(by_mark or "utf-8")
    except UnicodeDecodeError:
        pass
    else:
        if by_mark in ("", "utf-8-sig"):
            return decoded_text, "UTF-8"
        return decoded_text, by_mark.upper()

    if configured:
        try:
            return content.decode(configured), configured
        except (LookupError, UnicodeDecodeError) as error:
            fix = "correct it in dataset.yaml, or leave it out"
            raise DataError(
                f"encoding == {configured!r}, must fit the file; {fix} ({error})"
            ) from error

    decoded_text = content.decode("utf-8", "surrogateescape")
    if _is_mostly_utf8(decoded_text):
        return decoded_text, "UTF-8, broken in places"
    detected = _detect_encoding(content)
    if detected:
        return content.decode(detected, "surrogateescape"), detected
    return decoded_text, "UTF-8, broken in places"


def _encoding_of_mark(content: bytes) -> str:
    """The encoding of a byte order mark, or ``""``."""
    for mark, name in _BOMS:
        if content.startswith(mark):
            return name
    return ""


def _is_mostly_utf8(text: str) -> bool:
    """Whether more characters beyond ASCII were decoded than could not be."""
    broken = 0
    others = 0
    for character in text:
        if "\udc80" <= character <= "\udcff":
            broken += 1
        elif ord(character) > 127:
            others += 1
    return others > broken


def _detect_encoding(content: bytes) -> str:
    from charset_normalizer import from_bytes

    # Lines of ASCII alone fit every encoding, so they would only hide the others.
    lines = content[: 8 * SAMPLE].split(b"\n")
    sample = b"\n".join([line for line in lines if not line.isascii()])
    matches = from_bytes(sample[:SAMPLE], cp_isolation=_CANDIDATES)
    best = matches.best()
    if best is None:
        return ""

    fitting = set()
    for match in matches:
        fitting |= {match.encoding, *match.could_be_from_charset}
    if best.encoding in _LATIN and "cp1252" in fitting:
        return "cp1252"
    return str(best.encoding)


def detect_dialect(text: str, name: str) -> Dialect:
    """Detect the dialect of a delimited text.

    Args:
        text: the file's text.
        name: of the file, for the error.

    Returns:
        The dialect; one column where no delimiter is found.

    Raises:
        DataError: a ``sep=`` line names more than one character.
    """
    header = text.partition("\n")[0]
    if header.strip().lower().startswith("sep="):  # how spreadsheets name it
        delimiter = header.rstrip("\r")[4:]
        check(
            len(delimiter) == 1,
            f"first line of {name}",
            header[:20],
            must="sep= and one character",
            fix="correct it",
            error=DataError,
        )
        return Dialect(delimiter, skip=1)

    first_line = next(
        (text_line for text_line in text.split("\n", 20) if text_line.strip()), ""
    )
    with tempfile.TemporaryDirectory(prefix="adore-sniff-") as folder:
        sample_path = Path(folder) / "sample.csv"
        sample_path.write_text(_sample(text), "utf-8", "replace", newline="")
        for options in ("", _LENIENT):
            # A delimiter that the header does not have is a mistake.
            dialect = _sniff(sample_path, options)
            if dialect and dialect.delimiter in first_line:
                return dialect
    return Dialect(ONE_COLUMN)


def _sample(text: str) -> str:
    """The beginning of a text, in whole lines where it has any."""
    beginning = text[:SAMPLE]
    if len(text) <= SAMPLE:
        return beginning
    return beginning.rpartition("\n")[0] or beginning


def _sniff(path: Path, options: str) -> Dialect | None:
    """The dialect that DuckDB detects, or None where it does not or where it skips lines."""
    import duckdb

    sniff_query = (
        "SELECT Delimiter, Quote, Escape, SkipRows "
        f"FROM sniff_csv(?, header = true, all_varchar = true{options})"
    )
    try:
        with duckdb.connect() as connection:
            sniffed_rows = connection.execute(sniff_query, [str(path)]).fetchall()
    except duckdb.Error:
        return None

    delimiter, quote, escape, skipped = sniffed_rows[0]
    if skipped or len(delimiter) != 1:
        return None
    escape = escape if escape == "\\" else ""
    return Dialect(delimiter, escape=escape, unquoted=quote == "(empty)")
