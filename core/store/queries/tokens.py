"""Tokens and device sign-ins. Secrets are never stored, only their hashes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, delete, func, select, update

from core.store.tables import DeviceGrantRow, MemberRow, TokenRow
from core.store.timestamps import from_micros, to_micros

_TOKEN: Final = TokenRow.metadata.tables["token"]
_DEVICE: Final = DeviceGrantRow.metadata.tables["device_grant"]
_MEMBER: Final = MemberRow.metadata.tables["member"]
_OWNER: Final = (_MEMBER.c.org_id == _TOKEN.c.org_id) & (_MEMBER.c.member_id == _TOKEN.c.member_id)


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token as stored, with what its owner is at present."""

    org_id: int
    token_id: int
    member_id: int
    scopes: str
    label: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    role: str
    has_left: bool
    is_service: bool = False


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """A device sign-in as stored; it belongs to nobody until somebody approves it."""

    device_hash: bytes
    user_code: str
    scopes: str
    device: str
    place: str
    state: str
    created_at: datetime
    expires_at: datetime
    interval: int
    org_id: int | None = None
    member_id: int | None = None
    polled_at: datetime | None = None


def add_token(connection: Connection, record: TokenRecord, *, token_hash: bytes) -> None:
    connection.execute(
        _TOKEN.insert().values(
            org_id=record.org_id,
            token_id=record.token_id,
            member_id=record.member_id,
            hash=token_hash,
            scopes=record.scopes,
            label=record.label,
            created_at=to_micros(record.created_at),
            expires_at=to_micros(record.expires_at),
        )
    )


def token_by_hash(connection: Connection, *, token_hash: bytes) -> TokenRecord | None:
    """Return the token with that hash, revoked or expired ones too."""
    row = connection.execute(_BY_HASH, {"hash": token_hash}).first()
    return None if row is None else _token(row)


def live_hashes(connection: Connection, *, hashes: Collection[bytes], now: datetime) -> frozenset[bytes]:
    """Return which of the hashes are those of tokens that open the door now."""
    query = (
        select(_TOKEN.c.hash)
        .join(_MEMBER, _OWNER)
        .where(_TOKEN.c.hash.in_(hashes), _TOKEN.c.revoked_at.is_(None), _MEMBER.c.deactivated_at.is_(None))
        .where(_unexpired(now))
    )
    return frozenset(bytes(found) for found in connection.execute(query).scalars())


def token(connection: Connection, *, org_id: int, token_id: int) -> TokenRecord | None:
    query = _select_tokens().where(_TOKEN.c.org_id == org_id, _TOKEN.c.token_id == token_id)
    row = connection.execute(query).first()
    return None if row is None else _token(row)


def live_tokens(
    connection: Connection, *, org_id: int, member_id: int, now: datetime, before: int, limit: int
) -> list[TokenRecord]:
    """Return a member's tokens that still open the door, newest first."""
    query = (
        _select_tokens()
        .where(_TOKEN.c.org_id == org_id, _TOKEN.c.member_id == member_id, _TOKEN.c.token_id < before)
        .where(_TOKEN.c.revoked_at.is_(None))
        .where(_unexpired(now))
    )
    return [_token(row) for row in connection.execute(query.order_by(_TOKEN.c.token_id.desc()).limit(limit))]


def revoke_token(connection: Connection, *, org_id: int, token_id: int, at: datetime) -> None:
    """Revoke one token; the first moment stays."""
    which = (_TOKEN.c.org_id == org_id, _TOKEN.c.token_id == token_id, _TOKEN.c.revoked_at.is_(None))
    connection.execute(update(_TOKEN).where(*which).values(revoked_at=to_micros(at)))


def add_device(connection: Connection, record: DeviceRecord) -> None:
    connection.execute(
        _DEVICE.insert().values(
            device_hash=record.device_hash,
            user_code=record.user_code,
            scopes=record.scopes,
            device=record.device,
            place=record.place,
            state=record.state,
            created_at=to_micros(record.created_at),
            expires_at=to_micros(record.expires_at),
            interval=record.interval,
        )
    )


def device_by_hash(connection: Connection, *, device_hash: bytes) -> DeviceRecord | None:
    """Return a device sign-in, locked until the transaction ends, so that it is redeemed once."""
    return _device(connection, select(_DEVICE).where(_DEVICE.c.device_hash == device_hash).with_for_update())


def device_by_user_code(connection: Connection, *, user_code: str, lock: bool = False) -> DeviceRecord | None:
    query = select(_DEVICE).where(_DEVICE.c.user_code == user_code)
    return _device(connection, query.with_for_update() if lock else query)


def device_polled(connection: Connection, *, device_hash: bytes, at: datetime, interval: int) -> None:
    which = _DEVICE.c.device_hash == device_hash
    connection.execute(update(_DEVICE).where(which).values(polled_at=to_micros(at), interval=interval))


def decide_device(
    connection: Connection, *, device_hash: bytes, state: str, org_id: int | None, member_id: int | None
) -> None:
    """Approve, deny or use up a device sign-in; the owner is who approved it."""
    which = _DEVICE.c.device_hash == device_hash
    connection.execute(update(_DEVICE).where(which).values(state=state, org_id=org_id, member_id=member_id))


def count_devices(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(_DEVICE)).scalar_one()


def delete_expired_devices(connection: Connection, *, before: datetime) -> int:
    """Delete sign-ins that lapsed before a moment; they lead nowhere any more."""
    return connection.execute(delete(_DEVICE).where(_DEVICE.c.expires_at < to_micros(before))).rowcount


def _select_tokens() -> Select[Any]:
    return select(_TOKEN, _MEMBER.c.role, _MEMBER.c.kind, _MEMBER.c.deactivated_at).join(_MEMBER, _OWNER)


_BY_HASH: Final = _select_tokens().where(_TOKEN.c.hash == bindparam("hash"))  # every request asks it


def _unexpired(now: datetime) -> ColumnElement[bool]:
    return _TOKEN.c.expires_at.is_(None) | (_TOKEN.c.expires_at > to_micros(now))


def _token(row: Row[Any]) -> TokenRecord:
    return TokenRecord(
        org_id=row.org_id,
        token_id=row.token_id,
        member_id=row.member_id,
        scopes=row.scopes,
        label=row.label,
        created_at=from_micros(row.created_at),
        expires_at=from_micros(row.expires_at),
        revoked_at=from_micros(row.revoked_at),
        role=row.role,
        is_service=row.kind == "service",
        has_left=row.deactivated_at is not None,
    )


def _device(connection: Connection, query: Select[Any]) -> DeviceRecord | None:
    row = connection.execute(query).first()
    if row is None:
        return None
    return DeviceRecord(
        device_hash=bytes(row.device_hash),
        user_code=row.user_code,
        scopes=row.scopes,
        device=row.device,
        place=row.place,
        state=row.state,
        created_at=from_micros(row.created_at),
        expires_at=from_micros(row.expires_at),
        interval=row.interval,
        org_id=row.org_id,
        member_id=row.member_id,
        polled_at=from_micros(row.polled_at),
    )
