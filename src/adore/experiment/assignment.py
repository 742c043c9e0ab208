"""Who gets which variant: a pure salted hash, the same on a laptop and in every router."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from adore.errors import check

__all__ = ["assign", "point"]


def point(user_id: str, salt: str) -> float:
    """Map a user to [0, 1): SHA-256 of length-prefixed salt and id, first 64 bits.

    Length prefixes keep ("ab", "c") and ("a", "bc") apart.

    Args:
        user_id: the user's id; any text.
        salt: of the experiment; another salt maps all users anew.

    Returns:
        The user's point, evenly distributed over users.
    """
    digest = hashlib.sha256()
    for text in (salt, user_id):
        encoded = text.encode("utf-8", "surrogatepass")
        length = len(encoded)
        digest.update(length.to_bytes(8, "big"))
        digest.update(encoded)
    first_64_bits = digest.digest()[:8]
    return int.from_bytes(first_64_bits, "big") / 2**64


def assign(user_id: str, salt: str, weights: Mapping[str, float]) -> str:
    """Assign a user to a variant.

    The assignment is sticky, because it depends on the arguments alone. Variants take
    their shares of [0, 1) in the mapping's order: when the last one's weight grows, its
    users keep it.

    Args:
        user_id: the user's id; any text.
        salt: of the experiment.
        weights: variant to share; shares are not negative and sum to 1.

    Returns:
        The name of the variant.

    Raises:
        ConfigError: the weights do not sum to 1.
    """
    total = sum(weights.values())
    is_valid = bool(weights) and min(weights.values()) >= 0 and abs(total - 1) < 1e-9
    check(
        is_valid,
        "weights",
        dict(weights),
        must="not negative with sum 1",
        fix="set shares that sum to 1",
    )

    user_point = point(user_id, salt)
    upper_bound = 0.0
    for variant, weight in weights.items():
        upper_bound += weight
        if user_point < upper_bound:
            return variant

    # Rounding may leave a gap below 1 that no variant's share covers.
    return next(reversed(list(weights)))
