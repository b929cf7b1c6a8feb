"""The tables, as SQLModel classes. Every key is led by ``org_id``, so an organisation is the unit of sharding.

Moments are micro-seconds since the epoch (UTC) and amounts micro-credits, both 64-bit integers: exact,
and the same on both databases. ``lot``, ``transfer``, ``entry`` and ``gift``'s facts are only ever appended.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, CheckConstraint, Index, LargeBinary, Text, text
from sqlmodel import Field, SQLModel

from core.ledger.accounts import AccountKind
from core.ledger.gifts import GiftState
from core.ledger.lots import Source
from core.ledger.transfers import TransferKind

# The conditions of partial indexes. A query that wants one says it in the same literal words (``text``): with
# values in their place no database can tell that the index fits.
OPEN_GIFT = "state IN ('pending', 'in_review')"
PENDING_GIFT = "state = 'pending'"
QUEUED_DELIVERY = "state = 'queued'"
DUE_MESSAGE = "slack_state IN ('queued', 'sending')"
UNCLAIMED_NOTICE = "claimed_at IS NULL AND for_editor"
OPEN_OBLIGATION = "repaid < amount"
_CLUSTERED = {"sqlite_with_rowid": False}  # the key is the table: one B-tree to write instead of two
_STORED_KINDS = (AccountKind.WALLET, AccountKind.POOL, AccountKind.ESCROW)


def _one_of(column: str, values: Any) -> CheckConstraint:
    allowed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=f"{column}_known")


def _key(**options: Any) -> Any:
    return Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False}, **options)


def _big(**options: Any) -> Any:
    return Field(sa_type=BigInteger, **options)


class Organisation(SQLModel, table=True):
    """A tenant."""

    org_id: int = _key()
    name: str = Field(sa_type=Text)
    slack_team_id: str | None = Field(default=None, sa_type=Text, unique=True)
    created_at: int = _big()


class Policy(SQLModel, table=True):
    """A version of an organisation's policy; the highest version is in force."""

    org_id: int = _key()
    version: int = Field(primary_key=True)
    body: dict[str, Any] = Field(sa_type=JSON)
    created_at: int = _big()


class Team(SQLModel, table=True):
    """A group with leads and a pool."""

    org_id: int = _key()
    team_id: int = _key()
    name: str = Field(sa_type=Text)
    created_at: int = _big()


class TeamMember(SQLModel, table=True):
    """Who is in a team, and who leads it."""

    __tablename__: ClassVar[Any] = "team_member"
    __table_args__: ClassVar[Any] = (Index("team_member_by_member", "org_id", "member_id"),)

    org_id: int = _key()
    team_id: int = _key()
    member_id: int = _key()
    is_lead: bool = False


class Member(SQLModel, table=True):
    """A person or service with a wallet. Keyed from Slack by (team, user), never by name or e-mail."""

    __table_args__: ClassVar[Any] = (
        _one_of("kind", ("person", "service", "bot")),
        _one_of("role", ("admin", "member")),
        Index("member_by_slack", "slack_team_id", "slack_user_id", unique=True),
        Index("member_by_name", "org_id", "name"),
    )

    org_id: int = _key()
    member_id: int = _key()
    name: str = Field(sa_type=Text)
    email: str | None = Field(default=None, sa_type=Text)
    kind: str = Field(default="person", sa_type=Text)
    role: str = Field(default="member", sa_type=Text)
    time_zone: str = Field(default="UTC", sa_type=Text)
    slack_team_id: str | None = Field(default=None, sa_type=Text)
    slack_user_id: str | None = Field(default=None, sa_type=Text)
    verified_at: int | None = _big(default=None)
    joined_at: int = _big()
    linked_at: int | None = _big(default=None)
    frozen_at: int | None = _big(default=None)
    deactivated_at: int | None = _big(default=None)


class Account(SQLModel, table=True):
    """An account; its id tells the owner and the kind. Its row is what a batch locks."""

    __table_args__: ClassVar[Any] = (_CLUSTERED,)

    org_id: int = _key()
    account_id: int = _key()
    kind: int


class Lot(SQLModel, table=True):
    """Credits of one origin; appended once, never changed."""

    __table_args__: ClassVar[Any] = (
        _one_of("source", Source),
        CheckConstraint("amount > 0", name="amount_positive"),
        _CLUSTERED,
    )

    org_id: int = _key()
    lot_id: int = _key()
    source: str = Field(sa_type=Text)
    expires_at: int | None = _big(default=None)
    giftable: bool
    priority: int
    granted_at: int = _big()
    amount: int = _big()
    account_id: int = _big()
    origin_org: int | None = _big(default=None)
    origin_lot: int | None = _big(default=None)


