"""Holds a ledger against the clients' own record: nothing acknowledged is lost, nothing happened twice (L6, L10).

It reads the tables with its own queries, and counts with its own sums.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import Connection, text

from core.ledger.accounts import escrow_of, wallet_of
from core.ledger.ids import Prefix, parse_id, shown_id
from core.store.engine import one_state
from core.store.verify.books import verify
from core.wiring import open_ledger
from tests.support.builders import some_settings
from tests.support.record import Answer, Ask, Record

DISCONNECT_SECONDS = 20.0
_ENDS = {"cancel": "cancelled", "decline": "declined"}
Key = tuple[int, str]  # an actor and a key of theirs


@dataclass(frozen=True, slots=True)
class Ledgers:
    """What a ledger holds, all of one moment."""

    keys: dict[Key, int]  # which commands took effect, and the id each was given
    lots: Counter[tuple[int, int]]  # (account, amount) of each grant
    gifts: dict[int, str]  # states
    positions: dict[int, int]  # what each account holds
    notices: Counter[tuple[int, str, int]]  # (gift, kind, member)


def check(url: str, record: Record) -> dict[int, bool]:
    """Compare a ledger that no client writes to with the record; return which unanswered asks took effect.

    Raises AssertionError on anything acknowledged that is lost, anything done twice or that nobody asked for, any
    balance that the record does not explain, and whatever ``verify`` finds.
    """
    ledger = open_ledger(some_settings(url))
    try:
        with one_state(ledger.engine) as connection:
            held = _read(connection)
        report = verify(ledger.engine, ledger.keys)
    finally:
        ledger.close()
    for ask, answer in record.done:
        found = held.keys.get(key_of(ask))
        assert found is not None, f"lost: {ask} was answered with {answer}"
        assert _names(ask, answer, found), f"another effect than was answered: {ask} {answer} {found}"
    for ask in record.refused:
        assert key_of(ask) not in held.keys, f"refused and yet done: {ask}"
    took_effect = {ask.number: key_of(ask) in held.keys for ask in record.unanswered}
    done = [ask for ask, _ in record.done] + [ask for ask in record.unanswered if took_effect[ask.number]]
    _check_books(done, held)
    assert report.clean, report.findings
    return took_effect


def key_of(ask: Ask) -> Key:
    """Return how the ledger names a command: a decision about a gift has its key from the gift."""
    actor = parse_id(Prefix.MEMBER, ask.actor)
    return actor, ask.key or f"gift_{ask.kind}:{parse_id(Prefix.GIFT, ask.gift)}"


def await_disconnected(url: str) -> None:
    """Wait until PostgreSQL has seen that a killed process is gone, and finished or forgotten what it had sent."""
    if not url.startswith("postgresql"):
        return
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    deadline = time.monotonic() + DISCONNECT_SECONDS
    with psycopg.connect(url, autocommit=True) as connection:
        while (connection.execute(query).fetchone() or (0,))[0]:
            assert time.monotonic() < deadline, "connections of a killed process are still open"
            time.sleep(0.01)


def _check_books(done: list[Ask], held: Ledgers) -> None:
    """Each done ask has its one effect, there are no others, and the balances follow from them."""
    assert set(held.keys) == {key_of(ask) for ask in done}
    grants = [ask for ask in done if ask.kind == "grant"]
    assert held.lots == Counter((_wallet(ask.member), ask.micros) for ask in grants)
    gifts = {held.keys[key_of(ask)]: ask for ask in done if ask.kind == "give"}
    assert set(held.gifts) == set(gifts)
    ended = {parse_id(Prefix.GIFT, ask.gift): _ENDS[ask.kind] for ask in done if ask.gift}
    for gift, state in held.gifts.items():
        assert state in ({ended[gift]} if gift in ended else {"pending", "settled"}), (gift, state)
    assert held.positions == _balances(grants, gifts, held.gifts)
    twice = [notice for notice, times in held.notices.items() if times > 1]
    assert not twice, f"told twice: {twice}"


def _balances(grants: list[Ask], gifts: dict[int, Ask], states: dict[int, str]) -> dict[int, int]:
    """Return what each account must hold, from what was done to it."""
    balances: defaultdict[int, int] = defaultdict(int)
    for ask in grants:
        balances[_wallet(ask.member)] += ask.micros
    for gift, ask in gifts.items():
        wallet = _wallet(ask.actor)
        where = {"settled": _wallet(ask.member), "cancelled": wallet, "declined": wallet}
        balances[wallet] -= ask.micros
        balances[where.get(states[gift], escrow_of(wallet))] += ask.micros
    return {account: micros for account, micros in balances.items() if micros}


def _names(ask: Ask, answer: Answer, found: int) -> bool:
    """Return whether an answer's id is that of the effect; a decision is answered with its gift."""
    if ask.gift:
        return answer.id == ask.gift
    return answer.id == shown_id(Prefix.LOT if ask.kind == "grant" else Prefix.GIFT, found)


def _read(connection: Connection) -> Ledgers:
    def rows(query: str) -> Any:
        return connection.execute(text(query))

    return Ledgers(
        {(row[0], row[1]): row[2] for row in rows("SELECT actor_id, key, first_id FROM command WHERE actor_id <> 0")},
        Counter((row[0], row[1]) for row in rows("SELECT account_id, amount FROM lot")),
        {row[0]: row[1] for row in rows("SELECT gift_id, state FROM gift")},
        {row[0]: int(row[1]) for row in rows("SELECT account_id, sum(remaining) FROM position GROUP BY account_id")},
        Counter(
            (row[0], row[1], row[2])
            for row in rows("SELECT gift_id, kind, member_id FROM outbox WHERE gift_id IS NOT NULL")
        ),
    )


def _wallet(member: str) -> int:
    return wallet_of(parse_id(Prefix.MEMBER, member))
