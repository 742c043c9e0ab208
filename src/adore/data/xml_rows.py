"""XML feeds to rows: the element that repeats is the row; namespaces and wrappers fall away."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from adore.errors import DataError, check

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["xml_rows"]

_ROWS = ("item", "entry", "product")
"""What a row is called in RSS, Atom and most product feeds."""


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2]


def _value(element: Element) -> Any:
    """Text of a leaf; else its children and XML attributes by name, lists where a name repeats."""
    children = [child for child in element if isinstance(child.tag, str)]
    if not children and not element.attrib:
        return (element.text or "").strip()
    fields: dict[str, Any] = {
        _local(name): text for name, text in element.attrib.items()
    }
    for child in children:
        name = _local(child.tag)
        value = _value(child)
        if name not in fields:
            fields[name] = value
        elif isinstance(fields[name], list):
            fields[name].append(value)
        else:
            fields[name] = [fields[name], value]
    if (element.text or "").strip():
        fields["text"] = (element.text or "").strip()
    return fields


def _repeated(root: Element) -> list[Element]:
    """The rows: by their usual names, else the children that most repeat somewhere.

    Such children must have children themselves.
    """
    for name in _ROWS:
        named = [
            e
            for e in root.iter()
            if isinstance(e.tag, str) and _local(e.tag).lower() == name and len(e)
        ]
        if named:
            return named
    best: list[Element] = []
    for parent in root.iter():
        counts = Counter(child.tag for child in parent if len(child))
        if counts and counts.most_common(1)[0][1] > len(best):
            tag = counts.most_common(1)[0][0]
            best = [child for child in parent if child.tag == tag]
    return best


def xml_rows(raw: bytes, name: str) -> list[dict[str, Any]]:
    """The rows of an XML document.

    Args:
        raw: the file's bytes; its own declaration tells the encoding.
        name: of the file, for the error.

    Raises:
        DataError: it is no XML, declares entities (a way to fill the memory), or has nothing that
            repeats.
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(raw)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise DataError(
            f"file == {name!r}, must be XML without entities of its own; correct it ({error!r})"
        ) from error

    rows = []
    for element in _repeated(root):
        value = _value(element)
        if isinstance(value, dict):
            rows.append(value)
    check(
        bool(rows),
        f"rows of {name}",
        0,
        must="elements that repeat, like item or entry",
        fix="export them",
        error=DataError,
    )
    return rows