class Position(SQLModel, table=True):
    """How much of one lot a wallet, pool or escrow holds: a cache of the entries, never below zero (L2, L3).

    An empty position is no row. ``expires_at`` repeats the lot's, so that what lapses is found by an index.
    """

    __table_args__: ClassVar[Any] = (
        CheckConstraint("remaining >= 0", name="remaining_not_negative"),
        CheckConstraint(
            f"account_id % 8 IN ({', '.join(str(int(k)) for k in _STORED_KINDS)})", name="not_a_house_account"
        ),
        Index(
            "position_by_expiry",
            "expires_at",
            sqlite_where=text("expires_at IS NOT NULL"),
            postgresql_where=text("expires_at IS NOT NULL"),
        ),
        _CLUSTERED,
    )

    org_id: int = _key()
    account_id: int = _key()
    lot_id: int = _key()
    remaining: int = _big()
    expires_at: int | None = _big(default=None)


class Transfer(SQLModel, table=True):
    """An immutable movement with a kind and a cause (L1). ``settles_at`` is what it set a gift's to, if it did;
    ``seal`` is its part of the batch's seal (L8)."""

    __table_args__: ClassVar[Any] = (
        _one_of("kind", TransferKind),
        Index(
            "transfer_by_gift",
            "org_id",
            "gift_id",
            sqlite_where=text("gift_id IS NOT NULL"),
            postgresql_where=text("gift_id IS NOT NULL"),
        ),
        _CLUSTERED,
    )

    org_id: int = _key()
    transfer_id: int = _key()
    kind: str = Field(sa_type=Text)
    at: int = _big()
    actor_id: int = _big()
    gift_id: int | None = _big(default=None)
    settles_at: int | None = _big(default=None)
    note_hash: bytes | None = Field(default=None, sa_type=LargeBinary)
    seal: bytes = Field(sa_type=LargeBinary)


class Entry(SQLModel, table=True):
    """One signed line of a transfer, kept beside the other lines of its account in the order of time."""

    __table_args__: ClassVar[Any] = (
        CheckConstraint("amount <> 0", name="amount_not_zero"),
        _CLUSTERED,
    )

    org_id: int = _key()
    account_id: int = _key()
    at: int = _key()
    transfer_id: int = _key()
    line: int = Field(primary_key=True)
    lot_id: int = _big()
    amount: int = _big()


class Command(SQLModel, table=True):
    """An idempotency key that took effect, kept for ever (L6): what it did, and a digest of its content."""

    __table_args__: ClassVar[Any] = (_CLUSTERED,)

    org_id: int = _key()
    actor_id: int = _key()
    key: str = Field(primary_key=True, sa_type=Text)
    digest: bytes = Field(sa_type=LargeBinary)
    first_id: int = _big()
    count: int = 1


class Gift(SQLModel, table=True):
    """A gift. ``state`` and ``settles_at`` are caches of its transfers; the rest never changes."""

    __table_args__: ClassVar[Any] = (
        _one_of("state", GiftState),
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("sender_account <> recipient_account", name="not_to_oneself"),
        Index(
            "gift_due",
            "settles_at",
            sqlite_where=text(PENDING_GIFT),
            postgresql_where=text(PENDING_GIFT),
        ),
        Index("gift_by_sender", "org_id", "sender_account", "created_at", "gift_id"),
        Index("gift_by_recipient", "org_id", "recipient_account", "created_at", "gift_id"),
        Index(
            "gift_open_by_sender",
            "org_id",
            "sender_account",
            sqlite_where=text(OPEN_GIFT),
            postgresql_where=text(OPEN_GIFT),
        ),
        Index(
            "gift_open_by_recipient",
            "org_id",
            "recipient_account",
            sqlite_where=text(OPEN_GIFT),
            postgresql_where=text(OPEN_GIFT),
        ),
        _CLUSTERED,
    )

    org_id: int = _key()
    gift_id: int = _key()
    sender_account: int = _big()
    recipient_org: int | None = _big(default=None)
    recipient_account: int = _big()
    amount: int = _big()
    created_at: int = _big()
    settles_at: int = _big()
    state: str = Field(sa_type=Text)
    decision: dict[str, Any] = Field(sa_type=JSON)


class Delivery(SQLModel, table=True):
    """A settled gift on its way to another organisation: delivered at least once, applied exactly once (L9)."""

    __table_args__: ClassVar[Any] = (
        _one_of("state", ("queued", "arrived", "bounced")),
        Index(
            "delivery_queued",
            "next_at",
            sqlite_where=text(QUEUED_DELIVERY),
            postgresql_where=text(QUEUED_DELIVERY),
        ),
        _CLUSTERED,
    )

    org_id: int = _key()
    gift_id: int = _key()
    to_org: int = _big()
    state: str = Field(default="queued", sa_type=Text)
    attempts: int = 0
    next_at: int = _big()


class Obligation(SQLModel, table=True):
    """What a claw-back could not take, owed outside the books (G6). ``repaid`` is a cache of its repayments."""

    __table_args__: ClassVar[Any] = (
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("repaid >= 0 AND repaid <= amount", name="repaid_within_amount"),
        Index(
            "obligation_open",
            "org_id",
            "debtor_account",
            sqlite_where=text(OPEN_OBLIGATION),
            postgresql_where=text(OPEN_OBLIGATION),
        ),
        _CLUSTERED,
    )

    org_id: int = _key()
    gift_id: int = _key()
    debtor_account: int = _big()
    creditor_account: int = _big()
    amount: int = _big()
    repaid: int = _big()
    created_at: int = _big()


