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
    element_text = (element.text or "").strip()
    # The tag of a comment is a function.
    children = [
        child_element for child_element in element if isinstance(child_element.tag, str)
    ]
    if not children and not element.attrib:
        return element_text

    fields: Row = {}
    for attribute, attribute_text in element.attrib.items():
        fields[_local_name(attribute)] = attribute_text
    for child_element in children:
        child_name = _local_name(child_element.tag)
        child_value = _value(child_element)
        if child_name not in fields:
            fields[child_name] = child_value
        elif isinstance(fields[child_name], list):
            fields[child_name].append(child_value)
        else:
            fields[child_name] = [fields[child_name], child_value]
    if element_text:
        fields["text"] = element_text
    return fields


def _row_elements(root: Element) -> list[Element]:
    """The rows: by their usual names, else the children that repeat most often somewhere."""
    # Such children must have children themselves.
    for row_name in _ROW_NAMES:
        elements = [element for element in root.iter() if _is_row(element, row_name)]
        if elements:
            return elements

    repeated: list[Element] = []
    for parent in root.iter():
        counts = Counter(child.tag for child in parent if len(child))
        for tag, count in counts.most_common(1):
            if count > len(repeated):
                repeated = [child for child in parent if child.tag == tag]
    return repeated


def _is_row(element: Element, name: str) -> bool:
    if not isinstance(element.tag, str) or not len(element):
        return False
    return _local_name(element.tag).lower() == name


def xml_rows(content: bytes, file_name: str) -> list[Row]:
    """Read the rows of an XML document.

    Args:
        content: the file's bytes; its own declaration tells the encoding.
        file_name: of the file, for the error.

    Returns:
        The rows, in order.

    Raises:
        DataError: it is no XML, declares entities (a way to fill the memory), or has
            nothing that repeats.
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(content)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise DataError(
            f"file == {file_name!r}, must be XML without entities of its own; "
            f"correct it ({error!r})"
        ) from error

    xml_table = []
    for element in _row_elements(root):
        row_value = _value(element)
        if isinstance(row_value, dict):
            xml_table.append(row_value)
    check(
        bool(xml_table),
        f"rows of {file_name}",
        0,
        must="elements that repeat, like item or entry",
        fix="export them",
        error=DataError,
    )
    return xml_table
