"""Requests for credits: whom a batch must lock for them, and how they are read outside the journal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, text

from core.ledger.accounts import wallet_of
from core.ledger.records import RecordQuery
from core.ledger.requests import CreditRequest, Pledge
from core.store.drivers.driver import Driver
from core.store.journal.read_set import BatchReadSet
from core.store.records import query_records
from core.store.tables import OPEN_REQUEST
from core.store.timestamps import from_micros, to_micros


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A request with everybody's part in it, in the order in which they were asked, and its reason."""

    request: CreditRequest
    pledges: tuple[Pledge, ...]
    reason: str | None


def find_requests(driver: Driver, wanted: BatchReadSet) -> None:
    """Find who asks and who has pledged: all of them are locked, and their pledges are decided together.

    Takes no lock; whoever pledges meanwhile is found in the next batch.
    """
    askers = """SELECT r.org_id, r.asker_id FROM {wanted} w
                CROSS JOIN credit_request r WHERE r.org_id = w.a AND r.request_id = w.b"""
    pledgers = """SELECT p.org_id, p.member_id FROM {wanted} w
                  CROSS JOIN pledge p WHERE p.org_id = w.a AND p.request_id = w.b AND p.amount > 0"""
    requests = sorted(wanted.requests)
    for org, asker in driver.select(askers, requests):
        wanted.members.add((org, asker))
        wanted.seats_of.add((org, asker))
    for org, pledger in driver.select(pledgers, requests):
        wanted.members.add((org, pledger))
        wanted.given_by.add((org, pledger))
        wanted.positions.add((org, wallet_of(pledger)))
    for kind in (CreditRequest, Pledge):
        wanted.records.update((org, RecordQuery(kind, "request_id", request)) for org, request in requests)


def request(connection: Connection, org_id: int, request_id: int) -> RequestRecord | None:
    which = "WHERE r.org_id = :org AND r.request_id = :request"
    found = _with_parts(connection, query_records(connection, CreditRequest, which, org=org_id, request=request_id))
    return found[0] if found else None


_ASKED_BY: Final = "SELECT c.request_id FROM credit_request c WHERE c.org_id = :org AND c.asker_id = :member"
_ASKED_OF: Final = "SELECT p.request_id FROM pledge p WHERE p.org_id = :org AND p.member_id = :member"


def requests_of(
    connection: Connection,
    org_id: int,
    member_id: int,
    *,
    is_open: bool,
    now: datetime,
    before: tuple[int, int] | None,
    limit: int,
) -> list[RequestRecord]:
    """Return requests that somebody made, or has a part in, newest first; ``before`` is (micro-seconds, id)."""
    values: dict[str, Any] = {"org": org_id, "member": member_id, "most": limit}
    which = f"WHERE r.org_id = :org AND r.request_id IN ({_ASKED_BY} UNION {_ASKED_OF})"
    if is_open:
        which += f" AND r.{OPEN_REQUEST} AND r.lapses_at > :now"
        values["now"] = to_micros(now)
    if before is not None:
        which += " AND (r.created_at, r.request_id) < (:at, :before)"
        values["at"], values["before"] = before
    which += " ORDER BY r.created_at DESC, r.request_id DESC LIMIT :most"
    return _with_parts(connection, query_records(connection, CreditRequest, which, **values))


_WAITING: Final = text(
    """SELECT count(*), min(r.lapses_at) FROM credit_request r CROSS JOIN pledge p
       WHERE r.org_id = :org AND r.open_asker_id > 0 AND r.lapses_at > :now
       AND p.org_id = r.org_id AND p.request_id = r.request_id AND p.member_id = :member
       AND p.was_asked AND NOT p.has_declined AND p.amount = 0"""
)
_OWN: Final = text(
    """SELECT count(*), min(lapses_at) FROM credit_request
       WHERE org_id = :org AND open_asker_id = :member AND lapses_at > :now"""
)


def waiting(connection: Connection, org_id: int, member_id: int, now: datetime) -> tuple[int, int, datetime | None]:
    """Return how many open requests wait for somebody's answer, how many of their own are open, and the first end.

    It starts from what is open in the organization, for that is little, however long the history.
    """
    values = {"org": org_id, "member": member_id, "now": to_micros(now)}
    (for_me, first), (mine, own) = (connection.execute(query, values).one() for query in (_WAITING, _OWN))
    return for_me, mine, from_micros(min((end for end in (first, own) if end is not None), default=None))


def lapsed_requests(connection: Connection, now: datetime, limit: int) -> list[tuple[int, int]]:
    """Return (organization, request) of open requests whose time is over, found by their index. Takes no lock."""
    query = text(
        f"SELECT org_id, request_id FROM credit_request WHERE {OPEN_REQUEST} AND lapses_at <= :now "  # noqa: S608
        "ORDER BY lapses_at LIMIT :most"
    )
    return [(row[0], row[1]) for row in connection.execute(query, {"now": to_micros(now), "most": limit})]


def _with_parts(connection: Connection, found: list[CreditRequest]) -> list[RequestRecord]:
    if not found:
        return []
    org_id, ids = found[0].org_id, [each.request_id for each in found]
    which = text("SELECT transfer_id, body FROM note WHERE org_id = :org AND transfer_id IN :ids")
    asked = {"org": org_id, "ids": ids}
    rows = connection.execute(which.bindparams(bindparam("ids", expanding=True)), asked)
    reasons: dict[int, str] = {row[0]: row[1] for row in rows}
    return [RequestRecord(each, tuple(_pledges(connection, each)), reasons.get(each.request_id)) for each in found]


def _pledges(connection: Connection, request: CreditRequest) -> list[Pledge]:
    which = "WHERE r.org_id = :org AND r.request_id = :request ORDER BY r.was_asked DESC, r.member_id"
    return query_records(connection, Pledge, which, org=request.org_id, request=request.request_id)