class Note(SQLModel, table=True):
    """Free text that belongs to a transfer: a message or reason. Erasable; the books hold a salted hash (L1)."""

    __table_args__: ClassVar[Any] = (_CLUSTERED,)

    org_id: int = _key()
    transfer_id: int = _key()
    salt: bytes = Field(sa_type=LargeBinary)
    body: str = Field(sa_type=Text)


class Seal(SQLModel, table=True):
    """The seal of one batch: an HMAC over its transfers' seals and the writer's previous seal (L8)."""

    __table_args__: ClassVar[Any] = (CheckConstraint("batch >= 1", name="batch_from_one"), _CLUSTERED)

    writer_id: int = _key()
    batch: int = _key()
    first_id: int = _big()
    last_id: int = _big()
    transfers: int
    key_id: str = Field(sa_type=Text)
    heads: dict[str, str] | None = Field(default=None, sa_type=JSON)
    touched: list[int] | None = Field(default=None, sa_type=JSON)
    seal: bytes = Field(sa_type=LargeBinary)


class Writer(SQLModel, table=True):
    """One process start that may write. It serves every organisation of the database, like its seals."""

    writer_id: int = _key()
    started_at: int = _big()


class Outbox(SQLModel, table=True):
    """Something a person is told, written with what caused it: by direct message, and once in their editor."""

    __table_args__: ClassVar[Any] = (
        _one_of("slack_state", ("none", "queued", "sending", "sent", "failed")),
        Index(
            "outbox_queued",
            "next_at",
            sqlite_where=text(DUE_MESSAGE),
            postgresql_where=text(DUE_MESSAGE),
        ),
        Index(
            "outbox_unclaimed",
            "org_id",
            "member_id",
            sqlite_where=text(UNCLAIMED_NOTICE),
            postgresql_where=text(UNCLAIMED_NOTICE),
        ),
        _CLUSTERED,
    )

    org_id: int = _key()
    notice_id: int = _key()
    member_id: int = _big()
    kind: str = Field(sa_type=Text)
    gift_id: int | None = _big(default=None)
    body: dict[str, Any] = Field(sa_type=JSON)
    created_at: int = _big()
    for_editor: bool = True
    claimed_at: int | None = _big(default=None)
    slack_state: str = Field(default="none", sa_type=Text)
    slack_channel: str | None = Field(default=None, sa_type=Text)
    slack_ts: str | None = Field(default=None, sa_type=Text)
    attempts: int = 0
    next_at: int = _big()


class Token(SQLModel, table=True):
    """A bearer token, stored only as a hash."""

    __table_args__: ClassVar[Any] = (Index("token_by_hash", "hash", unique=True),)

    org_id: int = _key()
    token_id: int = _key()
    member_id: int = _big()
    hash: bytes = Field(sa_type=LargeBinary)
    scopes: str = Field(sa_type=Text)
    label: str = Field(sa_type=Text)
    created_at: int = _big()
    expires_at: int | None = _big(default=None)
    revoked_at: int | None = _big(default=None)


class DeviceGrant(SQLModel, table=True):
    """A sign-in by the device flow (RFC 8628). It belongs to nobody until somebody approves it."""

    __tablename__: ClassVar[Any] = "device_grant"
    __table_args__: ClassVar[Any] = (
        _one_of("state", ("waiting", "approved", "denied", "used")),
        Index("device_grant_by_user_code", "user_code", unique=True),
    )

    device_hash: bytes = Field(primary_key=True, sa_type=LargeBinary)
    user_code: str = Field(sa_type=Text)
    scopes: str = Field(sa_type=Text)
    device: str = Field(sa_type=Text)
    place: str = Field(sa_type=Text)
    state: str = Field(default="waiting", sa_type=Text)
    org_id: int | None = _big(default=None)
    member_id: int | None = _big(default=None)
    created_at: int = _big()
    expires_at: int = _big()
    polled_at: int | None = _big(default=None)
    interval: int = 2


class UsageEvent(SQLModel, table=True):
    """A usage event (S4), with the card it was rated by; (source, id) is unique.

    Each kind of tokens is counted apart: ``input_tokens`` are those read from no cache and written to none.
    """

    __tablename__: ClassVar[Any] = "usage_event"
    __table_args__: ClassVar[Any] = (CheckConstraint("amount >= 0", name="amount_not_negative"), _CLUSTERED)

    org_id: int = _key()
    transfer_id: int = _key()
    member_id: int = _big()
    source: str = Field(sa_type=Text)
    event_id: str = Field(sa_type=Text)
    model: str = Field(sa_type=Text)
    input_tokens: int = _big()
    cached_tokens: int = _big()
    output_tokens: int = _big()
    cache_write_tokens: int = _big(default=0)
    cache_write_1h_tokens: int = _big(default=0)
    card: str = Field(sa_type=Text)
    is_fallback: bool = False
    amount: int = _big()
