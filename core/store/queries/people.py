"""Members: who they are, how they are found, what of them changes outside the journal.

A member's wallet and its escrow are made with the member, so that a batch always has rows to lock. Freezing
and leaving go through the journal, since they move gifts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, func, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from core.ledger.accounts import AccountKind, account_id, kind_of
from core.store.tables import AccountRow, MemberRow, TeamMemberRow
from core.store.timestamps import from_micros, to_micros

_MEMBER: Final = MemberRow.metadata.tables["member"]
_TEAM_MEMBER: Final = TeamMemberRow.metadata.tables["team_member"]
_ACCOUNT: Final = AccountRow.metadata.tables["account"]
_MOMENTS: Final = ("verified_at", "joined_at", "linked_at", "frozen_at", "deactivated_at")


@dataclass(frozen=True, slots=True)
class MemberRecord:
    """A member as stored, with the teams they are in and those they lead."""

    org_id: int
    member_id: int
    name: str
    kind: str
    role: str
    joined_at: datetime
    email: str | None = None
    time_zone: str = "UTC"
    slack_team_id: str | None = None
    slack_user_id: str | None = None
    verified_at: datetime | None = None
    linked_at: datetime | None = None
    frozen_at: datetime | None = None
    deactivated_at: datetime | None = None
    teams: tuple[int, ...] = ()
    leads: tuple[int, ...] = ()


def member(connection: Connection, *, org_id: int, member_id: int) -> MemberRecord | None:
    """Return one member of one organization."""
    return _first(connection, _BY_ID, {"org": org_id, "member": member_id})


def member_by_slack(connection: Connection, *, team_id: str, user_id: str) -> MemberRecord | None:
    """Return the member that a Slack person is; found by (team, user) alone, never by name or e-mail."""
    return _first(connection, _BY_SLACK, {"team": team_id, "user": user_id})


def find_members(
    connection: Connection, *, org_id: int, text: str | None, after: tuple[str, int] | None, limit: int
) -> list[MemberRecord]:
    """Return present members whose name contains the text, whatever its case, by name and then id."""
    query = _select().where(_MEMBER.c.org_id == org_id, _MEMBER.c.deactivated_at.is_(None))
    if text:
        query = query.where(_names_with(text))
    if after is not None:
        query = query.where(tuple_(_MEMBER.c.name, _MEMBER.c.member_id) > after)
    return _records(connection, query.order_by(_MEMBER.c.name, _MEMBER.c.member_id).limit(limit))


def _names_with(text: str) -> ColumnElement[bool]:
    """Match a part of a name whatever its case; a database may fold ASCII only, so usual spellings are tried too."""
    written = {text, text.lower(), text.upper(), text.title(), text.capitalize()}
    return or_(
        func.lower(_MEMBER.c.name).contains(text.lower(), autoescape=True),
        *(_MEMBER.c.name.contains(each, autoescape=True) for each in sorted(written)),
    )


def first_admin(connection: Connection, *, org_id: int) -> MemberRecord | None:
    """Return the present admin who has been one of the organization's longest."""
    query = _select().where(_MEMBER.c.org_id == org_id, _MEMBER.c.role == "admin", _MEMBER.c.deactivated_at.is_(None))
    found = _records(connection, query.order_by(_MEMBER.c.member_id).limit(1))
    return found[0] if found else None


def present_people(connection: Connection, *, org_id: int, ids: Collection[int], limit: int) -> tuple[int, ...]:
    """Return which of these are people who are here, by id."""
    query = _present_ids(org_id, limit).where(_MEMBER.c.member_id.in_(ids))
    return tuple(connection.execute(query).scalars())


def present_admins(connection: Connection, *, org_id: int, but: int, limit: int) -> tuple[int, ...]:
    """Return the admins who are here but one, by id."""
    query = _present_ids(org_id, limit).where(_MEMBER.c.role == "admin", _MEMBER.c.member_id != but)
    return tuple(connection.execute(query).scalars())


def _present_ids(org_id: int, limit: int) -> Select[Any]:
    here = (_MEMBER.c.org_id == org_id, _MEMBER.c.deactivated_at.is_(None), _MEMBER.c.kind == "person")
    return select(_MEMBER.c.member_id).where(*here).order_by(_MEMBER.c.member_id).limit(limit)


