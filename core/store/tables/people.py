"""People, their teams, and what lets them in."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON, Index, LargeBinary, Text
from sqlmodel import Field, SQLModel

from core.store.tables.columns import big, key_part, one_of


class OrganizationRow(SQLModel, table=True):
    """A tenant."""

    __tablename__: ClassVar[Any] = "organisation"
    org_id: int = key_part()
    name: str = Field(sa_type=Text)
    slack_team_id: str | None = Field(default=None, sa_type=Text, unique=True)
    created_at: int = big()


class PolicyRow(SQLModel, table=True):
    """A version of an organization's policy; the highest version is in force."""

    __tablename__: ClassVar[Any] = "policy"
    org_id: int = key_part()
    version: int = Field(primary_key=True)
    body: dict[str, Any] = Field(sa_type=JSON)
    created_at: int = big()


class TeamRow(SQLModel, table=True):
    """A group with leads and a pool."""

    __tablename__: ClassVar[Any] = "team"
    org_id: int = key_part()
    team_id: int = key_part()
    name: str = Field(sa_type=Text)
    created_at: int = big()


class TeamMemberRow(SQLModel, table=True):
    """Who is in a team, and who leads it."""

    __tablename__: ClassVar[Any] = "team_member"
    __table_args__: ClassVar[Any] = (Index("team_member_by_member", "org_id", "member_id"),)

    org_id: int = key_part()
    team_id: int = key_part()
    member_id: int = key_part()
    is_lead: bool = False


class MemberRow(SQLModel, table=True):
    """A person or service with a wallet. Keyed from Slack by (team, user), never by name or e-mail."""

    __tablename__: ClassVar[Any] = "member"
    __table_args__: ClassVar[Any] = (
        one_of("kind", ("person", "service", "bot")),
        one_of("role", ("admin", "member")),
        Index("member_by_slack", "slack_team_id", "slack_user_id", unique=True),
        Index("member_by_name", "org_id", "name"),
        Index("member_by_email", "org_id", "email"),
    )

    org_id: int = key_part()
    member_id: int = key_part()
    name: str = Field(sa_type=Text)
    email: str | None = Field(default=None, sa_type=Text)
    kind: str = Field(default="person", sa_type=Text)
    role: str = Field(default="member", sa_type=Text)
    time_zone: str = Field(default="UTC", sa_type=Text)
    slack_team_id: str | None = Field(default=None, sa_type=Text)
    slack_user_id: str | None = Field(default=None, sa_type=Text)
    verified_at: int | None = big(default=None)
    joined_at: int = big()
    linked_at: int | None = big(default=None)
    frozen_at: int | None = big(default=None)
    deactivated_at: int | None = big(default=None)


class TokenRow(SQLModel, table=True):
    """A bearer token, stored only as a hash."""

    __tablename__: ClassVar[Any] = "token"
    __table_args__: ClassVar[Any] = (Index("token_by_hash", "hash", unique=True),)

    org_id: int = key_part()
    token_id: int = key_part()
    member_id: int = big()
    hash: bytes = Field(sa_type=LargeBinary)
    scopes: str = Field(sa_type=Text)
    label: str = Field(sa_type=Text)
    created_at: int = big()
    expires_at: int | None = big(default=None)
    revoked_at: int | None = big(default=None)


class DeviceGrantRow(SQLModel, table=True):
    """A sign-in by the device flow (RFC 8628). It belongs to nobody until somebody approves it."""

    __tablename__: ClassVar[Any] = "device_grant"
    __table_args__: ClassVar[Any] = (
        one_of("state", ("waiting", "approved", "denied", "used")),
        Index("device_grant_by_user_code", "user_code", unique=True),
    )

    device_hash: bytes = Field(primary_key=True, sa_type=LargeBinary)
    user_code: str = Field(sa_type=Text)
    scopes: str = Field(sa_type=Text)
    device: str = Field(sa_type=Text)
    place: str = Field(sa_type=Text)
    state: str = Field(default="waiting", sa_type=Text)
    org_id: int | None = big(default=None)
    member_id: int | None = big(default=None)
    created_at: int = big()
    expires_at: int = big()
    polled_at: int | None = big(default=None)
    interval: int = 2
