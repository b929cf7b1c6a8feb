"""Thousands of people with wallets and tokens, written as plain rows: what a campaign's first minute needs."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Table
from sqlmodel import SQLModel

from core.ledger.accounts import AccountKind, account_id
from core.services.common.actors import Actor, Role, Scope
from core.services.common.ledger_service import LedgerService
from core.services.people.tokens import TOKEN_PREFIX, hash_of
from core.store import tables as t
from core.store.engine import writing
from core.store.timestamps import to_micros

SCOPES = frozenset({Scope.READ, Scope.GIVE})


@dataclass(frozen=True, slots=True)
class Newcomer:
    """One of many; the token may read and give."""

    actor: Actor
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def a_crowd(ledger: LedgerService, org_id: int, count: int) -> list[Newcomer]:
    """Let so many people join an organization at once."""
    now, people = to_micros(ledger.clock()), []
    for number in range(count):
        actor = Actor(org_id, ledger.new_id(), Role.MEMBER, SCOPES)
        people.append(Newcomer(actor, f"{TOKEN_PREFIX}crowd-{org_id}-{number}"))
    ids = [each.actor.member_id for each in people]
    members = [
        {"org_id": org_id, "member_id": each, "name": f"Member {each}", "kind": "person", "role": "member"}
        | {"time_zone": "UTC", "joined_at": now, "verified_at": now}
        for each in ids
    ]
    kinds = (AccountKind.WALLET, AccountKind.ESCROW)
    accounts = [
        {"org_id": org_id, "account_id": account_id(each, kind), "kind": int(kind)} for each in ids for kind in kinds
    ]
    tokens = [
        {"org_id": org_id, "token_id": ledger.new_id(), "member_id": each.actor.member_id, "hash": hash_of(each.token)}
        | {"scopes": "give read", "label": "crowd", "created_at": now}
        for each in people
    ]
    with writing(ledger.engine) as connection:
        for model, rows in ((t.MemberRow, members), (t.AccountRow, accounts), (t.TokenRow, tokens)):
            connection.execute(_table(model).insert(), rows)
    return people


def _table(model: type[SQLModel]) -> Table:
    return SQLModel.metadata.tables[str(model.__tablename__)]
