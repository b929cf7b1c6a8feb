"""What a visitor of the demo is shown: five things to try, with tokens that work."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Final

from core.demo import story
from core.ledger.credits import Credits
from core.ledger.errors import Refused
from core.ledger.ids import Prefix, parse_id
from core.services import access, gifts, members, organisations
from core.services.gifts import Recipient
from core.services.ledger import Ledger
from core.services.views import Actor, MemberView, Role, Scope

TOKENS_FILE: Final = "demo-tokens.json"
AMOUNT: Final = Credits.of(25)
_SCOPES: Final = frozenset({Scope.READ, Scope.GIVE})
_TRIED_FIRST: Final = ("Aiko Tanaka", "Sam Whitfield")  # who can give and who is glad to receive


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody of the demo, with a token that acts for them."""

    id: str
    name: str
    token: str

    @property
    def first_name(self) -> str:
        return self.name.split()[0]


async def guests(ledger: Ledger, folder: Path) -> tuple[Guest, Guest]:
    """Return two people of the demo, of whom the first can give to the second now.

    Their tokens are kept in a file for its owner only, so that each start prints the same ones while they work.
    """
    found = await organisations.list_organisations(ledger)
    org_id = next(each.id for each in found if each.name == story.ORGANISATION)
    operator = await organisations.operator(ledger, org=org_id)
    people = (await members.find_members(ledger, actor=operator, limit=50)).items
    pair = await _giver_and_recipient(ledger, operator, people)
    kept = _kept(folder / TOKENS_FILE)
    tokens = {each.id: await _token(ledger, operator, each, kept.get(each.id)) for each in pair}
    if not tokens.items() <= kept.items():
        _keep(folder / TOKENS_FILE, kept | tokens)
    giver, recipient = (Guest(each.id, each.name, tokens[each.id]) for each in pair)
    return giver, recipient


def things_to_try(address: str, giver: Guest, recipient: Guest) -> str:
    """Return the text with the five things, as it is printed."""
    bearer = '-H "Authorization: Bearer {}"'.format
    headers = '-H "Idempotency-Key: try-$(date +%s)" -H "Content-Type: application/json"'
    body = f'{{"to":{{"member":"{recipient.id}"}},"amount":"{AMOUNT}","message":"thanks"}}'
    tried = (
        (
            f"what {recipient.first_name} can spend",
            f"curl -s {address}/v1/status {bearer(recipient.token)}",
        ),
        (
            "the same, live: leave it running and do the next in another terminal",
            f"curl -sN {address}/v1/status/stream {bearer(recipient.token)}",
        ),
        (
            f"{giver.first_name} gives {recipient.first_name} {AMOUNT.shown()} credits",
            f"curl -s {address}/v1/billing/credits/transfer {bearer(giver.token)} {headers} -d '{body}'",
        ),
        (
            f"what {recipient.first_name}'s editor shows",
            f"TEAMCREDITS_URL={address} TEAMCREDITS_TOKEN={recipient.token} {_program('teamcredits-lsp')} status",
        ),
        (
            "the proof that every credit is accounted for",
            f"TEAMCREDITS_MODE=demo {_program('teamcredits')} verify",
        ),
    )
    lines = [f"{story.ORGANISATION}: {len(story.PEOPLE)} people in {len(story.TEAMS)} teams. Five things to try:", ""]
    for number, (what, command) in enumerate(tried, start=1):
        lines += [f"{number}. {what}", f"   {command}", ""]
    lines.append("Ctrl-C stops it; the next start goes on from here.")
    return "\n".join(lines)


async def _giver_and_recipient(
    ledger: Ledger, operator: Actor, people: Sequence[MemberView]
) -> tuple[MemberView, MemberView]:
    """Return the first two of whom one can give to the other now; a demo that was played with has limits too."""
    in_order = sorted(people, key=lambda each: each.name not in _TRIED_FIRST)
    for giver, recipient in permutations(in_order, 2):
        actor = Actor(operator.org_id, parse_id(Prefix.MEMBER, giver.id), Role.MEMBER, _SCOPES)
        try:
            await gifts.preview(ledger, actor=actor, to=[Recipient(member=recipient.id)], amount=AMOUNT)
        except Refused:
            continue
        return giver, recipient
    return in_order[0], in_order[1]


async def _token(ledger: Ledger, operator: Actor, owner: MemberView, kept: str | None) -> str:
    """Return the kept token while it works, or a new one."""
    if kept is not None:
        try:
            actor = await access.authenticate(ledger, kept)
        except Refused:
            pass
        else:
            if (actor.org_id, actor.member_id) == (operator.org_id, parse_id(Prefix.MEMBER, owner.id)):
                return kept
    secret, _ = await access.issue_token(ledger, actor=operator, scopes=_SCOPES, label="demo", member_id=owner.id)
    return secret


def _kept(file: Path) -> dict[str, str]:
    try:
        read = json.loads(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(token) for name, token in read.items()} if isinstance(read, dict) else {}


def _keep(file: Path, tokens: dict[str, str]) -> None:
    aside = file.with_name(f"{file.name}.{os.getpid()}")
    with open(aside, "w", encoding="ascii", opener=lambda name, flags: os.open(name, flags, 0o600)) as opened:
        json.dump(tokens, opened, indent=1)
    aside.replace(file)


def _program(name: str) -> str:
    """Return how to call one of our programs from where the visitor is: by the path this one was called by."""
    called = Path(sys.argv[0])
    return name if called.parent == Path() else str(called.with_name(name))
