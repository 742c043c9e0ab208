"""Minimal edits of a good pair, each of one error type or more.

Importing the package registers every edit. Edits of one error type are tried in the order
in which its module defines them, and seeded draws depend on that order.
"""

from adore.synthesis.edits import (
    attribute,
    contrast,
    exclusion,
    over_strict,
    product_type,
    synonym,
)
from adore.synthesis.edits.base import Draft, Edit, Source
from adore.synthesis.edits.registry import (
    EDITS,
    EditSet,
    adversarial_edits,
    register_edit,
    training_edits,
)

__all__ = [
    "EDITS",
    "Draft",
    "Edit",
    "EditSet",
    "Source",
    "adversarial_edits",
    "attribute",
    "contrast",
    "exclusion",
    "over_strict",
    "product_type",
    "register_edit",
    "synonym",
    "training_edits",
]
