"""Simulated shoppers: known preferences, a known position bias, and bots.

Every figure from them is simulated.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from adore.data.rows import Row

__all__ = ["Attack", "Shoppers", "noisy_ranking"]

CLICK_PROBABILITY = (0.04, 0.10, 0.35, 0.75)
"""P(click | examined, grade 0..3)."""
PURCHASE_PROBABILITY = (0.01, 0.03, 0.12, 0.40)
"""P(purchase | clicked, grade 0..3) of a shopper who is not tolerant."""
RETURN_PROBABILITY = (0.60, 0.45, 0.20, 0.04)
"""P(return | purchased, grade 0..3)."""
TOLERANT_SHARE = 0.25
"""Share of the shoppers who take substitutes nearly as gladly as exact items."""
TOLERANCE = 0.85
"""A tolerant shopper's P(purchase) of a substitute, as a share of that of an exact item."""
PUSHED_SHARE = 0.08
"""Share of the items that the bots push."""
START_MS = 1_790_000_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
LOG_DAYS = 14
HUMAN_PAUSE_MS = 4_000
BOT_PAUSE_MS = 50
BURST_MS = 3_000
"""Time between two visits of a bot."""
_PURCHASE = ("click", "add_to_cart", "purchase")
VISITS = {"fast": 50, "patient": 6, "ring": 3}
"""Kind of an attack to the visits of each account."""


def _uniform(*parts: object) -> float:
    """A number in [0, 1) that depends on its arguments alone, so that no order of calls matters."""
    joined = "|".join(map(str, parts))
    digest = hashlib.blake2b(joined.encode(), digest_size=8).digest()
    number = int.from_bytes(digest, "big")
    return number / 2**64


def noisy_ranking(
    grades: Mapping[str, int], rng: random.Random, noise: float = 1.5
) -> list[str]:
    """Rank as a shop's old ranker: the truth under normal noise, drawn anew at every call.

    Args:
        grades: true grade by item id.
        rng: gives every draw.
        noise: standard deviation of what is added to each grade.

    Returns:
        Item ids, best first.
    """
    scores: dict[str, float] = {}
    for item_id, grade in grades.items():
        error = rng.gauss(0, noise)
        scores[item_id] = grade + error

    def best_first(item_id: str) -> float:
        return -scores[item_id]

    return sorted(scores, key=best_first)


@dataclass(frozen=True, slots=True)
class _Exposure:
    """One item that a visit shows."""

    query_id: str
    item_id: str
    visit: int
    position: int
    grade: int


