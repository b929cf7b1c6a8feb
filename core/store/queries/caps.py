"""Caps as they are read and written outside the journal."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from sqlalchemy import Connection, delete

from core.metering.caps import Cap
from core.store.records import query_records, values_of
from core.store.tables import CapRow

_CAP: Final = CapRow.metadata.tables["cap"]


def caps_of(connection: Connection, org_id: int, subjects: Collection[int]) -> list[Cap]:
    """Return what is set for members, teams or the organization, in the order in which it was set."""
    named = {f"s{place}": subject for place, subject in enumerate(subjects)}
    which = f"""WHERE r.org_id = :org AND r.subject_id IN ({", ".join(f":{name}" for name in named)})
                ORDER BY r.created_at, r.cap_id"""
    return query_records(connection, Cap, which, org=org_id, **named)


def caps(connection: Connection, org_id: int, *, after: int, limit: int) -> list[Cap]:
    """Return an organization's caps by id."""
    which = "WHERE r.org_id = :org AND r.cap_id > :after ORDER BY r.cap_id LIMIT :most"
    return query_records(connection, Cap, which, org=org_id, after=after, most=limit)


def save_cap(connection: Connection, cap: Cap, *, instead_of: Iterable[Cap]) -> None:
    """Append a cap, and remove those that can never count again: every authorization reads them."""
    gone = [each.cap_id for each in instead_of]
    if gone:
        connection.execute(delete(_CAP).where(_CAP.c.org_id == cap.org_id, _CAP.c.cap_id.in_(gone)))
    connection.execute(_CAP.insert().values(values_of(cap)))
