"""What a command runs in: the configured ledger, the operator it acts as, and lookups by id or name."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final, Protocol, TypeVar

from core.cli.logs import configure_logs
from core.cli.options import EVERYBODY
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id, shown_id
from core.services.common.actors import Actor, Role, Scope
from core.services.common.ledger_service import LedgerService
from core.services.common.recipients import Recipient
from core.services.common.results import Page
from core.services.common.text import is_same_name
from core.services.common.views import MemberView
from core.services.people import members, organizations
from core.services.people.organizations import TeamView
from core.settings import Settings, SettingsError, settings_from_environment
from core.wiring import clock_of, open_ledger

PAGE_SIZE: Final = 200
MAX_MATCHES_SHOWN: Final = 5

Result = TypeVar("Result")
Act = Callable[[LedgerService, Actor], Awaitable[Result]]


class Named(Protocol):
    """Anything with an id and a name."""

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...


Match = TypeVar("Match", bound=Named)


@contextlib.contextmanager
def configured_ledger(settings: Settings | None = None) -> Iterator[LedgerService]:
    """Open the ledger that the settings name, and close it at the end."""
    settings = settings or settings_from_environment()
    configure_logs(settings.log_level)
    check_clock(settings)
    ledger = open_ledger(settings)
    try:
        yield ledger
    finally:
        ledger.close()


def as_operator(act: Act[Result], *, org: str | None) -> Result:
    """Run ``act`` as the operator: whoever can run commands here acts as the organization's first admin."""

    async def acting(ledger: LedgerService) -> Result:
        return await act(ledger, await operator_of(ledger, org))

    with configured_ledger() as ledger:
        return asyncio.run(acting(ledger))


async def operator_of(ledger: LedgerService, org: str | None) -> Actor:
    """Return the first admin of the given organization, or of the only one. Raises Refused(not_found)."""
    if org is None:
        known = await organizations.list_organizations(ledger)
        if not known:
            raise Refused(Code.NOT_FOUND, "There is no organization yet. Run: teamcredits init")
        if len(known) > 1:
            sentence = f"There are {len(known)} organizations. Choose one with --org: {_listed(known)}"
            raise Refused(Code.NOT_FOUND, sentence)
    return await organizations.operator(ledger, org=org)


def check_clock(settings: Settings) -> None:
    """Raise SettingsError when the clock file doesn't hold a time."""
    try:
        clock_of(settings)()
    except ValueError as wrong:
        raise SettingsError(f"TEAMCREDITS_CLOCK_FILE: {wrong}") from None


async def all_items(fetch: Callable[[str | None], Awaitable[Page[Result]]]) -> list[Result]:
    """Return the items of every page; ``fetch`` returns the page at a cursor."""
    page = await fetch(None)
    items = list(page.items)
    while page.next_cursor is not None:
        page = await fetch(page.next_cursor)
        items.extend(page.items)
    return items


async def find_member(ledger: LedgerService, operator: Actor, named: str) -> MemberView:
    """Return the member with an id, a name or a unique part of a name. Raises Refused(not_found)."""
    if _is_id(Prefix.MEMBER, named):
        return await members.member(ledger, actor=operator, member_id=named)
    found = await _members_like(ledger, operator, named)
    return only_match(found, named=named, kind="member", see="teamcredits member list")


async def find_team(ledger: LedgerService, operator: Actor, named: str) -> TeamView:
    """Return the team with an id or a name. Raises Refused(not_found)."""
    if _is_id(Prefix.TEAM, named):
        return await organizations.team(ledger, actor=operator, team_id=named)
    found = await _teams_called(ledger, operator, named)
    return only_match(found, named=named, kind="team", see="teamcredits team list")


async def find_recipient(ledger: LedgerService, operator: Actor, named: str) -> Recipient:
    """Return a member, a team's pool or the organization's, by id or name. Raises Refused(not_found)."""
    if _is_id(Prefix.TEAM, named) or _is_id(Prefix.ORG, named):
        return Recipient(pool=named)
    if _is_id(Prefix.MEMBER, named):
        return Recipient(member=(await find_member(ledger, operator, named)).id)
    people = await _members_like(ledger, operator, named)
    if len(people) != 1:
        teams = await _teams_called(ledger, operator, named)
        if len(teams) == 1:
            return Recipient(pool=teams[0].id)
    see = "teamcredits member list, teamcredits team list"
    return Recipient(member=only_match(people, named=named, kind="member or team", see=see).id)


async def find_subject(ledger: LedgerService, operator: Actor, named: str) -> str:
    """Return the id of a member or a team, by id or name, or the organization's for everybody."""
    if named.casefold() == EVERYBODY:
        return shown_id(Prefix.ORG, operator.org_id)
    found = await find_recipient(ledger, operator, named)
    return str(found.member or found.pool)


def only_match(found: Sequence[Match], *, named: str, kind: str, see: str) -> Match:
    """Return the only one found. Raises Refused(not_found) that lists the matches, or says where to look."""
    if len(found) == 1:
        return found[0]
    if not found:
        raise Refused(Code.NOT_FOUND, f"No {kind} named {named!r}. See: {see}")
    plural = kind.replace(" or ", "s or ") + "s"
    raise Refused(Code.NOT_FOUND, f"{named!r} matches several {plural}: {_listed(found)}. Use the id.")


async def find_actor(ledger: LedgerService, operator: Actor, named: str) -> Actor:
    """Return the member with an id or a name, as somebody who acts. Raises Refused(not_found)."""
    return acting_as(operator, await find_member(ledger, operator, named))


def acting_as(operator: Actor, member: MemberView) -> Actor:
    """Return a member as somebody who acts, with the scopes of their role."""
    role_scopes = {Scope.READ, Scope.GIVE} | ({Scope.ADMIN} if member.role is Role.ADMIN else set())
    return Actor(operator.org_id, parse_id(Prefix.MEMBER, member.id), member.role, frozenset(role_scopes))


def new_key(ledger: LedgerService) -> str:
    """Return an unused idempotency key: without ``--key`` each run is a new command."""
    return f"terminal:{shown_id(Prefix.TRANSFER, ledger.new_id())}"


async def _members_like(ledger: LedgerService, operator: Actor, named: str) -> Sequence[MemberView]:
    """Return the members with a name, or if there are none, those whose name contains it."""
    page = await members.find_members(ledger, actor=operator, query=named, limit=PAGE_SIZE)
    return [each for each in page.items if is_same_name(each.name, named)] or page.items


async def _teams_called(ledger: LedgerService, operator: Actor, named: str) -> Sequence[TeamView]:
    page = await organizations.list_teams(ledger, actor=operator, limit=PAGE_SIZE)
    return [each for each in page.items if is_same_name(each.name, named)]


def _listed(found: Sequence[Named]) -> str:
    shown = ", ".join(f"{each.name} ({each.id})" for each in found[:MAX_MATCHES_SHOWN])
    return shown if len(found) <= MAX_MATCHES_SHOWN else f"{shown}, …"


def _is_id(prefix: Prefix, text: str) -> bool:
    return text.startswith(f"{prefix.value}_")
