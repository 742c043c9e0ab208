"""What an event's action name means: one map.

Prepare, the router's log and the review of an experiment read it.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ACTIONS", "ALIASES", "IGNORE", "canonical_action"]

ACTIONS = ("impression", "click", "add_to_cart", "purchase", "return")
IGNORE = "ignore"
"""Says nothing of a pair; such events are left out."""
ALIASES = {
    **{action: action for action in ACTIONS},
    **dict.fromkeys(
        ("item_impression", "product_impression", "view_item_list", "shown"),
        "impression",
    ),
    **dict.fromkeys(
        ("click_through", "item_click", "product_click", "result_click", "select_item"),
        "click",
    ),
    **dict.fromkeys(("view_item", "item_view", "product_view"), "click"),
    **dict.fromkeys(
        ("add_item_to_cart", "add_to_basket", "add_to_bag", "cart_add"), "add_to_cart"
    ),
    **dict.fromkeys(
        ("buy", "product_purchase", "order", "checkout_complete"), "purchase"
    ),
    **dict.fromkeys(("refund", "returned", "product_return"), "return"),
    **dict.fromkeys(
        ("view", "watch", "on_search", "search", "view_search_results", "view_cart"),
        IGNORE,
    ),
    **dict.fromkeys(
        (
            "product_hover",
            "item_hover",
            "product_sort",
            "login",
            "logout",
            "global_click",
        ),
        IGNORE,
    ),
    **dict.fromkeys(
        ("new_user_entry", "type_filter", "brand_filter", "page_exit", "page_view"),
        IGNORE,
    ),
    **dict.fromkeys(
        ("remove_from_cart", "begin_checkout", "404_redirect", "declined_product"),
        IGNORE,
    ),
}
"""UBI's own words and other common names.

``view`` and ``watch`` are UBI's, too: they may mean a list, a page or a video, so they count for
nothing unless a shop says what they mean."""


def _spelt(name: str) -> str:
    """``addToCart``, ``Add to cart`` and ``add-to-cart`` are one name."""
    return "".join(c for c in name.lower() if c.isalnum())


_KNOWN = {_spelt(name): action for name, action in ALIASES.items()}


def canonical_action(name: str, own: Mapping[str, str]) -> str:
    """One of :data:`ACTIONS`, :data:`IGNORE`, or ``""`` for a name that nobody explained.

    Args:
        name: as it was logged.
        own: the shop's names, from its ``dataset.yaml``; they go first.

    Example:
        >>> canonical_action("click_through", {}), canonical_action("kauf", {"kauf": "purchase"})
        ('click', 'purchase')
        >>> canonical_action("dance", {})
        ''
    """
    if name in own:
        return own[name]
    spelt = _spelt(name)
    mapped = (
        next((action for theirs, action in own.items() if _spelt(theirs) == spelt), "")
        if own
        else ""
    )
    return mapped or _KNOWN.get(spelt, "")
