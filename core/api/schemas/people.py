"""Members, teams, organizations and tokens in requests and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from core.api.schemas.base import Flag, Id, Moment, Name, RequestModel, Shown
from core.services.common.actors import Role, Scope
from core.services.common.text import EMAIL_LENGTH
from core.services.common.views import MemberView
from core.services.people.organizations import OrganizationView, TeamView
from core.services.people.tokens import TokenView

Email = Annotated[str, Field(min_length=3, max_length=EMAIL_LENGTH, pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+$")]


class MemberRequest(RequestModel):
    """A member to be added."""

    name: Annotated[Name, Field(examples=["Bo"])]
    email: Email | None = None
    kind: Literal["person", "service"] = "person"
    role: Role = Role.MEMBER
    verified: Annotated[Flag, Field(description="An admin vouches for who they are.")] = False
    joined_at: Moment | None = None


class MemberChange(RequestModel):
    """What an admin changes of a member; what is left out stays."""

    name: Name | None = None
    role: Role | None = None
    verified: Flag | None = None
    joined_at: Moment | None = None


class TeamRequest(RequestModel):
    """A team to be made."""

    name: Annotated[Name, Field(examples=["Compilers"])]


class TeamMemberRequest(RequestModel):
    """A member's place in a team."""

    lead: Flag = False


class TokenRequest(RequestModel):
    """A token to be issued."""

    label: Annotated[Name, Field(examples=["ci gateway"])]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=4, examples=[["read"]])]
    member: Annotated[Id | None, Field(description="Whose it is; absent is one's own.")] = None
    expires_at: Moment | None = None


class MemberShown(Shown):
    """A member as colleagues see them; ``teams`` and ``leads`` are ids of teams."""

    id: str
    name: str
    kind: str
    role: Role
    teams: list[str]
    leads: list[str]
    verified_at: datetime | None
    joined_at: datetime
    frozen_at: datetime | None
    deactivated_at: datetime | None


class TeamShown(Shown):
    """A team; its id also names its pool."""

    id: str
    name: str
    members: list[str]
    leads: list[str]
    created_at: datetime


class OrganizationShown(Shown):
    """An organization; its id also names its pool."""

    id: str
    name: str
    slack_team_id: str | None
    created_at: datetime


class TokenShown(Shown):
    """A token without its secret."""

    id: str
    member: str
    label: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None


class TokenIssued(Shown):
    """A new token; the secret is shown this once."""

    id: str
    token: str


def member_shown(member: MemberView) -> MemberShown:
    return MemberShown(
        id=member.id,
        name=member.name,
        kind=member.kind,
        role=member.role,
        teams=list(member.teams),
        leads=list(member.leads),
        verified_at=member.verified_at,
        joined_at=member.joined_at,
        frozen_at=member.frozen_at,
        deactivated_at=member.deactivated_at,
    )


def team_shown(team: TeamView) -> TeamShown:
    return TeamShown(
        id=team.id,
        name=team.name,
        members=list(team.members),
        leads=list(team.leads),
        created_at=team.created_at,
    )


def organization_shown(org: OrganizationView) -> OrganizationShown:
    return OrganizationShown(id=org.id, name=org.name, slack_team_id=org.slack_team_id, created_at=org.created_at)


def token_shown(token: TokenView) -> TokenShown:
    return TokenShown(
        id=token.id,
        member=token.member_id,
        label=token.label,
        scopes=list(token.scopes),
        created_at=token.created_at,
        expires_at=token.expires_at,
    )
