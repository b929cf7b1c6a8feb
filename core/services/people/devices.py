"""Signing in a device (RFC 8628): it shows a code, a person types it where they are known, then it gets a token."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection

from core.ledger.errors import Code, Refused
from core.services.common.actors import Actor, Scope
from core.services.common.ledger_service import LedgerService
from core.services.common.text import checked_name, cleaned_name
from core.services.people.tokens import hash_of, new_secret, new_token, scope_text
from core.store.queries import notices, people, tokens
from core.store.queries.tokens import DeviceRecord

CODE_LIFE: Final = timedelta(minutes=15)
TOKEN_LIFE: Final = timedelta(days=90)
POLL_SECONDS: Final = 2
SLOWER_SECONDS: Final = 5  # RFC 8628 section 3.5: added by each slow_down
MAX_WAITING: Final = 10_000
DEVICE_SCOPES: Final = frozenset({Scope.READ, Scope.GIVE, Scope.SPEND})  # an editor never administers

_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"  # RFC 8628 section 6.1: no vowels, so no words; 20^8 codes
_CODE_LENGTH: Final = 8


class DeviceProblem(StrEnum):
    """Why a device gets no token; the words of RFC 8628 section 3.5."""

    PENDING = "authorization_pending"  # nobody has decided yet
    SLOW_DOWN = "slow_down"  # it asks too often; wait longer from now on
    DENIED = "access_denied"  # the person said no
    EXPIRED = "expired_token"  # the code has lapsed
    INVALID = "invalid_grant"  # unknown, or redeemed already


class DeviceError(Exception):
    """A device gets no token, or not yet."""

    def __init__(self, code: DeviceProblem) -> None:
        super().__init__(code.value)
        self.code = code


@dataclass(frozen=True, slots=True)
class DeviceStart:
    """What a device is told when it starts: its own secret, and the code for the person."""

    device_code: str
    user_code: str
    expires_in: int
    interval: int


@dataclass(frozen=True, slots=True)
class DeviceToken:
    """What an approved device gets, once; ``member_id`` is whose it is."""

    member_id: int
    access_token: str
    scopes: frozenset[Scope]
    expires_in: int


@dataclass(frozen=True, slots=True)
class DeviceView:
    """What asks to sign in, as the person who decides sees it."""

    device: str
    place: str
    scopes: tuple[Scope, ...]
    expires_at: datetime


async def start_device(ledger: LedgerService, *, scopes: Iterable[Scope], device: str, place: str) -> DeviceStart:
    """Begin a sign-in; ``device`` says what asks and ``place`` from where.

    Raises Refused(overloaded) while too many wait, invalid_request for a scope that devices cannot have.
    """
    wanted = frozenset(scopes)
    if not wanted or not wanted <= DEVICE_SCOPES:
        raise Refused(Code.INVALID_REQUEST, f"A device may ask for: {scope_text(DEVICE_SCOPES)}.")
    now = ledger.clock()
    device_code = new_secret(ledger)
    record = DeviceRecord(
        device_hash=hash_of(device_code),
        user_code=_new_user_code(ledger),
        scopes=scope_text(wanted),
        device=checked_name(device, field="device"),
        place=cleaned_name(place, instead="an unknown place"),
        state="waiting",
        created_at=now,
        expires_at=now + CODE_LIFE,
        interval=POLL_SECONDS,
    )

    def start(connection: Connection) -> None:
        tokens.delete_expired_devices(connection, before=now - CODE_LIFE)
        if tokens.count_devices(connection) >= MAX_WAITING:
            raise Refused(Code.OVERLOADED, "Too many devices are signing in; try again in a minute.")
        tokens.add_device(connection, record)

    await ledger.write(start)
    return DeviceStart(device_code, _shown(record.user_code), int(CODE_LIFE.total_seconds()), POLL_SECONDS)


async def poll_device(ledger: LedgerService, *, device_code: str) -> DeviceToken:
    """Redeem an approved sign-in for a token, exactly once. Raises DeviceError with the reason while there is none."""
    digest = hash_of(device_code)
    now, ids = ledger.clock(), (ledger.new_id(), ledger.new_id())
    answer = await ledger.write(lambda connection: _poll(ledger, connection, digest, now, ids))
    if isinstance(answer, DeviceProblem):
        raise DeviceError(answer)
    ledger.changes.publish([answer.member_id])
    return answer


async def describe_device(ledger: LedgerService, *, actor: Actor, user_code: str) -> DeviceView:
    """Return what waits under a code. Raises Refused(not_found) when nothing does."""
    found = await ledger.read(lambda connection: tokens.device_by_user_code(connection, user_code=_plain(user_code)))
    return _view(_waiting(found, actor, ledger.clock(), state="approved"))


async def approve_device(ledger: LedgerService, *, actor: Actor, user_code: str) -> DeviceView:
    """Let a device act for the actor, who becomes the owner of its token. Twice by the same person is once."""
    return await _decide(ledger, actor=actor, user_code=user_code, state="approved")


async def deny_device(ledger: LedgerService, *, actor: Actor, user_code: str) -> DeviceView:
    """Send a device away. Twice by the same person is once."""
    return await _decide(ledger, actor=actor, user_code=user_code, state="denied")


async def delete_expired(ledger: LedgerService) -> int:
    """Forget the sign-ins that lapsed a while ago; return how many there were. The worker's work."""
    before = ledger.clock() - CODE_LIFE
    return await ledger.write(lambda connection: tokens.delete_expired_devices(connection, before=before))


