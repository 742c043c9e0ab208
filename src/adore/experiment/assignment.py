"""Who gets which variant: a pure salted hash, the same on a laptop and in every router."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from adore.errors import check

__all__ = ["assign", "point"]


def point(user_id: str, salt: str) -> float:
    """A user's place in [0, 1): SHA-256 of length-prefixed salt and id, first 64 bits.

    Length prefixes keep ("ab", "c") and ("a", "bc") apart.

    Args:
        user_id: whom to place; any text.
        salt: of the experiment; another salt places all users anew.
    """
    digest = hashlib.sha256()
    for text in (salt, user_id):
        part = text.encode("utf-8", "surrogatepass")
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    first = digest.digest()[:8]
    return int.from_bytes(first, "big") / 2**64


def assign(user_id: str, salt: str, weights: Mapping[str, float]) -> str:
    """The variant of a user: sticky, because nothing but the arguments counts.

    The variants stand in the mapping's order; when the last one's weight grows, its users
    keep it.

    Args:
        user_id: whom to assign; any text.
        salt: of the experiment.
        weights: variant to share; shares are not negative and sum to 1.

    Raises:
        ConfigError: the weights do not sum to 1.
    """
    total = sum(weights.values())
    good = bool(weights) and min(weights.values()) >= 0 and abs(total - 1) < 1e-9
    check(
        good,
        "weights",
        dict(weights),
        must="not negative with sum 1",
        fix="set shares that sum to 1",
    )
    place = point(user_id, salt)
    edge = 0.0
    for variant, weight in weights.items():
        edge += weight
        if place < edge:
            return variant

    # shares that sum to a little less than 1 leave a gap at the end
    return next(reversed(list(weights)))
