"""Access: bearer tokens. A secret is shown once and stored only as a hash; nothing here ever logs one."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from core.ledger.errors import Code, Refused
from core.ledger.ids import MAX_ID, Prefix, parse_id, shown_id
from core.services.common.actors import Actor, AuthSession, Role, Scope
from core.services.common.cursors import checked_limit, cursor_of, place_of
from core.services.common.ledger_service import LedgerService
from core.services.common.results import Page
from core.services.common.text import checked_name
from core.services.people.members import colleague
from core.store.queries import tokens
from core.store.queries.people import MemberRecord
from core.store.queries.tokens import TokenRecord

ALL_SCOPES: Final = frozenset(Scope)
TOKEN_PREFIX: Final = "tc_"  # noqa: S105  (so that scanners of leaked secrets can tell)
MAX_TOKEN_LENGTH: Final = 200
_SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token without its secret."""

    id: str
    member_id: str
    label: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None


async def authenticate(ledger: LedgerService, token: str) -> Actor:
    """Return who a token is. Raises Refused(unauthenticated) for an unknown, expired or revoked one."""
    return (await session(ledger, token)).actor


async def session(ledger: LedgerService, token: str) -> AuthSession:
    """Return who a token is and until when. Raises Refused(unauthenticated)."""
    if not token.startswith(TOKEN_PREFIX) or len(token) > MAX_TOKEN_LENGTH or not token.isascii():
        raise _unknown()
    digest = hash_of(token)
    found = await ledger.sessions.get(digest, lambda: _opened(ledger, digest))
    if found.expires_at is not None and found.expires_at <= ledger.clock():
        raise Refused(Code.UNAUTHENTICATED, "This token has expired; sign in again.")
    return found


async def _opened(ledger: LedgerService, digest: bytes) -> AuthSession:
    found = await ledger.read(lambda connection: tokens.token_by_hash(connection, token_hash=digest))
    if found is None or found.has_left or found.revoked_at is not None:
        raise _unknown()
    actor = Actor(found.org_id, found.member_id, Role(found.role), _scopes(found), found.token_id, found.is_service)
    return AuthSession(actor, digest, found.expires_at)


async def still_hold(ledger: LedgerService, digests: Collection[bytes]) -> frozenset[bytes]:
    """Return which of many tokens, named by their digests, still open the door: for what stays open long."""
    now = ledger.clock()
    return await ledger.read(lambda connection: tokens.live_hashes(connection, hashes=digests, now=now))


async def issue_token(
    ledger: LedgerService,
    *,
    actor: Actor,
    scopes: Iterable[Scope],
    label: str,
    member_id: str | None = None,
    expires_at: datetime | None = None,
) -> tuple[str, str]:
    """Issue a token for oneself, or by an admin for a colleague; return the secret, shown this once, and its id.

    Nobody hands out more than they hold: an admin's door may give any scope, others only their own. The admin
    scope goes to admins only. Raises Refused(not_allowed, insufficient_scope, not_found, invalid_request).
    """
    wanted = frozenset(scopes)
    name = checked_name(label, field="label")
    if not wanted:
        raise Refused(Code.INVALID_REQUEST, "A token needs a scope.")
    if expires_at is not None and expires_at <= ledger.clock():
        raise Refused(Code.INVALID_REQUEST, "expires_at must lie in the future.")
    if not actor.is_admin and not wanted <= actor.scopes:
        raise Refused(Code.INSUFFICIENT_SCOPE, "A token cannot carry more scopes than what issues it.")

    token_id = ledger.new_id()

    def issue(connection: Connection) -> tuple[str, str]:
        owner = colleague(connection, actor, member_id or shown_id(Prefix.MEMBER, actor.member_id))
        if owner.member_id != actor.member_id and not actor.is_admin:
            raise Refused(Code.NOT_ALLOWED, "Only an admin can issue a token for somebody else.")
        if owner.deactivated_at is not None:
            raise Refused(Code.NOT_ALLOWED, f"{owner.name} has left.")
        if Scope.ADMIN in wanted and owner.role != Role.ADMIN:
            raise Refused(Code.NOT_ALLOWED, f"{owner.name} is no admin; a token with that scope would open nothing.")
        return new_token(
            ledger, connection, token_id=token_id, owner=owner, scopes=wanted, label=name, expires_at=expires_at
        )

    return await ledger.write(issue)


