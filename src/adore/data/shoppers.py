"""Simulated shoppers: a known taste, a known position bias, and bots. Every figure from them is simulated."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Shoppers"]

CLICK = (0.04, 0.10, 0.35, 0.75)
"""P(click | examined, grade 0..3)."""
BUY = (0.01, 0.03, 0.12, 0.40)
"""P(purchase | clicked, grade 0..3) of a shopper of middling taste."""
RETURN = (0.60, 0.45, 0.20, 0.04)
"""P(return | purchased, grade 0..3)."""


def _uniform(*parts: object) -> float:
    """A number in [0, 1) that depends on its arguments alone, so that no order of calls matters."""
    digest = hashlib.blake2b("|".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


@dataclass(frozen=True, slots=True)
class Shoppers:
    """A population; shopper ``u < bots * users`` is a bot that buys what ranks in the slots it pushes.

    A visit examines position k with probability :meth:`propensity`, clicks and buys by true grade.
    A *tolerant* shopper (one in four) takes a substitute nearly as gladly as an exact item.

    Source: position-based click model (Craswell et al. 2008); parameters are ours.
    """

    seed: int = 0
    users: int = 300
    bots: float = 0.03
    eta: float = 0.7
    """Position bias: P(examine k) = k ** -eta."""

    def propensity(self, position: int) -> float:
        """P(a shopper looks at ``position``), 1 = top."""
        return float(position**-self.eta)

    def is_bot(self, user: int) -> bool:
        """Known truth, for tests of the trust filter only."""
        return user < self.bots * self.users

    def client(self, user: int) -> str:
        """The client id in the log; it does not tell who is a bot."""
        return f"u{hashlib.blake2b(f'{self.seed}|{user}'.encode(), digest_size=5).hexdigest()}"

    def tolerant(self, user: int) -> bool:
        """Whether this shopper takes substitutes nearly as gladly as exact items."""
        return _uniform(self.seed, "taste", user) < 0.25

    def visit(
        self, user: int, query_id: str, ranking: Sequence[str], grades: Mapping[str, int], *, visit: int = 0
    ) -> list[dict[str, Any]]:
        """What one shopper does with one ranked list: rows of the ``events`` table.

        Args:
            user: index below ``users``.
            ranking: item ids, best first.
            grades: true grade by item id; an absent one counts as irrelevant.
            visit: number of this visit; another number, another visit.
        """
        rows: list[dict[str, Any]] = []
        begun = self._time(user, visit)
        for position, item in enumerate(ranking, 1):
            actions = self._actions(user, (query_id, item, visit), position, grades.get(item, 0))
            for action in ("impression", *actions):
                rows.append(
                    {
                        "event_id": f"{self.client(user)}-{visit}-{query_id}-{item}-{action}",
                        "query_id": query_id,
                        "session_id": f"{self.client(user)}-{visit}",
                        "client_id": self.client(user),
                        "action_name": action,
                        "timestamp": begun + (50 if self.is_bot(user) else 4_000) * len(rows),
                        "object_id": item,
                        "position": position,
                    }
                )
        return rows

    def _time(self, user: int, visit: int) -> int:
        day = 86_400_000
        start = 1_790_000_000_000
        if self.is_bot(user):  # bots come in bursts
            return start + visit * 3_000
        return start + int(_uniform(self.seed, "time", user, visit) * 14 * day)

    def _actions(self, user: int, where: tuple[str, str, int], position: int, grade: int) -> list[str]:
        def chance(what: str) -> float:
            return _uniform(self.seed, what, user, *where)

        if self.is_bot(user):
            pushed = _uniform(self.seed, "pushed", where[1]) < 0.08
            return ["click", "add_to_cart", "purchase"] if pushed else []
        if chance("examine") >= self.propensity(position) or chance("click") >= CLICK[grade]:
            return []
        buy = BUY[3] * 0.85 if grade == 2 and self.tolerant(user) else BUY[grade]
        if chance("buy") >= buy:
            return ["click", "add_to_cart"] if chance("cart") < buy else ["click"]
        kept = ["click", "add_to_cart", "purchase"]
        return [*kept, "return"] if chance("return") < RETURN[grade] else kept
