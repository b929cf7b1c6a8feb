"""The text that ``teamcredits demo`` prints: five commands to try, with working tokens."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Final

from core.atomic_file import write_private_file
from core.demo import scenario
from core.ledger.credits import Credits
from core.ledger.errors import Refused
from core.ledger.ids import Prefix, parse_id
from core.services.common.actors import Actor, Role, Scope
from core.services.common.ledger_service import LedgerService
from core.services.common.recipients import Recipient
from core.services.common.views import MemberView
from core.services.gifts import gifts
from core.services.people import members, organizations, tokens

TOKENS_FILE: Final = "demo-tokens.json"
AMOUNT: Final = Credits.of(25)
_SCOPES: Final = frozenset({Scope.READ, Scope.GIVE})
_TRIED_FIRST: Final = ("Aiko Tanaka", "Sam Whitfield")  # one has credits to give, the other is low


@dataclass(frozen=True, slots=True)
class DemoUser:
    """A member of the demo organization, with a token."""

    id: str
    name: str
    token: str

    @property
    def first_name(self) -> str:
        return self.name.split()[0]


async def demo_users(ledger: LedgerService, folder: Path) -> tuple[DemoUser, DemoUser]:
    """Return two members; the first can give credits to the second right now.

    Their tokens are kept in a private file, so that each start prints the same ones as long as they're valid.
    """
    found = await organizations.list_organizations(ledger)
    org_id = next(each.id for each in found if each.name == scenario.ORGANISATION)
    operator = await organizations.operator(ledger, org=org_id)
    people = (await members.find_members(ledger, actor=operator, limit=50)).items
    pair = await _find_pair(ledger, operator, people)
    kept = _read_tokens(folder / TOKENS_FILE)
    tokens = {each.id: await _token(ledger, operator, each, kept.get(each.id)) for each in pair}
    if not tokens.items() <= kept.items():
        _write_tokens(folder / TOKENS_FILE, kept | tokens)
    giver, recipient = (DemoUser(each.id, each.name, tokens[each.id]) for each in pair)
    return giver, recipient


def things_to_try(address: str, giver: DemoUser, recipient: DemoUser) -> str:
    """Return the text with the five commands."""
    bearer = '-H "Authorization: Bearer {}"'.format
    headers = '-H "Idempotency-Key: try-$(date +%s)" -H "Content-Type: application/json"'
    body = f'{{"to":{{"member":"{recipient.id}"}},"amount":"{AMOUNT}","message":"thanks"}}'
    tried = (
        (
            f"Show what {recipient.first_name} can spend",
            f"curl -s {address}/v1/status {bearer(recipient.token)}",
        ),
        (
            "Watch it live (leave this running and open another terminal)",
            f"curl -sN {address}/v1/status/stream {bearer(recipient.token)}",
        ),
        (
            f"Send {AMOUNT.shown()} credits from {giver.first_name} to {recipient.first_name}",
            f"curl -s {address}/v1/billing/credits/transfer {bearer(giver.token)} {headers} -d '{body}'",
        ),
        (
            f"Show what {recipient.first_name}'s editor displays",
            f"TEAMCREDITS_URL={address} TEAMCREDITS_TOKEN={recipient.token} {_program('teamcredits-lsp')} status",
        ),
        (
            "Verify that every credit is accounted for",
            f"TEAMCREDITS_MODE=demo {_program('teamcredits')} verify",
        ),
    )
    people, teams = len(scenario.PEOPLE), len(scenario.TEAMS)
    lines = [f"{scenario.ORGANISATION}: {people} people in {teams} teams. Five things to try:", ""]
    for number, (what, command) in enumerate(tried, start=1):
        lines += [f"{number}. {what}", f"   {command}", ""]
    lines.append("Press Ctrl-C to stop. The next start continues from here.")
    return "\n".join(lines)


async def _find_pair(
    ledger: LedgerService, operator: Actor, people: Sequence[MemberView]
) -> tuple[MemberView, MemberView]:
    """Return the first two members of whom one can give to the other; a demo in use may have reached limits."""
    in_order = sorted(people, key=lambda each: each.name not in _TRIED_FIRST)
    for giver, recipient in permutations(in_order, 2):
        actor = Actor(operator.org_id, parse_id(Prefix.MEMBER, giver.id), Role.MEMBER, _SCOPES)
        try:
            await gifts.preview(ledger, actor=actor, to=[Recipient(member=recipient.id)], amount=AMOUNT)
        except Refused:
            continue
        return giver, recipient
    return in_order[0], in_order[1]


async def _token(ledger: LedgerService, operator: Actor, owner: MemberView, kept: str | None) -> str:
    """Return the saved token if it's still valid, or a new one."""
    if kept is not None:
        try:
            actor = await tokens.authenticate(ledger, kept)
        except Refused:
            pass
        else:
            if (actor.org_id, actor.member_id) == (operator.org_id, parse_id(Prefix.MEMBER, owner.id)):
                return kept
    secret, _ = await tokens.issue_token(ledger, actor=operator, scopes=_SCOPES, label="demo", member_id=owner.id)
    return secret


def _read_tokens(file: Path) -> dict[str, str]:
    try:
        read = json.loads(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(token) for name, token in read.items()} if isinstance(read, dict) else {}


def _write_tokens(file: Path, tokens: dict[str, str]) -> None:
    write_private_file(file, json.dumps(tokens, indent=1), replace=True)


def _program(name: str) -> str:
    """Return the path of one of our programs: next to the one that is running."""
    called = Path(sys.argv[0])
    return name if called.parent == Path() else str(called.with_name(name))