async def revoke_token(ledger: LedgerService, *, actor: Actor, token_id: str) -> None:
    """Revoke an own token, or by an admin anybody's; its open streams end. Twice is once.

    Raises Refused(not_found), for other people's tokens too unless an admin asks.
    """
    number = parse_id(Prefix.TOKEN, token_id)
    now = ledger.clock()

    def revoke(connection: Connection) -> int:
        found = tokens.token(connection, org_id=actor.org_id, token_id=number)
        if found is None or not (actor.is_admin or found.member_id == actor.member_id):
            raise Refused(Code.NOT_FOUND, f"Token {token_id!r} not found.")
        tokens.revoke_token(connection, org_id=actor.org_id, token_id=number, at=now)
        return found.member_id

    ledger.changes.publish([await ledger.write(revoke)])


async def list_tokens(
    ledger: LedgerService, *, actor: Actor, member_id: str | None = None, limit: int = 50, cursor: str | None = None
) -> Page[TokenView]:
    """Return one's live tokens, newest first; an admin may ask for a colleague's."""
    before = MAX_ID if cursor is None else int(place_of(cursor, (int,))[0])
    size = checked_limit(limit)
    now = ledger.clock()

    def find(connection: Connection) -> list[TokenRecord]:
        owner = actor.member_id
        if member_id is not None:
            owner = colleague(connection, actor, member_id).member_id
        if owner != actor.member_id and not actor.is_admin:
            raise Refused(Code.NOT_ALLOWED, "Only an admin can see somebody else's tokens.")
        return tokens.live_tokens(
            connection, org_id=actor.org_id, member_id=owner, now=now, before=before, limit=size + 1
        )

    found = await ledger.read(find)
    following = cursor_of(found[size - 1].token_id) if len(found) > size else None
    return Page(tuple(map(_token_view, found[:size])), following)


def new_token(
    ledger: LedgerService,
    connection: Connection,
    *,
    token_id: int,
    owner: MemberRecord,
    scopes: frozenset[Scope],
    label: str,
    expires_at: datetime | None = None,
) -> tuple[str, str]:
    """Make a token within a transaction; return its secret and its id, which was taken before the transaction."""
    secret = TOKEN_PREFIX + new_secret(ledger)
    record = TokenRecord(
        org_id=owner.org_id,
        token_id=token_id,
        member_id=owner.member_id,
        scopes=scope_text(scopes),
        label=label,
        created_at=ledger.clock(),
        expires_at=expires_at,
        revoked_at=None,
        role=owner.role,
        has_left=False,
    )
    tokens.add_token(connection, record, token_hash=hash_of(secret))
    return secret, shown_id(Prefix.TOKEN, record.token_id)


def new_secret(ledger: LedgerService) -> str:
    """Return 256 random bits as text."""
    return base64.urlsafe_b64encode(ledger.random_bytes(_SECRET_BYTES)).decode().rstrip("=")


def hash_of(secret: str) -> bytes:
    """Return what is stored of a secret; with so many random bits it needs no salt."""
    return hashlib.sha256(secret.encode()).digest()


def scope_text(scopes: Iterable[Scope]) -> str:
    """Return scopes as stored and as OAuth writes them: ``"give read"``."""
    return " ".join(sorted(scopes))


def _scopes(record: TokenRecord) -> frozenset[Scope]:
    return frozenset(Scope(scope) for scope in record.scopes.split())


def _token_view(record: TokenRecord) -> TokenView:
    return TokenView(
        id=shown_id(Prefix.TOKEN, record.token_id),
        member_id=shown_id(Prefix.MEMBER, record.member_id),
        label=record.label,
        scopes=tuple(sorted(_scopes(record))),
        created_at=record.created_at,
        expires_at=record.expires_at,
    )


def _unknown() -> Refused:
    return Refused(Code.UNAUTHENTICATED, "This token is unknown or was revoked; sign in again.")