async def _decide(ledger: LedgerService, *, actor: Actor, user_code: str, state: str) -> DeviceView:
    now = ledger.clock()

    def decide(connection: Connection) -> DeviceRecord:
        found = tokens.device_by_user_code(connection, user_code=_plain(user_code), lock=True)
        record = _waiting(found, actor, now, state=state)
        tokens.decide_device(
            connection,
            device_hash=record.device_hash,
            state=state,
            org_id=actor.org_id,
            member_id=actor.member_id,
        )
        return record

    return _view(await ledger.write(decide))


def _poll(
    ledger: LedgerService, connection: Connection, digest: bytes, now: datetime, ids: tuple[int, int]
) -> DeviceProblem | DeviceToken:
    """Decide what a poll is answered. Pace is only asked of those who must still wait."""
    record = tokens.device_by_hash(connection, device_hash=digest)
    if record is None or record.state == "used":
        return DeviceProblem.INVALID
    if record.expires_at <= now:
        return DeviceProblem.EXPIRED
    if record.state == "denied":
        return DeviceProblem.DENIED
    if record.state == "approved":
        return _redeem(ledger, connection, record, now, ids)
    hasty = record.polled_at is not None and now - record.polled_at < timedelta(seconds=record.interval)
    interval = record.interval + SLOWER_SECONDS if hasty else record.interval
    tokens.device_polled(connection, device_hash=digest, at=now, interval=interval)
    return DeviceProblem.SLOW_DOWN if hasty else DeviceProblem.PENDING


def _redeem(
    ledger: LedgerService, connection: Connection, record: DeviceRecord, now: datetime, ids: tuple[int, int]
) -> DeviceProblem | DeviceToken:
    """Issue the token and tell its owner, in the transaction that uses the sign-in up."""
    token_id, notice_id = ids
    if record.org_id is None or record.member_id is None:
        raise AssertionError("an approved sign-in has an owner")
    owner = people.member(connection, org_id=record.org_id, member_id=record.member_id)
    if owner is None or owner.deactivated_at is not None:
        return DeviceProblem.DENIED
    scopes = frozenset(Scope(scope) for scope in record.scopes.split())
    tokens.decide_device(
        connection,
        device_hash=record.device_hash,
        state="used",
        org_id=record.org_id,
        member_id=record.member_id,
    )
    secret, _ = new_token(
        ledger,
        connection,
        token_id=token_id,
        owner=owner,
        scopes=scopes,
        label=record.device,
        expires_at=now + TOKEN_LIFE,
    )
    notices.add(
        connection,
        org_id=owner.org_id,
        notice_id=notice_id,
        member_id=owner.member_id,
        kind="signed_in",
        text=f"{record.device} has signed in as you, from {record.place}.",
        at=now,
    )
    return DeviceToken(owner.member_id, secret, scopes, int(TOKEN_LIFE.total_seconds()))


def _waiting(record: DeviceRecord | None, actor: Actor, now: datetime, *, state: str) -> DeviceRecord:
    """Return a sign-in that still waits, or that the same person already decided so. Raises Refused(not_found)."""
    if record is not None and record.expires_at > now:
        decided_so = record.state == state and (record.org_id, record.member_id) == (actor.org_id, actor.member_id)
        if record.state == "waiting" or decided_so:
            return record
    raise Refused(Code.NOT_FOUND, "That code isn't valid or has expired. Start again in your editor.")


def _view(record: DeviceRecord) -> DeviceView:
    scopes = tuple(Scope(scope) for scope in record.scopes.split())
    return DeviceView(record.device, record.place, scopes, record.expires_at)


def _new_user_code(ledger: LedgerService) -> str:
    """Return letters that nobody can guess; of 128 bits the 35 that are kept are as good as even."""
    number = int.from_bytes(ledger.random_bytes(16), "big")
    letters = []
    for _ in range(_CODE_LENGTH):
        number, letter = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[letter])
    return "".join(letters)


def _plain(user_code: str) -> str:
    """Return a code as stored, however a person typed it."""
    return "".join(letter for letter in user_code.upper() if letter in _LETTERS)[: _CODE_LENGTH + 1]


def _shown(user_code: str) -> str:
    return f"{user_code[:4]}-{user_code[4:]}"