def teams_of(connection: Connection, *, org_id: int, member_id: int) -> tuple[int, ...]:
    """Return the teams a member is in."""
    seats = (_TEAM_MEMBER.c.org_id == org_id, _TEAM_MEMBER.c.member_id == member_id)
    return tuple(connection.execute(select(_TEAM_MEMBER.c.team_id).where(*seats)).scalars())


def lock_admins(connection: Connection, *, org_id: int) -> int:
    """Lock the present admins, so that two cannot step down at once; return how many there are."""
    query = select(_MEMBER.c.member_id).where(
        _MEMBER.c.org_id == org_id, _MEMBER.c.role == "admin", _MEMBER.c.deactivated_at.is_(None)
    )
    return len(connection.execute(query.order_by(_MEMBER.c.member_id).with_for_update()).all())


def add_member(connection: Connection, record: MemberRecord) -> bool:
    """Insert a member with wallet and escrow; False when their Slack identity is already somebody's."""
    if not insert_once(connection, "member", _values(record)):
        return False
    for kind in (AccountKind.WALLET, AccountKind.ESCROW):
        add_account(connection, org_id=record.org_id, account=account_id(record.member_id, kind))
    return True


def add_account(connection: Connection, *, org_id: int, account: int) -> None:
    """Insert the row that a batch locks."""
    connection.execute(_ACCOUNT.insert().values(org_id=org_id, account_id=account, kind=int(kind_of(account))))


def save_member(connection: Connection, record: MemberRecord) -> None:
    """Store what may change outside the journal: profile, role and identity, never freeze or leaving."""
    kept = {"org_id", "member_id", "frozen_at", "deactivated_at"}
    values = {name: value for name, value in _values(record).items() if name not in kept}
    owner = (_MEMBER.c.org_id == record.org_id, _MEMBER.c.member_id == record.member_id)
    connection.execute(update(_MEMBER).where(*owner).values(**values))


def insert_once(connection: Connection, table: str, values: dict[str, Any]) -> bool:
    """Insert a row unless a unique key is already taken; two at once: exactly one is True."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(MemberRow.metadata.tables[table]).values(**values).on_conflict_do_nothing()
    return connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount == 1


def _select() -> Select[Any]:
    return select(*(_MEMBER.c[name] for name in MemberRecord.__slots__ if name not in {"teams", "leads"}))


# Built once: making a statement costs more than carrying it out.
_BY_ID: Final = _select().where(_MEMBER.c.org_id == bindparam("org"), _MEMBER.c.member_id == bindparam("member"))
_BY_SLACK: Final = _select().where(
    _MEMBER.c.slack_team_id == bindparam("team"), _MEMBER.c.slack_user_id == bindparam("user")
)
_SEATS: Final = (
    select(_TEAM_MEMBER.c.member_id, _TEAM_MEMBER.c.team_id, _TEAM_MEMBER.c.is_lead)
    .where(_TEAM_MEMBER.c.org_id == bindparam("org"))
    .where(_TEAM_MEMBER.c.member_id.in_(bindparam("members", expanding=True)))
    .order_by(_TEAM_MEMBER.c.team_id)
)


def _first(connection: Connection, query: Select[Any], values: dict[str, Any]) -> MemberRecord | None:
    found = [_record(row) for row in connection.execute(query, values)]
    return _with_teams(connection, found)[0] if found else None


def _records(connection: Connection, query: Select[Any]) -> list[MemberRecord]:
    return _with_teams(connection, [_record(row) for row in connection.execute(query)])


def _record(row: Row[Any]) -> MemberRecord:
    values = dict(row._mapping)  # noqa: SLF001  (SQLAlchemy's public name for it)
    return MemberRecord(**{**values, **{name: from_micros(values[name]) for name in _MOMENTS}})


def _values(record: MemberRecord) -> dict[str, Any]:
    values = {name: getattr(record, name) for name in MemberRecord.__slots__ if name not in {"teams", "leads"}}
    return {**values, **{name: to_micros(values[name]) for name in _MOMENTS}}


def _with_teams(connection: Connection, records: Sequence[MemberRecord]) -> list[MemberRecord]:
    """Add the teams with one query for all."""
    if not records:
        return []
    members = [each.member_id for each in records]
    seats = connection.execute(_SEATS, {"org": records[0].org_id, "members": members}).all()
    return [
        replace(
            each,
            teams=tuple(seat.team_id for seat in seats if seat.member_id == each.member_id),
            leads=tuple(seat.team_id for seat in seats if seat.member_id == each.member_id and seat.is_lead),
        )
        for each in records
    ]
