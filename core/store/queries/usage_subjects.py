"""What a report of usage is held against: many people at once, by id or e-mail, and what was charged before."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, bindparam, func, or_, select

from core.store.tables import CommandRow, MemberRow

_MEMBER: Final = MemberRow.metadata.tables["member"]
_COMMAND: Final = CommandRow.metadata.tables["command"]
_AT_ONCE: Final = 500  # values of one statement


class UsageSubject(NamedTuple):
    """A member as far as reports need to know them."""

    member_id: int
    email: str | None
    kind: str
    has_left: bool


_SELECT: Final = select(
    _MEMBER.c.member_id, _MEMBER.c.email, _MEMBER.c.kind, _MEMBER.c.deactivated_at.is_not(None)
).where(_MEMBER.c.org_id == bindparam("org"))
_BY_ID: Final = _SELECT.where(_MEMBER.c.member_id.in_(bindparam("wanted", expanding=True)))
_BY_EMAIL: Final = _SELECT.where(_MEMBER.c.email.in_(bindparam("wanted", expanding=True)))
_BY_EMAIL_IN_ANY_CASE: Final = _SELECT.where(
    or_(
        _MEMBER.c.email.in_(bindparam("wanted", expanding=True)),
        func.lower(_MEMBER.c.email).in_(bindparam("lowered", expanding=True)),
    )
)
_KEYS: Final = select(_COMMAND.c.key).where(
    _COMMAND.c.org_id == bindparam("org"),
    _COMMAND.c.actor_id == bindparam("actor"),
    _COMMAND.c.key.in_(bindparam("wanted", expanding=True)),
)


def subjects_by_id(connection: Connection, *, org_id: int, ids: Collection[int]) -> list[UsageSubject]:
    """Return those of the members who are here."""
    return _found(connection, _BY_ID, org_id, sorted(ids))


def subjects_by_email(connection: Connection, *, org_id: int, emails: Collection[str]) -> list[UsageSubject]:
    """Return the members who have one of the addresses, whatever its case; a database may fold ASCII only.

    Addresses that somebody present has exactly as they are written are looked up in an index; only others need
    everybody to be read.
    """
    found = _found(connection, _BY_EMAIL, org_id, sorted(emails))
    others = sorted(set(emails) - {each.email for each in found if not each.has_left})
    if not others:
        return found
    return list({*found, *_found(connection, _BY_EMAIL_IN_ANY_CASE, org_id, others)})


def charged_keys(connection: Connection, *, org_id: int, actor_id: int, keys: Collection[str]) -> set[str]:
    """Return those of the command keys that took effect before."""
    wanted, found = sorted(keys), set[str]()
    for start in range(0, len(wanted), _AT_ONCE):
        values = {"org": org_id, "actor": actor_id, "wanted": wanted[start : start + _AT_ONCE]}
        found |= set(connection.execute(_KEYS, values).scalars())
    return found


def _found(connection: Connection, query: Select[Any], org_id: int, wanted: list[Any]) -> list[UsageSubject]:
    found: list[UsageSubject] = []
    in_any_case = query is _BY_EMAIL_IN_ANY_CASE
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        values = {"org": org_id, "wanted": some} | ({"lowered": [x.lower() for x in some]} if in_any_case else {})
        found += [UsageSubject(*row) for row in connection.execute(query, values)]
    return found
