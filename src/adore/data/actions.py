"""What an event's action name means: one map.

Prepare, the router's log and the review of an experiment read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

__all__ = ["ACTIONS", "ALIASES", "IGNORE", "canonical_action"]

ACTIONS = ("impression", "click", "add_to_cart", "purchase", "return")
IGNORE = "ignore"
"""Says nothing of a pair; such events are left out."""
_NAMES = {
    "impression": "item_impression product_impression view_item_list shown",
    "click": (
        "click_through item_click product_click result_click select_item "
        "view_item item_view product_view"
    ),
    "add_to_cart": "add_item_to_cart add_to_basket add_to_bag cart_add",
    "purchase": "buy product_purchase order checkout_complete",
    "return": "refund returned product_return",
    IGNORE: (
        "view watch on_search search view_search_results view_cart "
        "product_hover item_hover product_sort login logout global_click "
        "new_user_entry type_filter brand_filter page_exit page_view "
        "remove_from_cart begin_checkout 404_redirect declined_product"
    ),
}


def _aliases() -> Iterator[tuple[str, str]]:
    for action in ACTIONS:
        yield action, action
    for action, aliases in _NAMES.items():
        for alias in aliases.split():
            yield alias, action


ALIASES = dict(_aliases())
"""UBI's own words and other common names.

``view`` and ``watch`` are UBI's, too: they may mean a list, a page or a video, so they count for
nothing unless a shop says what they mean."""


def _normalised(name: str) -> str:
    """``addToCart``, ``Add to cart`` and ``add-to-cart`` are one name."""
    return "".join(filter(str.isalnum, name.lower()))


_CANONICAL = {_normalised(name): action for name, action in ALIASES.items()}


def canonical_action(name: str, own: Mapping[str, str]) -> str:
    """Map a logged action name to one of ours.

    Args:
        name: as it was logged.
        own: the shop's names, from its ``dataset.yaml``; they take precedence.

    Returns:
        One of :data:`ACTIONS`, :data:`IGNORE`, or ``""`` for an unknown name.

    Example:
        >>> canonical_action("click_through", {})
        'click'
        >>> canonical_action("kauf", {"kauf": "purchase"})
        'purchase'
        >>> canonical_action("dance", {})
        ''
    """
    if name in own:
        return own[name]

    normalised = _normalised(name)
    for theirs, action in own.items():
        if _normalised(theirs) == normalised and action:
            return action
    return _CANONICAL.get(normalised, "")
