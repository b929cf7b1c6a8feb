"""The books: what is appended and sealed, and the positions that follow from it."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from sqlalchemy import JSON, CheckConstraint, Index, LargeBinary, Text, text
from sqlmodel import Field, SQLModel

from core.ledger.accounts import AccountKind
from core.ledger.lots import Source
from core.store.tables.columns import CLUSTERED, big, key_part, one_of

_STORED_KINDS: Final = (AccountKind.WALLET, AccountKind.POOL, AccountKind.ESCROW)


class AccountRow(SQLModel, table=True):
    """An account; its id tells the owner and the kind. Its row is what a batch locks."""

    __tablename__: ClassVar[Any] = "account"
    __table_args__: ClassVar[Any] = (CLUSTERED,)

    org_id: int = key_part()
    account_id: int = key_part()
    kind: int


class LotRow(SQLModel, table=True):
    """Credits of one origin; appended once, never changed."""

    __tablename__: ClassVar[Any] = "lot"
    __table_args__: ClassVar[Any] = (
        one_of("source", Source),
        CheckConstraint("amount > 0", name="amount_positive"),
        CLUSTERED,
    )

    org_id: int = key_part()
    lot_id: int = key_part()
    source: str = Field(sa_type=Text)
    expires_at: int | None = big(default=None)
    giftable: bool
    priority: int
    granted_at: int = big()
    amount: int = big()
    account_id: int = big()
    origin_org: int | None = big(default=None)
    origin_lot: int | None = big(default=None)


class PositionRow(SQLModel, table=True):
    """How much of one lot a wallet, pool or escrow holds: a cache of the entries, never below zero (L2, L3).

    An empty position is no row. ``expires_at`` repeats the lot's, so that what lapses is found by an index.
    """

    __tablename__: ClassVar[Any] = "position"
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
        CLUSTERED,
    )

    org_id: int = key_part()
    account_id: int = key_part()
    lot_id: int = key_part()
    remaining: int = big()
    expires_at: int | None = big(default=None)


class TransferRow(SQLModel, table=True):
    """An immutable movement with a kind and a cause (L1). ``cause_id`` is the gift or hold it
    belongs to; ``settles_at`` is what it set a gift's to, if it did; ``seal`` is its part of the batch's seal (L8)."""

    __tablename__: ClassVar[Any] = "transfer"
    __table_args__: ClassVar[Any] = (
        Index(
            "transfer_by_cause",
            "org_id",
            "cause_id",
            sqlite_where=text("cause_id IS NOT NULL"),
            postgresql_where=text("cause_id IS NOT NULL"),
        ),
        CLUSTERED,
    )

    org_id: int = key_part()
    transfer_id: int = key_part()
    kind: str = Field(sa_type=Text)
    at: int = big()
    actor_id: int = big()
    cause_id: int | None = big(default=None)
    settles_at: int | None = big(default=None)
    note_hash: bytes | None = Field(default=None, sa_type=LargeBinary)
    seal: bytes = Field(sa_type=LargeBinary)


class EntryRow(SQLModel, table=True):
    """One signed line of a transfer, kept beside the other lines of its account in the order of time."""

    __tablename__: ClassVar[Any] = "entry"
    __table_args__: ClassVar[Any] = (
        CheckConstraint("amount <> 0", name="amount_not_zero"),
        CLUSTERED,
    )

    org_id: int = key_part()
    account_id: int = key_part()
    at: int = key_part()
    transfer_id: int = key_part()
    line: int = Field(primary_key=True)
    lot_id: int = big()
    amount: int = big()


class CommandRow(SQLModel, table=True):
    """An idempotency key that took effect, kept for ever (L6): what it did, and a digest of its content."""

    __tablename__: ClassVar[Any] = "command"
    __table_args__: ClassVar[Any] = (CLUSTERED,)

    org_id: int = key_part()
    actor_id: int = key_part()
    key: str = Field(primary_key=True, sa_type=Text)
    digest: bytes = Field(sa_type=LargeBinary)
    first_id: int = big()
    count: int = 1


class NoteRow(SQLModel, table=True):
    """Free text that belongs to a transfer: a message or reason. Erasable; the books hold a salted hash (L1)."""

    __tablename__: ClassVar[Any] = "note"
    __table_args__: ClassVar[Any] = (CLUSTERED,)

    org_id: int = key_part()
    transfer_id: int = key_part()
    salt: bytes = Field(sa_type=LargeBinary)
    body: str = Field(sa_type=Text)


class SealRow(SQLModel, table=True):
    """The seal of one batch: an HMAC over its transfers' seals and the writer's previous seal (L8)."""

    __tablename__: ClassVar[Any] = "seal"
    __table_args__: ClassVar[Any] = (CheckConstraint("batch >= 1", name="batch_from_one"), CLUSTERED)

    writer_id: int = key_part()
    batch: int = key_part()
    first_id: int = big()
    last_id: int = big()
    transfers: int
    key_id: str = Field(sa_type=Text)
    heads: dict[str, str] | None = Field(default=None, sa_type=JSON)
    touched: list[int] | None = Field(default=None, sa_type=JSON)
    seal: bytes = Field(sa_type=LargeBinary)


class WriterRow(SQLModel, table=True):
    """One process start that may write. It serves every organization of the database, like its seals."""

    __tablename__: ClassVar[Any] = "writer"
    writer_id: int = key_part()
    started_at: int = big()