@dataclass(frozen=True, slots=True)
class Shoppers:
    """A population of shoppers, some of them bots.

    Shopper ``u < bots * users`` is a bot that buys the items that it pushes.

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
        """Compute P(a shopper examines ``position``), 1 = top."""
        return float(position**-self.eta)

    def is_bot(self, user: int) -> bool:
        """Known truth, for tests of the trust filter only."""
        return user < self.bots * self.users

    def client(self, user: int) -> str:
        """Make the client id in the log; it does not reveal who is a bot."""
        return _client_id(self.seed, user)

    def is_tolerant(self, user: int) -> bool:
        """Whether this shopper takes substitutes nearly as gladly as exact items."""
        return _uniform(self.seed, "taste", user) < TOLERANT_SHARE

    def visit(
        self,
        user: int,
        query_id: str,
        ranking: Sequence[str],
        grades: Mapping[str, int],
        *,
        visit: int = 0,
    ) -> list[Row]:
        """Simulate what one shopper does with one ranked list.

        Args:
            user: index below ``users``.
            query_id: what was searched for.
            ranking: item ids, best first.
            grades: true grade by item id; an absent one counts as irrelevant.
            visit: number of this visit; another number, another visit.

        Returns:
            Rows of the ``events`` table.
        """
        event_rows: list[Row] = []
        start = self._start(user, visit)
        client = self.client(user)
        pause = BOT_PAUSE_MS if self.is_bot(user) else HUMAN_PAUSE_MS

        for position, item_id in enumerate(ranking, 1):
            grade = grades.get(item_id, 0)
            exposure = _Exposure(query_id, item_id, visit, position, grade)
            for action in ("impression", *self._actions(user, exposure)):
                event_rows.append(
                    {
                        "event_id": f"{client}-{visit}-{query_id}-{item_id}-{action}",
                        "query_id": query_id,
                        "session_id": f"{client}-{visit}",
                        "client_id": client,
                        "action_name": action,
                        "timestamp": start + pause * len(event_rows),
                        "object_id": item_id,
                        "position": position,
                    }
                )
        return event_rows

    def _start(self, user: int, visit: int) -> int:
        if self.is_bot(user):  # bots come in bursts
            return START_MS + visit * BURST_MS

        moment = _uniform(self.seed, "time", user, visit)
        since_start = int(moment * LOG_DAYS * DAY_MS)
        return START_MS + since_start

    def _actions(self, user: int, exposure: _Exposure) -> tuple[str, ...]:
        """What the shopper does with the item, after its impression."""
        if self.is_bot(user):
            # All bots push the same items, as one who pays for them would want.
            pushed = _uniform(self.seed, "pushed", exposure.item_id) < PUSHED_SHARE
            return _PURCHASE if pushed else ()

        # Each decision has a number of its own, whatever was decided before.
        shown = (exposure.query_id, exposure.item_id, exposure.visit)

        def draw(decision: str) -> float:
            return _uniform(self.seed, decision, user, *shown)

        # Position-based click model: a click needs an examined position and an attractive item.
        grade = exposure.grade
        if draw("examine") >= self.propensity(exposure.position):
            return ()
        if draw("click") >= CLICK_PROBABILITY[grade]:
            return ()

        # To a tolerant shopper a substitute is nearly as good as the exact item.
        purchase = PURCHASE_PROBABILITY[grade]
        if grade == 2 and self.is_tolerant(user):
            purchase = PURCHASE_PROBABILITY[3] * TOLERANCE
        if draw("buy") >= purchase:
            # Who does not buy may still have put the item into the cart.
            return _PURCHASE[:2] if draw("cart") < purchase else _PURCHASE[:1]
        if draw("return") < RETURN_PROBABILITY[grade]:
            return (*_PURCHASE, "return")
        return _PURCHASE


def _client_id(*parts: object) -> str:
    joined = "|".join(map(str, parts))
    digest = hashlib.blake2b(joined.encode(), digest_size=5)
    return f"u{digest.hexdigest()}"


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
        """Make the client id in the log."""
        return _client_id(self.shoppers.seed, self.kind, account)

    def visit(
        self,
        account: int,
        query_id: str,
        ranking: Sequence[str],
        grades: Mapping[str, int],
        *,
        visit: int = 0,
    ) -> list[Row]:
        """Simulate what one account does with one ranked list.

        Args:
            account: index of the account, from 0.
            query_id: what was searched for.
            ranking: item ids, best first.
            grades: true grade by item id; an absent one counts as irrelevant.
            visit: number of this visit; another number, another visit.

        Returns:
            Rows of the ``events`` table.
        """
        # A shopper with preferences of its own, and no bot of the population.
        shopper = self.shoppers.users + account
        if self.kind == "ring":
            ranking = [item_id for item_id in ranking if item_id in self.pushed]
        browsing = self.shoppers.visit(shopper, query_id, ranking, grades, visit=visit)

        if self.kind == "fast":
            start = START_MS + account * HOUR_MS + visit * BURST_MS
            pause = BOT_PAUSE_MS
        else:
            start = browsing[0]["timestamp"]
            pause = HUMAN_PAUSE_MS

        client = self.client(account)
        session = f"{client}-{visit}"
        event_rows: list[Row] = []
        for browsing_row, action in self._attack_actions(browsing):
            item_id = browsing_row["object_id"]
            changes = {
                "event_id": f"{session}-{query_id}-{item_id}-{action}",
                "session_id": session,
                "client_id": client,
                "action_name": action,
                "timestamp": start + pause * len(event_rows),
            }
            event_rows.append({**browsing_row, **changes})
        return event_rows

    def _attack_actions(self, browsing: list[Row]) -> Iterator[tuple[Row, str]]:
        """The shopper's events, with a purchase of each item that is pushed."""
        for browsing_row in browsing:
            action = browsing_row["action_name"]
            is_pushed = browsing_row["object_id"] in self.pushed
            if action == "impression":
                yield browsing_row, action
                if is_pushed:
                    for step in _PURCHASE:
                        yield browsing_row, step
            elif self.kind == "patient" and not is_pushed:
                yield browsing_row, action

    def log(self, lists: Mapping[str, Mapping[str, int]], count: int) -> list[Row]:
        """Simulate at least ``count`` events over the queries whose list has a pushed item.

        Args:
            lists: true grade by item id, by query id.
            count: number of events; the last visit may bring more.

        Returns:
            Rows of the ``events`` table; none if no list has a pushed item.
        """
        query_ids = []
        for query_id, grades in sorted(lists.items()):
            if not self.pushed.isdisjoint(grades):
                query_ids.append(query_id)
        if not query_ids:
            return []

        rng = random.Random(self.shoppers.seed)
        event_rows: list[Row] = []
        visits = 0
        while len(event_rows) < count:
            query_id = rng.choice(query_ids)
            grades = lists[query_id]
            ranking = noisy_ranking(grades, rng)
            account, visit = divmod(visits, VISITS[self.kind])
            event_rows += self.visit(account, query_id, ranking, grades, visit=visit)
            visits += 1
        return event_rows
