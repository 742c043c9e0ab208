"""XML feeds to rows: the element that repeats is the row; namespaces and wrappers are dropped."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from adore.data.rows import Row
from adore.errors import DataError, check

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["xml_rows"]

_ROW_NAMES = ("item", "entry", "product")
"""What a row is called in RSS, Atom and most product feeds."""


def _local_name(tag: object) -> str:
    """A tag without its namespace."""
    return str(tag).rpartition("}")[2]


def _value(element: Element) -> object:
    """Text of a leaf; else its children and XML attributes by name, lists where a name repeats."""
    text = (element.text or "").strip()
    children = [child for child in element if isinstance(child.tag, str)]
    if not children and not element.attrib:
        return text

    fields: Row = {}
    for attribute, attribute_text in element.attrib.items():
        fields[_local_name(attribute)] = attribute_text
    for child in children:
        name = _local_name(child.tag)
        value = _value(child)
        if name not in fields:
            fields[name] = value
        elif isinstance(fields[name], list):
            fields[name].append(value)
        else:
            fields[name] = [fields[name], value]
    if text:
        fields["text"] = text
    return fields


def _row_elements(root: Element) -> list[Element]:
    """The rows: by their usual names, else the children that repeat most often somewhere."""
    # Such children must have children themselves.
    for name in _ROW_NAMES:
        elements = [element for element in root.iter() if _is_row(element, name)]
        if elements:
            return elements

    rows: list[Element] = []
    for parent in root.iter():
        counts = Counter(child.tag for child in parent if len(child))
        for tag, count in counts.most_common(1):
            if count > len(rows):
                rows = [child for child in parent if child.tag == tag]
    return rows


def _is_row(element: Element, name: str) -> bool:
    if not isinstance(element.tag, str) or not len(element):
        return False
    return _local_name(element.tag).lower() == name


def xml_rows(content: bytes, name: str) -> list[Row]:
    """Read the rows of an XML document.

    A document with nothing that repeats is an error.

    Args:
        content: the file's bytes; its own declaration tells the encoding.
        name: of the file, for the error.

    Returns:
        The rows, in order.

    Raises:
        DataError: it is no XML, or declares entities (a way to fill the memory).
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(content)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise DataError(
            f"file == {name!r}, must be XML without entities of its own; correct it ({error!r})"
        ) from error

    rows = []
    for element in _row_elements(root):
        row = _value(element)
        if isinstance(row, dict):
            rows.append(row)
    check(
        bool(rows),
        f"rows of {name}",
        0,
        must="elements that repeat, like item or entry",
        fix="export them",
        error=DataError,
    )
    return rows
