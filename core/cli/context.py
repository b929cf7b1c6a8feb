"""How a command comes to act: it opens the house, acts as the operator, and closes the house again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from core.cli.logs import configure_logs
from core.cli.options import EVERYBODY
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, parse_id, shown_id
from core.services import members, organisations
from core.services.gifts import Recipient
from core.services.ledger import Ledger
from core.services.organisations import TeamView
from core.services.text import is_same_name
from core.services.views import Actor, MemberView, Role, Scope
from core.settings import Settings, SettingsError, settings_from_environment
from core.wiring import clock_of, open_ledger

Result = TypeVar("Result")
Act = Callable[[Ledger, Actor], Awaitable[Result]]
MAX_NAMED = 200


@contextlib.contextmanager
def configured_ledger(settings: Settings | None = None) -> Iterator[Ledger]:
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
    """Let the operator act: whoever sits at this machine acts as the organisation's first admin."""

    async def acting(ledger: Ledger) -> Result:
        return await act(ledger, await operator_of(ledger, org))

    with configured_ledger() as ledger:
        return asyncio.run(acting(ledger))


async def operator_of(ledger: Ledger, org: str | None) -> Actor:
    """Return who acts: the first admin of the organisation named, or of the only one. Raises Refused(not_found)."""
    if org is None:
        known = await organisations.list_organisations(ledger)
        if not known:
            raise Refused(Code.NOT_FOUND, "There is no organisation yet; run: teamcredits init")
        if len(known) > 1:
            which = ", ".join(f"{each.id} ({each.name})" for each in known[:5])
            raise Refused(Code.NOT_FOUND, f"There are {len(known)} organisations; name one by --org: {which}")
    return await organisations.operator(ledger, org=org)


def check_clock(settings: Settings) -> None:
    """Raise SettingsError when the clock file holds no instant."""
    try:
        clock_of(settings)()
    except ValueError as wrong:
        raise SettingsError(f"TEAMCREDITS_CLOCK_FILE: {wrong}") from None


async def find_member(ledger: Ledger, operator: Actor, named: str) -> MemberView:
    """Return the member of an id or a name. Raises Refused(not_found) unless it is exactly one."""
    if _is_id(Prefix.MEMBER, named):
        return await members.member(ledger, actor=operator, member_id=named)
    page = await members.find_members(ledger, actor=operator, query=named, limit=MAX_NAMED)
    same = [each for each in page.items if each.name.casefold() == named.strip().casefold()]
    found = same or list(page.items)
    if len(found) == 1:
        return found[0]
    which = ", ".join(f"{each.name} ({each.id})" for each in found[:5])
    hint = f"It may mean: {which}. Write the id." if found else "See: teamcredits member list"
    raise Refused(Code.NOT_FOUND, f"There is not exactly one member {named!r}. {hint}")


async def find_team(ledger: Ledger, operator: Actor, named: str) -> TeamView:
    """Return the team of an id or a name. Raises Refused(not_found) unless it is exactly one."""
    if _is_id(Prefix.TEAM, named):
        return await organisations.team(ledger, actor=operator, team_id=named)
    page = await organisations.list_teams(ledger, actor=operator, limit=MAX_NAMED)
    found = [each for each in page.items if is_same_name(each.name, named)]
    if len(found) != 1:
        raise Refused(Code.NOT_FOUND, f"There is not exactly one team {named!r}. See: teamcredits team list")
    return found[0]


async def find_recipient(ledger: Ledger, operator: Actor, named: str) -> Recipient:
    """Return whom a grant goes to: a member, a team's pool or the organisation's, by id or name."""
    if _is_id(Prefix.TEAM, named) or _is_id(Prefix.ORG, named):
        return Recipient(pool=named)
    try:
        return Recipient(member=(await find_member(ledger, operator, named)).id)
    except Refused as nobody:
        with contextlib.suppress(Refused):
            return Recipient(pool=(await find_team(ledger, operator, named)).id)
        raise nobody from None


async def find_subject(ledger: Ledger, operator: Actor, named: str) -> str:
    """Return the id of a member or a team, by id or name, or the organisation's for everybody."""
    if named.casefold() == EVERYBODY:
        return shown_id(Prefix.ORG, operator.org_id)
    found = await find_recipient(ledger, operator, named)
    return str(found.member or found.pool)


def acting_as(operator: Actor, member: MemberView) -> Actor:
    """Return a member as the operator lets them act here: with what their role allows."""
    role_scopes = {Scope.READ, Scope.GIVE} | ({Scope.ADMIN} if member.role is Role.ADMIN else set())
    return Actor(operator.org_id, parse_id(Prefix.MEMBER, member.id), member.role, frozenset(role_scopes))


def new_key(ledger: Ledger) -> str:
    """Return an idempotency key that nobody used: each call of a command is a command of its own."""
    return f"terminal:{shown_id(Prefix.TRANSFER, ledger.new_id())}"


def _is_id(prefix: Prefix, text: str) -> bool:
    return text.startswith(f"{prefix.value}_")
