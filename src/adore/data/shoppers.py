"""Simulated shoppers: a known taste, a known position bias, and bots.

Every figure from them is simulated.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Attack", "Shoppers", "noisy_ranking"]

CLICK_PROBABILITY = (0.04, 0.10, 0.35, 0.75)
"""P(click | examined, grade 0..3)."""
PURCHASE_PROBABILITY = (0.01, 0.03, 0.12, 0.40)
"""P(purchase | clicked, grade 0..3) of a shopper of middling taste."""
RETURN_PROBABILITY = (0.60, 0.45, 0.20, 0.04)
"""P(return | purchased, grade 0..3)."""


def _uniform(*parts: object) -> float:
    """A number in [0, 1) that depends on its arguments alone, so that no order of calls matters."""
    digest = hashlib.blake2b("|".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def noisy_ranking(
    grades: Mapping[str, int], rng: random.Random, noise: float = 1.5
) -> list[str]:
    """A shop's old ranking: the truth under normal noise, drawn anew at every call.

    Args:
        grades: true grade by item id.
        rng: gives every draw.
        noise: standard deviation of what is added to each grade.

    Returns:
        Item ids, best first.
    """
    order = {item: grade + rng.gauss(0, noise) for item, grade in grades.items()}
    return sorted(order, key=lambda item: -order[item])


@dataclass(frozen=True, slots=True)
class Shoppers:
    """A population of shoppers, some of them bots.

    Shopper ``u < bots * users`` is a bot that buys what ranks in the slots it pushes.

    A visit examines position k with probability :meth:`propensity`, clicks and buys by true grade.
    A *is_tolerant* shopper (one in four) takes a substitute nearly as gladly as an exact item.

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

    def is_tolerant(self, user: int) -> bool:
        """Whether this shopper takes substitutes nearly as gladly as exact items."""
        return _uniform(self.seed, "taste", user) < 0.25

    def visit(
        self,
        user: int,
        query_id: str,
        ranking: Sequence[str],
        grades: Mapping[str, int],
        *,
        visit: int = 0,
    ) -> list[dict[str, Any]]:
        """What one shopper does with one ranked list: rows of the ``events`` table.

        Args:
            user: index below ``users``.
            query_id: what was searched for.
            ranking: item ids, best first.
            grades: true grade by item id; an absent one counts as irrelevant.
            visit: number of this visit; another number, another visit.
        """
        rows: list[dict[str, Any]] = []
        begun = self._time(user, visit)
        client = self.client(user)
        pause = 50 if self.is_bot(user) else 4_000

        for position, item in enumerate(ranking, 1):
            grade = grades.get(item, 0)
            where = (query_id, item, visit)
            actions = self._actions(user, where, position, grade)
            for action in ("impression", *actions):
                rows.append(
                    {
                        "event_id": f"{client}-{visit}-{query_id}-{item}-{action}",
                        "query_id": query_id,
                        "session_id": f"{client}-{visit}",
                        "client_id": client,
                        "action_name": action,
                        "timestamp": begun + pause * len(rows),
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

    def _actions(
        self, user: int, where: tuple[str, str, int], position: int, grade: int
    ) -> list[str]:
        def chance(what: str) -> float:
            return _uniform(self.seed, what, user, *where)

        bought = ["click", "add_to_cart", "purchase"]
        if self.is_bot(user):
            pushed = _uniform(self.seed, "pushed", where[1]) < 0.08
            return bought if pushed else []

        # Position-based click model: a click needs an examined place and an attractive item.
        if chance("examine") >= self.propensity(position):
            return []
        if chance("click") >= CLICK_PROBABILITY[grade]:
            return []

        buy = PURCHASE_PROBABILITY[grade]
        if grade == 2 and self.is_tolerant(user):
            buy = PURCHASE_PROBABILITY[3] * 0.85
        if chance("buy") >= buy:
            return ["click", "add_to_cart"] if chance("cart") < buy else ["click"]
        return (
            [*bought, "return"]
            if chance("return") < RETURN_PROBABILITY[grade]
            else bought
        )


@dataclass(frozen=True, slots=True)
class Attack:
    """Accounts that push some items: one simulated attack on what a shop learns from its log.

    ``fast``: few accounts, 50 visits each, seconds apart, click and buy what they push within
    milliseconds.
    ``patient``: human pauses over 14 days; each browses like a shopper of ``shoppers`` and buys
    what it pushes.
    ``ring``: accounts of 3 visits that come by a link, are shown what they push and nothing else,
    and buy it.
    """

    kind: str
    pushed: frozenset[str]
    shoppers: Shoppers

    def client(self, account: int) -> str:
        """The client id in the log."""
        digest = hashlib.blake2b(
            f"{self.shoppers.seed}|{self.kind}|{account}".encode(), digest_size=5
        )
        return f"u{digest.hexdigest()}"

    def visit(
        self,
        account: int,
        query_id: str,
        ranking: Sequence[str],
        grades: Mapping[str, int],
        *,
        visit: int = 0,
    ) -> list[dict[str, Any]]:
        """What one account does with one ranked list: rows of the ``events`` table.

        Args:
            account: index of the account, from 0.
            query_id: what was searched for.
            ranking: item ids, best first.
            grades: true grade by item id; an absent one counts as irrelevant.
            visit: number of this visit; another number, another visit.
        """
        # A taste of its own, and no bot of the population.
        shopper = self.shoppers.users + account
        shown = ranking
        if self.kind == "ring":
            shown = [item for item in ranking if item in self.pushed]
        rows = self.shoppers.visit(shopper, query_id, shown, grades, visit=visit)

        if self.kind == "fast":
            begun = 1_790_000_000_000 + account * 3_600_000 + visit * 3_000
            pause = 50
        else:
            begun = rows[0]["timestamp"]
            pause = 4_000

        client = self.client(account)
        session = f"{client}-{visit}"
        done: list[dict[str, Any]] = []
        for row in rows:
            item = row["object_id"]
            pushed = item in self.pushed
            first = row["action_name"] == "impression"
            if pushed and first:
                actions = ["impression", "click", "add_to_cart", "purchase"]
            elif first or (self.kind == "patient" and not pushed):
                actions = [row["action_name"]]
            else:
                continue

            for action in actions:
                own = {
                    "event_id": f"{session}-{query_id}-{item}-{action}",
                    "session_id": session,
                    "client_id": client,
                    "action_name": action,
                    "timestamp": begun + pause * len(done),
                }
                done.append({**row, **own})
        return done

    def log(
        self, lists: Mapping[str, Mapping[str, int]], count: int
    ) -> list[dict[str, Any]]:
        """At least ``count`` events over the queries whose list holds a pushed item.

        Args:
            lists: true grade by item id, by query id.
            count: number of events; the last visit may bring more.

        Returns:
            Rows of the ``events`` table; none if no list holds a pushed item.
        """
        rng = random.Random(self.shoppers.seed)
        rows: list[dict[str, Any]] = []

        names = []
        for query_id, grades in lists.items():
            if self.pushed & set(grades):
                names.append(query_id)
        if not names:
            return rows

        names.sort()
        visits = {"fast": 50, "patient": 6, "ring": 3}[self.kind]
        number = 0
        while len(rows) < count:
            query = rng.choice(names)
            grades = lists[query]
            ranking = noisy_ranking(grades, rng)
            account, visit = divmod(number, visits)
            rows += self.visit(account, query, ranking, grades, visit=visit)
            number += 1
        return rows
