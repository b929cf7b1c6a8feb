"""Queries that run all the time find their rows by an index, however long the history is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from core.ledger.commands import ReadSet
from core.store import dry_run
from core.store.engine import open_engine, writing
from core.store.queries import charges, deliveries, gifts, holds, lots, notices, referrals, requests, rescue, statements

NOW = datetime(2026, 11, 20, tzinfo=UTC)
HOT = {
    "gifts that are due": (lambda c: gifts.due(c, NOW, 10), "gift_due"),
    "open gifts of somebody": (lambda c: gifts.open_of(c, 1, 11), "gift_open_by_"),
    "gifts coming to somebody": (lambda c: gifts.incoming(c, 1, 88), "gift_open_by_recipient"),
    "what somebody gave today": (lambda c: gifts.given_since(c, 1, 88, NOW), "gift_by_sender"),
    "lots that have lapsed": (lambda c: lots.expired_positions(c, NOW, 10), "position_by_expiry"),
    "holds that are due": (lambda c: holds.due(c, NOW, 10), "hold_due"),
    "messages to be sent": (lambda c: notices.take(c, NOW, limit=9, lease=timedelta(1)), "outbox_queued"),
    "notices for an editor": (lambda c: notices.unclaimed(c, 1, 11, 9), "outbox_unclaimed"),
    "gifts to other organizations": (lambda c: deliveries.queued(c, NOW, 9), "delivery_queued"),
    "requests that have lapsed": (lambda c: requests.lapsed_requests(c, NOW, 9), "credit_request_due"),
    "requests that wait for an answer": (lambda c: requests.waiting(c, 1, 11, NOW), "credit_request_open_by_asker"),
    "what somebody asked for": (
        lambda c: requests.requests_of(c, 1, 11, is_open=True, now=NOW, before=None, limit=9),
        "pledge_by_member",
    ),
    "referrals that may come true": (
        lambda c: referrals.open_referrals(c, NOW, after=(0, 0), limit=9),
        "usage_event_by_member",
    ),
    "who came by somebody": (lambda c: referrals.invited_by(c, 1, 11, 9), "referral_by_inviter"),
    "what will lapse in some teams": (
        lambda c: rescue.lapsing(c, 1, after=NOW, until=NOW + timedelta(7), teams=[5], verified_only=True, giver=None),
        "position_by_expiry",
    ),
    "whose wallets are emptiest": (
        lambda c: rescue.emptiest(c, 1, now=NOW, since=NOW - timedelta(7), teams=[5]),
        "obligation_open",
    ),
    "what somebody has used": (lambda c: rescue.used_since(c, 1, 11, NOW), "usage_event_by_member"),
    "what somebody owes": (lambda c: charges.owed_by(c, 1, 88), "obligation_open"),
    "a statement": (lambda c: statements.movements(c, 1, 88, before=None, limit=9), "PRIMARY KEY (org_id=? AND acc"),
}


_VALUES = {"SCAN CONSTANT ROW", *(f"SCAN (subquery-{number})" for number in range(9))}  # lists of what is looked for


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    engine = open_engine(sqlite_url)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("what", HOT)
def test_a_hot_query_uses_its_index(engine: Engine, what: str) -> None:
    look, index = HOT[what]
    with writing(engine) as connection:
        plans = _plans(connection, look)

    assert any(index in step for plan in plans for step in plan), plans
    assert not any(step.startswith(("SCAN gift", "SCAN entry")) for plan in plans for step in plan)


def _plans(connection: Connection, look: Any) -> list[list[str]]:
    """Return how SQLite carries out each statement of a query."""
    seen: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        seen.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    look(connection)
    event.remove(connection, "before_cursor_execute", note)
    raw: Any = connection.connection.driver_connection
    return [[row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {sql}", values)] for sql, values in seen]


def test_what_an_authorization_reads_is_found_by_indexes_of_what_still_counts(engine: Engine) -> None:
    """However many windows have closed, and boosts, plans and caps of others there are."""
    seen: list[str] = []
    with writing(engine) as connection:
        raw: Any = connection.connection.driver_connection
        raw.set_trace_callback(seen.append)
        dry_run.state_for_reads(connection, 1, ReadSet(members=(11,), spending_of=(11,), holds=(7,)), NOW)
        raw.set_trace_callback(None)
        reads = [sql for sql in seen if sql.lstrip().upper().startswith("SELECT")]
        steps = [row[3] for sql in reads for row in raw.execute(f"EXPLAIN QUERY PLAN {sql}")]

    for index in ("usage_window_live", "cap_by_subject", "boost_by_subject"):
        assert any(index in step for step in steps), steps
    scanned = {step for step in steps if step.startswith("SCAN")}
    assert {step for step in scanned if not step.endswith(" ROWS")} <= {"SCAN w", *_VALUES}, "more than is looked for"
